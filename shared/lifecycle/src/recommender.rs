//! Recommenders: their first version, and stopping and starting them.

use domain::recommender::Recommender;
use domain::resource::{Job, SolutionVersion, TrainingType};
use domain::{ApiError, EpochMillis, ErrorKind, Resource, Status, Tags};
use store::Resources;

use crate::auto_training::{self, FORGOTTEN_AFTER_MS, Occasion};
use crate::version::{self, Asked};
use crate::{children, rules};

/// What a recommender that does not serve yet, or is to stop or start, needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing now: it waits for work that goes on, or is at rest.
    Nothing,
    /// The first version, which is not there yet.
    Create,
    /// This job.
    Launch(Job),
}

/// What a recommender needs, given the version that it is to serve, if that is there.
///
/// On [`Occasion::Change`] one of its jobs has ended, so that the next one is due; on
/// [`Occasion::Schedule`] only what has waited for so long that whoever asked for it has ended is begun.
pub fn next(
    recommender: &Recommender,
    version: Option<&SolutionVersion>,
    occasion: Occasion,
    now: EpochMillis,
) -> Next {
    let life = &recommender.serves.lifecycle;
    let forgotten = now.0 - life.updated.0 >= FORGOTTEN_AFTER_MS;
    let deploy = || Next::Launch(Job::Deploy(recommender.serves.arn.clone()));
    match (life.status, version) {
        (Status::CreatePending | Status::CreateInProgress, None) => Next::Create,
        (Status::CreatePending | Status::CreateInProgress, Some(version)) => {
            match auto_training::waits(version, occasion, now) {
                true => Next::Launch(Job::Train(version.arn.clone())),
                false if version.lifecycle.status.is_at_rest() => deploy(),
                false => Next::Nothing,
            }
        }
        (Status::StopPending | Status::StopInProgress | Status::StartPending, _)
            if occasion == Occasion::Schedule && forgotten =>
        {
            deploy()
        }
        _ => Next::Nothing,
    }
}

/// Creates the version that a new recommender waits for, and answers with its training. Two who do so at
/// once create it once.
///
/// Fails with `ResourceInUse` when there are no interactions to train on any more.
pub async fn first_version(
    resources: &Resources,
    recommender: &Recommender,
    now: EpochMillis,
) -> Result<Job, ApiError> {
    let group = &recommender.dataset_group;
    let data = version::training_data(resources, group).await?;
    let interactions = auto_training::interactions(resources, group).await?;
    let arn = &recommender.serves.solution_version;
    let id = arn.tail().rsplit_once('/').and_then(|(_, id)| u32::from_str_radix(id, 16).ok());
    let id = id.ok_or_else(|| ApiError::internal(format!("{arn} ends in no id")))?;
    let asked = Asked { id, name: None, training_type: TrainingType::Automatic, data, now };
    let version: Resource = version::pending(&recommender.trainer(), asked)?.into();
    match children::create(resources, &version, &Tags::default(), vec![interactions]).await {
        Err(error) if error.kind != ErrorKind::ResourceAlreadyExists => Err(error),
        _ => Ok(Job::Train(arn.clone())),
    }
}

/// Asks a recommender to serve no more. Its versions and lists stay.
///
/// Fails with `ResourceInUse` when it is not `ACTIVE`, or an update of it is under way.
pub fn stop(recommender: &mut Recommender, now: EpochMillis) -> Result<(), ApiError> {
    must_be(recommender, Status::Active, "stopped")?;
    recommender.serves.attempts = 0;
    recommender.serves.lifecycle.advance(Status::StopPending, now).map_err(ApiError::internal)
}

/// Asks a recommender that was stopped to serve again.
///
/// Fails with `ResourceInUse` when it is not `INACTIVE`.
pub fn start(recommender: &mut Recommender, now: EpochMillis) -> Result<(), ApiError> {
    must_be(recommender, Status::Inactive, "started")?;
    recommender.serves.attempts = 0;
    recommender.serves.lifecycle.failure_reason = None;
    recommender.serves.lifecycle.advance(Status::StartPending, now).map_err(ApiError::internal)
}

/// A recommender must be at rest in this status before something is done to it.
pub fn must_be(recommender: &Recommender, needed: Status, done: &str) -> Result<(), ApiError> {
    let status = recommender.serves.lifecycle.status;
    if status != needed {
        return Err(ApiError::in_use(format!(
            "Resource Arn {} is in status {}; it can be {done} when it is {}.",
            recommender.serves.arn,
            status.as_str(),
            needed.as_str()
        )));
    }
    let latest = recommender.serves.latest_update.as_ref();
    rules::no_update_under_way(latest, &Resource::from(recommender.clone()))
}
