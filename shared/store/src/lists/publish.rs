//! Writing many lists at once.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, DeleteRequest, PutRequest, ReturnConsumedCapacity, WriteRequest,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::LIST;
use super::codec::{EncodeError, StoredList};
use super::key::ListKey;
use super::shelf::{COLD_ID, PARTITION_BYTES, ShelfId};
use super::stamp::{STAMP, STAMP_BYTES, Stamp};
use crate::backoff::full_jitter;
use crate::error::StoreError;
use crate::sent::Sent;
use crate::tables::RECOMMENDATIONS;

/// Most requests in one BatchWriteItem (DynamoDB API reference).
const BATCH: usize = 25;
/// Batches in flight.
const CONCURRENCY: usize = 8;
/// What one write unit covers (DynamoDB developer guide, "Write capacity units").
const WRITE_UNIT_BYTES: usize = 1024;
/// See [`super::Lists::with_attempts`].
pub(crate) const ATTEMPTS_DEFAULT: u32 = 14;

/// Where batches go.
#[derive(Clone, Copy)]
pub(crate) struct Writer<'a> {
    pub client: &'a Client,
    pub table: &'a str,
    pub attempts: u32,
}

/// A list that is ready to be written. Encoding is the caller's, so that it can be done on the
/// threads that computed the list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRow {
    key: OwnedKey,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum OwnedKey {
    User(String),
    Item(String),
    Cold,
}

impl OwnedKey {
    fn borrow(&self) -> ListKey<'_> {
        match self {
            Self::User(id) => ListKey::User(id),
            Self::Item(id) => ListKey::Item(id),
            Self::Cold => ListKey::Cold,
        }
    }
}

impl ListRow {
    /// Encodes a list.
    pub fn new(key: ListKey<'_>, list: &StoredList) -> Result<Self, EncodeError> {
        let key = match key {
            ListKey::User(id) => OwnedKey::User(id.to_owned()),
            ListKey::Item(id) => OwnedKey::Item(id.to_owned()),
            ListKey::Cold => OwnedKey::Cold,
        };
        Ok(Self { key, bytes: list.encode()? })
    }

    /// What the row weighs in DynamoDB: the names and the values of its attributes.
    pub fn size(&self) -> usize {
        let id = match self.key.borrow() {
            ListKey::User(id) | ListKey::Item(id) => id.len(),
            ListKey::Cold => COLD_ID.len(),
        };
        let names = RECOMMENDATIONS.hash.len() + RECOMMENDATIONS.range.len() + STAMP.len() + LIST.len();
        names + PARTITION_BYTES + id + STAMP_BYTES + self.bytes.len()
    }

    /// Fewest write units that writing the row can cost.
    pub fn write_units(&self) -> u64 {
        self.size().div_ceil(WRITE_UNIT_BYTES) as u64
    }
}

/// What a publish did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Published {
    /// Lists written.
    pub written: u64,
    /// Write units that DynamoDB says it charged. Replacing a larger list costs that one's size.
    pub write_units: f64,
}

pub(super) async fn publish(
    writer: Writer<'_>,
    shelf: ShelfId,
    stamp: Stamp,
    rows: impl Stream<Item = ListRow>,
    mut written: impl FnMut(u64),
) -> Result<Published, StoreError> {
    let shelf = &shelf;
    let batches = rows.chunks(BATCH).map(|rows| {
        // DynamoDB refuses a batch that names a key twice.
        let rows: HashMap<OwnedKey, Vec<u8>> = rows.into_iter().map(|row| (row.key, row.bytes)).collect();
        let count = rows.len() as u64;
        let requests = rows.into_iter().map(|(key, bytes)| {
            let mut item = shelf.row_key(&key.borrow());
            item.insert(STAMP.to_owned(), stamp.to_attribute());
            item.insert(LIST.to_owned(), AttributeValue::B(Blob::new(bytes)));
            let put = PutRequest::builder().set_item(Some(item)).build().expect("the item is set");
            WriteRequest::builder().put_request(put).build()
        });
        let requests: Vec<WriteRequest> = requests.collect();
        async move { writer.write(requests).await.map(|units| (count, units)) }
    });
    let mut done = pin!(batches.buffer_unordered(CONCURRENCY));
    let mut total = Published::default();
    while let Some((count, units)) = done.try_next().await? {
        total.written += count;
        total.write_units += units;
        written(total.written);
    }
    Ok(total)
}

