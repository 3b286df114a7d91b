//! Solutions.

use std::collections::BTreeMap;

use domain::hyperparameters::Hyperparameters;
use domain::recipes::{self, Recipe};
use domain::resource::{DatasetGroup, Solution, SolutionConfig, SolutionVersion};
use domain::{ApiError, Arn, ErrorKind, Lifecycle, ResourceKind};
use wire::shape::Shape;
use wire::solution::{self as shapes, CreateSolution};
use wire::{Member, Members};

use super::Output;
use crate::Control;
use crate::pages::List;

const LIST: List<Solution> = List {
    key: "solutions",
    kind: ResourceKind::Solution,
    parent: Some(("datasetGroupArn", ResourceKind::DatasetGroup)),
    summary: shapes::summary,
};

/// `CreateSolution`. A solution is configuration only, so it is active at once; its hyperparameters
/// are checked now rather than when it trains.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateSolution::parse(members)?;
    hyperparameters(recipe(&request.recipe)?, request.config.as_ref())?;
    let group = control.active_parent::<DatasetGroup>(&request.dataset_group).await?;
    let quota = control.quotas.solutions_per_group;
    control.room_for("solution", ResourceKind::Solution, Some(&request.dataset_group), quota).await?;
    let solution = Solution {
        arn: control.scope.arn(ResourceKind::Solution, &request.name),
        name: request.name,
        dataset_group: request.dataset_group,
        recipe: request.recipe,
        event_type: request.event_type,
        config: request.config,
        perform_auto_training: false,
        lifecycle: Lifecycle::active((control.clock)()),
    };
    let answer = Shape::new().arn("solutionArn", &solution.arn);
    control.create(solution, vec![group.row]).await?;
    Ok(Some(answer.into()))
}

/// The recipe of the catalogue.
///
/// Fails with `ResourceNotFound`, which names the recipes that there are.
pub(super) fn recipe(arn: &Arn) -> Result<&'static Recipe, ApiError> {
    recipes::find(arn).ok_or_else(|| {
        let known: Vec<_> = recipes::CATALOGUE.iter().map(|recipe| recipe.arn().to_string()).collect();
        let message =
            format!("{} The recipes here are {}.", ApiError::not_found(arn).message, known.join(", "));
        ApiError::new(ErrorKind::ResourceNotFound, message)
    })
}

/// Every parameter that training will use: algorithm and feature transformation, defaults filled in.
pub(super) fn hyperparameters(
    recipe: &Recipe,
    config: Option<&SolutionConfig>,
) -> Result<Hyperparameters, ApiError> {
    let none = BTreeMap::new();
    let algorithm = config.map_or(&none, |config| &config.algorithm_hyperparameters);
    let features = config.map_or(&none, |config| &config.feature_transformation_parameters);
    let algorithm =
        Hyperparameters::resolve(recipe.hyperparameters, algorithm, recipe.algorithm_arn().as_str())?;
    let transformation = recipe.feature_transformation_arn();
    let features = Hyperparameters::resolve(recipe.feature_parameters, features, transformation.as_str())?;
    for (low, high) in [
        ("min_user_history_length_percentile", "max_user_history_length_percentile"),
        ("min_item_interaction_count_percentile", "max_item_interaction_count_percentile"),
    ] {
        if features.0.contains_key(low) && features.real(low) >= features.real(high) {
            return Err(ApiError::invalid(format!(
                "{low} is {} and {high} is {}: nothing would be left to train on. The first must be the smaller.",
                features.real(low),
                features.real(high)
            )));
        }
    }
    Ok(Hyperparameters(algorithm.0.into_iter().chain(features.0).collect()))
}

/// `DescribeSolution`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("solutionArn", Member::arn)?;
    let solution: Solution = control.find(&arn).await?;
    let latest = versions(control, &arn).await?.pop();
    Ok(Some(Shape::new().with("solution", shapes::describe(&solution, latest.as_ref())).into()))
}

/// The versions of a solution, oldest first.
pub(super) async fn versions(control: &Control, solution: &Arn) -> Result<Vec<SolutionVersion>, ApiError> {
    let children = control.children(ResourceKind::SolutionVersion, Some(solution)).await?;
    Ok(children.into_iter().filter_map(|resource| resource.try_into().ok()).collect())
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
