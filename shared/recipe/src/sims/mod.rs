//! `aws-sims`: items that occur together in the histories of users.
//!
//! With `n(i)` the distinct users of item i and `c(i, j)` those of both, the neighbours of i are
//! ranked by
//!
//! ```text
//! score(i, j) = c(i, j) / (n(i)^(1 - d) · n(j)^d),     d = popularity_discount_factor
//! ```
//!
//! which is the share of i's users who also have j at d = 0 (favours popular neighbours), the
//! cosine at d = 0.5, and at d = 1 the share of j's users who also have i, which ranks like lift
//! (popularity removed). The guide gives the meaning of both ends and no formula; this is the usual
//! family that has them. Pairs with fewer than `min_cointeraction_count` common users are dropped.
//!
//! An item that is unknown, thin or filtered out of training has few neighbours or none; popular
//! items fill the rest of its list, as the hosted service answers. A user is answered by the
//! neighbours of the newest item of the history that has any.

mod bits;
mod cooccurrence;

use dataset::Interactions;
use domain::hyperparameters::Hyperparameters;
use domain::limits::{NUM_RESULTS_MAX, PRECOMPUTED_RESULTS};

use crate::featurization;
use crate::popularity::PopularityCount;
use crate::ranking::{Query, RankedList, Recommender};
use crate::seen::Seen;

/// Pairs that are kept at most: half a gigabyte of model. Catalogues of up to 134,000 items keep as
/// many neighbours as a request may ask for, larger ones fewer, down to those that are precomputed.
const PAIRS_MAX: usize = 1 << 26;

/// What training needs besides the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// d above, 0 to 1.
    pub popularity_discount_factor: f64,
    /// Fewest common users of a pair.
    pub min_cointeraction_count: u32,
    /// Users whose history length lies outside of these percentiles are left out.
    pub user_percentiles: (f64, f64),
    /// Items whose number of users lies outside of these percentiles are left out.
    pub item_percentiles: (f64, f64),
    /// Neighbours kept for an item; a longer answer goes on with popular items.
    pub neighbours: usize,
    /// Threads to count with; the result does not depend on it.
    pub threads: usize,
}

impl Config {
    /// Reads the recipe's checked parameters.
    pub fn from_hyperparameters(parameters: &Hyperparameters, threads: usize) -> Self {
        Self {
            popularity_discount_factor: parameters.real("popularity_discount_factor"),
            min_cointeraction_count: parameters.integer("min_cointeraction_count") as u32,
            user_percentiles: featurization::user_percentiles(parameters),
            item_percentiles: featurization::percentiles(parameters, "item_interaction_count"),
            neighbours: NUM_RESULTS_MAX,
            threads,
        }
    }
}

/// The neighbours of every item, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Sims {
    pub(crate) neighbours: Neighbours,
    pub(crate) popular: PopularityCount,
}

/// One ranked list per item, packed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Neighbours {
    /// I + 1 offsets into the other two.
    pub(crate) offsets: Vec<u64>,
    /// Item numbers, list after list.
    pub(crate) items: Vec<u32>,
    /// Scores as the module defines them, list after list.
    pub(crate) scores: Vec<f32>,
}

impl Neighbours {
    fn of(&self, item: u32) -> &[u32] {
        match self.offsets.get(item as usize..item as usize + 2) {
            Some(ends) => &self.items[ends[0] as usize..ends[1] as usize],
            None => &[],
        }
    }
}

impl Sims {
    /// Counts co-occurrences and keeps the best neighbours of every item.
    ///
    /// Time grows with the sum of squared history lengths, and for long histories with users · I / 512 for
    /// each item; memory with the interactions, plus 16 bytes for a pair that is kept and 4 bytes for an
    /// item and thread.
    pub fn train(data: &Interactions, config: &Config) -> Self {
        let affordable = (PAIRS_MAX / data.items.len().max(1)).max(PRECOMPUTED_RESULTS);
        let config = &Config { neighbours: config.neighbours.min(affordable), ..config.clone() };
        let (low, high) = config.user_percentiles;
        let kept = featurization::users_within(data, low, high);
        let pairs = cooccurrence::Incidence::new(data, &kept, config.item_percentiles);
        Self { neighbours: cooccurrence::neighbours(&pairs, config), popular: PopularityCount::train(data) }
    }

