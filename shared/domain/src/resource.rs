//! The resources: what a caller creates, describes and deletes.
//!
//! These structs are what the store keeps. Members are named as the API names them; nested
//! configuration keeps the API's JSON spelling because callers get back what they gave.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::arn::{Arn, ResourceKind};
use crate::error::ApiError;
use crate::hyperparameters::Hyperparameters;
use crate::recommender::Recommender;
use crate::schedule::Schedule;
use crate::slots::Slots;
use crate::status::Lifecycle;
use crate::time::EpochMillis;
use crate::training_data::TrainingData;
use crate::tuning::{AutoMlConfig, HpoConfig, Search, Tuned};

/// Any resource, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
#[allow(
    clippy::large_enum_variant,
    reason = "one row is moved a few times a request; a box would stand in every match"
)]
pub enum Resource {
    DatasetGroup(DatasetGroup),
    Schema(Schema),
    Dataset(Dataset),
    DatasetImportJob(DatasetImportJob),
    Solution(Solution),
    SolutionVersion(SolutionVersion),
    Campaign(Campaign),
    BatchInferenceJob(BatchInferenceJob),
    EventTracker(EventTracker),
    BatchSegmentJob(BatchSegmentJob),
    DatasetExportJob(DatasetExportJob),
    Filter(Filter),
    DataDeletionJob(DataDeletionJob),
    MetricAttribution(MetricAttribution),
    Recommender(Recommender),
}

/// A container for the datasets and models of one application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetGroup {
    /// `dataset-group/<name>`.
    pub arn: Arn,
    /// Unique in the region.
    pub name: String,
    /// Echoed to the caller.
    pub role_arn: Option<String>,
    /// Echoed to the caller.
    pub kms_key_arn: Option<String>,
    /// `ECOMMERCE`, `VIDEO_ON_DEMAND`, or nothing for a custom group.
    pub domain: Option<String>,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

/// An immutable Avro schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// `schema/<name>`.
    pub arn: Arn,
    /// Unique in the region.
    pub name: String,
    /// The Avro JSON as the caller gave it.
    pub schema: String,
    /// Domain of the schema, if any.
    pub domain: Option<String>,
    /// When it was created.
    pub created: EpochMillis,
}

/// Which dataset of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DatasetType {
    /// Who did what, when.
    #[serde(rename = "INTERACTIONS")]
    Interactions,
    /// Item metadata.
    #[serde(rename = "ITEMS")]
    Items,
    /// User metadata.
    #[serde(rename = "USERS")]
    Users,
    /// What users can be asked to do, with what is known of it.
    #[serde(rename = "ACTIONS")]
    Actions,
    /// Who was shown which action, and took it or not.
    #[serde(rename = "ACTION_INTERACTIONS")]
    ActionInteractions,
}

impl DatasetType {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Interactions, Self::Items, Self::Users, Self::Actions, Self::ActionInteractions];

    /// Upper case, as dataset ARNs spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interactions => "INTERACTIONS",
            Self::Items => "ITEMS",
            Self::Users => "USERS",
            Self::Actions => "ACTIONS",
            Self::ActionInteractions => "ACTION_INTERACTIONS",
        }
    }

    /// The ARN of the dataset of this type in a group: `dataset/<group>/<TYPE>`.
    pub fn arn_in(self, group: &Arn) -> Result<Arn, ApiError> {
        let text = group.as_str().replacen(":dataset-group/", ":dataset/", 1);
        format!("{text}/{}", self.as_str()).parse()
    }

    /// Reads a type in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str().eq_ignore_ascii_case(text))
    }
}

/// The imported data that a dataset stands for at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Key of the manifest object, which lists the Parquet parts with their checksums.
    pub manifest_key: String,
    /// Rows over all parts.
    pub rows: u64,
}

/// A table of a dataset group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// `dataset/<group>/<TYPE>`.
    pub arn: Arn,
    /// The caller's name for it.
    pub name: String,
    /// The group it belongs to.
    pub dataset_group: Arn,
    /// Which one of its group.
    pub dataset_type: DatasetType,
    /// The schema its rows follow.
    pub schema: Arn,
    /// What training reads: replaced by one conditional write when an import is whole.
    pub active: Option<Snapshot>,
    /// The key that action interactions are put with; other datasets have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
    /// The latest change of its schema.
    #[serde(default)]
    pub latest_update: Option<DatasetUpdate>,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

