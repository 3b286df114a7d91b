//! Batch segments: `CreateBatchSegmentJob` and what describe and list show.

use domain::ApiError;
use domain::limits::SEGMENT_USERS_MAX;
use domain::resource::{BatchOrder, BatchSegmentJob};
use serde_json::Value;

use crate::batch_job;
use crate::members::Members;
use crate::shape::Shape;

/// Checks a `CreateBatchSegmentJob`.
pub fn parse(members: &Members<'_>) -> Result<BatchOrder, ApiError> {
    batch_job::order(members, SEGMENT_USERS_MAX)
}

/// `batchSegmentJob` of `DescribeBatchSegmentJob`.
pub fn describe(job: &BatchSegmentJob) -> Value {
    batch_job::details(summary_shape(job), &job.order).into()
}

/// An element of `ListBatchSegmentJobs`.
pub fn summary(job: &BatchSegmentJob) -> Value {
    summary_shape(job).into()
}

fn summary_shape(job: &BatchSegmentJob) -> Shape {
    batch_job::summary("batchSegmentJobArn", &job.arn, &job.order).lifecycle(&job.lifecycle)
}
