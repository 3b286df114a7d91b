//! The frame around every job: begin, work, end, whatever happens in between.
//!
//! A job is begun at most [`ATTEMPTS_MAX`] times. Beginning is counted in the resource itself, so a
//! process that is killed in the middle leaves a trace, and a job that kills its process each time
//! ends as `CREATE FAILED` instead of for ever.

use domain::limits::ATTEMPTS_MAX;
use domain::recommender::Serving;
use domain::resource::{
    BatchInferenceJob, BatchSegmentJob, DataDeletionJob, DatasetExportJob, DatasetImportJob, Job,
    SolutionVersion,
};
use domain::status::{Lifecycle, Status};
use domain::{Arn, EpochMillis, Resource};
use futures::future::BoxFuture;
use store::resources::UpdateError;

use crate::deploy::Target;
use crate::failure::{Doing, Failure, chain};
use crate::{Steps, batch, data_deletion, delete, deploy, export, import, keys, recommender, train};

/// A resource that a job brings from `CREATE PENDING` to its end.
pub(crate) trait Work:
    TryFrom<Resource, Error = Resource> + Into<Resource> + Clone + Send + Sync
{
    /// Does the work; the result is what the resource becomes.
    fn work(&self, steps: &Steps) -> impl Future<Output = Result<Self, Failure>> + Send;
    /// The life cycle that the job moves: the resource's own, or that of its update.
    fn lifecycle(&mut self) -> &mut Lifecycle;
    /// How often the job was begun.
    fn attempts(&mut self) -> &mut u32;
    /// Keys of objects that are of no use once the resource is at rest.
    fn scratch(_: &Arn) -> Vec<String> {
        vec![]
    }
    /// Prefixes of the objects that the work leaves for good.
    fn belongings(_: &Arn) -> Vec<String> {
        vec![]
    }
    /// Whether the work can be begun yet. One that cannot is asked for again once it can.
    fn is_due(_steps: &Steps, _arn: &Arn) -> impl Future<Output = Result<bool, Failure>> + Send {
        async { Ok(true) }
    }
    /// What follows from the work's being begun.
    fn begun(_steps: &Steps, _arn: &Arn) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }
    /// Whether the resource, as it is now, still waits for what the work made of it.
    fn awaits(&self, _finished: &Self) -> bool {
        true
    }
}

macro_rules! work {
    ($($kind:ty => $work:path),* $(,)?) => {$(
        impl Work for $kind {
            async fn work(&self, steps: &Steps) -> Result<Self, Failure> {
                $work(steps, self).await
            }
            fn lifecycle(&mut self) -> &mut Lifecycle {
                &mut self.lifecycle
            }
            fn attempts(&mut self) -> &mut u32 {
                &mut self.attempts
            }
        }
    )*};
}
work!(
    DatasetImportJob => import::import,
    BatchInferenceJob => batch::answer,
    BatchSegmentJob => batch::answer,
    DatasetExportJob => export::export,
    DataDeletionJob => data_deletion::delete_users,
);

impl Work for SolutionVersion {
    async fn work(&self, steps: &Steps) -> Result<Self, Failure> {
        train::train(steps, self).await
    }
    fn lifecycle(&mut self) -> &mut Lifecycle {
        &mut self.lifecycle
    }
    fn attempts(&mut self) -> &mut u32 {
        &mut self.attempts
    }
    fn scratch(arn: &Arn) -> Vec<String> {
        keys::checkpoints(arn).into()
    }
    fn belongings(arn: &Arn) -> Vec<String> {
        keys::of_version(arn).into()
    }
    async fn begun(steps: &Steps, arn: &Arn) -> Result<(), Failure> {
        recommender::training_begun(steps, arn).await
    }
}

impl Work for Serving {
    async fn work(&self, steps: &Steps) -> Result<Self, Failure> {
        deploy::deploy(steps, self).await
    }
    fn lifecycle(&mut self) -> &mut Lifecycle {
        let campaign = self.campaign_mut();
        match &mut campaign.latest_update {
            Some(update) if campaign.lifecycle.status == Status::Active => &mut update.lifecycle,
            _ => &mut campaign.lifecycle,
        }
    }
    fn attempts(&mut self) -> &mut u32 {
        &mut self.campaign_mut().attempts
    }
    async fn is_due(steps: &Steps, arn: &Arn) -> Result<bool, Failure> {
        recommender::is_due(steps, arn).await
    }
    /// A deployment that ends after another process has ended it must not undo the next one.
    fn awaits(&self, finished: &Self) -> bool {
        Target::of(self.campaign()).is_reached_by(finished.campaign())
    }
}

