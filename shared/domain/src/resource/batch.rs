//! Batch inference and batch segment jobs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::influence::RankingInfluence;
use crate::status::Lifecycle;

/// What a batch job is asked for, of either kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchOrder {
    /// Unique in the region.
    pub job_name: String,
    /// The model.
    pub solution_version: Arn,
    /// Answers for each line.
    pub num_results: Option<u32>,
    /// JSON Lines object or prefix.
    pub input_path: String,
    /// The key of AWS KMS that the input is encrypted with, which S3 knows by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_kms_key: Option<String>,
    /// Prefix that ends in `/`.
    pub output_path: String,
    /// The key of AWS KMS that the output is encrypted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_kms_key: Option<String>,
    /// Echoed to the caller.
    pub role_arn: String,
    /// Which items may be answered; each line may bring values for its parameters.
    #[serde(default)]
    pub filter: Option<Arn>,
}

/// Recommendations for a file of users or items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchInferenceJob {
    /// `batch-inference-job/<jobName>`.
    pub arn: Arn,
    /// What is asked.
    #[serde(flatten)]
    pub order: BatchOrder,
    /// Parameters of exploration, for the recipes that explore.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub item_exploration_config: BTreeMap<String, String>,
    /// What popularity and freshness weigh in the answers.
    #[serde(default, skip_serializing_if = "RankingInfluence::is_empty")]
    pub ranking_influence: RankingInfluence,
    /// The column of Items with each item's name, for a job that finds the themes of its lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme_item_name: Option<String>,
    /// How often the work was begun.
    #[serde(default)]
    pub attempts: u32,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

/// Users for a file of items or attributes of items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchSegmentJob {
    /// `batch-segment-job/<jobName>`.
    pub arn: Arn,
    /// What is asked.
    #[serde(flatten)]
    pub order: BatchOrder,
    /// How often the work was begun.
    #[serde(default)]
    pub attempts: u32,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}
