//! What clients tell while they run: events of users, and single rows of Items and Users.
//!
//! These are the rows of the live layer beside the imported data. A training reads both; importing again
//! replaces the imported data and leaves them (guide, "Importing individual records").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::EpochMillis;

/// Something that a user, or a session whose user is not known yet, did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The caller's `eventId`; derived from the content where the caller gave none.
    pub id: String,
    /// What kind of thing it was, for example `Watch`.
    pub event_type: String,
    /// With which item. Without one it is kept, and neither trains nor steers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// `EVENT_VALUE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// When it happened, by the clock of the caller.
    pub sent_at: EpochMillis,
    /// When it came in, in microseconds, by the clock of the service; the events of one call count up.
    pub received_us: i64,
    /// The session that it belongs to.
    pub session: String,
    /// Values of further columns of the Interactions dataset, as its CSV would hold them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// Items that were shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub impression: Vec<String>,
    /// The answer that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<String>,
    /// Whom it is attributed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
}

impl Event {
    /// Epoch seconds, as `TIMESTAMP` has them.
    pub fn timestamp(&self) -> i64 {
        self.sent_at.0.div_euclid(1000)
    }

    /// The value of a column of Interactions, as its CSV would hold it; nothing where it is null. Ids of
    /// the user and the item are for whoever knows them.
    pub fn column(&self, name: &str) -> Option<String> {
        match name {
            "TIMESTAMP" => Some(self.timestamp().to_string()),
            "EVENT_TYPE" => Some(self.event_type.clone()),
            "EVENT_VALUE" => self.value.map(|value| value.to_string()),
            "IMPRESSION" => (!self.impression.is_empty()).then(|| self.impression.join("|")),
            "RECOMMENDATION_ID" => self.recommendation.clone(),
            "EVENT_ATTRIBUTION_SOURCE" => self.attribution.clone(),
            other => self.columns.get(other).cloned(),
        }
    }

    /// What events of one user are put in order by: when they happened, then when they came in. Clients
    /// send whole seconds, so within one the second part decides.
    pub fn order(&self) -> (i64, i64) {
        (self.sent_at.0, self.received_us)
    }
}

/// One row of an Items or Users dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `ITEM_ID` or `USER_ID`.
    pub id: String,
    /// Values of the other columns, as a CSV would hold them. What is not there is null.
    pub columns: BTreeMap<String, String>,
}
