//! Exponential, sigmoid and tanh as straight-line arithmetic that compilers turn into vectors.

use super::isa::fma;

/// eˣ with a relative error below 2e-7 on [−87, 88]; clamped outside.
///
/// Cody and Waite: x = n·ln 2 + r, a polynomial for eʳ on |r| ≤ ln 2 / 2, and 2ⁿ by exponent bits.
#[inline(always)]
pub fn exp<const FMA: bool>(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding 1.5·2²³ leaves the rounded whole number in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = fma::<FMA>(x, LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<FMA>(n, -LN2_LOW, fma::<FMA>(n, -LN2_HIGH, x));
    let mut p = 1.987_569_1e-4;
    p = fma::<FMA>(p, r, 1.398_199_9e-3);
    p = fma::<FMA>(p, r, 8.333_452e-3);
    p = fma::<FMA>(p, r, 4.166_579_6e-2);
    p = fma::<FMA>(p, r, 1.666_666_5e-1);
    p = fma::<FMA>(p, r, 0.5);
    let p = fma::<FMA>(p * r, r, r) + 1.0;
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000))
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<FMA>(-x))
}

/// Hyperbolic tangent, absolute error below 3e-7.
#[inline(always)]
pub fn tanh<const FMA: bool>(x: f32) -> f32 {
    fma::<FMA>(2.0, sigmoid::<FMA>(2.0 * x), -1.0)
}

/// A well-mixed 32-bit number for each position (the finaliser of MurmurHash3).
#[inline(always)]
pub fn mix(seed: u32, position: u32) -> u32 {
    let mut h = position.wrapping_mul(0x9e37_79b9) ^ seed;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_sigmoid_and_tanh_are_close_to_the_library() {
        for i in -8700..8700 {
            let x = i as f32 / 100.0;
            let truth = f64::from(x).exp();
            for got in [exp::<true>(x), exp::<false>(x)] {
                assert!((f64::from(got) - truth).abs() <= 2.5e-7 * truth, "exp({x}) = {got}, not {truth}");
            }
            assert!((tanh::<true>(x) - x.tanh()).abs() < 3e-7, "tanh({x})");
            assert!((sigmoid::<true>(x) - 1.0 / (1.0 + (-x).exp())).abs() < 2e-7, "sigmoid({x})");
        }
        assert!(exp::<true>(f32::NAN).is_nan());
    }
}