/// A change of a dataset by `UpdateDataset`. It is in force at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetUpdate {
    /// The schema that replaced the one before.
    pub schema: Arn,
    /// Status and dates of the change.
    pub lifecycle: Lifecycle,
}

/// Whether an import replaces or appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportMode {
    /// Replaces what was imported before.
    #[serde(rename = "FULL")]
    Full,
    /// Adds to what was imported before; a row of Items or Users with a known id replaces it.
    #[serde(rename = "INCREMENTAL")]
    Incremental,
}

/// One import of CSV files into a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetImportJob {
    /// `dataset-import-job/<jobName>`.
    pub arn: Arn,
    /// Unique in the region.
    pub job_name: String,
    /// Where the rows go.
    pub dataset: Arn,
    /// `s3://bucket/key.csv` or `s3://bucket/prefix/`.
    pub data_location: String,
    /// Echoed to the caller.
    pub role_arn: Option<String>,
    /// Replace or append.
    pub import_mode: ImportMode,
    /// `publishAttributionMetricsToS3`.
    #[serde(default)]
    pub publish_attribution: bool,
    /// Bad rows that may be set aside before the job fails. Zero unless the operator raised it.
    #[serde(default)]
    pub bad_rows_allowed: u64,
    /// Rows imported and rows set aside, once it has ended.
    #[serde(default)]
    pub outcome: Option<ImportOutcome>,
    /// How often the work was begun.
    #[serde(default)]
    pub attempts: u32,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

/// What an import did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportOutcome {
    /// Rows that are in the dataset now because of this job.
    pub rows: u64,
    /// Rows set aside.
    pub quarantined: u64,
    /// Where the rows that were set aside lie, with line numbers and reasons.
    pub quarantine_key: Option<String>,
}

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

/// `campaignConfig`, as the caller gave it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CampaignConfig {
    /// Parameters of exploration, for the recipes that explore.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub item_exploration_config: BTreeMap<String, String>,
    /// Whether the campaign moves to each new version of its solution by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_with_latest_solution_version: Option<bool>,
    /// Whether requests may ask for columns of Items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_metadata_with_recommendations: Option<bool>,
}

/// A change of a campaign that is under way, or the last one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignUpdate {
    /// The version it moves to.
    pub solution_version: Arn,
    /// The new capacity.
    pub min_provisioned_tps: Option<u32>,
    /// The new configuration.
    pub config: Option<CampaignConfig>,
    /// Status and dates of the change.
    pub lifecycle: Lifecycle,
}

/// A deployed solution version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// `campaign/<name>`.
    pub arn: Arn,
    /// Unique in the region.
    pub name: String,
    /// The version whose lists are served. Moving this pointer, and that to the slot with it, is the
    /// deploy, and the rollback.
    pub solution_version: Arn,
    /// Where the lists are.
    #[serde(default)]
    pub slots: Slots,
    /// Echoed to the caller; capacity follows the load by itself here.
    pub min_provisioned_tps: Option<u32>,
    /// As the caller gave it.
    pub config: Option<CampaignConfig>,
    /// The latest change.
    pub latest_update: Option<CampaignUpdate>,
    /// How often publishing was begun for the version that is being deployed.
    #[serde(default)]
    pub attempts: u32,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

impl Campaign {
    /// Whether it moves to each new version of its solution by itself.
    pub fn follows_latest(&self) -> bool {
        self.config.as_ref().is_some_and(CampaignConfig::follows_latest)
    }
}

impl CampaignConfig {
    /// Whether a campaign with it moves to each new version of its solution by itself.
    pub fn follows_latest(&self) -> bool {
        self.sync_with_latest_solution_version == Some(true)
    }
}

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
    /// Prefix that ends in `/`.
    pub output_path: String,
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
    /// How often the work was begun.
    #[serde(default)]
    pub attempts: u32,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

