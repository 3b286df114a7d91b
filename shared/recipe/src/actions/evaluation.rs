//! How well propensities tell who takes an action, on users that nothing was learnt from.
//!
//! A tenth of the users with outcomes is held out: the network and the regressions see none of theirs. Each
//! of their examples (`examples.rs`) is then asked with what was known before it.
//!
//! - area under the curve: how often an example that was taken has a higher probability than one that was
//!   not, ties counting half.
//! - precision and recall of saying "taken" at a probability of a half or more.
//! - coverage: distinct actions in the first five of the users' lists, over all actions.
//!
//! The baseline says of everybody how often the action was taken in training. Intervals are bootstraps over
//! users, whose examples go together.

use std::collections::BTreeMap;

use dataset::{History, Interactions};
use domain::limits::ACTION_RESULTS_DEFAULT;
use domain::resource::Metric;

use super::examples::{Example, examples};
use super::{NextBestAction, USERS_AT_ONCE, enough};
use crate::intervals;
use crate::random::{self, SplitMix};
use crate::ranking::{Query, Recommender};

/// The metric that a verdict looks at.
pub const HEADLINE: &str = "area_under_the_curve";
const NAMES: [&str; 3] = [HEADLINE, "precision", "recall"];
const COVERAGE: &str = "coverage";

/// Data parted by users.
pub struct Split {
    /// What the others did, with items and with actions; numbered as the whole.
    pub train: Interactions,
    /// The held-out users, ascending.
    pub test: Vec<u32>,
}

/// Holds out a tenth of the users who met an action with enough outcomes.
pub fn split(data: &Interactions, seed: u64) -> Split {
    let scored = enough(data);
    let actions = &data.metadata.actions;
    let eligible = (0..actions.users())
        .filter(|&user| actions.of(user).iter().any(|event| scored[event.action as usize]));
    let mut drawn: Vec<(u64, u32)> =
        eligible.map(|user| (random::hash(seed, data.users.id(user)), user)).collect();
    // The id decides between equal hashes; a number would depend on the order of the data.
    drawn.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| data.users.id(a.1).cmp(data.users.id(b.1))));
    drawn.truncate(drawn.len().div_ceil(10));
    let mut test: Vec<u32> = drawn.into_iter().map(|(_, user)| user).collect();
    test.sort_unstable();
    let held_out = |user: u32| test.binary_search(&user).is_ok();
    let mut train = data.part(|user, length| 0..if held_out(user) { 0 } else { length });
    train.metadata.actions = std::sync::Arc::new(actions.without(held_out));
    Split { train, test }
}

/// What was found out.
pub struct Evaluation {
    /// Of the model.
    pub metrics: BTreeMap<String, Metric>,
    /// Of saying of everybody how often an action is taken.
    pub baseline: BTreeMap<String, Metric>,
    /// The differences between the two.
    pub advantage: BTreeMap<String, Metric>,
}

/// Asks a model that was trained on `split.train`; nothing where the held-out users did not both take and
/// leave an action.
pub fn evaluate(
    model: &NextBestAction,
    data: &Interactions,
    split: &Split,
    period: i64,
    seed: u64,
) -> Option<Evaluation> {
    let held_out = |user: u32| split.test.binary_search(&user).is_ok();
    let mut asked = examples(data, period, held_out);
    asked.retain(|example| model.is_scored(example.action));
    let taken = asked.iter().filter(|example| example.taken).count();
    if taken == 0 || taken == asked.len() {
        return None;
    }
    let rates = rates(&split.train, period);
    let own = Told::new(&asked, &probabilities(model, data, &asked));
    let popular: Vec<f32> = asked.iter().map(|example| rates[example.action as usize]).collect();
    let popular = Told::new(&asked, &popular);
    let users = own.users;
    let once = vec![1.0; users];
    let values = [own.metrics(&once), popular.metrics(&once)];
    let mut random = SplitMix::new(seed);
    let drawn: Vec<[[f64; 3]; 2]> = (0..intervals::RESAMPLES)
        .map(|_| {
            let mut weights = vec![0.0; users];
            (0..users).for_each(|_| weights[random.below(users)] += 1.0);
            [own.metrics(&weights), popular.metrics(&weights)]
        })
        .collect();
    let named = |of: &dyn Fn(&[[f64; 3]; 2], usize) -> f64| -> BTreeMap<String, Metric> {
        let metric = |at: usize| {
            let mut sorted: Vec<f64> = drawn.iter().map(|drawn| of(drawn, at)).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            let tail = intervals::RESAMPLES / 40;
            let value = of(&values, at);
            // A bootstrap of few users may miss the value itself.
            Metric {
                value,
                low: sorted[tail - 1].min(value),
                high: sorted[sorted.len() - tail - 1].max(value),
            }
        };
        NAMES.iter().enumerate().map(|(at, name)| ((*name).to_owned(), metric(at))).collect()
    };
    let mut metrics = named(&|of, at| of[0][at]);
    let mut baseline = named(&|of, at| of[1][at]);
    let lists = first_of_each(model, data, &split.test);
    metrics.insert(COVERAGE.to_owned(), coverage(&lists, model.actions.len()));
    let popular = most_taken(model, &rates);
    baseline.insert(COVERAGE.to_owned(), coverage(&vec![popular; split.test.len()], model.actions.len()));
    Some(Evaluation { metrics, baseline, advantage: named(&|of, at| of[0][at] - of[1][at]) })
}

