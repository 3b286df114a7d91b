//! Searching hyperparameters, and recipes: which trainings to try, and which was the best.
//!
//! A search goes in rounds whose trials do not depend on each other, so that a round can be spread
//! over machines. Everything is a function of the plan and of the outcomes so far: whoever knows
//! both knows every trial, nothing else has to be kept, and the same seed gives the same search.
//!
//! For a recipe that learns in passes over the data, with five trainings or more:
//!
//! 1. [`latin`] spreads a first half evenly over the space (McKay, Beckman, Conover 1979);
//! 2. [`parzen`] proposes as many where good ones were seen (the tree-structured Parzen estimator of
//!    Bergstra et al. 2011, with kernels over all dimensions as in Falkner et al. 2018);
//! 3. a quarter of the trainings is for the best of these, trained whole: 1 and 2 are trained with a
//!    third of the passes, which is successive halving (Jamieson, Talwalkar 2016) with one rung.
//!
//! Counting recipes take no time, so all of their trials are whole. The values that would be used
//! without a search are always the first trial, and always trained whole, so that on the validation
//! users a search never does worse than none. [`judge`](mod@judge) says who the validation users are.

mod judge;
mod latin;
mod parzen;
mod search;
mod space;

use std::collections::BTreeMap;

use domain::hyperparameters::Hyperparameters;
use domain::recipes::Recipe;
use domain::tuning::Candidate;

pub use judge::{judge, validation};
use search::Search;

/// One training of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// What is trained.
    pub recipe: &'static Recipe,
    /// Every parameter, featurization included.
    pub parameters: Hyperparameters,
    /// Share of the passes of a whole training; see [`crate::TrainOptions::effort`].
    pub effort: f64,
}

/// What trials came to: the objective by number of the trial, nothing for one that failed.
pub type Outcomes = BTreeMap<u32, Option<f64>>;

/// A search over one recipe or several.
#[derive(Debug)]
pub struct Plan(Vec<Search>);

/// How far a search is.
#[derive(Debug)]
pub struct Decided {
    /// Every trial of the rounds so far, by number.
    pub trials: Vec<Trial>,
    /// Those of the running round that have no outcome. The search is over when there are none.
    pub open: Vec<u32>,
}

impl Plan {
    /// A search with at most `jobs` trainings, at least one for each candidate. `start` says what a
    /// recipe would be trained with if there was no search.
    pub fn new(
        candidates: &[Candidate],
        start: impl Fn(&Recipe) -> Hyperparameters,
        jobs: u32,
        seed: u64,
    ) -> Self {
        let shares = share_out(candidates, jobs);
        let search = |(candidate, jobs): (&Candidate, u32)| {
            Search::new(candidate, start(candidate.recipe), jobs, seed)
        };
        Self(candidates.iter().zip(shares).map(search).collect())
    }

    /// Trainings in all, if no proposal is given up as a repetition.
    pub fn jobs(&self) -> u32 {
        self.0.iter().map(Search::jobs).sum()
    }

    /// The trials that the outcomes so far decide. A round is decided once the ones before it have
    /// all their outcomes.
    pub fn decided(&self, outcomes: &Outcomes) -> Decided {
        let mut trials: Vec<Trial> = Vec::new();
        let mut own: Vec<Vec<(Trial, Option<f64>)>> = vec![Vec::new(); self.0.len()];
        for round in 0.. {
            let begun = trials.len();
            let mut of = Vec::new();
            for (which, search) in self.0.iter().enumerate() {
                for trial in search.round(round, &own[which]) {
                    trials.push(trial);
                    of.push(which);
                }
            }
            let numbers = begun as u32..trials.len() as u32;
            let open: Vec<u32> = numbers.clone().filter(|number| !outcomes.contains_key(number)).collect();
            if !open.is_empty() || round + 1 >= self.rounds() {
                return Decided { trials, open };
            }
            for (number, which) in numbers.zip(of) {
                own[which].push((trials[number as usize].clone(), outcomes[&number]));
            }
        }
        unreachable!("the loop ends at the last round")
    }

    fn rounds(&self) -> usize {
        self.0.iter().map(Search::rounds).max().unwrap_or(0)
    }
}

/// The best whole trial; among equals the first, so that values stay as they were without reason to
/// change. Nothing where none was judged.
pub fn best(trials: &[Trial], outcomes: &Outcomes) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    let whole = (0..trials.len()).filter(|&number| trials[number].effort >= 1.0);
    for number in whole {
        let Some(Some(value)) = outcomes.get(&(number as u32)).copied() else { continue };
        if value.is_finite() && best.is_none_or(|(_, highest)| value > highest) {
            best = Some((number, value));
        }
    }
    best.map(|(number, _)| number)
}

/// One training for each candidate; the rest in equal parts among those that have something to vary.
fn share_out(candidates: &[Candidate], jobs: u32) -> Vec<u32> {
    let varied = candidates.iter().filter(|candidate| !candidate.space.is_empty()).count() as u32;
    let rest = jobs.saturating_sub(candidates.len() as u32);
    let mut place = 0;
    let share = |candidate: &Candidate| {
        if candidate.space.is_empty() || varied == 0 {
            return 1;
        }
        place += 1;
        1 + rest / varied + u32::from(place <= rest % varied)
    };
    candidates.iter().map(share).collect()
}

#[cfg(test)]
mod tests;
