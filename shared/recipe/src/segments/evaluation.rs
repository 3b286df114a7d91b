//! The documented evaluation of segments: of each user the newest fifth is hidden, and a segment should
//! hold the users who then took the item (developer guide, "Evaluating a solution version with
//! metrics", on USER_SEGMENTATION recipes).
//!
//! K is one per cent of the users, rounded up. Metrics are means over the questions: items, or values
//! of attributes, that anybody took in the hidden part.
//!
//! - hits at K: how many of the K predicted users did take it; may exceed one.
//! - recall at K: the share of those who took it that were among the K.
//! - coverage: distinct users in all segments over distinct users.
//!
//! The baseline names the K most active users whatever it is asked, as popularity does for items.

use std::collections::BTreeMap;

use dataset::Interactions;
use domain::resource::Metric;

use super::segments;
use crate::hrnn::HrnnModel;
use crate::{intervals, random};

/// Names of the metrics that are means over questions, as GetSolutionMetrics spells them.
pub const NAMES: [&str; 2] = ["hits_at_1_percent", "recall_at_1_percent"];
/// The metric that a verdict looks at.
pub const HEADLINE: &str = NAMES[1];
const COVERAGE: &str = "coverage";

/// Questions that are asked at most; which ones depends on the seed and on their names alone.
const QUESTIONS_MAX: usize = 1000;

/// Data parted by time.
pub struct Split {
    /// The oldest four fifths of every user, rounded up.
    pub train: Interactions,
    /// The rest, user by user, numbered as in `train`.
    pub hidden: Interactions,
}

/// Parts the data. Users with fewer than five interactions have nothing hidden.
pub fn split(data: &Interactions) -> Split {
    let shown = |length: usize| length - length / 5;
    Split {
        train: data.part(|_, length| 0..shown(length)),
        hidden: data.part(|_, length| shown(length)..length),
    }
}

impl Split {
    /// Users of whom something is hidden.
    pub fn test_users(&self) -> usize {
        self.hidden.spans().iter().filter(|span| !span.is_empty()).count()
    }