fn probabilities(model: &NextBestAction, data: &Interactions, asked: &[Example]) -> Vec<f32> {
    let mut all = Vec::with_capacity(asked.len());
    for block in asked.chunks(USERS_AT_ONCE) {
        let histories: Vec<History<'_>> = block.iter().map(|example| example.history(data)).collect();
        let rows = model.probabilities(&histories);
        all.extend(block.iter().enumerate().map(|(at, example)| rows[[at, example.action as usize]]));
    }
    all
}

/// How often each action is taken.
fn rates(data: &Interactions, period: i64) -> Vec<f32> {
    let mut counts = vec![[0.0f32; 2]; data.metadata.actions.actions.len()];
    for example in examples(data, period, |_| true) {
        let [taken, all] = &mut counts[example.action as usize];
        *taken += f32::from(u8::from(example.taken));
        *all += 1.0;
    }
    counts.iter().map(|[taken, all]| taken / all.max(1.0)).collect()
}

fn most_taken(model: &NextBestAction, rates: &[f32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..model.actions.len() as u32).collect();
    order.sort_by(|&a, &b| rates[b as usize].total_cmp(&rates[a as usize]).then(a.cmp(&b)));
    order.truncate(ACTION_RESULTS_DEFAULT);
    order
}

fn first_of_each(model: &NextBestAction, data: &Interactions, users: &[u32]) -> Vec<Vec<u32>> {
    let mut lists = Vec::with_capacity(users.len());
    for block in users.chunks(USERS_AT_ONCE) {
        let queries: Vec<_> = block.iter().map(|&user| Query::User(data.history(user))).collect();
        let found = model.recommend(&queries, ACTION_RESULTS_DEFAULT, false);
        lists.extend(found.into_iter().map(|list| list.items));
    }
    lists
}

fn coverage(lists: &[Vec<u32>], actions: usize) -> Metric {
    // For each action nobody's, one user's, or several users'.
    let mut by: Vec<Option<Option<usize>>> = vec![None; actions];
    for (user, list) in lists.iter().enumerate() {
        for &action in list {
            let by = &mut by[action as usize];
            *by = Some(if by.is_none() { Some(user) } else { None });
        }
    }
    let mut only = vec![0usize; lists.len()];
    by.iter().flatten().flatten().for_each(|&user| only[user] += 1);
    intervals::coverage(by.iter().flatten().count(), &only, actions)
}

/// What was said of examples, from the least likely on.
struct Told {
    users: usize,
    /// Place of the user among those who are asked about, what was said, and what happened.
    examples: Vec<(usize, f32, bool)>,
}

impl Told {
    fn new(asked: &[Example], said: &[f32]) -> Self {
        let mut users = 0;
        let mut examples = vec![];
        // Users come one after the other.
        for (at, (example, &said)) in asked.iter().zip(said).enumerate() {
            users += usize::from(at == 0 || asked[at - 1].user != example.user);
            examples.push((users - 1, said, example.taken));
        }
        examples.sort_by(|a, b| a.1.total_cmp(&b.1));
        Self { users, examples }
    }

    /// The metrics in the order of [`NAMES`], with each user counting so often.
    fn metrics(&self, weights: &[f64]) -> [f64; 3] {
        let (mut below, mut pairs, mut taken, mut left) = (0.0, 0.0, 0.0, 0.0);
        let (mut hits, mut said) = (0.0, 0.0);
        for equal in self.examples.chunk_by(|a, b| a.1 == b.1) {
            let of = |wanted: bool| -> f64 {
                equal.iter().filter(|example| example.2 == wanted).map(|example| weights[example.0]).sum()
            };
            let (yes, no) = (of(true), of(false));
            pairs += yes * (below + no / 2.0);
            below += no;
            (taken, left) = (taken + yes, left + no);
            if equal[0].1 >= 0.5 {
                (hits, said) = (hits + yes, said + yes + no);
            }
        }
        let share =
            |part: f64, whole: f64, otherwise: f64| if whole > 0.0 { part / whole } else { otherwise };
        [share(pairs, taken * left, 0.5), share(hits, said, 0.0), share(hits, taken, 0.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(said: &[(u32, f32, bool)]) -> Told {
        let asked: Vec<Example> = said
            .iter()
            .map(|&(user, _, taken)| Example { user, action: 0, timestamp: 0, items: 0, actions: 0, taken })
            .collect();
        Told::new(&asked, &said.iter().map(|said| said.1).collect::<Vec<_>>())
    }

    #[test]
    fn metrics_by_hand() {
        // Taken: 0.9, 0.5, 0.2; left: 0.6, 0.2, 0.1. Pairs won: 3 + 2 + 1.5 of 9.
        let told = told(&[
            (0, 0.9, true),
            (0, 0.6, false),
            (3, 0.5, true),
            (3, 0.2, true),
            (3, 0.2, false),
            (4, 0.1, false),
        ]);
        let [area, precision, recall] = told.metrics(&[1.0; 3]);
        assert_eq!(told.users, 3);
        assert!((area - 6.5 / 9.0).abs() < 1e-12);
        assert!((precision - 2.0 / 3.0).abs() < 1e-12 && (recall - 2.0 / 3.0).abs() < 1e-12);
        // Without the second user everything is in order.
        assert_eq!(told.metrics(&[1.0, 0.0, 1.0]), [1.0, 0.5, 1.0]);
        // Without anybody who left something nothing can be told.
        assert_eq!(told.metrics(&[0.0; 3]), [0.5, 0.0, 0.0]);
    }
}
