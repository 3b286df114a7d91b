//! What one list is worth, as the developer guide defines it (page "Evaluating a solution version
//! with metrics").
//!
//! Relevance is binary: an item counts when it is among the newest interactions that were held
//! back from the model. Means over users and their intervals are made in [`crate::evaluation`].

/// Longest prefix of a list that any metric looks at.
pub const DEPTH: usize = 25;

/// How many metrics [`judge`] gives.
pub const COUNT: usize = 7;

/// Names of [`judge`]'s values, as GetSolutionMetrics spells them. `coverage` is not among them: it
/// belongs to all lists together.
pub const NAMES: [&str; COUNT] = [
    "mean_reciprocal_rank_at_25",
    "normalized_discounted_cumulative_gain_at_5",
    "normalized_discounted_cumulative_gain_at_10",
    "normalized_discounted_cumulative_gain_at_25",
    "precision_at_5",
    "precision_at_10",
    "precision_at_25",
];

/// Name of the metric over all lists.
pub const COVERAGE: &str = "coverage";

/// Name of NDCG@25 where hits gain what their events weigh. The guide leaves the letter in its name.
pub const WEIGHTED_NDCG: &str = "normalized_discounted_cumulative_gain_with_event_weights_at_k";

/// Name of the share of an objective that lists bring in. The guide leaves the letter in its name.
pub const AVERAGE_REWARDS: &str = "average_rewards_at_k";

/// Of what a user's truth is worth, the share that is worth the items among the first 25. Nothing for a user
/// whose truth is worth nothing; what is below zero is taken for nothing.
pub fn share_of_rewards(list: &[u32], truth: &[u32], rewards: &[f32]) -> Option<f64> {
    let worth = |item: u32| rewards.get(item as usize).map_or(0.0, |&reward| f64::from(reward.max(0.0)));
    let all: f64 = truth.iter().map(|&item| worth(item)).sum();
    let hits = list.iter().take(DEPTH).filter(|item| truth.binary_search(item).is_ok());
    (all > 0.0).then(|| hits.map(|&item| worth(item)).sum::<f64>() / all)
}

/// Judges one list against one user's truth, which is ascending and without repeats. The order of
/// the values is that of [`NAMES`].
///
/// - Reciprocal rank: 1 / rank of the first hit within 25, else 0.
/// - NDCG@K: hits weigh 1 / log2(1 + rank); divided by the sum of an ideal list, which has
///   min(K, |truth|) hits at its top.
/// - Precision@K: hits / K, also where the list or the truth is shorter than K.
pub fn judge(list: &[u32], truth: &[u32]) -> [f64; COUNT] {
    let list = &list[..list.len().min(DEPTH)];
    let hits: Vec<bool> = list.iter().map(|item| truth.binary_search(item).is_ok()).collect();
    let first = hits.iter().position(|&hit| hit);
    let ndcg = |k: usize| {
        let gain: f64 =
            hits.iter().take(k).enumerate().filter(|(_, hit)| **hit).map(|(i, _)| weight(i + 1)).sum();
        let ideal: f64 = (1..=k.min(truth.len())).map(weight).sum();
        if ideal > 0.0 { gain / ideal } else { 0.0 }
    };
    let precision = |k: usize| hits.iter().take(k).filter(|hit| **hit).count() as f64 / k as f64;
    [
        first.map_or(0.0, |index| 1.0 / (index + 1) as f64),
        ndcg(5),
        ndcg(10),
        ndcg(25),
        precision(5),
        precision(10),
        precision(25),
    ]
}

/// NDCG@25 of a list where a hit gains what its event weighs: `gains` stand beside the items of `truth`. The
/// guide divides them by the mean weight of the types, which falls out of the quotient. Nothing for a user
/// whose truth weighs nothing.
pub fn weighted_ndcg(list: &[u32], truth: &[u32], gains: &[f32]) -> Option<f64> {
    let mut ideal: Vec<f64> = gains.iter().map(|&gain| f64::from(gain)).collect();
    ideal.sort_unstable_by(|a, b| b.total_cmp(a));
    let sum = |gains: &mut dyn Iterator<Item = f64>| {
        gains.take(DEPTH).enumerate().map(|(at, gain)| gain * weight(at + 1)).sum::<f64>()
    };
    let best = sum(&mut ideal.into_iter());
    let gain = |item: &u32| truth.binary_search(item).map_or(0.0, |at| f64::from(gains[at]));
    (best > 0.0).then(|| sum(&mut list.iter().map(gain)) / best)
}

