//! Hyperparameter optimization and AutoML: what a caller may ask for, held against the recipes.
//!
//! Sources: botocore's shapes `HPOConfig`, `AutoMLConfig`; the developer guide, "Hyperparameters and
//! HPO". A range may narrow the documented one of its hyperparameter and never exceeds it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::error::ApiError;
use crate::hyperparameters::{Hyperparameter, Hyperparameters, Range, Value};
use crate::recipes::{self, Recipe, RecipeType};
use crate::resource::{Metric, SolutionConfig};

/// Most trainings of a search (guide).
pub const TRAINING_JOBS_MAX: u32 = 40;
/// Most trainings of a search at one time (guide).
pub const PARALLEL_TRAINING_JOBS_MAX: u32 = 10;
/// Trainings of a search whose caller says nothing. The guide names no default.
pub const TRAINING_JOBS_DEFAULT: u32 = 20;
/// The same for trainings at one time.
pub const PARALLEL_TRAINING_JOBS_DEFAULT: u32 = 5;

/// What a search maximizes unless AutoML was given another metric.
pub const OBJECTIVE: &str = "normalized_discounted_cumulative_gain_at_25";

/// What AutoML may be told to maximize.
pub const OBJECTIVES: [&str; 7] = [
    "mean_reciprocal_rank_at_25",
    "normalized_discounted_cumulative_gain_at_5",
    "normalized_discounted_cumulative_gain_at_10",
    OBJECTIVE,
    "precision_at_5",
    "precision_at_10",
    "precision_at_25",
];

/// `hpoConfig`. There is no objective in it: the service chooses it, and shows which.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HpoConfig {
    /// How much may be trained.
    #[serde(rename = "hpoResourceConfig", skip_serializing_if = "Option::is_none")]
    pub resources: Option<HpoResources>,
    /// What is searched. Without any range, every tunable hyperparameter that has no value of its own.
    #[serde(rename = "algorithmHyperParameterRanges", skip_serializing_if = "Option::is_none")]
    pub ranges: Option<ParameterRanges>,
}

/// `hpoResourceConfig`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HpoResources {
    /// Trainings in all.
    pub max_number_of_training_jobs: Option<u32>,
    /// Trainings at one time.
    pub max_parallel_training_jobs: Option<u32>,
}

/// `algorithmHyperParameterRanges`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ParameterRanges {
    /// Whole numbers by name, both ends included.
    pub integer: Vec<(String, i64, i64)>,
    /// Real numbers by name, both ends included.
    pub continuous: Vec<(String, f64, f64)>,
    /// Words by name.
    pub categorical: Vec<(String, Vec<String>)>,
}

impl ParameterRanges {
    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.integer.is_empty() && self.continuous.is_empty() && self.categorical.is_empty()
    }

    fn dimensions(&self) -> impl Iterator<Item = Dimension> {
        let dimension = |name: &String, choices| Dimension { name: name.clone(), choices };
        let integer = self.integer.iter().map(move |(n, a, b)| dimension(n, Choices::Integer(*a, *b)));
        let real = self.continuous.iter().map(move |(n, a, b)| dimension(n, Choices::Continuous(*a, *b)));
        let words =
            self.categorical.iter().map(move |(n, words)| dimension(n, Choices::Categorical(words.clone())));
        integer.chain(real).chain(words)
    }
}

/// `autoMLConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AutoMlConfig {
    /// One of [`OBJECTIVES`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_name: Option<String>,
    /// The candidates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recipe_list: Vec<Arn>,
}

/// Which searches a solution asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Search {
    /// `performHPO`.
    pub hpo: bool,
    /// `performAutoML`, which searches hyperparameters as well.
    pub auto_ml: bool,
}

impl Search {
    /// Whether there is anything to search.
    pub fn any(self) -> bool {
        self.hpo || self.auto_ml
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tuned {
    /// What was maximized, on users that no reported metric looks at.
    pub objective: String,
    /// Every training of the search, in its order. The first has the values of a training without
    /// search.
    pub trials: Vec<TunedTrial>,
    /// Place of the best one in `trials`; nothing where none could be judged.
    pub best: Option<usize>,
}

/// One training of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TunedTrial {
    /// What was trained.
    pub recipe: Arn,
    /// Every parameter of the training.
    pub hyperparameters: Hyperparameters,
    /// Share of the passes over the data of a whole training.
    pub effort: f64,
    /// The objective with its 95 % interval over the validation users, where the training succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<Metric>,
    /// Why it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// A hyperparameter with the values that a search may give it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    /// The documented name.
    pub name: String,
    /// What it may be.
    pub choices: Choices,
}

/// Values that a search may give.
#[derive(Clone, Debug, PartialEq)]
pub enum Choices {
    /// Whole numbers, both ends included.
    Integer(i64, i64),
    /// Real numbers, both ends included.
    Continuous(f64, f64),
    /// Words.
    Categorical(Vec<String>),
}

impl Choices {
    fn of(range: Range) -> Self {
        match range {
            Range::Integer(low, high) => Self::Integer(low, high),
            Range::Continuous(low, high) => Self::Continuous(low, high),
            Range::Categorical(words) => Self::Categorical(words.iter().map(|w| (*w).to_owned()).collect()),
        }
    }

