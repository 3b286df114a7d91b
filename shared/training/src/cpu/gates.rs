//! The arithmetic of one GRU step, for a block of lanes.
//!
//! PyTorch's convention: r = σ(xr + hr), z = σ(xz + hz), n = tanh(xn + r·hn), h' = (1 − z)·n + z·h, with
//! hn = h·Wh + bh of gate n, bias inside the product with r.

use super::isa::{dispatch, fma};
use super::math::{sigmoid, tanh};

dispatch! {
    /// Next states of `previous` (B × H) from `inputs` (B × 3H: r, z, n) and `recurrent` (B × 3H: n, r, z).
    /// `saved` (B × 4H) gets r, z, n, hn.
    fn forward(
        hidden: usize, inputs: &[f32], recurrent: &[f32], previous: &[f32], next: &mut [f32], saved: &mut [f32],
    ) = forward_body
}

#[inline(always)]
fn forward_body<const FMA: bool>(
    hidden: usize,
    inputs: &[f32],
    recurrent: &[f32],
    previous: &[f32],
    next: &mut [f32],
    saved: &mut [f32],
) {
    for (lane, next) in next.chunks_exact_mut(hidden).enumerate() {
        let previous = &previous[lane * hidden..][..hidden];
        let (xr, rest) = inputs[lane * 3 * hidden..][..3 * hidden].split_at(hidden);
        let (xz, xn) = rest.split_at(hidden);
        let (hn, rest) = recurrent[lane * 3 * hidden..][..3 * hidden].split_at(hidden);
        let (hr, hz) = rest.split_at(hidden);
        let (save_r, rest) = saved[lane * 4 * hidden..][..4 * hidden].split_at_mut(hidden);
        let (save_z, rest) = rest.split_at_mut(hidden);
        let (save_n, save_hn) = rest.split_at_mut(hidden);
        for j in 0..hidden {
            let r = sigmoid::<FMA>(xr[j] + hr[j]);
            let z = sigmoid::<FMA>(xz[j] + hz[j]);
            let n = tanh::<FMA>(fma::<FMA>(r, hn[j], xn[j]));
            next[j] = fma::<FMA>(z, previous[j] - n, n);
            save_r[j] = r;
            save_z[j] = z;
            save_n[j] = n;
            save_hn[j] = hn[j];
        }
    }
}

dispatch! {
    /// Gradients of one step. `carried` (B × H) holds the gradient of the next states that came back in
    /// time and gets the part of the previous states' gradient that passes through z; `outside` is added
    /// to it first. `gates` (B × 4H) gets the gradients of hn, r, z, xn.
    fn backward(
        hidden: usize, outside: &[f32], previous: &[f32], saved: &[f32], carried: &mut [f32], gates: &mut [f32],
    ) = backward_body
}

#[inline(always)]
fn backward_body<const FMA: bool>(
    hidden: usize,
    outside: &[f32],
    previous: &[f32],
    saved: &[f32],
    carried: &mut [f32],
    gates: &mut [f32],
) {
    for (lane, carried) in carried.chunks_exact_mut(hidden).enumerate() {
        let previous = &previous[lane * hidden..][..hidden];
        let outside = &outside[lane * hidden..][..hidden];
        let (r, rest) = saved[lane * 4 * hidden..][..4 * hidden].split_at(hidden);
        let (z, rest) = rest.split_at(hidden);
        let (n, hn) = rest.split_at(hidden);
        let (gate_hn, rest) = gates[lane * 4 * hidden..][..4 * hidden].split_at_mut(hidden);
        let (gate_r, rest) = rest.split_at_mut(hidden);
        let (gate_z, gate_xn) = rest.split_at_mut(hidden);
        for j in 0..hidden {
            let d = carried[j] + outside[j];
            let dn = d * (1.0 - z[j]) * fma::<FMA>(-n[j], n[j], 1.0);
            gate_xn[j] = dn;
            gate_hn[j] = dn * r[j];
            gate_r[j] = dn * hn[j] * r[j] * (1.0 - r[j]);
            gate_z[j] = d * (previous[j] - n[j]) * z[j] * (1.0 - z[j]);
            carried[j] = d * z[j];
        }
    }
}
