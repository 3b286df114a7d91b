//! Metric attributions.

use std::collections::HashSet;

use dataset::attribution::{Expression, Schemas};
use dataset::schema::Schema;
use domain::resource::{
    self, AttributedMetric, AttributionOutput, DatasetGroup, DatasetType, MetricAttribution,
};
use domain::{ApiError, Arn, ErrorKind, Lifecycle, ResourceKind};
use serde_json::Value;
use store::resources::UpdateError;
use wire::metric_attribution::{
    self as shapes, CreateMetricAttribution, METRICS_MAX, UpdateMetricAttribution,
};
use wire::page::PageRequest;
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use super::schema::refused;
use crate::Control;
use crate::pages::List;

const LIST: List<MetricAttribution> = List {
    key: "metricAttributions",
    kind: ResourceKind::MetricAttribution,
    parent: Some(("datasetGroupArn", ResourceKind::DatasetGroup)),
    summary: shapes::summary,
};

/// `CreateMetricAttribution`. It needs no work: events count from now on, and imports that ask for it.
///
/// A group has one, so each call looks again after it has written, as with event trackers.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateMetricAttribution::parse(members)?;
    may_encrypt(control, Some(&request.output))?;
    let group = control.active_parent::<DatasetGroup>(&request.dataset_group).await?;
    if request.metrics.is_empty() {
        return Err(ApiError::invalid("'metrics' is empty: name at least one metric."));
    }
    distinct(&request.metrics)?;
    fit(control, &request.dataset_group, &request.metrics).await?;
    let now = (control.clock)();
    let attribution = MetricAttribution {
        arn: control.scope.arn(ResourceKind::MetricAttribution, &request.name),
        name: request.name,
        dataset_group: request.dataset_group,
        metrics: request.metrics,
        output: request.output,
        reported_to: now,
        reporting_to: None,
        lifecycle: Lifecycle::active(now),
    };
    only_one(control, &attribution).await?;
    let answer = Shape::new().arn("metricAttributionArn", &attribution.arn);
    control.create(attribution.clone(), Default::default(), vec![group.row]).await?;
    if let Err(error) = only_one(control, &attribution).await {
        control.resources.delete(&attribution.arn).await.map_err(ApiError::internal)?;
        return Err(error);
    }
    Ok(Some(answer.into()))
}

fn may_encrypt(control: &Control, output: Option<&AttributionOutput>) -> Result<(), ApiError> {
    let kms_key = output.and_then(|output| output.kms_key.as_deref());
    control.may_encrypt("metricsOutputConfig.s3DataDestination", kms_key)
}

/// Fails with `ResourceAlreadyExists` when the group has another one.
async fn only_one(control: &Control, own: &MetricAttribution) -> Result<(), ApiError> {
    let there = control.children(ResourceKind::MetricAttribution, Some(&own.dataset_group)).await?;
    match there.iter().find(|other| *other.arn() != own.arn) {
        None => Ok(()),
        Some(other) => Err(ApiError::new(
            ErrorKind::ResourceAlreadyExists,
            format!(
                "The dataset group {} has the metric attribution {} already; a group has one.",
                own.dataset_group,
                other.arn()
            ),
        )),
    }
}

fn distinct(metrics: &[AttributedMetric]) -> Result<(), ApiError> {
    let mut names = HashSet::new();
    match metrics.iter().find(|metric| !names.insert(&metric.metric_name)) {
        None => Ok(()),
        Some(metric) => Err(ApiError::invalid(format!(
            "Two metrics are named '{}': give each a name of its own.",
            metric.metric_name
        ))),
    }
}

/// Each expression must be one, and of columns of numbers that the group's datasets have now.
async fn fit(control: &Control, group: &Arn, metrics: &[AttributedMetric]) -> Result<(), ApiError> {
    let (mut interactions, mut items) = (None, None);
    for child in control.children(ResourceKind::Dataset, Some(group)).await? {
        let Ok(dataset) = resource::Dataset::try_from(child) else { continue };
        let place = match dataset.dataset_type {
            DatasetType::Interactions => &mut interactions,
            DatasetType::Items => &mut items,
            DatasetType::Users | DatasetType::Actions | DatasetType::ActionInteractions => continue,
        };
        let schema: resource::Schema = control.find(&dataset.schema).await?;
        *place = Some(Schema::parse(&schema.schema).map_err(refused)?);
    }
    let schemas = Schemas { interactions: interactions.as_ref(), items: items.as_ref() };
    for metric in metrics {
        let checked = Expression::parse(&metric.expression).and_then(|read| read.check(&schemas));
        checked.map_err(|error| {
            ApiError::invalid(format!("{error} It is the expression of the metric '{}'.", metric.metric_name))
        })?;
    }
    Ok(())
}

/// `UpdateMetricAttribution`. It is in force at once: for events that no report has counted yet too.
pub async fn update(control: &Control, members: &Members<'_>) -> Output {
    let request = UpdateMetricAttribution::parse(members)?;
    may_encrypt(control, request.output.as_ref())?;
    let found: MetricAttribution = control.find(&request.arn).await?;
    fit(control, &found.dataset_group, &request.add).await?;
    let changed = control
        .resources
        .update::<MetricAttribution, _>(&request.arn, |attribution| {
            lifecycle::rules::must_be_active(&attribution.clone().into())?;
            change(attribution, &request)?;
            attribution.lifecycle.updated = (control.clock)();
            Ok::<_, ApiError>(())
        })
        .await;
    match changed {
        Ok(Some(_)) => Ok(Some(Shape::new().arn("metricAttributionArn", &request.arn).into())),
        Ok(None) => Err(ApiError::not_found(&request.arn)),
        Err(UpdateError::Refused(error)) => Err(error),
        Err(error) => Err(ApiError::internal(error)),
    }
}

