//! Batch segment jobs.

use ::filter::ast::Target;
use domain::recipes::RecipeType;
use domain::resource::{BatchSegmentJob, Job, Solution, SolutionVersion};
use domain::{ApiError, Lifecycle, ResourceKind};
use wire::batch_segment_job as shapes;
use wire::shape::Shape;
use wire::{Member, Members};

use super::{Output, filter};
use crate::Control;
use crate::pages::List;

const LIST: List<BatchSegmentJob> = List {
    key: "batchSegmentJobs",
    kind: ResourceKind::BatchSegmentJob,
    parent: Some(("solutionVersionArn", ResourceKind::SolutionVersion)),
    summary: shapes::summary,
};

/// `CreateBatchSegmentJob`. Whether the input can be read is found out by the job.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let order = shapes::parse(members)?;
    let tags = wire::tags::given(members)?;
    control.may_encrypt("jobInput.s3DataSource", order.input_kms_key.as_deref())?;
    control.may_encrypt("jobOutput.s3DataDestination", order.output_kms_key.as_deref())?;
    let version = control.active_parent::<SolutionVersion>(&order.solution_version).await?;
    let recipe = lifecycle::version::recipe(&version.value.recipe)?;
    if recipe.recipe_type != RecipeType::UserSegmentation {
        return Err(ApiError::invalid(format!(
            "{} was trained with {}, which finds items for users, not users for items: batch segment jobs need a \
             recipe of type USER_SEGMENTATION, for example aws-item-affinity. Use CreateBatchInferenceJob for this one.",
            version.value.arn,
            recipe.arn()
        )));
    }
    let solution = control.active_parent::<Solution>(&version.value.solution).await?;
    let group = &version.value.dataset_group;
    let filter = filter::of_job(control, order.filter.as_ref(), group, Target::User).await?;
    let kind = ResourceKind::BatchSegmentJob;
    control.room_in_flight(kind, control.quotas.batch_segment_in_flight).await?;
    let job = BatchSegmentJob {
        arn: control.scope.arn(kind, &order.job_name),
        order,
        attempts: 0,
        lifecycle: Lifecycle::pending((control.clock)()),
    };
    let arn = job.arn.clone();
    let parents = [version.row, solution.row].into_iter().chain(filter.map(|filter| filter.row)).collect();
    control.create_and_launch(job, tags, parents, Job::BatchSegment(arn.clone())).await?;
    Ok(Some(Shape::new().arn("batchSegmentJobArn", &arn).into()))
}

/// `DescribeBatchSegmentJob`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("batchSegmentJobArn", Member::arn)?;
    let job: BatchSegmentJob = control.find(&arn).await?;
    Ok(Some(Shape::new().with("batchSegmentJob", shapes::describe(&job)).into()))
}

/// `ListBatchSegmentJobs`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}