/// What lets clients send events to a dataset group; a group has at most one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventTracker {
    /// `event-tracker/<8 hex digits>`.
    pub arn: Arn,
    /// The caller's name for it.
    pub name: String,
    /// Whose events they are.
    pub dataset_group: Arn,
    /// The key that events are sent with: a UUID that begins with the digits of the ARN, so that the
    /// tracker is found by it with one read.
    pub tracking_id: String,
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

/// Which of a dataset's rows an export writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IngestionMode {
    /// What import jobs brought.
    #[serde(rename = "BULK")]
    Bulk,
    /// What came one by one: events, and single items and users.
    #[serde(rename = "PUT")]
    Put,
    /// Both.
    #[serde(rename = "ALL")]
    All,
}

impl IngestionMode {
    /// The API's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bulk => "BULK",
            Self::Put => "PUT",
            Self::All => "ALL",
        }
    }
}

/// A dataset as CSV files of the caller's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetExportJob {
    /// `dataset-export-job/<jobName>`.
    pub arn: Arn,
    /// Unique in the region.
    pub job_name: String,
    /// Whose rows.
    pub dataset: Arn,
    /// Which rows.
    pub ingestion_mode: IngestionMode,
    /// Echoed to the caller.
    pub role_arn: String,
    /// Prefix that ends in `/`.
    pub output_path: String,
    /// How often the work was begun.
    #[serde(default)]
    pub attempts: u32,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

/// An expression that says which items or users may be answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// `filter/<name>`.
    pub arn: Arn,
    /// Unique in the region.
    pub name: String,
    /// Whose columns it tests.
    pub dataset_group: Arn,
    /// As the caller gave it; it was read and checked when the filter was created.
    pub expression: String,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

impl Filter {
    /// A filter applies to what was made from its own dataset group only.
    pub fn must_belong_to(&self, dataset_group: &Arn) -> Result<(), ApiError> {
        if self.dataset_group == *dataset_group {
            return Ok(());
        }
        Err(ApiError::invalid(format!(
            "The filter {} belongs to the dataset group {}, and what answers here to {dataset_group}: use a \
             filter of the same group.",
            self.arn, self.dataset_group
        )))
    }
}

/// Removes users with all that is kept of them from a dataset group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataDeletionJob {
    /// `data-deletion-job/<jobName>`.
    pub arn: Arn,
    /// Unique in the region.
    pub job_name: String,
    /// Whose datasets.
    pub dataset_group: Arn,
    /// `s3://bucket/users.csv` or `s3://bucket/prefix/`: CSV with the column `USER_ID`.
    pub data_location: String,
    /// Echoed to the caller.
    pub role_arn: String,
    /// What was removed, once it has ended.
    #[serde(default)]
    pub outcome: Option<DataDeletionOutcome>,
    /// How often the work was begun.
    #[serde(default)]
    pub attempts: u32,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

/// What a data deletion job did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataDeletionOutcome {
    /// Rows of the datasets, imported or put one by one, that are there no more.
    pub num_deleted: u64,
    /// Where it is written down what was looked through and what was removed.
    pub receipt_key: String,
}

/// What the events of a dataset group come to, by where they came from; a group has at most one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricAttribution {
    /// `metric-attribution/<name>`.
    pub arn: Arn,
    /// Unique in the region.
    pub name: String,
    /// Whose events.
    pub dataset_group: Arn,
    /// What is measured, in the order in which it was asked for.
    pub metrics: Vec<AttributedMetric>,
    /// Where reports go.
    pub output: AttributionOutput,
    /// Events that came in before this are in a report, or came in before the attribution.
    pub reported_to: EpochMillis,
    /// Where the report ends that is being made.
    #[serde(default)]
    pub reporting_to: Option<EpochMillis>,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

/// One metric of an attribution, as the caller gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributedMetric {
    /// Which events count.
    pub event_type: String,
    /// The caller's name for it.
    pub metric_name: String,
    /// `SUM(Items.PRICE)`, `SAMPLECOUNT()`.
    pub expression: String,
}

/// Where the reports of an attribution go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributionOutput {
    /// A folder, where files were asked for.
    pub path: Option<String>,
    /// Echoed to the caller.
    pub role_arn: String,
}

