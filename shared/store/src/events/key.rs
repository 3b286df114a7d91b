//! Where rows of the live layer lie in the table.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Arn;
use domain::resource::DatasetType;

use super::row::Row;
use crate::lists::key::hash;
use crate::tables::EVENTS;

/// Partitions of a dataset. One takes 1,000 writes a second.
const SHARDS: u64 = 16;
/// How many partitions a dataset has.
pub const PARTITIONS: usize = SHARDS as usize;
/// A sort key may have 1,024 bytes, which the ids of a user and an event can exceed together.
const ID_BYTES_MAX: usize = 480;

/// What a row of a user is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sort<'a> {
    /// The event of this id.
    Event(&'a str),
    /// Whose session it is.
    Tie,
}

/// `<group>/<TYPE>/<shard>`. Names of groups hold no slash.
pub(super) fn partition(group: &Arn, dataset: DatasetType, id: &str) -> String {
    shard(group, dataset, hash(id) % SHARDS)
}

/// All partitions of a dataset.
pub(super) fn partitions(group: &Arn, dataset: DatasetType) -> impl Iterator<Item = String> {
    (0..SHARDS).map(move |number| shard(group, dataset, number))
}

fn shard(group: &Arn, dataset: DatasetType, number: u64) -> String {
    format!("{}/{}/{number:x}", group.tail(), dataset.as_str())
}

/// What the sort keys of the rows of a user or session begin with. The length says where the id ends, so
/// no id is the beginning of another's. A user and a session of the same id are one and the same, as they
/// are in trainings and answers: clients that know nobody send the session as the user.
pub(super) fn prefix(id: &str) -> String {
    let id = short(id);
    format!("{}:{id}/", id.len())
}

pub(super) fn row_key(group: &Arn, dataset: DatasetType, id: &str, sort: Sort<'_>) -> Row {
    let rest = match sort {
        Sort::Event(id) => format!("e{}", short(id)),
        Sort::Tie => "t".to_owned(),
    };
    let partition = partition(group, dataset, id);
    keyed(partition, format!("{}{rest}", prefix(id)))
}

pub(super) fn record_key(group: &Arn, dataset: DatasetType, id: &str) -> Row {
    keyed(partition(group, dataset, id), short(id))
}

fn keyed(partition: String, sort: String) -> Row {
    Row::from([
        (EVENTS.hash.to_owned(), AttributeValue::S(partition)),
        (EVENTS.range.to_owned(), AttributeValue::S(sort)),
    ])
}

/// The key of a row that was read.
pub(super) fn only(mut row: Row) -> Row {
    row.retain(|name, _| name == EVENTS.hash || name == EVENTS.range);
    row
}

/// A row's key for messages.
pub(super) fn name(row: &Row) -> String {
    let part = |name: &str| row.get(name).and_then(|a| a.as_s().ok()).map_or("?", String::as_str).to_owned();
    format!("{} {}", part(EVENTS.hash), part(EVENTS.range))
}

/// The id, or its beginning and a hash of 128 bits where it is too long for a key.
fn short(id: &str) -> String {
    if id.len() <= ID_BYTES_MAX {
        return id.to_owned();
    }
    let mut end = ID_BYTES_MAX - 40;
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}#{:016x}{:016x}", &id[..end], hash(id), hash(&format!("{id}#")))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use domain::{ResourceKind, Scope};

    use super::*;

    #[test]
    fn no_two_users_or_events_share_a_key() {
        let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
        let group = scope.arn(ResourceKind::DatasetGroup, "films");
        let long = "お".repeat(256);
        let longer = format!("{}ん", "お".repeat(255));
        let ids = ["1", "1/", "11", "1:1/e1", "/", &long, &longer];
        let mut keys = HashSet::new();
        for id in ids {
            for event in ids {
                let key = row_key(&group, DatasetType::Interactions, id, Sort::Event(event));
                assert!(key[EVENTS.range].as_s().unwrap().len() <= 1_024);
                assert!(keys.insert(name(&key)), "{id} {event}");
            }
            assert!(keys.insert(name(&row_key(&group, DatasetType::Interactions, id, Sort::Tie))));
        }
    }

    #[test]
    fn a_key_is_what_it_was_when_the_first_table_was_written() {
        let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
        let group = scope.arn(ResourceKind::DatasetGroup, "films");
        let key = row_key(&group, DatasetType::Interactions, "42", Sort::Event("e-1"));
        assert_eq!(name(&key), format!("films/INTERACTIONS/{:x} 2:42/ee-1", hash("42") % 16));
        assert_eq!(hash("42") % 16, 2);
    }
}
