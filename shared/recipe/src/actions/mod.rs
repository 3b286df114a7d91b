//! Actions for users: `aws-next-best-action`.
//!
//! The network of `aws-hrnn` sums up what a user did with items in one vector. On top of it stands, for each
//! action with enough outcomes, a logistic regression of whether the user takes the action within the action
//! optimization period:
//!
//! ```text
//! p(taken | user, action) = σ(w[action] · (D · (q[user] − mean), history with actions, 1))
//! ```
//!
//! D keeps the directions in which users differ most, so that an action with a hundred outcomes can be
//! learnt. Strength of regularisation and calibration come from users that a regression has not seen
//! (`fit.rs`); what counts as taken stands in `examples.rs`.
//!
//! An action without enough outcomes has no probability: its score is 0, and [`explore`] shows it to some
//! users, so that it gets outcomes.

pub mod evaluation;
pub mod explore;

mod examples;
mod fit;

use dataset::actions::{Action, ActionEvent, Outcome};
use dataset::{History, Interactions};
use domain::hyperparameters::Hyperparameters;
use domain::limits::{ACTION_OUTCOMES_DAYS, ACTION_OUTCOMES_MIN};
use ndarray::{Array1, Array2, ArrayView1};

use crate::hrnn::HrnnModel;
use crate::ranking::{Query, RankedList, Recommender};

/// Items of a history that count, the newest: the network is read anew for each example of a training.
const ITEMS_RECENT: usize = 100;
/// Interactions with actions that count, the newest.
const ACTIONS_RECENT: usize = 300;
/// Numbers that tell what a user did with actions: with this one and with others, taken and not.
const PAST: usize = 4;
/// Users that are scored at a time.
const USERS_AT_ONCE: usize = 1024;
/// Steps of a probability: two that differ by less are as likely, and value decides between them.
const STEPS: f32 = 10_000.0;

const DAY: i64 = 86_400;

/// Seconds of `action_optimization_period`.
pub fn period(parameters: &Hyperparameters) -> i64 {
    parameters.integer("action_optimization_period") * DAY
}

/// A trained model. Matrices are used as `vector · matrix`.
#[derive(Clone, Debug, PartialEq)]
pub struct NextBestAction {
    /// What sums users up.
    pub network: HrnnModel,
    /// The actions by number.
    pub actions: Vec<Action>,
    /// For each action whether it has a probability.
    pub scored: Vec<bool>,
    /// E: what the vectors of users lie around.
    pub mean: Array1<f32>,
    /// E × D.
    pub directions: Array2<f32>,
    /// A × (D + history + 1); zeros for an action without a probability.
    pub weights: Array2<f32>,
}

impl NextBestAction {
    /// Learns from what users did with actions, on top of a network that was trained on what they did with
    /// items. The result does not depend on `threads`.
    pub fn train(network: HrnnModel, data: &Interactions, period: i64, seed: u64, threads: usize) -> Self {
        fit::train(network, data, period, seed, threads)
    }

    /// Puts a model together again; nothing where the parts do not fit each other.
    pub fn from_parts(
        network: HrnnModel,
        (actions, scored): (Vec<Action>, Vec<bool>),
        mean: Array1<f32>,
        directions: Array2<f32>,
        weights: Array2<f32>,
    ) -> Option<Self> {
        let e = network.embedding();
        let fits = scored.len() == actions.len()
            && mean.len() == e
            && directions.nrows() == e
            && weights.dim() == (actions.len(), directions.ncols() + PAST + 1);
        fits.then_some(Self { network, actions, scored, mean, directions, weights })
    }

