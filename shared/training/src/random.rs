//! Random numbers that are the same everywhere: xoshiro256++ seeded by SplitMix64 (Blackman, Vigna 2019).

use crate::checkpoint::{Misfit, Reader, Writer};

/// A generator.
#[derive(Clone, Debug)]
pub struct Random([u64; 4]);

impl Random {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        Self(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }))
    }

    /// What the next numbers depend on.
    pub fn save(&self, to: &mut Writer) {
        self.0.iter().for_each(|&word| to.number(word));
    }

    /// Goes on where [`Random::save`] was called.
    pub fn restore(from: &mut Reader<'_>) -> Result<Self, Misfit> {
        Ok(Self([from.number()?, from.number()?, from.number()?, from.number()?]))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.0;
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

    /// Uniform on [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// Uniform on 0..bound; `bound` is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// About normal with mean 0 and deviation 1: twelve uniforms, so no library function is involved.
    pub fn normal(&mut self) -> f32 {
        ((0..12).map(|_| self.uniform()).sum::<f64>() - 6.0) as f32
    }

    /// Random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            values.swap(i, self.below(i + 1));
        }
    }
}

/// A number on [0, 1) that is a function of a seed and a number alone.
pub fn share(seed: u64, number: u32) -> f32 {
    let mut z = seed ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 40) as f32 / 16_777_216.0
}

/// Draws items in proportion to weights, in constant time (Walker's alias method).
#[derive(Clone, Debug)]
pub struct Sampler {
    keep: Vec<f32>,
    alias: Vec<u32>,
    /// Natural logarithm of each item's probability.
    pub log_probability: Vec<f32>,
}

impl Sampler {
    /// A sampler of `weights`, at least one of them, all positive.
    pub fn new(weights: &[f64]) -> Self {
        let count = weights.len();
        let total: f64 = weights.iter().sum();
        let mut share: Vec<f64> = weights.iter().map(|w| w / total * count as f64).collect();
        let (mut keep, mut alias) = (vec![1.0f32; count], (0..count as u32).collect::<Vec<_>>());
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..count).partition(|&i| share[i] < 1.0);
        while let (Some(low), Some(&high)) = (small.pop(), large.last()) {
            keep[low] = share[low] as f32;
            alias[low] = high as u32;
            share[high] -= 1.0 - share[low];
            if share[high] < 1.0 {
                large.pop();
                small.push(high);
            }
        }
        let log_probability = weights.iter().map(|w| (w / total).ln() as f32).collect();
        Self { keep, alias, log_probability }
    }

    /// One item.
    pub fn draw(&self, random: &mut Random) -> u32 {
        let i = random.below(self.keep.len());
        if (random.uniform() as f32) < self.keep[i] { i as u32 } else { self.alias[i] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_drawn_in_proportion() {
        let sampler = Sampler::new(&[1.0, 2.0, 5.0, 0.5, 1.5]);
        let mut random = Random::new(7);
        let mut counts = [0.0f64; 5];
        (0..100_000).for_each(|_| counts[sampler.draw(&mut random) as usize] += 1e-4);
        for (&count, truth) in counts.iter().zip([1.0, 2.0, 5.0, 0.5, 1.5f64]) {
            assert!((count - truth).abs() < 0.1, "{counts:?}");
        }
        assert!((sampler.log_probability[2] - 0.5f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn a_shuffle_keeps_everything_and_normals_look_normal() {
        let mut random = Random::new(1);
        let mut values: Vec<u32> = (0..100).collect();
        random.shuffle(&mut values);
        assert_ne!(values[..5], [0, 1, 2, 3, 4]);
        values.sort_unstable();
        assert!(values.iter().copied().eq(0..100));
        let normals: Vec<f32> = (0..20_000).map(|_| random.normal()).collect();
        let mean = normals.iter().sum::<f32>() / 20_000.0;
        let variance = normals.iter().map(|x| x * x).sum::<f32>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
