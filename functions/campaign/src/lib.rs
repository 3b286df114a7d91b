//! The runtime of Personalize: recommendations for a user or an item, from a deployed campaign or recommender.
//!
//! [`handle`] takes a request's path and body and gives back a whole reply. An answer is one GetItem
//! of a list that was computed beforehand; which version a campaign serves, and from which slot, is kept
//! for [`deployed::FRESH_FOR`], so that a moved pointer is seen soon, and at once where the slot is being
//! written over by then. Only what no stored list can answer, and what is filtered, goes to a
//! [`LiveScorer`]. Read `recommendations.rs` first.

pub mod deployed;

mod actions;
mod browse;
mod filters;
mod promotions;
mod ranking;
mod reasons;
mod recommendations;
mod shown;

pub use browse::handle_get;
pub use shown::Shown;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::resource::AppliedFilter;
use domain::{ApiError, Arn, ErrorKind, Steering};
use store::{Lists, Resources, StoredList};
use wire::{HttpReply, rest_json};

use crate::deployed::Deployments;

/// An error whose text only the log shows.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A future that can be moved between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a model is asked where no stored list can answer.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// For whom; whoever the model does not know without it and `item_id`.
    pub user_id: Option<&'a str>,
    /// Related to what. With a user too, what the use case leaves out for that user is left out.
    pub item_id: Option<&'a str>,
    /// How many.
    pub num_results: usize,
    /// The context of the request.
    pub context: &'a BTreeMap<String, String>,
    /// What the campaign lets weigh besides the version.
    pub steering: &'a Steering,
    /// What to put in order, instead of the best of all.
    pub input_list: Option<&'a [String]>,
    /// What may be answered.
    pub filter: Option<&'a AppliedFilter>,
}

/// Scores with the model itself, where no stored list answers what was asked.
pub trait LiveScorer: Send + Sync {
    /// The answer of a version. Of a ranking, the items that the model does not know come last and have no
    /// score.
    ///
    /// Fails with `InvalidInput` when a filter does not fit the data, or its values the filter.
    fn answer<'a>(
        &'a self,
        version: &'a Arn,
        question: Question<'a>,
    ) -> BoxFuture<'a, Result<StoredList, ApiError>>;

    /// What items of a dataset group have in some columns of its Items dataset, in the order of the items.
    ///
    /// Fails with `InvalidInput` when there is no such column.
    fn describe<'a>(
        &'a self,
        group: &'a Arn,
        items: &'a [String],
        columns: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Shown>, ApiError>>;

    /// Why a version recommends items to a user, in the order of the items: what of the user's own past
    /// moved each most. Nothing where there is nothing to say.
    fn explain<'a>(
        &'a self,
        version: &'a Arn,
        steering: &'a Steering,
        user: &'a str,
        items: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<String>>, ApiError>>;
}

/// Everything that serving needs from outside, with what it remembers between requests.
pub struct Campaign {
    resources: Resources,
    lists: Lists,
    live: Arc<dyn LiveScorer>,
    deployments: Deployments,
    fallbacks: AtomicU64,
}

impl Campaign {
    /// Serves from these tables.
    pub fn new(resources: Resources, lists: Lists, live: Arc<dyn LiveScorer>) -> Self {
        let deployments = Deployments::new(resources.clone());
        Self { resources, lists, live, deployments, fallbacks: AtomicU64::new(0) }
    }

    /// How many answers came from the cold list or from the model since this was asked last.
    pub fn take_fallbacks(&self) -> u64 {
        self.fallbacks.swap(0, Ordering::Relaxed)
    }

    fn fell_back(&self) {
        self.fallbacks.fetch_add(1, Ordering::Relaxed);
    }
}

wire::rest_operations! { Campaign => Vec<u8>:
    GetRecommendations at "/recommendations" => recommendations::answer,
    GetPersonalizedRanking at "/personalize-ranking" => ranking::personalized,
    GetActionRecommendations at "/action-recommendations" => actions::answer,
}

/// Answers one `POST` request.
pub fn handle<'a>(campaign: &'a Campaign, path: &'a str, body: &'a [u8]) -> BoxFuture<'a, HttpReply> {
    // Boxed, so that it is compiled here and in no binary again.
    Box::pin(answer(campaign, path, body))
}

async fn answer(campaign: &Campaign, path: &str, body: &[u8]) -> HttpReply {
    match run(campaign, path, body).await {
        Ok(body) => rest_json::ok(body),
        Err(error) => {
            if error.kind == ErrorKind::Internal {
                tracing::error!(path, cause = error.causes(), "request failed");
            }
            rest_json::error(&error)
        }
    }
}
