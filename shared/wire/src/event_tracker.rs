//! Event trackers: `CreateEventTracker` and what describe and list show.

use domain::resource::EventTracker;
use domain::{ApiError, Arn, Scope};
use serde_json::Value;

use crate::members::{Member, Members};
use crate::shape::Shape;

/// `CreateEventTracker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateEventTracker {
    /// The caller's name for it.
    pub name: String,
    /// Whose events it takes.
    pub dataset_group: Arn,
}

impl CreateEventTracker {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            name: members.required("name", Member::name)?,
            dataset_group: members.required("datasetGroupArn", Member::arn)?,
        })
    }
}

/// The answer to `CreateEventTracker`.
pub fn created(tracker: &EventTracker) -> Value {
    Shape::new().arn("eventTrackerArn", &tracker.arn).with("trackingId", tracker.tracking_id.as_str()).into()
}

/// `eventTracker` of `DescribeEventTracker`.
pub fn describe(tracker: &EventTracker, scope: &Scope) -> Value {
    summary_shape(tracker)
        .with("accountId", scope.account.as_str())
        .with("trackingId", tracker.tracking_id.as_str())
        .arn("datasetGroupArn", &tracker.dataset_group)
        .into()
}

/// An element of `ListEventTrackers`.
pub fn summary(tracker: &EventTracker) -> Value {
    summary_shape(tracker).into()
}

fn summary_shape(tracker: &EventTracker) -> Shape {
    // The model has no failureReason for event trackers.
    Shape::new()
        .with("name", tracker.name.as_str())
        .arn("eventTrackerArn", &tracker.arn)
        .with("status", tracker.lifecycle.status.as_str())
        .dates(tracker.lifecycle.created, tracker.lifecycle.updated)
}
