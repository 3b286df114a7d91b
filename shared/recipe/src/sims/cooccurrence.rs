//! Counting pairs: row after row with a dense accumulator, rows spread over threads. Users with long
//! histories are added up as bits ([`super::bits`]), the others item by item.
//!
//! Counts are whole numbers and every row is worked out by one thread, so the result is the same
//! bytes for any number of threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use dataset::Interactions;
use training::cpu::Isa;

use super::bits::{self, Bits};
use super::{Config, Neighbours};
use crate::best::{Best, Key};
use crate::featurization;

/// Rows that a thread takes at a time: few enough to share the long rows of popular items fairly.
const ROWS_AT_ONCE: usize = 16;

/// Who has what, from both sides; every pair once. Users with long lists have the low numbers.
pub(super) struct Incidence {
    /// Items of each user.
    items: Packed,
    /// Users of each item, ascending.
    users: Packed,
    /// The users with long lists once more.
    bits: Bits,
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

    fn push(&mut self, list: impl Iterator<Item = u32>) {
        self.numbers.extend(list);
        self.offsets.push(self.numbers.len());
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
    /// The distinct items of the users in `kept`, without the items whose number of users lies outside of
    /// the percentiles. Items that nobody has do not count as items there.
    pub(super) fn new(data: &Interactions, kept: &[u32], (low, high): (f64, f64)) -> Self {
        let catalogue = data.items.len();
        let mut items = Packed { offsets: vec![0], numbers: Vec::with_capacity(data.len()) };
        let mut distinct = Vec::new();
        for &user in kept {
            distinct.clear();
            distinct.extend_from_slice(data.history(user).items);
            distinct.sort_unstable();
            distinct.dedup();
            items.push(distinct.iter().copied());
        }
        let mut counts = vec![0usize; catalogue];
        items.numbers.iter().for_each(|&item| counts[item as usize] += 1);
        let within = featurization::within_percentiles(counts.iter().copied().filter(|&n| n > 0), low, high);
        let stays = |item: &u32| within.contains(&counts[*item as usize]);

        let length = |user: u32| items.list(user).iter().filter(|&item| stays(item)).count();
        let (dense, sparse): (Vec<u32>, Vec<u32>) =
            (0..items.rows()).partition(|&user| bits::is_dense(length(user), catalogue));
        let mut ordered = Packed { offsets: vec![0], numbers: Vec::with_capacity(items.numbers.len()) };
        for &user in dense.iter().chain(&sparse) {
            ordered.push(items.list(user).iter().copied().filter(stays));
        }
        drop(items);
        let bits = Bits::new(dense.len(), catalogue, |row| ordered.list(row));
        let users = ordered.transposed(catalogue);
        Self { items: ordered, users, bits }
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

/// What one thread needs to work out rows.
struct Row {
    /// Common users with every item (I, rounded up to whole groups); all zero between rows.
    counts: Vec<u32>,
    /// Items with a count, where the row is short enough for a list to pay.
    touched: Vec<u32>,
    best: Best,
    count_min: u32,
    isa: Isa,
}

impl Row {
    fn new(items: usize, config: &Config) -> Self {
        Self {
            counts: vec![0; items.next_multiple_of(bits::GROUP)],
            touched: Vec::new(),
            best: Best::new(config.neighbours),
            count_min: config.min_cointeraction_count.max(1),
            isa: Isa::detect(),
        }
    }

    /// The best neighbours of `item`, best first.
    fn best(&mut self, item: u32, pairs: &Incidence, weights: &Weights) -> Vec<Key> {
        let users = pairs.users.list(item);
        if (users.len() as u32) < self.count_min {
            return Vec::new();
        }
        let dense = users.partition_point(|&user| user < pairs.bits.rows());
        if dense >= bits::USERS_MIN {
            let (dense, sparse) = users.split_at(dense);
            pairs.bits.count(self.isa, dense, &mut self.counts);
            self.add_densely(item, sparse, pairs, weights);
            return self.best.finish();
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

    /// Adds the items of `users` to what was counted already, and offers every item with a count.
    fn add_densely(&mut self, item: u32, users: &[u32], pairs: &Incidence, weights: &Weights) {
        for &user in users {
            for &other in pairs.items.list(user) {
                self.counts[other as usize] += 1;
            }
        }
        self.counts[item as usize] = 0;
        let own = weights.query[item as usize];
        let count_min = self.count_min;
        for (block, (counts, factors)) in
            self.counts.chunks(LANES).zip(weights.neighbour.chunks(LANES)).enumerate()
        {
            let mut scores = [0.0f32; LANES];
            scores_of(self.isa, counts, factors, own, count_min, &mut scores);
            // Most blocks hold nothing that is better than what was found: one look at the best of each.
            let highest = scores.iter().fold(0.0f32, |a, &b| if b > a { b } else { a });
            if highest == 0.0 || highest < self.best.limit() {
                continue;
            }
            for (i, &score) in scores.iter().enumerate().filter(|(_, score)| **score > 0.0) {
                self.best.offer(Key::new(score, (block * LANES + i) as u32));
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

/// Items that are scored at a time.
const LANES: usize = 32;

training::dispatch! {
    /// The scores of a few items, 0 where the count is too small.
    fn scores_of(counts: &[u32], factors: &[f32], own: f32, count_min: u32, scores: &mut [f32; LANES]) = scores_body
}

#[inline(always)]
fn scores_body<const FMA: bool>(
    counts: &[u32],
    factors: &[f32],
    own: f32,
    count_min: u32,
    scores: &mut [f32; LANES],
) {
    for ((score, &count), &factor) in scores.iter_mut().zip(counts).zip(factors) {
        *score = if count >= count_min { count as f32 * own * factor } else { 0.0 };
    }
}
