//! Live scoring: answers that no stored list can give, and lists anew after an event.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use dataset::EventFilter;
use domain::resource::{AppliedFilter, SolutionVersion};
use domain::{Arn, EpochMillis, RankingInfluence, Status, Steering};
use recipe::hrnn::Cause;
use serde::Deserialize;
use store::StoredList;
use tokio::sync::Mutex;

use crate::actions::ServedActions;
use crate::described::{Described, DescribedItems, Shown};
use crate::failure::{Doing, Failure};
use crate::filters::{Filters, Prepared};
use crate::left_out;
use crate::models::{ServedModel, Steer, event_filter, recipe_of};
use crate::newest::{FRESH_FOR, Newest};
use crate::refresh::{Doings, Past, Versions};
use crate::{ModelCache, Steps};

/// Models kept in memory: the version that is served and the one that follows it, for two campaigns.
const KEPT: usize = 4;

/// What is asked for: a list for a user or whoever is unknown, items related to an item, which leave out
/// what its user took where the use case says so, or given items in order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Question {
    /// For whom.
    pub user_id: Option<String>,
    /// Related to what.
    pub item_id: Option<String>,
    /// How many.
    pub num_results: usize,
    /// The context of the request.
    pub context: BTreeMap<String, String>,
    /// `itemExplorationConfig` of the campaign.
    pub exploration: BTreeMap<String, String>,
    /// `rankingInfluence` of the campaign.
    pub influence: RankingInfluence,
    /// What to put in order.
    pub input_list: Option<Vec<String>>,
    /// What may be answered. Its user and item are those of the request.
    pub filter: Option<AppliedFilter>,
}

/// Loads models on demand and keeps the latest ones. Clones share them.
#[derive(Clone)]
pub struct LiveModels {
    steps: Steps,
    models: ModelCache,
    versions: Arc<Mutex<Versions>>,
    filters: Filters,
    items: DescribedItems,
}

impl LiveModels {
    /// No model is loaded before it is asked for.
    pub fn new(steps: Steps) -> Self {
        let newest = Newest::new(steps.clone());
        let (filters, items) = (Filters::new(newest.clone()), DescribedItems::new(newest));
        Self { steps, models: ModelCache::keeping(KEPT), versions: Arc::default(), filters, items }
    }

    /// The answer of a version. A user's own events count where the recipe follows them.
    ///
    /// Fails as the caller's when a filter does not fit the data, or its values the filter.
    pub async fn answer(&self, version: &Arn, question: Question) -> Result<StoredList, Failure> {
        let missing = || Failure::caller(format!("{version} does not exist."));
        let version = self.version(version).await?.ok_or_else(missing)?;
        let model = self.model(&version).await?;
        let group = &version.dataset_group;
        let filter = match &question.filter {
            Some(filter) => {
                let expression = &filter.expression;
                Some(self.filters.prepare(expression, &filter.dataset_group, &version.arn, &model).await?)
            }
            None => None,
        };
        let follows = recipe_of(&version)?.algorithm.follows_events();
        let steered = question.user_id.as_deref().filter(|_| follows);
        let tested = question.filter.as_ref().and_then(|filter| filter.user.as_deref());
        let tested = tested.filter(|_| filter.as_ref().is_some_and(Prepared::reads_interactions));
        let spared = question.user_id.as_deref().filter(|_| model.leaves_out());
        // All are the user of the request, where there are several.
        let asked = steered.or(tested).or(spared);
        let of_actions = model.loaded.model.actions().is_some();
        let doings = match asked {
            Some(user) => self.doings(group, user, true, of_actions).await?,
            None => Doings::default(),
        };
        let counted = event_filter(&version)?;
        let answer = move || {
            let passing = match (&filter, &question.filter) {
                (Some(prepared), Some(filter)) => {
                    let events = if of_actions { &doings.actions } else { &doings.items };
                    let (user, item) = (filter.user.as_deref(), filter.item.as_deref());
                    let passing = prepared.apply(&filter.values, user, item, events);
                    Some(passing.map_err(|error| Failure::caller(error.to_string()))?)
                }
                _ => None,
            };
            let k = question.num_results;
            let user = question.user_id.as_deref().unwrap_or_default();
            let left_out = model.left_out(user, &doings.items);
            if let Some(item) = &question.item_id {
                return Ok(left_out::without(&left_out, k, |k| match &passing {
                    Some(passing) => model.for_item_within(item, k, passing.words()),
                    None => model.for_item(item, k),
                }));
            }
            let past = (follows && doings.count(true) > 0).then(|| Past::of(&model, &counted, user, &doings));
            let mut history = match &past {
                Some(past) => past.history(&model, user),
                None => model.history(user),
            };
            history.about.request = (!question.context.is_empty()).then_some(&question.context);
            let steering = Steering { exploration: question.exploration, influence: question.influence };
            let steer = model.steer(&steering)?;
            if let Some(items) = &question.input_list {
                let passes = |id: &&String| passing.as_ref().is_none_or(|passing| passing.has_id(id));
                let items: Vec<String> = items.iter().filter(passes).cloned().collect();
                return Ok(model.ranked(history, &items, &steer));
            }
            if let Some(actions) = model.actions() {
                let asked = ServedActions { now: EpochMillis::now().0 / 1000, ..actions };
                let passes = |action| {
                    passing.as_ref().is_none_or(|passing| recipe::is_within(passing.words(), action))
                };
                return Ok(asked.for_history(user, history, k, passes));
            }
            Ok(left_out::without(&left_out, k, |k| match &passing {
                Some(passing) => model.for_history_within(user, history, k, &steer, passing.words()),
                None => model.for_history(user, history, k, &steer),
            }))
        };
        tokio::task::spawn_blocking(answer).await.doing(|| "scoring".into())?
    }

