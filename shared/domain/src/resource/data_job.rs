//! Jobs on the data of a dataset group: imports, exports and deletions of users.

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::status::Lifecycle;

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
    /// The key of AWS KMS that the files are encrypted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_kms_key: Option<String>,
    /// How often the work was begun.
    #[serde(default)]
    pub attempts: u32,
    /// Status and dates.
    pub lifecycle: Lifecycle,
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
