//! Export jobs.

use domain::resource::{Dataset, DatasetExportJob, DatasetType, Job};
use domain::{ApiError, Lifecycle, ResourceKind};
use wire::dataset_export_job::{self as shapes, CreateDatasetExportJob};
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use crate::Control;
use crate::pages::List;

const LIST: List<DatasetExportJob> = List {
    key: "datasetExportJobs",
    kind: ResourceKind::DatasetExportJob,
    parent: Some(("datasetArn", ResourceKind::Dataset)),
    summary: shapes::summary,
};

/// `CreateDatasetExportJob`. Whether the output can be written is found out by the job.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateDatasetExportJob::parse(members)?;
    let tags = wire::tags::given(members)?;
    control.may_encrypt("jobOutput.s3DataDestination", request.output_kms_key.as_deref())?;
    let dataset = control.active_parent::<Dataset>(&request.dataset).await?;
    if matches!(dataset.value.dataset_type, DatasetType::Actions | DatasetType::ActionInteractions) {
        return Err(ApiError::invalid(format!(
            "{} cannot be exported: Interactions, Items and Users datasets can.",
            dataset.value.arn
        )));
    }
    let kind = ResourceKind::DatasetExportJob;
    control.room_in_flight(kind, control.quotas.exports_in_flight).await?;
    let job = DatasetExportJob {
        arn: control.scope.arn(kind, &request.job_name),
        job_name: request.job_name,
        dataset: request.dataset,
        ingestion_mode: request.ingestion_mode,
        role_arn: request.role_arn,
        output_path: request.output_path,
        output_kms_key: request.output_kms_key,
        attempts: 0,
        lifecycle: Lifecycle::pending((control.clock)()),
    };
    let arn = job.arn.clone();
    control.create_and_launch(job, tags, vec![dataset.row], Job::Export(arn.clone())).await?;
    Ok(Some(Shape::new().arn("datasetExportJobArn", &arn).into()))
}

/// `DescribeDatasetExportJob`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("datasetExportJobArn", Member::arn)?;
    let job: DatasetExportJob = control.find(&arn).await?;
    Ok(Some(Shape::new().with("datasetExportJob", shapes::describe(&job)).into()))
}

/// `ListDatasetExportJobs`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}
