//! Recommenders between the jobs that they share with solutions and campaigns.
//!
//! A recommender has one job, its deployment. Until it has a trained version there is nothing to deploy, so
//! the deployment ends at once and its follow-up creates the version; the training's follow-up asks for the
//! deployment again. Each of them looks at the rows alone and may be killed and repeated.

use std::time::Duration;

use domain::limits::SERVING_FRESH_MS;
use domain::recommender::Recommender;
use domain::resource::{Job, SolutionVersion};
use domain::status::IllegalStep;
use domain::{ApiError, Arn, EpochMillis, ErrorKind, ResourceKind, Status};
use lifecycle::auto_training::Occasion;
use lifecycle::recommender::{Next, first_version, next};
use lifecycle::version;
use store::resources::UpdateError;

use crate::Steps;
use crate::delete::remove_version;
use crate::failure::{Doing, Failure};

/// Whether the deployment of a campaign or recommender has something to deploy. One that is to stop is
/// stopped here.
pub(crate) async fn is_due(steps: &Steps, arn: &Arn) -> Result<bool, Failure> {
    if arn.kind() != ResourceKind::Recommender {
        return Ok(true);
    }
    let found = steps.resources.get_as::<Recommender>(arn).await.doing(|| format!("reading {arn}"))?;
    let Some(recommender) = found.map(|found| found.value) else { return Ok(false) };
    match recommender.serves.lifecycle.status {
        Status::CreatePending | Status::CreateInProgress => {
            let version = served_version(steps, &recommender).await?;
            Ok(version.is_some_and(|version| version.lifecycle.status.is_at_rest()))
        }
        Status::StopPending | Status::StopInProgress => stop(steps, arn).await.map(|()| false),
        _ => Ok(true),
    }
}

/// Ends the serving of a recommender. It is `INACTIVE` once nobody remembers that it was `ACTIVE`.
async fn stop(steps: &Steps, arn: &Arn) -> Result<(), Failure> {
    advance(steps, arn, &[Status::StopPending], Status::StopInProgress).await?;
    tokio::time::sleep(Duration::from_millis(SERVING_FRESH_MS)).await;
    advance(steps, arn, &[Status::StopInProgress], Status::Inactive).await
}

/// A recommender whose first version has begun to train is being created.
pub(crate) async fn training_begun(steps: &Steps, version: &Arn) -> Result<(), Failure> {
    if version.kind() != ResourceKind::RecommenderVersion {
        return Ok(());
    }
    advance(steps, &version.solution(), &[Status::CreatePending], Status::CreateInProgress).await
}

/// A recommender whose first version cannot be trained cannot be created. One that serves goes on with what
/// it has.
pub(crate) async fn training_failed(steps: &Steps, version: &Arn, reason: &str) -> Result<(), Failure> {
    if version.kind() != ResourceKind::RecommenderVersion {
        return Ok(());
    }
    fail_creation(steps, &version.solution(), reason).await
}

async fn fail_creation(steps: &Steps, arn: &Arn, reason: &str) -> Result<(), Failure> {
    change(steps, arn, |recommender| match recommender.serves.lifecycle.status.begun() {
        Some(Status::CreateInProgress) => recommender.serves.lifecycle.fail(reason, EpochMillis::now()),
        _ => Ok(()),
    })
    .await
}

/// Goes to `next` from one of some statuses, and stays in any other.
async fn advance(steps: &Steps, arn: &Arn, from: &[Status], next: Status) -> Result<(), Failure> {
    change(steps, arn, |recommender| {
        let life = &mut recommender.serves.lifecycle;
        if from.contains(&life.status) { life.advance(next, EpochMillis::now()) } else { Ok(()) }
    })
    .await
}

async fn change(
    steps: &Steps,
    arn: &Arn,
    change: impl FnMut(&mut Recommender) -> Result<(), IllegalStep> + Send,
) -> Result<(), Failure> {
    match steps.resources.update::<Recommender, _>(arn, change).await {
        Ok(_) => Ok(()),
        Err(UpdateError::Refused(step)) => {
            Err(Failure::Internal { doing: format!("moving {arn} along its life cycle"), cause: step.into() })
        }
        Err(error) => Err(Failure::Internal { doing: format!("writing {arn}"), cause: error.into() }),
    }
}

async fn served_version(steps: &Steps, of: &Recommender) -> Result<Option<SolutionVersion>, Failure> {
    let arn = &of.serves.solution_version;
    let found = steps.resources.get_as::<SolutionVersion>(arn).await.doing(|| format!("reading {arn}"))?;
    Ok(found.map(|found| found.value))
}

impl Steps {
    /// Whether a deployment only stops a recommender, which takes neither cores nor memory.
    pub async fn only_stops(&self, arn: &Arn) -> bool {
        let found = self.resources.get_as::<Recommender>(arn).await.ok().flatten();
        let status = found.map(|found| found.value.serves.lifecycle.status);
        matches!(status, Some(Status::StopPending | Status::StopInProgress))
    }

    /// The job that a recommender waits for, if nobody has begun it; its first version is created here.
    pub(crate) async fn next_of(
        &self,
        recommender: &Recommender,
        occasion: Occasion,
    ) -> Result<Option<Job>, ApiError> {
        let now = EpochMillis::now();
        let version = served_version(self, recommender).await.map_err(ApiError::internal)?;
        match next(recommender, version.as_ref(), occasion, now) {
            Next::Nothing => Ok(None),
            Next::Launch(job) => Ok(Some(job)),
            Next::Create => match first_version(&self.resources, recommender, now).await {
                Ok(job) => Ok(Some(job)),
                Err(error) if error.kind == ErrorKind::Internal => Err(error),
                // Its data went away before it was read.
                Err(error) => {
                    let failed = fail_creation(self, &recommender.serves.arn, &error.message).await;
                    failed.map(|()| None).map_err(ApiError::internal)
                }
            },
        }
    }

    /// Removes the versions of a recommender that nobody serves any more. The one before the present one
    /// stays, for whoever still remembers it.
    pub(crate) async fn prune(&self, recommender: &Recommender) -> Result<(), Failure> {
        let serves = &recommender.serves;
        let versions = version::all(&self.resources, &serves.arn).await;
        let versions = versions.doing(|| format!("listing the versions of {}", serves.arn))?;
        let present = versions.iter().position(|version| version.arn == serves.solution_version);
        let old = &versions[..present.unwrap_or_default().saturating_sub(1)];
        for version in old.iter().filter(|version| version.lifecycle.status.is_at_rest()) {
            remove_version(self, &version.arn).await?;
        }
        Ok(())
    }
}
