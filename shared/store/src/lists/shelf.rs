//! Where a slot of a campaign lies in the table.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Arn, Slot};

use super::key::{ListKey, hash, short};
use crate::tables::RECOMMENDATIONS;

/// A campaign's slot: the rows that one deployment writes and the next but one writes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shelf<'a> {
    /// The campaign.
    pub campaign: &'a Arn,
    /// Which of its two slots.
    pub slot: Slot,
}

impl<'a> Shelf<'a> {
    /// A slot of a campaign.
    pub fn new(campaign: &'a Arn, slot: Slot) -> Self {
        Self { campaign, slot }
    }
}

impl fmt::Display for Shelf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} slot {:?}", self.campaign, self.slot)
    }
}

/// Partitions that the lists of one kind are spread over. One partition takes 1,000 writes and 3,000
/// reads a second.
const SHARDS: u64 = 16;
/// A shard's letter in slot A; slot B has the same in upper case, which costs no byte.
const SHARD_LETTERS: &[u8; SHARDS as usize] = b"abcdefghijklmnop";

/// Sort key of the one cold list; sort keys must not be empty.
pub(super) const COLD_ID: &str = "-";
/// Length of a partition key: eight characters of the campaign, the kind and the shard.
pub(super) const PARTITION_BYTES: usize = 10;

/// A campaign in eight characters, 48 bits of its ARN's hash in base64url, and the slot. The ARN itself
/// would take a tenth of the kibibyte that one write unit covers. Among a thousand campaigns two have
/// the same bits once in five hundred million tables, and would keep overwriting each other's lists;
/// stamps keep them from answering with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShelfId {
    campaign: String,
    slot: Slot,
}

impl ShelfId {
    pub(super) fn of(shelf: Shelf<'_>) -> Self {
        let campaign = URL_SAFE_NO_PAD.encode(short(shelf.campaign));
        Self { campaign, slot: shelf.slot }
    }

    /// The row of a list: partition `<campaign id><kind><shard>`, sort key the id.
    pub(super) fn row_key(&self, key: &ListKey<'_>) -> HashMap<String, AttributeValue> {
        let (kind, id) = match key {
            ListKey::User(id) => ('u', *id),
            ListKey::Item(id) => ('i', *id),
            ListKey::Cold => ('c', COLD_ID),
        };
        let partition = self.partition(kind, SHARD_LETTERS[(hash(id) % SHARDS) as usize]);
        HashMap::from([
            (RECOMMENDATIONS.hash.to_owned(), AttributeValue::S(partition)),
            (RECOMMENDATIONS.range.to_owned(), AttributeValue::S(id.to_owned())),
        ])
    }

    /// Every partition that a list of this shelf may be in.
    pub(super) fn partitions(&self) -> impl Iterator<Item = String> {
        let partition = move |kind| SHARD_LETTERS.iter().map(move |&letter| self.partition(kind, letter));
        ['u', 'i', 'c'].into_iter().flat_map(partition)
    }

    fn partition(&self, kind: char, letter: u8) -> String {
        let letter = match self.slot {
            Slot::A => letter,
            Slot::B => letter.to_ascii_uppercase(),
        };
        format!("{}{kind}{}", self.campaign, char::from(letter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ResourceKind, Scope};
    use std::collections::HashSet;

    fn shelf(name: &str, slot: Slot) -> ShelfId {
        let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
        ShelfId::of(Shelf::new(&scope.arn(ResourceKind::Campaign, name), slot))
    }

    fn texts(key: &HashMap<String, AttributeValue>) -> [String; 2] {
        ["v", "k"].map(|name| key[name].as_s().expect("a string").clone())
    }

    #[test]
    fn a_key_is_what_it_was_when_the_first_table_was_written() {
        let key = shelf("films", Slot::A).row_key(&ListKey::User("1"));
        assert_eq!(texts(&key), ["mqjgabLTup", "1"]);
        let key = shelf("films", Slot::B).row_key(&ListKey::User("1"));
        assert_eq!(texts(&key), ["mqjgabLTuP", "1"]);
    }

    #[test]
    fn campaigns_slots_kinds_and_ids_have_rows_of_their_own() {
        let (mut rows, mut partitions) = (HashSet::new(), HashSet::new());
        for (campaign, slot) in ["films", "books"].into_iter().flat_map(|c| Slot::ALL.map(|slot| (c, slot))) {
            let shelf = shelf(campaign, slot);
            assert!(shelf.partitions().all(|partition| partitions.insert(partition)));
            for id in (0..500).map(|n| n.to_string()).chain([COLD_ID.to_owned()]) {
                assert!(rows.insert(texts(&shelf.row_key(&ListKey::User(&id)))), "{campaign} {slot:?} {id}");
                assert!(rows.insert(texts(&shelf.row_key(&ListKey::Item(&id)))), "{campaign} {slot:?} {id}");
            }
            assert!(rows.insert(texts(&shelf.row_key(&ListKey::Cold))));
        }
        assert_eq!(rows.len(), 4 * (2 * 501 + 1));
    }

    #[test]
    fn every_key_lies_in_one_of_the_partitions_that_a_delete_visits() {
        for id in Slot::ALL.map(|slot| shelf("films", slot)) {
            let partitions: Vec<String> = id.partitions().collect();
            let mut used = HashSet::new();
            for n in 0..500 {
                let name = n.to_string();
                for key in [ListKey::User(&name), ListKey::Item(&name), ListKey::Cold] {
                    let [partition, _] = texts(&id.row_key(&key));
                    assert!(partitions.contains(&partition), "{partition}");
                    assert_eq!(partition.len(), PARTITION_BYTES);
                    used.insert(partition);
                }
            }
            assert_eq!(used.len(), 2 * SHARDS as usize + 1, "users and items use all shards");
        }
    }
}
