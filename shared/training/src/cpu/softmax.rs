//! Softmax cross-entropy over one block of rows: logits in, their gradients out.

use super::isa::{dispatch, fma};
use super::math::exp;

/// Lanes of a sum: fixed, so that the order of additions does not depend on the machine.
const SUMS: usize = 16;

dispatch! {
    /// Dot product, summed in 16 lanes.
    fn dot(a: &[f32], b: &[f32]) -> f32 = dot_body
}

#[inline(always)]
pub(super) fn dot_body<const FMA: bool>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; SUMS];
    for (a, b) in a.chunks_exact(SUMS).zip(b.chunks_exact(SUMS)) {
        for j in 0..SUMS {
            sums[j] = fma::<FMA>(a[j], b[j], sums[j]);
        }
    }
    fold(sums, |a, b| a + b)
}

#[inline(always)]
fn fold(mut lanes: [f32; SUMS], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = SUMS / 2;
    while width > 0 {
        for j in 0..width {
            lanes[j] = combine(lanes[j], lanes[j + width]);
        }
        width /= 2;
    }
    lanes[0]
}

dispatch! {
    /// One row. `logits` holds those of the negatives, and gets their gradients times `weight`.
    ///
    /// Returns the loss, unweighted, and the gradient of the target's logit times `weight`.
    fn cross_entropy(logits: &mut [f32], target: f32, weight: f32) -> (f32, f32) = cross_entropy_body
}

#[inline(always)]
fn cross_entropy_body<const FMA: bool>(logits: &mut [f32], target: f32, weight: f32) -> (f32, f32) {
    let mut highest = [target; SUMS];
    for chunk in logits.chunks_exact(SUMS) {
        for j in 0..SUMS {
            highest[j] = if chunk[j] > highest[j] { chunk[j] } else { highest[j] };
        }
    }
    let highest = fold(highest, |a, b| if a > b { a } else { b });
    let mut sums = [0.0f32; SUMS];
    for chunk in logits.chunks_exact_mut(SUMS) {
        for j in 0..SUMS {
            chunk[j] = exp::<FMA>(chunk[j] - highest);
            sums[j] += chunk[j];
        }
    }
    let own = exp::<FMA>(target - highest);
    let total = fold(sums, |a, b| a + b) + own;
    let scale = weight / total;
    for logit in logits.iter_mut() {
        *logit *= scale;
    }
    (total.ln() + highest - target, (own / total - 1.0) * weight)
}
