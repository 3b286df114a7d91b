//! Automatic training: which version a solution gets by itself, and when.
//!
//! The rule looks at what is there and not at what happened, so it may be asked as often as one likes,
//! by anybody, after any kill: a solution with automatic training wants a version of the interactions
//! that are imported now, and on its schedule one of whatever else has changed. The id of an automatic
//! version derives from the solution and the data, so two who create it at the same moment create it
//! once.
//!
//! A version that was told of other event types or columns than the solution is now has not learnt what is
//! asked for, whatever its data. With `performIncrementalUpdate` the schedule is that of whole trainings:
//! between them, whatever has changed makes a version that goes on from the one before.

use domain::hash::fnv1a64;
use domain::resource::{
    Dataset, DatasetType, Job, Solution, SolutionConfig, SolutionVersion, TrainingMode, TrainingType,
};
use domain::{ApiError, Arn, EpochMillis, ErrorKind, Resource, ResourceKind, Status, Tags, TrainingData};
use store::{Resources, Revised};

use crate::version::{self, Asked};
use crate::{children, rules};

/// Work that was asked for and has not begun after this time is taken for forgotten, by a process that
/// ended between writing it down and starting it.
pub const FORGOTTEN_AFTER_MS: i64 = 60 * 60 * 1_000;

/// Why it is looked whether something is to be trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Data was imported, or automatic training was just turned on.
    Change,
    /// The time has come to look at everything.
    Schedule,
}

/// What a solution needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing now.
    Nothing,
    /// A version with this id.
    Create(u32),
    /// The start of a version's training, which was asked for and has not begun.
    Start(Arn),
}

/// What a solution needs for the data that there is. `versions` are all of its versions, oldest first.
pub fn next(
    solution: &Solution,
    versions: &[SolutionVersion],
    data: &TrainingData,
    occasion: Occasion,
    now: EpochMillis,
) -> Next {
    let (Some(schedule), Some(interactions)) = (solution.schedule(), data.interactions()) else {
        return Next::Nothing;
    };
    if solution.lifecycle.status != Status::Active {
        return Next::Nothing;
    }
    let whole = needs_whole(solution, versions, now);
    let recent = since_other_choices(solution, versions);
    let counts = |version: &SolutionVersion| {
        recent.iter().any(|one| one.arn == version.arn)
            && learns_alike(solution, version)
            && !(whole && version.training_mode == TrainingMode::Update)
    };
    let id = match free_id(solution, versions, data, counts) {
        Ok(id) => id,
        // Made for this very data: it trains, it is trained, or it says why it is not.
        Err(made) => {
            return if waits(made, occasion, now) { Next::Start(made.arn.clone()) } else { Next::Nothing };
        }
    };
    // One that has not begun reads what there is when it begins; but it learns from what it was told to.
    let forgotten =
        |version: &SolutionVersion| occasion == Occasion::Schedule && waits(version, occasion, now);
    let stands_for_the_next = |version: &&SolutionVersion| {
        version.lifecycle.status == Status::CreatePending
            && (learns_alike(solution, version) || forgotten(version))
    };
    if let Some(waiting) = versions.iter().find(stands_for_the_next) {
        return if forgotten(waiting) { Next::Start(waiting.arn.clone()) } else { Next::Nothing };
    }
    let usable = |version: &&SolutionVersion| {
        !matches!(
            version.lifecycle.status,
            Status::CreateFailed | Status::CreateStopping | Status::CreateStopped
        ) && counts(version)
    };
    if !versions.iter().filter(usable).any(|version| version.data.interactions() == Some(interactions)) {
        return Next::Create(id);
    }
    let due = match newest_whole(solution, versions).filter(|_| solution.perform_incremental_update) {
        // What goes on from a version before the one that is under way would be taken for the newer one.
        Some(last) if !last.lifecycle.status.is_at_rest() => false,
        Some(last) => {
            schedule.is_due(last.lifecycle.created, now) || goes_on_from(solution, versions, now).is_some()
        }
        None if solution.perform_incremental_update => true,
        None => versions.last().is_none_or(|last| schedule.is_due(last.lifecycle.created, now)),
    };
    let changed = !versions.iter().filter(usable).any(|version| version.data == *data);
    if occasion == Occasion::Schedule && due && changed { Next::Create(id) } else { Next::Nothing }
}

