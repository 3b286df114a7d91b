//! Import jobs: `CreateDatasetImportJob` and what describe and list show.

use domain::resource::{DatasetImportJob, ImportMode};
use domain::{ApiError, Arn};
use serde_json::Value;

use crate::members::{Member, Members};
use crate::shape::Shape;

/// `CreateDatasetImportJob`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateDatasetImportJob {
    /// Unique in the region.
    pub job_name: String,
    /// Where the rows go.
    pub dataset: Arn,
    /// `s3://bucket/key.csv` or `s3://bucket/prefix/`.
    pub data_location: String,
    /// Echoed to the caller.
    pub role_arn: Option<String>,
    /// FULL unless the caller says otherwise.
    pub import_mode: ImportMode,
    /// Whether a report of the rows is written where the group's metric attribution says.
    pub publish_attribution: bool,
}

impl CreateDatasetImportJob {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let job_name = members.required("jobName", Member::name)?;
        let dataset = members.required("datasetArn", Member::arn)?;
        let source = members.required("dataSource", Member::object)?;
        let data_location = source.required("dataLocation", |m| m.s3_path("Invalid Data location."))?;
        let role_arn = members.optional("roleArn", Member::role_arn)?;
        let mode = members.optional("importMode", |m| m.word(&["FULL", "INCREMENTAL"]))?;
        let publish_attribution = members.optional("publishAttributionMetricsToS3", |m| m.flag())?;
        let import_mode = match mode {
            Some("INCREMENTAL") => ImportMode::Incremental,
            _ => ImportMode::Full,
        };
        let publish_attribution = publish_attribution.unwrap_or(false);
        Ok(Self { job_name, dataset, data_location, role_arn, import_mode, publish_attribution })
    }
}

/// `datasetImportJob` of `DescribeDatasetImportJob`.
pub fn describe(job: &DatasetImportJob) -> Value {
    summary_shape(job)
        .arn("datasetArn", &job.dataset)
        .with("dataSource", Shape::new().with("dataLocation", job.data_location.as_str()))
        .with_some("roleArn", job.role_arn.as_deref())
        .with("publishAttributionMetricsToS3", job.publish_attribution)
        .into()
}

/// An element of `ListDatasetImportJobs`.
pub fn summary(job: &DatasetImportJob) -> Value {
    summary_shape(job).into()
}

fn summary_shape(job: &DatasetImportJob) -> Shape {
    let mode = match job.import_mode {
        ImportMode::Full => "FULL",
        ImportMode::Incremental => "INCREMENTAL",
    };
    Shape::new()
        .with("jobName", job.job_name.as_str())
        .arn("datasetImportJobArn", &job.arn)
        .with("importMode", mode)
        .lifecycle(&job.lifecycle)
}