    /// Puts a model together from its parts, as an artifact holds them. `None` when they contradict
    /// each other.
    pub(crate) fn from_parts(neighbours: Neighbours, popular: PopularityCount) -> Option<Self> {
        let items = popular.items();
        let Neighbours { offsets, items: numbers, scores } = &neighbours;
        let sound = offsets.len() == items + 1
            && offsets.first() == Some(&0)
            && offsets.last() == Some(&(numbers.len() as u64))
            && offsets.is_sorted()
            && numbers.len() == scores.len()
            && numbers.iter().all(|&item| (item as usize) < items);
        sound.then_some(Self { neighbours, popular })
    }

    /// The neighbours of an item with their scores, best first; empty for an unknown item.
    pub fn neighbours(&self, item: u32) -> (&[u32], &[f32]) {
        let list = self.neighbours.of(item);
        let start = self.neighbours.offsets.get(item as usize).map_or(0, |&offset| offset as usize);
        (list, &self.neighbours.scores[start..start + list.len()])
    }
}

impl Recommender for Sims {
    fn recommend(&self, queries: &[Query<'_>], k: usize, exclude_seen: bool) -> Vec<RankedList> {
        let mut seen = Seen::new(self.items());
        let answer = |query: &Query<'_>| {
            seen.clear();
            let neighbours = match query {
                Query::Item(item) => {
                    seen.extend(&[*item]);
                    self.neighbours.of(*item)
                }
                Query::User(history) => {
                    if exclude_seen {
                        seen.extend(history.items);
                    }
                    let lists = history.items.iter().rev().map(|&item| self.neighbours.of(item));
                    lists.into_iter().find(|list| !list.is_empty()).unwrap_or_default()
                }
            };
            let mut items: Vec<u32> =
                neighbours.iter().copied().filter(|&item| seen.insert(item)).take(k).collect();
            self.popular.fill(&mut items, k, &mut seen);
            RankedList { items, scores: Vec::new() }
        };
        queries.iter().map(answer).collect()
    }

