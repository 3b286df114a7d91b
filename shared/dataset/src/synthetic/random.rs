//! A small generator of random numbers whose output never changes: xoshiro256++ seeded by SplitMix64.
//!
//! Blackman and Vigna, "Scrambled linear pseudorandom number generators" (2021). Only integer
//! arithmetic and correctly rounded operations on `f64` are used, so every machine draws the same.

pub(super) struct Random {
    state: [u64; 4],
}

impl Random {
    pub fn new(seed: u64) -> Self {
        let mut mix = seed;
        let state = std::array::from_fn(|_| {
            mix = mix.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = mix;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        });
        Self { state }
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A whole number below `end`, which must not be zero.
    pub fn below(&mut self, end: usize) -> usize {
        // The bias of a multiply without rejection is below 2^-40 for the sizes used here.
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// A whole number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as usize) as i64
    }

    /// A number from 0 up to, not including, 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// One of the elements; `from` must not be empty.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// An index, each as likely as its share of the last of the growing sums; these must not be empty.
    pub fn weighted(&mut self, sums: &[f64]) -> usize {
        let target = self.unit() * sums[sums.len() - 1];
        sums.partition_point(|&sum| sum <= target).min(sums.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_those_of_the_reference_code() {
        // SplitMix64 from seed 0 begins with these; they are the generator's state.
        let random = Random::new(0);
        assert_eq!(random.state[0], 0xE220_A839_7B1D_CDAF);
        assert_eq!(random.state[1], 0x6E78_9E6A_A1B9_65F4);
        // xoshiro256++ of the state 1, 2, 3, 4 begins with these.
        let mut random = Random { state: [1, 2, 3, 4] };
        assert_eq!(
            [random.next(), random.next(), random.next()],
            [41_943_041, 58_720_359, 3_588_806_011_781_223]
        );
    }
}
