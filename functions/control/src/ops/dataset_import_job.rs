//! Import jobs.

use domain::resource::{
    AttributionOutput, Dataset, DatasetImportJob, DatasetType, ImportMode, Job, MetricAttribution,
};
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
    if request.publish_attribution {
        can_be_published(control, &dataset.value).await?;
    }
    control.room_in_flight(ResourceKind::DatasetImportJob, control.quotas.imports_in_flight).await?;
    let job = DatasetImportJob {
        arn: control.scope.arn(ResourceKind::DatasetImportJob, &request.job_name),
        job_name: request.job_name,
        dataset: request.dataset,
        data_location: request.data_location,
        role_arn: request.role_arn,
        import_mode: request.import_mode,
        publish_attribution: request.publish_attribution,
        bad_rows_allowed: control.bad_rows_allowed,
        outcome: None,
        attempts: 0,
        lifecycle: Lifecycle::pending((control.clock)()),
    };
    let arn = job.arn.clone();
    control.create_and_launch(job, tags, vec![dataset.row], Job::Import(arn.clone())).await?;
    Ok(Some(Shape::new().arn("datasetImportJobArn", &arn).into()))
}

/// `publishAttributionMetricsToS3` needs interactions, and a metric attribution that says where to.
async fn can_be_published(control: &Control, dataset: &Dataset) -> Result<(), ApiError> {
    let fail =
        |why: &str| Err(ApiError::invalid(format!("'publishAttributionMetricsToS3' is set, but {why}.")));
    let group = &dataset.dataset_group;
    if dataset.dataset_type != DatasetType::Interactions {
        return fail(&format!("{} is no Interactions dataset", dataset.arn));
    }
    let there = control.children(ResourceKind::MetricAttribution, Some(group)).await?;
    let attribution = there.into_iter().find_map(|found| MetricAttribution::try_from(found).ok());
    match attribution {
        Some(MetricAttribution { output: AttributionOutput { path: Some(_), .. }, .. }) => Ok(()),
        Some(found) => fail(&format!("{} has no s3DataDestination", found.arn)),
        None => fail(&format!("the dataset group {group} has no metric attribution")),
    }
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
