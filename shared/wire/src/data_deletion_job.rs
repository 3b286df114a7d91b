//! Data deletion jobs: `CreateDataDeletionJob` and what describe and list show.

use domain::resource::DataDeletionJob;
use domain::{ApiError, Arn, Status};
use serde_json::Value;

use crate::members::{Member, Members};
use crate::shape::Shape;

/// `CreateDataDeletionJob`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateDataDeletionJob {
    /// Unique in the region.
    pub job_name: String,
    /// Whose datasets.
    pub dataset_group: Arn,
    /// `s3://bucket/users.csv` or `s3://bucket/prefix/`.
    pub data_location: String,
    /// Echoed to the caller.
    pub role_arn: String,
}

impl CreateDataDeletionJob {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let job_name = members.required("jobName", Member::name)?;
        let dataset_group = members.required("datasetGroupArn", Member::arn)?;
        let source = members.required("dataSource", Member::object)?;
        let data_location = source.required("dataLocation", |m| m.s3_path("Invalid Data location."))?;
        let role_arn = members.required("roleArn", Member::role_arn)?;
        Ok(Self { job_name, dataset_group, data_location, role_arn })
    }
}

/// `dataDeletionJob` of `DescribeDataDeletionJob`.
pub fn describe(job: &DataDeletionJob) -> Value {
    // The model has an integer of 32 bits there.
    let deleted = job.outcome.as_ref().map(|outcome| outcome.num_deleted.min(i32::MAX as u64));
    summary_shape(job)
        .with("dataSource", Shape::new().with("dataLocation", job.data_location.as_str()))
        .with("roleArn", job.role_arn.as_str())
        .with_some("numDeleted", deleted)
        .into()
}

/// An element of `ListDataDeletionJobs`.
pub fn summary(job: &DataDeletionJob) -> Value {
    summary_shape(job).into()
}

fn summary_shape(job: &DataDeletionJob) -> Shape {
    Shape::new()
        .with("jobName", job.job_name.as_str())
        .arn("dataDeletionJobArn", &job.arn)
        .arn("datasetGroupArn", &job.dataset_group)
        .lifecycle(&job.lifecycle)
        .with("status", status(job.lifecycle.status))
}

/// These jobs have words of their own: they create nothing.
fn status(status: Status) -> &'static str {
    match status {
        Status::CreatePending => "PENDING",
        Status::Active => "COMPLETED",
        Status::CreateFailed => "FAILED",
        _ => "IN_PROGRESS",
    }
}

#[cfg(test)]
mod tests {
    use domain::{EpochMillis, Lifecycle};

    use super::*;

    #[test]
    fn statuses_have_no_word_of_creation() {
        let arn: Arn = "arn:aws:personalize:us-east-1:000000000000:data-deletion-job/gone".parse().unwrap();
        let mut job = DataDeletionJob {
            dataset_group: arn.clone(),
            arn,
            job_name: "gone".into(),
            data_location: "s3://films/gone.csv".into(),
            role_arn: "arn:aws:iam::000000000000:role/R".into(),
            outcome: None,
            attempts: 0,
            lifecycle: Lifecycle::pending(EpochMillis(0)),
        };
        let mut seen = vec![];
        for status in [Status::CreatePending, Status::CreateInProgress, Status::Active, Status::CreateFailed]
        {
            job.lifecycle.status = status;
            seen.push(describe(&job)["status"].as_str().unwrap().to_owned());
            assert_eq!(summary(&job)["status"], seen[seen.len() - 1].as_str());
        }
        assert_eq!(seen, ["PENDING", "IN_PROGRESS", "COMPLETED", "FAILED"]);
    }
}
