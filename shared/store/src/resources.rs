//! Control-plane rows: one for each resource, changed by compare and swap.

mod errors;
mod query;
mod row;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Arn, Resource, ResourceKind, Tags};

pub use self::errors::{CreateError, ReplaceError, UpdateError};
pub use self::query::Listing;

use crate::backoff::full_jitter;
use crate::error::StoreError;
use crate::sent::Sent;
use crate::tables::RESOURCES;

/// How often [`Resources::update`] starts over before it gives up.
const UPDATE_ATTEMPTS_MAX: u32 = 12;

/// A value with the revision it was read at. Every write raises the revision by one.
#[derive(Clone, Debug, PartialEq)]
pub struct Revised<T> {
    /// The value.
    pub value: T,
    /// What its callers hung on it.
    pub tags: Tags,
    /// Its revision, from 1.
    pub revision: u64,
}

/// The table of resources. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Resources {
    client: Client,
    table: String,
}

impl Resources {
    /// Uses the table of that whole name.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Adds a resource, unless its ARN (and with it its name) is taken.
    pub async fn create(&self, resource: &Resource) -> Result<(), CreateError> {
        self.create_tagged(resource, &Tags::default()).await
    }

    /// The same with tags.
    pub async fn create_tagged(&self, resource: &Resource, tags: &Tags) -> Result<(), CreateError> {
        let arn = resource.arn();
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row::to_row(resource, tags, 1)))
            .condition_expression("attribute_not_exists(#arn)")
            .expression_attribute_names("#arn", RESOURCES.range);
        match put.sent().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Err(CreateError::AlreadyExists { arn: arn.clone() })
            }
            Err(error) => Err(StoreError::call("create", &self.table, arn.as_str(), error).into()),
        }
    }

    /// Reads a resource, with everything that was written before the call.
    pub async fn get(&self, arn: &Arn) -> Result<Option<Revised<Resource>>, StoreError> {
        let got = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(row::key(arn)))
            .consistent_read(true)
            .sent()
            .await
            .map_err(|e| StoreError::call("read", &self.table, arn.as_str(), e))?;
        got.item.map(|item| row::from_row(&self.table, &item)).transpose()
    }

    /// Reads a resource of one kind. An ARN that names another kind finds nothing.
    pub async fn get_as<R: TryFrom<Resource>>(&self, arn: &Arn) -> Result<Option<Revised<R>>, StoreError> {
        let found = self.get(arn).await?;
        Ok(found.and_then(|Revised { value, tags, revision }| {
            Some(Revised { value: R::try_from(value).ok()?, tags, revision })
        }))
    }

    /// Writes a resource, with its tags, if it is still at the revision that it was read at, and answers
    /// with its new revision.
    pub async fn replace(&self, next: &Revised<Resource>) -> Result<u64, ReplaceError> {
        let Revised { value: resource, tags, revision } = next;
        let (arn, revision) = (resource.arn(), *revision);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row::to_row(resource, tags, revision + 1)))
            .condition_expression("#revision = :read")
            .expression_attribute_names("#revision", row::REVISION)
            .expression_attribute_values(":read", AttributeValue::N(revision.to_string()));
        match put.sent().await {
            Ok(_) => Ok(revision + 1),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Err(ReplaceError::Conflict { arn: arn.clone(), revision })
            }
            Err(error) => Err(StoreError::call("replace", &self.table, arn.as_str(), error).into()),
        }
    }

    /// Reads a resource, lets `change` change it and writes it back; starts over when somebody else
    /// wrote in between, so `change` may run more than once. Answers with what is stored now, or
    /// nothing when no resource of this kind has the ARN. A change that changes nothing is not written.
    pub async fn update<R, E>(
        &self,
        arn: &Arn,
        mut change: impl FnMut(&mut R) -> Result<(), E>,
    ) -> Result<Option<R>, UpdateError<E>>
    where
        R: TryFrom<Resource> + Into<Resource> + Clone,
        E: std::error::Error + 'static,
    {
        let changed = self.update_row(arn, |row| {
            let Ok(mut value) = R::try_from(row.value.clone()) else { return Ok(None) };
            change(&mut value)?;
            row.value = value.clone().into();
            Ok(Some(value))
        });
        Ok(changed.await?.flatten())
    }

    /// The same for the tags of a resource of any kind; `change` sees the resource too.
    pub async fn update_tags<E: std::error::Error + 'static>(
        &self,
        arn: &Arn,
        mut change: impl FnMut(&Resource, &mut Tags) -> Result<(), E>,
    ) -> Result<Option<Tags>, UpdateError<E>> {
        let changed = self.update_row(arn, |row| {
            change(&row.value, &mut row.tags)?;
            Ok(row.tags.clone())
        });
        changed.await
    }

    /// Reads a row, changes it and writes it back, until nobody wrote in between. Answers with what the
    /// change made.
    async fn update_row<T, E: std::error::Error + 'static>(
        &self,
        arn: &Arn,
        mut change: impl FnMut(&mut Revised<Resource>) -> Result<T, E>,
    ) -> Result<Option<T>, UpdateError<E>> {
        for attempt in 0..UPDATE_ATTEMPTS_MAX {
            let Some(before) = self.get(arn).await? else { return Ok(None) };
            let mut after = before.clone();
            let made = change(&mut after).map_err(UpdateError::Refused)?;
            if after == before {
                return Ok(Some(made));
            }
            match self.replace(&after).await {
                Ok(_) => return Ok(Some(made)),
                Err(ReplaceError::Conflict { .. }) => {
                    let wait = full_jitter(attempt, Duration::from_millis(4), Duration::from_millis(250));
                    tokio::time::sleep(wait).await;
                }
                Err(ReplaceError::Store(error)) => return Err(error.into()),
            }
        }
        Err(UpdateError::Contended { arn: arn.clone(), attempts: UPDATE_ATTEMPTS_MAX })
    }

    /// Removes a resource. One that is not there is as good as removed.
    pub async fn delete(&self, arn: &Arn) -> Result<(), StoreError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(row::key(arn)))
            .sent()
            .await
            .map_err(|e| StoreError::call("delete", &self.table, arn.as_str(), e))?;
        Ok(())
    }

    /// At most `limit` resources of a kind (of one parent, if given), in the order of their creation
    /// and, within a millisecond, of their ARNs. `after` is [`Listing::next`] of the page before.
    ///
    /// Fails with [`StoreError::Continuation`] when `after` belongs to another list.
    pub async fn list(
        &self,
        kind: ResourceKind,
        parent: Option<&Arn>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Listing, StoreError> {
        let query = query::Query::new(&self.client, &self.table, kind, parent);
        query.page(limit, after).await
    }

    /// All resources of a kind (of one parent, if given), in the same order.
    pub async fn list_all(
        &self,
        kind: ResourceKind,
        parent: Option<&Arn>,
    ) -> Result<Vec<Resource>, StoreError> {
        query::Query::new(&self.client, &self.table, kind, parent).all().await
    }

    /// How many resources there are of a kind (of one parent, if given).
    pub async fn count(&self, kind: ResourceKind, parent: Option<&Arn>) -> Result<usize, StoreError> {
        query::Query::new(&self.client, &self.table, kind, parent).count().await
    }

    /// Everything that work is still being done for: whatever is pending, in progress or stopping,
    /// and campaigns and recommenders whose latest update is. Oldest first within a kind.
    pub async fn unfinished(&self) -> Result<Vec<Resource>, StoreError> {
        let mut found = Vec::new();
        for kind in row::STORED_KINDS {
            found.extend(query::Query::unfinished(&self.client, &self.table, kind).all().await?);
        }
        Ok(found)
    }
}
