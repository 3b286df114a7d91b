//! Which version a campaign serves, remembered for a moment.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::recipes::{self, Recipe};
use domain::resource::{Campaign, SolutionVersion};
use domain::{ApiError, Arn, ErrorKind, Status};
use store::{ListKey, Lists, Resources, StoredList};
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// How long a campaign's pointer is believed. A deployment or a rollback is seen within this time.
pub const FRESH_FOR: Duration = Duration::from_secs(1);

/// A version that a campaign serves.
#[derive(Debug)]
pub struct Deployed {
    /// The version whose lists answer.
    pub version: Arn,
    /// What it was trained with.
    pub recipe: &'static Recipe,
    /// What unknown users and items get. A version's lists never change, so it is read once.
    cold: OnceCell<Arc<StoredList>>,
}

impl Deployed {
    /// The list for whoever the model does not know.
    pub(crate) async fn cold(&self, lists: &Lists) -> Result<Arc<StoredList>, ApiError> {
        let read = || async {
            let list = lists.get(&self.version, &ListKey::Cold).await.map_err(ApiError::internal)?;
            let missing =
                || ApiError::internal(format!("{} is deployed without its cold list", self.version));
            list.map(Arc::new).ok_or_else(missing)
        };
        self.cold.get_or_try_init(read).await.cloned()
    }
}

/// The campaigns that were asked for lately.
pub(crate) struct Deployments {
    resources: Resources,
    known: RwLock<HashMap<Arn, (Instant, Arc<Deployed>)>>,
}

impl Deployments {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources, known: RwLock::default() }
    }

    /// What a campaign serves.
    ///
    /// Fails with `ResourceNotFound` when there is no such campaign, or none that is active: one
    /// that is being created or deleted has nothing to answer with.
    pub(crate) async fn find(&self, campaign: &Arn) -> Result<Arc<Deployed>, ApiError> {
        let remembered = self.remembered(campaign);
        if let Some((read, deployed)) = &remembered
            && read.elapsed() < FRESH_FOR
        {
            return Ok(deployed.clone());
        }
        match self.read(campaign, remembered.map(|(_, deployed)| deployed)).await {
            Ok(deployed) => {
                let entry = (Instant::now(), deployed.clone());
                self.known.write().unwrap_or_else(PoisonError::into_inner).insert(campaign.clone(), entry);
                Ok(deployed)
            }
            Err(error) => {
                self.known.write().unwrap_or_else(PoisonError::into_inner).remove(campaign);
                Err(error)
            }
        }
    }

    fn remembered(&self, campaign: &Arn) -> Option<(Instant, Arc<Deployed>)> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(campaign).cloned()
    }

    async fn read(&self, arn: &Arn, before: Option<Arc<Deployed>>) -> Result<Arc<Deployed>, ApiError> {
        let campaign = self.resources.get_as::<Campaign>(arn).await.map_err(ApiError::internal)?;
        let campaign = campaign.ok_or_else(|| ApiError::not_found(arn))?.value;
        if campaign.lifecycle.status != Status::Active {
            let status = campaign.lifecycle.status.as_str();
            let message = format!("The campaign {arn} is in status {status}; it answers while it is ACTIVE.");
            return Err(ApiError::new(ErrorKind::ResourceNotFound, message));
        }
        match before {
            Some(before) if before.version == campaign.solution_version => Ok(before),
            _ => self.read_version(campaign.solution_version).await,
        }
    }

    async fn read_version(&self, arn: Arn) -> Result<Arc<Deployed>, ApiError> {
        let version = self.resources.get_as::<SolutionVersion>(&arn).await.map_err(ApiError::internal)?;
        let version =
            version.ok_or_else(|| ApiError::internal(format!("{arn} is deployed and does not exist")))?;
        let recipe = recipes::find(&version.value.recipe).ok_or_else(|| {
            ApiError::internal(format!("{arn} has the unknown recipe {}", version.value.recipe))
        })?;
        Ok(Arc::new(Deployed { version: arn, recipe, cold: OnceCell::new() }))
    }
}
