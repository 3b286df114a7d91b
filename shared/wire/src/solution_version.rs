//! Solution versions: `CreateSolutionVersion`, the metrics, and what describe and list show.

use domain::resource::{SolutionVersion, TrainedModel, TrainingMode, TrainingType};
use domain::{ApiError, Arn};
use serde_json::Value;

use crate::members::{Member, Members};
use crate::shape::Shape;

/// `CreateSolutionVersion`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateSolutionVersion {
    /// `<solution>/<id>` where the caller gives none.
    pub name: Option<String>,
    /// What to train.
    pub solution: Arn,
}

impl CreateSolutionVersion {
    /// Checks the request; only training from scratch is built.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let name = members.optional("name", Member::name)?;
        let solution = members.required("solutionArn", Member::arn)?;
        let mode = members.optional("trainingMode", |m| m.word(&["FULL", "UPDATE", "AUTOTRAIN"]))?;
        if let Some(mode @ ("UPDATE" | "AUTOTRAIN")) = mode {
            return Err(ApiError::invalid(format!(
                "'{mode}' at 'trainingMode' is not available in Osusume yet: use FULL or leave it out."
            )));
        }
        members.no_tags()?;
        Ok(Self { name, solution })
    }
}

/// `solutionVersion` of `DescribeSolutionVersion`.
pub fn describe(version: &SolutionVersion) -> Value {
    summary_shape(version)
        .with("name", version.name.as_str())
        .arn("solutionArn", &version.solution)
        .arn("datasetGroupArn", &version.dataset_group)
        .arn("recipeArn", &version.recipe)
        .with("performHPO", false)
        .with("performAutoML", false)
        .with("performIncrementalUpdate", false)
        .with_some("eventType", version.event_type.as_deref())
        .with_some("solutionConfig", version.config.as_ref().map(crate::solution::config_value))
        .with_some("trainingHours", version.training_hours.map(|hours| rounded(hours, 3)))
        .into()
}

/// An element of `ListSolutionVersions`, and `latestSolutionVersion` of a solution.
pub fn summary(version: &SolutionVersion) -> Value {
    summary_shape(version).into()
}

fn summary_shape(version: &SolutionVersion) -> Shape {
    let mode = match version.training_mode {
        TrainingMode::Full => "FULL",
        TrainingMode::Update => "UPDATE",
    };
    let asked_by = match version.training_type {
        TrainingType::Automatic => "AUTOMATIC",
        TrainingType::Manual => "MANUAL",
    };
    Shape::new()
        .arn("solutionVersionArn", &version.arn)
        .with("trainingMode", mode)
        .with("trainingType", asked_by)
        .lifecycle(&version.lifecycle)
}

/// `GetSolutionMetrics`: each metric rounded to four decimals, as the hosted service does.
pub fn metrics(version: &Arn, model: &TrainedModel) -> Value {
    let metrics = model
        .metrics
        .iter()
        .fold(Shape::new(), |shape, (name, metric)| shape.with(name, rounded(metric.value, 4)));
    Shape::new().arn("solutionVersionArn", version).with("metrics", metrics).into()
}

/// A number with at most this many decimals.
pub(crate) fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}
