//! What belongs to events: trackers, and metric attributions.

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::status::Lifecycle;
use crate::time::EpochMillis;

/// What lets clients send events to a dataset group; a group has at most one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventTracker {
    /// `event-tracker/<8 hex digits>`.
    pub arn: Arn,
    /// The caller's name for it.
    pub name: String,
    /// Whose events they are.
    pub dataset_group: Arn,
    /// The key that events are sent with: a UUID that begins with the digits of the ARN, so that the
    /// tracker is found by it with one read.
    pub tracking_id: String,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

/// What the events of a dataset group come to, by where they came from; a group has at most one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricAttribution {
    /// `metric-attribution/<name>`.
    pub arn: Arn,
    /// Unique in the region.
    pub name: String,
    /// Whose events.
    pub dataset_group: Arn,
    /// What is measured, in the order in which it was asked for.
    pub metrics: Vec<AttributedMetric>,
    /// Where reports go.
    pub output: AttributionOutput,
    /// Events that came in before this are in a report, or came in before the attribution.
    pub reported_to: EpochMillis,
    /// Where the report ends that is being made.
    #[serde(default)]
    pub reporting_to: Option<EpochMillis>,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

/// One metric of an attribution, as the caller gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributedMetric {
    /// Which events count.
    pub event_type: String,
    /// The caller's name for it.
    pub metric_name: String,
    /// `SUM(Items.PRICE)`, `SAMPLECOUNT()`.
    pub expression: String,
}

/// Where the reports of an attribution go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributionOutput {
    /// A folder, where files were asked for.
    pub path: Option<String>,
    /// The key of AWS KMS that the files are encrypted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// Echoed to the caller.
    pub role_arn: String,
}
