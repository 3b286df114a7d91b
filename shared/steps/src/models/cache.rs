//! Models that stay in memory between calls.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::Arn;
use tokio::sync::{Mutex, OnceCell};

use super::ServedModel;
use crate::failure::Failure;

type Slot = Arc<OnceCell<Arc<ServedModel>>>;

/// The models that were asked for last, by version. Clones share them.
#[derive(Clone)]
pub struct ModelCache {
    kept: usize,
    /// Oldest first.
    slots: Arc<Mutex<VecDeque<(Arn, Slot)>>>,
}

/// Keeps one model.
impl Default for ModelCache {
    fn default() -> Self {
        Self::keeping(1)
    }
}

impl ModelCache {
    /// Keeps up to `kept` models; at least one.
    pub fn keeping(kept: usize) -> Self {
        Self { kept: kept.max(1), slots: Arc::default() }
    }

    /// The model of a version; loaded once, however many ask at the same time. A model that is let
    /// go of to make room is let go of before the next one is loaded.
    pub(crate) async fn get(
        &self,
        version: &Arn,
        load: impl Future<Output = Result<ServedModel, Failure>>,
    ) -> Result<Arc<ServedModel>, Failure> {
        let slot = self.slot(version).await;
        let model = slot.get_or_try_init(|| async { load.await.map(Arc::new) }).await?;
        Ok(model.clone())
    }

    async fn slot(&self, version: &Arn) -> Slot {
        let mut slots = self.slots.lock().await;
        if let Some((_, slot)) = slots.iter().find(|(of, _)| of == version) {
            return slot.clone();
        }
        if slots.len() >= self.kept {
            slots.pop_front();
        }
        let slot = Slot::default();
        slots.push_back((version.clone(), slot.clone()));
        slot
    }
}
