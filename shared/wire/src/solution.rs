//! Solutions: `CreateSolution`, `UpdateSolution` and what describe and list show.

use std::collections::BTreeMap;

use domain::events_config::EventsConfig;
use domain::resource::{AutoTrainingConfig, Solution, SolutionConfig, SolutionUpdate, SolutionVersion};
use domain::schedule::{EXPRESSION_CHARS_MAX, EXPRESSION_PATTERN, Schedule};
use domain::tuning::Search;
use domain::{ApiError, Arn};
use serde_json::Value;

use crate::members::{Member, Members};
use crate::shape::Shape;
use crate::training_choices as choices;
use crate::training_choices::EVENT_TYPE_CHARS_MAX;
use crate::tuning;

const EVENT_VALUE_THRESHOLD_CHARS_MAX: usize = 256;

/// `CreateSolution`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateSolution {
    /// Unique in the region.
    pub name: String,
    /// Where the data comes from.
    pub dataset_group: Arn,
    /// What is trained; none where AutoML chooses it.
    pub recipe: Option<Arn>,
    /// `performHPO` and `performAutoML`.
    pub search: Search,
    /// Train on this event type only.
    pub event_type: Option<String>,
    /// As the caller gave it.
    pub config: Option<SolutionConfig>,
    /// Whether it trains by itself.
    pub perform_auto_training: bool,
    /// Whether it goes on from the version before between whole trainings.
    pub perform_incremental_update: bool,
}

impl CreateSolution {
    /// Checks the request. `performAutoTraining` that is absent is off: nothing trains here that
    /// nobody asked for.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let name = members.required("name", Member::name)?;
        let dataset_group = members.required("datasetGroupArn", Member::arn)?;
        let incremental = members.optional("performIncrementalUpdate", Member::flag)?;
        let search = tuning::search(members)?;
        let recipe = recipe(members, search)?;
        let event_type = members.optional("eventType", |m| m.sized_text(0, EVENT_TYPE_CHARS_MAX))?;
        let config = members.optional("solutionConfig", solution_config)?;
        let perform_auto_training = members.optional("performAutoTraining", Member::flag)?;
        let schedule = config.as_ref().and_then(|config| config.auto_training_config.as_ref());
        if schedule.is_some() && perform_auto_training.is_none() {
            return Err(ApiError::invalid(
                "'solutionConfig.autoTrainingConfig' is set, but automatic training is off here unless it is asked \
                 for: set 'performAutoTraining' to true, or to false if it shall be turned on later.",
            ));
        }
        let perform_auto_training = perform_auto_training.unwrap_or(false);
        tuning::agree(search, config.as_ref())?;
        // Notebooks send an empty event type where they mean none.
        let event_type = event_type.filter(|text| !text.is_empty());
        Ok(Self {
            name,
            dataset_group,
            recipe,
            search,
            event_type,
            config,
            perform_auto_training,
            perform_incremental_update: incremental.unwrap_or(false),
        })
    }
}

/// `UpdateSolution`. What is absent stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateSolution {
    /// Which solution.
    pub solution: Arn,
    /// Whether it trains by itself.
    pub perform_auto_training: Option<bool>,
    /// Whether it goes on from the version before between whole trainings.
    pub perform_incremental_update: Option<bool>,
    /// How often.
    pub auto_training_config: Option<AutoTrainingConfig>,
    /// Which event types count.
    pub events_config: Option<EventsConfig>,
}

impl UpdateSolution {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let solution = members.required("solutionArn", Member::arn)?;
        let perform_incremental_update = members.optional("performIncrementalUpdate", Member::flag)?;
        let perform_auto_training = members.optional("performAutoTraining", Member::flag)?;
        let config = members.optional("solutionUpdateConfig", |config| {
            let config = config.object()?;
            let auto_training = config.optional("autoTrainingConfig", auto_training_config)?;
            Ok((auto_training, config.optional("eventsConfig", choices::events_config)?.flatten()))
        })?;
        let (auto_training_config, events_config) = config.unwrap_or_default();
        Ok(Self {
            solution,
            perform_auto_training,
            perform_incremental_update,
            auto_training_config,
            events_config,
        })
    }
}

/// One of `recipeArn` and `performAutoML` says what is trained.
fn recipe(members: &Members<'_>, search: Search) -> Result<Option<Arn>, ApiError> {
    match members.optional("recipeArn", Member::arn)? {
        Some(recipe) if search.auto_ml => Err(ApiError::invalid(format!(
            "'recipeArn' is {recipe} and 'performAutoML' is true: either name the recipe or let AutoML choose it."
        ))),
        None if !search.auto_ml => {
            let known: Vec<_> = domain::recipes::CATALOGUE.iter().map(|r| r.arn().to_string()).collect();
            Err(ApiError::invalid(format!(
                "'recipeArn' is missing: a solution needs the recipe that it trains, or performAutoML. The recipes here \
                 are {}.",
                known.join(", ")
            )))
        }
        recipe => Ok(recipe),
    }
}

