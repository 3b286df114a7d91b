//! The work behind the API: import, training, deployment, batch jobs, exports, deletion.
//!
//! Each job is an async function that reads everything from the store, may be killed at any point
//! and may be repeated: it writes under keys derived from its own resource and ends in one
//! conditional write. Step Functions calls the same functions in the cloud that the local runner
//! calls in process. Read [`run`] first; it is the frame around every job. Publishing, batch
//! jobs and exports can also be done shard by shard, by as many processes as there are; [`stages`] says how.
//! [`follow_up`] says what a job that is done leads to.

pub mod run;

mod actions;
pub mod attribution;
pub mod batch;
mod checkpoints;
pub mod data_deletion;
pub mod delete;
pub mod deploy;
pub mod described;
pub mod export;
pub mod filters;
pub mod follow_up;
pub mod import;
pub mod layer;
mod left_out;
pub mod live;
pub mod models;
pub mod newest;
mod recommender;
pub mod refresh;
pub mod stages;
pub mod train;
mod training_data;
pub mod tune;

pub mod failure;
pub mod keys;
pub mod progress;

use std::sync::Arc;
use std::time::Duration;

pub use failure::Failure;
pub use follow_up::FollowUp;
pub use models::ModelCache;
pub use progress::{Observer, Progress};
pub use recipe::DeviceChoice;

/// What the steps work with.
#[derive(Clone)]
pub struct Steps {
    /// Control-plane rows.
    pub resources: store::Resources,
    /// Recommendation lists.
    pub lists: store::Lists,
    /// Events, and single items and users.
    pub events: store::Events,
    /// The deployment's bucket, and through it any other that a caller names.
    pub objects: store::Objects,
    /// Who is told how far a job has come.
    pub observer: Arc<dyn Observer>,
    /// Settings of the deployment.
    pub settings: Settings,
    /// The model that shards were last made with. Jobs that are done as a whole load their own and
    /// let go of it.
    pub models: ModelCache,
}

/// Settings of a deployment that steps need.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads for import, training and scoring. Results do not depend on it.
    pub threads: usize,
    /// Where networks are trained.
    pub device: DeviceChoice,
    /// Seed of training and of the evaluation split.
    pub seed: u64,
    /// Time between two checkpoints of a training: what is lost at most when it is killed. Making them
    /// takes less than a hundredth of the training's time, so large models are saved less often. After
    /// every step when it is zero.
    pub checkpoint_every: Duration,
    /// Users or items whose lists one shard publishes.
    pub shard_lists: u32,
    /// Bytes of text in one part of a dataset: another size makes other parts of the same files.
    pub part_bytes: usize,
    /// Parts in one range of an import that is spread over machines.
    pub parts_per_range: u32,
}

/// Lists in a shard unless a deployment chose otherwise: some 20 MB of rows, so that a shard is
/// done in well under a minute and a repeated one costs little.
pub const SHARD_LISTS: u32 = 20_000;

/// Time between checkpoints unless a deployment chose otherwise.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

impl Default for Settings {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            device: DeviceChoice::Cpu,
            seed: 1,
            checkpoint_every: CHECKPOINT_EVERY,
            shard_lists: SHARD_LISTS,
            part_bytes: dataset::csv::PART_BYTES_DEFAULT,
            // 64 MiB: some seconds of work, and few enough outcomes for terabytes.
            parts_per_range: 4,
        }
    }
}
