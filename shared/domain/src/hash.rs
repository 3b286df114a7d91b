//! A hash that tells things apart where no secrecy is needed.

/// FNV-1a, 64 bits, of each part with an end mark, so that `["ab"]` and `["a", "b"]` differ.
pub fn fnv1a64<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    let bytes = parts.into_iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
