//! `PutActionInteractions`: what users were shown, took and left.

use std::sync::atomic::Ordering;

use dataset::Outcome;
use domain::ApiError;
use domain::event::Event;
use domain::resource::DatasetType;
use store::Who;
use wire::events::{PutActionInteraction, PutActionInteractions};

use crate::Events;
use crate::known::Target;
use crate::put_events::{checked, refresh, tie_both};

/// An interaction that was checked, with whose it may be.
struct Told {
    user: Option<String>,
    session: String,
    event: Event,
}

/// Keeps the interactions of a call and has the lists of their users written anew, so that an action that was
/// taken is not recommended again.
///
/// All or none are refused: the whole call is checked before anything is written. Should writing be cut off
/// the caller sends the call again, and what was written already counts once.
pub(crate) async fn put(events: &Events, body: &[u8]) -> Result<(), ApiError> {
    let request = PutActionInteractions::parse(body)?;
    let target = events.known.action_tracker(&request.tracking_id).await?;
    let now_us = (events.clock)().0 * 1000;
    let told = |(n, one): (usize, PutActionInteraction)| told(&target, one, now_us + n as i64);
    let told: Vec<Told> = request.interactions.into_iter().enumerate().map(told).collect::<Result<_, _>>()?;
    let (group, store) = (&target.group, events.store.with_actions());
    let mut changed: Vec<(String, bool)> = vec![];
    for Told { user, session, event } in &told {
        let tied = match user {
            Some(user) => {
                tie_both(events, group, session, user).await?;
                None
            }
            // Seen with its user in either kind of call.
            None => match store.user_of(group, session).await.map_err(ApiError::internal)? {
                Some(user) => Some(user),
                None => events.store.user_of(group, session).await.map_err(ApiError::internal)?,
            },
        };
        let who = match user.as_deref().or(tied.as_deref()) {
            Some(user) => Who::User(user),
            None => Who::Session(session),
        };
        let new = store.put(group, who, event).await.map_err(ApiError::internal)?;
        events.taken.fetch_add(u64::from(new), Ordering::Relaxed);
        let one = (who.id().to_owned(), matches!(who, Who::Session(_)));
        if !changed.contains(&one) {
            changed.push(one);
        }
    }
    for (id, anonymous) in &changed {
        refresh(events, group, if *anonymous { Who::Session(id) } else { Who::User(id) }).await;
    }
    Ok(())
}

fn told(target: &Target, one: PutActionInteraction, received_us: i64) -> Result<Told, ApiError> {
    let PutActionInteraction { user_id, session_id, event } = one;
    if Outcome::parse(&event.event_type).is_none() {
        return Err(ApiError::invalid(format!(
            "'{}' at '{}.eventType' says nothing about an action: it is Taken, Not Taken or Viewed.",
            event.event_type, event.path
        )));
    }
    let event = checked(target, DatasetType::ActionInteractions, &session_id, event, received_us)?;
    Ok(Told { user: user_id, session: session_id, event })
}
