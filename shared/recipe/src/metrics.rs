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
    fn a_hit_below_rank_25_counts_nowhere() {
        let list: Vec<u32> = (100..125).chain([1]).collect();
        check(&list, &[1], [0.0; COUNT]);
    }
}
