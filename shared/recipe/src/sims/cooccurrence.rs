//! Counting pairs: row after row with a dense accumulator, rows spread over threads.
//!
//! Counts are whole numbers and every row is worked out by one thread, so the result is the same
//! bytes for any number of threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use dataset::Interactions;

use super::{Config, Neighbours};
use crate::featurization;

/// Rows that a thread takes at a time: few enough to share the long rows of popular items fairly.
const ROWS_AT_ONCE: usize = 16;

/// Who has what, from both sides; every pair once.
pub(super) struct Incidence {
    /// Items of each user.
    items: Packed,
    /// Users of each item.
    users: Packed,
}

/// Lists of numbers, one after the other.
struct Packed {
    offsets: Vec<usize>,
    numbers: Vec<u32>,
}

impl Packed {
    fn list(&self, row: u32) -> &[u32] {
        &self.numbers[self.offsets[row as usize]..self.offsets[row as usize + 1]]
    }

    fn rows(&self) -> u32 {
        (self.offsets.len() - 1) as u32
    }

    /// The same pairs seen from the other side; every list comes out ascending.
    fn transposed(&self, rows: usize) -> Self {
        let mut offsets = vec![0usize; rows + 1];
        for &number in &self.numbers {
            offsets[number as usize + 1] += 1;
        }
        for row in 0..rows {
            offsets[row + 1] += offsets[row];
        }
        let mut next = offsets.clone();
        let mut numbers = vec![0u32; self.numbers.len()];
        for row in 0..self.rows() {
            for &number in self.list(row) {
                numbers[next[number as usize]] = row;
                next[number as usize] += 1;
            }
        }
        Self { offsets, numbers }
    }
}

impl Incidence {
    /// The distinct items of the users in `kept`.
    pub(super) fn new(data: &Interactions, kept: &[u32]) -> Self {
        let mut items = Packed { offsets: vec![0], numbers: Vec::with_capacity(data.len()) };
        let mut distinct = Vec::new();
        for &user in kept {
            distinct.clear();
            distinct.extend_from_slice(data.history(user).items);
            distinct.sort_unstable();
            distinct.dedup();
            items.numbers.extend_from_slice(&distinct);
            items.offsets.push(items.numbers.len());
        }
        let users = items.transposed(data.items.len());
        Self { items, users }
    }

    /// Without the items whose number of users lies outside of the percentiles. Items that nobody
    /// has do not count as items here.
    pub(super) fn with_items_within(self, low: f64, high: f64) -> Self {
        let counts: Vec<usize> = self.users.offsets.windows(2).map(|ends| ends[1] - ends[0]).collect();
        let within = featurization::within_percentiles(counts.iter().copied().filter(|&n| n > 0), low, high);
        let mut items = Packed { offsets: vec![0], numbers: Vec::with_capacity(self.items.numbers.len()) };
        for user in 0..self.items.rows() {
            let list = self.items.list(user).iter();
            items.numbers.extend(list.filter(|&&item| within.contains(&counts[item as usize])));
            items.offsets.push(items.numbers.len());
        }
        let users = items.transposed(counts.len());
        Self { items, users }
    }
}

/// The best neighbours of every item.
pub(super) fn neighbours(pairs: &Incidence, config: &Config) -> Neighbours {
    let rows = pairs.users.rows() as usize;
    let weights = Weights::new(pairs, config.popularity_discount_factor);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut row = Row::new(rows, config);
        let mut done = Vec::new();
        loop {
            let start = next.fetch_add(ROWS_AT_ONCE, Ordering::Relaxed);
            if start >= rows {
                return done;
            }
            let lists: Vec<_> = (start..rows.min(start + ROWS_AT_ONCE))
                .map(|item| row.best(item as u32, pairs, &weights))
                .collect();
            done.push((start, lists));
        }
    };
    let threads = config.threads.clamp(1, rows.div_ceil(ROWS_AT_ONCE).max(1));
    let mut chunks: Vec<_> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut chunks = work();
        for other in others {
            chunks.extend(other.join().expect("counting does not panic"));
        }
        chunks
    });
    chunks.sort_unstable_by_key(|(start, _)| *start);
    pack(chunks.into_iter().flat_map(|(_, lists)| lists), rows)
}

/// Lays the lists of keys out one after the other.
fn pack(lists: impl Iterator<Item = Vec<Key>>, rows: usize) -> Neighbours {
    let mut packed = Neighbours { offsets: Vec::with_capacity(rows + 1), ..Neighbours::default() };
    packed.offsets.push(0);
    for list in lists {
        packed.items.extend(list.iter().map(|key| key.item()));
        packed.scores.extend(list.iter().map(|key| key.score()));
        packed.offsets.push(packed.items.len() as u64);
    }
    packed
}

