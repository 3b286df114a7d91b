//! Data deletion jobs.

use domain::resource::{DataDeletionJob, DatasetGroup, Job};
use domain::{ApiError, Arn, ErrorKind, Lifecycle, Resource, ResourceKind};
use wire::data_deletion_job::{self as shapes, CreateDataDeletionJob};
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use crate::Control;
use crate::pages::List;

const LIST: List<DataDeletionJob> = List {
    key: "dataDeletionJobs",
    kind: ResourceKind::DataDeletionJob,
    parent: Some(("datasetGroupArn", ResourceKind::DatasetGroup)),
    summary: shapes::summary,
};

/// `CreateDataDeletionJob`. Whether the list can be read is found out by the job.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateDataDeletionJob::parse(members)?;
    let tags = wire::tags::given(members)?;
    let group = control.active_parent::<DatasetGroup>(&request.dataset_group).await?;
    may_begin(control, &request.dataset_group).await?;
    let job = DataDeletionJob {
        arn: control.scope.arn(ResourceKind::DataDeletionJob, &request.job_name),
        job_name: request.job_name,
        dataset_group: request.dataset_group,
        data_location: request.data_location,
        role_arn: request.role_arn,
        outcome: None,
        attempts: 0,
        lifecycle: Lifecycle::pending((control.clock)()),
    };
    let arn = job.arn.clone();
    control.create_and_launch(job, tags, vec![group.row], Job::DataDeletion(arn.clone())).await?;
    Ok(Some(Shape::new().arn("dataDeletionJobArn", &arn).into()))
}

/// Not beside more jobs of the group than may wait, and not while rows are on their way into its datasets
/// or out of them: they would come back with the import, or lie in the export.
async fn may_begin(control: &Control, group: &Arn) -> Result<(), ApiError> {
    let unfinished = control.resources.unfinished().await.map_err(ApiError::internal)?;
    let of_group = |r: &&Resource| matches!(r, Resource::DataDeletionJob(job) if job.dataset_group == *group);
    let most = control.quotas.deletions_in_flight;
    if unfinished.iter().filter(of_group).count() >= most {
        let message = format!("More than {most} resources with PENDING or IN_PROGRESS status");
        return Err(ApiError::new(ErrorKind::LimitExceeded, message));
    }
    for resource in &unfinished {
        let dataset = match resource {
            Resource::DatasetImportJob(job) => &job.dataset,
            Resource::DatasetExportJob(job) => &job.dataset,
            _ => continue,
        };
        if dataset.tail().split('/').next() == Some(group.tail()) {
            return Err(ApiError::in_use(format!(
                "Users cannot be deleted from {group} while {} is under way: create the job once that has ended.",
                resource.arn()
            )));
        }
    }
    Ok(())
}

/// `DescribeDataDeletionJob`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("dataDeletionJobArn", Member::arn)?;
    let job: DataDeletionJob = control.find(&arn).await?;
    Ok(Some(Shape::new().with("dataDeletionJob", shapes::describe(&job)).into()))
}

/// `ListDataDeletionJobs`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}
