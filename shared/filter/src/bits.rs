//! A set of row numbers.

/// One bit for each row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// No row of `len`.
    pub fn none(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// All rows of `len`.
    pub fn all(len: usize) -> Self {
        let mut bits = Self { words: vec![u64::MAX; len.div_ceil(64)], len };
        bits.trim();
        bits
    }

    /// The rows below `known` that pass, in a set of `len`.
    pub fn passing(len: usize, known: usize, pass: impl Fn(usize) -> bool) -> Self {
        let mut bits = Self::none(len);
        for (word, out) in bits.words.iter_mut().enumerate() {
            let first = word * 64;
            for bit in 0..64.min(known.saturating_sub(first)) {
                *out |= u64::from(pass(first + bit)) << bit;
            }
        }
        bits
    }

    fn trim(&mut self) {
        if let (Some(last), rest @ 1..) = (self.words.last_mut(), self.len % 64) {
            *last &= (1 << rest) - 1;
        }
    }

    /// How many rows there are to choose from.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to choose from.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many are in the set.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether a row is in the set; one beyond the end is not.
    pub fn has(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Adds a row below the length.
    pub fn add(&mut self, row: usize) {
        self.words[row / 64] |= 1 << (row % 64);
    }

    /// Keeps what both have.
    pub fn keep(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own &= other);
    }

    /// Adds what the other has.
    pub fn join(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own |= other);
    }

    /// Removes what the other has.
    pub fn remove(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own &= !other);
    }

    /// Row 64·w + b is bit b of word w; bits beyond the length are 0.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The rows of the set, in order.
    pub fn rows(&self) -> impl Iterator<Item = usize> {
        (0..self.len).filter(|&row| self.has(row))
    }
}
