//! An objective beside relevance: lists that are worth more by a column of the items.
//!
//! Among all ways to recommend, take the one that gives most of an attribute without leaving relevance p by
//! far: that which maximizes E[z] − KL(q ‖ p) / λ. It is the exponential tilting of p (the Gibbs variational
//! principle; Todorov 2009, "Efficient computation of optimal actions"):
//!
//! ```text
//! q(i) ∝ p(i) · e^(λ · z(i)),     z(i) = (attribute(i) − mean) / deviation, within ±3
//! λ = emphasis · max(1, deviation of ln p over the catalogue)
//! ```
//!
//! so λ·z is added to the logit of an item, and scores remain a softmax. An emphasis of 1 lets one standard
//! deviation of the attribute weigh as much as one of relevance, which is the guide's "equal emphasis" of
//! MEDIUM; LOW has a third of it, HIGH three times as much. ln p over the catalogue is that of the model's
//! prior, the relevance that everybody shares; where it hardly differs, one e-fold stands in. The bound of
//! ±3 keeps a few items of absurd prices from being all that anybody sees. An item without a value is taken
//! for an average one.
//!
//! The network itself learns relevance alone: with OFF, or without an objective, it is the same to the last
//! bit.

use domain::objective::Sensitivity;
use ndarray::Array1;

use crate::hrnn::HrnnModel;

/// Standard deviations beyond which an attribute counts no more.
const Z_MAX: f64 = 3.0;

/// How much the attribute weighs beside relevance.
fn emphasis(sensitivity: Sensitivity) -> f64 {
    match sensitivity {
        Sensitivity::Off => 0.0,
        Sensitivity::Low => 1.0 / 3.0,
        Sensitivity::Medium => 1.0,
        Sensitivity::High => 3.0,
    }
}

/// Has a model look at `rewards` as well, a value for each of its items or NaN. It does so once.
pub(crate) fn tilt(model: &mut HrnnModel, rewards: &[f32], sensitivity: Sensitivity) {
    let emphasis = emphasis(sensitivity);
    let known: Vec<f64> = rewards.iter().filter(|value| value.is_finite()).map(|&v| f64::from(v)).collect();
    let (mean, deviation) = moments(&known);
    if emphasis == 0.0 || deviation == 0.0 {
        return;
    }
    let prior: Vec<f64> = model.prior.iter().map(|&value| f64::from(value)).collect();
    let strength = emphasis * moments(&prior).1.max(1.0);
    let z = |&value: &f32| match value.is_finite() {
        true => ((f64::from(value) - mean) / deviation).clamp(-Z_MAX, Z_MAX),
        false => 0.0,
    };
    let added = Array1::from_iter(rewards.iter().map(|value| (strength * z(value)) as f32));
    model.bias += &added;
    model.prior += &added;
    model.tilt = Some(added);
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odds_of_two_items_move_by_their_distance_in_deviations() {
        let plain = HrnnModel::random(4, 5, 3, 1.0, 4);
        let mut tilted = plain.clone();
        // Mean 2, deviation 1; the last is unknown.
        tilt(&mut tilted, &[1.0, 3.0, 2.0, f32::NAN], Sensitivity::Off);
        assert_eq!(tilted, plain);
        let rewards = [1.0, 3.0, 1.0, 3.0];
        tilt(&mut tilted, &rewards, Sensitivity::Medium);
        let prior: Vec<f64> = plain.prior.iter().map(|&v| f64::from(v)).collect();
        let strength = moments(&prior).1.max(1.0);
        for (model, before) in [(&tilted.bias, &plain.bias), (&tilted.prior, &plain.prior)] {
            let moved = f64::from(model[1] - before[1] - (model[0] - before[0]));
            assert!((moved - 2.0 * strength).abs() < 1e-4, "{moved} instead of {}", 2.0 * strength);
        }
        // All the same is no objective.
        let mut same = plain.clone();
        tilt(&mut same, &[7.0; 4], Sensitivity::High);
        assert_eq!(same, plain);
    }
}
