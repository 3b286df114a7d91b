//! Dataset groups.

use domain::resource::DatasetGroup;
use domain::{Lifecycle, ResourceKind};
use wire::dataset_group::{self as shapes, CreateDatasetGroup};
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use crate::Control;
use crate::pages::List;

const LIST: List<DatasetGroup> =
    List { key: "datasetGroups", kind: ResourceKind::DatasetGroup, parent: None, summary: shapes::summary };

/// `CreateDatasetGroup`. A group needs no work, so it is active at once.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateDatasetGroup::parse(members)?;
    let tags = wire::tags::given(members)?;
    let quota = control.quotas.dataset_groups;
    control.room_for("dataset group", ResourceKind::DatasetGroup, None, quota).await?;
    let group = DatasetGroup {
        arn: control.scope.arn(ResourceKind::DatasetGroup, &request.name),
        name: request.name,
        role_arn: request.role_arn,
        kms_key_arn: None,
        domain: request.domain,
        lifecycle: Lifecycle::active((control.clock)()),
    };
    let answer = Shape::new().arn("datasetGroupArn", &group.arn).with_some("domain", group.domain.clone());
    control.create(group, tags, vec![]).await?;
    Ok(Some(answer.into()))
}

/// `DescribeDatasetGroup`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("datasetGroupArn", Member::arn)?;
    let group: DatasetGroup = control.find(&arn).await?;
    Ok(Some(Shape::new().with("datasetGroup", shapes::describe(&group)).into()))
}

/// `ListDatasetGroups`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}

/// `DeleteDatasetGroup`. Blocked by datasets, solutions, event trackers, filters and recommenders.
pub async fn delete(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("datasetGroupArn", Member::arn)?;
    control.begin_delete(&arn, ResourceKind::DatasetGroup).await?;
    Ok(None)
}
