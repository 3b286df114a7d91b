//! Lists of resources: one Query on an index for each page.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::query::{QueryError, QueryOutput};
use aws_sdk_dynamodb::types::Select;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Arn, Resource, ResourceKind};

use super::row::{self, Row};
use crate::error::StoreError;
use crate::sent::Sent;
use crate::tables::{BY_CREATION, BY_PARENT, LocalIndex, RESOURCES, UNFINISHED};

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// The resources of this page.
    pub resources: Vec<Resource>,
    /// What to pass to get the next page; nothing when this was the last one.
    pub next: Option<String>,
}

/// A list of one kind, optionally of one parent.
pub(super) struct Query<'a> {
    client: &'a Client,
    table: &'a str,
    kind: ResourceKind,
    index: LocalIndex,
    /// What the index's sort keys start with; empty for all.
    prefix: String,
}

impl<'a> Query<'a> {
    pub(super) fn new(client: &'a Client, table: &'a str, kind: ResourceKind, parent: Option<&Arn>) -> Self {
        let (index, prefix) = match parent {
            Some(parent) => (BY_PARENT, row::parent_prefix(parent)),
            None => (BY_CREATION, String::new()),
        };
        Self { client, table, kind, index, prefix }
    }

    pub(super) fn unfinished(client: &'a Client, table: &'a str, kind: ResourceKind) -> Self {
        Self { client, table, kind, index: UNFINISHED, prefix: String::new() }
    }

    pub(super) async fn page(&self, limit: usize, after: Option<&str>) -> Result<Listing, StoreError> {
        let mut start = after.map(|token| self.start_after(token)).transpose()?;
        // One row more than asked for tells whether there is a next page; DynamoDB's own last key
        // would also be given when nothing follows, and callers would fetch an empty page.
        let wanted = limit.max(1) + 1;
        let mut rows = Vec::new();
        loop {
            let limit = i32::try_from(wanted - rows.len()).unwrap_or(i32::MAX);
            let page = self.send(Some(limit), start).await?;
            rows.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if rows.len() >= wanted || start.is_none() {
                break;
            }
        }
        let more = rows.len() >= wanted;
        rows.truncate(wanted - 1);
        let next = match rows.last() {
            Some(last) if more => Some(self.token(last)?),
            _ => None,
        };
        Ok(Listing { resources: self.decode(&rows)?, next })
    }

    pub(super) async fn all(&self) -> Result<Vec<Resource>, StoreError> {
        let mut resources = Vec::new();
        let mut start = None;
        loop {
            let page = self.send(None, start).await?;
            resources.extend(self.decode(page.items())?);
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(resources);
            }
        }
    }

    /// How many there are, without reading them into this process.
    pub(super) async fn count(&self) -> Result<usize, StoreError> {
        let (mut there, mut start) = (0, None);
        loop {
            let page = self.request(None, start).select(Select::Count);
            let page = page.sent().await.map_err(|e| self.failed(e))?;
            there += usize::try_from(page.count).unwrap_or(0);
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(there);
            }
        }
    }

    async fn send(&self, limit: Option<i32>, start: Option<Row>) -> Result<QueryOutput, StoreError> {
        // A row keeps the same again in the attributes that the indexes sort by; they are not asked for.
        let page = self
            .request(limit, start)
            .projection_expression("#arn, #resource, #tags, #revision, #position")
            .expression_attribute_names("#arn", RESOURCES.range)
            .expression_attribute_names("#resource", row::RESOURCE)
            .expression_attribute_names("#tags", row::TAGS)
            .expression_attribute_names("#revision", row::REVISION)
            .expression_attribute_names("#position", self.index.range);
        page.sent().await.map_err(|e| self.failed(e))
    }

    fn failed(&self, cause: SdkError<QueryError>) -> StoreError {
        let key = format!("{} {}* (index {})", row::partition(self.kind), self.prefix, self.index.name);
        StoreError::call("list", self.table, key, cause)
    }

    fn request(&self, limit: Option<i32>, start: Option<Row>) -> QueryFluentBuilder {
        let query = self
            .client
            .query()
            .table_name(self.table)
            .index_name(self.index.name)
            .consistent_read(true)
            .expression_attribute_names("#kind", RESOURCES.hash)
            .expression_attribute_values(":kind", row::text(row::partition(self.kind)))
            .set_limit(limit)
            .set_exclusive_start_key(start);
        if self.prefix.is_empty() {
            query.key_condition_expression("#kind = :kind")
        } else {
            query
                .key_condition_expression("#kind = :kind AND begins_with(#position, :prefix)")
                .expression_attribute_names("#position", self.index.range)
                .expression_attribute_values(":prefix", row::text(&self.prefix))
        }
    }

    fn decode(&self, rows: &[Row]) -> Result<Vec<Resource>, StoreError> {
        rows.iter().map(|row| Ok(row::from_row(self.table, row)?.value)).collect()
    }

    /// A token is the last row's partition and sort key, so it stands for the same place when rows
    /// come and go, and says which list it belongs to.
    fn token(&self, last: &Row) -> Result<String, StoreError> {
        let position = last.get(self.index.range).and_then(|a| a.as_s().ok());
        let position = position.ok_or_else(|| {
            StoreError::corrupt(
                self.table,
                self.prefix.clone(),
                format!("no attribute '{}'", self.index.range),
            )
        })?;
        Ok(URL_SAFE_NO_PAD.encode(format!("{}|{position}", row::partition(self.kind))))
    }

    fn start_after(&self, token: &str) -> Result<Row, StoreError> {
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            let (partition, position) = text.split_once('|')?;
            let within = position.strip_prefix(&self.prefix)?;
            let arn: Arn = within.split_once('#')?.1.parse().ok()?;
            if partition != row::partition(self.kind) || arn.kind() != self.kind {
                return None;
            }
            let mut start = row::key(&arn);
            start.insert(self.index.range.to_owned(), row::text(position));
            Some(start)
        };
        read().ok_or_else(|| StoreError::Continuation { token: token.to_owned() })
    }
}
