//! The control plane of Personalize: resources are created, described, listed and deleted here.
//!
//! [`handle`] takes a request's target header and body and gives back a whole reply; whoever serves
//! HTTP passes them on. Which operations there are stands in one table, [`ops::BUILT`]; each resource
//! has a file in `ops/`, where a handler parses, checks the rules of the life cycle, writes and
//! answers. Work that takes longer than a request is started through [`Launch`] and never done here.
//! Read `ops/mod.rs` first, then `ops/campaign.rs`, which uses everything.

#[cfg(feature = "lambda")]
pub mod lambda;
pub mod ops;

mod creation;
mod deletion;
mod encryption;
mod find;
mod pages;
mod quota;
mod training_choices;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use domain::limits::Quotas;
use domain::resource::Job;
use domain::{ApiError, EpochMillis, ErrorKind, Scope};
use serde_json::Value;
use store::Resources;
use wire::{Document, HttpReply, aws_json};

/// An error whose text only the log shows.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A future that can be moved between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Starts work that goes on after the answer: a task of this process, or a Step Functions execution.
pub trait Launch: Send + Sync {
    /// Starts a job and returns once it is certain to be done some time. Starting a job that was
    /// started before must be harmless.
    fn launch(&self, job: Job) -> BoxFuture<'_, Result<(), BoxError>>;
}

/// Everything that the operations need from outside.
pub struct Control {
    /// The table of resources.
    pub resources: Resources,
    /// Starts imports, trainings, deployments, batch jobs and deletions.
    pub launcher: Arc<dyn Launch>,
    /// Region and account of the ARNs that are given out.
    pub scope: Scope,
    /// How many of each resource there may be.
    pub quotas: Quotas,
    /// Rows that an import may set aside before it fails; 0 as in the hosted service.
    pub bad_rows_allowed: u64,
    /// Whether S3 encrypts with keys of AWS KMS.
    pub has_kms: bool,
    /// The present.
    pub clock: fn() -> EpochMillis,
    /// The id of a new solution version, which ARNs show as eight hex digits.
    pub version_id: fn() -> u32,
}

/// A version id that nobody can guess; what [`Control::version_id`] is outside of tests.
pub fn random_version_id() -> u32 {
    uuid::Uuid::new_v4().as_fields().0
}

/// Answers one request: `target` is the header `X-Amz-Target`, `body` the JSON.
pub async fn handle(control: &Control, target: Option<&str>, body: &[u8]) -> HttpReply {
    match answer(control, target, body).await {
        Ok(output) => aws_json::ok(output),
        Err(error) => {
            if error.kind == ErrorKind::Internal {
                tracing::error!(
                    operation = target.unwrap_or_default(),
                    cause = error.causes(),
                    "request failed"
                );
            }
            aws_json::error(&error)
        }
    }
}

async fn answer(control: &Control, target: Option<&str>, body: &[u8]) -> Result<Option<Value>, ApiError> {
    let operation = aws_json::operation(target)?;
    ops::known(operation)?;
    let document = Document::parse(body)?;
    ops::run(control, operation, &document.members()).await
}
