//! What happens to the data before a model sees it: percentile filters and the minimum checks.

use std::ops::RangeInclusive;

use dataset::Interactions;
use domain::hyperparameters::Hyperparameters;
use domain::limits::{TRAINING_INTERACTIONS_MIN, TRAINING_USER_INTERACTIONS_MIN, TRAINING_USERS_MIN};

use crate::seen::Seen;

/// Data that is too small to train on. The first sentences are the hosted service's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooSmall {
    /// Fewer than 1,000 interactions.
    #[error(
        "{} There are {found}. Import at least {} more{}.",
        match event_type {
            Some(event_type) => format!(
                "Dataset has fewer than {TRAINING_INTERACTIONS_MIN} interactions after filtering by event type: \
                 {event_type}."
            ),
            None => format!("Create failed. Dataset has fewer than {TRAINING_INTERACTIONS_MIN} interactions."),
        },
        TRAINING_INTERACTIONS_MIN - found,
        if event_type.is_some() { " of that type, or create the solution without eventType" } else { "" }
    )]
    Interactions {
        /// Interactions left after the event filter.
        found: usize,
        /// The solution's event type, if it names one.
        event_type: Option<String>,
    },
    /// Fewer than 25 users with at least 2 interactions.
    #[error(
        "Create failed. Dataset has fewer than {TRAINING_USERS_MIN} users with at least \
         {TRAINING_USER_INTERACTIONS_MIN} interactions each. There are {found} such users among {users}. \
         Import more interactions of the same users, and check that USER_ID names the same person in every row."
    )]
    Users {
        /// Users with at least 2 interactions.
        found: usize,
        /// All users.
        users: usize,
    },
}

/// Whether there is enough to train on: 1,000 interactions, and 25 users with at least 2.
pub fn check_size(data: &Interactions, event_type: Option<&str>) -> Result<(), TooSmall> {
    if data.len() < TRAINING_INTERACTIONS_MIN {
        return Err(TooSmall::Interactions { found: data.len(), event_type: event_type.map(str::to_owned) });
    }
    let found = lengths(data).filter(|&length| length >= TRAINING_USER_INTERACTIONS_MIN).count();
    if found < TRAINING_USERS_MIN {
        return Err(TooSmall::Users { found, users: data.users.len() });
    }
    Ok(())
}

/// The two percentiles of history length that a recipe's parameters name.
pub(crate) fn user_percentiles(parameters: &Hyperparameters) -> (f64, f64) {
    percentiles(parameters, "user_history_length")
}

/// `min_<what>_percentile` and `max_<what>_percentile`.
pub(crate) fn percentiles(parameters: &Hyperparameters, what: &str) -> (f64, f64) {
    (parameters.real(&format!("min_{what}_percentile")), parameters.real(&format!("max_{what}_percentile")))
}

/// The users whose history length lies within the percentiles, both ends included.
pub fn users_within(data: &Interactions, low: f64, high: f64) -> Vec<u32> {
    let within = within_percentiles(lengths(data).filter(|&length| length > 0), low, high);
    (0..data.users.len() as u32).filter(|&user| within.contains(&data.history(user).items.len())).collect()
}

/// The share of interactions with an item that the same user had before: near zero where nobody
/// takes an item twice (films rated), high where repeating is the rule (songs, groceries). Lists for
/// the former are better without what was seen, and useless without it for the latter.
pub fn repeat_share(data: &Interactions) -> f64 {
    let mut seen = Seen::new(data.items.len());
    let mut repeats = 0usize;
    for user in 0..data.users.len() as u32 {
        seen.clear();
        repeats += data.history(user).items.iter().filter(|&&item| !seen.insert(item)).count();
    }
    repeats as f64 / data.len().max(1) as f64
}

/// The interactions of some users, who keep their numbers, as items do; the others are left with none. The
/// part shares the memory of the whole.
pub fn subset(data: &Interactions, users: &[u32]) -> Interactions {
    let mut chosen = vec![false; data.users.len()];
    users.iter().for_each(|&user| chosen[user as usize] = true);
    data.part(|user, length| 0..if chosen[user as usize] { length } else { 0 })
}

