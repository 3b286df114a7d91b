//! Jobs as tasks of this process: what Step Functions is in the cloud.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use control::{BoxError, BoxFuture, Launch};
use domain::resource::Job;
use steps::failure::chain;
use steps::{Failure, FollowUp, Steps};
use tokio::sync::{Semaphore, watch};

/// How often schedules are looked at. They count in days, so this is often enough, and soon enough for
/// what could not be begun after a job.
const SCHEDULES_EVERY: Duration = Duration::from_secs(60 * 60);

/// Runs each job once at a time, heavy ones one after the other.
#[derive(Clone)]
pub struct Launcher {
    steps: Steps,
    running: Arc<Mutex<HashSet<Job>>>,
    /// Training takes all cores; two at once would only hold more memory.
    heavy: Arc<Semaphore>,
    /// Counts ended jobs, for whoever waits for one.
    ended: Arc<watch::Sender<u64>>,
}

impl Launcher {
    /// A launcher with nothing running.
    pub fn new(steps: Steps) -> Self {
        Self {
            steps,
            running: Arc::default(),
            heavy: Arc::new(Semaphore::new(1)),
            ended: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Starts `job` unless it is running already.
    pub fn start(&self, job: Job) {
        if !self.lock().insert(job.clone()) {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move {
            let permit = match job {
                Job::Delete(_) => None,
                // The semaphore is never closed.
                _ => this.heavy.clone().acquire_owned().await.ok(),
            };
            // In a task of its own, so that a panic in a step is caught and told instead of lost.
            let work = tokio::spawn({
                let (steps, job) = (this.steps.clone(), job.clone());
                async move { steps.run(&job).await }
            });
            match work.await {
                // Before the job counts as ended, so that whoever waits for quiet waits for this too.
                Ok(Ok(())) => this.start_all(this.steps.follow_up(job.arn()).await),
                Ok(Err(failure)) => tracing::error!(arn = %job.arn(), "{}", chain(&failure)),
                Err(panic) => {
                    tracing::error!(arn = %job.arn(), %panic, "a step panicked");
                    this.steps
                        .abandon(&job, "the service failed while working on this (a defect; see its log)")
                        .await;
                }
            }
            drop(permit);
            this.lock().remove(&job);
            this.ended.send_modify(|count| *count += 1);
        });
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
            tokio::time::sleep(SCHEDULES_EVERY).await;
        }
    }

    /// Returns once nothing is running, with everything that follows from what was.
    pub async fn quiet(&self) {
        let mut ended = self.ended();
        while !self.lock().is_empty() {
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

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<Job>> {
        self.running.lock().unwrap_or_else(|broken| broken.into_inner())
    }
}

impl Launch for Launcher {
    fn launch(&self, job: Job) -> BoxFuture<'_, Result<(), BoxError>> {
        self.start(job);
        Box::pin(async { Ok(()) })
    }
}
