//! What stays in memory between calls: models, and the data that filters look at.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{Arn, EpochMillis};
use tokio::sync::{Mutex, OnceCell};

use super::ServedModel;
use crate::failure::Failure;

type Slot<V> = Arc<OnceCell<Arc<V>>>;
/// Oldest first.
type Slots<K, V> = VecDeque<(K, Slot<V>)>;

/// The models that were asked for last, by [`SolutionVersion::state`](domain::resource::SolutionVersion::state).
pub type ModelCache = Kept<(Arn, EpochMillis), ServedModel>;

/// What was asked for last, by key. Clones share it.
pub struct Kept<K, V> {
    kept: usize,
    slots: Arc<Mutex<Slots<K, V>>>,
}

impl<K, V> Clone for Kept<K, V> {
    fn clone(&self) -> Self {
        Self { kept: self.kept, slots: self.slots.clone() }
    }
}

/// Keeps one.
impl<K: Clone + PartialEq, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self::keeping(1)
    }
}

impl<K: Clone + PartialEq, V> Kept<K, V> {
    /// Keeps up to `kept`; at least one.
    pub fn keeping(kept: usize) -> Self {
        Self { kept: kept.max(1), slots: Arc::default() }
    }

    /// The value of a key; loaded once, however many ask at the same time. One that is let go of to make
    /// room is let go of before the next one is loaded.
    pub(crate) async fn get(
        &self,
        key: &K,
        load: impl Future<Output = Result<V, Failure>>,
    ) -> Result<Arc<V>, Failure> {
        let slot = self.slot(key).await;
        let value = slot.get_or_try_init(|| async { load.await.map(Arc::new) }).await?;
        Ok(value.clone())
    }

    /// Lets go of what has a key that is not to be kept.
    pub(crate) async fn retain(&self, keep: impl Fn(&K) -> bool) {
        self.slots.lock().await.retain(|(key, _)| keep(key));
    }

    async fn slot(&self, key: &K) -> Slot<V> {
        let mut slots = self.slots.lock().await;
        if let Some((_, slot)) = slots.iter().find(|(of, _)| of == key) {
            return slot.clone();
        }
        if slots.len() >= self.kept {
            slots.pop_front();
        }
        let slot = Slot::default();
        slots.push_back((key.clone(), slot.clone()));
        slot
    }
}
