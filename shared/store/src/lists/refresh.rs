//! Writing one list anew, because its user did something.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Arn, EpochMillis};

use super::shelf::ShelfId;
use super::stamp::{STAMP, Stamp};
use super::{EVENTS, LIST, ListKey, Lists, Shelf, StoredList};
use crate::error::StoreError;
use crate::sent::Sent;
use crate::tables::RECOMMENDATIONS;

/// One list that follows from more events than the one before it.
#[derive(Clone, Copy, Debug)]
pub struct Refresh<'a> {
    /// The version that computed it.
    pub version: &'a Arn,
    /// Whose list it is.
    pub key: ListKey<'a>,
    /// The list.
    pub list: &'a StoredList,
    /// Events of the user that it follows from.
    pub events: u64,
    /// When it may go, for sessions without a user.
    pub expires: Option<EpochMillis>,
}

impl Lists {
    /// Writes a list over the one that is there, unless that one is of the same version and follows from
    /// more events. Answers with whether it was written.
    ///
    /// A user's events only become more, so of two processes that score the same user at the same time
    /// the one that has seen less loses, whichever writes last. What a deployment publishes says nothing
    /// of events and gives way; a list of another version counts as absent.
    pub async fn refresh(&self, shelf: Shelf<'_>, refresh: Refresh<'_>) -> Result<bool, StoreError> {
        let Refresh { version, key, list, events, expires } = refresh;
        let name = || format!("{shelf} {key}");
        let bytes = list.encode().map_err(|error| StoreError::call("encode", &self.table, name(), error))?;
        let mut row = ShelfId::of(shelf).row_key(&key);
        row.insert(STAMP.to_owned(), Stamp::of(version).to_attribute());
        row.insert(LIST.to_owned(), AttributeValue::B(Blob::new(bytes)));
        row.insert(EVENTS.to_owned(), AttributeValue::N(events.to_string()));
        if let (Some(at), Some(attribute)) = (expires, RECOMMENDATIONS.ttl) {
            row.insert(attribute.to_owned(), AttributeValue::N(at.0.div_euclid(1000).to_string()));
        }
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(#e) OR #e <= :e OR #s <> :s")
            .expression_attribute_names("#e", EVENTS)
            .expression_attribute_names("#s", STAMP)
            .expression_attribute_values(":e", AttributeValue::N(events.to_string()))
            .expression_attribute_values(":s", Stamp::of(version).to_attribute());
        match put.sent().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(StoreError::call("write", &self.table, name(), error)),
        }
    }
}
