//! The work behind the API: import, training, deployment, batch inference, deletion.
//!
//! Each job is an async function that reads everything from the store, may be killed at any point
//! and may be repeated: it writes under keys derived from its own resource and ends in one
//! conditional write. Step Functions calls the same functions in the cloud that the local runner
//! calls in process. Read [`run`] first; it is the frame around every job.

pub mod run;

pub mod batch_inference;
pub mod delete;
pub mod deploy;
pub mod import;
pub mod live;
pub mod models;
pub mod train;

pub mod failure;
pub mod keys;
pub mod progress;

use std::sync::Arc;

pub use failure::Failure;
pub use progress::{Observer, Progress};

/// What the steps work with.
#[derive(Clone)]
pub struct Steps {
    /// Control-plane rows.
    pub resources: store::Resources,
    /// Recommendation lists.
    pub lists: store::Lists,
    /// The deployment's bucket, and through it any other that a caller names.
    pub objects: store::Objects,
    /// Who is told how far a job has come.
    pub observer: Arc<dyn Observer>,
    /// Settings of the deployment.
    pub settings: Settings,
}

/// Settings of a deployment that steps need.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads for import, training and scoring. Results do not depend on it.
    pub threads: usize,
    /// Seed of training and of the evaluation split.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { threads: std::thread::available_parallelism().map_or(1, usize::from), seed: 1 }
    }
}
