//! Which version a campaign serves, remembered for a moment.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::limits::SERVING_FRESH_MS;
use domain::recipes::{self, Recipe};
use domain::recommender::Serving;
use domain::resource::{Campaign, CampaignConfig, SolutionVersion};
use domain::use_cases::{self, UseCase};
use domain::{ApiError, Arn, ErrorKind, Slot, Status, Steering};
use store::{ListKey, Lists, Resources, Shelf, StoredList};
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// How long a campaign's pointer is believed. A deployment or a rollback is seen within this time.
pub const FRESH_FOR: Duration = Duration::from_millis(SERVING_FRESH_MS);

/// A version that a campaign serves, and from where.
#[derive(Debug)]
pub struct Deployed {
    /// The campaign, or recommender.
    campaign: Arn,
    /// The slot with the version's lists.
    slot: Slot,
    /// The version whose lists answer.
    pub version: Arn,
    /// Whose data it was trained on.
    pub dataset_group: Arn,
    /// What it was trained with.
    pub recipe: &'static Recipe,
    /// What that is for, where it is a use case of a domain.
    pub use_case: Option<&'static UseCase>,
    /// What the campaign lets weigh in lists besides the version.
    pub steering: Steering,
    /// Whether requests may ask for columns of Items.
    pub shows_metadata: bool,
    /// What unknown users and items get. A version's lists never change, so it is read once.
    cold: OnceCell<Arc<StoredList>>,
}

impl Deployed {
    /// The campaign.
    pub(crate) fn campaign(&self) -> &Arn {
        &self.campaign
    }

    /// Where its lists are.
    pub(crate) fn shelf(&self) -> Shelf<'_> {
        Shelf::new(&self.campaign, self.slot)
    }

    /// Whether it is what a campaign serves, and as the campaign is configured.
    fn is_of(&self, campaign: &Campaign) -> bool {
        self.version == campaign.solution_version
            && self.slot == campaign.slots.serving
            && self.steering == steering(campaign.config.as_ref())
            && self.shows_metadata == shows_metadata(campaign)
    }

    /// The list for whoever the model does not know. None when the slot has that of another version,
    /// or none at all: the campaign has moved on.
    pub(crate) async fn cold(&self, lists: &Lists) -> Result<Option<Arc<StoredList>>, ApiError> {
        // Only a list is kept, so that there being none is an error here.
        let read = || async {
            let found = lists.get_latest(self.shelf(), &self.version, &ListKey::Cold).await;
            let found = found.map_err(|error| Some(ApiError::internal(error)))?;
            found.list().map(Arc::new).ok_or(None)
        };
        match self.cold.get_or_try_init(read).await {
            Ok(list) => Ok(Some(list.clone())),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
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
        self.read_and_remember(campaign, remembered.map(|(_, deployed)| deployed)).await
    }

    /// The same, whatever is remembered.
    pub(crate) async fn find_afresh(&self, campaign: &Arn) -> Result<Arc<Deployed>, ApiError> {
        let remembered = self.remembered(campaign).map(|(_, deployed)| deployed);
        self.read_and_remember(campaign, remembered).await
    }

    async fn read_and_remember(
        &self,
        campaign: &Arn,
        before: Option<Arc<Deployed>>,
    ) -> Result<Arc<Deployed>, ApiError> {
        match self.read(campaign, before).await {
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
        let serving = self.resources.get_as::<Serving>(arn).await.map_err(ApiError::internal)?;
        let (what, campaign) = match serving.ok_or_else(|| ApiError::not_found(arn))?.value {
            Serving::Campaign(campaign) => ("campaign", campaign),
            Serving::Recommender(recommender) => ("recommender", recommender.serves),
        };
        if campaign.lifecycle.status != Status::Active {
            let status = campaign.lifecycle.status.as_str();
            let message = format!("The {what} {arn} is in status {status}; it answers while it is ACTIVE.");
            return Err(ApiError::new(ErrorKind::ResourceNotFound, message));
        }
        match before {
            Some(before) if before.is_of(&campaign) => Ok(before),
            _ => self.read_version(campaign).await,
        }
    }

    async fn read_version(&self, campaign: Campaign) -> Result<Arc<Deployed>, ApiError> {
        let shows_metadata = shows_metadata(&campaign);
        let Campaign { arn: campaign, solution_version: arn, slots, config, .. } = campaign;
        let version = self.resources.get_as::<SolutionVersion>(&arn).await.map_err(ApiError::internal)?;
        let version =
            version.ok_or_else(|| ApiError::internal(format!("{arn} is deployed and does not exist")))?;
        let recipe = recipes::find(&version.value.recipe).ok_or_else(|| {
            ApiError::internal(format!("{arn} has the unknown recipe {}", version.value.recipe))
        })?;
        let steering = steering(config.as_ref());
        let (slot, cold) = (slots.serving, OnceCell::new());
        let dataset_group = version.value.dataset_group;
        let use_case = use_cases::find_by_name(recipe.name);
        Ok(Arc::new(Deployed {
            campaign,
            slot,
            version: arn,
            dataset_group,
            recipe,
            use_case,
            steering,
            shows_metadata,
            cold,
        }))
    }
}

fn steering(config: Option<&CampaignConfig>) -> Steering {
    config.map(CampaignConfig::steering).unwrap_or_default()
}

fn shows_metadata(campaign: &Campaign) -> bool {
    let enabled = |config: &CampaignConfig| config.enable_metadata_with_recommendations == Some(true);
    campaign.config.as_ref().is_some_and(enabled)
}