/// Whether there is anything to do.
enum Begun<R> {
    Go(R),
    Nothing,
}

impl Steps {
    /// Carries a job out. Returns once its resource is at rest.
    ///
    /// Fails only when the store cannot be reached to write the end down; then the job may be run
    /// again later.
    pub fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), Failure>> {
        // Boxed, so that it is compiled here and in no binary again.
        Box::pin(self.run_job(job))
    }

    async fn run_job(&self, job: &Job) -> Result<(), Failure> {
        match job {
            Job::Import(arn) => self.attempt::<DatasetImportJob>(arn).await,
            Job::Train(arn) => self.attempt::<SolutionVersion>(arn).await,
            Job::Deploy(arn) => self.attempt::<Serving>(arn).await,
            Job::BatchInference(arn) => self.attempt_in_shards::<BatchInferenceJob>(arn).await,
            Job::BatchSegment(arn) => self.attempt_in_shards::<BatchSegmentJob>(arn).await,
            Job::Export(arn) => self.attempt_in_shards::<DatasetExportJob>(arn).await,
            Job::DataDeletion(arn) => self.attempt_in_shards::<DataDeletionJob>(arn).await,
            Job::Delete(arn) => delete::delete(self, arn).await,
        }
    }

    /// Begins a job that is carried out in stages, each by another process: counts the attempt and
    /// says `CREATE IN_PROGRESS`. False when there is nothing to do: it is done, stopped, deleted,
    /// or given up.
    pub async fn begin_job(&self, job: &Job) -> Result<bool, Failure> {
        let arn = job.arn();
        Ok(match job {
            Job::Import(_) => matches!(self.begin::<DatasetImportJob>(arn).await?, Begun::Go(_)),
            Job::Train(_) => matches!(self.begin::<SolutionVersion>(arn).await?, Begun::Go(_)),
            Job::Deploy(_) => matches!(self.begin::<Serving>(arn).await?, Begun::Go(_)),
            Job::BatchInference(_) => matches!(self.begin::<BatchInferenceJob>(arn).await?, Begun::Go(_)),
            Job::BatchSegment(_) => matches!(self.begin::<BatchSegmentJob>(arn).await?, Begun::Go(_)),
            Job::Export(_) => matches!(self.begin::<DatasetExportJob>(arn).await?, Begun::Go(_)),
            Job::DataDeletion(_) => matches!(self.begin::<DataDeletionJob>(arn).await?, Begun::Go(_)),
            Job::Delete(_) => true,
        })
    }

    /// Ends a job's resource as failed, with the reason that its caller reads. A resource that is at
    /// rest, or gone, stays as it is.
    pub async fn end_as_failed(&self, job: &Job, reason: &str) -> Result<(), Failure> {
        let arn = job.arn();
        let how = || Err(reason.to_owned());
        match job {
            Job::Import(_) => self.end::<DatasetImportJob>(arn, how()).await,
            Job::Train(_) => {
                self.end::<SolutionVersion>(arn, how()).await?;
                recommender::training_failed(self, arn, reason).await
            }
            Job::Deploy(_) => self.end::<Serving>(arn, how()).await,
            Job::BatchInference(_) => self.end::<BatchInferenceJob>(arn, how()).await,
            Job::BatchSegment(_) => self.end::<BatchSegmentJob>(arn, how()).await,
            Job::Export(_) => self.end::<DatasetExportJob>(arn, how()).await,
            Job::DataDeletion(_) => {
                self.end::<DataDeletionJob>(arn, how()).await?;
                // The list of users must not outlive the job.
                self.clear(keys::batch_prefix(arn)).await
            }
            // A deletion that failed stays pending and is begun again at the next start.
            Job::Delete(_) => Ok(()),
        }
    }

    /// The same for a job that cannot tell anybody when even that fails.
    pub async fn abandon(&self, job: &Job, reason: &str) {
        if let Err(failure) = self.end_as_failed(job, reason).await {
            tracing::error!(arn = %job.arn(), "{}", chain(&failure));
        }
    }

    /// Ends a resource as stopped.
    pub(crate) async fn end_as_stopped<R: Work>(&self, arn: &Arn) -> Result<(), Failure> {
        self.end::<R>(arn, Ok(Status::CreateStopped)).await
    }

    /// The job that a resource in an unfinished state is waiting for.
    pub fn job_for(resource: &Resource) -> Option<Job> {
        let arn = resource.arn().clone();
        match resource.lifecycle().map(|life| life.status) {
            Some(Status::DeletePending | Status::DeleteInProgress) => Some(Job::Delete(arn)),
            _ => match resource {
                Resource::DatasetImportJob(_) => Some(Job::Import(arn)),
                Resource::SolutionVersion(_) => Some(Job::Train(arn)),
                Resource::Campaign(_) | Resource::Recommender(_) => Some(Job::Deploy(arn)),
                Resource::BatchInferenceJob(_) => Some(Job::BatchInference(arn)),
                Resource::BatchSegmentJob(_) => Some(Job::BatchSegment(arn)),
                Resource::DatasetExportJob(_) => Some(Job::Export(arn)),
                Resource::DataDeletionJob(_) => Some(Job::DataDeletion(arn)),
                _ => None,
            },
        }
    }

    /// [`Steps::attempt`] for work that leaves things for a later attempt, of no use once its resource is at rest.
    async fn attempt_in_shards<R: Work>(&self, arn: &Arn) -> Result<(), Failure> {
        self.attempt::<R>(arn).await?;
        self.clear(keys::batch_prefix(arn)).await
    }

    async fn attempt<R: Work>(&self, arn: &Arn) -> Result<(), Failure> {
        loop {
            let Begun::Go(resource) = self.begin::<R>(arn).await? else {
                return Ok(());
            };
            match resource.work(self).await {
                Ok(finished) => return self.finish(arn, finished).await,
                Err(Failure::Caller(reason)) => return self.end::<R>(arn, Err(reason)).await,
                Err(Failure::Stopped) => return self.end::<R>(arn, Ok(Status::CreateStopped)).await,
                // Begun again at the top, until the attempts are used up.
                Err(failure @ Failure::Internal { .. }) => {
                    tracing::error!(%arn, "{}", chain(&failure));
                    self.remember::<R>(arn, &chain(&failure)).await?;
                }
            }
        }
    }

    /// Counts the attempt and says `CREATE IN_PROGRESS`, or finds that there is nothing to do.
    async fn begin<R: Work>(&self, arn: &Arn) -> Result<Begun<R>, Failure> {
        if !R::is_due(self, arn).await? {
            return Ok(Begun::Nothing);
        }
        let mut go = false;
        let begun = self
            .change::<R>(arn, |resource| {
                go = false;
                let now = EpochMillis::now();
                let attempts = *resource.attempts();
                let life = resource.lifecycle();
                if life.status == Status::CreateStopping {
                    return life.advance(Status::CreateStopped, now);
                }
                let Some(in_progress) = life.status.begun() else { return Ok(()) };
                if attempts >= ATTEMPTS_MAX {
                    let last = life.failure_reason.take().map_or_else(
                        || {
                            "the process ended each time before it was done (out of memory, or killed?)"
                                .to_owned()
                        },
                        |reason| format!("the last failure was: {reason}"),
                    );
                    life.fail(format!("Given up after {attempts} attempts; {last}."), now)?;
                } else {
                    life.advance(in_progress, now)?;
                    *resource.attempts() += 1;
                    go = true;
                }
                Ok(())
            })
            .await?;
        match begun {
            Some(resource) if go => {
                R::begun(self, arn).await?;
                Ok(Begun::Go(resource))
            }
            _ => Ok(Begun::Nothing),
        }
    }

    /// Writes what the work produced and says `ACTIVE`, unless the resource was stopped meanwhile or
    /// waits for something else by now.
    pub(crate) async fn finish<R: Work>(&self, arn: &Arn, finished: R) -> Result<(), Failure> {
        let written = self
            .change::<R>(arn, |resource| {
                if !resource.awaits(&finished) {
                    return Ok(());
                }
                let now = EpochMillis::now();
                let mut life = resource.lifecycle().clone();
                if life.status == Status::CreateStopping {
                    return resource.lifecycle().advance(Status::CreateStopped, now);
                }
                life.advance(Status::Active, now)?;
                life.failure_reason = None;
                *resource = finished.clone();
                *resource.lifecycle() = life;
                *resource.attempts() = 0;
                Ok(())
            })
            .await?;
        self.sweep::<R>(arn, written.is_none()).await
    }

    /// Ends without a product: stopped, or failed with a reason.
    pub(crate) async fn end<R: Work>(&self, arn: &Arn, how: Result<Status, String>) -> Result<(), Failure> {
        let written = self
            .change::<R>(arn, |resource| {
                let now = EpochMillis::now();
                *resource.attempts() = 0;
                let life = resource.lifecycle();
                if life.status.is_at_rest() {
                    return Ok(());
                }
                match (&how, life.status) {
                    // It serves nobody, and a stop that could not be ended is begun again by the schedule.
                    (Err(_), Status::StopPending | Status::StopInProgress) => {}
                    (_, Status::CreateStopping) => life.advance(Status::CreateStopped, now)?,
                    (Ok(status), _) => life.advance(*status, now)?,
                    (Err(reason), _) => life.fail(reason.as_str(), now)?,
                }
                Ok(())
            })
            .await?;
        self.sweep::<R>(arn, written.is_none()).await
    }

    /// Removes what is of no use any more: scratch, and everything that was written for a resource that was
    /// deleted while it was worked on.
    async fn sweep<R: Work>(&self, arn: &Arn, gone: bool) -> Result<(), Failure> {
        self.clear_scratch::<R>(arn).await;
        if gone {
            for prefix in R::belongings(arn) {
                self.clear(prefix).await?;
            }
        }
        Ok(())
    }

    /// What is left behind goes with the resource at the latest, so it is no failure.
    async fn clear_scratch<R: Work>(&self, arn: &Arn) {
        for key in R::scratch(arn) {
            let at = self.objects.at(&key);
            if let Err(failure) = self.objects.delete(&at).await.doing(|| format!("deleting {at}")) {
                tracing::warn!(%arn, "{}", chain(&failure));
            }
        }
    }

    /// Takes back the attempts before this one, which has got further than they did: only attempts that
    /// get nowhere use up [`ATTEMPTS_MAX`]. Says whether it could be written down.
    pub(crate) async fn forgive<R: Work>(&self, arn: &Arn) -> bool {
        let forgiven = self.change::<R>(arn, |resource| {
            let attempts = resource.attempts();
            *attempts = (*attempts).min(1);
            Ok(())
        });
        match forgiven.await {
            Ok(_) => true,
            Err(failure) => {
                tracing::warn!(%arn, "{}", chain(&failure));
                false
            }
        }
    }

    /// Keeps the reason of an attempt that failed, in case it was the last one.
    async fn remember<R: Work>(&self, arn: &Arn, reason: &str) -> Result<(), Failure> {
        self.change::<R>(arn, |resource| {
            let life = resource.lifecycle();
            // Ended by another process meanwhile: then this attempt's reason is nobody's.
            if !life.status.is_at_rest() {
                life.failure_reason = Some(reason.to_owned());
            }
            Ok(())
        })
        .await
        .map(drop)
    }

    /// Reads, changes and conditionally writes a resource; `None` when it is gone.
    pub(crate) async fn change<R: Work>(
        &self,
        arn: &Arn,
        change: impl FnMut(&mut R) -> Result<(), domain::status::IllegalStep> + Send,
    ) -> Result<Option<R>, Failure> {
        match self.resources.update::<R, _>(arn, change).await {
            Ok(resource) => Ok(resource),
            Err(UpdateError::Refused(step)) => Err(Failure::Internal {
                doing: format!("moving {arn} along its life cycle"),
                cause: step.into(),
            }),
            Err(error) => Err(Failure::Internal { doing: format!("writing {arn}"), cause: error.into() }),
        }
    }
}
