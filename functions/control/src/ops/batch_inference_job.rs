//! Batch inference jobs.

use ::filter::ast::Target;
use domain::recipes::{Recipe, RecipeType};
use domain::resource::{BatchInferenceJob, Job, Solution, SolutionVersion};
use domain::{ApiError, Lifecycle, ResourceKind};
use wire::batch_inference_job::{self as shapes, CreateBatchInferenceJob};
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use super::campaign::exploration;
use super::filter;
use crate::Control;
use crate::pages::List;

const LIST: List<BatchInferenceJob> = List {
    key: "batchInferenceJobs",
    kind: ResourceKind::BatchInferenceJob,
    parent: Some(("solutionVersionArn", ResourceKind::SolutionVersion)),
    summary: shapes::summary,
};

/// `CreateBatchInferenceJob`. Whether the input can be read is found out by the job.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let CreateBatchInferenceJob { order, item_exploration_config } = CreateBatchInferenceJob::parse(members)?;
    let tags = wire::tags::given(members)?;
    let version = control.active_parent::<SolutionVersion>(&order.solution_version).await?;
    answers_lines(lifecycle::version::recipe(&version.value.recipe)?)?;
    exploration(&version.value.recipe, &item_exploration_config)?;
    let solution = control.active_parent::<Solution>(&version.value.solution).await?;
    let group = &version.value.dataset_group;
    let filter = filter::of_job(control, order.filter.as_ref(), group, Target::Item).await?;
    let kind = ResourceKind::BatchInferenceJob;
    control.room_in_flight(kind, control.quotas.batch_inference_in_flight).await?;
    let job = BatchInferenceJob {
        arn: control.scope.arn(kind, &order.job_name),
        order,
        item_exploration_config,
        attempts: 0,
        lifecycle: Lifecycle::pending((control.clock)()),
    };
    let arn = job.arn.clone();
    let parents = [version.row, solution.row].into_iter().chain(filter.map(|filter| filter.row)).collect();
    control.create_and_launch(job, tags, parents, Job::BatchInference(arn.clone())).await?;
    Ok(Some(Shape::new().arn("batchInferenceJobArn", &arn).into()))
}

/// Recipes that the hosted service has no batch inference for are refused here too.
fn answers_lines(recipe: &Recipe) -> Result<(), ApiError> {
    let instead = match recipe.recipe_type {
        RecipeType::UserPersonalization | RecipeType::RelatedItems | RecipeType::PersonalizedRanking => {
            return Ok(());
        }
        RecipeType::PersonalizedActions => {
            "recommends actions while users are there: ask a campaign with GetActionRecommendations"
        }
        RecipeType::UserSegmentation => "finds users for items: use CreateBatchSegmentJob",
        RecipeType::PopularItems => "has one list for everybody: ask a campaign with GetRecommendations",
    };
    Err(ApiError::invalid(format!(
        "Batch inference is not for the recipe {}, which {instead}.",
        recipe.arn()
    )))
}

/// `DescribeBatchInferenceJob`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("batchInferenceJobArn", Member::arn)?;
    let job: BatchInferenceJob = control.find(&arn).await?;
    Ok(Some(Shape::new().with("batchInferenceJob", shapes::describe(&job)).into()))
}

/// `ListBatchInferenceJobs`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}
