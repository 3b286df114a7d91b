//! Ids of answers, from which whoever answered can be told.
//!
//! An id is `RID-` and a UUID, as in the hosted service. The last 48 bits of it are a hash of the ARN that
//! answered, and the others are random. So neither answering nor attributing an event reads or writes
//! anything: what is known is compared. Among a hundred campaigns two have the same bits once in fifty
//! thousand million deployments.

use crate::Arn;
use crate::hash::fnv1a64;

/// What every id begins with.
const PREFIX: &str = "RID-";
/// Length of the UUID.
const UUID_CHARS: usize = 36;
/// Digits of the hash, at the end.
const TAG_DIGITS: usize = 12;

/// The id of an answer of `answered`; `random` must differ each time.
pub fn of(answered: &Arn, random: u128) -> String {
    // Version 8 of RFC 9562, which leaves the meaning of the bits to whoever makes them.
    let random = random & !(0xf << 76 | 0x3 << 62) | 0x8 << 76 | 0x2 << 62;
    let bits = random & !0xffff_ffff_ffff | u128::from(tag(answered));
    let hex = format!("{bits:032x}");
    format!("{PREFIX}{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The one among `known` that an id comes from; nothing for an id that none of them has given.
pub fn answered<'a>(id: &str, known: impl IntoIterator<Item = &'a Arn>) -> Option<&'a Arn> {
    let uuid = id.strip_prefix(PREFIX).filter(|uuid| uuid.len() == UUID_CHARS && uuid.is_ascii())?;
    let digits = &uuid[UUID_CHARS - TAG_DIGITS..];
    let found = u64::from_str_radix(digits, 16).ok()?;
    known.into_iter().find(|arn| tag(arn) == found)
}

fn tag(arn: &Arn) -> u64 {
    // The upper bits, which every letter of the ARN has moved.
    fnv1a64([arn.as_str()]) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign(name: &str) -> Arn {
        format!("arn:aws:personalize:us-east-1:000000000000:campaign/{name}").parse().unwrap()
    }

    #[test]
    fn whoever_answered_is_told_from_the_id() {
        let known: Vec<Arn> = (0..100).map(|n| campaign(&format!("films-{n}"))).collect();
        for (n, arn) in known.iter().enumerate() {
            let id = of(arn, n as u128 * 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
            assert_eq!(id.len(), 40, "{id}");
            assert_eq!(answered(&id, &known), Some(arn));
            assert_eq!(answered(&id, &[campaign("other")]), None);
        }
        let first = of(&known[0], u128::MAX);
        assert!(first.starts_with("RID-ffffffff-ffff-8fff-bfff-"), "{first}");
        assert_ne!(first, of(&known[0], 1 << 100));
    }

    #[test]
    fn other_ids_come_from_nobody() {
        for id in ["", "RID-", "RID-1", "お", &"RID-お".repeat(9), "RID-01234567-89ab-4cde-8f01-23456789abcd"]
        {
            assert_eq!(answered(id, &[campaign("films")]), None, "{id}");
        }
    }
}
