//! One list as bytes, small enough that a hundred recommendations fit one write unit.
//!
//! Layout, all integers little endian or LEB128 varints:
//!
//! | part | bytes |
//! | --- | --- |
//! | format and flags | 1: high nibble [`FORMAT`], bit 0 scores present, bit 1 scores never rise |
//! | number of items | varint |
//! | shortest id, in bytes | varint |
//! | bits for each id's length above the shortest | 1 |
//! | those lengths, packed | ⌈items · bits / 8⌉ |
//! | the ids, one after the other | their sum |
//! | scores | a varint each: the first quantised logarithm, then the steps between neighbours |
//!
//! A score s is kept as q = round(512 · ln s), so its relative error is at most
//! e^(1/1024) − 1 < [`SCORE_RELATIVE_ERROR_MAX`] plus the rounding of f32, and a list that falls
//! stays one that falls (scores closer than that become equal). Scores below [`SCORE_MIN`], zero
//! included, are kept as [`SCORE_MIN`].

/// A decoded score differs from the encoded one by at most this part of it.
pub const SCORE_RELATIVE_ERROR_MAX: f64 = 1e-3;

/// Smaller scores are kept as this one; a softmax probability below it says nothing.
const SCORE_MIN: f32 = 1e-30;
/// Quantisation steps for a factor of e.
const STEPS_PER_E: f64 = 512.0;
/// Version of the layout, in the high nibble of the first byte.
const FORMAT: u8 = 1 << 4;
const SCORED: u8 = 1;
const FALLING: u8 = 2;
/// Longest id in bytes: [`domain::limits::ID_CHARS_MAX`] characters of four bytes, and the times of an action.
const ID_BYTES_MAX: usize = 4 * domain::limits::ID_CHARS_MAX + domain::action::OFFER_BYTES_MAX;
/// Most items in a list; the API never answers with more than 500.
const ITEMS_MAX: usize = 10_000;

/// A ranked list of item ids with their scores, best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredList {
    /// Item ids.
    pub items: Vec<String>,
    /// Scores of the items, from 0 up; empty for recipes without scores.
    pub scores: Vec<f32>,
}

/// Why a list cannot be encoded.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// Scores must be absent or as many as the items.
    #[error("{scores} scores for {items} items: give one score for each item, or none")]
    Counts {
        /// Items in the list.
        items: usize,
        /// Scores in the list.
        scores: usize,
    },
    /// Not a score.
    #[error("score {score} of item '{item}' at position {position} is not a finite number from 0 up")]
    Score {
        /// Position from 1.
        position: usize,
        /// The item.
        item: String,
        /// Its score.
        score: f32,
    },
    /// An id is longer than the API allows.
    #[error("item id at position {position} has {bytes} bytes, more than {ID_BYTES_MAX}")]
    Id {
        /// Position from 1.
        position: usize,
        /// Its length.
        bytes: usize,
    },
    /// A list that nobody could be answered with.
    #[error("{items} items in one list, more than {ITEMS_MAX}")]
    Length {
        /// Items in the list.
        items: usize,
    },
}

