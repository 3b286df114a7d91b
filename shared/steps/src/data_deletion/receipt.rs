//! What a job says that it did: for whoever has to show it to somebody else. It names no user.

use std::collections::BTreeMap;

use domain::Arn;
use domain::resource::{DataDeletionJob, DatasetType};
use serde::Serialize;

use super::DATASETS;

/// Rows that were looked at, and how many of them were removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Rows {
    pub scanned: u64,
    pub removed: u64,
}

impl Rows {
    pub fn add(&mut self, scanned: u64, removed: u64) {
        self.scanned += scanned;
        self.removed += removed;
    }
}

/// Rows of one dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DatasetRows {
    /// What import jobs brought and is the dataset's data.
    pub imported: Rows,
    /// Events, or users that were put one by one.
    pub put: Rows,
    /// What is kept of imports that others have replaced.
    pub replaced_imports: Rows,
    /// What trainings read beside the imports.
    pub training_layers: Rows,
}

/// The receipt of a job.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Receipt {
    pub data_deletion_job_arn: Arn,
    pub dataset_group_arn: Arn,
    /// Distinct ids in the caller's list.
    pub users_listed: u64,
    /// Rows of the datasets: `imported` and `put`.
    pub num_deleted: u64,
    pub datasets: BTreeMap<&'static str, DatasetRows>,
    /// Rows that said whose session is whose.
    pub session_ties_removed: u64,
    /// Precomputed recommendations, in both slots of each campaign.
    pub lists_removed: BTreeMap<String, u64>,
    /// Files with rows that imports set aside.
    pub quarantine_files_removed: u64,
    /// Checkpoints of trainings that were cut off.
    pub checkpoints_removed: u64,
    /// Their weights were learnt from the users' rows, until they are trained anew. What they answer from
    /// beside the weights no longer holds the users.
    pub solution_versions_that_learnt_from_the_users: Vec<Arn>,
    /// What a job does not reach.
    pub not_removed: [&'static str; 4],
}

/// What no job can reach, in words.
const NOT_REMOVED: [&str; 4] = [
    "Your own files: CSV that was uploaded for imports, outputs of batch and export jobs, and the list of users \
     itself. An import of them brings the users back.",
    "Events and users that are put while the job runs, or later.",
    "Failure reasons of import jobs, where they quote the value that was refused.",
    "The memory of functions that run: they let go of the rows within seconds of their next live answer, or end \
     with their sandbox. Older versions of objects and backups of tables, where you have these turned on; on your own \
     machine freed pages of the database file, until they are written over.",
];

impl Receipt {
    pub fn new(job: &DataDeletionJob, users_listed: u64) -> Self {
        Self {
            data_deletion_job_arn: job.arn.clone(),
            dataset_group_arn: job.dataset_group.clone(),
            users_listed,
            num_deleted: 0,
            datasets: DATASETS.into_iter().map(|kind| (kind.as_str(), DatasetRows::default())).collect(),
            session_ties_removed: 0,
            lists_removed: BTreeMap::new(),
            quarantine_files_removed: 0,
            checkpoints_removed: 0,
            solution_versions_that_learnt_from_the_users: vec![],
            not_removed: NOT_REMOVED,
        }
    }

    pub fn rows(&mut self, kind: DatasetType) -> &mut DatasetRows {
        self.datasets.entry(kind.as_str()).or_default()
    }

    /// Sums up what was removed from the datasets.
    pub fn count(&mut self) {
        self.num_deleted = self.datasets.values().map(|rows| rows.imported.removed + rows.put.removed).sum();
    }
}
