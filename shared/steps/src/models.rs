//! Trained models and the data they were trained on, back from the store.

mod cache;

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use dataset::manifest::ManifestPart;
use dataset::{EventFilter, History, IdTable, Interactions, Manifest, TypeRule};
use domain::event::Event;
use domain::events_config::{EventParameters, EventsConfig};
use domain::hyperparameters::Hyperparameters;
use domain::recipes::{Algorithm, Exploration, ITEM_EXPLORATION, Recipe, RecipeType};
use domain::resource::{Campaign, CampaignConfig, Dataset, DatasetType, SolutionVersion, TrainedModel};
use domain::{Arn, EpochMillis, Resource, Steering, use_cases};
use recipe::artifact::{self, Artifact, Loaded};
use recipe::exploration::{self, Explorer};
use recipe::influence::{Lift, Lifted};
use recipe::{Query, RankedList, Recommender, precompute};
use store::{S3Location, StoredList};

pub use self::cache::{Kept, ModelCache};

use crate::actions::ServedActions;
use crate::failure::{Doing, Failure};
use crate::left_out::{self, Taken};
use crate::training_data::Snapshots;
use crate::{Steps, keys};

/// A model with the histories that it was trained on; both number items alike.
pub struct ServedModel {
    /// The model and the ids of its items.
    pub loaded: Loaded,
    /// What it was trained on.
    pub data: Interactions,
    recipe: &'static Recipe,
    version: Arn,
    created: EpochMillis,
    /// What users took, for the use cases that leave it out.
    taken: Option<Taken>,
}

/// What weighs in a model's answers besides the model, ready to be asked with it.
#[derive(Clone, Debug, Default)]
pub struct Steer {
    explorer: Option<Explorer>,
    lift: Option<Lift>,
}

impl ServedModel {
    /// What weighs in the model's answers besides itself. Fails as the caller's when the version was trained
    /// before there was such a thing.
    pub fn steer(&self, asked: &Steering) -> Result<Steer, Failure> {
        let items = self.loaded.freshness.as_ref();
        let lift = match items {
            // A search may choose a recipe whose answers nothing else weighs in.
            _ if !self.recipe.takes_influence() => None,
            None if !asked.influence.is_neutral() => {
                return Err(Failure::caller(format!(
                    "{} does not know how popular and how new its items are, so rankingInfluence cannot weigh in \
                     its answers: train a new version.",
                    self.version
                )));
            }
            None => None,
            Some(items) => Lift::of(items, &asked.influence),
        };
        Ok(Steer { explorer: self.explorer(&asked.exploration)?, lift })
    }

    /// What the model explores; `config` is `itemExplorationConfig`, whose values were checked.
    fn explorer(&self, config: &BTreeMap<String, String>) -> Result<Option<Explorer>, Failure> {
        let Some(freshness) = &self.loaded.freshness else { return Ok(None) };
        let description = &self.loaded.description;
        let seed = exploration::seed(description.seed, self.version.as_str());
        Ok(match self.recipe.exploration {
            Exploration::None => None,
            Exploration::Campaign => {
                let arn = self.recipe.algorithm_arn();
                let config = Hyperparameters::resolve(ITEM_EXPLORATION, config, arn.as_str())
                    .map_err(|error| Failure::caller(error.message))?;
                Explorer::of_campaign(freshness, &config, seed)
            }
            Exploration::ColdItems => {
                // The clock of the version, not of whoever asks: repeating gives the same lists.
                let now = self.created.0 / 1000;
                Explorer::of_cold_items(freshness, &description.hyperparameters, now, seed)
            }
        })
    }

    /// The network that recommends items, for the recipes that have one, with what weighs besides it.
    pub(crate) fn network<'a>(&'a self, steer: &'a Steer) -> Option<Lifted<'a>> {
        self.loaded.model.network().map(|network| Lifted::new(network, steer.lift.as_ref()))
    }

