//! Users for items: `aws-item-affinity` and `aws-item-attribute-affinity`.
//!
//! The network of `aws-hrnn` gives every user a distribution over the catalogue. A user's place in a
//! segment is the probability that the next item is one of those asked for:
//!
//! ```text
//! p(items | user) = Σ over v in items of softmax over the catalogue of (q[user] · item[v] + bias[v])
//! ```
//!
//! Raw products would not do: a user with a long query vector has large products with everything. The
//! softmax makes users comparable, at the price of the whole catalogue for each of them.
//!
//! [`attributes`] reads which items a question about their metadata means.
//!
//! Users stream by block after block and each query keeps its best in a heap, so memory holds a block
//! of users times a block of items, and the answers, but never the matrix of both.

pub mod attributes;
pub mod evaluation;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dataset::{History, Interactions};
use ndarray::{Array2, Axis, s};

use crate::hrnn::HrnnModel;
use crate::ranking::is_within;

/// Users that one thread scores at a time.
const USERS_AT_ONCE: usize = 256;
/// Items that are scored at a time.
const ITEMS_AT_ONCE: usize = 1024;

/// The users of a segment, likeliest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segment {
    /// Numbers of users, no duplicates.
    pub users: Vec<u32>,
    /// The probability of each.
    pub probabilities: Vec<f32>,
}

/// The `k` likeliest users for each of `queries`, which are sets of item numbers. Ties go to the lower
/// number of a user; items that the model does not know have no probability.
///
/// The answer does not depend on `threads`.
pub fn segments(
    model: &HrnnModel,
    data: &Interactions,
    queries: &[Vec<u32>],
    k: usize,
    threads: usize,
) -> Vec<Segment> {
    segments_within(model, data, queries, &[], k, threads)
}

/// [`segments`] of which the nth has only users in the nth set of `allowed`, which is as that of
/// [`Recommender::recommend_within`](crate::Recommender::recommend_within); a query without a set has all.
pub fn segments_within(
    model: &HrnnModel,
    data: &Interactions,
    queries: &[Vec<u32>],
    allowed: &[Vec<u64>],
    k: usize,
    threads: usize,
) -> Vec<Segment> {
    let wanted = Wanted::new(queries);
    let mut best: Vec<Best> = queries.iter().map(|_| Best::new(k.min(data.users.len()))).collect();
    let users: Vec<u32> = (0..data.users.len() as u32).collect();
    for round in users.chunks(USERS_AT_ONCE * threads.max(1)) {
        let blocks: Vec<(&[u32], Array2<f32>)> = std::thread::scope(|scope| {
            let score = |block| (block, probabilities(model, data, block, &wanted));
            let workers: Vec<_> =
                round.chunks(USERS_AT_ONCE).map(|block| scope.spawn(move || score(block))).collect();
            workers.into_iter().map(|worker| worker.join().expect("scoring does not panic")).collect()
        });
        for (block, probabilities) in &blocks {
            for (&user, row) in block.iter().zip(probabilities.rows()) {
                for (query, (best, &probability)) in best.iter_mut().zip(row).enumerate() {
                    if allowed.get(query).is_none_or(|allowed| is_within(allowed, user)) {
                        best.offer(user, probability);
                    }
                }
            }
        }
    }
    best.into_iter().map(Best::finish).collect()
}

/// Which queries want an item.
struct Wanted {
    queries: usize,
    /// Item and query, ascending.
    pairs: Vec<(u32, u32)>,
}

impl Wanted {
    fn new(queries: &[Vec<u32>]) -> Self {
        let of = |(query, items): (usize, &Vec<u32>)| -> Vec<_> {
            items.iter().map(|&item| (item, query as u32)).collect()
        };
        let mut pairs: Vec<_> = queries.iter().enumerate().flat_map(of).collect();
        pairs.sort_unstable();
        pairs.dedup();
        Self { queries: queries.len(), pairs }
    }

    /// The pairs whose items lie in a range.
    fn within(&self, items: std::ops::Range<usize>) -> &[(u32, u32)] {
        let at = |item: usize| self.pairs.partition_point(|pair| (pair.0 as usize) < item);
        &self.pairs[at(items.start)..at(items.end)]
    }
}

/// Probabilities of some users (rows) for all queries (columns).
fn probabilities(model: &HrnnModel, data: &Interactions, users: &[u32], wanted: &Wanted) -> Array2<f32> {
    let histories: Vec<History<'_>> = users.iter().map(|&user| data.history(user)).collect();
    let items = model.items.nrows();
    let known: Vec<bool> =
        histories.iter().map(|h| h.items.iter().any(|&item| (item as usize) < items)).collect();
    let states = model.states(&histories);
    let mut sums = vec![Sum::new(wanted.queries); users.len()];
    for first in (0..items).step_by(ITEMS_AT_ONCE) {
        let block = first..items.min(first + ITEMS_AT_ONCE);
        let logits = states.dot(&model.items.slice(s![block.clone(), ..]).t())
            + model.bias.slice(s![block.clone()]).insert_axis(Axis(0));
        let prior = model.prior.slice(s![block.clone()]);
        for ((sum, row), &known) in sums.iter_mut().zip(logits.rows()).zip(&known) {
            // Of whom nothing is known, popularity is all that can be said.
            let logits = if known { row } else { prior };
            sum.take(logits.as_slice().expect("rows are contiguous"), first, wanted.within(block.clone()));
        }
    }
    let mut probabilities = Array2::zeros((users.len(), wanted.queries));
    for (mut row, sum) in probabilities.rows_mut().into_iter().zip(&sums) {
        row.iter_mut().zip(&sum.wanted).for_each(|(p, &weight)| *p = (weight / sum.total) as f32);
    }
    probabilities
}