/// A filter as one request applies it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedFilter {
    /// The expression of the filter.
    pub expression: String,
    /// The group of the filter and of the version that answers.
    pub dataset_group: Arn,
    /// `filterValues` as they were given.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// The user of the request, for `CurrentUser` and `Interactions`.
    #[serde(default)]
    pub user: Option<String>,
    /// The item of the request, for `CurrentItem`.
    #[serde(default)]
    pub item: Option<String>,
}

impl Resource {
    /// The resource's own ARN.
    pub fn arn(&self) -> &Arn {
        match self {
            Self::DatasetGroup(r) => &r.arn,
            Self::Schema(r) => &r.arn,
            Self::Dataset(r) => &r.arn,
            Self::DatasetImportJob(r) => &r.arn,
            Self::Solution(r) => &r.arn,
            Self::SolutionVersion(r) => &r.arn,
            Self::Campaign(r) => &r.arn,
            Self::BatchInferenceJob(r) => &r.arn,
            Self::EventTracker(r) => &r.arn,
            Self::BatchSegmentJob(r) => &r.arn,
            Self::DatasetExportJob(r) => &r.arn,
            Self::Filter(r) => &r.arn,
            Self::DataDeletionJob(r) => &r.arn,
            Self::MetricAttribution(r) => &r.arn,
            Self::Recommender(r) => &r.serves.arn,
        }
    }

    /// What it is.
    pub fn kind(&self) -> ResourceKind {
        self.arn().kind()
    }

    /// What lists filter by: the group of a dataset, solution, event tracker, filter, recommender, deletion job
    /// or metric attribution, the dataset of an import or export job, the solution of a version or campaign, the version of
    /// a batch job.
    pub fn parent(&self) -> Option<Arn> {
        match self {
            Self::DatasetGroup(_) | Self::Schema(_) => None,
            Self::Dataset(r) => Some(r.dataset_group.clone()),
            Self::DatasetImportJob(r) => Some(r.dataset.clone()),
            Self::Solution(r) => Some(r.dataset_group.clone()),
            Self::SolutionVersion(r) => Some(r.solution.clone()),
            Self::Campaign(r) => Some(r.solution_version.solution()),
            Self::BatchInferenceJob(r) => Some(r.order.solution_version.clone()),
            Self::EventTracker(r) => Some(r.dataset_group.clone()),
            Self::BatchSegmentJob(r) => Some(r.order.solution_version.clone()),
            Self::DatasetExportJob(r) => Some(r.dataset.clone()),
            Self::Filter(r) => Some(r.dataset_group.clone()),
            Self::DataDeletionJob(r) => Some(r.dataset_group.clone()),
            Self::MetricAttribution(r) => Some(r.dataset_group.clone()),
            Self::Recommender(r) => Some(r.dataset_group.clone()),
        }
    }

    /// Status and dates; a schema has none.
    pub fn lifecycle(&self) -> Option<&Lifecycle> {
        match self {
            Self::DatasetGroup(r) => Some(&r.lifecycle),
            Self::Schema(_) => None,
            Self::Dataset(r) => Some(&r.lifecycle),
            Self::DatasetImportJob(r) => Some(&r.lifecycle),
            Self::Solution(r) => Some(&r.lifecycle),
            Self::SolutionVersion(r) => Some(&r.lifecycle),
            Self::Campaign(r) => Some(&r.lifecycle),
            Self::BatchInferenceJob(r) => Some(&r.lifecycle),
            Self::EventTracker(r) => Some(&r.lifecycle),
            Self::BatchSegmentJob(r) => Some(&r.lifecycle),
            Self::DatasetExportJob(r) => Some(&r.lifecycle),
            Self::Filter(r) => Some(&r.lifecycle),
            Self::DataDeletionJob(r) => Some(&r.lifecycle),
            Self::MetricAttribution(r) => Some(&r.lifecycle),
            Self::Recommender(r) => Some(&r.serves.lifecycle),
        }
    }

