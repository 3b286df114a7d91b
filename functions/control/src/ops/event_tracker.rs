//! Event trackers.

use domain::resource::{DatasetGroup, EventTracker};
use domain::{ApiError, ErrorKind, Lifecycle, ResourceKind};
use wire::event_tracker::{self as shapes, CreateEventTracker};
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use crate::Control;
use crate::pages::List;

const LIST: List<EventTracker> = List {
    key: "eventTrackers",
    kind: ResourceKind::EventTracker,
    parent: Some(("datasetGroupArn", ResourceKind::DatasetGroup)),
    summary: shapes::summary,
};

/// `CreateEventTracker`. A tracker needs no work, so it takes events at once.
///
/// Its ARN follows from its name, so a name is given away once without a look at the other trackers. The
/// tracking id starts as the ARN ends, which is how `PutEvents` finds the tracker with one read, and is random
/// from there on: a tracker that is made again under an old name takes no events of the old one.
///
/// A group has one tracker, so each call looks again after it has written: of two at the same moment none
/// leaves a second one behind.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateEventTracker::parse(members)?;
    let tags = wire::tags::given(members)?;
    let group = control.active_parent::<DatasetGroup>(&request.dataset_group).await?;
    let tail = format!("{:08x}", crc32fast::hash(request.name.as_bytes()));
    let random = uuid::Uuid::new_v4().to_string();
    let tracker = EventTracker {
        arn: control.scope.arn(ResourceKind::EventTracker, &tail),
        name: request.name,
        dataset_group: request.dataset_group,
        tracking_id: tail + &random[8..],
        lifecycle: Lifecycle::active((control.clock)()),
    };
    only_one(control, &tracker).await?;
    let answer = shapes::created(&tracker);
    control.create(tracker.clone(), tags, vec![group.row]).await?;
    if let Err(error) = only_one(control, &tracker).await {
        control.resources.delete(&tracker.arn).await.map_err(ApiError::internal)?;
        return Err(error);
    }
    Ok(Some(answer))
}

/// Fails with `ResourceAlreadyExists` when the group has another tracker. Of two that see each other, both
/// give way: neither caller was told that it has one.
async fn only_one(control: &Control, own: &EventTracker) -> Result<(), ApiError> {
    let there = control.children(ResourceKind::EventTracker, Some(&own.dataset_group)).await?;
    match there.iter().find(|other| *other.arn() != own.arn) {
        None => Ok(()),
        Some(other) => {
            let message = format!(
                "The dataset group {} has the event tracker {} already; a group has one.",
                own.dataset_group,
                other.arn()
            );
            Err(ApiError::new(ErrorKind::ResourceAlreadyExists, message))
        }
    }
}

/// `DescribeEventTracker`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("eventTrackerArn", Member::arn)?;
    let tracker: EventTracker = control.find(&arn).await?;
    Ok(Some(Shape::new().with("eventTracker", shapes::describe(&tracker, &control.scope)).into()))
}

/// `ListEventTrackers`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}

/// `DeleteEventTracker`. The events that it took stay with the group's Interactions dataset.
pub async fn delete(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("eventTrackerArn", Member::arn)?;
    control.begin_delete(&arn, ResourceKind::EventTracker).await?;
    Ok(None)
}
