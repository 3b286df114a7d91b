//! Batch segments: `CreateBatchSegmentJob` and what describe and list show.

use domain::ApiError;
use domain::limits::SEGMENT_USERS_MAX;
use domain::resource::BatchSegmentJob;
use serde_json::Value;

use crate::batch_job::{BatchJob, details};
use crate::members::Members;
use crate::shape::Shape;

/// `CreateBatchSegmentJob`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateBatchSegmentJob {
    /// What every batch job has.
    pub job: BatchJob,
}

impl CreateBatchSegmentJob {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let job = BatchJob::parse(members, SEGMENT_USERS_MAX)?;
        members.not_available("filterArn", "filtering the users of a segment")?;
        members.no_tags()?;
        Ok(Self { job })
    }
}

/// `batchSegmentJob` of `DescribeBatchSegmentJob`.
pub fn describe(job: &BatchSegmentJob) -> Value {
    details(summary_shape(job), job.num_results, &job.input_path, &job.output_path, &job.role_arn).into()
}

/// An element of `ListBatchSegmentJobs`.
pub fn summary(job: &BatchSegmentJob) -> Value {
    summary_shape(job).into()
}

fn summary_shape(job: &BatchSegmentJob) -> Shape {
    Shape::new()
        .with("jobName", job.job_name.as_str())
        .arn("batchSegmentJobArn", &job.arn)
        .arn("solutionVersionArn", &job.solution_version)
        .lifecycle(&job.lifecycle)
}