/// The two factors of a score beside the count.
struct Weights {
    /// n(i)^-(1-d).
    query: Vec<f32>,
    /// n(j)^-d.
    neighbour: Vec<f32>,
}

impl Weights {
    fn new(pairs: &Incidence, discount: f64) -> Self {
        let power = |exponent: f64| {
            let lists = pairs.users.offsets.windows(2);
            lists.map(|ends| ((ends[1] - ends[0]).max(1) as f64).powf(exponent) as f32).collect()
        };
        Self { query: power(discount - 1.0), neighbour: power(-discount) }
    }
}

/// A neighbour as one number that sorts best first: the complement of the score's bits above the
/// item number, so that ties go to the lower number. Scores are positive, so their bits are ordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u64);

impl Key {
    fn new(score: f32, item: u32) -> Self {
        Self(u64::from(!score.to_bits()) << 32 | u64::from(item))
    }

    fn item(self) -> u32 {
        self.0 as u32
    }

    fn score(self) -> f32 {
        f32::from_bits(!((self.0 >> 32) as u32))
    }
}

/// The first few of many keys: a buffer that is cut back to the best whenever it is full. What falls
/// behind the last of those is refused at once.
struct Best {
    keys: Vec<Key>,
    keep: usize,
    limit: Key,
}

impl Best {
    fn new(keep: usize) -> Self {
        Self { keys: Vec::with_capacity(2 * keep + 64), keep, limit: Key(u64::MAX) }
    }

    fn offer(&mut self, key: Key) {
        if key < self.limit {
            if self.keys.len() == self.keys.capacity() {
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
    fn finish(&mut self) -> Vec<Key> {
        self.cut();
        self.keys.sort_unstable();
        let best = self.keys.as_slice().to_vec();
        self.keys.clear();
        self.limit = Key(u64::MAX);
        best
    }
}

/// What one thread needs to work out rows.
struct Row {
    /// Common users with every item (I); all zero between rows.
    counts: Vec<u32>,
    /// Items with a count, where the row is short enough for a list to pay.
    touched: Vec<u32>,
    best: Best,
    count_min: u32,
}

impl Row {
    fn new(items: usize, config: &Config) -> Self {
        Self {
            counts: vec![0; items],
            touched: Vec::new(),
            best: Best::new(config.neighbours),
            count_min: config.min_cointeraction_count.max(1),
        }
    }

    /// The best neighbours of `item`, best first.
    fn best(&mut self, item: u32, pairs: &Incidence, weights: &Weights) -> Vec<Key> {
        let users = pairs.users.list(item);
        if (users.len() as u32) < self.count_min {
            return Vec::new();
        }
        let work: usize = users.iter().map(|&user| pairs.items.list(user).len()).sum();
        // A popular item meets most of the catalogue: adding without looking and reading all
        // counters afterwards is faster there than keeping a list of those in use.
        if work >= self.counts.len() / 2 {
            self.add_densely(item, users, pairs, weights);
        } else {
            self.add_sparsely(item, users, pairs, weights);
        }
        self.best.finish()
    }

    fn add_densely(&mut self, item: u32, users: &[u32], pairs: &Incidence, weights: &Weights) {
        for &user in users {
            for &other in pairs.items.list(user) {
                self.counts[other as usize] += 1;
            }
        }
        self.counts[item as usize] = 0;
        let own = weights.query[item as usize];
        for (other, count) in self.counts.iter_mut().enumerate() {
            if *count >= self.count_min {
                let score = *count as f32 * own * weights.neighbour[other];
                self.best.offer(Key::new(score, other as u32));
            }
        }
        self.counts.fill(0);
    }

    fn add_sparsely(&mut self, item: u32, users: &[u32], pairs: &Incidence, weights: &Weights) {
        self.touched.clear();
        for &user in users {
            for &other in pairs.items.list(user) {
                let count = &mut self.counts[other as usize];
                if *count == 0 {
                    self.touched.push(other);
                }
                *count += 1;
            }
        }
        let own = weights.query[item as usize];
        for &other in &self.touched {
            let count = std::mem::take(&mut self.counts[other as usize]);
            if count >= self.count_min && other != item {
                let score = count as f32 * own * weights.neighbour[other as usize];
                self.best.offer(Key::new(score, other));
            }
        }
    }
}
