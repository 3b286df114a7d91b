//! The models behind the recipes, with one interface, and the metrics that judge them.
//!
//! Everything here is a function over values: no IO, no clock besides the seconds that training
//! took, no AWS. Read [`ranking`] first (what every model answers), then [`model`] (the one place
//! that knows all recipes) and [`version`] (how a solution version is trained and measured).
//! The tests in `tests/battery.rs` are what every model has to pass.
//!
//! Shapes: U users, I items, K answers, H hidden dimension.

pub mod ranking;

pub mod exploration;
pub mod hrnn;
pub mod influence;
pub mod popularity;
pub mod similar;
pub mod sims;
pub mod trending;

pub mod actions;

pub mod segments;

pub mod themes;

pub mod checkpoint;
pub mod model;
pub mod tuning;
pub mod version;
pub mod work;

pub mod artifact;
pub mod evaluation;
pub mod featurization;
pub mod intervals;
pub mod metrics;
pub mod objective;
pub mod precompute;

mod best;
mod random;
mod seen;
#[cfg(test)]
mod testing;

pub use artifact::{Artifact, ArtifactError};
pub use checkpoint::{Checkpoints, Keeper};
pub use model::{Model, Progress, TrainError, TrainOptions, Trained, train, trains_network};
pub use ranking::{Query, RankedList, Recommender, is_within};
pub use training::DeviceChoice;
pub use training::device::DeviceError;
pub use version::{Stage, TrainedVersion, train_and_evaluate};
