//! The distinct strings of one column of one part, numbered by first appearance.

use hashbrown::HashTable;

/// One distinct string. Short strings are compared without leaving the table.
struct Slot {
    /// The first bytes, see [`prefix`].
    prefix: u64,
    len: u32,
    /// Where the string begins in `plain`.
    start: u32,
    code: u32,
}

/// Distinct strings in Parquet's PLAIN encoding: a four-byte length before each.
#[derive(Default)]
pub(crate) struct Dictionary {
    table: HashTable<Slot>,
    plain: Vec<u8>,
    count: u32,
}

impl Dictionary {
    /// The code of `value`; a new value gets the next one.
    #[inline]
    pub fn intern(&mut self, value: &[u8]) -> u32 {
        let prefix = prefix(value);
        let hash = hash(value, prefix);
        let plain = &self.plain;
        let found = self.table.find(hash, |slot| {
            slot.prefix == prefix
                && slot.len as usize == value.len()
                && (value.len() <= 8 || stored(plain, slot) == value)
        });
        match found {
            Some(slot) => slot.code,
            None => self.add(value, prefix, hash),
        }
    }

    fn add(&mut self, value: &[u8], prefix: u64, hash_of_value: u64) -> u32 {
        let code = self.count;
        self.count += 1;
        self.plain.extend_from_slice(&(value.len() as u32).to_le_bytes());
        let start = self.plain.len() as u32;
        self.plain.extend_from_slice(value);
        let slot = Slot { prefix, len: value.len() as u32, start, code };
        let plain = &self.plain;
        self.table.insert_unique(hash_of_value, slot, |slot| hash(stored(plain, slot), slot.prefix));
        code
    }

    /// How many distinct strings there are.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// The strings in PLAIN encoding, in the order of their codes.
    pub fn plain(&self) -> &[u8] {
        &self.plain
    }
}

fn stored<'a>(plain: &'a [u8], slot: &Slot) -> &'a [u8] {
    &plain[slot.start as usize..][..slot.len as usize]
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"))
}

fn half(bytes: &[u8]) -> u64 {
    u64::from(u32::from_le_bytes(bytes[..4].try_into().expect("four bytes")))
}

/// Eight bytes that, together with the length, tell strings of up to eight bytes apart.
#[inline]
fn prefix(value: &[u8]) -> u64 {
    match value.len() {
        0 => 0,
        1..4 => {
            // First, middle and last byte: all of them.
            let at = |i: usize| u64::from(value[i]);
            at(0) | at(value.len() / 2) << 8 | at(value.len() - 1) << 16
        }
        // The two halves overlap where there are fewer than eight bytes.
        4..8 => half(value) | half(&value[value.len() - 4..]) << 32,
        _ => word(value),
    }
}

/// A folded multiply per eight bytes: good enough for a table that lives for one part.
#[inline]
fn hash(value: &[u8], prefix: u64) -> u64 {
    let mut state = fold(prefix ^ 0x9E37_79B9_7F4A_7C15, value.len() as u64 ^ 0xD1B5_4A32_D192_ED03);
    if value.len() > 8 {
        for chunk in value[8..].chunks_exact(8) {
            state = fold(state ^ word(chunk), 0x8CB9_2BA7_2F3D_8DD7);
        }
        // The last eight bytes again, whole: overlaps what was mixed in already.
        state = fold(state ^ word(&value[value.len() - 8..]), 0xAAAA_AAAA_5555_5555);
    }
    state
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_short_string_has_its_own_code() {
        let mut dictionary = Dictionary::default();
        let mut all: Vec<Vec<u8>> = vec![vec![]];
        for len in 1..=9 {
            // All strings over two letters, with zero bytes among them.
            for bits in 0..1u32 << len {
                all.push((0..len).map(|i| if bits >> i & 1 == 1 { b'1' } else { 0 }).collect());
            }
        }
        for (code, value) in all.iter().enumerate() {
            assert_eq!(dictionary.intern(value), code as u32);
        }
        for (code, value) in all.iter().enumerate() {
            assert_eq!(dictionary.intern(value), code as u32);
        }
        assert_eq!(dictionary.len() as usize, all.len());
    }

    #[test]
    fn long_strings_with_a_common_prefix_differ() {
        let mut dictionary = Dictionary::default();
        let values: Vec<String> = (0..1000).map(|i| format!("a-common-prefix-{i}")).collect();
        let codes: Vec<u32> = values.iter().map(|v| dictionary.intern(v.as_bytes())).collect();
        assert_eq!(codes, (0..1000).collect::<Vec<_>>());
    }
}
