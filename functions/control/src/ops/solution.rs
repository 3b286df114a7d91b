//! Solutions.

use domain::events_config;
use domain::recipes::Recipe;
use domain::resource::{DatasetGroup, Solution, SolutionConfig, SolutionUpdate, SolutionVersion};
use domain::{ApiError, Arn, Lifecycle, Resource, ResourceKind, Status, tuning, use_cases};
use lifecycle::auto_training::{Occasion, version_for};
use lifecycle::{rules, version};
use store::resources::UpdateError;
use wire::shape::Shape;
use wire::solution::{self as shapes, CreateSolution, UpdateSolution};
use wire::{Member, Members};

use super::Output;
use crate::pages::List;
use crate::{Control, training_choices};

const LIST: List<Solution> = List {
    key: "solutions",
    kind: ResourceKind::Solution,
    parent: Some(("datasetGroupArn", ResourceKind::DatasetGroup)),
    summary: shapes::summary,
};

/// `CreateSolution`. A solution is configuration only, so it is active at once; its hyperparameters
/// are checked now rather than when it trains. With automatic training, and data, its first version
/// begins at once.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateSolution::parse(members)?;
    let tags = wire::tags::given(members)?;
    let recipe = version::trained_recipe(request.recipe.as_ref(), request.config.as_ref())?;
    must_be_custom(recipe)?;
    version::hyperparameters(recipe, request.config.as_ref())?;
    let searched = tuning::candidates(request.search, recipe, request.config.as_ref())?;
    let recipes: Vec<&Recipe> = searched.iter().map(|one| one.recipe).chain([recipe]).collect();
    events_config::agree(request.event_type.as_deref(), request.config.as_ref(), &recipes)?;
    if request.perform_incremental_update {
        can_go_on(request.perform_auto_training, &recipes)?;
    }
    let group = control.active_parent::<DatasetGroup>(&request.dataset_group).await?;
    training_choices::fit(control, &request.dataset_group, &recipes, request.config.as_ref()).await?;
    let quota = control.quotas.solutions_per_group;
    control.room_for("solution", ResourceKind::Solution, Some(&request.dataset_group), quota).await?;
    let solution = Solution {
        arn: control.scope.arn(ResourceKind::Solution, &request.name),
        name: request.name,
        dataset_group: request.dataset_group,
        recipe: request.recipe,
        search: request.search,
        event_type: request.event_type,
        config: request.config,
        perform_auto_training: request.perform_auto_training,
        perform_incremental_update: request.perform_incremental_update,
        latest_update: None,
        lifecycle: Lifecycle::active((control.clock)()),
    };
    let arn = solution.arn.clone();
    control.create(solution, tags, vec![group.row]).await?;
    train_by_itself(control, &arn).await;
    Ok(Some(Shape::new().arn("solutionArn", &arn).into()))
}

/// The use cases of domains are for recommenders, which domain dataset groups have beside solutions.
fn must_be_custom(recipe: &Recipe) -> Result<(), ApiError> {
    match use_cases::find_by_name(recipe.name) {
        Some(use_case) => Err(ApiError::invalid(format!(
            "{} at 'recipeArn' is a use case of the domain {}, which a recommender is created for: use \
             CreateRecommender, or the recipe arn:aws:personalize:::recipe/{} here.",
            recipe.arn(),
            use_case.domain,
            use_case.base
        ))),
        None => Ok(()),
    }
}

/// Begins the training that a solution with automatic training wants of the data that there is. The
/// solution is what its caller asked for whatever becomes of this: what fails is logged, and tried again
/// when the schedules are looked at.
async fn train_by_itself(control: &Control, solution: &Arn) {
    let begun = async {
        let now = (control.clock)();
        if let Some(job) = version_for(&control.resources, solution, Occasion::Change, vec![], now).await? {
            control.launcher.launch(job).await.map_err(ApiError::internal)?;
        }
        Ok::<_, ApiError>(())
    };
    if let Err(error) = begun.await {
        tracing::error!(%solution, %error, cause = error.causes(), "automatic training was not begun");
    }
}