fn solution_config(member: &Member<'_>) -> Result<SolutionConfig, ApiError> {
    let members = member.object()?;
    let parameters =
        |name| Ok::<_, ApiError>(members.optional(name, Member::parameters)?.unwrap_or_default());
    Ok(SolutionConfig {
        event_value_threshold: members.optional("eventValueThreshold", threshold)?,
        algorithm_hyperparameters: parameters("algorithmHyperParameters")?,
        feature_transformation_parameters: parameters("featureTransformationParameters")?,
        auto_training_config: members.optional("autoTrainingConfig", auto_training_config)?,
        hpo_config: members.optional("hpoConfig", tuning::hpo_config)?.filter(|c| *c != Default::default()),
        auto_ml_config: members
            .optional("autoMLConfig", tuning::auto_ml_config)?
            .filter(|c| *c != Default::default()),
        events_config: members.optional("eventsConfig", choices::events_config)?.flatten(),
        training_data_config: members
            .optional("trainingDataConfig", choices::training_data_config)?
            .flatten(),
        optimization_objective: members.optional("optimizationObjective", choices::objective)?.flatten(),
    })
}

fn auto_training_config(member: &Member<'_>) -> Result<AutoTrainingConfig, ApiError> {
    let scheduling_expression = member.object()?.optional("schedulingExpression", |member| {
        let text = member.sized_text(1, EXPRESSION_CHARS_MAX)?;
        match Schedule::parse(&text) {
            Some(schedule) => schedule.map(|_| text),
            None => Err(member.pattern(EXPRESSION_PATTERN)),
        }
    })?;
    Ok(AutoTrainingConfig { scheduling_expression })
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
        .with_some("autoTrainingConfig", config.auto_training_config.as_ref().map(auto_training_value))
        .with_some("hpoConfig", config.hpo_config.as_ref().map(tuning::hpo_value))
        .with_some("autoMLConfig", config.auto_ml_config.as_ref().map(tuning::auto_ml_value))
        .with_some("eventsConfig", config.events_config.as_ref().map(choices::events_value))
        .with_some("trainingDataConfig", config.training_data_config.as_ref().map(choices::columns_value))
        .with_some(
            "optimizationObjective",
            config.optimization_objective.as_ref().map(choices::objective_value),
        )
        .into()
}

fn auto_training_value(config: &AutoTrainingConfig) -> Value {
    Shape::new().with_some("schedulingExpression", config.scheduling_expression.as_deref()).into()
}

/// The configuration of a solution. One that trains by itself says how often, also where the caller
/// left that to the default.
fn effective_config(solution: &Solution) -> Option<Value> {
    let mut config = solution.config.clone();
    if let Some(schedule) = solution.schedule() {
        let expression = schedule.expression();
        let auto_training = &mut config.get_or_insert_default().auto_training_config;
        auto_training.get_or_insert_default().scheduling_expression.get_or_insert(expression);
    }
    config.as_ref().map(config_value)
}

/// `latestSolutionUpdate`.
fn update(update: &SolutionUpdate) -> Value {
    let config = Shape::new()
        .with_some("autoTrainingConfig", update.auto_training_config.as_ref().map(auto_training_value))
        .with_some("eventsConfig", update.events_config.as_ref().map(choices::events_value));
    let given = update.auto_training_config.is_some() || update.events_config.is_some();
    Shape::new()
        .with_some("solutionUpdateConfig", given.then_some(config))
        .with_some("performAutoTraining", update.perform_auto_training)
        .with_some("performIncrementalUpdate", update.perform_incremental_update)
        .lifecycle(&update.lifecycle)
        .into()
}

pub(crate) fn strings(map: &BTreeMap<String, String>) -> Value {
    Value::Object(map.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect())
}

/// `solution` of `DescribeSolution`, with the newest of its versions, and what AutoML chose last.
pub fn describe(solution: &Solution, latest: Option<&SolutionVersion>, best_recipe: Option<&Arn>) -> Value {
    summary_shape(solution)
        .arn("datasetGroupArn", &solution.dataset_group)
        .with("performHPO", solution.search.hpo)
        .with("performAutoML", solution.search.auto_ml)
        .with("performAutoTraining", solution.perform_auto_training)
        .with("performIncrementalUpdate", solution.perform_incremental_update)
        .with_some("eventType", solution.event_type.as_deref())
        .with_some("solutionConfig", effective_config(solution))
        .with_some("autoMLResult", best_recipe.map(|arn| Shape::new().arn("bestRecipeArn", arn)))
        .with_some("latestSolutionVersion", latest.map(crate::solution_version::summary))
        .with_some("latestSolutionUpdate", solution.latest_update.as_ref().map(update))
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
        .with_some("recipeArn", solution.recipe.as_ref().map(Arn::as_str))
        .with("status", solution.lifecycle.status.as_str())
        .dates(solution.lifecycle.created, solution.lifecycle.updated)
}