/// Whether a version was told of the same events and columns as the solution is now.
fn learns_alike(solution: &Solution, version: &SolutionVersion) -> bool {
    let of = |config: &Option<SolutionConfig>| {
        let config = config.clone().unwrap_or_default();
        (config.events_config, config.training_data_config)
    };
    of(&solution.config) == of(&version.config)
}

/// The versions since the last one that was told of something else than the solution is now. Campaigns move
/// to newer versions alone, so what was learnt before that one serves nobody any more.
fn since_other_choices<'a>(solution: &Solution, versions: &'a [SolutionVersion]) -> &'a [SolutionVersion] {
    let other = |version: &SolutionVersion| {
        !learns_alike(solution, version)
            && !matches!(
                version.lifecycle.status,
                Status::CreateFailed | Status::CreateStopping | Status::CreateStopped
            )
    };
    &versions[versions.iter().rposition(other).map_or(0, |last| last + 1)..]
}

/// The newest version that was, is or would have been trained from scratch on what the solution is now.
fn newest_whole<'a>(solution: &Solution, versions: &'a [SolutionVersion]) -> Option<&'a SolutionVersion> {
    let whole = |version: &&SolutionVersion| {
        version.training_mode == TrainingMode::Full && learns_alike(solution, version)
    };
    versions.iter().rfind(whole)
}

/// Whether a solution that goes on from version to version is to be trained from scratch: its schedule says
/// so, or there is nothing to go on from.
fn needs_whole(solution: &Solution, versions: &[SolutionVersion], now: EpochMillis) -> bool {
    let Some(schedule) = solution.schedule().filter(|_| solution.perform_incremental_update) else {
        return false;
    };
    let usable = |version: &SolutionVersion| {
        version.lifecycle.status == Status::Active && learns_alike(solution, version)
    };
    newest_whole(solution, versions).is_none_or(|last| {
        schedule.is_due(last.lifecycle.created, now)
            || !last.lifecycle.status.is_at_rest()
            || !versions.iter().any(usable)
    })
}

/// The version that the next one goes on from; none where it is to be trained from scratch.
pub fn goes_on_from<'a>(
    solution: &Solution,
    versions: &'a [SolutionVersion],
    now: EpochMillis,
) -> Option<&'a SolutionVersion> {
    if !solution.perform_incremental_update || needs_whole(solution, versions, now) {
        return None;
    }
    let usable = |version: &&SolutionVersion| {
        version.lifecycle.status == Status::Active && learns_alike(solution, version)
    };
    let before = versions.iter().rfind(usable)?;
    version::recipe(&before.recipe).is_ok_and(|recipe| recipe.allows_update()).then_some(before)
}

/// Whether a version's training is to be started once more. Soon after it was asked for, only the
/// retry of whoever asked knows that it was not.
pub(crate) fn waits(version: &SolutionVersion, occasion: Occasion, now: EpochMillis) -> bool {
    let age = now.0 - version.lifecycle.created.0;
    version.lifecycle.status == Status::CreatePending
        && (occasion == Occasion::Change || age >= FORGOTTEN_AFTER_MS)
}

