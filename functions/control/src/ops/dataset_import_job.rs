//! Import jobs.

use domain::resource::{Dataset, DatasetImportJob, ImportMode, Job};
use domain::{ApiError, Lifecycle, ResourceKind};
use wire::dataset_import_job::{self as shapes, CreateDatasetImportJob};
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use crate::Control;
use crate::pages::List;

const LIST: List<DatasetImportJob> = List {
    key: "datasetImportJobs",
    kind: ResourceKind::DatasetImportJob,
    parent: Some(("datasetArn", ResourceKind::Dataset)),
    summary: shapes::summary,
};

/// `CreateDatasetImportJob`. Whether the location can be read is found out by the job.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateDatasetImportJob::parse(members)?;
    let tags = wire::tags::given(members)?;
    let dataset = control.active_parent::<Dataset>(&request.dataset).await?;
    if request.import_mode == ImportMode::Incremental && dataset.value.active.is_none() {
        return Err(ApiError::invalid(format!(
            "'INCREMENTAL' at 'importMode' adds to imported data, and {} has none: the first import must be FULL.",
            request.dataset
        )));
    }
    control.room_in_flight(ResourceKind::DatasetImportJob, control.quotas.imports_in_flight).await?;
    let job = DatasetImportJob {
        arn: control.scope.arn(ResourceKind::DatasetImportJob, &request.job_name),
        job_name: request.job_name,
        dataset: request.dataset,
        data_location: request.data_location,
        role_arn: request.role_arn,
        import_mode: request.import_mode,
        bad_rows_allowed: control.bad_rows_allowed,
        outcome: None,
        attempts: 0,
        lifecycle: Lifecycle::pending((control.clock)()),
    };
    let arn = job.arn.clone();
    control.create_and_launch(job, tags, vec![dataset.row], Job::Import(arn.clone())).await?;
    Ok(Some(Shape::new().arn("datasetImportJobArn", &arn).into()))
}

/// `DescribeDatasetImportJob`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("datasetImportJobArn", Member::arn)?;
    let job: DatasetImportJob = control.find(&arn).await?;
    Ok(Some(Shape::new().with("datasetImportJob", shapes::describe(&job)).into()))
}

/// `ListDatasetImportJobs`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}