/// Why bytes are not a list.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// Written by another version of the code, or not by us.
    #[error("unknown format byte {0:#04x}")]
    Format(u8),
    /// The bytes end within the named part.
    #[error("the bytes end within the {0}")]
    CutOff(&'static str),
    /// A number is out of its range.
    #[error("the {0} is out of range")]
    Range(&'static str),
    /// An id is not UTF-8.
    #[error("the id at position {0} is not UTF-8")]
    Id(usize),
    /// Something follows the last part.
    #[error("{0} bytes follow the list")]
    Trailing(usize),
}

impl StoredList {
    /// The list as bytes.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        self.check()?;
        let lengths = || self.items.iter().map(String::len);
        let shortest = lengths().min().unwrap_or(0);
        let spread = lengths().max().unwrap_or(0) - shortest;
        let bits = (usize::BITS - spread.leading_zeros()) as usize;
        let quanta: Vec<i64> = self.scores.iter().map(|&s| quantise(s)).collect();
        let falling = quanta.is_sorted_by(|a, b| a >= b);

        let mut out = Vec::with_capacity(8 + lengths().sum::<usize>() + 2 * self.items.len());
        out.push(FORMAT | if quanta.is_empty() { 0 } else { SCORED } | if falling { FALLING } else { 0 });
        push_varint(&mut out, self.items.len() as u64);
        push_varint(&mut out, shortest as u64);
        out.push(bits as u8);
        push_packed(&mut out, lengths().map(|l| l - shortest), bits);
        self.items.iter().for_each(|id| out.extend_from_slice(id.as_bytes()));
        if let Some(&first) = quanta.first() {
            push_varint(&mut out, zigzag(first));
        }
        for pair in quanta.windows(2) {
            let step = pair[0] - pair[1];
            push_varint(&mut out, if falling { step as u64 } else { zigzag(step) });
        }
        Ok(out)
    }

    fn check(&self) -> Result<(), EncodeError> {
        let (items, scores) = (self.items.len(), self.scores.len());
        if scores != 0 && scores != items {
            return Err(EncodeError::Counts { items, scores });
        }
        if items > ITEMS_MAX {
            return Err(EncodeError::Length { items });
        }
        if let Some(i) = self.items.iter().position(|id| id.len() > ID_BYTES_MAX) {
            return Err(EncodeError::Id { position: i + 1, bytes: self.items[i].len() });
        }
        match self.scores.iter().position(|s| !s.is_finite() || *s < 0.0) {
            Some(i) => Err(EncodeError::Score {
                position: i + 1,
                item: self.items[i].clone(),
                score: self.scores[i],
            }),
            None => Ok(()),
        }
    }

    /// Reads what [`StoredList::encode`] wrote. Any other bytes are an error, never a panic.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut rest = Rest(bytes);
        let head = rest.byte("format")?;
        if head & 0xf0 != FORMAT || head & !(0xf0 | SCORED | FALLING) != 0 {
            return Err(DecodeError::Format(head));
        }
        let count = rest.size("number of items", ITEMS_MAX)?;
        let shortest = rest.size("shortest id", ID_BYTES_MAX)?;
        let bits = rest.byte("bits of a length")? as usize;
        if bits > (usize::BITS - ID_BYTES_MAX.leading_zeros()) as usize {
            return Err(DecodeError::Range("bits of a length"));
        }
        let packed = rest.take((count * bits).div_ceil(8), "lengths of the ids")?;
        let mut items = Vec::with_capacity(count);
        for i in 0..count {
            let id = rest.take(shortest + unpack(packed, i, bits), "ids")?;
            items.push(std::str::from_utf8(id).map_err(|_| DecodeError::Id(i + 1))?.to_owned());
        }
        let mut scores = Vec::new();
        if head & SCORED != 0 {
            scores.reserve_exact(count);
            let mut quantum = 0i64;
            for i in 0..count {
                let raw = rest.varint("scores")?;
                let step = if i > 0 && head & FALLING != 0 { raw as i64 } else { unzigzag(raw) };
                quantum = if i == 0 { step } else { quantum.wrapping_sub(step) };
                let score = (quantum as f64 / STEPS_PER_E).exp() as f32;
                if !score.is_finite() || quantum.unsigned_abs() > QUANTUM_MAX {
                    return Err(DecodeError::Range("score"));
                }
                scores.push(score);
            }
        }
        match rest.0.len() {
            0 => Ok(Self { items, scores }),
            extra => Err(DecodeError::Trailing(extra)),
        }
    }
}

/// Larger than any |q| of an f32 score: 512 · ln 3.5e38 is 45,426.
const QUANTUM_MAX: u64 = 46_000;

fn quantise(score: f32) -> i64 {
    (f64::from(score.max(SCORE_MIN)).ln() * STEPS_PER_E).round() as i64
}

/// Small numbers of either sign as small numbers without sign.
fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

fn push_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Packs numbers of `bits` bits, lowest bit first.
fn push_packed(out: &mut Vec<u8>, numbers: impl Iterator<Item = usize>, bits: usize) {
    let (mut held, mut filled) = (0u64, 0);
    for number in numbers {
        held |= (number as u64) << filled;
        filled += bits;
        while filled >= 8 {
            out.push(held as u8);
            held >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(held as u8);
    }
}

fn unpack(packed: &[u8], index: usize, bits: usize) -> usize {
    let start = index * bits;
    (0..bits).fold(0, |n, b| {
        let at = start + b;
        n | usize::from(packed[at / 8] >> (at % 8) & 1) << b
    })
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize, part: &'static str) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(DecodeError::CutOff(part))?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self, part: &'static str) -> Result<u8, DecodeError> {
        Ok(self.take(1, part)?[0])
    }

    fn varint(&mut self, part: &'static str) -> Result<u64, DecodeError> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(part)?;
            let low = u64::from(byte & 0x7f);
            if shift == 63 && low > 1 {
                break;
            }
            n |= low << shift;
            if byte & 0x80 == 0 {
                return Ok(n);
            }
        }
        Err(DecodeError::Range(part))
    }

    fn size(&mut self, part: &'static str, max: usize) -> Result<usize, DecodeError> {
        let n = self.varint(part)?;
        usize::try_from(n).ok().filter(|&n| n <= max).ok_or(DecodeError::Range(part))
    }
}

#[cfg(test)]
mod tests;
