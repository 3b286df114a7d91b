//! Counting by vertical counters: users with long histories as rows of bits, one bit for each item.
//!
//! Adding one to a counter for every item of a long history touches as many counters as the history has
//! items, one after the other. As bits, 512 items are one vector, and a full adder adds up rows of
//! bits into planes of ones, twos, fours, … (Harley and Seal's counter, as Muła, Kurz and Lemire 2018 use
//! it to count bits). An item with n users then costs about n · I / 512 vector steps instead of the sum of
//! its users' history lengths.

use training::cpu::Isa;

/// Items of a group: one 512-bit vector.
pub(super) const GROUP: usize = 512;
/// A row is kept as bits when it has more items than one in this many: it then takes at most four times
/// the memory of its list, and adding its bits costs less than half of adding its items.
const DENSE: usize = 128;
/// Fewest dense users of an item for which reading the planes pays.
pub(super) const USERS_MIN: usize = 8;

type Words = [u64; GROUP / 64];

/// Whether a user with so many of `items` items is kept as bits.
pub(super) fn is_dense(count: usize, items: usize) -> bool {
    count * DENSE > items
}

/// Rows of bits, group after group of items.
pub(super) struct Bits {
    rows: usize,
    words: Vec<Words>,
}

impl Bits {
    /// The lists of items of some users, `list(0..rows)`.
    pub(super) fn new<'a>(rows: usize, items: usize, list: impl Fn(u32) -> &'a [u32]) -> Self {
        let mut words = vec![[0u64; GROUP / 64]; rows * items.div_ceil(GROUP)];
        for row in 0..rows {
            for &item in list(row as u32) {
                let (group, bit) = (item as usize / GROUP, item as usize % GROUP);
                words[group * rows + row][bit / 64] |= 1 << (bit % 64);
            }
        }
        Self { rows, words }
    }

    /// How many rows there are: users below this number have one.
    pub(super) fn rows(&self) -> u32 {
        self.rows as u32
    }

    /// Sets `counts` to the number of `users` that have each item. `counts` holds whole groups.
    pub(super) fn count(&self, isa: Isa, users: &[u32], counts: &mut [u32]) {
        let groups = self.words.chunks_exact(self.rows.max(1));
        for (rows, counts) in groups.zip(counts.chunks_exact_mut(GROUP)) {
            add_up(isa, rows, users, counts);
        }
    }
}

training::dispatch! {
    /// Sets the counters of one group.
    fn add_up(rows: &[Words], users: &[u32], counts: &mut [u32]) = add_up_body
}

#[inline(always)]
fn full_add(a: Words, b: Words, c: Words) -> (Words, Words) {
    let sum = std::array::from_fn(|w| a[w] ^ b[w] ^ c[w]);
    let carry = std::array::from_fn(|w| (a[w] & b[w]) | (c[w] & (a[w] ^ b[w])));
    (sum, carry)
}

#[inline(always)]
fn add_up_body<const FMA: bool>(rows: &[Words], users: &[u32], counts: &mut [u32]) {
    const NONE: Words = [0; GROUP / 64];
    let used = users.len().checked_ilog2().map_or(0, |log| log as usize + 1);
    // Ones, twos and fours, and what is carried beyond; 32 planes count every u32.
    let (mut ones, mut twos, mut fours) = (NONE, NONE, NONE);
    let mut beyond = [NONE; 29];
    let high = used.saturating_sub(3);
    for users in users.chunks(8) {
        let row = |i: usize| users.get(i).map_or(NONE, |&user| rows[user as usize]);
        let (sum, twos_a) = full_add(ones, row(0), row(1));
        let (sum, twos_b) = full_add(sum, row(2), row(3));
        let (sum, twos_c) = full_add(sum, row(4), row(5));
        let (sum, twos_d) = full_add(sum, row(6), row(7));
        ones = sum;
        let (sum, fours_a) = full_add(twos, twos_a, twos_b);
        let (sum, fours_b) = full_add(sum, twos_c, twos_d);
        twos = sum;
        let (sum, mut carry) = full_add(fours, fours_a, fours_b);
        fours = sum;
        for plane in &mut beyond[..high] {
            for w in 0..GROUP / 64 {
                (plane[w], carry[w]) = (plane[w] ^ carry[w], plane[w] & carry[w]);
            }
        }
    }
    for (w, counts) in counts.chunks_exact_mut(64).enumerate() {
        for (half, counts) in counts.chunks_exact_mut(32).enumerate() {
            let mut sums = [0u32; 32];
            let mut add = |plane: &Words, weight: usize| {
                let bits = (plane[w] >> (32 * half)) as u32;
                for (b, sum) in sums.iter_mut().enumerate() {
                    *sum |= ((bits >> b) & 1) << weight;
                }
            };
            add(&ones, 0);
            add(&twos, 1);
            add(&fours, 2);
            (0..high).for_each(|p| add(&beyond[p], p + 3));
            counts.copy_from_slice(&sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_count_what_plain_counting_counts() {
        let items = 700;
        // Row r has the items that r + 2 divides, and a few by themselves.
        let lists: Vec<Vec<u32>> = (0..40u32)
            .map(|row| (0..items).filter(|item| item % (row % 9 + 2) == 0 || *item == row).collect())
            .collect();
        let bits = Bits::new(lists.len(), items as usize, |row| &lists[row as usize]);
        for isa in Isa::available() {
            for users in [
                vec![],
                vec![3],
                (0..7).collect(),
                (0..8).collect(),
                (0..9).collect(),
                (0..40).collect::<Vec<u32>>(),
            ] {
                let mut counts = vec![77u32; (items as usize).next_multiple_of(GROUP)];
                bits.count(isa, &users, &mut counts);
                for item in 0..items {
                    let plain = users.iter().filter(|&&user| lists[user as usize].contains(&item)).count();
                    assert_eq!(
                        counts[item as usize] as usize,
                        plain,
                        "item {item} of {} users by {isa:?}",
                        users.len()
                    );
                }
                assert!(counts[items as usize..].iter().all(|&count| count == 0));
            }
        }
    }
}
