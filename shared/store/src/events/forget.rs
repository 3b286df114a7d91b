//! Removing what is kept of some users.

use std::collections::HashSet;

use domain::Arn;
use domain::resource::DatasetType;

use super::key::{self, partitions};
use super::row::Row;
use super::{Events, row};
use crate::error::StoreError;
use crate::lists::publish;

/// What one partition keeps of some users.
#[derive(Debug)]
pub struct Kept {
    /// Events, or single users, that were looked at.
    pub scanned: u64,
    /// How many of them are the users'.
    pub records: u64,
    /// Sessions that are tied to one of the users.
    pub sessions: Vec<String>,
    keys: Vec<Row>,
}

impl Events {
    /// Finds the events of users in one of the [`PARTITIONS`](super::PARTITIONS) of a group's events, or
    /// the users themselves among those that were put one by one.
    ///
    /// A session that is tied to one of the users is theirs, with what it still holds. Whatever was written
    /// before the call is found, also what has expired and is not yet gone.
    pub async fn kept_of(
        &self,
        group: &Arn,
        dataset: DatasetType,
        partition: usize,
        users: &HashSet<String>,
    ) -> Result<Kept, StoreError> {
        let mut kept = Kept { scanned: 0, records: 0, sessions: vec![], keys: vec![] };
        let Some(partition) = partitions(group, dataset).nth(partition) else { return Ok(kept) };
        let rows = self.query_all(&partition).await?;
        let is_theirs = |row: &&Row| row::tied(row).is_some_and(|user| users.contains(&user));
        let sessions: HashSet<&str> = rows.iter().filter(is_theirs).filter_map(row::owner).collect();
        kept.sessions = sessions.iter().map(|session| session.to_string()).collect();
        for row in &rows {
            let theirs = match dataset {
                DatasetType::Interactions | DatasetType::ActionInteractions => {
                    let owner = row::owner(row).unwrap_or_default();
                    users.contains(owner) || sessions.contains(owner)
                }
                _ => users.contains(&row::record(&self.table, row)?.id),
            };
            let event = u64::from(row::tied(row).is_none());
            kept.scanned += event;
            if theirs {
                kept.records += event;
                kept.keys.push(key::only(row.clone()));
            }
        }
        Ok(kept)
    }

    /// Removes what was found. May be cut off and repeated.
    pub async fn forget(&self, kept: Kept) -> Result<(), StoreError> {
        publish::delete(self.writer(), kept.keys).await
    }
}
