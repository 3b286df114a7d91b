//! Waiting between attempts.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How long to wait before attempt `attempt + 1`: a random part of `base · 2^attempt`, at most `cap`.
///
/// "Full jitter" (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015): callers
/// that collided once spread out instead of colliding again.
pub(crate) fn full_jitter(attempt: u32, base: Duration, cap: Duration) -> Duration {
    let ceiling = base.saturating_mul(2u32.saturating_pow(attempt.min(20))).min(cap);
    // Each `RandomState` carries fresh keys, which is all the randomness that jitter needs.
    let random = RandomState::new().hash_one(attempt);
    ceiling.mul_f64(random as f64 / u64::MAX as f64)
}