/// `DescribeSolution`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("solutionArn", Member::arn)?;
    let solution: Solution = control.find(&arn).await?;
    let versions = version::all(&control.resources, &arn).await?;
    let chosen =
        |version: &&SolutionVersion| version.search.auto_ml && version.lifecycle.status == Status::Active;
    let best_recipe = versions.iter().rfind(chosen).map(|version| &version.recipe);
    let described = shapes::describe(&solution, versions.last(), best_recipe);
    Ok(Some(Shape::new().with("solution", described).into()))
}

/// `UpdateSolution`. The new settings are in force at once; a training that has begun goes on.
pub async fn update(control: &Control, members: &Members<'_>) -> Output {
    let request = UpdateSolution::parse(members)?;
    let now = (control.clock)();
    if request.events_config.is_some() {
        let solution: Solution = control.find(&request.solution).await?;
        let config = SolutionConfig { events_config: request.events_config.clone(), ..Default::default() };
        training_choices::fit(control, &solution.dataset_group, &[], Some(&config)).await?;
    }
    let updated = control
        .resources
        .update(&request.solution, |solution: &mut Solution| {
            rules::must_be_active(&Resource::from(solution.clone()))?;
            solution.perform_auto_training =
                request.perform_auto_training.unwrap_or(solution.perform_auto_training);
            if let Some(config) = &request.auto_training_config {
                solution.config.get_or_insert_default().auto_training_config = Some(config.clone());
            }
            if let Some(events) = &request.events_config {
                solution.config.get_or_insert_default().events_config = Some(events.clone());
                events_agree(solution)?;
            }
            if let Some(incremental) = request.perform_incremental_update {
                solution.perform_incremental_update = incremental;
                if incremental {
                    can_go_on(solution.perform_auto_training, &recipes_of(solution)?)?;
                }
            }
            solution.latest_update = Some(SolutionUpdate {
                perform_auto_training: request.perform_auto_training,
                auto_training_config: request.auto_training_config.clone(),
                perform_incremental_update: request.perform_incremental_update,
                events_config: request.events_config.clone(),
                lifecycle: Lifecycle::active(now),
            });
            solution.lifecycle.updated = now;
            Ok(())
        })
        .await;
    match updated {
        Ok(Some(_)) => {}
        Ok(None) => return Err(ApiError::not_found(&request.solution)),
        Err(UpdateError::Refused(error)) => return Err(error),
        Err(error) => return Err(ApiError::internal(error)),
    }
    train_by_itself(control, &request.solution).await;
    Ok(Some(Shape::new().arn("solutionArn", &request.solution).into()))
}

/// Whether the event types of a solution go together with the rest of it.
fn events_agree(solution: &Solution) -> Result<(), ApiError> {
    events_config::agree(solution.event_type.as_deref(), solution.config.as_ref(), &recipes_of(solution)?)
}

/// What a solution may train.
fn recipes_of(solution: &Solution) -> Result<Vec<&'static Recipe>, ApiError> {
    let config = solution.config.as_ref();
    let recipe = version::trained_recipe(solution.recipe.as_ref(), config)?;
    let searched = tuning::candidates(solution.search, recipe, config)?;
    Ok(searched.iter().map(|one| one.recipe).chain([recipe]).collect())
}

/// Whether there is something that goes on from version to version: automatic training, of weights.
fn can_go_on(perform_auto_training: bool, recipes: &[&Recipe]) -> Result<(), ApiError> {
    if !perform_auto_training {
        return Err(ApiError::invalid(
            "'performIncrementalUpdate' is true, but automatic training is off, so nothing would go on by itself: set \
             'performAutoTraining' to true, or ask for versions with CreateSolutionVersion and trainingMode UPDATE.",
        ));
    }
    match recipes.iter().find(|recipe| !recipe.allows_update()) {
        Some(recipe) => Err(ApiError::invalid(format!(
            "'performIncrementalUpdate' is true, but {} has no weights to go on from: leave it out, a whole training \
             takes no longer.",
            recipe.arn()
        ))),
        None => Ok(()),
    }
}

/// `ListSolutions`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}

/// `DeleteSolution`. Blocked by campaigns and by versions in training; its versions go with it.
pub async fn delete(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("solutionArn", Member::arn)?;
    control.begin_delete(&arn, ResourceKind::Solution).await?;
    Ok(None)
}