    /// The choice that is nearest to a value: the value itself where it is one of them.
    pub fn nearest(&self, value: &Value) -> Value {
        match (self, value) {
            (Self::Integer(low, high), Value::Integer(v)) => Value::Integer(*v.clamp(low, high)),
            (Self::Continuous(low, high), Value::Real(v)) => Value::Real(v.clamp(*low, *high)),
            (Self::Continuous(low, high), Value::Integer(v)) => Value::Real((*v as f64).clamp(*low, *high)),
            (Self::Categorical(words), Value::Word(v)) if !words.contains(v) => Value::Word(words[0].clone()),
            _ => value.clone(),
        }
    }
}

/// A recipe with what may be searched in it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What is trained.
    pub recipe: &'static Recipe,
    /// What is varied; may be empty.
    pub space: Vec<Dimension>,
}

/// What is searched with hyperparameter optimization of one recipe.
///
/// `given` are the values of `algorithmHyperParameters`. Fails with `InvalidInput` for a range of a
/// name that the algorithm lacks or does not let be tuned, of another kind, beyond the documented
/// range, empty, or given twice; and for a recipe without anything to tune.
pub fn search_space(
    recipe: &Recipe,
    given: &BTreeMap<String, String>,
    ranges: Option<&ParameterRanges>,
) -> Result<Vec<Dimension>, ApiError> {
    let tunable = || recipe.hyperparameters.iter().filter(|declared| declared.tunable);
    if tunable().next().is_none() {
        return Err(ApiError::invalid(format!(
            "performHPO is true, but {} has no hyperparameter that can be tuned: leave performHPO out.",
            recipe.arn()
        )));
    }
    let Some(ranges) = ranges.filter(|ranges| !ranges.is_empty()) else {
        let free: Vec<Dimension> = tunable()
            .filter(|declared| !given.contains_key(declared.name))
            .map(|d| Dimension { name: d.name.to_owned(), choices: Choices::of(d.range) })
            .collect();
        if free.is_empty() {
            return Err(ApiError::invalid(
                "performHPO is true, but algorithmHyperParameters gives every tunable hyperparameter a value: leave \
                 some out, or name what shall be searched in algorithmHyperParameterRanges.",
            ));
        }
        return Ok(free);
    };
    let mut seen = BTreeSet::new();
    let dimensions: Vec<Dimension> = ranges.dimensions().collect();
    for dimension in &dimensions {
        check(recipe, dimension)?;
        if !seen.insert(dimension.name.as_str()) {
            return Err(ApiError::invalid(format!(
                "Hyperparameter {} has two ranges in algorithmHyperParameterRanges: give it one.",
                dimension.name
            )));
        }
    }
    Ok(dimensions)
}

/// Holds one range against the documented one.
fn check(recipe: &Recipe, dimension: &Dimension) -> Result<(), ApiError> {
    let name = &dimension.name;
    let refuse = |why: String| Err(ApiError::invalid(format!("The range of hyperparameter {name} {why}")));
    let Some(declared) = recipe.hyperparameters.iter().find(|declared| declared.name == *name) else {
        // The words that callers know for an unknown name.
        let unknown = BTreeMap::from([(name.clone(), String::new())]);
        Hyperparameters::resolve(recipe.hyperparameters, &unknown, recipe.algorithm_arn().as_str())?;
        return Ok(());
    };
    if !declared.tunable {
        return refuse(
            "is given, but it cannot be tuned: give it a value in algorithmHyperParameters.".into(),
        );
    }
    match (&dimension.choices, declared.range) {
        (Choices::Integer(low, high), Range::Integer(min, max)) => {
            if low > high {
                return refuse(format!("is {low} to {high}: minValue must not be above maxValue."));
            }
            if *low < min || *high > max {
                return refuse(format!("is {low} to {high}; it must lie within {min} to {max}."));
            }
        }
        (Choices::Continuous(low, high), Range::Continuous(min, max)) => {
            if low > high {
                return refuse(format!("is {low} to {high}: minValue must not be above maxValue."));
            }
            if *low < min || *high > max {
                return refuse(format!("is {low} to {high}; it must lie within {min} to {max}."));
            }
        }
        (Choices::Categorical(words), Range::Categorical(allowed)) => {
            if words.is_empty() {
                return refuse(format!("has no values; choose among {}.", allowed.join(", ")));
            }
            if let Some(other) = words.iter().find(|word| !allowed.contains(&word.as_str())) {
                return refuse(format!("has the value '{other}'; choose among {}.", allowed.join(", ")));
            }
        }
        (_, expected) => {
            let list = match expected {
                Range::Integer(..) => "integerHyperParameterRanges",
                Range::Continuous(..) => "continuousHyperParameterRanges",
                Range::Categorical(_) => "categoricalHyperParameterRanges",
            };
            return refuse(format!("stands in the wrong list: it belongs into {list}."));
        }
    }
    Ok(())
}

