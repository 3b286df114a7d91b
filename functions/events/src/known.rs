//! Trackers, datasets and schemas, remembered for a moment.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use dataset::Schema;
use domain::resource::{self, Dataset, DatasetType, EventTracker};
use domain::{ApiError, Arn, ErrorKind, ResourceKind, Scope, Status};
use store::Resources;
use tokio::time::Instant;

/// How long what was read is believed: a deleted tracker takes events for so long at most.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// Where rows go, and what they look like.
#[derive(Debug)]
pub(crate) struct Target {
    /// The dataset group.
    pub group: Arn,
    /// The schema of the dataset.
    pub schema: Schema,
}

/// What was asked for lately.
pub(crate) struct Known {
    resources: Resources,
    scope: Scope,
    targets: RwLock<HashMap<String, (Instant, Arc<Target>)>>,
}

impl Known {
    pub fn new(resources: Resources, scope: Scope) -> Self {
        Self { resources, scope, targets: RwLock::default() }
    }

    /// The Interactions dataset that a tracker's events go to.
    ///
    /// Fails with `InvalidInput` for a tracking id that no active tracker has, and when its group has no
    /// Interactions dataset: `PutEvents` has no other exception.
    pub async fn tracker(&self, tracking_id: &str) -> Result<Arc<Target>, ApiError> {
        self.remembered(tracking_id, || self.read_tracker(tracking_id)).await
    }

    /// The Action_Interactions dataset that action interactions go to: that of the id, which its dataset has
    /// (guide, "Finding the ID of your action interaction event tracker"), or of the group of a tracker.
    ///
    /// Fails with `InvalidInput` for an id that neither has, and when the tracker's group has no such dataset.
    pub async fn action_tracker(&self, tracking_id: &str) -> Result<Arc<Target>, ApiError> {
        // A tracker's id leads to another dataset in `PutEvents`.
        let key = format!("actions {tracking_id}");
        self.remembered(&key, || self.read_action_tracker(tracking_id)).await
    }

    /// A dataset that items, users or actions go to.
    ///
    /// Fails with `InvalidInput` when it is of another type, `ResourceNotFound` when there is none and
    /// `ResourceInUse` when it is being deleted.
    pub async fn dataset(&self, arn: &Arn, kind: DatasetType) -> Result<Arc<Target>, ApiError> {
        if arn.kind() != ResourceKind::Dataset {
            return Err(ApiError::invalid(format!("'{arn}' at 'datasetArn' is not the ARN of a dataset.")));
        }
        if !arn.tail().ends_with(&format!("/{}", kind.as_str())) {
            return Err(ApiError::invalid(format!(
                "'{arn}' at 'datasetArn' is not the ARN of an {} dataset.",
                kind.as_str()
            )));
        }
        self.remembered(arn.as_str(), || self.read_dataset(arn)).await
    }

