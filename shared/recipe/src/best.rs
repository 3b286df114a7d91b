//! The best of many scored items, found in passing.
//!
//! A buffer takes every candidate and is cut back to the best whenever it is full; what falls behind the
//! last of those is refused at once. That is a few compares for a candidate, where a heap sifts.

/// An item as one number that sorts best first: the complement of the score's order above the item
/// number, so that ties go to the lower number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64);

impl Key {
    /// Behind every item.
    const LAST: Self = Self(u64::MAX);

    pub(crate) fn new(score: f32, item: u32) -> Self {
        // Adding zero makes one zero of both. Flipping all bits of negative floats and the sign of
        // positive ones gives whole numbers of the same order.
        let bits = (score + 0.0).to_bits();
        let ascending = bits ^ (((bits as i32 >> 31) as u32) | 0x8000_0000);
        Self(u64::from(!ascending) << 32 | u64::from(item))
    }

    pub(crate) fn item(self) -> u32 {
        self.0 as u32
    }

    pub(crate) fn score(self) -> f32 {
        let ascending = !((self.0 >> 32) as u32);
        f32::from_bits(ascending ^ (((!ascending as i32 >> 31) as u32) | 0x8000_0000))
    }
}

/// The first few of many keys.
#[derive(Clone, Debug)]
pub(crate) struct Best {
    keys: Vec<Key>,
    room: usize,
    keep: usize,
    limit: Key,
}

impl Best {
    pub(crate) fn new(keep: usize) -> Self {
        Self { keys: Vec::new(), room: 2 * keep + 64, keep, limit: Key::LAST }
    }

    /// A score below which nothing is taken any more.
    pub(crate) fn limit(&self) -> f32 {
        if self.limit == Key::LAST { f32::NEG_INFINITY } else { self.limit.score() }
    }

    pub(crate) fn offer(&mut self, key: Key) {
        if key < self.limit {
            if self.keys.len() == self.room {
                self.cut();
            }
            self.keys.push(key);
        }
    }

    fn cut(&mut self) {
        if self.keep == 0 {
            self.keys.clear();
        } else if self.keys.len() > self.keep {
            self.limit = *self.keys.select_nth_unstable(self.keep - 1).1;
            self.keys.truncate(self.keep);
        }
    }

    /// The best keys in order; the buffer is empty again.
    pub(crate) fn finish(&mut self) -> Vec<Key> {
        self.cut();
        self.keys.sort_unstable();
        let best = self.keys.as_slice().to_vec();
        self.keys.clear();
        self.limit = Key::LAST;
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_score_and_then_by_number() {
        let scores = [f32::INFINITY, 7.5, 1e-30, 0.0, -1e-30, -2.0, f32::NEG_INFINITY];
        let keys: Vec<Key> = scores.iter().map(|&score| Key::new(score, 9)).collect();
        assert!(
            keys.is_sorted()
                && keys.iter().zip(scores).all(|(key, score)| key.score() == score && key.item() == 9)
        );
        assert!(Key::new(1.0, 3) < Key::new(1.0, 4) && Key::new(0.0, 3) < Key::new(-0.0, 4));
        assert!(Key::new(-0.0, 3) < Key::new(0.0, 4));
    }

    #[test]
    fn the_best_are_those_that_sorting_finds() {
        let mut random = training::random::Random::new(3);
        // Few different scores, so that many tie.
        let keys: Vec<Key> =
            (0..5_000).map(|item| Key::new(random.below(300) as f32 - 150.0, item)).collect();
        let mut sorted = keys.clone();
        sorted.sort();
        for keep in [0, 1, 7, 100, 4_999, 6_000] {
            let mut best = Best::new(keep);
            for _ in 0..2 {
                keys.iter().for_each(|&key| best.offer(key));
                assert_eq!(best.finish(), sorted[..keep.min(keys.len())]);
            }
        }
    }
}
