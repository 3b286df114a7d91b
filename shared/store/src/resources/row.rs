//! How a resource becomes a row, and back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Arn, EpochMillis, Resource, ResourceKind, Tags};

use super::Revised;
use crate::error::StoreError;
use crate::tables::{BY_CREATION, BY_PARENT, RESOURCES, UNFINISHED};

/// Attribute of the revision.
pub(super) const REVISION: &str = "revision";
/// Attribute of the resource itself, as JSON.
pub(super) const RESOURCE: &str = "resource";
/// Attribute of the resource's tags, as JSON; absent where there are none.
pub(super) const TAGS: &str = "tags";

/// The kinds that have rows; the others are part of the code.
pub(super) const STORED_KINDS: [ResourceKind; 16] = [
    ResourceKind::DatasetGroup,
    ResourceKind::Schema,
    ResourceKind::Dataset,
    ResourceKind::DatasetImportJob,
    ResourceKind::Solution,
    ResourceKind::SolutionVersion,
    ResourceKind::Campaign,
    ResourceKind::BatchInferenceJob,
    ResourceKind::EventTracker,
    ResourceKind::BatchSegmentJob,
    ResourceKind::DatasetExportJob,
    ResourceKind::Filter,
    ResourceKind::DataDeletionJob,
    ResourceKind::MetricAttribution,
    ResourceKind::Recommender,
    ResourceKind::RecommenderVersion,
];

pub(super) type Row = HashMap<String, AttributeValue>;

/// The partition of a kind. An ARN's own segment will not do: solutions, or recommenders, and their versions share it.
pub(super) fn partition(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::SolutionVersion => "solution-version",
        ResourceKind::RecommenderVersion => "recommender-version",
        ResourceKind::Other => "other",
        kind => kind.segment(),
    }
}

pub(super) fn key(arn: &Arn) -> Row {
    Row::from([
        (RESOURCES.hash.to_owned(), text(partition(arn.kind()))),
        (RESOURCES.range.to_owned(), text(arn.as_str())),
    ])
}

/// Everything beside `resource`, `tags` and `revision` is a copy for keys and for people who look into
/// the table.
pub(super) fn to_row(resource: &Resource, tags: &Tags, revision: u64) -> Row {
    let json =
        serde_json::to_string(resource).expect("resources have string keys and no failing serializers");
    let arn = resource.arn();
    let created = created(resource);
    let by_creation = by_creation(created, arn);
    let mut row = key(arn);
    let mut add = |name: &str, value| row.insert(name.to_owned(), value);
    add(RESOURCE, text(json));
    if !tags.is_empty() {
        add(TAGS, text(serde_json::to_string(tags).expect("tags are strings")));
    }
    add(REVISION, number(revision));
    add("created", number(created.0));
    add("status", text(resource.lifecycle().map_or("ACTIVE", |l| l.status.as_str())));
    if let Some(parent) = resource.parent() {
        add(BY_PARENT.range, text(format!("{}{by_creation}", parent_prefix(&parent))));
        add("parent", text(parent.as_str()));
    }
    if is_unfinished(resource) {
        add(UNFINISHED.range, text(by_creation.clone()));
    }
    add(BY_CREATION.range, text(by_creation));
    row
}

pub(super) fn from_row(table: &str, row: &Row) -> Result<Revised<Resource>, StoreError> {
    let arn = row.get(RESOURCES.range).and_then(|a| a.as_s().ok()).map_or("(no arn)", String::as_str);
    let missing =
        |name| StoreError::corrupt(table, arn, format!("attribute '{name}' is missing or of another type"));
    let json = row.get(RESOURCE).and_then(|a| a.as_s().ok()).ok_or_else(|| missing(RESOURCE))?;
    let revision = row
        .get(REVISION)
        .and_then(|a| a.as_n().ok())
        .and_then(|n| n.parse().ok())
        .ok_or_else(|| missing(REVISION))?;
    let corrupt = |problem: String| {
        |error: serde_json::Error| StoreError::Corrupt {
            key: arn.to_owned(),
            table: table.to_owned(),
            problem,
            cause: Some(error.into()),
        }
    };
    let value =
        serde_json::from_str(json).map_err(corrupt(format!("attribute '{RESOURCE}' is not a resource")))?;
    let tags = match row.get(TAGS).map(|a| a.as_s().map(String::as_str)) {
        None => Tags::default(),
        Some(json) => serde_json::from_str(json.map_err(|_| missing(TAGS))?)
            .map_err(corrupt(format!("attribute '{TAGS}' does not hold tags")))?,
    };
    Ok(Revised { value, tags, revision })
}

/// Sort key of the index by creation. Milliseconds with fixed width sort like numbers until the
/// year 2286; times before 1970 count as 1970.
fn by_creation(created: EpochMillis, arn: &Arn) -> String {
    format!("{:013}#{arn}", created.0.clamp(0, 9_999_999_999_999))
}

/// What the sort keys of a parent's children start with. No ARN holds a `#`, so no parent's prefix
/// is the beginning of another's.
pub(super) fn parent_prefix(parent: &Arn) -> String {
    format!("{parent}#")
}

fn created(resource: &Resource) -> EpochMillis {
    match (resource.lifecycle(), resource) {
        (Some(lifecycle), _) => lifecycle.created,
        (None, Resource::Schema(schema)) => schema.created,
        (None, _) => EpochMillis(0),
    }
}

fn is_unfinished(resource: &Resource) -> bool {
    let update = match resource {
        Resource::Campaign(campaign) => campaign.latest_update.as_ref().map(|u| &u.lifecycle),
        Resource::Recommender(recommender) => recommender.serves.latest_update.as_ref().map(|u| &u.lifecycle),
        _ => None,
    };
    resource.lifecycle().into_iter().chain(update).any(|l| !l.status.is_at_rest())
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
