//! Jobs as tasks of this process: what Step Functions is in the cloud.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use control::{BoxError, BoxFuture, Launch};
use domain::EpochMillis;
use domain::resource::Job;
use steps::failure::chain;
use steps::{Failure, FollowUp, Steps};
use tokio::sync::{Semaphore, watch};

/// How often schedules are looked at. They count in days, so this is often enough, and soon enough for
/// what could not be begun after a job.
const SCHEDULES_EVERY: Duration = Duration::from_secs(60 * 60);

/// Jobs beside trainings that are carried out at once. Each has all cores while it computes, so more of them
/// would only hold more memory; one alone would keep a small import waiting for a large one.
const JOBS_AT_ONCE: usize = 2;

/// Runs each job once at a time, trainings one after the other, and the others beside them.
#[derive(Clone)]
pub struct Launcher {
    steps: Steps,
    running: Arc<Running>,
    /// Training takes all cores; two at once would only hold more memory.
    trainings: Arc<Semaphore>,
    others: Arc<Semaphore>,
    /// Counts ended jobs, for whoever waits for one.
    ended: Arc<watch::Sender<u64>>,
}

impl Launcher {
    /// A launcher with nothing running.
    pub fn new(steps: Steps) -> Self {
        Self {
            steps,
            running: Arc::default(),
            trainings: Arc::new(Semaphore::new(1)),
            others: Arc::new(Semaphore::new(JOBS_AT_ONCE)),
            ended: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Starts `job`. One that is running already is begun once more when it has ended: it may have looked
    /// at its resource before that came to wait for it again.
    pub fn start(&self, job: Job) {
        if !self.running.begin(&job) {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                this.run(&job).await;
                if !this.running.goes_on(&job) {
                    break;
                }
            }
            this.ended.send_modify(|count| *count += 1);
        });
    }

    /// Carries a job out, and starts what follows from it.
    async fn run(&self, job: &Job) {
        let _permit = match job {
            Job::Delete(_) => None,
            Job::Deploy(arn) if self.steps.only_stops(arn).await => None,
            // The semaphores are never closed.
            Job::Train(_) => self.trainings.clone().acquire_owned().await.ok(),
            _ => self.others.clone().acquire_owned().await.ok(),
        };
        // In a task of its own, so that a panic in a step is caught and told instead of lost.
        let work = tokio::spawn({
            let (steps, job) = (self.steps.clone(), job.clone());
            async move { steps.run(&job).await }
        });
        match work.await {
            // Before the job counts as ended, so that whoever waits for quiet waits for this too.
            Ok(Ok(())) => self.start_all(self.steps.follow_up(job.arn()).await),
            Ok(Err(failure)) => tracing::error!(arn = %job.arn(), "{}", chain(&failure)),
            Err(panic) => {
                tracing::error!(arn = %job.arn(), %panic, "a step panicked");
                self.steps
                    .abandon(job, "the service failed while working on this (a defect; see its log)")
                    .await;
            }
        }
    }

    /// Starts what follows from a job, or from the time. What could not be begun is begun when the
    /// schedules are looked at next.
    fn start_all(&self, follow_up: Result<FollowUp, Failure>) {
        let follow_up =
            follow_up.unwrap_or_else(|failure| FollowUp { jobs: Vec::new(), failures: vec![failure] });
        for failure in &follow_up.failures {
            tracing::error!("{}; it is tried again within the hour", chain(failure));
        }
        follow_up.jobs.into_iter().for_each(|job| self.start(job));
    }

    /// Trains what is due and moves campaigns that are behind, at once and then from time to time, for
    /// as long as the service runs.
    pub async fn keep_schedules(&self) {
        loop {
            self.start_all(self.steps.follow_up_all().await);
            let failures = self.steps.report_events(EpochMillis::now()).await;
            self.start_all(Ok(FollowUp { jobs: Vec::new(), failures }));
            tokio::time::sleep(SCHEDULES_EVERY).await;
        }
    }

    /// Returns once nothing is running, with everything that follows from what was.
    pub async fn quiet(&self) {
        let mut ended = self.ended();
        while !self.running.is_empty() {
            // The sender is a part of this launcher.
            let _ = ended.changed().await;
        }
    }

    /// Starts everything that an earlier process left unfinished; returns how many jobs that were.
    pub async fn resume(&self) -> Result<usize, store::StoreError> {
        let jobs: Vec<Job> =
            self.steps.resources.unfinished().await?.iter().filter_map(Steps::job_for).collect();
        for job in &jobs {
            self.start(job.clone());
        }
        Ok(jobs.len())
    }

    /// Wakes whenever a job ends.
    pub fn ended(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }
}

/// The jobs that are running, and whether each was asked for again meanwhile.
#[derive(Default)]
struct Running(Mutex<HashMap<Job, bool>>);

impl Running {
    /// Whether the caller is to run the job; if it runs already it will go on.
    fn begin(&self, job: &Job) -> bool {
        match self.lock().entry(job.clone()) {
            Entry::Occupied(mut again) => {
                again.insert(true);
                false
            }
            Entry::Vacant(free) => {
                free.insert(false);
                true
            }
        }
    }

    /// Whether a job that has come to its end was asked for again; else it is running no more.
    fn goes_on(&self, job: &Job) -> bool {
        let mut running = self.lock();
        match running.get_mut(job) {
            Some(again) if *again => {
                *again = false;
                true
            }
            _ => {
                running.remove(job);
                false
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Job, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Launch for Launcher {
    fn launch(&self, job: Job) -> BoxFuture<'_, Result<(), BoxError>> {
        self.start(job);
        Box::pin(async { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use domain::ResourceKind;

    use super::*;

    #[test]
    fn a_job_that_is_asked_for_while_it_runs_is_run_once_more() {
        let scope = domain::Scope { region: "us-east-1".into(), account: "000000000000".into() };
        let (deploy, other) =
            ["films", "songs"].map(|name| Job::Deploy(scope.arn(ResourceKind::Campaign, name))).into();
        let running = Running::default();
        assert!(running.begin(&deploy) && running.begin(&other));
        // A version came while the deployment before it ended, twice as an event may.
        assert!(!running.begin(&deploy) && !running.begin(&deploy));
        assert!(running.goes_on(&deploy));
        assert!(!running.goes_on(&deploy) && !running.goes_on(&other));
        assert!(running.is_empty());
        assert!(running.begin(&deploy));
    }
}
