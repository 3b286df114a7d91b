//! A user's lists anew after an event, without a training.
//!
//! The history is what was imported, and then the user's events from their table; the model's plain
//! forward pass scores it, and the list goes over the one in the slot that serves. While a deployment is
//! under way the list of the version that comes goes to its slot too: `deploy/late.rs` says why nothing
//! is lost between the two.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use dataset::{ActionEvent, EventFilter, History, Outcome};
use domain::event::Event;
use domain::limits::PRECOMPUTED_RESULTS;
use domain::recommender::Serving;
use domain::resource::{Campaign, CampaignConfig, SolutionVersion};
use domain::{Arn, ResourceKind, Slot, Status, Steering};
use store::{ListKey, Refresh, Shelf, StoredList, Who};

use crate::deploy::Target;
use crate::failure::{Doing, Failure};
use crate::left_out;
use crate::live::LiveModels;
use crate::models::{ServedModel, Steer, event_filter, recipe_of};

/// What a user, or a session, did that came in live, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Doings {
    /// With items.
    pub items: Vec<Event>,
    /// With actions.
    pub actions: Vec<Event>,
}

impl Doings {
    /// How many events a list follows from; one that follows from fewer is older. Those with actions count
    /// for a recipe that reads them alone, so that a list's number only grows, whatever other campaigns
    /// there are.
    pub fn count(&self, actions: bool) -> u64 {
        (self.items.len() + if actions { self.actions.len() } else { 0 }) as u64
    }
}

/// A user's interactions, imported and live, oldest first.
pub(crate) struct Past {
    items: Vec<u32>,
    timestamps: Vec<i64>,
    actions: Vec<ActionEvent>,
    /// Whether any of the events is one that the model can follow.
    pub moved: bool,
}

impl Past {
    /// Merges both by time; at the same second what was imported comes first, as in a training. Events of
    /// other types, and with items that the model does not know, change nothing.
    pub fn of(model: &ServedModel, filter: &EventFilter, user: &str, doings: &Doings) -> Self {
        let imported = model.data.users.get(user).map(|number| model.data.history(number));
        let live = doings.items.iter().filter(|event| filter.keeps(&event.event_type, event.value));
        let live: Vec<(i64, u32)> = live
            .filter_map(|event| Some((event.timestamp(), model.loaded.items.get(event.item.as_ref()?)?)))
            .collect();
        let told = actions_of(model, &doings.actions);
        let moved = !live.is_empty() || !told.is_empty();
        let mut actions = imported.map_or_else(Vec::new, |history| history.about.actions.to_vec());
        actions.extend(told);
        actions.sort_by_key(|event| event.timestamp);
        let imported = imported
            .into_iter()
            .flat_map(|history| history.timestamps.iter().copied().zip(history.items.iter().copied()));
        let mut all: Vec<(i64, u32)> = imported.chain(live).collect();
        // Stable, so that the order of equal times stays.
        all.sort_by_key(|&(timestamp, _)| timestamp);
        let (timestamps, items) = all.into_iter().unzip();
        Self { items, timestamps, actions, moved }
    }

    /// The same as models take it, with what is known of the user. Of live events nothing but their time
    /// is told to the model.
    pub fn history<'a>(&'a self, model: &'a ServedModel, user: &str) -> History<'a> {
        let mut history = History::new(&self.items, &self.timestamps);
        history.about.actions = &self.actions;
        if let Some(number) = model.data.users.get(user) {
            history.about.user = model.data.history(number).about.user;
        }
        history
    }
}

/// What of live events the model can follow, where it is one of actions.
fn actions_of(model: &ServedModel, events: &[Event]) -> Vec<ActionEvent> {
    let Some(known) = model.loaded.model.actions() else { return vec![] };
    let read = |event: &Event| {
        let id = event.item.as_ref()?;
        let action = known.actions.iter().position(|action| action.id == *id)? as u32;
        let outcome = Outcome::parse(&event.event_type)?;
        Some(ActionEvent { action, timestamp: event.timestamp(), outcome })
    };
    events.iter().filter_map(read).collect()
}

/// The list that a user's events lead to; nothing where no event is one that the model can follow.
/// The list is made as a deployment makes it.
pub(crate) fn moved_list(
    model: &ServedModel,
    steer: &Steer,
    filter: &EventFilter,
    user: &str,
    doings: &Doings,
) -> Option<StoredList> {
    let past = Past::of(model, filter, user, doings);
    let left_out = model.left_out(user, &doings.items);
    let list = |k| model.for_history(user, past.history(model, user), k, steer);
    past.moved.then(|| left_out::without(&left_out, PRECOMPUTED_RESULTS, list))
}

/// A slot that a user's list is written to.
struct Place {
    campaign: Arn,
    slot: Slot,
    version: Arc<SolutionVersion>,
    /// What weighs in the lists there.
    steering: Steering,
    /// Whether they are lists of actions.
    actions: bool,
}