    /// The model as one of actions, if it is one.
    pub(crate) fn actions(&self) -> Option<ServedActions<'_>> {
        let model = self.loaded.model.actions()?;
        let seed = exploration::seed(self.loaded.description.seed, self.version.as_str());
        let period = recipe::actions::period(&self.loaded.description.hyperparameters);
        Some(ServedActions { model, data: &self.data, period, now: self.created.0 / 1000, seed })
    }

    /// What is known of a user, who may be unknown.
    pub fn history(&self, user: &str) -> History<'_> {
        self.data.users.get(user).map_or(NO_HISTORY, |number| self.data.history(number))
    }

    /// Whether answers to a user leave something out.
    pub(crate) fn leaves_out(&self) -> bool {
        self.taken.is_some()
    }

    /// What is left out of a user's answers; `told` are the user's events that came in live, where the data is
    /// what was imported alone.
    pub(crate) fn left_out(&self, user: &str, told: &[Event]) -> HashSet<Box<str>> {
        self.taken.as_ref().map_or_else(HashSet::new, |taken| taken.by(user, told))
    }

    /// The list for a user with this history.
    pub fn for_history(&self, user: &str, history: History<'_>, k: usize, steer: &Steer) -> StoredList {
        if let Some(actions) = self.actions() {
            return actions.for_history(user, history, k, |_| true);
        }
        let query = [Query::User(history)];
        let mut lists = match (self.network(steer), &steer.explorer) {
            (Some(network), Some(explorer)) => explorer.recommend(network, &query, &[user], k, false),
            (Some(network), None) => network.recommend(&query, k, false),
            (None, _) => self.loaded.model.recommend(&query, k, false),
        };
        self.named(lists.pop().unwrap_or_default())
    }

    /// The list for somebody without a history.
    pub fn for_nobody(&self, k: usize, steer: &Steer) -> StoredList {
        self.for_history("", NO_HISTORY, k, steer)
    }

    /// A range of users with their lists, without what is left out of them.
    pub fn for_users<'a>(
        &'a self,
        users: Range<u32>,
        k: usize,
        exclude_seen: bool,
        steer: &'a Steer,
    ) -> Box<dyn Iterator<Item = (&'a str, StoredList)> + 'a> {
        let lists = |k| self.unfiltered_for_users(users, k, exclude_seen, steer);
        if self.taken.is_none() {
            return lists(k);
        }
        // Users are asked about together, so for as many more as are left out at most.
        Box::new(lists(k + left_out::ITEMS_MAX).map(move |(user, list)| {
            let left_out = self.left_out(user, &[]);
            (user, left_out::without(&left_out, k, |_| list))
        }))
    }

    fn unfiltered_for_users<'a>(
        &'a self,
        users: Range<u32>,
        k: usize,
        exclude_seen: bool,
        steer: &'a Steer,
    ) -> Box<dyn Iterator<Item = (&'a str, StoredList)> + 'a> {
        let (model, data) = (&self.loaded.model, &self.data);
        if let Some(actions) = self.actions() {
            return Box::new(actions.for_users(users, k));
        }
        let named = |(user, list)| (data.users.id(user), self.named(list));
        match (self.network(steer), &steer.explorer) {
            (Some(network), Some(explorer)) => Box::new(
                precompute::explored_lists(network, explorer, data, users, k, exclude_seen).map(named),
            ),
            (Some(network), None) => {
                Box::new(precompute::user_lists(network, data, users, k, exclude_seen).map(named))
            }
            (None, _) => Box::new(precompute::user_lists(model, data, users, k, exclude_seen).map(named)),
        }
    }

    /// Given items in the order that suits a user, with scores that are shares of the list. Items that the
    /// model does not know come last and have no score.
    pub fn ranked(&self, history: History<'_>, items: &[String], steer: &Steer) -> StoredList {
        let mut known: Vec<u32> = vec![];
        let mut unknown: Vec<&String> = vec![];
        for id in items {
            match self.loaded.items.get(id) {
                Some(number) => known.push(number),
                None if !unknown.contains(&id) => unknown.push(id),
                None => {}
            }
        }
        let list = match self.network(steer) {
            Some(network) => network.rank(history, &known),
            None => RankedList { items: known, scores: vec![] },
        };
        let mut named = self.named(list);
        named.items.extend(unknown.into_iter().cloned());
        named
    }

    /// The items related to an item; for an unknown item, the popular ones.
    pub fn for_item(&self, item: &str, k: usize) -> StoredList {
        match self.loaded.items.get(item) {
            Some(number) => {
                let mut lists = self.loaded.model.recommend(&[Query::Item(number)], k, false);
                self.named(lists.pop().unwrap_or_default())
            }
            None => self.popular(k),
        }
    }

    /// [`for_history`](Self::for_history) among the items in `allowed`, as
    /// [`Recommender::recommend_within`](recipe::Recommender::recommend_within) has it.
    pub fn for_history_within(
        &self,
        user: &str,
        history: History<'_>,
        k: usize,
        steer: &Steer,
        allowed: &[u64],
    ) -> StoredList {
        if let Some(actions) = self.actions() {
            return actions.for_history(user, history, k, |action| recipe::is_within(allowed, action));
        }
        let query = Query::User(history);
        self.named(match (self.network(steer), &steer.explorer) {
            (Some(network), Some(explorer)) => explorer.recommend_within(network, query, user, k, allowed),
            (Some(network), None) => network.recommend_within(query, k, allowed),
            (None, _) => self.loaded.model.recommend_within(query, k, allowed),
        })
    }

    /// [`for_item`](Self::for_item) among the items in `allowed`.
    pub fn for_item_within(&self, item: &str, k: usize, allowed: &[u64]) -> StoredList {
        match self.loaded.items.get(item) {
            Some(number) => self.named(self.loaded.model.recommend_within(Query::Item(number), k, allowed)),
            None => {
                let popular = self.loaded.popular.iter().copied();
                let items = popular.filter(|&item| recipe::is_within(allowed, item)).take(k).collect();
                self.named(RankedList { items, scores: Vec::new() })
            }
        }
    }

    /// The popular items, without scores.
    pub fn popular(&self, k: usize) -> StoredList {
        let items = self.loaded.popular.iter().take(k).copied().collect();
        self.named(RankedList { items, scores: Vec::new() })
    }

    /// Item numbers to ids.
    pub fn named(&self, list: RankedList) -> StoredList {
        let items = list.items.iter().map(|&item| self.loaded.items.id(item).to_owned()).collect();
        StoredList { items, scores: list.scores }
    }
}

