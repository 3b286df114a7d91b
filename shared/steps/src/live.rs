//! Live scoring, for answers longer than a precomputed list.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Arn;
use domain::resource::SolutionVersion;
use store::{ListKey, StoredList};
use tokio::sync::{Mutex, OnceCell};

use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::models::ServedModel;

/// Models kept in memory. Two: the version that is served and the one that follows it.
const KEPT: usize = 2;

type Slot = Arc<OnceCell<Arc<ServedModel>>>;

/// Loads models on demand and keeps the latest ones.
pub struct LiveModels {
    steps: Steps,
    /// Oldest first.
    slots: Mutex<(Vec<Arn>, HashMap<Arn, Slot>)>,
}

impl LiveModels {
    /// No model is loaded before it is asked for.
    pub fn new(steps: Steps) -> Self {
        Self { steps, slots: Mutex::default() }
    }

    /// The `k` best items for a key of a version.
    pub async fn recommend(&self, version: &Arn, key: ListKey<'_>, k: usize) -> Result<StoredList, Failure> {
        let model = self.model(version).await?;
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

    /// The model of a version; loaded once, however many ask at the same time.
    async fn model(&self, version: &Arn) -> Result<Arc<ServedModel>, Failure> {
        let slot = self.slot(version).await;
        let model = slot
            .get_or_try_init(|| async {
                let version = self.steps.existing::<SolutionVersion>(version).await?;
                self.steps.served_model(&version).await.map(Arc::new)
            })
            .await?;
        Ok(model.clone())
    }

    async fn slot(&self, version: &Arn) -> Slot {
        let mut guard = self.slots.lock().await;
        let (order, slots) = &mut *guard;
        if let Some(slot) = slots.get(version) {
            return slot.clone();
        }
        if order.len() >= KEPT {
            slots.remove(&order.remove(0));
        }
        order.push(version.clone());
        slots.entry(version.clone()).or_default().clone()
    }
}
