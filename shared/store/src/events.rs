//! Events of users, and single items and users: the live layer beside the imported data.
//!
//! A row is keyed by its user and its event id, so writing an event twice keeps it once. A session whose
//! user is not known stands for a user of its own until it is seen with one; [`Events::tie`] then writes
//! down whose session it is and hands the events over.

mod forget;
mod key;
mod row;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::event::{Event, Record};
use domain::limits::ANONYMOUS_DAYS;
use domain::resource::DatasetType;
use domain::{Arn, EpochMillis};
use futures::{StreamExt, TryStreamExt, stream};

pub use self::forget::Kept;
pub use self::key::PARTITIONS;
use self::key::{Sort, partition, partitions};
use self::row::Row;
use crate::error::StoreError;
use crate::lists::key::hash;
use crate::lists::publish::{self, Writer};
use crate::sent::Sent;
use crate::tables::EVENTS;

/// Partitions read at a time.
const READS_AT_ONCE: usize = 8;

/// Whose events they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who<'a> {
    /// A user.
    User(&'a str),
    /// A session that no user is known of.
    Session(&'a str),
}

impl<'a> Who<'a> {
    /// The id that the events count under in trainings and answers.
    pub fn id(self) -> &'a str {
        match self {
            Self::User(id) | Self::Session(id) => id,
        }
    }
}

/// An event with whom it counts for.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The user, or the session where no user is known.
    pub user: String,
    /// Whether it is a session.
    pub anonymous: bool,
    /// What happened.
    pub event: Event,
}

/// An id for an event that its caller gave none, from what it says: the same event sent again, as by a
/// retry, has the same one. Sent in another second it is another event.
pub fn derived_id(event: &Event) -> String {
    let content = Event { id: String::new(), received_us: 0, session: String::new(), ..event.clone() };
    let json = serde_json::to_string(&content).expect("string keys and finite numbers");
    format!("~{:016x}{:016x}", hash(&json), hash(&format!("{json}~")))
}

/// The table of events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    client: Client,
    table: String,
    clock: fn() -> EpochMillis,
    /// Of what the events are.
    dataset: DatasetType,
}

