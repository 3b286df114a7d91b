//! The table of operations.
//!
//! To add one: write its request and shapes in `wire`, its handler in the file of its resource, and a line
//! in the table below.

pub mod batch_inference_job;
pub mod batch_segment_job;
pub mod campaign;
pub mod data_deletion_job;
pub mod dataset;
pub mod dataset_export_job;
pub mod dataset_group;
pub mod dataset_import_job;
pub mod event_tracker;
pub mod filter;
pub mod metric_attribution;
pub mod recipe;
pub mod recommender;
pub mod schema;
pub mod solution;
pub mod solution_version;
pub mod tags;

use domain::{ApiError, ErrorKind};
use serde_json::Value;
use wire::Members;

use crate::{BoxFuture, Control};

/// What a handler gives back: the JSON of the answer, or nothing where the model has no output.
pub type Output = Result<Option<Value>, ApiError>;

/// Declares the operations that are built; routing and [`BUILT`] derive from it.
macro_rules! operations {
    ($($operation:ident => $handler:path,)*) => {
        /// The operations that are built, by their API names.
        pub const BUILT: &[&str] = &[$(stringify!($operation)),*];

        /// Runs an operation of [`BUILT`]. Boxed, so that it is compiled here and in no binary again.
        pub fn run<'a>(
            control: &'a Control,
            operation: &'a str,
            members: &'a Members<'a>,
        ) -> BoxFuture<'a, Output> {
            match operation {
                $(stringify!($operation) => Box::pin($handler(control, members)),)*
                other => Box::pin(std::future::ready(Err(not_routed(other)))),
            }
        }
    };
}

operations! {
    CreateDatasetGroup => dataset_group::create,
    DescribeDatasetGroup => dataset_group::describe,
    ListDatasetGroups => dataset_group::list,
    DeleteDatasetGroup => dataset_group::delete,

    CreateSchema => schema::create,
    DescribeSchema => schema::describe,
    ListSchemas => schema::list,
    DeleteSchema => schema::delete,

    CreateDataset => dataset::create,
    DescribeDataset => dataset::describe,
    ListDatasets => dataset::list,
    UpdateDataset => dataset::update,
    DeleteDataset => dataset::delete,

    CreateDatasetImportJob => dataset_import_job::create,
    DescribeDatasetImportJob => dataset_import_job::describe,
    ListDatasetImportJobs => dataset_import_job::list,

    CreateDatasetExportJob => dataset_export_job::create,
    DescribeDatasetExportJob => dataset_export_job::describe,
    ListDatasetExportJobs => dataset_export_job::list,

    CreateDataDeletionJob => data_deletion_job::create,
    DescribeDataDeletionJob => data_deletion_job::describe,
    ListDataDeletionJobs => data_deletion_job::list,

    CreateMetricAttribution => metric_attribution::create,
    DescribeMetricAttribution => metric_attribution::describe,
    ListMetricAttributions => metric_attribution::list,
    ListMetricAttributionMetrics => metric_attribution::metrics,
    UpdateMetricAttribution => metric_attribution::update,
    DeleteMetricAttribution => metric_attribution::delete,

    CreateEventTracker => event_tracker::create,
    DescribeEventTracker => event_tracker::describe,
    ListEventTrackers => event_tracker::list,
    DeleteEventTracker => event_tracker::delete,

    CreateSolution => solution::create,
    DescribeSolution => solution::describe,
    ListSolutions => solution::list,
    UpdateSolution => solution::update,
    DeleteSolution => solution::delete,

    CreateSolutionVersion => solution_version::create,
    DescribeSolutionVersion => solution_version::describe,
    ListSolutionVersions => solution_version::list,
    GetSolutionMetrics => solution_version::metrics,
    StopSolutionVersionCreation => solution_version::stop,

    CreateCampaign => campaign::create,
    DescribeCampaign => campaign::describe,
    ListCampaigns => campaign::list,
    UpdateCampaign => campaign::update,
    DeleteCampaign => campaign::delete,

    CreateBatchInferenceJob => batch_inference_job::create,
    DescribeBatchInferenceJob => batch_inference_job::describe,
    ListBatchInferenceJobs => batch_inference_job::list,

    CreateBatchSegmentJob => batch_segment_job::create,
    DescribeBatchSegmentJob => batch_segment_job::describe,
    ListBatchSegmentJobs => batch_segment_job::list,

    CreateFilter => filter::create,
    DescribeFilter => filter::describe,
    ListFilters => filter::list,
    DeleteFilter => filter::delete,

    CreateRecommender => recommender::create,
    DescribeRecommender => recommender::describe,
    ListRecommenders => recommender::list,
    UpdateRecommender => recommender::update,
    StartRecommender => recommender::start,
    StopRecommender => recommender::stop,
    DeleteRecommender => recommender::delete,

    ListRecipes => recipe::list,
    DescribeRecipe => recipe::describe,
    DescribeAlgorithm => recipe::describe_algorithm,
    DescribeFeatureTransformation => recipe::describe_feature_transformation,

    TagResource => tags::tag,
    UntagResource => tags::untag,
    ListTagsForResource => tags::list,
}

/// Says whether an operation can be run; fails with `UnknownOperation` and the reason.
pub fn known(operation: &str) -> Result<(), ApiError> {
    if BUILT.contains(&operation) { Ok(()) } else { Err(not_routed(operation)) }
}

fn not_routed(operation: &str) -> ApiError {
    let message = format!("{operation} is not an operation of Amazon Personalize.");
    ApiError::new(ErrorKind::UnknownOperation, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_the_71_operations_of_the_model_once_each() {
        let mut names = BUILT.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!((names.len(), BUILT.len()), (71, 71));
    }

    #[test]
    fn an_operation_that_nobody_knows_is_refused() {
        assert!(known("ListRecipes").is_ok());
        let nonsense = known("CreateNonsense").unwrap_err();
        assert!(nonsense.message.contains("is not an operation"), "{}", nonsense.message);
        assert_eq!(nonsense.kind, ErrorKind::UnknownOperation);
    }
}