/// Weight of a hit at a rank, which counts from 1.
fn weight(rank: usize) -> f64 {
    1.0 / (1.0 + rank as f64).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &[u32], truth: &[u32], expected: [f64; COUNT]) {
        let found = judge(list, truth);
        for ((name, found), expected) in NAMES.iter().zip(found).zip(expected) {
            assert!((found - expected).abs() < 5e-5, "{name}: {found} instead of {expected}");
        }
    }

    #[test]
    fn the_worked_example_of_the_guide() {
        // Hits at ranks 2 and 5: DCG = 1/log2(3) + 1/log2(6), ideal = 1/log2(2) + 1/log2(3).
        check(&[90, 1, 91, 92, 2], &[1, 2], [0.5, 0.6241, 0.6241, 0.6241, 0.4, 0.2, 0.08]);
    }

    #[test]
    fn lists_that_are_worked_out_by_hand() {
        // One hit at rank 7 of a truth of one: 1/log2(8) = 1/3.
        let late: Vec<u32> = (10..20).map(|item| if item == 16 { 1 } else { item }).collect();
        check(&late, &[1], [1.0 / 7.0, 0.0, 1.0 / 3.0, 1.0 / 3.0, 0.0, 0.1, 0.04]);
        // Seven relevant items, the five best ranks hit: perfect at 5; beyond, the ideal has seven.
        // Sum of weights 1..5 = 2.9485, 1..7 = 2.9485 + 0.3562 + 0.3333 = 3.6380.
        check(&[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5, 6, 7], [1.0, 1.0, 0.8105, 0.8105, 1.0, 0.5, 0.2]);
        check(&[], &[1], [0.0; COUNT]);
        check(&[1], &[], [0.0; COUNT]);
    }

    #[test]
    fn rewards_are_a_share_of_what_the_truth_is_worth() {
        let rewards = [10.0, 30.0, f32::NAN, -5.0];
        for (list, truth, expected) in [
            (&[1, 9][..], &[0, 1][..], Some(0.75)),
            (&[0, 1], &[0, 1], Some(1.0)),
            (&[2, 3], &[0, 2, 3], Some(0.0)),
            (&[2, 3], &[2, 3], None),
        ] {
            assert_eq!(share_of_rewards(list, truth, &rewards), expected, "{list:?} {truth:?}");
        }
    }

    #[test]
    fn heavy_hits_gain_more() {
        // The guide's weights: a purchase of 0.3 and a click of 0.1, three to one whatever their mean is.
        let second = 1.0 / 3f64.log2();
        for (list, expected) in [
            (&[1, 2][..], 1.0),
            (&[2, 1], (1.0 + 3.0 * second) / (3.0 + second)),
            (&[1], 3.0 / (3.0 + second)),
            (&[9, 2], second / (3.0 + second)),
            (&[], 0.0),
        ] {
            for gains in [[0.3, 0.1], [0.6, 0.2]] {
                let found = weighted_ndcg(list, &[1, 2], &gains).unwrap();
                assert!((found - expected).abs() < 1e-6, "{list:?} {gains:?}: {found} instead of {expected}");
            }
        }
        // With one weight for all it is NDCG@25.
        let (list, truth) = ([90, 1, 91, 92, 2], [1, 2]);
        let plain = judge(&list, &truth)[3];
        assert!((weighted_ndcg(&list, &truth, &[0.4, 0.4]).unwrap() - plain).abs() < 1e-9);
        assert_eq!(weighted_ndcg(&[1], &[1], &[0.0]), None);
    }

    #[test]
    fn a_hit_below_rank_25_counts_nowhere() {
        let list: Vec<u32> = (100..125).chain([1]).collect();
        check(&list, &[1], [0.0; COUNT]);
    }
}