impl LiveModels {
    /// Writes the lists of a user anew in every campaign of the group that follows events, and answers
    /// with how many there are. May be repeated.
    pub async fn refresh(&self, group: &Arn, who: Who<'_>) -> Result<u64, Failure> {
        // The pointers are read after the event was written, and not from memory: an event that is older
        // than a swap is seen by the deployment, and one that is younger sees the swap.
        let places = self.places(group).await?;
        if places.is_empty() {
            return Ok(0);
        }
        let actions = places.iter().any(|place| place.actions);
        let doings = Arc::new(self.doings(group, who.id(), true, actions).await?);
        let (mut written, mut failed) = (0, None);
        for place in places {
            match self.refresh_in(&place, who, &doings).await {
                Ok(true) => written += 1,
                Ok(false) => {}
                // The other campaigns get their lists all the same.
                Err(failure) => failed = Some(failure),
            }
        }
        failed.map_or(Ok(written), Err)
    }

    /// What a user did with items and with actions, each where it is asked for.
    pub(crate) async fn doings(
        &self,
        group: &Arn,
        user: &str,
        items: bool,
        actions: bool,
    ) -> Result<Doings, Failure> {
        let events = &self.steps().events;
        let reading = || format!("reading events of {group}");
        let mut doings = Doings::default();
        if items {
            doings.items = events.of(group, user).await.doing(reading)?;
        }
        if actions {
            doings.actions = events.with_actions().of(group, user).await.doing(reading)?;
        }
        Ok(doings)
    }

    async fn refresh_in(&self, place: &Place, who: Who<'_>, doings: &Arc<Doings>) -> Result<bool, Failure> {
        let version = &place.version;
        let model = self.model(version).await?;
        let filter = event_filter(version)?;
        let steer = model.steer(&place.steering)?;
        let (user, told) = (who.id().to_owned(), doings.clone());
        let list = tokio::task::spawn_blocking(move || moved_list(&model, &steer, &filter, &user, &told))
            .await
            .doing(|| "scoring".into())?;
        let Some(list) = list else { return Ok(false) };
        let expires = matches!(who, Who::Session(_)).then(|| self.steps().events.anonymous_until());
        let refresh = Refresh {
            version: &version.arn,
            key: ListKey::User(who.id()),
            list: &list,
            events: doings.count(place.actions),
            expires,
        };
        let shelf = Shelf::new(&place.campaign, place.slot);
        self.steps().lists.refresh(shelf, refresh).await.doing(|| format!("writing a list of {shelf}"))
    }

    /// Where lists of the group's users lie that follow their events.
    async fn places(&self, group: &Arn) -> Result<Vec<Place>, Failure> {
        let resources = &self.steps().resources;
        let campaigns = resources.list_all(ResourceKind::Campaign, None).await;
        let recommenders = resources.list_all(ResourceKind::Recommender, Some(group)).await;
        let mut serving = campaigns.doing(|| "listing campaigns".into())?;
        serving.extend(recommenders.doing(|| format!("listing recommenders of {group}"))?);
        let mut places = Vec::new();
        for serving in serving {
            let Ok(serving) = Serving::try_from(serving) else { continue };
            let campaign = serving.campaign();
            for (slot, version, steering) in slots(campaign) {
                let version = self.version(&version).await?;
                // A recommender's may be in training still: its deployment will see the event.
                let trained = version.as_ref().filter(|version| version.lifecycle.status == Status::Active);
                let recipe = trained.map(|version| recipe_of(version)).transpose()?;
                let follows = recipe.is_some_and(|recipe| recipe.lists_follow_events());
                let actions = recipe.is_some_and(|recipe| recipe.reads_actions());
                if let Some(version) = version.filter(|version| follows && version.dataset_group == *group) {
                    let campaign = campaign.arn.clone();
                    places.push(Place { campaign, slot, version, steering, actions });
                }
            }
        }
        Ok(places)
    }
}

/// The slots of a campaign that are read, or about to be, with the versions that are in them.
fn slots(campaign: &Campaign) -> Vec<(Slot, Arn, Steering)> {
    let mut slots = Vec::new();
    if campaign.lifecycle.status == Status::Active {
        let steering = campaign.config.as_ref().map(CampaignConfig::steering);
        let serving = (campaign.slots.serving, campaign.solution_version.clone());
        slots.push((serving.0, serving.1, steering.unwrap_or_default()));
    }
    let life = match &campaign.latest_update {
        Some(update) if campaign.lifecycle.status == Status::Active => &update.lifecycle,
        _ => &campaign.lifecycle,
    };
    if life.status.begun().is_some() {
        let Target { version, slot, steering, .. } = Target::of(campaign);
        // A slot that still holds another version whole was not begun; what is written there now would
        // make that version's rollback miss a list.
        if campaign.slots.held(slot).is_none_or(|held| *held == version) {
            slots.push((slot, version, steering));
        }
    }
    slots
}

/// The versions that campaigns point at, and when each was read.
pub(crate) type Versions = HashMap<Arn, (Instant, Arc<SolutionVersion>)>;
