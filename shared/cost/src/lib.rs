//! What a deployment costs in a month, on paper: public prices, stated assumptions, plain arithmetic.
//!
//! [`deployment()`] and [`hosted()`] turn a [`Workload`] into a [`Bill`]; every line is a quantity times a
//! [`Price`] that names its source. Read `assume.rs` for what is taken for granted, and `price.rs` for
//! what AWS asks. Free tiers are left out on both sides, except the ten alarms that every account has.

pub mod assume;
mod bill;
mod deployment;
mod hosted;
pub mod price;
mod workload;

pub use assume::Assumption;
pub use bill::{Bill, Group, LineItem};
pub use deployment::deployment;
pub use hosted::{hosted, hosted_with_training_in_proportion};
pub use price::Price;
pub use workload::Workload;
