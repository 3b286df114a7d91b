//! What is asked of a service in a month.

use std::ops::RangeInclusive;

/// A month of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Users with a history; each has a list of recommendations.
    pub users: u64,
    /// Items of the catalogue.
    pub items: u64,
    /// Interactions that a training reads. They are ingested once in the month.
    pub interactions: u64,
    /// Recommendations asked for in the month.
    pub requests: u64,
    /// Trainings in the month, each followed by new lists for everybody.
    pub trainings: u64,
}

impl Workload {
    /// Sensible numbers of users.
    pub const USERS: RangeInclusive<u64> = 1..=1_000_000_000;
    /// Sensible numbers of items.
    pub const ITEMS: RangeInclusive<u64> = 1..=100_000_000;
    /// Sensible numbers of interactions.
    pub const INTERACTIONS: RangeInclusive<u64> = 1..=100_000_000_000;
    /// Sensible numbers of requests in a month; none is an idle deployment.
    pub const REQUESTS: RangeInclusive<u64> = 0..=100_000_000_000;
    /// Sensible numbers of trainings in a month: up to one an hour; none is an idle deployment.
    pub const TRAININGS: RangeInclusive<u64> = 0..=744;

    /// The same deployment in a month in which nobody asks and nothing is trained.
    pub fn idle(self) -> Self {
        Self { requests: 0, trainings: 0, ..self }
    }
}
