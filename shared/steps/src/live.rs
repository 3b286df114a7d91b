//! Live scoring, for answers longer than a precomputed list.

use domain::Arn;
use domain::resource::SolutionVersion;
use store::{ListKey, StoredList};

use crate::failure::{Doing, Failure};
use crate::{ModelCache, Steps};

/// Models kept in memory. Two: the version that is served and the one that follows it.
const KEPT: usize = 2;

/// Loads models on demand and keeps the latest ones.
pub struct LiveModels {
    steps: Steps,
    models: ModelCache,
}

impl LiveModels {
    /// No model is loaded before it is asked for.
    pub fn new(steps: Steps) -> Self {
        Self { steps, models: ModelCache::keeping(KEPT) }
    }

    /// The `k` best items for a key of a version.
    pub async fn recommend(&self, version: &Arn, key: ListKey<'_>, k: usize) -> Result<StoredList, Failure> {
        let load = async {
            let version = self.steps.existing::<SolutionVersion>(version).await?;
            self.steps.served_model(&version).await
        };
        let model = self.models.get(version, load).await?;
        let (kind, id) = match key {
            ListKey::User(id) => ('u', id.to_owned()),
            ListKey::Item(id) => ('i', id.to_owned()),
            ListKey::Cold => ('c', String::new()),
        };
        tokio::task::spawn_blocking(move || match kind {
            'u' => model.for_user(&id, k, false),
            'i' => model.for_item(&id, k),
            _ => model.for_nobody(k),
        })
        .await
        .doing(|| "scoring".into())
    }
}
