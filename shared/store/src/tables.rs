//! The DynamoDB tables: names, keys and indexes, declared once.
//!
//! `embedded` creates its tables from this declaration, and the deployed template is checked
//! against it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, LocalSecondaryIndex, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

use crate::error::StoreError;
use crate::sent::Sent;

/// Prefix of the table names unless a deployment chose another one.
pub const PREFIX_DEFAULT: &str = "osusume";

/// A table with on-demand capacity. All key attributes are strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// The name without the prefix.
    pub base_name: &'static str,
    /// Attribute of the partition key.
    pub hash: &'static str,
    /// Attribute of the sort key.
    pub range: &'static str,
    /// Local secondary indexes; each keeps the whole row, and may be read consistently.
    pub indexes: &'static [LocalIndex],
    /// Attribute with the epoch second after which DynamoDB may remove a row, where rows expire. It takes
    /// its time, so readers leave out what has expired.
    pub ttl: Option<&'static str>,
}

/// A local secondary index: the same partition key, another sort key. A row that lacks the
/// attribute is not in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalIndex {
    /// The index's name.
    pub name: &'static str,
    /// Attribute of its sort key.
    pub range: &'static str,
}

impl Table {
    /// The whole name, for example `osusume-resources`.
    pub fn name(&self, prefix: &str) -> String {
        format!("{prefix}-{}", self.base_name)
    }
}

/// Lists a kind's resources in the order of their creation; sort key `<created>#<arn>`.
pub const BY_CREATION: LocalIndex = LocalIndex { name: "by-creation", range: "by_creation" };
/// The same within a parent; sort key `<parent arn>#<created>#<arn>`.
pub const BY_PARENT: LocalIndex = LocalIndex { name: "by-parent", range: "by_parent" };
/// Only what work is still being done for; sort key `<created>#<arn>`.
pub const UNFINISHED: LocalIndex = LocalIndex { name: "unfinished", range: "unfinished" };

/// Control-plane rows, one for each resource.
///
/// The partition is the kind, so that a list of a kind is one consistent Query; a deployment holds
/// hundreds of resources, far under what one partition serves.
pub const RESOURCES: Table = Table {
    base_name: "resources",
    hash: "kind",
    range: "arn",
    indexes: &[BY_CREATION, BY_PARENT, UNFINISHED],
    ttl: None,
};

/// Recommendation lists, one row for each user or item in each of a campaign's two slots.
///
/// The partition is the slot with one of a few shards, because a single partition takes 1,000 writes a
/// second and a version is published faster than that. Attribute names count towards an
/// item's size, hence the single letters. Lists of sessions without a user expire with their events.
pub const RECOMMENDATIONS: Table =
    Table { base_name: "recommendations", hash: "v", range: "k", indexes: &[], ttl: Some("x") };

/// Events, and single items and users: the live layer beside the imported data.
///
/// The partition is a dataset of a group with one of a few shards, so that a training reads the whole of
/// a group's events with a few parallel Queries and pays for nothing else; the sort key begins with the
/// user, so that a user's events are one Query too. Events of sessions without a user expire, and what
/// ties a session to its user.
pub const EVENTS: Table =
    Table { base_name: "events", hash: "p", range: "k", indexes: &[], ttl: Some("expires") };

/// All tables of a deployment.
pub const ALL: [Table; 3] = [RESOURCES, RECOMMENDATIONS, EVENTS];

/// Creates those tables of [`ALL`] that do not exist yet. Meant for embedded services, where a table
/// is usable at once; a deployed stack gets its tables from the template.
pub async fn create_missing(client: &Client, prefix: &str) -> Result<(), StoreError> {
    for table in ALL {
        let name = table.name(prefix);
        let described = client.describe_table().table_name(&name).sent().await;
        match described {
            Ok(_) => continue,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {}
            Err(error) => return Err(StoreError::call("describe", &name, "(the table)", error)),
        }
        create(client, &table, &name)
            .await
            .map_err(|e| StoreError::call("create", &name, "(the table)", e))?;
    }
    Ok(())
}

async fn create(client: &Client, table: &Table, name: &str) -> Result<(), BoxError> {
    let mut request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    let ranges = table.indexes.iter().map(|index| index.range);
    for attribute in [table.hash, table.range].into_iter().chain(ranges) {
        let definition = AttributeDefinition::builder()
            .attribute_name(attribute)
            .attribute_type(ScalarAttributeType::S)
            .build()?;
        request = request.attribute_definitions(definition);
    }
    let keys = |range: &str| -> Result<Vec<KeySchemaElement>, BoxError> {
        let element = |name: &str, key_type| {
            KeySchemaElement::builder().attribute_name(name).key_type(key_type).build()
        };
        Ok(vec![element(table.hash, KeyType::Hash)?, element(range, KeyType::Range)?])
    };
    for index in table.indexes {
        let index = LocalSecondaryIndex::builder()
            .index_name(index.name)
            .set_key_schema(Some(keys(index.range)?))
            .projection(Projection::builder().projection_type(ProjectionType::All).build())
            .build()?;
        request = request.local_secondary_indexes(index);
    }
    request.set_key_schema(Some(keys(table.range)?)).sent().await?;
    if let Some(attribute) = table.ttl {
        let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build()?;
        client.update_time_to_live().table_name(name).time_to_live_specification(ttl).sent().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_the_prefix_of_the_deployment() {
        assert_eq!(RESOURCES.name(PREFIX_DEFAULT), "osusume-resources");
        assert_eq!(RECOMMENDATIONS.name("films"), "films-recommendations");
    }
}
