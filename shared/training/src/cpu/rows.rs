//! Element-wise work on rows: sums, dropout, optimiser steps.

use super::isa::{dispatch, fma};
use super::math::mix;
use crate::device::{BETA1, BETA2, EPSILON, Rule};

dispatch! {
    /// to += from · scale.
    fn add_scaled(to: &mut [f32], from: &[f32], scale: f32) = add_scaled_body
}

#[inline(always)]
fn add_scaled_body<const FMA: bool>(to: &mut [f32], from: &[f32], scale: f32) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = fma::<FMA>(from, scale, *to);
    }
}

dispatch! {
    /// to = from, elements dropped where the mixed position is below `threshold`, the rest scaled.
    fn drop_out(from: &[f32], to: &mut [f32], seed: u32, position: u32, threshold: u32, scale: f32) = drop_body
}

#[inline(always)]
fn drop_body<const FMA: bool>(
    from: &[f32],
    to: &mut [f32],
    seed: u32,
    position: u32,
    threshold: u32,
    scale: f32,
) {
    for (i, (to, &from)) in to.iter_mut().zip(from).enumerate() {
        let keep = mix(seed, position.wrapping_add(i as u32)) >= threshold;
        *to = if keep { from * scale } else { 0.0 };
    }
}

dispatch! {
    /// The same in place, positions from 0 on.
    fn drop_out_in_place(values: &mut [f32], seed: u32, threshold: u32, scale: f32) = drop_in_place_body
}

#[inline(always)]
fn drop_in_place_body<const FMA: bool>(values: &mut [f32], seed: u32, threshold: u32, scale: f32) {
    for (i, value) in values.iter_mut().enumerate() {
        *value = if mix(seed, i as u32) >= threshold { *value * scale } else { 0.0 };
    }
}

dispatch! {
    /// to = keep · old + gain · new.
    fn blend(old: &[f32], new: &[f32], keep: f32, gain: f32, to: &mut [f32]) = blend_body
}

#[inline(always)]
fn blend_body<const FMA: bool>(old: &[f32], new: &[f32], keep: f32, gain: f32, to: &mut [f32]) {
    for ((to, &old), &new) in to.iter_mut().zip(old).zip(new) {
        *to = fma::<FMA>(keep, old, gain * new);
    }
}

/// What Adam's moments went through in the steps since a row was last touched.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    keep_first: f32,
    keep_second: f32,
    // Sum of what the first moment would have been in those steps, as a share of it.
    momentum: f32,
}

impl Idle {
    /// No step was missed.
    pub const NONE: Self = Self { keep_first: 1.0, keep_second: 1.0, momentum: 0.0 };

    /// `steps` steps were missed.
    pub fn new(steps: u32) -> Self {
        let (keep_first, keep_second) = (power(BETA1, steps), power(BETA2, steps));
        Self { keep_first, keep_second, momentum: BETA1 * (1.0 - keep_first) / (1.0 - BETA1) }
    }
}

/// xⁿ by repeated multiplication: the same bits on every machine.
pub fn power(x: f32, mut n: u32) -> f32 {
    let (mut result, mut base) = (1.0f64, f64::from(x));
    while n > 0 {
        if n & 1 == 1 {
            result *= base;
        }
        base *= base;
        n >>= 1;
    }
    result as f32
}

dispatch! {
    /// One optimiser step on a run of weights.
    fn update(values: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32], rule: Rule, idle: Idle) = update_body
}

#[inline(always)]
fn update_body<const FMA: bool>(
    values: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradient: &[f32],
    rule: Rule,
    idle: Idle,
) {
    let count = gradient.len();
    let (values, second) = (&mut values[..count], &mut second[..count]);
    match rule {
        Rule::Descent { rate } => {
            for i in 0..count {
                values[i] -= rate * gradient[i];
            }
        }
        Rule::Adagrad { rate } => {
            for i in 0..count {
                let g = gradient[i];
                second[i] = fma::<FMA>(g, g, second[i]);
                values[i] -= rate * g / (second[i].sqrt() + EPSILON);
            }
        }
        Rule::Adam { rate, decay, correct_first, correct_second, .. } => {
            let first = &mut first[..count];
            for i in 0..count {
                let g = gradient[i];
                let missed = first[i] * idle.momentum;
                let (old, square) = (first[i] * idle.keep_first, second[i] * idle.keep_second);
                first[i] = fma::<FMA>(1.0 - BETA1, g - old, old);
                second[i] = fma::<FMA>(1.0 - BETA2, g * g - square, square);
                let push = (first[i] + missed) * correct_first;
                let step = push / ((second[i] * correct_second).sqrt() + EPSILON);
                values[i] -= rate * fma::<FMA>(decay, values[i], step);
            }
        }
    }
}
