//! Keys of lists.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Arn;

use crate::tables::RECOMMENDATIONS;

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

/// Partitions that the lists of one version are spread over. One partition takes 1,000 writes and
/// 3,000 reads a second.
const SHARDS: u64 = 16;
/// A shard's letter.
const SHARD_LETTERS: &[u8; SHARDS as usize] = b"abcdefghijklmnop";

/// Sort key of the one cold list; sort keys must not be empty.
pub(super) const COLD_ID: &str = "-";
/// Length of a partition key: eleven characters of the version, the kind and the shard.
pub(super) const PARTITION_BYTES: usize = 13;

/// A solution version in eleven characters: 64 bits of its ARN's hash, base64url. The ARN itself
/// would take a tenth of the kibibyte that one write unit covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VersionId(String);

impl VersionId {
    pub(super) fn of(version: &Arn) -> Self {
        Self(URL_SAFE_NO_PAD.encode(hash(version.as_str()).to_be_bytes()))
    }

    /// The row of a list: partition `<version id><kind><shard>`, sort key the id.
    pub(super) fn row_key(&self, key: &ListKey<'_>) -> HashMap<String, AttributeValue> {
        let (kind, id) = match key {
            ListKey::User(id) => ('u', *id),
            ListKey::Item(id) => ('i', *id),
            ListKey::Cold => ('c', COLD_ID),
        };
        let shard = char::from(SHARD_LETTERS[(hash(id) % SHARDS) as usize]);
        HashMap::from([
            (RECOMMENDATIONS.hash.to_owned(), AttributeValue::S(format!("{}{kind}{shard}", self.0))),
            (RECOMMENDATIONS.range.to_owned(), AttributeValue::S(id.to_owned())),
        ])
    }

    /// Every partition that a list of this version may be in.
    pub(super) fn partitions(&self) -> impl Iterator<Item = String> {
        ['u', 'i', 'c'].into_iter().flat_map(move |kind| {
            SHARD_LETTERS.iter().map(move |&s| format!("{}{kind}{}", self.0, char::from(s)))
        })
    }
}

/// FNV-1a, 64 bits, with the finaliser of SplitMix64, whose low bits are as good as its high ones.
/// Keys in stored tables depend on it: it must never change.
fn hash(text: &str) -> u64 {
    let mut h = text.bytes().fold(0xcbf2_9ce4_8422_2325, |h: u64, byte| {
        (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ResourceKind, Scope};

    fn version(tail: &str) -> VersionId {
        let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
        VersionId::of(&scope.arn(ResourceKind::SolutionVersion, tail))
    }

    #[test]
    fn a_key_is_what_it_was_when_the_first_table_was_written() {
        let key = version("films/0a1b2c3d").row_key(&ListKey::User("1"));
        assert_eq!(key["k"], AttributeValue::S("1".into()));
        assert_eq!(key["v"], AttributeValue::S("f6RxNmP5N5cup".into()));
    }

    #[test]
    fn every_key_lies_in_one_of_the_partitions_that_a_delete_visits() {
        let id = version("films/0a1b2c3d");
        let partitions: Vec<String> = id.partitions().collect();
        let mut used = std::collections::HashSet::new();
        for n in 0..500 {
            let name = n.to_string();
            for key in [ListKey::User(&name), ListKey::Item(&name), ListKey::Cold] {
                let row = id.row_key(&key);
                let partition = row["v"].as_s().expect("a string").clone();
                assert!(partitions.contains(&partition), "{partition}");
                used.insert(partition);
            }
        }
        assert_eq!(used.len(), 2 * SHARDS as usize + 1, "users and items use all shards");
    }

    #[test]
    fn versions_of_one_solution_do_not_share_partitions() {
        assert_ne!(version("films/0a1b2c3d"), version("films/0a1b2c3e"));
    }
}