    /// The users who took one of the items in the hidden part, ascending.
    fn truth(&self, by_item: &[Vec<u32>], items: &[u32]) -> Vec<u32> {
        let mut users: Vec<u32> =
            items.iter().flat_map(|&item| by_item[item as usize].iter().copied()).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    /// Hidden users of every item.
    fn by_item(&self) -> Vec<Vec<u32>> {
        let mut by_item = vec![Vec::new(); self.hidden.items.len()];
        for user in 0..self.hidden.users.len() as u32 {
            self.hidden.history(user).items.iter().for_each(|&item| by_item[item as usize].push(user));
        }
        by_item
    }
}

/// What was found out.
pub struct Evaluation {
    /// Of the model.
    pub metrics: BTreeMap<String, Metric>,
    /// Of the most active users.
    pub baseline: BTreeMap<String, Metric>,
    /// Means of the differences, question by question.
    pub advantage: BTreeMap<String, Metric>,
}

/// A name that stays the same whatever the order of the data, and the items that it stands for.
pub type Question = (String, Vec<u32>);

/// A question for each item.
pub fn items(data: &Interactions) -> Vec<Question> {
    data.items.iter().enumerate().map(|(item, id)| (id.to_owned(), vec![item as u32])).collect()
}

/// Asks a model that was trained on `split.train` and judges the answers.
pub fn evaluate(
    model: &HrnnModel,
    split: &Split,
    questions: Vec<Question>,
    seed: u64,
    threads: usize,
) -> Evaluation {
    let by_item = split.by_item();
    let mut asked: Vec<(u64, String, Vec<u32>, Vec<u32>)> = questions
        .into_iter()
        .map(|(name, items)| {
            let truth = split.truth(&by_item, &items);
            (random::hash(seed, &name), name, items, truth)
        })
        .filter(|(_, _, _, truth)| !truth.is_empty())
        .collect();
    asked.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    asked.truncate(QUESTIONS_MAX);
    let users = split.train.users.len();
    let k = users.div_ceil(100);
    let queries: Vec<Vec<u32>> = asked.iter().map(|question| question.2.clone()).collect();
    let truths: Vec<Vec<u32>> = asked.into_iter().map(|question| question.3).collect();
    let own: Vec<Vec<u32>> = segments(model, &split.train, &queries, k, threads)
        .into_iter()
        .map(|segment| segment.users)
        .collect();
    let active = vec![most_active(&split.train, k); truths.len()];
    let (judged, of_active) = (judge(&own, &truths), judge(&active, &truths));
    let differences: Vec<[f64; 2]> =
        judged.iter().zip(&of_active).map(|(a, b)| [a[0] - b[0], a[1] - b[1]]).collect();
    Evaluation {
        metrics: named(&judged, (0.0, k as f64), Some(coverage(&own, users)), seed),
        baseline: named(&of_active, (0.0, k as f64), Some(coverage(&active, users)), seed),
        advantage: named(&differences, (-(k as f64), k as f64), None, seed),
    }
}

/// The users with most interactions; ties go to the lower number.
fn most_active(data: &Interactions, k: usize) -> Vec<u32> {
    let mut users: Vec<u32> = (0..data.users.len() as u32).collect();
    users.sort_by_key(|&user| std::cmp::Reverse(data.history(user).items.len()));
    users.truncate(k);
    users
}

/// Hits and recall of each question.
fn judge(segments: &[Vec<u32>], truths: &[Vec<u32>]) -> Vec<[f64; 2]> {
    let of = |(segment, truth): (&Vec<u32>, &Vec<u32>)| {
        let hits = segment.iter().filter(|user| truth.binary_search(user).is_ok()).count() as f64;
        [hits, hits / truth.len() as f64]
    };
    segments.iter().zip(truths).map(of).collect()
}

fn named(
    rows: &[[f64; 2]],
    (low, high): (f64, f64),
    coverage: Option<Metric>,
    seed: u64,
) -> BTreeMap<String, Metric> {
    if rows.is_empty() {
        return BTreeMap::new();
    }
    let [hits, mut recall] = intervals::means(rows, (low, high), seed);
    // A share ends at one, a count at K.
    (recall.low, recall.high) = (recall.low.max(-1.0).max(low), recall.high.min(1.0));
    let metrics = NAMES.iter().zip([hits, recall]).map(|(name, metric)| ((*name).to_owned(), metric));
    metrics.chain(coverage.map(|metric| (COVERAGE.to_owned(), metric))).collect()
}

fn coverage(segments: &[Vec<u32>], users: usize) -> Metric {
    // For each user nobody's, one question's, or several questions'.
    let mut by: Vec<Option<Option<usize>>> = vec![None; users];
    for (question, segment) in segments.iter().enumerate() {
        for &user in segment {
            let by = &mut by[user as usize];
            *by = Some(if by.is_none() { Some(question) } else { None });
        }
    }
    let mut only = vec![0usize; segments.len()];
    by.iter().flatten().flatten().for_each(|&question| only[question] += 1);
    intervals::coverage(by.iter().flatten().count(), &only, users)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{interactions, walks};

    #[test]
    fn the_newest_fifth_of_every_user_is_hidden() {
        let data = interactions(&[("u", "abcdefghij"), ("v", "abcd"), ("w", "abcde")]);
        let split = split(&data);
        let lengths = |data: &Interactions| -> Vec<usize> {
            (0..3).map(|user| data.history(user).items.len()).collect()
        };
        assert_eq!((lengths(&split.train), lengths(&split.hidden)), (vec![8, 4, 4], vec![2, 0, 1]));
        assert_eq!(split.hidden.history(0).items, [8, 9]);
        assert_eq!((split.test_users(), split.train.items.len()), (2, 10));
    }

    #[test]
    fn hits_are_counted_and_recall_is_their_share() {
        let truths = [vec![1, 2, 3, 4], vec![7]];
        assert_eq!(judge(&[vec![2, 9, 3], vec![1, 2, 3]], &truths), [[2.0, 0.5], [0.0, 0.0]]);
        let metrics = named(&judge(&[vec![2, 9, 3], vec![7, 2, 3]], &truths), (0.0, 3.0), None, 1);
        assert_eq!(metrics["hits_at_1_percent"].value, 1.5);
        assert_eq!(metrics["recall_at_1_percent"].value, 0.75);
        assert!(metrics["hits_at_1_percent"].high > 1.0 && metrics["recall_at_1_percent"].high <= 1.0);
    }

    #[test]
    fn coverage_is_a_share_of_the_users() {
        let metric = coverage(&[vec![1, 2], vec![2, 3], vec![2, 1]], 12);
        assert!((metric.value - 0.25).abs() < 1e-12 && metric.low <= 0.25 && metric.high >= 0.25);
    }

    #[test]
    fn the_most_active_come_first_and_ties_go_to_the_lower_number() {
        let data = interactions(&[("u", "ab"), ("v", "abc"), ("w", "ab")]);
        assert_eq!(most_active(&data, 2), [1, 0]);
        assert_eq!(items(&walks(2, 3, 4)).len(), 4);
    }
}
