//! Metric attributions: their requests and what describe and list show.

use domain::resource::{AttributedMetric, AttributionOutput, MetricAttribution};
use domain::{ApiError, Arn};
use serde_json::Value;

use crate::batch_job::{Files, files};
use crate::members::{Member, Members, violated};
use crate::shape::Shape;

/// Most metrics of an attribution, and in one request (botocore `MetricAttributes`).
pub const METRICS_MAX: usize = 10;
/// Longest name, event type and expression (botocore `MetricName`, `EventType`, `MetricExpression`).
const CHARS_MAX: usize = 256;

/// `CreateMetricAttribution`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateMetricAttribution {
    /// Unique in the region.
    pub name: String,
    /// Whose events it measures.
    pub dataset_group: Arn,
    /// What it measures; what their expressions say is checked by whoever knows the datasets.
    pub metrics: Vec<AttributedMetric>,
    /// Where reports go.
    pub output: AttributionOutput,
}

impl CreateMetricAttribution {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            name: members.required("name", Member::name)?,
            dataset_group: members.required("datasetGroupArn", Member::arn)?,
            metrics: members.required("metrics", metrics)?,
            output: members.required("metricsOutputConfig", output)?,
        })
    }
}

/// `UpdateMetricAttribution`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateMetricAttribution {
    /// Which one.
    pub arn: Arn,
    /// Names of metrics that it measures no longer; they go before others come.
    pub remove: Vec<String>,
    /// What it measures from now on.
    pub add: Vec<AttributedMetric>,
    /// Where reports go from now on, where that changes.
    pub output: Option<AttributionOutput>,
}

impl UpdateMetricAttribution {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            arn: members.required("metricAttributionArn", Member::arn)?,
            remove: members.optional("removeMetrics", names)?.unwrap_or_default(),
            add: members.optional("addMetrics", metrics)?.unwrap_or_default(),
            output: members.optional("metricsOutputConfig", output)?,
        })
    }
}

fn metrics(member: &Member<'_>) -> Result<Vec<AttributedMetric>, ApiError> {
    bounded(member)?.iter().map(given).collect()
}

fn given(member: &Member<'_>) -> Result<AttributedMetric, ApiError> {
    let members = member.object()?;
    Ok(AttributedMetric {
        event_type: members.required("eventType", text)?,
        metric_name: members.required("metricName", text)?,
        expression: members.required("expression", text)?,
    })
}

fn names(member: &Member<'_>) -> Result<Vec<String>, ApiError> {
    bounded(member)?.iter().map(text).collect()
}

fn text(member: &Member<'_>) -> Result<String, ApiError> {
    member.sized_text(1, CHARS_MAX)
}

fn bounded<'a>(member: &Member<'a>) -> Result<Vec<Member<'a>>, ApiError> {
    let list = member.list()?;
    if list.len() <= METRICS_MAX {
        return Ok(list);
    }
    let rule = format!("Member must have length less than or equal to {METRICS_MAX}");
    Err(violated(&member.path, &format!("{} elements", list.len()), &rule))
}

fn output(member: &Member<'_>) -> Result<AttributionOutput, ApiError> {
    let members = member.object()?;
    let read = |member: &Member<'_>| Files::parse(&member.object()?, "Invalid S3 output path");
    let (path, kms_key) = members
        .optional("s3DataDestination", read)?
        .map_or((None, None), |files| (Some(files.path), files.kms_key));
    Ok(AttributionOutput { path, kms_key, role_arn: members.required("roleArn", Member::role_arn)? })
}

/// `metricAttribution` of `DescribeMetricAttribution`.
pub fn describe(attribution: &MetricAttribution) -> Value {
    let AttributionOutput { path, kms_key, .. } = &attribution.output;
    let destination = path.as_deref().map(|path| files(path, kms_key.as_deref()));
    let output = Shape::new()
        .with_some("s3DataDestination", destination)
        .with("roleArn", attribution.output.role_arn.as_str());
    summary_shape(attribution)
        .arn("datasetGroupArn", &attribution.dataset_group)
        .with("metricsOutputConfig", output)
        .into()
}

/// An element of `ListMetricAttributions`.
pub fn summary(attribution: &MetricAttribution) -> Value {
    summary_shape(attribution).into()
}

/// An element of `ListMetricAttributionMetrics`.
pub fn metric(metric: &AttributedMetric) -> Value {
    Shape::new()
        .with("eventType", metric.event_type.as_str())
        .with("metricName", metric.metric_name.as_str())
        .with("expression", metric.expression.as_str())
        .into()
}

fn summary_shape(attribution: &MetricAttribution) -> Shape {
    Shape::new()
        .with("name", attribution.name.as_str())
        .arn("metricAttributionArn", &attribution.arn)
        .lifecycle(&attribution.lifecycle)
}
