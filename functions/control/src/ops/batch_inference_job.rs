//! Batch inference jobs.

use ::filter::ast::Target;
use dataset::Schema;
use dataset::schema::FieldType;
use domain::recipes::{Algorithm, Recipe, RecipeType};
use domain::resource::{self, BatchInferenceJob, Dataset, DatasetType, Job, Solution, SolutionVersion};
use domain::{ApiError, Lifecycle, ResourceKind};
use wire::batch_inference_job::{self as shapes, CreateBatchInferenceJob};
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use super::campaign::{exploration, influence};
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
    let request = CreateBatchInferenceJob::parse(members)?;
    let CreateBatchInferenceJob { order, item_exploration_config, ranking_influence, theme_item_name } =
        request;
    let tags = wire::tags::given(members)?;
    control.may_encrypt("jobInput.s3DataSource", order.input_kms_key.as_deref())?;
    control.may_encrypt("jobOutput.s3DataDestination", order.output_kms_key.as_deref())?;
    let version = control.active_parent::<SolutionVersion>(&order.solution_version).await?;
    answers_lines(lifecycle::version::recipe(&version.value.recipe)?)?;
    exploration(&version.value.recipe, &item_exploration_config)?;
    influence(&version.value.recipe, &ranking_influence)?;
    let solution = control.active_parent::<Solution>(&version.value.solution).await?;
    let group = &version.value.dataset_group;
    if let Some(column) = &theme_item_name {
        makes_themes(control, &version.value, column).await?;
    }
    let filter = filter::of_job(control, order.filter.as_ref(), group, Target::Item).await?;
    let kind = ResourceKind::BatchInferenceJob;
    control.room_in_flight(kind, control.quotas.batch_inference_in_flight).await?;
    let job = BatchInferenceJob {
        arn: control.scope.arn(kind, &order.job_name),
        order,
        item_exploration_config,
        ranking_influence,
        theme_item_name,
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

/// Themes are of lists of similar items, and made of the columns of Items, where `column` has their names.
async fn makes_themes(control: &Control, version: &SolutionVersion, column: &str) -> Result<(), ApiError> {
    let recipe = lifecycle::version::recipe(&version.recipe)?;
    if recipe.algorithm != Algorithm::SimilarItems {
        return Err(ApiError::invalid(format!(
            "'batchInferenceJobMode' is THEME_GENERATION, which is for the recipe aws-similar-items, and {} was \
             trained with {}.",
            version.arn,
            recipe.arn()
        )));
    }
    let named = |why: String| {
        ApiError::invalid(format!(
            "'{column}' at 'themeGenerationConfig.fieldsForThemeGeneration.itemName' {why}"
        ))
    };
    let group = &version.dataset_group;
    let datasets = control.children(ResourceKind::Dataset, Some(group)).await?;
    let mut datasets = datasets.into_iter().filter_map(|child| Dataset::try_from(child).ok());
    let items = datasets.find(|dataset| dataset.dataset_type == DatasetType::Items);
    let items = items.ok_or_else(|| named(format!("needs an Items dataset, which {group} has not.")))?;
    let schema: resource::Schema = control.find(&items.schema).await?;
    let schema = Schema::parse(&schema.schema).map_err(ApiError::internal)?;
    let of_text = schema.fields.iter().filter(|field| field.kind == FieldType::String);
    let there: Vec<&str> = of_text.map(|field| field.name.as_str()).collect();
    if there.iter().any(|name| name.eq_ignore_ascii_case(column)) {
        return Ok(());
    }
    Err(named(format!("is no column of strings of {}; it has {}.", items.arn, there.join(", "))))
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
