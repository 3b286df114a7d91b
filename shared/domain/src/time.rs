//! Points in time.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
///
/// The API writes seconds with a millisecond fraction; use [`EpochMillis::as_seconds`] for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochMillis(pub i64);

impl EpochMillis {
    /// The system clock's present. Callers that must be repeatable take the time as an argument.
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(since.as_millis() as i64)
    }

    /// Seconds since the epoch with a millisecond fraction, as the API writes timestamps.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}
