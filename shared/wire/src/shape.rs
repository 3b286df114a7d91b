//! Writing a response: absent optionals are left out, dates are seconds with a fraction.

use domain::{Arn, EpochMillis, Lifecycle};
use serde_json::{Map, Value};

/// A JSON object that is being written.
#[derive(Clone, Debug, Default)]
pub struct Shape(Map<String, Value>);

impl Shape {
    /// An object without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a member.
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.0.insert(member.to_owned(), value.into());
        self
    }

    /// Adds a member if there is a value for it.
    pub fn with_some(self, member: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(member, value),
            None => self,
        }
    }

    /// Adds an ARN.
    pub fn arn(self, member: &str, arn: &Arn) -> Self {
        self.with(member, arn.as_str())
    }

    /// Adds `creationDateTime` and `lastUpdatedDateTime`.
    pub fn dates(self, created: EpochMillis, updated: EpochMillis) -> Self {
        self.with("creationDateTime", created.as_seconds()).with("lastUpdatedDateTime", updated.as_seconds())
    }

    /// Adds `status`, the two dates, and `failureReason` where there is one.
    pub fn lifecycle(self, lifecycle: &Lifecycle) -> Self {
        self.with("status", lifecycle.status.as_str())
            .with_some("failureReason", lifecycle.failure_reason.as_deref())
            .dates(lifecycle.created, lifecycle.updated)
    }
}

impl From<Shape> for Value {
    fn from(shape: Shape) -> Self {
        Self::Object(shape.0)
    }
}