/// The id of the version for this data, or the version itself. 32 bits may meet by chance, so an id
/// that a version of other data has is passed over, and so is that of one that does not count.
fn free_id<'a>(
    solution: &Solution,
    versions: &'a [SolutionVersion],
    data: &TrainingData,
    counts: impl Fn(&SolutionVersion) -> bool,
) -> Result<u32, &'a SolutionVersion> {
    let created = solution.lifecycle.created.0.to_string();
    let mut salt = 0_u32;
    loop {
        let salted = salt.to_string();
        let own = [solution.arn.as_str(), created.as_str(), salted.as_str()];
        let hash = fnv1a64(own.into_iter().chain(data.parts()));
        let id = (hash ^ (hash >> 32)) as u32;
        let tail = format!("{}/{id:08x}", solution.arn.tail());
        match versions.iter().find(|version| version.arn.tail() == tail) {
            None => return Ok(id),
            Some(version) if version.data == *data && counts(version) => return Err(version),
            Some(_) => salt += 1,
        }
    }
}

/// Creates the version that a solution needs now; gives back the job that is to be launched, if any.
///
/// Fails with `ResourceNotFound` or `ResourceInUse` when the solution or its data are being deleted,
/// and where its parameters do not fit its recipe any more.
///
/// `live` is what came in beside the imports, as [`TrainingData::with`] takes it. On [`Occasion::Change`]
/// nothing depends on it, so it may be left out. `solution` may be a recommender, which trains like one.
pub async fn version_for(
    resources: &Resources,
    solution: &Arn,
    occasion: Occasion,
    live: Vec<(&str, String)>,
    now: EpochMillis,
) -> Result<Option<Job>, ApiError> {
    let Some(row) = resources.get(solution).await.map_err(ApiError::internal)? else { return Ok(None) };
    let solution = match row.value.clone() {
        Resource::Solution(solution) => solution,
        Resource::Recommender(recommender) => recommender.trainer(),
        _ => return Ok(None),
    };
    if solution.schedule().is_none() {
        return Ok(None);
    }
    let data = version::training_data(resources, &solution.dataset_group).await?;
    let data = live.into_iter().fold(data, |data, (source, identity)| data.with(source, identity));
    let versions = version::all(resources, &solution.arn).await?;
    let id = match next(&solution, &versions, &data, occasion, now) {
        Next::Nothing => return Ok(None),
        Next::Start(version) => return Ok(Some(Job::Train(version))),
        Next::Create(id) => id,
    };
    let interactions = interactions(resources, &solution.dataset_group).await?;
    let asked = Asked { id, name: None, training_type: TrainingType::Automatic, data, now };
    let full = version::pending(&solution, asked)?;
    let version = match goes_on_from(&solution, &versions, now) {
        Some(before) => {
            let version = version::updating(full, before.clone());
            SolutionVersion { perform_incremental_update: true, ..version }
        }
        None => full,
    };
    let job = Job::Train(version.arn.clone());
    match children::create(resources, &version.into(), &Tags::default(), vec![row, interactions]).await {
        Ok(()) => Ok(Some(job)),
        // Somebody else was as quick; starting a job twice is harmless.
        Err(error) if error.kind == ErrorKind::ResourceAlreadyExists => Ok(Some(job)),
        Err(error) => Err(error),
    }
}

/// The Interactions dataset, which must not be deleted from under a training.
pub(crate) async fn interactions(resources: &Resources, group: &Arn) -> Result<Revised<Resource>, ApiError> {
    let datasets =
        resources.list_all(ResourceKind::Dataset, Some(group)).await.map_err(ApiError::internal)?;
    let of_interactions = |r: &Resource| {
        matches!(r, Resource::Dataset(Dataset { dataset_type: DatasetType::Interactions, .. }))
    };
    let gone = || ApiError::in_use(format!("The Interactions dataset of {group} was deleted meanwhile."));
    let arn = datasets.iter().find(|r| of_interactions(r)).map(|r| r.arn().clone()).ok_or_else(gone)?;
    let row = resources.get(&arn).await.map_err(ApiError::internal)?.ok_or_else(gone)?;
    rules::must_be_active(&row.value)?;
    Ok(row)
}