    /// What items of a dataset group have in some columns, in the order of the items: values by the names
    /// that were asked for. A column that is null is left out.
    ///
    /// Fails as the caller's when there is no such column.
    pub async fn describe(&self, group: &Arn, asked: &Described) -> Result<Vec<Shown>, Failure> {
        self.items.describe(group, asked).await
    }

    /// Why a version recommends items to a user: the event of the user's own, imported or live, that moved
    /// each item most, by [`Lifted::causes`](recipe::influence::Lifted::causes). Nothing where no single
    /// event did, and for models that know no order of events.
    pub async fn explain(
        &self,
        version: &Arn,
        influence: RankingInfluence,
        user: &str,
        items: &[String],
    ) -> Result<Vec<Option<String>>, Failure> {
        let missing = || Failure::caller(format!("{version} does not exist."));
        let version = self.version(version).await?.ok_or_else(missing)?;
        let model = self.model(&version).await?;
        if model.loaded.model.network().is_none() {
            return Ok(vec![None; items.len()]);
        }
        let group = &version.dataset_group;
        let doings = self.doings(group, user, true, false).await?;
        let counted = event_filter(&version)?;
        let (user, asked) = (user.to_owned(), items.to_vec());
        let steer = model.steer(&Steering { influence, ..Steering::default() })?;
        let causes = move || causes(&model, &steer, &counted, &user, &doings, &asked);
        let causes = tokio::task::spawn_blocking(causes).await.doing(|| "explaining".into())?;
        let of: Vec<String> = causes.iter().flatten().map(|(item, _)| item.clone()).collect();
        let titles = self.items.titles(group, &of).await?;
        let sentence = |(item, factor): (String, f32)| because(&item, titles.get(&item), factor);
        Ok(causes.into_iter().map(|cause| cause.map(sentence)).collect())
    }

    /// A version's model with the imported histories.
    pub(crate) async fn model(&self, version: &SolutionVersion) -> Result<Arc<ServedModel>, Failure> {
        let state = version.state();
        // What it held before users were deleted is not kept beside it.
        self.models.retain(|kept| kept.0 != state.0 || *kept == state).await;
        self.models.get(&state, self.steps.imported_model(version)).await
    }

    /// A version, as it was at most [`FRESH_FOR`] ago.
    pub(crate) async fn version(&self, arn: &Arn) -> Result<Option<Arc<SolutionVersion>>, Failure> {
        if let Some((read, version)) = self.versions.lock().await.get(arn)
            && read.elapsed() < FRESH_FOR
        {
            return Ok(Some(version.clone()));
        }
        let found = self.steps.resources.get_as::<SolutionVersion>(arn).await;
        let Some(found) = found.doing(|| format!("reading {arn}"))? else {
            self.versions.lock().await.remove(arn);
            return Ok(None);
        };
        let version = Arc::new(found.value);
        if version.lifecycle.status == Status::Active {
            self.versions.lock().await.insert(arn.clone(), (Instant::now(), version.clone()));
        }
        Ok(Some(version))
    }

    pub(crate) fn steps(&self) -> &Steps {
        &self.steps
    }
}

/// For each item the item of the event that moved it most, and by how much.
fn causes(
    model: &ServedModel,
    steer: &Steer,
    counted: &EventFilter,
    user: &str,
    doings: &Doings,
    items: &[String],
) -> Vec<Option<(String, f32)>> {
    let Some(network) = model.network(steer) else { return vec![None; items.len()] };
    let past = (!doings.items.is_empty()).then(|| Past::of(model, counted, user, doings));
    let history = past.as_ref().map_or_else(|| model.history(user), |past| past.history(model, user));
    // An item that the model does not know has no number, and no cause.
    let numbers: Vec<u32> =
        items.iter().map(|item| model.loaded.items.get(item).unwrap_or(u32::MAX)).collect();
    let named = |cause: Cause| {
        let item = model.loaded.items.id(history.items[cause.event]);
        (item.to_owned(), cause.factor)
    };
    network.causes(history, &numbers).into_iter().map(|cause| cause.map(named)).collect()
}

/// The reason in a sentence.
fn because(item: &str, title: Option<&String>, factor: f32) -> String {
    let title = title.map(|title| format!(" ({title})")).unwrap_or_default();
    format!("Because of item {item}{title}: {factor:.1} times as likely as without it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_the_item_and_what_it_did() {
        assert_eq!(because("6", None, 2.06), "Because of item 6: 2.1 times as likely as without it");
        let heat = "Heat".to_owned();
        let sentence = because("6", Some(&heat), 1.0);
        assert_eq!(sentence, "Because of item 6 (Heat): 1.0 times as likely as without it");
    }
}
