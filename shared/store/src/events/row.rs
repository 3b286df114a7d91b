//! How events, ties and records become rows, and back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::event::{Event, Record};
use domain::resource::DatasetType;
use domain::{Arn, EpochMillis};

use super::key::{self, Sort};
use super::{Told, Who};
use crate::error::StoreError;
use crate::tables::EVENTS;

/// Attribute of whose row it is, whole where the key has it shortened.
const OWNER: &str = "u";
/// Attribute of an event or a record, as JSON.
const BODY: &str = "d";
/// Attribute of the events of a session whose user was not known.
const ANONYMOUS: &str = "a";
/// Attribute of the user that a session is tied to.
const TIED: &str = "t";

pub(super) type Row = HashMap<String, AttributeValue>;

pub(super) fn of_event(
    group: &Arn,
    dataset: DatasetType,
    who: Who<'_>,
    event: &Event,
    expires: Option<EpochMillis>,
) -> Row {
    let mut row = key::row_key(group, dataset, who.id(), Sort::Event(&event.id));
    row.insert(OWNER.to_owned(), text(who.id()));
    row.insert(BODY.to_owned(), json(event));
    if matches!(who, Who::Session(_)) {
        row.insert(ANONYMOUS.to_owned(), AttributeValue::Bool(true));
    }
    expire(&mut row, expires);
    row
}

pub(super) fn of_tie(
    group: &Arn,
    dataset: DatasetType,
    session: &str,
    user: &str,
    expires: EpochMillis,
) -> Row {
    let mut row = key::row_key(group, dataset, session, Sort::Tie);
    row.insert(OWNER.to_owned(), text(session));
    row.insert(TIED.to_owned(), text(user));
    expire(&mut row, Some(expires));
    row
}

pub(super) fn of_record(group: &Arn, dataset: DatasetType, record: &Record) -> Row {
    let mut row = key::record_key(group, dataset, &record.id);
    row.insert(BODY.to_owned(), json(record));
    row
}

/// The event of a row; nothing where the row is a tie.
pub(super) fn told(table: &str, row: &Row) -> Result<Option<Told>, StoreError> {
    if row.contains_key(TIED) {
        return Ok(None);
    }
    let user = owner(row).ok_or_else(|| corrupt(table, row, OWNER))?;
    let event = body(table, row)?;
    Ok(Some(Told { user: user.to_owned(), anonymous: row.contains_key(ANONYMOUS), event }))
}

/// Whose row it is.
pub(super) fn owner(row: &Row) -> Option<&str> {
    row.get(OWNER)?.as_s().ok().map(String::as_str)
}

/// The user that a tie names.
pub(super) fn tied(row: &Row) -> Option<String> {
    row.get(TIED)?.as_s().ok().cloned()
}

pub(super) fn record(table: &str, row: &Row) -> Result<Record, StoreError> {
    body(table, row)
}

/// The epoch second after which a row counts as gone.
pub(super) fn expires(row: &Row) -> Option<i64> {
    row.get(EVENTS.ttl?)?.as_n().ok()?.parse().ok()
}

fn expire(row: &mut Row, at: Option<EpochMillis>) {
    if let (Some(at), Some(attribute)) = (at, EVENTS.ttl) {
        row.insert(attribute.to_owned(), AttributeValue::N(at.0.div_euclid(1000).to_string()));
    }
}

fn body<T: serde::de::DeserializeOwned>(table: &str, row: &Row) -> Result<T, StoreError> {
    let json = row.get(BODY).and_then(|a| a.as_s().ok()).ok_or_else(|| corrupt(table, row, BODY))?;
    serde_json::from_str(json).map_err(|error| StoreError::Corrupt {
        key: key::name(row),
        table: table.to_owned(),
        problem: format!("attribute '{BODY}' is not what belongs there"),
        cause: Some(error.into()),
    })
}

fn corrupt(table: &str, row: &Row, attribute: &str) -> StoreError {
    let problem = format!("attribute '{attribute}' is missing or of another type");
    StoreError::corrupt(table, key::name(row), problem)
}

fn json(value: &impl serde::Serialize) -> AttributeValue {
    text(serde_json::to_string(value).expect("string keys and finite numbers"))
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}
