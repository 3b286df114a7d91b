//! Solution versions: `CreateSolutionVersion`, the metrics, and what describe and list show.

use domain::resource::{SolutionVersion, TrainedModel, TrainingMode, TrainingType};
use domain::{ApiError, Arn};
use serde_json::Value;

use crate::members::{Member, Members};
use crate::shape::Shape;
use crate::tuning;

/// `CreateSolutionVersion`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateSolutionVersion {
    /// `<solution>/<id>` where the caller gives none.
    pub name: Option<String>,
    /// What to train.
    pub solution: Arn,
    /// From scratch, or on from an earlier version.
    pub mode: TrainingMode,
}

impl CreateSolutionVersion {
    /// Checks the request. AUTOTRAIN is the service's own word.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let name = members.optional("name", Member::name)?;
        let solution = members.required("solutionArn", Member::arn)?;
        let mode = members.optional("trainingMode", |m| m.word(&["FULL", "UPDATE", "AUTOTRAIN"]))?;
        let mode = match mode {
            None | Some("FULL") => TrainingMode::Full,
            Some("UPDATE") => TrainingMode::Update,
            Some(mode) => {
                return Err(ApiError::invalid(format!(
                    "'{mode}' at 'trainingMode' is set by the service alone: use FULL or UPDATE, or leave it out."
                )));
            }
        };
        Ok(Self { name, solution, mode })
    }
}

/// `solutionVersion` of `DescribeSolutionVersion`.
pub fn describe(version: &SolutionVersion) -> Value {
    let chosen = !version.search.auto_ml || version.tuned.is_some();
    summary_shape(version)
        .with("name", version.name.as_str())
        .arn("solutionArn", &version.solution)
        .arn("datasetGroupArn", &version.dataset_group)
        .with_some("recipeArn", chosen.then(|| version.recipe.as_str()))
        .with("performHPO", version.search.hpo)
        .with("performAutoML", version.search.auto_ml)
        .with("performIncrementalUpdate", version.perform_incremental_update)
        .with_some("eventType", version.event_type.as_deref())
        .with_some("solutionConfig", version.config.as_ref().map(crate::solution::config_value))
        .with_some("tunedHPOParams", version.tuned.as_ref().map(|_| tuning::tuned_value(version)))
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

/// `GetSolutionMetrics`.
pub fn metrics(version: &Arn, model: &TrainedModel) -> Value {
    Shape::new().arn("solutionVersionArn", version).with("metrics", metric_values(model)).into()
}

/// Each metric rounded to four decimals, as the hosted service does.
pub(crate) fn metric_values(model: &TrainedModel) -> Shape {
    let metrics = model.metrics.iter();
    metrics.fold(Shape::new(), |shape, (name, metric)| shape.with(name, rounded(metric.value, 4)))
}

/// A number with at most this many decimals.
pub(crate) fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}