/// The candidates of AutoML: those of the list, or without a list the HRNN recipes of the catalogue.
///
/// Fails with `InvalidInput` for a recipe that does not exist here, does not recommend items to users
/// (its metrics answer another question), or stands in the list twice.
pub fn auto_ml_recipes(config: Option<&AutoMlConfig>) -> Result<Vec<&'static Recipe>, ApiError> {
    let of_users = |recipe: &&Recipe| recipe.recipe_type == RecipeType::UserPersonalization;
    let list = config.map_or(&[][..], |config| &config.recipe_list);
    if list.is_empty() {
        let family = |recipe: &&Recipe| of_users(recipe) && recipe.name.starts_with("aws-hrnn");
        return Ok(recipes::CATALOGUE.iter().filter(family).collect());
    }
    let mut candidates: Vec<&Recipe> = Vec::new();
    for arn in list {
        let usable = || recipes::CATALOGUE.iter().filter(of_users).map(|r| r.arn().to_string());
        let Some(recipe) = recipes::find_custom(arn).filter(of_users) else {
            return Err(ApiError::invalid(format!(
                "{arn} at 'solutionConfig.autoMLConfig.recipeList' is not a recipe that AutoML can compare here; those \
                 are {}.",
                usable().collect::<Vec<_>>().join(", ")
            )));
        };
        if candidates.iter().any(|known| known.name == recipe.name) {
            return Err(ApiError::invalid(format!(
                "{arn} stands in 'solutionConfig.autoMLConfig.recipeList' twice: name each recipe once."
            )));
        }
        candidates.push(recipe);
    }
    Ok(candidates)
}

/// What a search goes over; nothing where none was asked for.
///
/// Fails as [`search_space`] and [`auto_ml_recipes`] do.
pub fn candidates(
    search: Search,
    recipe: &'static Recipe,
    config: Option<&SolutionConfig>,
) -> Result<Vec<Candidate>, ApiError> {
    if search.auto_ml {
        let all = auto_ml_recipes(config.and_then(|config| config.auto_ml_config.as_ref()))?;
        return Ok(all.into_iter().map(|recipe| Candidate { recipe, space: whole_space(recipe) }).collect());
    }
    if !search.hpo {
        return Ok(Vec::new());
    }
    let none = BTreeMap::new();
    let given = config.map_or(&none, |config| &config.algorithm_hyperparameters);
    let ranges = config.and_then(|config| config.hpo_config.as_ref()).and_then(|hpo| hpo.ranges.as_ref());
    Ok(vec![Candidate { recipe, space: search_space(recipe, given, ranges)? }])
}

fn whole_space(recipe: &Recipe) -> Vec<Dimension> {
    let tunable = recipe.hyperparameters.iter().filter(|declared| declared.tunable);
    let dimension = |d: &Hyperparameter| Dimension { name: d.name.to_owned(), choices: Choices::of(d.range) };
    tunable.map(dimension).collect()
}

impl SolutionConfig {
    fn resources(&self) -> HpoResources {
        self.hpo_config.as_ref().and_then(|hpo| hpo.resources).unwrap_or_default()
    }
}

/// Trainings of a search, in all and at one time.
pub fn training_jobs(config: Option<&SolutionConfig>) -> (u32, u32) {
    let asked = config.map(SolutionConfig::resources).unwrap_or_default();
    (
        asked.max_number_of_training_jobs.unwrap_or(TRAINING_JOBS_DEFAULT),
        asked.max_parallel_training_jobs.unwrap_or(PARALLEL_TRAINING_JOBS_DEFAULT),
    )
}