    /// The probability of every action for each history; 0 for an action without one.
    pub fn probabilities(&self, histories: &[History<'_>]) -> Array2<f32> {
        let mut probabilities = Array2::zeros((histories.len(), self.actions.len()));
        for (first, block) in (0..).step_by(USERS_AT_ONCE).zip(histories.chunks(USERS_AT_ONCE)) {
            let places = self.places(block);
            for (at, (history, place)) in block.iter().zip(places.rows()).enumerate() {
                let past = Past::of(history.about.actions, self.actions.len());
                for action in (0..self.actions.len()).filter(|&action| self.scored[action]) {
                    let p = self.probability(action, place, past.with(action));
                    probabilities[[first + at, action]] = p;
                }
            }
        }
        probabilities
    }

    /// Where users lie along the directions: zeros for whoever the network knows nothing of.
    fn places(&self, histories: &[History<'_>]) -> Array2<f32> {
        fit::places(&self.network, histories, &self.mean, &self.directions)
    }

    fn probability(&self, action: usize, place: ArrayView1<'_, f32>, past: [f32; PAST]) -> f32 {
        let weights = self.weights.row(action);
        let inputs = place.iter().copied().chain(past).chain([1.0]);
        let logit: f32 = weights.iter().zip(inputs).map(|(w, x)| w * x).sum();
        let p = 1.0 / (1.0 + (-logit).exp());
        // What can be taken at all is told from what nothing is known of.
        ((p * STEPS).round() / STEPS).max(1.0 / STEPS)
    }

    /// Actions from the likeliest on, those without a probability last; of equal ones that of greater value
    /// first, and then the lower number.
    fn ranked(&self, probabilities: &[f32], keep: impl Fn(u32) -> bool) -> RankedList {
        let mut order: Vec<u32> = (0..self.actions.len() as u32).filter(|&action| keep(action)).collect();
        let value = |action: u32| self.actions[action as usize].value;
        order.sort_by(|&a, &b| {
            let likely = probabilities[b as usize].total_cmp(&probabilities[a as usize]);
            likely.then_with(|| value(b).cmp(&value(a))).then(a.cmp(&b))
        });
        RankedList {
            scores: order.iter().map(|&action| probabilities[action as usize]).collect(),
            items: order,
        }
    }

    /// Whether an action has a probability.
    pub fn is_scored(&self, action: u32) -> bool {
        self.scored.get(action as usize).is_some_and(|&scored| scored)
    }
}

/// Its answers are numbers of actions, and a history is what a user did with items and with actions.
/// Excluded as seen are actions that the user took.
impl Recommender for NextBestAction {
    fn recommend(&self, queries: &[Query<'_>], k: usize, exclude_seen: bool) -> Vec<RankedList> {
        let histories: Vec<History<'_>> = queries
            .iter()
            .map(|query| match query {
                Query::User(history) => *history,
                // No action is related to an item: the answer is that of somebody unknown.
                Query::Item(_) => History::new(&[], &[]),
            })
            .collect();
        let probabilities = self.probabilities(&histories);
        let list = |(history, row): (&History<'_>, ArrayView1<'_, f32>)| {
            let took = |action: u32| {
                history.about.actions.iter().any(|e| e.action == action && e.outcome == Outcome::Taken)
            };
            let row = row.to_vec();
            let mut list = self.ranked(&row, |action| !(exclude_seen && took(action)));
            list.items.truncate(k);
            list.scores.truncate(k);
            list
        };
        histories.iter().zip(probabilities.rows()).map(list).collect()
    }

    fn items(&self) -> usize {
        self.actions.len()
    }
}

/// How often a user took actions, and did not.
struct Past {
    own: Vec<[f32; 2]>,
    all: [f32; 2],
}

impl Past {
    fn of(events: &[ActionEvent], actions: usize) -> Self {
        let mut past = Self { own: vec![[0.0; 2]; actions], all: [0.0; 2] };
        for event in &events[events.len().saturating_sub(ACTIONS_RECENT)..] {
            let which = usize::from(event.outcome != Outcome::Taken);
            past.all[which] += 1.0;
            if let Some(own) = past.own.get_mut(event.action as usize) {
                own[which] += 1.0;
            }
        }
        past
    }

    /// With an action and with the others, on a scale on which one more counts less and less.
    fn with(&self, action: usize) -> [f32; PAST] {
        let [taken, shown] = self.own[action];
        [taken, shown, self.all[0] - taken, self.all[1] - shown].map(f32::ln_1p)
    }

    /// The same for one action alone.
    fn with_one(events: &[ActionEvent], action: u32) -> [f32; PAST] {
        let mut events = events[events.len().saturating_sub(ACTIONS_RECENT)..].to_vec();
        events.iter_mut().for_each(|event| event.action = u32::from(event.action != action));
        Self::of(&events, 1).with(0)
    }
}

/// The part of a history that counts.
fn recent<'a>(history: &History<'a>) -> History<'a> {
    let from = history.items.len().saturating_sub(ITEMS_RECENT);
    History::new(&history.items[from..], &history.timestamps[from..])
}

/// For each action whether its outcomes of the last weeks are enough for a probability.
fn enough(data: &Interactions) -> Vec<bool> {
    let actions = &data.metadata.actions;
    let since = actions.latest().unwrap_or_default() - ACTION_OUTCOMES_DAYS * DAY;
    let mut counts = vec![[0usize; 2]; actions.actions.len()];
    for event in (0..actions.users()).flat_map(|user| actions.of(user)) {
        if event.timestamp >= since {
            counts[event.action as usize][usize::from(event.outcome != Outcome::Taken)] += 1;
        }
    }
    counts.iter().map(|counts| counts.iter().all(|&count| count >= ACTION_OUTCOMES_MIN)).collect()
}
