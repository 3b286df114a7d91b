//! The life cycle that every resource goes through.

use serde::{Deserialize, Serialize};

use crate::time::EpochMillis;

/// Where a resource stands. The strings are the API's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Status {
    #[serde(rename = "CREATE PENDING")]
    CreatePending,
    #[serde(rename = "CREATE IN_PROGRESS")]
    CreateInProgress,
    #[serde(rename = "ACTIVE")]
    Active,
    #[serde(rename = "CREATE FAILED")]
    CreateFailed,
    #[serde(rename = "CREATE STOPPING")]
    CreateStopping,
    #[serde(rename = "CREATE STOPPED")]
    CreateStopped,
    #[serde(rename = "DELETE PENDING")]
    DeletePending,
    #[serde(rename = "DELETE IN_PROGRESS")]
    DeleteInProgress,
    #[serde(rename = "STOP PENDING")]
    StopPending,
    #[serde(rename = "STOP IN_PROGRESS")]
    StopInProgress,
    #[serde(rename = "INACTIVE")]
    Inactive,
    #[serde(rename = "START PENDING")]
    StartPending,
    #[serde(rename = "START IN_PROGRESS")]
    StartInProgress,
}

impl Status {
    /// The API's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreatePending => "CREATE PENDING",
            Self::CreateInProgress => "CREATE IN_PROGRESS",
            Self::Active => "ACTIVE",
            Self::CreateFailed => "CREATE FAILED",
            Self::CreateStopping => "CREATE STOPPING",
            Self::CreateStopped => "CREATE STOPPED",
            Self::DeletePending => "DELETE PENDING",
            Self::DeleteInProgress => "DELETE IN_PROGRESS",
            Self::StopPending => "STOP PENDING",
            Self::StopInProgress => "STOP IN_PROGRESS",
            Self::Inactive => "INACTIVE",
            Self::StartPending => "START PENDING",
            Self::StartInProgress => "START IN_PROGRESS",
        }
    }

    /// Whether nothing is being done to the resource: it will stay so until somebody asks.
    pub fn is_at_rest(self) -> bool {
        matches!(self, Self::Active | Self::CreateFailed | Self::CreateStopped | Self::Inactive)
    }

    /// What work that leads to `ACTIVE` says once it has begun; nothing where no such work is waited for.
    pub fn begun(self) -> Option<Self> {
        match self {
            Self::CreatePending | Self::CreateInProgress => Some(Self::CreateInProgress),
            Self::StartPending | Self::StartInProgress => Some(Self::StartInProgress),
            _ => None,
        }
    }

    /// Whether the step from this status to `next` exists. Staying is always allowed, so that a
    /// step that is repeated after a crash may say again what it said before.
    pub fn can_become(self, next: Self) -> bool {
        use Status::*;
        self == next
            || matches!(
                (self, next),
                (CreatePending, CreateInProgress | CreateFailed | CreateStopped | CreateStopping | Active)
                    | (CreateInProgress, Active | CreateFailed | CreateStopping)
                    | (CreateStopping, CreateStopped)
                    | (Active | CreateFailed | CreateStopped | Inactive, DeletePending)
                    | (DeletePending, DeleteInProgress)
                    | (Active, StopPending)
                    | (StopPending, StopInProgress)
                    | (StopInProgress, Inactive)
                    | (Inactive, StartPending)
                    | (StartPending, StartInProgress | Inactive)
                    | (StartInProgress, Active | Inactive)
            )
    }
}

/// Status, reason and dates of one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Where it stands.
    pub status: Status,
    /// Why it failed; present only when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// When it was created.
    pub created: EpochMillis,
    /// When anything about it last changed.
    pub updated: EpochMillis,
}

/// A step that the life cycle does not have.
#[derive(Debug, thiserror::Error)]
#[error("a resource in status {} cannot become {}", from.as_str(), to.as_str())]
pub struct IllegalStep {
    /// The present status.
    pub from: Status,
    /// The status that was asked for.
    pub to: Status,
}

impl Lifecycle {
    /// A resource that was just asked for.
    pub fn pending(now: EpochMillis) -> Self {
        Self { status: Status::CreatePending, failure_reason: None, created: now, updated: now }
    }

    /// A resource that needs no work before it can be used.
    pub fn active(now: EpochMillis) -> Self {
        Self { status: Status::Active, ..Self::pending(now) }
    }

    /// Goes to `next`, or says that there is no such step.
    pub fn advance(&mut self, next: Status, now: EpochMillis) -> Result<(), IllegalStep> {
        if !self.status.can_become(next) {
            return Err(IllegalStep { from: self.status, to: next });
        }
        self.status = next;
        self.updated = now;
        Ok(())
    }

    /// Ends as `CREATE FAILED` with a reason for the person who has to mend it; what could not be started
    /// is `INACTIVE` again, and the reason says why.
    pub fn fail(&mut self, reason: impl Into<String>, now: EpochMillis) -> Result<(), IllegalStep> {
        let failed = match self.status {
            Status::StartPending | Status::StartInProgress => Status::Inactive,
            _ => Status::CreateFailed,
        };
        self.advance(failed, now)?;
        self.failure_reason = Some(reason.into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_active_resource_cannot_fail_its_creation() {
        let mut life = Lifecycle::active(EpochMillis(0));
        assert!(life.fail("late", EpochMillis(1)).is_err());
        assert_eq!(life.status, Status::Active);
        assert_eq!(life.failure_reason, None);
    }

    #[test]
    fn what_serves_is_stopped_and_started_and_a_failed_start_leaves_it_stopped() {
        let mut life = Lifecycle::active(EpochMillis(0));
        assert!(life.advance(Status::StartPending, EpochMillis(1)).is_err());
        for next in [
            Status::StopPending,
            Status::StopInProgress,
            Status::Inactive,
            Status::StartPending,
            Status::StartInProgress,
            Status::Active,
        ] {
            life.advance(next, EpochMillis(1)).unwrap();
            assert_eq!(next.is_at_rest(), matches!(next, Status::Active | Status::Inactive), "{next:?}");
        }
        for next in [Status::StopPending, Status::StopInProgress, Status::Inactive, Status::StartPending] {
            life.advance(next, EpochMillis(2)).unwrap();
        }
        life.fail("no room", EpochMillis(3)).unwrap();
        assert_eq!((life.status, life.failure_reason.as_deref()), (Status::Inactive, Some("no room")));
    }

    #[test]
    fn the_stored_spelling_is_the_spelling_of_the_api() {
        for status in
            [Status::CreatePending, Status::Active, Status::DeleteInProgress, Status::StopInProgress]
        {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
