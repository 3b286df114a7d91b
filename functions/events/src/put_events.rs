//! `PutEvents`: what a user, or a session whose user is not known yet, did.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use dataset::schema::rules;
use domain::event::Event;
use domain::resource::DatasetType;
use domain::{ApiError, Arn};
use futures::future::try_join_all;
use store::Who;
use wire::events::{PutEvent, PutEvents};

use crate::Events;
use crate::known::Target;
use crate::properties;

/// Ties that are remembered before all of them are forgotten.
const TIES_MAX: usize = 100_000;

/// Sessions that this process has seen with their users, so that it need not look again.
#[derive(Default)]
pub(crate) struct Ties(Mutex<HashSet<(Arn, String, String)>>);

impl Ties {
    fn has(&self, tie: &(Arn, String, String)) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(tie)
    }

    fn add(&self, tie: (Arn, String, String)) {
        let mut ties = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The session may have been seen with somebody else before.
        ties.retain(|(group, session, _)| (group, session) != (&tie.0, &tie.1));
        if ties.len() >= TIES_MAX {
            ties.clear();
        }
        ties.insert(tie);
    }
}

/// Keeps the events of a call and has the lists of their user written anew.
///
/// All or none are refused: the whole call is checked before anything is written. Should writing be cut
/// off the caller sends the call again, and what was written already counts once.
pub(crate) async fn put(events: &Events, body: &[u8]) -> Result<(), ApiError> {
    let request = PutEvents::parse(body)?;
    let target = events.known.tracker(&request.tracking_id).await?;
    let now_us = (events.clock)().0 * 1000;
    let kind = DatasetType::Interactions;
    let of =
        |(n, event): (usize, PutEvent)| checked(&target, kind, &request.session_id, event, now_us + n as i64);
    let told: Vec<Event> = request.events.into_iter().enumerate().map(of).collect::<Result<_, _>>()?;
    let group = &target.group;
    let tied = match &request.user_id {
        Some(user) => {
            tie_both(events, group, &request.session_id, user).await?;
            None
        }
        None => events.store.user_of(group, &request.session_id).await.map_err(ApiError::internal)?,
    };
    let who = match request.user_id.as_deref().or(tied.as_deref()) {
        Some(user) => Who::User(user),
        None => Who::Session(&request.session_id),
    };
    let puts = told.iter().map(|event| events.store.put(group, who, event));
    let new = try_join_all(puts).await.map_err(ApiError::internal)?;
    let new = new.into_iter().filter(|new| *new).count();
    events.taken.fetch_add(new as u64, std::sync::atomic::Ordering::Relaxed);
    // Also when none was new: the call that brought them may have ended before this.
    if told.iter().any(|event| event.item.is_some()) {
        refresh(events, group, who).await;
    }
    Ok(())
}

/// The events are kept by now, so a list that stays as it was for a while is no failure of the call.
pub(crate) async fn refresh(events: &Events, group: &Arn, who: Who<'_>) {
    if let Err(error) = events.refresh.refresh(group, who).await {
        events.not_refreshed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let cause = ApiError::internal(error).causes();
        tracing::error!(%group, cause, "the lists of a user were not written anew");
    }
}

/// Hands what a session did with items and with actions over to its user, the first time that both are seen
/// together. Either kind of call ties both, so that it does not matter which one tells who it is.
pub(crate) async fn tie_both(
    events: &Events,
    group: &Arn,
    session: &str,
    user: &str,
) -> Result<(), ApiError> {
    tie(&events.store, &events.ties, group, session, user).await?;
    let known = (group.clone(), session.to_owned(), user.to_owned());
    if events.action_ties.has(&known) {
        return Ok(());
    }
    if events.known.has(group, DatasetType::ActionInteractions).await? {
        return tie(&events.store.with_actions(), &events.action_ties, group, session, user).await;
    }
    events.action_ties.add(known);
    Ok(())
}

async fn tie(
    store: &store::Events,
    ties: &Ties,
    group: &Arn,
    session: &str,
    user: &str,
) -> Result<(), ApiError> {
    let tie = (group.clone(), session.to_owned(), user.to_owned());
    // Clients that know nobody send the session as the user; then there is nobody to hand over to.
    if session == user || ties.has(&tie) {
        return Ok(());
    }
    let tied = store.user_of(group, session).await.map_err(ApiError::internal)?;
    if tied.as_deref() != Some(user) {
        store.tie(group, session, user).await.map_err(ApiError::internal)?;
    }
    ties.add(tie);
    Ok(())
}

/// An event whose properties fit the schema of its dataset. What has members of its own may be left out
/// whatever the schema says of null: imported data has a value for each event (ratings do), while many
/// events of an application have none.
pub(crate) fn checked(
    target: &Target,
    kind: DatasetType,
    session: &str,
    event: PutEvent,
    received_us: i64,
) -> Result<Event, ApiError> {
    let member = |name: &str| rules::is_reserved(kind, name);
    let columns = properties::columns(&target.schema, member, &event.properties, &event.path)?;
    let told = Event {
        id: String::new(),
        event_type: event.event_type,
        item: event.item_id,
        value: event.event_value,
        sent_at: event.sent_at,
        received_us,
        session: session.to_owned(),
        columns,
        impression: event.impression,
        recommendation: event.recommendation_id,
        attribution: event.attribution,
    };
    let id = event.event_id.unwrap_or_else(|| store::events::derived_id(&told));
    Ok(Event { id, ..told })
}
