//! New versions of solutions.

use std::collections::BTreeMap;

use domain::hash::fnv1a64;
use domain::hyperparameters::Hyperparameters;
use domain::recipes::{self, Recipe};
use domain::resource::{Dataset, Solution, SolutionConfig, SolutionVersion, TrainingMode, TrainingType};
use domain::{ApiError, Arn, EpochMillis, ErrorKind, Lifecycle, ResourceKind, TrainingData, tuning};
use store::Resources;

/// Longest name (botocore `Name`).
const NAME_CHARS_MAX: usize = 63;

/// The recipe of the catalogue.
///
/// Fails with `ResourceNotFound`, which names the recipes that there are.
pub fn recipe(arn: &Arn) -> Result<&'static Recipe, ApiError> {
    recipes::find(arn).ok_or_else(|| {
        let known: Vec<_> = recipes::CATALOGUE.iter().map(|recipe| recipe.arn().to_string()).collect();
        let message =
            format!("{} The recipes here are {}.", ApiError::not_found(arn).message, known.join(", "));
        ApiError::new(ErrorKind::ResourceNotFound, message)
    })
}

/// The recipe that a solution names; where AutoML chooses it, the first candidate.
///
/// Fails with `ResourceNotFound` for an unknown recipe, with `InvalidInput` for a list that AutoML cannot
/// choose from.
pub fn trained_recipe(
    named: Option<&Arn>,
    config: Option<&SolutionConfig>,
) -> Result<&'static Recipe, ApiError> {
    match named {
        Some(arn) => recipe(arn),
        None => {
            let candidates =
                tuning::auto_ml_recipes(config.and_then(|config| config.auto_ml_config.as_ref()))?;
            candidates.first().copied().ok_or_else(|| ApiError::internal("AutoML has no candidate"))
        }
    }
}

/// Every parameter that training will use: algorithm and feature transformation, defaults filled in.
pub fn hyperparameters(
    recipe: &Recipe,
    config: Option<&SolutionConfig>,
) -> Result<Hyperparameters, ApiError> {
    let none = BTreeMap::new();
    let algorithm = config.map_or(&none, |config| &config.algorithm_hyperparameters);
    let features = config.map_or(&none, |config| &config.feature_transformation_parameters);
    recipe.resolve(algorithm, features)
}

/// Who asks for a version, and what for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Eight hex digits of its ARN.
    pub id: u32,
    /// `<solution>/<id>` where there is none.
    pub name: Option<String>,
    /// The caller, or the solution itself.
    pub training_type: TrainingType,
    /// What there is to train on.
    pub data: TrainingData,
    /// When.
    pub now: EpochMillis,
}

/// A version of a solution that waits for its training.
///
/// Fails where the solution's parameters do not fit its recipe.
pub fn pending(solution: &Solution, asked: Asked) -> Result<SolutionVersion, ApiError> {
    let recipe = trained_recipe(solution.recipe.as_ref(), solution.config.as_ref())?;
    let hyperparameters = hyperparameters(recipe, solution.config.as_ref())?;
    let arn = arn(&solution.arn, asked.id)?;
    Ok(SolutionVersion {
        name: asked.name.unwrap_or_else(|| default_name(&arn)),
        arn,
        solution: solution.arn.clone(),
        dataset_group: solution.dataset_group.clone(),
        recipe: recipe.arn(),
        search: solution.search,
        tuned: None,
        updates: None,
        event_type: solution.event_type.clone(),
        config: solution.config.clone(),
        hyperparameters,
        training_mode: TrainingMode::Full,
        perform_incremental_update: false,
        training_type: asked.training_type,
        data: asked.data,
        training_hours: None,
        model: None,
        attempts: 0,
        lifecycle: Lifecycle::pending(asked.now),
    })
}

/// A version that goes on from the weights of the one before it. What a search has found stays; searching
/// again is a training from scratch.
pub fn updating(full: SolutionVersion, before: SolutionVersion) -> SolutionVersion {
    SolutionVersion {
        recipe: before.recipe,
        hyperparameters: before.hyperparameters,
        tuned: before.tuned,
        training_mode: TrainingMode::Update,
        updates: Some(before.arn),
        ..full
    }
}

/// The ARN of a solution's version.
pub fn arn(solution: &Arn, id: u32) -> Result<Arn, ApiError> {
    format!("{solution}/{id:08x}").parse()
}

/// The id of a version that its caller names: the same name gives the same ARN, so that a solution has a
/// name once, whoever asks at the same time.
pub fn id_of_name(solution: &Solution, name: &str) -> u32 {
    // A solution that was deleted and made anew must not meet its old versions' ARNs.
    let created = solution.lifecycle.created.0.to_string();
    let hash = fnv1a64([created.as_str(), name]);
    (hash ^ (hash >> 32)) as u32
}

/// `<solution>/<id>` as the hosted service has it, or the id alone where that is too long for a name.
fn default_name(arn: &Arn) -> String {
    let tail = arn.tail();
    match tail.rsplit_once('/') {
        Some((_, id)) if tail.len() > NAME_CHARS_MAX => id.to_owned(),
        _ => tail.to_owned(),
    }
}

/// What is imported into a dataset group now. What came in live joins by [`TrainingData::with`].
pub async fn training_data(resources: &Resources, group: &Arn) -> Result<TrainingData, ApiError> {
    let datasets =
        resources.list_all(ResourceKind::Dataset, Some(group)).await.map_err(ApiError::internal)?;
    let datasets: Vec<Dataset> = datasets.into_iter().filter_map(|found| found.try_into().ok()).collect();
    Ok(TrainingData::of(&datasets))
}

/// The versions of a solution or recommender, oldest first.
pub async fn all(resources: &Resources, solution: &Arn) -> Result<Vec<SolutionVersion>, ApiError> {
    let kind = match solution.kind() {
        ResourceKind::Recommender => ResourceKind::RecommenderVersion,
        _ => ResourceKind::SolutionVersion,
    };
    let versions = resources.list_all(kind, Some(solution)).await;
    let versions = versions.map_err(ApiError::internal)?;
    Ok(versions.into_iter().filter_map(|resource| resource.try_into().ok()).collect())
}