fn change(attribution: &mut MetricAttribution, request: &UpdateMetricAttribution) -> Result<(), ApiError> {
    let metrics = &mut attribution.metrics;
    for name in &request.remove {
        let at = metrics.iter().position(|metric| metric.metric_name == *name).ok_or_else(|| {
            ApiError::invalid(format!("'removeMetrics' names '{name}', which {} has not.", request.arn))
        })?;
        metrics.remove(at);
    }
    for added in &request.add {
        if metrics.iter().any(|metric| metric.metric_name == added.metric_name) {
            return Err(ApiError::new(
                ErrorKind::ResourceAlreadyExists,
                format!(
                    "{} has a metric named '{}' already: remove it in the same call to replace it.",
                    request.arn, added.metric_name
                ),
            ));
        }
        metrics.push(added.clone());
    }
    if metrics.len() > METRICS_MAX {
        return Err(ApiError::invalid(format!(
            "{} would have {} metrics, and at most {METRICS_MAX} are allowed: remove some.",
            request.arn,
            metrics.len()
        )));
    }
    if let Some(output) = &request.output {
        attribution.output = output.clone();
    }
    Ok(())
}

/// `DescribeMetricAttribution`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("metricAttributionArn", Member::arn)?;
    let attribution: MetricAttribution = control.find(&arn).await?;
    Ok(Some(Shape::new().with("metricAttribution", shapes::describe(&attribution)).into()))
}

/// `ListMetricAttributions`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}

/// `ListMetricAttributionMetrics`, in the order in which they were added.
pub async fn metrics(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("metricAttributionArn", Member::arn)?;
    let page = PageRequest::read(members, format!("metrics {arn}"))?;
    // The model has no exception for one that is not there.
    let found = control.resources.get_as::<MetricAttribution>(&arn).await.map_err(ApiError::internal)?;
    let found = found.ok_or_else(|| ApiError::invalid(ApiError::not_found(&arn).message))?.value;
    let from = page.cursor.as_deref().map_or(Some(0), |cursor| cursor.parse().ok());
    let from: usize = from.ok_or_else(|| {
        let message = "The given nextToken does not belong to this list.";
        ApiError::new(ErrorKind::InvalidNextToken, message)
    })?;
    let to = from.saturating_add(page.limit);
    let metrics: Vec<Value> = found.metrics.iter().skip(from).take(page.limit).map(shapes::metric).collect();
    let next = (to < found.metrics.len()).then(|| page.token(to.to_string()));
    Ok(Some(Shape::new().with("metrics", metrics).with_some("nextToken", next).into()))
}

/// `DeleteMetricAttribution`. What no report has counted yet is not reported.
pub async fn delete(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("metricAttributionArn", Member::arn)?;
    control.begin_delete(&arn, ResourceKind::MetricAttribution).await?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use domain::EpochMillis;

    use super::*;

    fn metric(name: &str) -> AttributedMetric {
        let (event_type, expression) = ("Watch".to_owned(), "SAMPLECOUNT()".to_owned());
        AttributedMetric { event_type, metric_name: name.to_owned(), expression }
    }

    #[test]
    fn metrics_leave_before_others_come_and_the_tenth_is_the_last() {
        let arn: Arn = "arn:aws:personalize:us-east-1:000000000000:metric-attribution/m".parse().unwrap();
        let mut attribution = MetricAttribution {
            dataset_group: arn.clone(),
            arn: arn.clone(),
            name: "m".into(),
            metrics: (0..10).map(|n| metric(&n.to_string())).collect(),
            output: AttributionOutput { path: None, kms_key: None, role_arn: String::new() },
            reported_to: EpochMillis(0),
            reporting_to: None,
            lifecycle: Lifecycle::active(EpochMillis(0)),
        };
        let mut ask = |remove: &[&str], add: &[&str]| {
            let request = UpdateMetricAttribution {
                arn: arn.clone(),
                remove: remove.iter().map(|name| name.to_string()).collect(),
                add: add.iter().map(|name| metric(name)).collect(),
                output: None,
            };
            let before = attribution.clone();
            let changed = change(&mut attribution, &request);
            let names: Vec<String> = attribution.metrics.iter().map(|m| m.metric_name.clone()).collect();
            if changed.is_err() {
                attribution = before;
            }
            changed.map(|()| names.join(" ")).map_err(|error| (error.kind, error.message))
        };
        assert_eq!(ask(&["3"], &["3", "x"]).unwrap_err().0, ErrorKind::InvalidInput);
        assert_eq!(ask(&["3"], &["3"]).unwrap(), "0 1 2 4 5 6 7 8 9 3");
        assert_eq!(ask(&[], &["3"]).unwrap_err().0, ErrorKind::ResourceAlreadyExists);
        assert!(ask(&["y"], &[]).unwrap_err().1.contains("'y'"));
        assert_eq!(ask(&["0", "1"], &["x"]).unwrap(), "2 4 5 6 7 8 9 3 x");
    }
}