/// What a search maximizes.
pub fn objective(config: Option<&SolutionConfig>) -> &str {
    let auto_ml = config.and_then(|config| config.auto_ml_config.as_ref());
    auto_ml.and_then(|auto_ml| auto_ml.metric_name.as_deref()).unwrap_or(OBJECTIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(recipe: &str, given: &[(&str, &str)], ranges: ParameterRanges) -> Result<Vec<String>, String> {
        let recipe = recipes::find_by_name(recipe).unwrap();
        let given = given.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let found = search_space(recipe, &given, Some(&ranges)).map_err(|error| error.message)?;
        Ok(found.into_iter().map(|dimension| format!("{} {:?}", dimension.name, dimension.choices)).collect())
    }

    fn integer(name: &str, low: i64, high: i64) -> ParameterRanges {
        ParameterRanges { integer: vec![(name.into(), low, high)], ..Default::default() }
    }

    #[test]
    fn without_ranges_what_has_no_value_is_searched() {
        let all = space("aws-hrnn", &[("bptt", "8")], ParameterRanges::default()).unwrap();
        assert_eq!(
            all,
            ["hidden_dimension Integer(32, 256)", "recency_mask Categorical([\"true\", \"false\"])"]
        );
        let fixed = [("hidden_dimension", "43"), ("bptt", "8"), ("recency_mask", "true")];
        assert!(space("aws-hrnn", &fixed, ParameterRanges::default()).unwrap_err().contains("every tunable"),);
        let none = space("aws-popularity-count", &[], ParameterRanges::default()).unwrap_err();
        assert!(none.contains("no hyperparameter that can be tuned"), "{none}");
    }

    #[test]
    fn ranges_narrow_and_never_exceed() {
        assert_eq!(space("aws-hrnn", &[], integer("bptt", 4, 8)).unwrap(), ["bptt Integer(4, 8)"]);
        let real = |low, high| ParameterRanges {
            continuous: vec![("popularity_discount_factor".into(), low, high)],
            ..Default::default()
        };
        let words = |name: &str, words: &[&str]| ParameterRanges {
            categorical: vec![(name.into(), words.iter().map(|w| (*w).to_owned()).collect())],
            ..Default::default()
        };
        assert!(space("aws-sims", &[], real(0.25, 0.75)).is_ok());
        let twice = ParameterRanges {
            integer: vec![("bptt".into(), 2, 4), ("bptt".into(), 4, 8)],
            ..Default::default()
        };
        for (recipe, ranges, text) in [
            ("aws-hrnn", integer("bptt", 1, 8), "bptt is 1 to 8; it must lie within 2 to 32"),
            ("aws-hrnn", integer("bptt", 4, 33), "within 2 to 32"),
            ("aws-hrnn", integer("bptt", 8, 4), "minValue must not be above maxValue"),
            ("aws-hrnn", integer("dropout", 0, 1), "algorithm/aws-hrnn ('dropout' is not"),
            ("aws-hrnn", integer("recency_mask", 0, 1), "belongs into categoricalHyperParameterRanges"),
            ("aws-hrnn", words("recency_mask", &[]), "has no values"),
            ("aws-hrnn", words("recency_mask", &["maybe"]), "'maybe'"),
            ("aws-hrnn", twice, "two ranges"),
            ("aws-sims", real(-0.1, 0.5), "within 0 to 1"),
            ("aws-sims", real(0.5, 0.4), "above maxValue"),
        ] {
            let message = space(recipe, &[], ranges.clone()).unwrap_err();
            assert!(message.contains(text), "{ranges:?}: {message}");
        }
    }

    #[test]
    fn candidates_of_auto_ml_answer_the_same_question() {
        let of = |names: &[&str]| {
            let recipe_list = names.iter().map(|n| recipes::find_by_name(n).unwrap().arn()).collect();
            let found = auto_ml_recipes(Some(&AutoMlConfig { metric_name: None, recipe_list }));
            found.map(|all| all.iter().map(|r| r.name).collect::<Vec<_>>()).map_err(|e| e.message)
        };
        assert!(of(&[]).unwrap().contains(&"aws-hrnn"));
        assert_eq!(of(&["popularity-count", "hrnn"]).unwrap(), ["aws-popularity-count", "aws-hrnn"]);
        assert!(of(&["sims"]).unwrap_err().contains("recipe/aws-sims at"));
        assert!(of(&["hrnn", "hrnn"]).unwrap_err().contains("twice"));
    }

    #[test]
    fn the_start_of_a_search_lies_within_its_ranges() {
        assert_eq!(Choices::Integer(64, 128).nearest(&Value::Integer(43)), Value::Integer(64));
        assert_eq!(Choices::Continuous(0.0, 0.25).nearest(&Value::Real(0.5)), Value::Real(0.25));
        let only = Choices::Categorical(vec!["false".into()]);
        assert_eq!(only.nearest(&Value::Word("true".into())), Value::Word("false".into()));
    }
}
