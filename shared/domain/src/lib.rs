//! The words of the service: resources, their names and life cycles, the recipe catalogue, limits.
//!
//! No AWS SDK, no HTTP and no IO: everything here is a plain value, so every other crate may depend
//! on it. Read [`resource`] first; it holds the nouns that the API, the store and the steps share.

pub mod resource;

pub mod action;
pub mod arn;
pub mod error;
pub mod event;
pub mod events_config;
pub mod hash;
pub mod hyperparameters;
pub mod influence;
pub mod limits;
pub mod objective;
pub mod recipes;
pub mod recommendation_id;
pub mod recommender;
pub mod schedule;
pub mod slots;
pub mod status;
pub mod tags;
pub mod time;
pub mod training_columns;
pub mod training_data;
pub mod tuning;
pub mod use_cases;

pub use arn::{Arn, ResourceKind, Scope};
pub use error::{ApiError, ErrorKind};
pub use influence::{RankingInfluence, Steering};
pub use resource::Resource;
pub use slots::{Slot, Slots};
pub use status::{Lifecycle, Status};
pub use tags::Tags;
pub use time::EpochMillis;
pub use training_data::TrainingData;
