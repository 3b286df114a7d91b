//! Solution versions.

use domain::recipes::Recipe;
use domain::resource::{Dataset, DatasetType, Job, Solution, SolutionVersion, TrainingMode, TrainingType};
use domain::{ApiError, Arn, ResourceKind, Status};
use lifecycle::rules;
use lifecycle::version::{self, Asked};
use store::resources::UpdateError;
use wire::shape::Shape;
use wire::solution_version::{self as shapes, CreateSolutionVersion};
use wire::{Member, Members};

use super::Output;
use crate::Control;
use crate::find::Parent;
use crate::pages::List;

const LIST: List<SolutionVersion> = List {
    key: "solutionVersions",
    kind: ResourceKind::SolutionVersion,
    parent: Some(("solutionArn", ResourceKind::Solution)),
    summary: shapes::summary,
};

/// `CreateSolutionVersion`. Starts a training on what the group's datasets hold now. Two versions of a
/// solution that the caller named cannot have the same name.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateSolutionVersion::parse(members)?;
    let tags = wire::tags::given(members)?;
    let Parent { value: solution, row } = control.active_parent::<Solution>(&request.solution).await?;
    let before = match request.mode {
        TrainingMode::Full => None,
        TrainingMode::Update => Some(updated(control, &solution).await?),
    };
    let interactions = filled(control, &solution.dataset_group, DatasetType::Interactions).await?;
    if let Some(recipe) = solution.recipe.as_ref().map(version::recipe).transpose()? {
        has_actions(control, recipe, &solution.dataset_group).await?;
    }
    let kind = ResourceKind::SolutionVersion;
    control.room_in_flight(kind, control.quotas.solution_versions_in_flight).await?;
    let asked = Asked {
        id: match &request.name {
            Some(name) => version::id_of_name(&solution, name),
            None => (control.version_id)(),
        },
        name: request.name,
        training_type: TrainingType::Manual,
        data: version::training_data(&control.resources, &solution.dataset_group).await?,
        now: (control.clock)(),
    };
    let full = version::pending(&solution, asked)?;
    let version = match before {
        Some(before) => version::updating(full, before),
        None => full,
    };
    let arn = version.arn.clone();
    control.create_and_launch(version, tags, vec![row, interactions.row], Job::Train(arn.clone())).await?;
    Ok(Some(Shape::new().arn("solutionVersionArn", &arn).into()))
}

/// The version that an UPDATE goes on from: the newest ACTIVE one.
///
/// Fails with `InvalidInput` where none was trained from scratch, or its recipe has no weights to go on
/// from.
async fn updated(control: &Control, of: &Solution) -> Result<SolutionVersion, ApiError> {
    let mut trained = version::all(&control.resources, &of.arn).await?;
    if let Some(recipe) = of.recipe.as_ref().map(version::recipe).transpose()? {
        must_allow_update(recipe)?;
    }
    trained.retain(|version| version.lifecycle.status == Status::Active);
    let full = trained.iter().any(|version| version.training_mode == TrainingMode::Full);
    match trained.pop() {
        Some(latest) if full => {
            must_allow_update(version::recipe(&latest.recipe)?)?;
            Ok(latest)
        }
        _ => Err(ApiError::invalid(format!(
            "'trainingMode' is UPDATE, but {} has no ACTIVE solution version that was trained with FULL: create one \
             with trainingMode FULL first.",
            of.arn
        ))),
    }
}

fn must_allow_update(recipe: &Recipe) -> Result<(), ApiError> {
    if recipe.allows_update() {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "'trainingMode' is UPDATE, but {} has no weights to go on from: use FULL, which takes no longer.",
        recipe.arn()
    )))
}

/// A dataset that a training reads.
///
/// Fails with `InvalidInput` where there is none or nothing was imported into it: such a training
/// could only fail later.
pub(super) async fn filled(
    control: &Control,
    group: &Arn,
    kind: DatasetType,
) -> Result<Parent<Dataset>, ApiError> {
    let (name, rows) = match kind {
        DatasetType::Interactions => ("an Interactions dataset", "interactions"),
        DatasetType::Items => ("an Items dataset", "items"),
        DatasetType::Users => ("a Users dataset", "users"),
        DatasetType::Actions => ("an Actions dataset", "actions"),
        DatasetType::ActionInteractions => ("an Action_Interactions dataset", "action interactions"),
    };
    let tail = format!("{}/{}", group.tail(), kind.as_str());
    let arn = control.scope.arn(ResourceKind::Dataset, &tail);
    let missing = |what: &str, mend: &str| {
        ApiError::invalid(format!("The dataset group {group} has no {what} to train on: {mend} first."))
    };
    if control.resources.get(&arn).await.map_err(ApiError::internal)?.is_none() {
        let bare = name.split_once(' ').map_or(name, |(_, bare)| bare);
        return Err(missing(bare, &format!("create {name} with CreateDataset")));
    }
    let dataset = control.active_parent::<Dataset>(&arn).await?;
    match dataset.value.active {
        Some(_) => Ok(dataset),
        None => Err(missing(
            &format!("imported {rows}"),
            "import them with CreateDatasetImportJob and wait until the job is ACTIVE",
        )),
    }
}

/// A recipe of actions needs the dataset of them. What is in it is looked at by the training, because actions
/// may have been put one by one.
async fn has_actions(control: &Control, recipe: &Recipe, group: &Arn) -> Result<(), ApiError> {
    let arn = DatasetType::Actions.arn_in(group)?;
    if !recipe.reads_actions() || control.resources.get(&arn).await.map_err(ApiError::internal)?.is_some() {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "The dataset group {group} has no Actions dataset to recommend from: create one with CreateDataset first."
    )))
}

/// `DescribeSolutionVersion`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("solutionVersionArn", Member::arn)?;
    let version: SolutionVersion = control.find(&arn).await?;
    Ok(Some(Shape::new().with("solutionVersion", shapes::describe(&version)).into()))
}

/// `ListSolutionVersions`. Unlike other lists it must know the parent.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    if let Some(solution) = LIST.parent_of(members)? {
        control.find::<Solution>(&solution).await?;
    }
    LIST.page(control, members).await
}

/// `GetSolutionMetrics`, once the version is trained.
pub async fn metrics(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("solutionVersionArn", Member::arn)?;
    let version = control.active_parent::<SolutionVersion>(&arn).await?.value;
    let model = version
        .model
        .as_ref()
        .ok_or_else(|| ApiError::internal(format!("{arn} is active without a model")))?;
    Ok(Some(shapes::metrics(&arn, model)))
}

/// `StopSolutionVersionCreation`. A training that has not begun is stopped at once; one that has is
/// told to, and ends as CREATE STOPPED soon after.
pub async fn stop(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("solutionVersionArn", Member::arn)?;
    if arn.kind() != ResourceKind::SolutionVersion {
        return Err(ApiError::not_found(&arn));
    }
    let stopped = control
        .resources
        .update(&arn, |version: &mut SolutionVersion| {
            let next = rules::stopped(version)?;
            version.lifecycle.advance(next, (control.clock)()).map_err(ApiError::internal)
        })
        .await;
    match stopped {
        Ok(Some(_)) => Ok(None),
        Ok(None) => Err(ApiError::not_found(&arn)),
        Err(UpdateError::Refused(error)) => Err(error),
        Err(error) => Err(ApiError::internal(error)),
    }
}
