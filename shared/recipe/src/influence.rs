//! What weighs in a network's answers besides the network: popularity and freshness.
//!
//! ```text
//! log score(v) = log score of the network(v) + lift(v) + constant
//! lift(v)      = STRENGTH · (w_popularity · z(log(1 + interactions(v))) + w_freshness · z(−log(1 + days(v))))
//! ```
//!
//! `z` is the distance from the mean of the catalogue in standard deviations, at most [`FAR`] on either side;
//! the constant makes the scores of the catalogue sum to 1 again. `interactions` are those that the training
//! counted, `days` the age of the item at the latest interaction of all, from its CREATION_TIMESTAMP or else
//! its first interaction; an item without either is new. So at weight 1 one standard deviation multiplies the
//! odds of an item by e² = 7.4, and at most by e⁶ = 403; at weight 0 nothing happens.
//!
//! Lists that are computed ahead, live answers, rankings and reasons all ask a [`Lifted`] network.

use domain::RankingInfluence;

use crate::exploration::Freshness;
use crate::hrnn::HrnnModel;

/// What a standard deviation adds to a logit at weight 1.
const STRENGTH: f64 = 2.0;
/// Standard deviations beyond which nothing more is gained or lost: one new item in an old catalogue shall
/// not be the first of every list.
const FAR: f64 = 3.0;

const SECONDS_PER_DAY: f64 = 86_400.0;

/// What the logit of each item gains.
#[derive(Clone, Debug, PartialEq)]
pub struct Lift(Vec<f32>);

impl Lift {
    /// What `rankingInfluence` adds; nothing where it weighs nothing.
    pub fn of(items: &Freshness, influence: &RankingInfluence) -> Option<Self> {
        if influence.is_neutral() {
            return None;
        }
        let popular = items.events.iter().map(|&events| f64::from(events).ln_1p());
        let fresh = items.born.iter().map(|born| {
            let age = born.map_or(0, |born| items.latest.saturating_sub(born).max(0));
            -(age as f64 / SECONDS_PER_DAY).ln_1p()
        });
        let popular = standardised(popular.collect());
        let fresh = standardised(fresh.collect());
        let lift = |(popular, fresh): (f64, f64)| {
            (STRENGTH * (influence.popularity() * popular + influence.freshness() * fresh)) as f32
        };
        Some(Self(popular.into_iter().zip(fresh).map(lift).collect()))
    }

    /// One number for each item.
    pub fn values(&self) -> &[f32] {
        &self.0
    }
}

/// Distances from the mean in standard deviations, bounded; zeros where all values are alike.
fn standardised(mut values: Vec<f64>) -> Vec<f64> {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    // Rounding makes a tiny deviation of equal values.
    let alike = deviation <= 1e-9 * mean.abs().max(1.0);
    for value in &mut values {
        *value = if alike { 0.0 } else { ((*value - mean) / deviation).clamp(-FAR, FAR) };
    }
    values
}

/// A network whose items have a lift, or none.
#[derive(Clone, Copy, Debug)]
pub struct Lifted<'a> {
    pub(crate) network: &'a HrnnModel,
    /// One number for each item, or empty.
    pub(crate) lift: &'a [f32],
}

impl<'a> Lifted<'a> {
    /// The network with what its items gain, which is one number for each of them.
    pub fn new(network: &'a HrnnModel, lift: Option<&'a Lift>) -> Self {
        Self { network, lift: lift.map_or(&[], Lift::values) }
    }

    /// The network alone.
    pub fn plain(network: &'a HrnnModel) -> Self {
        Self::new(network, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn items() -> Freshness {
        Freshness {
            born: vec![Some(0), Some(50 * DAY), Some(99 * DAY), None, Some(200 * DAY)],
            events: vec![1000, 100, 10, 0, 1],
            shown: vec![0; 5],
            latest: 100 * DAY,
        }
    }

    fn lift(popularity: f64, freshness: f64) -> Option<Lift> {
        let influence = RankingInfluence { popularity: Some(popularity), freshness: Some(freshness) };
        Lift::of(&items(), &influence)
    }

    #[test]
    fn weights_of_nothing_lift_nothing() {
        assert_eq!(lift(0.0, 0.0), None);
        assert_eq!(Lift::of(&items(), &RankingInfluence::default()), None);
    }

    #[test]
    fn what_is_met_often_or_new_gains_in_proportion_to_the_weight() {
        let popular = lift(1.0, 0.0).unwrap();
        assert!(popular.0[..4].is_sorted_by(|a, b| a > b), "{popular:?}");
        let fresh = lift(0.0, 1.0).unwrap();
        assert!(fresh.0[..4].is_sorted(), "{fresh:?}");
        // Without a date, or with one that lies ahead, an item is new.
        assert_eq!(fresh.0[3], fresh.0[4]);
        let (mean, square) =
            (fresh.0.iter().sum::<f32>() / 5.0, fresh.0.iter().map(|x| x * x).sum::<f32>() / 5.0);
        assert!(mean.abs() < 1e-6 && (f64::from(square.sqrt()) - STRENGTH).abs() < 1e-6);
        let both = lift(0.5, 0.25).unwrap();
        for item in 0..5 {
            let expected = 0.5 * popular.0[item] + 0.25 * fresh.0[item];
            assert!((both.0[item] - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn one_new_item_among_many_old_ones_is_bounded_and_equals_are_left_alone() {
        let mut items = Freshness { born: vec![Some(0); 10_000], latest: 100 * DAY, ..Freshness::default() };
        items.events = vec![7; 10_000];
        let influence = RankingInfluence { popularity: Some(1.0), freshness: Some(1.0) };
        assert!(Lift::of(&items, &influence).unwrap().0.iter().all(|&lift| lift == 0.0));
        items.born[4] = Some(100 * DAY);
        let lift = Lift::of(&items, &influence).unwrap();
        assert_eq!(f64::from(lift.0[4]), STRENGTH * FAR);
        assert!(lift.0[5].abs() < 0.1);
    }
}