/// One user's running softmax.
#[derive(Clone)]
struct Sum {
    highest: f32,
    /// Sum of e^(logit − highest) over the items so far.
    total: f64,
    /// The same over the items of each query.
    wanted: Vec<f64>,
}

impl Sum {
    fn new(queries: usize) -> Self {
        Self { highest: f32::NEG_INFINITY, total: 0.0, wanted: vec![0.0; queries] }
    }

    /// Takes the logits of items `first..`.
    fn take(&mut self, logits: &[f32], first: usize, wanted: &[(u32, u32)]) {
        let block = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        if block > self.highest {
            let shrink = f64::from((self.highest - block).exp());
            self.total *= shrink;
            self.wanted.iter_mut().for_each(|weight| *weight *= shrink);
            self.highest = block;
        }
        let weight = |logit: f32| (logit - self.highest).exp();
        self.total += f64::from(logits.iter().map(|&logit| weight(logit)).sum::<f32>());
        for &(item, query) in wanted {
            self.wanted[query as usize] += f64::from(weight(logits[item as usize - first]));
        }
    }
}

/// The likeliest users of one query so far.
struct Best {
    keep: usize,
    /// The worst on top.
    heap: BinaryHeap<Reverse<u64>>,
}

impl Best {
    fn new(keep: usize) -> Self {
        Self { keep, heap: BinaryHeap::new() }
    }

    fn offer(&mut self, user: u32, probability: f32) {
        // Probabilities are not negative, so their bits are ordered as they are.
        let key = Reverse(u64::from(probability.to_bits()) << 32 | u64::from(!user));
        if self.heap.len() < self.keep {
            self.heap.push(key);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && key < *worst
        {
            *worst = key;
        }
    }

    fn finish(self) -> Segment {
        let keys = self.heap.into_sorted_vec();
        Segment {
            users: keys.iter().map(|key| !(key.0 as u32)).collect(),
            probabilities: keys.iter().map(|key| f32::from_bits((key.0 >> 32) as u32)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hrnn;
    use crate::testing::walks;

    fn trained(data: &Interactions) -> HrnnModel {
        let config = hrnn::Config { hidden_dimension: 32, epochs: Some(2), threads: 1, ..Default::default() };
        hrnn::train(data, &config, &|_| std::ops::ControlFlow::Continue(())).unwrap().0
    }

    /// Probabilities straight from the model's own scores of the whole catalogue.
    fn plainly(model: &HrnnModel, data: &Interactions, query: &[u32], k: usize) -> Vec<(u32, f32)> {
        let mut all: Vec<(u32, f32)> = (0..data.users.len() as u32)
            .map(|user| {
                let state = model.state(&data.history(user));
                let scores = model.scores(state.as_ref().map(|state| state.view()));
                (user, query.iter().map(|&item| scores.get(item as usize).unwrap_or(&0.0)).sum())
            })
            .collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(k);
        all
    }

    #[test]
    fn a_segment_is_what_the_softmax_of_every_user_says() {
        // More users than a block, more items than a block.
        let data = walks(300, 12, 1500);
        let model = trained(&data);
        let queries = [vec![0], vec![1499], vec![3, 700, 1400, 700], vec![], vec![9999]];
        let found = segments(&model, &data, &queries, 20, 2);
        for (query, segment) in queries.iter().zip(&found).take(3) {
            let mut items = query.clone();
            items.dedup();
            items.sort_unstable();
            items.dedup();
            let expected = plainly(&model, &data, &items, 20);
            assert_eq!(segment.users.len(), 20);
            for ((probability, user), (other, exact)) in
                segment.probabilities.iter().zip(&segment.users).zip(&expected)
            {
                assert!(
                    (probability - exact).abs() < 1e-5 * exact.max(1e-3),
                    "{user} {probability}: {other} {exact}"
                );
            }
            assert!(segment.probabilities.is_sorted_by(|a, b| a >= b));
        }
        // Nothing wanted is nobody's: zero for all, the first numbers first.
        for segment in &found[3..] {
            assert_eq!(segment.users, (0..20).collect::<Vec<u32>>());
            assert!(segment.probabilities.iter().all(|&p| p == 0.0));
        }
        assert_eq!(found, segments(&model, &data, &queries, 20, 1));
        // Among some users: those of all, less the others.
        let everybody = segments(&model, &data, &queries[..3], 300, 2);
        let allowed = [vec![u64::MAX; 5], vec![0b1011, 1 << 63], vec![]];
        let among = segments_within(&model, &data, &queries[..3], &allowed, 300, 2);
        for ((all, some), allowed) in everybody.iter().zip(&among).zip(&allowed) {
            let kept = all.users.iter().copied().filter(|&user| is_within(allowed, user));
            assert_eq!(some.users, kept.collect::<Vec<u32>>());
        }
        assert_eq!([among[0].users.len(), among[1].users.len(), among[2].users.len()], [300, 4, 0]);
    }

    #[test]
    fn no_more_users_than_there_are() {
        let data = walks(30, 12, 40);
        let model = trained(&data);
        let found = segments(&model, &data, &[vec![1]], 1_000_000, 3).remove(0);
        let mut users = found.users.clone();
        users.sort_unstable();
        assert_eq!(users, (0..30).collect::<Vec<u32>>());
        assert!(segments(&model, &data, &[vec![1]], 0, 3)[0].users.is_empty());
        assert!(segments(&model, &data, &[], 5, 3).is_empty());
    }
}
