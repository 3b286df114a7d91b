//! The search of one recipe: which trials its rounds have.

use domain::hyperparameters::Hyperparameters;
use domain::recipes::{Algorithm, Recipe};
use domain::tuning::Candidate;

use super::space::{Point, Space};
use super::{Trial, latin, parzen};
use crate::random::SplitMix;

/// Fewest trainings that are worth a round of short ones.
const SHORT_FROM: u32 = 5;
/// Effort of a short trial.
const SHORT: f64 = 1.0 / 3.0;
/// Drawings after which a proposal that was there already is given up.
const REDRAWS: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// The values without a search, and points all over the space.
    Spread,
    /// Points near good ones.
    Estimate,
    /// The best so far, trained whole.
    Promote,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Round {
    kind: Kind,
    count: u32,
    effort: f64,
}

/// The search of one recipe.
#[derive(Debug)]
pub(super) struct Search {
    recipe: &'static Recipe,
    space: Space,
    start: Hyperparameters,
    rounds: Vec<Round>,
    seed: u64,
}

impl Search {
    pub(super) fn new(candidate: &Candidate, start: Hyperparameters, jobs: u32, seed: u64) -> Self {
        let space = Space::new(&candidate.space);
        let jobs = if candidate.space.is_empty() { 1 } else { jobs.max(1) };
        let rounds = rounds(jobs, learns_in_passes(candidate.recipe));
        Self { recipe: candidate.recipe, start: space.nearest(&start), space, rounds, seed }
    }

    pub(super) fn jobs(&self) -> u32 {
        self.rounds.iter().map(|round| round.count).sum()
    }

    pub(super) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// The trials of a round; none after the last. `done` are those of the rounds before it.
    pub(super) fn round(&self, round: usize, done: &[(Trial, Option<f64>)]) -> Vec<Trial> {
        let Some(&Round { kind, count, effort }) = self.rounds.get(round) else { return Vec::new() };
        let mut random = SplitMix::new(self.seed ^ (round as u64 + 1).wrapping_mul(0x9e6c_63d0_876a_68ee));
        let trial = |parameters| Trial { recipe: self.recipe, parameters, effort };
        let parameters = match kind {
            Kind::Spread => {
                let points = latin::hypercube(count as usize - 1, self.space.dimensions(), &mut random);
                let mut fresh = vec![self.start.clone()];
                self.add_fresh(points, &mut fresh, &mut random);
                fresh
            }
            Kind::Estimate => {
                let seen: Vec<(Point, f64)> = done
                    .iter()
                    .filter_map(|(trial, value)| Some((self.space.point(&trial.parameters), (*value)?)))
                    .collect();
                let mut all: Vec<_> = done.iter().map(|(trial, _)| trial.parameters.clone()).collect();
                let known = all.len();
                let points = parzen::propose(&self.space, &seen, count as usize, &mut random);
                self.add_fresh(points, &mut all, &mut random);
                all.split_off(known)
            }
            Kind::Promote => self.promoted(done, count as usize),
        };
        parameters.into_iter().map(trial).collect()
    }

    /// Adds the values of each point, or of another one where they are there already.
    fn add_fresh(&self, points: Vec<Point>, to: &mut Vec<Hyperparameters>, random: &mut SplitMix) {
        for mut point in points {
            for _ in 0..REDRAWS {
                let values = self.space.at(&point, &self.start);
                if !to.contains(&values) {
                    to.push(values);
                    break;
                }
                point.iter_mut().for_each(|at| *at = random.uniform());
            }
        }
    }

    /// What a training without search would have, and the best others.
    fn promoted(&self, done: &[(Trial, Option<f64>)], count: usize) -> Vec<Hyperparameters> {
        let judged = |(trial, value): &(Trial, Option<f64>)| Some((trial.parameters.clone(), (*value)?));
        let mut ranked: Vec<(Hyperparameters, f64)> = done.iter().filter_map(judged).collect();
        ranked.retain(|(parameters, _)| *parameters != self.start);
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let others = ranked.into_iter().map(|(parameters, _)| parameters);
        std::iter::once(self.start.clone()).chain(others.take(count - 1)).collect()
    }
}

fn rounds(jobs: u32, learns: bool) -> Vec<Round> {
    let round = |kind, count, effort| Round { kind, count, effort };
    let all = if !learns || jobs < SHORT_FROM {
        // Too few to learn from are spread at once.
        let first = if jobs < SHORT_FROM { jobs } else { jobs.div_ceil(2) };
        let rest = jobs - first;
        vec![
            round(Kind::Spread, first, 1.0),
            round(Kind::Estimate, rest.div_ceil(2), 1.0),
            round(Kind::Estimate, rest / 2, 1.0),
        ]
    } else {
        let whole = (jobs / 4).max(2);
        let short = jobs - whole;
        vec![
            round(Kind::Spread, short.div_ceil(2), SHORT),
            round(Kind::Estimate, short / 2, SHORT),
            round(Kind::Promote, whole, 1.0),
        ]
    };
    all.into_iter().filter(|round| round.count > 0).collect()
}

/// Whether fewer passes make a training shorter.
fn learns_in_passes(recipe: &Recipe) -> bool {
    match recipe.algorithm {
        Algorithm::Hrnn
        | Algorithm::ItemAffinity
        | Algorithm::ItemAttributeAffinity
        | Algorithm::NextBestAction => true,
        Algorithm::PopularityCount | Algorithm::Sims | Algorithm::SimilarItems | Algorithm::TrendingNow => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_search_trains_more_often_than_it_may_and_each_ends_with_whole_trainings() {
        for learns in [true, false] {
            for jobs in 1..=40 {
                let rounds = rounds(jobs, learns);
                assert_eq!(rounds.iter().map(|round| round.count).sum::<u32>(), jobs);
                assert_eq!(rounds.last().map(|round| round.effort), Some(1.0));
                assert_eq!(rounds[0].kind, Kind::Spread);
            }
        }
        assert_eq!(
            rounds(20, true).iter().map(|round| (round.kind, round.count)).collect::<Vec<_>>(),
            [(Kind::Spread, 8), (Kind::Estimate, 7), (Kind::Promote, 5)]
        );
    }
}
