//! Hyperparameter optimization and AutoML in requests and answers: botocore's `HPOConfig`,
//! `AutoMLConfig` and `TunedHPOParams`.

use domain::resource::{SolutionConfig, SolutionVersion};
use domain::tuning::{
    AutoMlConfig, HpoConfig, HpoResources, OBJECTIVE, OBJECTIVES, PARALLEL_TRAINING_JOBS_MAX,
    ParameterRanges, Search, TRAINING_JOBS_MAX,
};
use domain::{ApiError, recipes};
use serde_json::{Value, json};

use crate::members::{Member, Members, violated};
use crate::shape::Shape;

const WORD_CHARS_MAX: usize = 256;
const CATEGORICAL_CHARS_MAX: usize = 1_000;
const LIST_MAX: usize = 100;
/// Bounds of the ends of a range, whatever the hyperparameter.
const END_MAX: i64 = 1_000_000;

/// `performHPO` and `performAutoML` of `CreateSolution`.
pub(crate) fn search(members: &Members<'_>) -> Result<Search, ApiError> {
    let flag = |name| Ok::<_, ApiError>(members.optional(name, Member::flag)?.unwrap_or(false));
    Ok(Search { hpo: flag("performHPO")?, auto_ml: flag("performAutoML")? })
}

/// Refuses configuration that the kind of search would pass over without a word.
pub(crate) fn agree(search: Search, config: Option<&SolutionConfig>) -> Result<(), ApiError> {
    let Some(config) = config else { return Ok(()) };
    let refuse = |part: &str, why: &str| Err(ApiError::invalid(format!("'solutionConfig.{part}' {why}")));
    if config.hpo_config.is_some() && !search.any() {
        return refuse("hpoConfig", "is given, but nothing is searched: set performHPO, or leave it out.");
    }
    if !search.auto_ml {
        return match &config.auto_ml_config {
            Some(_) => {
                refuse("autoMLConfig", "is given, but performAutoML is not true: set it, or leave it out.")
            }
            None => Ok(()),
        };
    }
    // What is meant for one recipe cannot be meant for all of them.
    const WHY: &str = "belongs to one recipe, and performAutoML compares several: leave it out.";
    if !config.algorithm_hyperparameters.is_empty() {
        return refuse("algorithmHyperParameters", WHY);
    }
    if !config.feature_transformation_parameters.is_empty() {
        return refuse("featureTransformationParameters", WHY);
    }
    if config.hpo_config.as_ref().is_some_and(|hpo| hpo.ranges.is_some()) {
        return refuse("hpoConfig.algorithmHyperParameterRanges", WHY);
    }
    Ok(())
}

/// `hpoConfig`. `hpoObjective` is checked and, as in the hosted service, not followed: describing
/// the solution shows the objective that is used.
pub(crate) fn hpo_config(member: &Member<'_>) -> Result<HpoConfig, ApiError> {
    let members = member.object()?;
    if let Some(objective) = members.optional("hpoObjective", Member::object)? {
        for part in ["type", "metricName", "metricRegex"] {
            objective.optional(part, |m| m.sized_text(0, WORD_CHARS_MAX))?;
        }
    }
    Ok(HpoConfig {
        resources: members.optional("hpoResourceConfig", hpo_resources)?,
        ranges: members.optional("algorithmHyperParameterRanges", ranges)?.filter(|r| !r.is_empty()),
    })
}

fn hpo_resources(member: &Member<'_>) -> Result<HpoResources, ApiError> {
    let members = member.object()?;
    Ok(HpoResources {
        max_number_of_training_jobs: members
            .optional("maxNumberOfTrainingJobs", |m| number(m, TRAINING_JOBS_MAX))?,
        max_parallel_training_jobs: members
            .optional("maxParallelTrainingJobs", |m| number(m, PARALLEL_TRAINING_JOBS_MAX))?,
    })
}

/// A number that travels as a string.
fn number(member: &Member<'_>, max: u32) -> Result<u32, ApiError> {
    let text = member.sized_text(0, WORD_CHARS_MAX)?;
    let number = text.trim().parse::<u32>().ok().filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| {
        ApiError::invalid(format!(
            "'{text}' at '{}' is not a whole number from 1 to {max} in a string, for example \"{max}\".",
            member.path
        ))
    })
}

fn ranges(member: &Member<'_>) -> Result<ParameterRanges, ApiError> {
    let members = member.object()?;
    Ok(ParameterRanges {
        integer: each(&members, "integerHyperParameterRanges", |range| {
            let end = |name| range.required(name, |m| m.integer(-END_MAX, END_MAX));
            Ok((name(range)?, end("minValue")?, end("maxValue")?))
        })?,
        continuous: each(&members, "continuousHyperParameterRanges", |range| {
            let end = |name| range.required(name, |m| m.real(-(END_MAX as f64), END_MAX as f64));
            Ok((name(range)?, end("minValue")?, end("maxValue")?))
        })?,
        categorical: each(&members, "categoricalHyperParameterRanges", |range| {
            let values = range.required("values", |m| {
                few(m)?.iter().map(|word| word.sized_text(0, CATEGORICAL_CHARS_MAX)).collect()
            })?;
            Ok((name(range)?, values))
        })?,
    })
}

