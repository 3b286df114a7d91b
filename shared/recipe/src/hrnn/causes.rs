//! Why an item is in a list: which of the user's own events moved it most.
//!
//! By ablation and nothing else: the model answers once for the whole history and once without each event,
//! and the event without which an item's score falls most is its cause. Scores are those of the answer,
//! shares of the whole catalogue, so an event that raises everything alike is the cause of nothing.

use dataset::History;
use ndarray::ArrayView1;

use super::answer::log_totals;
use super::batch::{Known, Layers};
use crate::influence::Lifted;

/// Events of a history that are tried, the newest: the score of an item rarely hangs on older ones, and a
/// batch of this many histories is answered in one go.
pub const EVENTS_TRIED: usize = 80;

/// The event that moved an item most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cause {
    /// Its place in the history.
    pub event: usize,
    /// The item's score with it, as a multiple of the one without it; above 1.
    pub factor: f32,
}

impl Lifted<'_> {
    /// The cause of each item for a user with this history; nothing where no single event raises an item,
    /// or the model does not know it. Among equals the newest event counts.
    pub fn causes(&self, history: History<'_>, items: &[u32]) -> Vec<Option<Cause>> {
        let first = history.items.len().saturating_sub(EVENTS_TRIED);
        let tried: Vec<usize> = (first..history.items.len()).collect();
        if tried.is_empty() || items.is_empty() {
            return vec![None; items.len()];
        }
        let model = self.network;
        let layers = Layers::new(model);
        let skips: Vec<Option<usize>> = tried.iter().copied().map(Some).chain([None]).collect();
        let (queries, known) = layers.queries_without(history, &skips);
        let totals = log_totals(*self, &queries, &known);
        let width = queries.len() / skips.len();
        let share = |at: usize, item: usize| {
            let query = ArrayView1::from(&queries[at * width..][..model.embedding()]);
            // Without the item's own lift, which is the same whatever its user did.
            let logit = match known[at] {
                Known::History => query.dot(&model.items.row(item)) + model.bias[item],
                Known::Sides => query.dot(&model.items.row(item)) + model.prior[item],
                Known::Nothing => model.prior[item],
            };
            f64::from(logit) - totals[at]
        };
        let cause = |&item: &u32| {
            let item = item as usize;
            if item >= model.items.nrows() {
                return None;
            }
            let whole = share(tried.len(), item);
            let gains = tried.iter().enumerate().map(|(at, &event)| (whole - share(at, item), event));
            let (gain, event) = gains.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
            (gain > 0.0).then_some(Cause { event, factor: gain.exp() as f32 })
        };
        items.iter().map(cause).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hrnn::HrnnModel;

    const ITEMS: usize = 700;

    fn model(seed: u64) -> HrnnModel {
        HrnnModel::random(ITEMS, 9, 7, 0.5, seed)
    }

    /// The plain forward pass, which shares no code with the batched one.
    fn scores(model: &HrnnModel, items: &[u32], times: &[i64]) -> Vec<f32> {
        let state = model.state(&History::new(items, times));
        model.scores(state.as_ref().map(|state| state.view())).to_vec()
    }

    #[test]
    fn without_its_cause_an_item_falls_furthest() {
        for seed in 0..6 {
            let model = model(seed);
            // The last event is of an item that the model does not know.
            let items: Vec<u32> = (0..9).map(|n| (n * 97 + seed as u32 * 31) % 600).chain([900]).collect();
            let times: Vec<i64> = (0..10).map(|n| 40 * n * n * n).collect();
            let asked: Vec<u32> = (0..ITEMS as u32).step_by(23).collect();
            let causes = Lifted::plain(&model).causes(History::new(&items, &times), &asked);
            let whole = scores(&model, &items, &times);
            let without: Vec<Vec<f32>> = (0..items.len())
                .map(|event| {
                    let left = |n: &usize| *n != event;
                    let items: Vec<u32> = (0..items.len()).filter(left).map(|n| items[n]).collect();
                    let times: Vec<i64> = (0..times.len()).filter(left).map(|n| times[n]).collect();
                    scores(&model, &items, &times)
                })
                .collect();
            for (&item, cause) in asked.iter().zip(&causes) {
                let factors: Vec<f32> =
                    without.iter().map(|scores| whole[item as usize] / scores[item as usize]).collect();
                let highest = factors.iter().fold(0.0f32, |a, &b| a.max(b));
                match cause {
                    Some(Cause { event, factor }) => {
                        assert!((factor / highest - 1.0).abs() < 1e-3, "{item}: {factor} {factors:?}");
                        assert!(
                            (factors[*event] / highest - 1.0).abs() < 1e-3,
                            "{item}: {event} {factors:?}"
                        );
                        assert_ne!(*event, 9, "an unknown item moves nothing");
                    }
                    None => assert!(highest < 1.001, "{item}: {factors:?}"),
                }
            }
        }
    }

    #[test]
    fn who_did_nothing_and_what_is_unknown_has_no_cause() {
        let model = model(1);
        assert_eq!(Lifted::plain(&model).causes(History::new(&[], &[]), &[1, 2]), [None, None]);
        assert_eq!(Lifted::plain(&model).causes(History::new(&[3], &[0]), &[ITEMS as u32]), [None]);
        assert!(Lifted::plain(&model).causes(History::new(&[3], &[0]), &[]).is_empty());
    }

    #[test]
    fn of_a_long_history_the_newest_events_are_tried() {
        let model = model(2);
        let items: Vec<u32> = (0..300).map(|n| n * 7 % 600).collect();
        let times: Vec<i64> = (0..300).map(|n| 60 * n).collect();
        let causes =
            Lifted::plain(&model).causes(History::new(&items, &times), &(0..50).collect::<Vec<u32>>());
        let events: Vec<usize> = causes.iter().flatten().map(|cause| cause.event).collect();
        assert!(!events.is_empty() && events.iter().all(|&event| event >= 300 - EVENTS_TRIED));
    }
}