/// What the training of a version left behind.
pub(crate) fn trained(version: &SolutionVersion) -> Result<&TrainedModel, Failure> {
    let untrained = || Failure::caller(format!("{} has not been trained to the end.", version.arn));
    version.model.as_ref().ok_or_else(untrained)
}

/// The recipe that a version was trained with.
pub(crate) fn recipe_of(version: &SolutionVersion) -> Result<&'static Recipe, Failure> {
    domain::recipes::find(&version.recipe)
        .ok_or_else(|| Failure::caller(format!("There is no recipe {}.", version.recipe)))
}

/// Which events a version counts, those of imports and those that came in live.
pub(crate) fn event_filter(version: &SolutionVersion) -> Result<EventFilter, Failure> {
    if let Some(events) = version.config.as_ref().and_then(|config| config.events_config.as_ref()) {
        return Ok(EventFilter { types: type_rules(events), ..EventFilter::default() });
    }
    let threshold = version.config.as_ref().and_then(|config| config.event_value_threshold.as_deref());
    let value_threshold = threshold.map(str::parse::<f32>).transpose().map_err(|_| {
        Failure::caller(format!("eventValueThreshold '{}' is not a number.", threshold.unwrap_or_default()))
    })?;
    Ok(EventFilter { event_type: version.event_type.clone(), value_threshold, types: vec![] })
}

/// Only the ratio of weights matters, so the largest becomes 1: types that weigh the same then weigh
/// nothing at all, to the last bit.
fn type_rules(events: &EventsConfig) -> Vec<TypeRule> {
    let list = &events.event_parameters_list;
    let largest = list.iter().map(EventParameters::weight).fold(0.0, f64::max);
    let rule = |one: &EventParameters| TypeRule {
        event_type: one.event_type.clone(),
        value_threshold: one.event_value_threshold,
        weight: if largest > 0.0 { (one.weight() / largest) as f32 } else { 1.0 },
    };
    list.iter().map(rule).collect()
}

/// The event types that a version trains on, for people.
pub(crate) fn event_types(version: &SolutionVersion) -> Option<String> {
    let events = version.config.as_ref().and_then(|config| config.events_config.as_ref());
    events.map(EventsConfig::names).or_else(|| version.event_type.clone())
}

pub(crate) const NO_HISTORY: History<'static> = History::new(&[], &[]);

/// A list for every user of a model's data.
pub struct UserLists {
    model: Arc<ServedModel>,
    steer: Steer,
    k: usize,
    exclude_seen: bool,
}

impl UserLists {
    /// User ids with their lists, computed block by block.
    pub fn iter(&self) -> impl Iterator<Item = (&str, StoredList)> {
        let users = 0..self.model.data.users.len() as u32;
        self.model.for_users(users, self.k, self.exclude_seen, &self.steer)
    }
}

impl Steps {
    /// Every user's list from the version that a campaign serves, computed afresh.
    pub async fn user_lists(
        &self,
        campaign: &Arn,
        k: usize,
        exclude_seen: bool,
    ) -> Result<UserLists, Failure> {
        let campaign = self.existing::<Campaign>(campaign).await?;
        let version = self.existing::<SolutionVersion>(&campaign.solution_version).await?;
        let model = Arc::new(self.served_model(&version).await?);
        let steering = campaign.config.as_ref().map(CampaignConfig::steering).unwrap_or_default();
        let steer = model.steer(&steering)?;
        Ok(UserLists { model, steer, k, exclude_seen })
    }

    /// The model of a trained version with the histories behind it.
    pub async fn served_model(&self, version: &SolutionVersion) -> Result<ServedModel, Failure> {
        self.model_of(version, false).await
    }

    /// The same with the imported histories alone, for whoever reads a user's events from their table.
    pub(crate) async fn imported_model(&self, version: &SolutionVersion) -> Result<ServedModel, Failure> {
        self.model_of(version, true).await
    }

