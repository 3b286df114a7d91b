//! Export jobs: `CreateDatasetExportJob` and what describe and list show.

use domain::resource::{DatasetExportJob, IngestionMode};
use domain::{ApiError, Arn};
use serde_json::Value;

use crate::batch_job::{job_output, output};
use crate::members::{Member, Members};
use crate::shape::Shape;

/// `CreateDatasetExportJob`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateDatasetExportJob {
    /// Unique in the region.
    pub job_name: String,
    /// Whose rows.
    pub dataset: Arn,
    /// PUT unless the caller says otherwise.
    pub ingestion_mode: IngestionMode,
    /// Echoed to the caller.
    pub role_arn: String,
    /// Prefix that ends in `/`.
    pub output_path: String,
    /// The key of AWS KMS that the files are encrypted with.
    pub output_kms_key: Option<String>,
}

impl CreateDatasetExportJob {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let job_name = members.required("jobName", Member::name)?;
        let dataset = members.required("datasetArn", Member::arn)?;
        let mode = members.optional("ingestionMode", |m| m.word(&["BULK", "PUT", "ALL"]))?;
        let role_arn = members.required("roleArn", Member::role_arn)?;
        let output = output(members)?;
        let ingestion_mode = match mode {
            Some("BULK") => IngestionMode::Bulk,
            Some("ALL") => IngestionMode::All,
            _ => IngestionMode::Put,
        };
        let (output_path, output_kms_key) = (output.path, output.kms_key);
        Ok(Self { job_name, dataset, ingestion_mode, role_arn, output_path, output_kms_key })
    }
}

/// `datasetExportJob` of `DescribeDatasetExportJob`.
pub fn describe(job: &DatasetExportJob) -> Value {
    summary_shape(job)
        .arn("datasetArn", &job.dataset)
        .with("ingestionMode", job.ingestion_mode.as_str())
        .with("roleArn", job.role_arn.as_str())
        .with("jobOutput", job_output(&job.output_path, job.output_kms_key.as_deref()))
        .into()
}

/// An element of `ListDatasetExportJobs`.
pub fn summary(job: &DatasetExportJob) -> Value {
    summary_shape(job).into()
}

fn summary_shape(job: &DatasetExportJob) -> Shape {
    Shape::new()
        .with("jobName", job.job_name.as_str())
        .arn("datasetExportJobArn", &job.arn)
        .lifecycle(&job.lifecycle)
}
