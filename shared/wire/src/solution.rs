//! Solutions: `CreateSolution` and what describe and list show.

use std::collections::BTreeMap;

use domain::resource::{Solution, SolutionConfig, SolutionVersion};
use domain::{ApiError, Arn};
use serde_json::Value;

use crate::members::{Member, Members};
use crate::shape::Shape;

const EVENT_TYPE_CHARS_MAX: usize = 256;
const EVENT_VALUE_THRESHOLD_CHARS_MAX: usize = 256;

/// `CreateSolution`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateSolution {
    /// Unique in the region.
    pub name: String,
    /// Where the data comes from.
    pub dataset_group: Arn,
    /// What is trained.
    pub recipe: Arn,
    /// Train on this event type only.
    pub event_type: Option<String>,
    /// As the caller gave it.
    pub config: Option<SolutionConfig>,
}

impl CreateSolution {
    /// Checks the request. `performAutoTraining` that is absent is off: nothing trains here that
    /// nobody asked for.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let name = members.required("name", Member::name)?;
        let dataset_group = members.required("datasetGroupArn", Member::arn)?;
        for (flag, what) in [
            ("performAutoML", "the choice of a recipe by AutoML"),
            ("performHPO", "hyperparameter optimization"),
            ("performAutoTraining", "training on a schedule"),
            ("performIncrementalUpdate", "the incremental update of a model"),
        ] {
            members.optional(flag, Member::flag)?;
            members.not_available(flag, what)?;
        }
        let recipe = members.get("recipeArn").ok_or_else(|| {
            let known: Vec<_> = domain::recipes::CATALOGUE.iter().map(|r| r.arn().to_string()).collect();
            ApiError::invalid(format!(
                "'recipeArn' is missing: a solution needs the recipe that it trains. The recipes here are {}.",
                known.join(", ")
            ))
        })?;
        let recipe = recipe.arn()?;
        let event_type = members.optional("eventType", |m| m.sized_text(0, EVENT_TYPE_CHARS_MAX))?;
        let config = members.optional("solutionConfig", solution_config)?;
        members.no_tags()?;
        // Notebooks send an empty event type where they mean none.
        let event_type = event_type.filter(|text| !text.is_empty());
        Ok(Self { name, dataset_group, recipe, event_type, config })
    }
}

fn solution_config(member: &Member<'_>) -> Result<SolutionConfig, ApiError> {
    let members = member.object()?;
    for (part, what) in [
        ("hpoConfig", "hyperparameter optimization"),
        ("autoMLConfig", "the choice of a recipe by AutoML"),
        ("eventsConfig", "the weighting of event types"),
        ("optimizationObjective", "an optimization objective"),
        ("trainingDataConfig", "the choice of training columns"),
        ("autoTrainingConfig", "training on a schedule"),
    ] {
        members.not_available(part, what)?;
    }
    let parameters =
        |name| Ok::<_, ApiError>(members.optional(name, Member::parameters)?.unwrap_or_default());
    Ok(SolutionConfig {
        event_value_threshold: members.optional("eventValueThreshold", threshold)?,
        algorithm_hyperparameters: parameters("algorithmHyperParameters")?,
        feature_transformation_parameters: parameters("featureTransformationParameters")?,
    })
}

fn threshold(member: &Member<'_>) -> Result<String, ApiError> {
    let text = member.sized_text(0, EVENT_VALUE_THRESHOLD_CHARS_MAX)?;
    match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(text),
        _ => Err(ApiError::invalid(format!(
            "'{text}' at '{}' is not a number, for example \"3.5\".",
            member.path
        ))),
    }
}

/// `solutionConfig` as the caller gave it.
pub(crate) fn config_value(config: &SolutionConfig) -> Value {
    let map = |map: &BTreeMap<String, String>| (!map.is_empty()).then(|| strings(map));
    Shape::new()
        .with_some("eventValueThreshold", config.event_value_threshold.as_deref())
        .with_some("algorithmHyperParameters", map(&config.algorithm_hyperparameters))
        .with_some("featureTransformationParameters", map(&config.feature_transformation_parameters))
        .into()
}

pub(crate) fn strings(map: &BTreeMap<String, String>) -> Value {
    Value::Object(map.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect())
}

/// `solution` of `DescribeSolution`, with the newest of its versions.
pub fn describe(solution: &Solution, latest: Option<&SolutionVersion>) -> Value {
    summary_shape(solution)
        .arn("datasetGroupArn", &solution.dataset_group)
        .with("performHPO", false)
        .with("performAutoML", false)
        .with("performAutoTraining", solution.perform_auto_training)
        .with("performIncrementalUpdate", false)
        .with_some("eventType", solution.event_type.as_deref())
        .with_some("solutionConfig", solution.config.as_ref().map(config_value))
        .with_some("latestSolutionVersion", latest.map(crate::solution_version::summary))
        .into()
}

/// An element of `ListSolutions`.
pub fn summary(solution: &Solution) -> Value {
    summary_shape(solution).into()
}

fn summary_shape(solution: &Solution) -> Shape {
    // The model has no failureReason for solutions.
    Shape::new()
        .with("name", solution.name.as_str())
        .arn("solutionArn", &solution.arn)
        .arn("recipeArn", &solution.recipe)
        .with("status", solution.lifecycle.status.as_str())
        .dates(solution.lifecycle.created, solution.lifecycle.updated)
}