    /// The same, to be changed.
    pub fn lifecycle_mut(&mut self) -> Option<&mut Lifecycle> {
        match self {
            Self::DatasetGroup(r) => Some(&mut r.lifecycle),
            Self::Schema(_) => None,
            Self::Dataset(r) => Some(&mut r.lifecycle),
            Self::DatasetImportJob(r) => Some(&mut r.lifecycle),
            Self::Solution(r) => Some(&mut r.lifecycle),
            Self::SolutionVersion(r) => Some(&mut r.lifecycle),
            Self::Campaign(r) => Some(&mut r.lifecycle),
            Self::BatchInferenceJob(r) => Some(&mut r.lifecycle),
            Self::EventTracker(r) => Some(&mut r.lifecycle),
            Self::BatchSegmentJob(r) => Some(&mut r.lifecycle),
            Self::DatasetExportJob(r) => Some(&mut r.lifecycle),
            Self::Filter(r) => Some(&mut r.lifecycle),
            Self::DataDeletionJob(r) => Some(&mut r.lifecycle),
            Self::MetricAttribution(r) => Some(&mut r.lifecycle),
            Self::Recommender(r) => Some(&mut r.serves.lifecycle),
        }
    }
}

/// Gives each resource struct `From` into and `try_from` out of [`Resource`].
macro_rules! conversions {
    ($($kind:ident),*) => {$(
        impl From<$kind> for Resource {
            fn from(resource: $kind) -> Self {
                Self::$kind(resource)
            }
        }
        impl TryFrom<Resource> for $kind {
            type Error = Resource;
            fn try_from(resource: Resource) -> Result<Self, Resource> {
                match resource {
                    Resource::$kind(inner) => Ok(inner),
                    other => Err(other),
                }
            }
        }
    )*};
}
conversions!(
    DatasetGroup,
    Schema,
    Dataset,
    DatasetImportJob,
    Solution,
    SolutionVersion,
    Campaign,
    BatchInferenceJob,
    EventTracker,
    BatchSegmentJob,
    DatasetExportJob,
    Filter,
    DataDeletionJob,
    MetricAttribution,
    Recommender
);

/// Work that goes on after the call that asked for it has been answered.
///
/// In the cloud each is a Step Functions execution, in local mode a task of the process. A job names
/// only its resource; everything else is read from the store, so starting one twice is harmless.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Job {
    /// Import CSV files into a dataset.
    Import(Arn),
    /// Train a solution version.
    Train(Arn),
    /// Publish the lists of a campaign's, or recommender's, version and move its pointer; or stop serving.
    Deploy(Arn),
    /// Answer a file of users or items.
    BatchInference(Arn),
    /// Find the users for a file of items or attributes.
    BatchSegment(Arn),
    /// Write a dataset as CSV.
    Export(Arn),
    /// Remove users from a dataset group.
    DataDeletion(Arn),
    /// Remove a resource with everything that hangs on it.
    Delete(Arn),
}

impl Job {
    /// The resource that the job works on.
    pub fn arn(&self) -> &Arn {
        match self {
            Self::Import(a)
            | Self::Train(a)
            | Self::Deploy(a)
            | Self::BatchInference(a)
            | Self::BatchSegment(a)
            | Self::Export(a)
            | Self::DataDeletion(a)
            | Self::Delete(a) => a,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_job_is_kept_as_it_was_before_both_kinds_shared_an_order() {
        let kept = r#"{"BatchInferenceJob":{"arn":"arn:aws:personalize:us-east-1:000000000000:batch-inference-job/all","job_name":"all","solution_version":"arn:aws:personalize:us-east-1:000000000000:solution/films/0000002a","num_results":null,"input_path":"s3://osusume/in.json","output_path":"s3://osusume/out/","role_arn":"arn:aws:iam::000000000000:role/R","attempts":1,"lifecycle":{"status":"CREATE IN_PROGRESS","created":1,"updated":2}}}"#;
        let job: Resource = serde_json::from_str(kept).unwrap();
        let Resource::BatchInferenceJob(found) = &job else { panic!("{job:?}") };
        assert_eq!((found.order.job_name.as_str(), found.order.num_results), ("all", None));
        let written: serde_json::Value = serde_json::to_value(&job).unwrap();
        let before: serde_json::Value = serde_json::from_str(kept).unwrap();
        for (name, value) in before["BatchInferenceJob"].as_object().unwrap() {
            if name != "lifecycle" {
                assert_eq!(written["BatchInferenceJob"][name], *value, "{name}");
            }
        }
    }
}
