//! Parquet's RLE / bit-packing hybrid: dictionary codes and definition levels.
//!
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE>

/// How many bits the largest code needs.
pub(crate) fn width_of(max_code: u32) -> u8 {
    (32 - max_code.leading_zeros()) as u8
}

/// Appends `codes` as one run where all are equal, else bit-packed.
pub(crate) fn encode(codes: &[u32], width: u8, out: &mut Vec<u8>) {
    let Some(&first) = codes.first() else { return };
    if codes.iter().all(|&code| code == first) {
        varint((codes.len() as u64) << 1, out);
        let bytes = usize::from(width).div_ceil(8);
        out.extend_from_slice(&first.to_le_bytes()[..bytes]);
        return;
    }
    let groups = codes.len().div_ceil(8);
    varint((groups as u64) << 1 | 1, out);
    out.reserve(groups * usize::from(width) + 8);
    let (mut pending, mut bits) = (0u64, 0u32);
    for &code in codes {
        pending |= u64::from(code) << bits;
        bits += u32::from(width);
        if bits >= 32 {
            out.extend_from_slice(&(pending as u32).to_le_bytes());
            pending >>= 32;
            bits -= 32;
        }
    }
    // The last group is filled up with zeros.
    let missing = groups * 8 - codes.len();
    let mut left = bits as usize + missing * usize::from(width);
    while left > 0 {
        out.push(pending as u8);
        pending >>= 8;
        left = left.saturating_sub(8);
    }
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Reads `count` codes; `None` when the bytes end early or make no sense.
pub(crate) fn decode(mut bytes: &[u8], width: u8, count: usize) -> Option<Vec<u32>> {
    if width > 32 {
        return None;
    }
    let mut codes = Vec::with_capacity(count);
    while codes.len() < count {
        let header = read_varint(&mut bytes)?;
        let wanted = count - codes.len();
        if header & 1 == 0 {
            let run = usize::try_from(header >> 1).ok()?.min(wanted);
            let size = usize::from(width).div_ceil(8);
            let value = bytes.get(..size)?;
            bytes = &bytes[size..];
            let mut word = [0u8; 4];
            word[..size].copy_from_slice(value);
            if run == 0 {
                return None;
            }
            codes.resize(codes.len() + run, u32::from_le_bytes(word));
        } else {
            let groups = usize::try_from(header >> 1).ok()?;
            let size = groups.checked_mul(usize::from(width))?;
            let run = groups.checked_mul(8)?.min(wanted);
            if run == 0 {
                return None;
            }
            // Writers may leave out the padding of the last group.
            let packed = &bytes[..size.min(bytes.len())];
            if packed.len() * 8 < run * usize::from(width) {
                return None;
            }
            bytes = &bytes[packed.len()..];
            unpack(packed, width, run, &mut codes);
        }
    }
    Some(codes)
}

fn unpack(packed: &[u8], width: u8, run: usize, codes: &mut Vec<u32>) {
    let mask = (1u64 << width) - 1;
    let width = usize::from(width);
    codes.extend((0..run).map(|i| {
        let bit = i * width;
        let at = bit / 8;
        // Five bytes hold any code, eight are faster to read.
        let word = match packed.get(at..at + 8) {
            Some(bytes) => u64::from_le_bytes(bytes.try_into().expect("eight bytes")),
            None => {
                let mut bytes = [0u8; 8];
                let rest = &packed[at.min(packed.len())..];
                bytes[..rest.len()].copy_from_slice(rest);
                u64::from_le_bytes(bytes)
            }
        };
        (word >> (bit % 8) & mask) as u32
    }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn codes_come_back(width in 0u8..=32, seed in proptest::collection::vec(any::<u32>(), 0..200)) {
            let mask = ((1u64 << width) - 1) as u32;
            let codes: Vec<u32> = seed.iter().map(|code| code & mask).collect();
            let mut bytes = vec![];
            encode(&codes, width, &mut bytes);
            prop_assert_eq!(decode(&bytes, width, codes.len()), Some(codes));
        }

        #[test]
        fn broken_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), width in 0u8..40) {
            decode(&bytes, width, 100);
        }
    }

    #[test]
    fn the_documented_example_is_reproduced() {
        // The numbers 0 to 7 in three bits, from the format's description.
        let mut bytes = vec![];
        encode(&[0, 1, 2, 3, 4, 5, 6, 7], 3, &mut bytes);
        assert_eq!(bytes, [0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
    }
}
