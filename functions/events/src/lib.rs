//! The events API of Personalize: what users do, and single items, users and actions.
//!
//! [`handle`] takes a request's path and body and gives back a whole reply. An event is written first and
//! then the lists of its user anew, through [`Refresh`], so that the next `GetRecommendations` is still one
//! read. Read `put_events.rs` first; `properties.rs` holds what callers name freely to the schema.

mod known;
mod properties;
mod put_action_interactions;
mod put_events;
mod put_records;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::{Arn, EpochMillis, ErrorKind, Scope};
use store::{Resources, Who};
use wire::{HttpReply, rest_json};

use crate::known::Known;
use crate::put_events::Ties;

/// An error whose text only the log shows.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A future that can be moved between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Writes a user's lists anew: in this process, or by asking a function that holds the models.
pub trait Refresh: Send + Sync {
    /// Returns once the lists are written, or are certain to be some time soon. Must be harmless to
    /// repeat.
    fn refresh<'a>(&'a self, group: &'a Arn, who: Who<'a>) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// Everything that the operations need from outside, with what they remember between requests.
pub struct Events {
    store: store::Events,
    known: Known,
    ties: Ties,
    action_ties: Ties,
    refresh: Arc<dyn Refresh>,
    clock: fn() -> EpochMillis,
    taken: AtomicU64,
    not_refreshed: AtomicU64,
}

impl Events {
    /// Writes to these tables; `scope` is that of the deployment's ARNs.
    pub fn new(resources: Resources, store: store::Events, scope: Scope, refresh: Arc<dyn Refresh>) -> Self {
        Self {
            store,
            known: Known::new(resources, scope),
            ties: Ties::default(),
            action_ties: Ties::default(),
            refresh,
            clock: EpochMillis::now,
            taken: AtomicU64::new(0),
            not_refreshed: AtomicU64::new(0),
        }
    }

    /// How many events, items, users and actions were written since this was asked last.
    pub fn take_taken(&self) -> u64 {
        self.taken.swap(0, Ordering::Relaxed)
    }

    /// How many users' lists could not be written anew since this was asked last.
    pub fn take_not_refreshed(&self) -> u64 {
        self.not_refreshed.swap(0, Ordering::Relaxed)
    }
}

wire::rest_operations! { Events => ():
    PutEvents at "/events" => put_events::put,
    PutItems at "/items" => put_records::items,
    PutUsers at "/users" => put_records::users,
    PutActions at "/actions" => put_records::actions,
    PutActionInteractions at "/action-interactions" => put_action_interactions::put,
}

/// Answers one `POST` request.
pub fn handle<'a>(events: &'a Events, path: &'a str, body: &'a [u8]) -> BoxFuture<'a, HttpReply> {
    // Boxed, so that it is compiled here and in no binary again.
    Box::pin(answer(events, path, body))
}

async fn answer(events: &Events, path: &str, body: &[u8]) -> HttpReply {
    match run(events, path, body).await {
        Ok(()) => rest_json::done(),
        Err(error) => {
            if error.kind == ErrorKind::Internal {
                tracing::error!(path, cause = error.causes(), "request failed");
            }
            rest_json::error(&error)
        }
    }
}
