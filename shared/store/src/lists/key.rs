//! Whom a list is for, and the hash that rows are keyed and stamped with.

use std::fmt;

use domain::Arn;

/// Length of an ARN's short form.
pub(super) const SHORT_BYTES: usize = 6;

/// Whom or what a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListKey<'a> {
    /// Recommendations for a user.
    User(&'a str),
    /// Items related to an item.
    Item(&'a str),
    /// What a user or item that the model does not know gets.
    Cold,
}

impl fmt::Display for ListKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user '{id}'"),
            Self::Item(id) => write!(f, "item '{id}'"),
            Self::Cold => f.write_str("the cold list"),
        }
    }
}

/// FNV-1a, 64 bits, with the finaliser of SplitMix64, whose low bits are as good as its high ones.
/// Keys and stamps in stored tables depend on it: it must never change.
pub(crate) fn hash(text: &str) -> u64 {
    let mut h = text.bytes().fold(0xcbf2_9ce4_8422_2325, |h: u64, byte| {
        (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}

/// 48 bits of an ARN's hash.
pub(super) fn short(arn: &Arn) -> [u8; SHORT_BYTES] {
    let [a, b, c, d, e, f, ..] = hash(arn.as_str()).to_be_bytes();
    [a, b, c, d, e, f]
}