    fn items(&self) -> usize {
        self.popular.items()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::interactions;

    fn config(popularity_discount_factor: f64, min_cointeraction_count: u32) -> Config {
        let everybody = (0.0, 1.0);
        Config {
            popularity_discount_factor,
            min_cointeraction_count,
            user_percentiles: everybody,
            item_percentiles: everybody,
            neighbours: 100,
            threads: 2,
        }
    }

    /// Seven users have a; of its neighbours c is had by few (2 of 2 with a), b by everybody.
    fn shop() -> Interactions {
        interactions(&[
            ("1", "ab"),
            ("2", "aabc"),
            ("3", "abc"),
            ("4", "ab"),
            ("5", "b"),
            ("6", "bd"),
            ("7", "bd"),
            ("8", "bd"),
        ])
    }

    #[test]
    fn the_discount_turns_from_popular_neighbours_to_exclusive_ones() {
        // n: a 4, b 8, c 2, d 3. With a: b 4, c 2.
        for (discount, expected) in [
            (0.0, [(1, 4.0 / 4.0), (2, 2.0 / 4.0)]),
            (0.5, [(1, 4.0 / 32f32.sqrt()), (2, 2.0 / 8f32.sqrt())]),
            (1.0, [(2, 2.0 / 2.0), (1, 4.0 / 8.0)]),
        ] {
            let model = Sims::train(&shop(), &config(discount, 0));
            let (items, scores) = model.neighbours(0);
            assert_eq!(items, expected.map(|(item, _)| item), "discount {discount}");
            for (score, (_, expected)) in scores.iter().zip(expected) {
                assert!((score - expected).abs() < 1e-6, "{score} instead of {expected} at {discount}");
            }
        }
    }

    #[test]
    fn pairs_with_too_few_common_users_are_dropped() {
        // Common users of b: a 4, d 3, c 2.
        for (count, expected) in [(0, &[0u32, 3, 2][..]), (2, &[0, 3, 2]), (3, &[0, 3]), (4, &[0]), (5, &[])]
        {
            let model = Sims::train(&shop(), &config(0.0, count));
            assert_eq!(model.neighbours(1).0, expected, "min_cointeraction_count {count}");
        }
    }

    #[test]
    fn only_the_best_neighbours_are_kept() {
        let model = Sims::train(&shop(), &Config { neighbours: 1, ..config(0.0, 0) });
        assert_eq!(model.neighbours(1).0, [0]);
        let model = Sims::train(&shop(), &Config { neighbours: 0, ..config(0.0, 0) });
        assert!(model.neighbours(1).0.is_empty());
    }

    #[test]
    fn thin_and_unknown_items_are_filled_up_with_popular_ones() {
        let model = Sims::train(&shop(), &config(0.5, 3));
        // d has b as its only neighbour, c has none. Popular: b, a, d, c.
        for (query, expected) in [
            (Query::Item(3), [1, 0, 2].as_slice()),
            (Query::Item(2), &[1, 0, 3]),
            (Query::Item(99), &[1, 0, 3]),
        ] {
            assert_eq!(model.recommend(&[query], 3, false)[0].items, expected, "{query:?}");
        }
    }

    #[test]
    fn filtered_items_have_no_neighbours_and_are_nobodys() {
        let percentiles = (0.0, 0.9);
        let model = Sims::train(&shop(), &Config { item_percentiles: percentiles, ..config(0.5, 0) });
        // Four items: the 0.9 percentile of 2, 3, 4, 8 users is 8.
        assert_eq!(model.neighbours(1).0.len(), 3);
        let model = Sims::train(&shop(), &Config { item_percentiles: (0.0, 0.75), ..config(0.5, 0) });
        assert_eq!((model.neighbours(1).0, model.neighbours(0).0), (&[][..], &[2][..]));
    }

    /// Counts pair by pair, with no cleverness.
    fn plainly(data: &Interactions, item: u32, config: &Config) -> Vec<(u32, u32)> {
        let has = |user: u32, item: u32| data.history(user).items.contains(&item);
        let users = 0..data.users.len() as u32;
        let common = |a: u32, b: u32| users.clone().filter(|&user| has(user, a) && has(user, b)).count();
        let (own, discount) = (common(item, item) as f64, config.popularity_discount_factor);
        let mut all: Vec<(f64, u32, usize)> = (0..data.items.len() as u32)
            .filter(|&other| other != item)
            .map(|other| {
                let (both, theirs) = (common(item, other), common(other, other) as f64);
                (both as f64 / (own.powf(1.0 - discount) * theirs.powf(discount)), other, both)
            })
            .filter(|&(_, _, both)| both >= config.min_cointeraction_count.max(1) as usize)
            .collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        all.into_iter().map(|(score, other, _)| (other, (score * 1e4).round() as u32)).collect()
    }

    proptest! {
        /// Dense rows, sparse rows and any number of threads count what plain counting counts. The
        /// order is compared by score: ties in f64 may be split by rounding in f32.
        #[test]
        fn fast_counting_is_plain_counting(
            histories in prop::collection::vec("[a-m]{0,12}", 1..40),
            discount in 0.0..=1.0f64,
            count in 0..4u32,
            threads in 1..5usize,
        ) {
            let named: Vec<_> = histories.iter().enumerate().map(|(u, items)| (u.to_string(), items.as_str())).collect();
            let named: Vec<_> = named.iter().map(|(user, items)| (user.as_str(), *items)).collect();
            let data = interactions(&named);
            let config = Config { threads, ..config(discount, count) };
            let model = Sims::train(&data, &config);
            for item in 0..data.items.len() as u32 {
                let (items, scores) = model.neighbours(item);
                let expected = plainly(&data, item, &config);
                prop_assert!(scores.is_sorted_by(|a, b| a >= b));
                let mut found: Vec<_> = items.iter().copied().zip(scores.iter().copied()).collect();
                let mut expected = expected;
                found.sort_by_key(|&(item, _)| item);
                expected.sort_by_key(|&(item, _)| item);
                prop_assert_eq!(found.len(), expected.len());
                for ((item, score), (other, rounded)) in found.into_iter().zip(expected) {
                    prop_assert_eq!(item, other);
                    prop_assert!((f64::from(score) * 1e4 - f64::from(rounded)).abs() < 1.0);
                }
            }
        }
    }
}
