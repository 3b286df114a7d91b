//! Any bytes are the body of a request or an error that says why not, for each operation that reads one.
#![no_main]

use domain::ApiError;
use libfuzzer_sys::fuzz_target;
use wire::events::{PutActionInteractions, PutEvents, PutRecords};
use wire::runtime::{GetActionRecommendations, GetPersonalizedRanking, GetRecommendations};
use wire::{Document, Members};

fn explains<T>(read: Result<T, ApiError>) {
    if let Err(error) = read {
        assert!(!error.message.is_empty());
    }
}

/// Each request of the control plane.
fn control(members: &Members<'_>) {
    explains(wire::batch_inference_job::CreateBatchInferenceJob::parse(members));
    explains(wire::batch_segment_job::parse(members));
    explains(wire::campaign::CreateCampaign::parse(members));
    explains(wire::campaign::UpdateCampaign::parse(members));
    explains(wire::data_deletion_job::CreateDataDeletionJob::parse(members));
    explains(wire::dataset::CreateDataset::parse(members));
    explains(wire::dataset::UpdateDataset::parse(members));
    explains(wire::dataset_export_job::CreateDatasetExportJob::parse(members));
    explains(wire::dataset_group::CreateDatasetGroup::parse(members));
    explains(wire::dataset_import_job::CreateDatasetImportJob::parse(members));
    explains(wire::event_tracker::CreateEventTracker::parse(members));
    explains(wire::filter::CreateFilter::parse(members));
    explains(wire::metric_attribution::CreateMetricAttribution::parse(members));
    explains(wire::metric_attribution::UpdateMetricAttribution::parse(members));
    explains(wire::recommender::CreateRecommender::parse(members));
    explains(wire::recommender::UpdateRecommender::parse(members));
    explains(wire::schema::CreateSchema::parse(members));
    explains(wire::solution::CreateSolution::parse(members));
    explains(wire::solution::UpdateSolution::parse(members));
    explains(wire::solution_version::CreateSolutionVersion::parse(members));
    explains(wire::tags::TagResource::parse(members));
    explains(wire::tags::UntagResource::parse(members));
}

fuzz_target!(|body: &[u8]| {
    match Document::parse(body) {
        Ok(document) => control(&document.members()),
        Err(error) => explains::<()>(Err(error)),
    }
    explains(GetRecommendations::parse(body));
    explains(GetPersonalizedRanking::parse(body));
    explains(GetActionRecommendations::parse(body));
    explains(PutEvents::parse(body));
    explains(PutActionInteractions::parse(body));
    explains(PutRecords::parse_items(body));
    explains(PutRecords::parse_users(body));
    explains(PutRecords::parse_actions(body));
});
