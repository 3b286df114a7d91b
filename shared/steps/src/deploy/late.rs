//! Users who did something after the version was trained.
//!
//! Lists are published from what the version was trained on. Before the swap, [`Deployment::catch_up`]
//! reads the group's events and scores the users anew who have events from after the training began.
//! An event that comes later than that reading is not missed either: whoever writes it reads the
//! campaign afterwards, finds the deployment under way and writes the list to the slot that comes as well
//! as to the one that serves (`refresh.rs`), and nothing is published over it any more. An event whose
//! writer read the campaign before the deployment began is older than the reading. So a process that is
//! killed anywhere, and does all of it again, ends with lists that follow from every event.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use store::{ListKey, Refresh, Shelf};

use super::Deployment;
use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::models::event_filter;
use crate::refresh::{Doings, moved_list};

/// How far clocks may lie apart. Whoever is scored without need costs one write.
const CLOCKS_APART_MS: i64 = 60_000;
/// Lists that are scored and written at a time.
const AT_ONCE: usize = 16;

/// The events of a user or session.
struct Of {
    /// Whether no user is known of any of them.
    anonymous: bool,
    /// When the newest came in, in microseconds.
    received_us: i64,
    doings: Doings,
}

impl Deployment {
    /// Scores anew whoever has events that the published lists may not follow from.
    pub(super) async fn catch_up(&self, steps: &Steps) -> Result<(), Failure> {
        if !self.recipe.lists_follow_events() {
            return Ok(());
        }
        let group = &self.version.dataset_group;
        let reading = || format!("reading events of {group}");
        let told = steps.events.all(group).await.doing(reading)?;
        let actions = match self.recipe.reads_actions() {
            true => steps.events.with_actions().all(group).await.doing(reading)?,
            false => vec![],
        };
        let mut users: BTreeMap<String, Of> = BTreeMap::new();
        let told = told.into_iter().map(|told| (false, told));
        for (is_action, told) in told.chain(actions.into_iter().map(|told| (true, told))) {
            let of = users.entry(told.user).or_insert_with(|| Of {
                anonymous: true,
                received_us: i64::MIN,
                doings: Doings::default(),
            });
            of.anonymous &= told.anonymous;
            of.received_us = of.received_us.max(told.event.received_us);
            let doings = if is_action { &mut of.doings.actions } else { &mut of.doings.items };
            doings.push(told.event);
        }
        // The training read the events after its version was created.
        let since = (self.version.lifecycle.created.0 - CLOCKS_APART_MS) * 1000;
        users.retain(|_, of| of.received_us >= since);
        if users.is_empty() {
            return Ok(());
        }
        let model = Arc::new(steps.imported_model(&self.version).await?);
        let filter = Arc::new(event_filter(&self.version)?);
        let steer = Arc::new(model.steer(&self.target.steering)?);
        let total = users.len();
        let written: usize = stream::iter(users)
            .map(|(user, Of { anonymous, doings, .. })| {
                let (model, steer, filter) = (model.clone(), steer.clone(), filter.clone());
                async move {
                    let events = doings.count(true);
                    let score = move || (moved_list(&model, &steer, &filter, &user, &doings), user);
                    let (list, user) = tokio::task::spawn_blocking(score).await.doing(|| "scoring".into())?;
                    let Some(list) = list else { return Ok(0) };
                    let refresh = Refresh {
                        version: &self.version.arn,
                        key: ListKey::User(&user),
                        list: &list,
                        events,
                        expires: anonymous.then(|| steps.events.anonymous_until()),
                    };
                    let shelf = Shelf::new(&self.campaign().arn, self.target.slot);
                    let written = steps.lists.refresh(shelf, refresh).await;
                    written.map(usize::from).doing(|| format!("writing a list of {shelf}"))
                }
            })
            .buffer_unordered(AT_ONCE)
            .try_fold(0, |sum, one: usize| async move { Ok::<_, Failure>(sum + one) })
            .await?;
        tracing::info!(campaign = %self.campaign().arn, users = total, written, "caught up with events");
        Ok(())
    }
}
