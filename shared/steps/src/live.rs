//! Live scoring: answers longer than a precomputed list, and lists anew after an event.

use std::sync::Arc;

use domain::resource::SolutionVersion;
use domain::{Arn, Status};
use store::{ListKey, StoredList};
use tokio::sync::Mutex;

use crate::failure::{Doing, Failure};
use crate::models::{ServedModel, event_filter, recipe_of};
use crate::refresh::{Past, Versions};
use crate::{ModelCache, Steps};

/// Models kept in memory: the version that is served and the one that follows it, for two campaigns.
const KEPT: usize = 4;

/// Loads models on demand and keeps the latest ones. Clones share them.
#[derive(Clone)]
pub struct LiveModels {
    steps: Steps,
    models: ModelCache,
    versions: Arc<Mutex<Versions>>,
}

impl LiveModels {
    /// No model is loaded before it is asked for.
    pub fn new(steps: Steps) -> Self {
        Self { steps, models: ModelCache::keeping(KEPT), versions: Arc::default() }
    }

    /// The `k` best items for a key of a version. A user's own events count where the recipe follows them.
    pub async fn recommend(&self, version: &Arn, key: ListKey<'_>, k: usize) -> Result<StoredList, Failure> {
        let missing = || Failure::caller(format!("{version} does not exist."));
        let version = self.version(version).await?.ok_or_else(missing)?;
        let model = self.model(&version).await?;
        match key {
            ListKey::User(id) if recipe_of(&version)?.algorithm.follows_events() => {
                self.for_user(&version, model, id, k).await
            }
            ListKey::User(id) => {
                let id = id.to_owned();
                scored(move || model.for_user(&id, k, false)).await
            }
            ListKey::Item(id) => {
                let id = id.to_owned();
                scored(move || model.for_item(&id, k)).await
            }
            ListKey::Cold => scored(move || model.for_nobody(k)).await,
        }
    }

    async fn for_user(
        &self,
        version: &SolutionVersion,
        model: Arc<ServedModel>,
        id: &str,
        k: usize,
    ) -> Result<StoredList, Failure> {
        let (group, filter) = (&version.dataset_group, event_filter(version)?);
        let reading = || format!("reading events of {group}");
        let events = self.steps.events.of(group, id).await.doing(reading)?;
        let id = id.to_owned();
        scored(move || {
            let past = Past::of(&model, &filter, &id, &events);
            model.for_history(past.history(&model, &id), k, false)
        })
        .await
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

async fn scored(score: impl FnOnce() -> StoredList + Send + 'static) -> Result<StoredList, Failure> {
    tokio::task::spawn_blocking(score).await.doing(|| "scoring".into())
}
