//! Precomputed recommendation lists: one row for each user or item of a solution version.

mod codec;
mod key;
mod publish;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Arn;
use futures::Stream;

pub use self::codec::{DecodeError, EncodeError, SCORE_RELATIVE_ERROR_MAX, StoredList};
pub use self::key::ListKey;
pub use self::publish::{ListRow, Published};

use self::key::VersionId;
use crate::error::StoreError;
use crate::tables::RECOMMENDATIONS;

/// Attribute of an encoded list. One letter, because attribute names count towards the 1 KiB that
/// one write unit covers.
const LIST: &str = "l";

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

    /// Reads one list with exactly one GetItem.
    ///
    /// The read is eventually consistent, at half the price: a version's lists are written before a
    /// campaign points at it, and are not changed afterwards.
    pub async fn get(&self, version: &Arn, key: &ListKey<'_>) -> Result<Option<StoredList>, StoreError> {
        let got = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(VersionId::of(version).row_key(key)))
            .send()
            .await
            .map_err(|e| StoreError::call("read", &self.table, format!("{version} {key}"), e))?;
        let Some(mut row) = got.item else { return Ok(None) };
        let Some(AttributeValue::B(bytes)) = row.remove(LIST) else {
            let problem = format!("attribute '{LIST}' is missing or not binary");
            return Err(StoreError::corrupt(&self.table, format!("{version} {key}"), problem));
        };
        let list = StoredList::decode(bytes.as_ref()).map_err(|error| StoreError::Corrupt {
            key: format!("{version} {key}"),
            table: self.table.clone(),
            problem: format!("attribute '{LIST}' is not a list"),
            cause: Some(error.into()),
        })?;
        Ok(Some(list))
    }

    /// Writes the lists of a version and answers with how many were written and what it cost.
    /// `written` is told the running total after each batch.
    ///
    /// Batches of 25 go out eight at a time; what DynamoDB leaves unprocessed, or refuses for want
    /// of throughput, is sent again after a growing, jittered pause. Writing a list again replaces it, so a publish that was cut off is
    /// simply repeated. Keys are meant to be distinct: of rows with the same key any one may win.
    pub async fn publish(
        &self,
        version: &Arn,
        rows: impl Stream<Item = ListRow>,
        written: impl FnMut(u64),
    ) -> Result<Published, StoreError> {
        publish::publish(self.writer(), VersionId::of(version), rows, written).await
    }

    /// Removes every list of a version and answers with how many there were.
    pub async fn delete_version(&self, version: &Arn) -> Result<u64, StoreError> {
        let id = VersionId::of(version);
        let mut deleted = 0;
        for partition in id.partitions() {
            deleted += self.delete_partition(&partition).await?;
        }
        Ok(deleted)
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
                .send()
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