impl Events {
    /// Uses the table of that whole name.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), clock: EpochMillis::now, dataset: DatasetType::Interactions }
    }

    /// The events of action interactions instead of those with items, in partitions of their own.
    pub fn with_actions(&self) -> Self {
        Self { dataset: DatasetType::ActionInteractions, ..self.clone() }
    }

    /// Takes the present from somewhere else, to see rows expire.
    pub fn with_clock(self, clock: fn() -> EpochMillis) -> Self {
        Self { clock, ..self }
    }

    /// When a row of a session that is written now may go.
    pub fn anonymous_until(&self) -> EpochMillis {
        EpochMillis((self.clock)().0 + ANONYMOUS_DAYS * 86_400_000)
    }

    /// Keeps an event, unless the user has one of the same id. Answers with whether it is new.
    pub async fn put(&self, group: &Arn, who: Who<'_>, event: &Event) -> Result<bool, StoreError> {
        let expires = matches!(who, Who::Session(_)).then(|| self.anonymous_until());
        self.put_new(row::of_event(group, self.dataset, who, event, expires)).await
    }

    /// The events of a user or session, oldest first, with everything that was written before the call.
    pub async fn of(&self, group: &Arn, id: &str) -> Result<Vec<Event>, StoreError> {
        Ok(self.told(group, id).await?.into_iter().map(|told| told.event).collect())
    }

    async fn told(&self, group: &Arn, id: &str) -> Result<Vec<Told>, StoreError> {
        let partition = partition(group, self.dataset, id);
        let rows = self.query(&partition, Some(&key::prefix(id))).await?;
        let told = rows.iter().filter_map(|row| row::told(&self.table, row).transpose());
        let mut told: Vec<Told> = told.collect::<Result<_, _>>()?;
        told.sort_by_key(|told| told.event.order());
        Ok(told)
    }

    /// The user that a session was last seen with.
    pub async fn user_of(&self, group: &Arn, session: &str) -> Result<Option<String>, StoreError> {
        let key = key::row_key(group, self.dataset, session, Sort::Tie);
        let got = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .consistent_read(true)
            .sent()
            .await
            .map_err(|e| StoreError::call("read", &self.table, format!("session '{session}'"), e))?;
        Ok(got.item.filter(|row| self.is_alive(row)).and_then(|row| row::tied(&row)))
    }

    /// Writes down whose session it is and hands its events over to the user. May be cut off and
    /// repeated: an event is deleted where it was only after it is where it belongs.
    pub async fn tie(&self, group: &Arn, session: &str, user: &str) -> Result<(), StoreError> {
        self.put_row(row::of_tie(group, self.dataset, session, user, self.anonymous_until())).await?;
        let mut told = self.told(group, session).await?;
        told.retain(|told| told.anonymous);
        for told in &told {
            self.put_new(row::of_event(group, self.dataset, Who::User(user), &told.event, None)).await?;
        }
        let keys =
            told.iter().map(|told| key::row_key(group, self.dataset, session, Sort::Event(&told.event.id)));
        publish::delete(self.writer(), keys.collect()).await
    }

    /// All events of a group, in the order in which they happened. Those of a session whose user is
    /// known count for the user.
    pub async fn all(&self, group: &Arn) -> Result<Vec<Told>, StoreError> {
        let shards: Vec<Vec<Row>> = self.rows(group, self.dataset).await?;
        // By user and id, because an event that is being handed over is there twice for a moment.
        let mut told: BTreeMap<(String, String), Told> = BTreeMap::new();
        // What ties a session to its user lies in the partition of the session's events.
        for rows in shards {
            let ties: HashMap<&str, String> =
                rows.iter().filter_map(|row| Some((row::owner(row)?, row::tied(row)?))).collect();
            for row in &rows {
                let Some(mut event) = row::told(&self.table, row)? else { continue };
                if let Some(user) = ties.get(event.user.as_str()).filter(|_| event.anonymous) {
                    event = Told { user: user.clone(), anonymous: false, ..event };
                }
                told.insert((event.user.clone(), event.event.id.clone()), event);
            }
        }
        let mut told: Vec<Told> = told.into_values().collect();
        told.sort_by(|a, b| (a.event.order(), &a.user).cmp(&(b.event.order(), &b.user)));
        Ok(told)
    }

    /// Keeps an item or user; one of the same id is replaced.
    pub async fn put_record(
        &self,
        group: &Arn,
        dataset: DatasetType,
        record: &Record,
    ) -> Result<(), StoreError> {
        self.put_row(row::of_record(group, dataset, record)).await
    }

    /// All items or users of a group that were put one by one, by id.
    pub async fn records(&self, group: &Arn, dataset: DatasetType) -> Result<Vec<Record>, StoreError> {
        let rows = self.rows(group, dataset).await?.into_iter().flatten();
        let records = rows.map(|row| row::record(&self.table, &row));
        let mut records: Vec<Record> = records.collect::<Result<_, _>>()?;
        records.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(records)
    }

    /// Removes everything that was put into a dataset of a group.
    pub async fn delete(&self, group: &Arn, dataset: DatasetType) -> Result<(), StoreError> {
        for partition in partitions(group, dataset) {
            let rows = self.query_all(&partition).await?;
            publish::delete(self.writer(), rows.into_iter().map(key::only).collect()).await?;
        }
        Ok(())
    }

    /// The rows of a dataset, shard by shard.
    async fn rows(&self, group: &Arn, dataset: DatasetType) -> Result<Vec<Vec<Row>>, StoreError> {
        let partitions: Vec<String> = partitions(group, dataset).collect();
        stream::iter(partitions)
            .map(|partition| async move { self.query(&partition, None).await })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await
    }

    /// What has not expired.
    async fn query(&self, partition: &str, prefix: Option<&str>) -> Result<Vec<Row>, StoreError> {
        let rows = match prefix {
            Some(prefix) => self.pages(partition, prefix).await?,
            None => self.query_all(partition).await?,
        };
        Ok(rows.into_iter().filter(|row| self.is_alive(row)).collect())
    }

    async fn query_all(&self, partition: &str) -> Result<Vec<Row>, StoreError> {
        self.pages(partition, "").await
    }

    async fn pages(&self, partition: &str, prefix: &str) -> Result<Vec<Row>, StoreError> {
        let (mut rows, mut start) = (Vec::new(), None);
        loop {
            let mut query = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .expression_attribute_names("#p", EVENTS.hash)
                .expression_attribute_values(":p", AttributeValue::S(partition.to_owned()))
                .set_exclusive_start_key(start);
            query = if prefix.is_empty() {
                query.key_condition_expression("#p = :p")
            } else {
                query
                    .key_condition_expression("#p = :p AND begins_with(#k, :k)")
                    .expression_attribute_names("#k", EVENTS.range)
                    .expression_attribute_values(":k", AttributeValue::S(prefix.to_owned()))
            };
            let page = query.sent().await.map_err(|e| StoreError::call("list", &self.table, partition, e))?;
            rows.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(rows);
            }
        }
    }

    fn is_alive(&self, row: &Row) -> bool {
        row::expires(row).is_none_or(|second| second * 1000 > (self.clock)().0)
    }

    async fn put_row(&self, row: Row) -> Result<(), StoreError> {
        let name = key::name(&row);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
        put.sent().await.map(drop).map_err(|e| StoreError::call("write", &self.table, name, e))
    }

    async fn put_new(&self, row: Row) -> Result<bool, StoreError> {
        let name = key::name(&row);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(#k)")
            .expression_attribute_names("#k", EVENTS.range);
        match put.sent().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(StoreError::call("write", &self.table, name, error)),
        }
    }

    fn writer(&self) -> Writer<'_> {
        Writer { client: &self.client, table: &self.table, attempts: publish::ATTEMPTS_DEFAULT }
    }
}
