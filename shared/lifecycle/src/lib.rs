//! Creating and changing resources by the rules of their life cycle.
//!
//! What callers ask for through the control plane and what follows by itself from a finished job go
//! the same way from here on: a child comes into being under its parents, a solution gets a version, a
//! campaign is asked to move. Rules are functions over values; what writes is conditional, so that two
//! who do the same at the same moment do it once. The work that is begun here is done by jobs.

pub mod auto_training;
pub mod campaign_update;
pub mod children;
pub mod recommender;
pub mod rules;
pub mod version;