    async fn model_of(&self, version: &SolutionVersion, imported: bool) -> Result<ServedModel, Failure> {
        let recipe = recipe_of(version)?;
        let loaded = self.load(&trained(version)?.artifact_prefix).await?;
        let snapshots = Snapshots::of(&loaded.description.data);
        let manifest = self.manifest(&snapshots.interactions).await?;
        let parts = if imported { manifest.imported().to_vec() } else { manifest.parts.clone() };
        // Lists of items are published for everybody; who asks is known to live answers.
        let of_users = recipe.recipe_type != RecipeType::RelatedItems;
        let use_case = use_cases::find_by_name(recipe.name).filter(|_| of_users || imported);
        let taken = match use_case.and_then(|use_case| use_case.leaves_out) {
            Some(event_type) => Some(Taken::read(self, &manifest, &parts, event_type).await?),
            None => None,
        };
        // As the model numbers them: rows may have left since it was trained, and those that came in live
        // may be left out.
        let items = Some(IdTable::clone(&loaded.items));
        let mut data = self.read_parts(version, recipe, &manifest, parts, items).await?;
        if data.items.len() == loaded.items.len() {
            data.items = loaded.items.clone();
        }
        // A question about an attribute may be about one that taught nothing.
        let asks_columns = recipe.algorithm == Algorithm::ItemAttributeAffinity;
        let config = version.config.as_ref().filter(|_| !asks_columns);
        self.describe(&mut data, &snapshots, config).await?;
        if let Some(model) = loaded.model.actions() {
            // Those of the model, numbered as it numbers them.
            self.describe_actions(&mut data, model.actions.clone(), &snapshots, imported).await?;
        }
        let (version, created) = (version.arn.clone(), version.lifecycle.created);
        Ok(ServedModel { loaded, data, recipe, version, created, taken })
    }

    /// A part of a dataset, checked against its manifest.
    pub(crate) async fn part(&self, part: &ManifestPart) -> Result<Bytes, Failure> {
        let bytes =
            self.objects.get(&self.objects.at(&part.key)).await.doing(|| format!("reading {}", part.key))?;
        part.verify(&bytes).doing(|| format!("reading {}", part.key))?;
        Ok(bytes)
    }

    /// A dataset's manifest.
    pub(crate) async fn manifest(&self, key: &str) -> Result<Manifest, Failure> {
        let bytes = self.objects.get(&self.objects.at(key)).await.doing(|| format!("reading {key}"))?;
        Manifest::from_json(&bytes).doing(|| format!("reading {key}"))
    }

    /// A dataset of a group, by type.
    pub(crate) async fn dataset(&self, group: &Arn, kind: DatasetType) -> Result<Option<Dataset>, Failure> {
        let tail = format!("{}/{}", group.tail(), kind.as_str());
        let text =
            group.as_str().replace(&format!("dataset-group/{}", group.tail()), &format!("dataset/{tail}"));
        let arn: Arn = text.parse().doing(|| format!("naming dataset {tail}"))?;
        let found = self.resources.get_as::<Dataset>(&arn).await.doing(|| format!("reading {arn}"))?;
        Ok(found.map(|revised| revised.value))
    }

    /// A resource that must be there.
    pub(crate) async fn existing<R: TryFrom<Resource>>(&self, arn: &Arn) -> Result<R, Failure> {
        let found = self.resources.get_as::<R>(arn).await.doing(|| format!("reading {arn}"))?;
        found.map(|revised| revised.value).ok_or_else(|| Failure::caller(format!("{arn} does not exist.")))
    }

    pub(crate) async fn load(&self, prefix: &str) -> Result<Loaded, Failure> {
        let mut files = Artifact::default();
        let objects =
            self.objects.list(self.objects.bucket(), prefix).await.doing(|| format!("listing {prefix}"))?;
        for object in objects {
            let at: S3Location = self.objects.at(&object.key);
            let bytes = self.objects.get(&at).await.doing(|| format!("reading {at}"))?;
            let name = object.key.trim_start_matches(prefix).to_owned();
            files.files.insert(name, bytes.to_vec());
        }
        tokio::task::spawn_blocking(move || artifact::from_artifact(&files))
            .await
            .doing(|| "loading a model".into())?
            .doing(|| format!("loading the model under {prefix}"))
    }

    /// Writes a model's files, `model.json` last: a prefix without it holds no model.
    pub(crate) async fn save(&self, version: &Arn, artifact: Artifact) -> Result<String, Failure> {
        let prefix = keys::model_prefix(version);
        let (description, others): (Vec<_>, Vec<_>) =
            artifact.files.into_iter().partition(|(name, _)| name == artifact::DESCRIPTION);
        for (name, bytes) in others.into_iter().chain(description) {
            let at = self.objects.at(format!("{prefix}{name}"));
            self.objects.put(&at, bytes).await.doing(|| format!("writing {at}"))?;
        }
        Ok(prefix)
    }
}
