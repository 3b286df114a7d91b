//! Precomputed recommendation lists: one row for each user or item in a slot of a campaign.
//!
//! A [`Shelf`] is where lists lie, and each row is stamped with the version that it belongs to. The next
//! version writes over the slot that does not serve; a row that it leaves out keeps its old stamp and
//! counts as absent.

mod codec;
pub(crate) mod key;
pub(crate) mod publish;
mod refresh;
mod shelf;
mod stamp;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::Arn;
use futures::{Stream, StreamExt, TryStreamExt, stream};

pub use self::codec::{DecodeError, EncodeError, SCORE_RELATIVE_ERROR_MAX, StoredList};
pub use self::key::ListKey;
pub use self::publish::{ListRow, Published};
pub use self::refresh::Refresh;
pub use self::shelf::Shelf;

use self::shelf::ShelfId;
use self::stamp::{STAMP, Stamp};
use crate::error::StoreError;
use crate::sent::Sent;
use crate::tables::RECOMMENDATIONS;

/// Attribute of the number of events behind a list that was written after its deployment.
const EVENTS: &str = "e";
/// Attribute of an encoded list. One letter, because attribute names count towards the 1 KiB that
/// one write unit covers.
const LIST: &str = "l";

/// Lists that are removed one by one at a time.
const DELETES_AT_ONCE: usize = 16;

/// What a shelf has for a version and a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// The version's list.
    List(StoredList),
    /// A list of another version: the version has none for this key, or it is not on this shelf, or no
    /// longer.
    OtherVersion,
    /// No list at all.
    Nothing,
}

impl Found {
    /// The version's list, if there is one.
    pub fn list(self) -> Option<StoredList> {
        match self {
            Self::List(list) => Some(list),
            Self::OtherVersion | Self::Nothing => None,
        }
    }
}

/// The table of lists. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lists {
    client: Client,
    table: String,
    attempts: u32,
}

impl Lists {
    /// Uses the table of that whole name.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), attempts: publish::ATTEMPTS_DEFAULT }
    }

    /// Sends a batch at most that often while DynamoDB has no throughput for rows of it. The default,
    /// fourteen, waits about half a minute in all.
    pub fn with_attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// Reads the list that a version has on a shelf, with exactly one GetItem.
    ///
    /// The read is eventually consistent, at half the price: all of a version's lists are written
    /// before a campaign points at them. Just after that it may still see what the row held before,
    /// which is then [`Found::OtherVersion`] or [`Found::Nothing`], and never another version's list.
    pub async fn get(&self, shelf: Shelf<'_>, version: &Arn, key: &ListKey<'_>) -> Result<Found, StoreError> {
        self.read(shelf, version, key, false).await
    }

    /// The same with everything that was written before the call, at twice the price.
    pub async fn get_latest(
        &self,
        shelf: Shelf<'_>,
        version: &Arn,
        key: &ListKey<'_>,
    ) -> Result<Found, StoreError> {
        self.read(shelf, version, key, true).await
    }

    async fn read(
        &self,
        shelf: Shelf<'_>,
        version: &Arn,
        key: &ListKey<'_>,
        consistent: bool,
    ) -> Result<Found, StoreError> {
        let got = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(ShelfId::of(shelf).row_key(key)))
            .consistent_read(consistent)
            .sent()
            .await
            .map_err(|e| StoreError::call("read", &self.table, format!("{shelf} {key}"), e))?;
        let Some(row) = got.item else { return Ok(Found::Nothing) };
        let corrupt = |problem: String| StoreError::corrupt(&self.table, format!("{shelf} {key}"), problem);
        let stamp = row.get(STAMP).and_then(Stamp::from_attribute);
        let stamp = stamp.ok_or_else(|| corrupt(format!("attribute '{STAMP}' is missing or no stamp")))?;
        if stamp != Stamp::of(version) {
            return Ok(Found::OtherVersion);
        }
        let Some(AttributeValue::B(bytes)) = row.get(LIST) else {
            return Err(corrupt(format!("attribute '{LIST}' is missing or not binary")));
        };
        let list = StoredList::decode(bytes.as_ref()).map_err(|error| StoreError::Corrupt {
            key: format!("{shelf} {key}"),
            table: self.table.clone(),
            problem: format!("attribute '{LIST}' is not a list"),
            cause: Some(error.into()),
        })?;
        Ok(Found::List(list))
    }

    /// Writes the lists of a version to a shelf, over what is there, and answers with how many were
    /// written and what it cost. `written` is told the running total after each batch.
    ///
    /// Batches of 25 go out eight at a time; what DynamoDB leaves unprocessed, or refuses for want of
    /// throughput, is sent again after a growing, jittered pause. A publish that was cut off is simply
    /// repeated. Rows of the shelf that are not written over keep their stamp, so that nobody who asks
    /// for this version finds them. Keys are meant to be distinct: of rows with the same key any one
    /// may win.
    pub async fn publish(
        &self,
        shelf: Shelf<'_>,
        version: &Arn,
        rows: impl Stream<Item = ListRow>,
        written: impl FnMut(u64),
    ) -> Result<Published, StoreError> {
        publish::publish(self.writer(), ShelfId::of(shelf), Stamp::of(version), rows, written).await
    }

    /// Removes every list of a shelf, of whatever version, and answers with how many there were.
    pub async fn delete(&self, shelf: Shelf<'_>) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for partition in ShelfId::of(shelf).partitions() {
            deleted += self.delete_partition(&partition).await?;
        }
        Ok(deleted)
    }

    /// Removes the lists of some users from a shelf, of whatever version, and answers with how many there
    /// were.
    pub async fn forget(&self, shelf: Shelf<'_>, users: &[String]) -> Result<u64, StoreError> {
        let id = ShelfId::of(shelf);
        let keys: Vec<_> = users.iter().map(|user| id.row_key(&ListKey::User(user))).collect();
        stream::iter(keys)
            .map(|key| async move {
                // One by one, because only so does DynamoDB tell what there was.
                let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key));
                let deleted = delete.return_values(ReturnValue::AllOld).sent().await;
                let deleted =
                    deleted.map_err(|e| StoreError::call("delete", &self.table, shelf.to_string(), e))?;
                Ok(u64::from(deleted.attributes.is_some_and(|row| !row.is_empty())))
            })
            .buffer_unordered(DELETES_AT_ONCE)
            .try_fold(0, |sum, one| async move { Ok(sum + one) })
            .await
    }

    fn writer(&self) -> publish::Writer<'_> {
        publish::Writer { client: &self.client, table: &self.table, attempts: self.attempts }
    }

    async fn delete_partition(&self, partition: &str) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            // What was listed is deleted before the next Query, so each one starts at the beginning.
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("#v = :v")
                .projection_expression("#v, #k")
                .expression_attribute_names("#v", RECOMMENDATIONS.hash)
                .expression_attribute_names("#k", RECOMMENDATIONS.range)
                .expression_attribute_values(":v", AttributeValue::S(partition.to_owned()))
                .sent()
                .await
                .map_err(|e| StoreError::call("list", &self.table, partition, e))?;
            let keys = page.items.unwrap_or_default();
            deleted += keys.len() as u64;
            let last = page.last_evaluated_key.is_none();
            publish::delete(self.writer(), keys).await?;
            if last {
                return Ok(deleted);
            }
        }
    }
}
