//! Live scoring: answers that no stored list can give, and lists anew after an event.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::resource::{AppliedFilter, SolutionVersion};
use domain::{Arn, Status};
use serde::Deserialize;
use store::StoredList;
use tokio::sync::Mutex;

use crate::failure::{Doing, Failure};
use crate::filters::{Filters, Prepared};
use crate::models::{ServedModel, event_filter, recipe_of};
use crate::refresh::{Past, Versions};
use crate::{ModelCache, Steps};

/// Models kept in memory: the version that is served and the one that follows it, for two campaigns.
const KEPT: usize = 4;

/// What is asked for: a list for a user or whoever is unknown, items related to an item, or given items
/// in order.
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
}

impl LiveModels {
    /// No model is loaded before it is asked for.
    pub fn new(steps: Steps) -> Self {
        let filters = Filters::new(steps.clone());
        Self { steps, models: ModelCache::keeping(KEPT), versions: Arc::default(), filters }
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
        // Both are the user of the request, where there are both.
        let events = match steered.or(tested) {
            Some(user) => {
                self.steps.events.of(group, user).await.doing(|| format!("reading events of {group}"))?
            }
            None => Vec::new(),
        };
        let counted = event_filter(&version)?;
        let answer = move || {
            let passing = match (&filter, &question.filter) {
                (Some(prepared), Some(filter)) => {
                    let (user, item) = (filter.user.as_deref(), filter.item.as_deref());
                    let passing = prepared.apply(&filter.values, user, item, &events);
                    Some(passing.map_err(|error| Failure::caller(error.to_string()))?)
                }
                _ => None,
            };
            let k = question.num_results;
            if let (None, Some(item)) = (&question.user_id, &question.item_id) {
                return Ok(match &passing {
                    Some(passing) => model.for_item_within(item, k, passing.words()),
                    None => model.for_item(item, k),
                });
            }
            let user = question.user_id.as_deref().unwrap_or_default();
            let past = (follows && !events.is_empty()).then(|| Past::of(&model, &counted, user, &events));
            let mut history = match &past {
                Some(past) => past.history(&model, user),
                None => model.history(user),
            };
            history.about.request = (!question.context.is_empty()).then_some(&question.context);
            if let Some(items) = &question.input_list {
                let passes = |id: &&String| passing.as_ref().is_none_or(|passing| passing.has_id(id));
                let items: Vec<String> = items.iter().filter(passes).cloned().collect();
                return Ok(model.ranked(history, &items));
            }
            let explorer = model.explorer(&question.exploration)?;
            Ok(match &passing {
                Some(passing) => {
                    model.for_history_within(user, history, k, explorer.as_ref(), passing.words())
                }
                None => model.for_history(user, history, k, explorer.as_ref()),
            })
        };
        tokio::task::spawn_blocking(answer).await.doing(|| "scoring".into())?
    }

    /// A version's model with the imported histories.
    pub(crate) async fn model(&self, version: &SolutionVersion) -> Result<Arc<ServedModel>, Failure> {
        self.models.get(&version.arn, self.steps.imported_model(version)).await
    }

    /// A version, which is read once: it never changes after it was trained.
    pub(crate) async fn version(&self, arn: &Arn) -> Result<Option<Arc<SolutionVersion>>, Failure> {
        if let Some(version) = self.versions.lock().await.get(arn) {
            return Ok(Some(version.clone()));
        }
        let found = self.steps.resources.get_as::<SolutionVersion>(arn).await;
        let Some(found) = found.doing(|| format!("reading {arn}"))? else { return Ok(None) };
        let version = Arc::new(found.value);
        if version.lifecycle.status == Status::Active {
            self.versions.lock().await.insert(arn.clone(), version.clone());
        }
        Ok(Some(version))
    }

    pub(crate) fn steps(&self) -> &Steps {
        &self.steps
    }
}
