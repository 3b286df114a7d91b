//! Jobs as tasks of this process: what Step Functions is in the cloud.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use control::{BoxError, BoxFuture, Launch};
use domain::resource::Job;
use steps::Steps;
use tokio::sync::{Semaphore, watch};

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
                Ok(Ok(())) => {}
                Ok(Err(failure)) => {
                    tracing::error!(arn = %job.arn(), "{}", steps::failure::chain(&failure));
                }
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
