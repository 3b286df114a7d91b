//! Writing many lists at once.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, PutRequest, WriteRequest};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::LIST;
use super::codec::{EncodeError, StoredList};
use super::key::{ListKey, VersionId};
use crate::backoff::full_jitter;
use crate::error::StoreError;

/// Most requests in one BatchWriteItem (DynamoDB API reference).
const BATCH: usize = 25;
/// Batches in flight.
const CONCURRENCY: usize = 8;
/// See [`super::Lists::with_attempts`].
pub(super) const ATTEMPTS_DEFAULT: u32 = 14;

/// Where batches go.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
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
}

pub(super) async fn publish(
    writer: Writer<'_>,
    version: VersionId,
    rows: impl Stream<Item = ListRow>,
    mut written: impl FnMut(u64),
) -> Result<u64, StoreError> {
    let version = &version;
    let batches = rows.chunks(BATCH).map(|rows| {
        // DynamoDB refuses a batch that names a key twice.
        let rows: HashMap<OwnedKey, Vec<u8>> = rows.into_iter().map(|row| (row.key, row.bytes)).collect();
        let count = rows.len() as u64;
        let requests = rows.into_iter().map(|(key, bytes)| {
            let mut item = version.row_key(&key.borrow());
            item.insert(LIST.to_owned(), AttributeValue::B(Blob::new(bytes)));
            let put = PutRequest::builder().set_item(Some(item)).build().expect("the item is set");
            WriteRequest::builder().put_request(put).build()
        });
        let requests: Vec<WriteRequest> = requests.collect();
        async move { writer.write(requests).await.map(|()| count) }
    });
    let mut done = pin!(batches.buffer_unordered(CONCURRENCY));
    let mut total = 0;
    while let Some(count) = done.try_next().await? {
        total += count;
        written(total);
    }
    Ok(total)
}

/// Deletes rows by their keys.
pub(super) async fn delete(
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
        .try_collect::<()>()
        .await
}

impl Writer<'_> {
    async fn write(self, mut requests: Vec<WriteRequest>) -> Result<(), StoreError> {
        for attempt in 0..self.attempts {
            if attempt > 0 {
                let wait = full_jitter(attempt, Duration::from_millis(25), Duration::from_secs(10));
                tokio::time::sleep(wait).await;
            }
            let sent = requests.len();
            let batch = self.client.batch_write_item().request_items(self.table, requests);
            let answer = batch
                .send()
                .await
                .map_err(|e| StoreError::call("write", self.table, format!("a batch of {sent} rows"), e))?;
            requests =
                answer.unprocessed_items.and_then(|mut tables| tables.remove(self.table)).unwrap_or_default();
            if requests.is_empty() {
                return Ok(());
            }
        }
        let (table, attempts) = (self.table.to_owned(), self.attempts);
        Err(StoreError::Unprocessed { table, rows: requests.len(), attempts })
    }
}
