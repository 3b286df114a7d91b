//! Solutions, and the versions that they train.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::events_config::EventsConfig;
use crate::hyperparameters::Hyperparameters;
use crate::objective::OptimizationObjective;
use crate::schedule::Schedule;
use crate::status::Lifecycle;
use crate::time::EpochMillis;
use crate::training_columns::TrainingDataConfig;
use crate::training_data::TrainingData;
use crate::tuning::{AutoMlConfig, HpoConfig, Search, Tuned};

/// `solutionConfig`: kept as it was given, because callers get it back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SolutionConfig {
    /// Keep only events whose `EVENT_VALUE` is at least this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_value_threshold: Option<String>,
    /// Hyperparameters as strings.
    #[serde(rename = "algorithmHyperParameters", skip_serializing_if = "BTreeMap::is_empty")]
    pub algorithm_hyperparameters: BTreeMap<String, String>,
    /// Featurization parameters as strings.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub feature_transformation_parameters: BTreeMap<String, String>,
    /// How often it trains by itself, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_training_config: Option<AutoTrainingConfig>,
    /// What hyperparameter optimization may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hpo_config: Option<HpoConfig>,
    /// What AutoML chooses among, and by which metric.
    #[serde(rename = "autoMLConfig", skip_serializing_if = "Option::is_none")]
    pub auto_ml_config: Option<AutoMlConfig>,
    /// Which event types are trained on, and how much each counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_config: Option<EventsConfig>,
    /// Which columns teach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training_data_config: Option<TrainingDataConfig>,
    /// What is maximized beside relevance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimization_objective: Option<OptimizationObjective>,
}

/// `autoTrainingConfig`, as the caller gave it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AutoTrainingConfig {
    /// `rate(N days)`; see [`crate::schedule`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduling_expression: Option<String>,
}

/// A change of a solution by `UpdateSolution`. It is in force at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SolutionUpdate {
    /// Whether the solution trains by itself from then on; nothing where that was not asked.
    pub perform_auto_training: Option<bool>,
    /// How often, where that was asked.
    pub auto_training_config: Option<AutoTrainingConfig>,
    /// Whether versions between whole trainings go on from the one before; nothing where that was not asked.
    #[serde(default)]
    pub perform_incremental_update: Option<bool>,
    /// Which event types count from the next version on, where that was asked.
    #[serde(default)]
    pub events_config: Option<EventsConfig>,
    /// Status and dates of the change.
    pub lifecycle: Lifecycle,
}

/// What to train: a recipe and its configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Solution {
    /// `solution/<name>`.
    pub arn: Arn,
    /// Unique in the region.
    pub name: String,
    /// Where the data comes from.
    pub dataset_group: Arn,
    /// The recipe's ARN; none where AutoML chooses it, anew for each version.
    pub recipe: Option<Arn>,
    /// `performHPO` and `performAutoML`.
    #[serde(default)]
    pub search: Search,
    /// Train on this event type only.
    pub event_type: Option<String>,
    /// As the caller gave it.
    pub config: Option<SolutionConfig>,
    /// Off unless the caller asked for it: on a self-hosted account an unasked training is a bill.
    pub perform_auto_training: bool,
    /// Whether what trains by itself between the whole trainings of the schedule goes on from the version
    /// before.
    #[serde(default)]
    pub perform_incremental_update: bool,
    /// The latest change.
    #[serde(default)]
    pub latest_update: Option<SolutionUpdate>,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

impl Solution {
    /// How often it trains by itself, if it does.
    pub fn schedule(&self) -> Option<Schedule> {
        let config = self.config.as_ref().and_then(|config| config.auto_training_config.as_ref());
        let expression = config.and_then(|config| config.scheduling_expression.as_deref());
        // Only expressions that can be read are accepted.
        let asked = expression.and_then(Schedule::parse).and_then(Result::ok);
        self.perform_auto_training.then(|| asked.unwrap_or_default())
    }
}

/// FULL or UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrainingMode {
    /// From scratch, on all data.
    #[serde(rename = "FULL")]
    Full,
    /// From the previous version's weights.
    #[serde(rename = "UPDATE")]
    Update,
}

/// Who asked for a training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrainingType {
    /// The solution itself.
    #[serde(rename = "AUTOMATIC")]
    Automatic,
    /// A caller.
    #[default]
    #[serde(rename = "MANUAL")]
    Manual,
}

/// One metric over the test users, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// The mean.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
}

/// What training left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainedModel {
    /// Prefix of the artifact's objects: `model.json`, `model.safetensors`, ….
    pub artifact_prefix: String,
    /// The recipe's metrics by API name.
    pub metrics: BTreeMap<String, Metric>,
    /// Those of `aws-popularity-count` on the same split.
    pub baseline: BTreeMap<String, Metric>,
    /// Means of the differences between the two, user by user.
    #[serde(default)]
    pub advantage: BTreeMap<String, Metric>,
    /// Why there are no metrics, where there are none.
    #[serde(default)]
    pub no_metrics: Option<String>,
    /// Users that the metrics are means over.
    pub test_users: u64,
    /// Users with a precomputed list.
    pub users: u64,
    /// Items that can be recommended.
    pub items: u64,
}

/// A trained model, or one in training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SolutionVersion {
    /// `solution/<name>/<8 hex digits>`.
    pub arn: Arn,
    /// `<solution>/<id>` unless the caller named it.
    pub name: String,
    /// The solution.
    pub solution: Arn,
    /// Copied from the solution, which may change later.
    pub dataset_group: Arn,
    /// Copied from the solution. Until AutoML has chosen, its first candidate.
    pub recipe: Arn,
    /// Copied from the solution; nothing is searched by an UPDATE, which takes over what was found.
    #[serde(default)]
    pub search: Search,
    /// What the search found, once it has ended.
    #[serde(default)]
    pub tuned: Option<Tuned>,
    /// The version whose weights an UPDATE begins with.
    #[serde(default)]
    pub updates: Option<Arn>,
    /// Copied from the solution.
    pub event_type: Option<String>,
    /// Copied from the solution.
    pub config: Option<SolutionConfig>,
    /// The checked hyperparameters and featurization parameters that training uses.
    pub hyperparameters: Hyperparameters,
    /// FULL or UPDATE.
    pub training_mode: TrainingMode,
    /// Copied from the solution, for an UPDATE that the solution itself asked for.
    #[serde(default)]
    pub perform_incremental_update: bool,
    /// Who asked for it.
    #[serde(default)]
    pub training_type: TrainingType,
    /// The data that it was trained on; before that, what there was when it was asked for.
    #[serde(default)]
    pub data: TrainingData,
    /// Hours of training, three decimals.
    pub training_hours: Option<f64>,
    /// What training left behind.
    pub model: Option<TrainedModel>,
    /// How often the work was begun.
    #[serde(default)]
    pub attempts: u32,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

impl SolutionVersion {
    /// Whose histories they are, and as of when. A trained version changes only where users are deleted from
    /// the data that it was trained on, and then whoever holds its histories in memory reads them again.
    pub fn state(&self) -> (Arn, EpochMillis) {
        (self.arn.clone(), self.lifecycle.updated)
    }
}
