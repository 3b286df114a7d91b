//! The resources: what a caller creates, describes and deletes.
//!
//! These structs are what the store keeps. Members are named as the API names them; nested
//! configuration keeps the API's JSON spelling because callers get back what they gave.

mod batch;
mod campaign;
mod data_job;
mod dataset;
mod event;
mod filter;
mod solution;

pub use batch::{BatchInferenceJob, BatchOrder, BatchSegmentJob};
pub use campaign::{Campaign, CampaignConfig, CampaignUpdate};
pub use data_job::{
    DataDeletionJob, DataDeletionOutcome, DatasetExportJob, DatasetImportJob, ImportMode, ImportOutcome,
    IngestionMode,
};
pub use dataset::{Dataset, DatasetGroup, DatasetType, DatasetUpdate, Schema, Snapshot};
pub use event::{AttributedMetric, AttributionOutput, EventTracker, MetricAttribution};
pub use filter::{AppliedFilter, Filter};
pub use solution::{
    AutoTrainingConfig, Metric, Solution, SolutionConfig, SolutionUpdate, SolutionVersion, TrainedModel,
    TrainingMode, TrainingType,
};

use serde::{Deserialize, Serialize};

use crate::arn::{Arn, ResourceKind};
use crate::recommender::Recommender;
use crate::status::Lifecycle;

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
