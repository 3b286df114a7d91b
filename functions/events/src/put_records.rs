//! `PutItems`, `PutUsers` and `PutActions`: single rows, each of which replaces the one of the same id.

use dataset::schema::rules;
use domain::ApiError;
use domain::event::Record;
use domain::resource::DatasetType;
use futures::future::try_join_all;
use wire::events::PutRecords;

use crate::{Events, properties};

/// `PutItems`.
pub(crate) async fn items(events: &Events, body: &[u8]) -> Result<(), ApiError> {
    put(events, PutRecords::parse_items(body)?, DatasetType::Items).await
}

/// `PutUsers`.
pub(crate) async fn users(events: &Events, body: &[u8]) -> Result<(), ApiError> {
    put(events, PutRecords::parse_users(body)?, DatasetType::Users).await
}

/// `PutActions`.
pub(crate) async fn actions(events: &Events, body: &[u8]) -> Result<(), ApiError> {
    put(events, PutRecords::parse_actions(body)?, DatasetType::Actions).await
}

/// Keeps the rows of a call. Of rows with the same id the last one counts, as in an import; what a row
/// leaves out is null, and not what it was before.
async fn put(events: &Events, request: PutRecords, kind: DatasetType) -> Result<(), ApiError> {
    let target = events.known.dataset(&request.dataset, kind).await?;
    let is_key = |name: &str| rules::key_column(kind) == Some(name);
    let mut records: Vec<Record> = Vec::new();
    for put in request.records {
        let columns = properties::columns(&target.schema, is_key, &put.properties, &put.path)?;
        records.retain(|earlier| earlier.id != put.id);
        records.push(Record { id: put.id, columns });
    }
    let puts = records.iter().map(|record| events.store.put_record(&target.group, kind, record));
    let written = try_join_all(puts).await.map_err(ApiError::internal)?;
    events.taken.fetch_add(written.len() as u64, std::sync::atomic::Ordering::Relaxed);
    Ok(())
}