/// Deletes rows by their keys.
pub(crate) async fn delete(
    writer: Writer<'_>,
    keys: Vec<HashMap<String, AttributeValue>>,
) -> Result<(), StoreError> {
    let requests = keys.into_iter().map(|key| {
        let delete = DeleteRequest::builder().set_key(Some(key)).build().expect("the key is set");
        WriteRequest::builder().delete_request(delete).build()
    });
    let requests: Vec<WriteRequest> = requests.collect();
    // Owned before they are mapped: a future that borrows its batch would not be `Send`.
    let batches: Vec<Vec<WriteRequest>> = requests.chunks(BATCH).map(<[_]>::to_vec).collect();
    stream::iter(batches.into_iter().map(|batch| writer.write(batch)))
        .buffer_unordered(CONCURRENCY)
        .try_for_each(|_| async { Ok(()) })
        .await
}

impl Writer<'_> {
    /// Writes a batch until all of it is written, and answers with the write units that it cost.
    ///
    /// Only what DynamoDB did not take is sent again, so a throttled publish costs the units of a
    /// quiet one.
    async fn write(self, mut requests: Vec<WriteRequest>) -> Result<f64, StoreError> {
        let mut units = 0.0;
        for attempt in 0..self.attempts {
            if attempt > 0 {
                let wait = full_jitter(attempt, Duration::from_millis(25), Duration::from_secs(10));
                tokio::time::sleep(wait).await;
            }
            let batch = self.client.batch_write_item().request_items(self.table, requests.clone());
            let answer = match batch.return_consumed_capacity(ReturnConsumedCapacity::Total).sent().await {
                Ok(answer) => answer,
                Err(error) if throttled(&error) => continue,
                Err(error) => {
                    let batch = format!("a batch of {} rows", requests.len());
                    return Err(StoreError::call("write", self.table, batch, error));
                }
            };
            units += answer.consumed_capacity().iter().filter_map(|c| c.capacity_units).sum::<f64>();
            requests =
                answer.unprocessed_items.and_then(|mut tables| tables.remove(self.table)).unwrap_or_default();
            if requests.is_empty() {
                return Ok(units);
            }
        }
        let (table, attempts) = (self.table.to_owned(), self.attempts);
        Err(StoreError::Unprocessed { table, rows: requests.len(), attempts })
    }
}

/// Whether DynamoDB took nothing of a batch for want of throughput: with room for part of it, it
/// answers with the rest as unprocessed; without any, with one of these errors.
fn throttled(error: &SdkError<BatchWriteItemError>) -> bool {
    const CODES: [&str; 3] =
        ["ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"];
    let code = error.as_service_error().and_then(|e| e.meta().code());
    code.is_some_and(|code| CODES.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores that fall by a factor of e^`steepness` over the list.
    fn scored(items: usize, steepness: f32) -> StoredList {
        StoredList {
            items: (0..items).map(|i| format!("{:08}", i * 7_919)).collect(),
            scores: (0..items).map(|i| 0.04 * (-(i as f32) * steepness / items as f32).exp()).collect(),
        }
    }

    #[test]
    fn a_hundred_scored_ids_of_eight_characters_cost_one_write_unit() {
        // Flat, as a softmax over MovieLens, and one whose last item is ten million times less likely.
        for steepness in [0.0, 6.2, 16.0] {
            for user in ["1", "00000001", "0b9cb7f0-6d3c-4a5e-9e0f-6a1f6f0c2d11"] {
                let row = ListRow::new(ListKey::User(user), &scored(100, steepness)).expect("a list");
                assert!(row.size() <= WRITE_UNIT_BYTES, "{steepness} {user}: {} bytes", row.size());
                assert_eq!(row.write_units(), 1);
            }
        }
        // Even scores that fall as steeply as can be kept fit beside a short id.
        let row = ListRow::new(ListKey::User("123"), &scored(100, 69.0)).expect("a list");
        assert!(row.size() <= WRITE_UNIT_BYTES, "{} bytes", row.size());
    }

    #[test]
    fn what_does_not_fit_costs_more() {
        let row = ListRow::new(ListKey::Cold, &scored(500, 6.2)).expect("a list");
        assert_eq!((row.size().div_ceil(1024), row.write_units()), (5, 5));
    }

    #[test]
    fn the_size_is_that_of_the_row_that_is_written() {
        let scope = domain::Scope { region: "us-east-1".into(), account: "000000000000".into() };
        let campaign = scope.arn(domain::ResourceKind::Campaign, "films");
        let shelf = ShelfId::of(super::super::Shelf::new(&campaign, domain::Slot::B));
        for key in [ListKey::User("somebody"), ListKey::Item("ö"), ListKey::Cold] {
            let row = ListRow::new(key, &scored(7, 1.0)).expect("a list");
            let texts: usize = shelf
                .row_key(&key)
                .iter()
                .map(|(name, value)| name.len() + value.as_s().expect("a string").len())
                .sum();
            assert_eq!(row.size(), texts + STAMP.len() + STAMP_BYTES + LIST.len() + row.bytes.len(), "{key}");
        }
    }
}
