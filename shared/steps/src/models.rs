//! Trained models and the data they were trained on, back from the store.

mod cache;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use dataset::manifest::ManifestPart;
use dataset::{EventFilter, History, Interactions, InteractionsReader, Manifest, ReadError};
use domain::recipes::Recipe;
use domain::resource::{Campaign, Dataset, DatasetType, SolutionVersion, TrainedModel};
use domain::{Arn, Resource};
use recipe::artifact::{self, Artifact, Loaded};
use recipe::{Query, RankedList, Recommender, precompute};
use store::{S3Location, StoredList};

pub use self::cache::ModelCache;

use crate::failure::{Doing, Failure};
use crate::{Steps, keys};

/// Columns of an Items dataset that may hold a title, the likeliest first.
const TITLE_COLUMNS: [&str; 3] = ["TITLE", "NAME", "ITEM_NAME"];

/// A model with the histories that it was trained on; both number items alike.
pub struct ServedModel {
    /// The model and the ids of its items.
    pub loaded: Loaded,
    /// What it was trained on.
    pub data: Interactions,
}

impl ServedModel {
    /// The list for a user; somebody unknown has an empty history.
    pub fn for_user(&self, user: &str, k: usize, exclude_seen: bool) -> StoredList {
        let history = self.data.users.get(user).map_or(NO_HISTORY, |number| self.data.history(number));
        self.for_history(history, k, exclude_seen)
    }

    /// The list for a user with these interactions.
    pub fn for_history(&self, history: History<'_>, k: usize, exclude_seen: bool) -> StoredList {
        let mut lists = self.loaded.model.recommend(&[Query::User(history)], k, exclude_seen);
        self.named(lists.pop().unwrap_or_default())
    }

    /// The list for somebody without a history.
    pub fn for_nobody(&self, k: usize) -> StoredList {
        let mut lists = self.loaded.model.recommend(&[Query::User(NO_HISTORY)], k, false);
        self.named(lists.pop().unwrap_or_default())
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
    let threshold = version.config.as_ref().and_then(|config| config.event_value_threshold.as_deref());
    let value_threshold = threshold.map(str::parse::<f32>).transpose().map_err(|_| {
        Failure::caller(format!("eventValueThreshold '{}' is not a number.", threshold.unwrap_or_default()))
    })?;
    Ok(EventFilter { event_type: version.event_type.clone(), value_threshold })
}

const NO_HISTORY: History<'static> = History::new(&[], &[]);

/// A list for every user of a model's data.
pub struct UserLists {
    model: Arc<ServedModel>,
    k: usize,
    exclude_seen: bool,
}

impl UserLists {
    /// User ids with their lists, computed block by block.
    pub fn iter(&self) -> impl Iterator<Item = (&str, StoredList)> {
        let users = 0..self.model.data.users.len() as u32;
        precompute::user_lists(&self.model.loaded.model, &self.model.data, users, self.k, self.exclude_seen)
            .map(|(user, list)| (self.model.data.users.id(user), self.model.named(list)))
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
        Ok(UserLists { model, k, exclude_seen })
    }

    /// Titles by item id, from the Items dataset of the campaign's group; empty where there is none
    /// or it has no column for titles.
    pub async fn titles_for(&self, campaign: &Arn) -> Result<HashMap<String, String>, Failure> {
        let campaign = self.existing::<Campaign>(campaign).await?;
        let version = self.existing::<SolutionVersion>(&campaign.solution_version).await?;
        let Some(dataset) = self.dataset(&version.dataset_group, DatasetType::Items).await? else {
            return Ok(HashMap::new());
        };
        let Some(snapshot) = &dataset.active else { return Ok(HashMap::new()) };
        let mut titles = HashMap::new();
        for part in self.manifest(&snapshot.manifest_key).await?.parts {
            let bytes = self.part(&part).await?;
            let Some((ids, names)) = TITLE_COLUMNS.iter().find_map(|title| {
                // A part without such a column is no failure: titles are for people only.
                let columns = dataset::read_columns(bytes.clone(), &["ITEM_ID", title]).ok()?;
                let [ids, names]: [_; 2] = columns.try_into().ok()?;
                Some((ids, names))
            }) else {
                continue;
            };
            titles.extend(ids.into_iter().zip(names).filter_map(|(id, title)| Some((id?, title?))));
        }
        Ok(titles)
    }

    /// The model of a trained version with the histories behind it.
    pub async fn served_model(&self, version: &SolutionVersion) -> Result<ServedModel, Failure> {
        let loaded = self.load(&trained(version)?.artifact_prefix).await?;
        let trained_on = &loaded.description.data;
        let data =
            self.described(version, &trained_on.snapshot, trained_on.items_snapshot.as_deref()).await?;
        Ok(ServedModel { loaded, data })
    }

    /// The same with the imported histories alone, for whoever reads a user's events from their table.
    /// Imported rows come first, so both number items alike.
    pub(crate) async fn imported_model(&self, version: &SolutionVersion) -> Result<ServedModel, Failure> {
        let loaded = self.load(&trained(version)?.artifact_prefix).await?;
        let manifest = self.manifest(&loaded.description.data.snapshot).await?;
        let data = self.read_parts(version, manifest.imported().to_vec()).await?;
        Ok(ServedModel { loaded, data })
    }

    /// The interactions of a snapshot, as a version filters them. The snapshot of a training holds what
    /// was imported, and then the events until then.
    pub(crate) async fn interactions(
        &self,
        version: &SolutionVersion,
        manifest_key: &str,
    ) -> Result<Interactions, Failure> {
        let parts = self.manifest(manifest_key).await?.parts;
        self.read_parts(version, parts).await
    }

    async fn read_parts(
        &self,
        version: &SolutionVersion,
        parts: Vec<ManifestPart>,
    ) -> Result<Interactions, Failure> {
        let mut reader = InteractionsReader::new(event_filter(version)?);
        for part in parts {
            let bytes = self.part(&part).await?;
            // One part at a time, so that the compressed data never lies in memory as a whole.
            reader = tokio::task::spawn_blocking(move || reader.push(bytes).map(|()| reader))
                .await
                .doing(|| format!("reading {}", part.key))?
                .map_err(|error| match error {
                    ReadError::Damaged { .. } => {
                        Failure::Internal { doing: format!("reading {}", part.key), cause: error.into() }
                    }
                    error => Failure::caller(error.to_string()),
                })?;
        }
        tokio::task::spawn_blocking(move || reader.finish()).await.doing(|| "sorting interactions".into())
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