fn name(range: &Members<'_>) -> Result<String, ApiError> {
    range.required("name", |m| m.sized_text(0, WORD_CHARS_MAX))
}

fn each<T>(
    members: &Members<'_>,
    list: &str,
    read: impl Fn(&Members<'_>) -> Result<T, ApiError>,
) -> Result<Vec<T>, ApiError> {
    let Some(list) = members.get(list) else { return Ok(Vec::new()) };
    few(&list)?.iter().map(|element| read(&element.object()?)).collect()
}

fn few<'a>(member: &Member<'a>) -> Result<Vec<Member<'a>>, ApiError> {
    let list = member.list()?;
    if list.len() > LIST_MAX {
        let rule = format!("Member must have length less than or equal to {LIST_MAX}");
        return Err(violated(&member.path, &format!("{} elements", list.len()), &rule));
    }
    Ok(list)
}

/// `autoMLConfig`.
pub(crate) fn auto_ml_config(member: &Member<'_>) -> Result<AutoMlConfig, ApiError> {
    let members = member.object()?;
    let metric_name = members.optional("metricName", |m| {
        let text = m.sized_text(0, WORD_CHARS_MAX)?;
        if OBJECTIVES.contains(&text.as_str()) {
            return Ok(text);
        }
        Err(ApiError::invalid(format!(
            "'{text}' at '{}' is not a metric that recipes are compared by; those are {}.",
            m.path,
            OBJECTIVES.join(", ")
        )))
    })?;
    let recipe_list =
        members.optional("recipeList", |m| few(m)?.iter().map(Member::arn).collect::<Result<_, _>>())?;
    Ok(AutoMlConfig { metric_name, recipe_list: recipe_list.unwrap_or_default() })
}

/// `hpoConfig` as it was given, with the objective that is used.
pub(crate) fn hpo_value(config: &HpoConfig) -> Value {
    let resources = config.resources.map(|resources| {
        let text = |number: Option<u32>| number.map(|number| number.to_string());
        Shape::new()
            .with_some("maxNumberOfTrainingJobs", text(resources.max_number_of_training_jobs))
            .with_some("maxParallelTrainingJobs", text(resources.max_parallel_training_jobs))
    });
    Shape::new()
        .with("hpoObjective", json!({ "type": "Maximize", "metricName": OBJECTIVE }))
        .with_some("hpoResourceConfig", resources)
        .with_some("algorithmHyperParameterRanges", config.ranges.as_ref().map(ranges_value))
        .into()
}

fn ranges_value(ranges: &ParameterRanges) -> Value {
    let ends =
        |name: &String, low: Value, high: Value| json!({ "name": name, "minValue": low, "maxValue": high });
    let given = |list: Vec<Value>| (!list.is_empty()).then_some(list);
    let integer = ranges.integer.iter().map(|(n, a, b)| ends(n, (*a).into(), (*b).into()));
    let real = ranges.continuous.iter().map(|(n, a, b)| ends(n, (*a).into(), (*b).into()));
    let words = ranges.categorical.iter().map(|(name, values)| json!({ "name": name, "values": values }));
    Shape::new()
        .with_some("integerHyperParameterRanges", given(integer.collect()))
        .with_some("continuousHyperParameterRanges", given(real.collect()))
        .with_some("categoricalHyperParameterRanges", given(words.collect()))
        .into()
}

/// `autoMLConfig` as it was given.
pub(crate) fn auto_ml_value(config: &AutoMlConfig) -> Value {
    let recipes: Vec<&str> = config.recipe_list.iter().map(|arn| arn.as_str()).collect();
    Shape::new()
        .with_some("metricName", config.metric_name.as_deref())
        .with_some("recipeList", (!recipes.is_empty()).then_some(recipes))
        .into()
}

/// `tunedHPOParams`: every hyperparameter of the algorithm with the value that was trained with.
pub(crate) fn tuned_value(version: &SolutionVersion) -> Value {
    let declared = recipes::find(&version.recipe).map_or(&[][..], |recipe| recipe.hyperparameters);
    let values = declared.iter().filter_map(|parameter| {
        let value = version.hyperparameters.0.get(parameter.name)?;
        Some((parameter.name.to_owned(), Value::from(value.to_string())))
    });
    json!({ "algorithmHyperParameters": Value::Object(values.collect()) })
}