    /// Whether a group has an active dataset of a type.
    pub async fn has(&self, group: &Arn, kind: DatasetType) -> Result<bool, ApiError> {
        let arn = kind.arn_in(group)?;
        match self.remembered(arn.as_str(), || self.read_dataset(&arn)).await {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind, ErrorKind::ResourceNotFound | ErrorKind::ResourceInUse) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    async fn remembered<F>(&self, key: &str, read: impl FnOnce() -> F) -> Result<Arc<Target>, ApiError>
    where
        F: Future<Output = Result<Target, ApiError>>,
    {
        let known = self.targets.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if let Some((_, target)) = known.filter(|(read, _)| read.elapsed() < FRESH_FOR) {
            return Ok(target);
        }
        let target = Arc::new(read().await?);
        let mut targets = self.targets.write().unwrap_or_else(PoisonError::into_inner);
        targets.retain(|_, (read, _)| read.elapsed() < FRESH_FOR);
        targets.insert(key.to_owned(), (Instant::now(), target.clone()));
        Ok(target)
    }

    async fn read_action_tracker(&self, tracking_id: &str) -> Result<Target, ApiError> {
        let kind = DatasetType::ActionInteractions;
        if self.find_tracker(tracking_id).await?.is_some() {
            return self.read_dataset_of_tracker(tracking_id, kind).await;
        }
        let datasets =
            self.resources.list_all(ResourceKind::Dataset, None).await.map_err(ApiError::internal)?;
        let owner = datasets.into_iter().filter_map(|found| Dataset::try_from(found).ok());
        let owner = owner.into_iter().find(|dataset| dataset.tracking_id.as_deref() == Some(tracking_id));
        let unknown = || {
            let message = format!(
                "'{tracking_id}' at 'trackingId' is not that of an Action_Interactions dataset: DescribeDataset \
                 tells it."
            );
            ApiError::new(ErrorKind::ResourceNotFound, message)
        };
        self.read_dataset(&owner.ok_or_else(unknown)?.arn).await.map_err(|error| match error.kind {
            ErrorKind::ResourceNotFound => unknown(),
            _ => error,
        })
    }

    async fn read_tracker(&self, tracking_id: &str) -> Result<Target, ApiError> {
        self.read_dataset_of_tracker(tracking_id, DatasetType::Interactions).await
    }

    async fn read_dataset_of_tracker(
        &self,
        tracking_id: &str,
        kind: DatasetType,
    ) -> Result<Target, ApiError> {
        let unknown =
            || ApiError::invalid(format!("'{tracking_id}' at 'trackingId' is not that of an event tracker."));
        let tracker = self.find_tracker(tracking_id).await?.ok_or_else(unknown)?;
        // PutEvents declares no other error.
        let in_use = |message: String| match kind {
            DatasetType::Interactions => ApiError::invalid(message),
            _ => ApiError::in_use(message),
        };
        if tracker.lifecycle.status != Status::Active {
            return Err(in_use(format!(
                "The event tracker {} is in status {}; it takes events while it is ACTIVE.",
                tracker.arn,
                tracker.lifecycle.status.as_str()
            )));
        }
        let group = &tracker.dataset_group;
        let dataset = kind.arn_in(group)?;
        self.read_dataset(&dataset).await.map_err(|error| match error.kind {
            ErrorKind::ResourceNotFound => ApiError::invalid(format!(
                "The dataset group {group} has no {} dataset that events could go to: create one first.",
                if kind == DatasetType::Interactions { "Interactions" } else { "Action_Interactions" }
            )),
            ErrorKind::ResourceInUse => in_use(error.message),
            _ => error,
        })
    }

    /// A tracking id begins with the id in its tracker's ARN, so one read finds it.
    async fn find_tracker(&self, tracking_id: &str) -> Result<Option<EventTracker>, ApiError> {
        let Some((id, _)) = tracking_id.split_once('-') else { return Ok(None) };
        let arn = self.scope.arn(ResourceKind::EventTracker, id);
        let found = self.resources.get_as::<EventTracker>(&arn).await.map_err(ApiError::internal)?;
        Ok(found.map(|row| row.value).filter(|tracker| tracker.tracking_id == tracking_id))
    }

    async fn read_dataset(&self, arn: &Arn) -> Result<Target, ApiError> {
        let dataset = self.resources.get_as::<Dataset>(arn).await.map_err(ApiError::internal)?;
        let dataset = dataset.ok_or_else(|| ApiError::not_found(arn))?.value;
        if dataset.lifecycle.status != Status::Active {
            return Err(ApiError::in_use(format!(
                "Resource Arn {arn} is in status {}; it must be ACTIVE.",
                dataset.lifecycle.status.as_str()
            )));
        }
        let stored = self.resources.get_as::<resource::Schema>(&dataset.schema).await;
        let stored = stored.map_err(ApiError::internal)?;
        let missing =
            || ApiError::internal(format!("{arn} has the schema {}, which is gone", dataset.schema));
        let stored = stored.ok_or_else(missing)?.value;
        let schema = Schema::parse(&stored.schema).map_err(ApiError::internal)?;
        Ok(Target { group: dataset.dataset_group, schema })
    }
}