/// The values at two percentiles, by nearest rank: the smallest value that at least that share of
/// all values does not exceed. A filter built so never drops a value that ties with one it keeps.
pub(crate) fn within_percentiles(
    values: impl Iterator<Item = usize>,
    low: f64,
    high: f64,
) -> RangeInclusive<usize> {
    let mut sorted: Vec<usize> = values.collect();
    sorted.sort_unstable();
    let at = |share: f64| {
        // A share like 0.9 of 10 comes out as 9.000000000000002 without the small allowance.
        let rank = (share * sorted.len() as f64 - 1e-9).ceil().max(1.0) as usize;
        sorted.get(rank.min(sorted.len()).saturating_sub(1)).copied().unwrap_or(0)
    };
    at(low)..=at(high)
}

fn lengths(data: &Interactions) -> impl Iterator<Item = usize> {
    data.spans().iter().map(|span| span.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{interactions, walks};

    #[test]
    fn percentiles_are_nearest_ranks_and_keep_ties() {
        let ten = || 1..=10;
        for (values, low, high, expected) in [
            (ten().collect::<Vec<usize>>(), 0.0, 1.0, 1..=10),
            (ten().collect(), 0.0, 0.99, 1..=10),
            (ten().collect(), 0.1, 0.9, 1..=9),
            (ten().collect(), 0.11, 0.89, 2..=9),
            (ten().collect(), 0.5, 0.5, 5..=5),
            (vec![4; 10], 0.3, 0.7, 4..=4),
            (vec![7], 0.005, 0.995, 7..=7),
            (vec![], 0.0, 1.0, 0..=0),
        ] {
            assert_eq!(
                within_percentiles(values.clone().into_iter(), low, high),
                expected,
                "{values:?} {low} {high}"
            );
        }
    }

    #[test]
    fn the_longest_hundredth_of_histories_is_left_out_by_the_default() {
        let mut lengths = vec![10; 200];
        lengths.extend([45, 12, 1]);
        let letters = "x".repeat(45);
        let names: Vec<String> = (0..lengths.len()).map(|user| user.to_string()).collect();
        let histories: Vec<_> =
            names.iter().zip(&lengths).map(|(name, &length)| (name.as_str(), &letters[..length])).collect();
        let data = interactions(&histories);
        let kept = users_within(&data, 0.0, 0.99);
        // 203 users; the 0.99 percentile is the 201st length, a 10.
        assert_eq!(kept.len(), 201);
        assert!(!kept.contains(&200) && !kept.contains(&201) && kept.contains(&202));
    }

    #[test]
    fn small_data_is_refused_with_the_counts_and_what_to_do() {
        for (data, event_type, expected) in [
            (
                walks(99, 10, 50),
                None,
                Some(
                    "Create failed. Dataset has fewer than 1000 interactions. There are 990. Import at least 10 more.",
                ),
            ),
            (
                walks(99, 10, 50),
                Some("Watch"),
                Some(
                    "Dataset has fewer than 1000 interactions after filtering by event type: Watch. There are 990. Import at least 10 more of that type, or create the solution without eventType.",
                ),
            ),
            (
                walks(24, 50, 60),
                None,
                Some(
                    "Create failed. Dataset has fewer than 25 users with at least 2 interactions each. There are 24 such users among 24. Import more interactions of the same users, and check that USER_ID names the same person in every row.",
                ),
            ),
            (walks(25, 40, 60), None, None),
            (walks(100, 10, 50), Some("Watch"), None),
        ] {
            let found = check_size(&data, event_type).err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), expected);
        }
        let single = walks(1_200, 1, 50);
        assert_eq!(check_size(&single, None), Err(TooSmall::Users { found: 0, users: 1_200 }));
    }

    #[test]
    fn repeats_are_counted_within_a_user() {
        assert_eq!(repeat_share(&interactions(&[("u", "abab"), ("v", "abcd")])), 0.25);
        assert_eq!(repeat_share(&Interactions::default()), 0.0);
    }

    #[test]
    fn a_subset_keeps_the_numbers_of_users_and_items() {
        let data = walks(4, 3, 100);
        let part = subset(&data, &[3, 1]);
        assert_eq!((part.len(), part.users.len(), part.items.len()), (6, 4, 100));
        assert_eq!(part.history(3).items, data.history(3).items);
        assert_eq!(part.history(1).timestamps, data.history(1).timestamps);
        assert!(part.history(0).items.is_empty() && part.history(2).items.is_empty());
    }
}
