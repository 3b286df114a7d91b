//! Recommenders: a use case of a domain dataset group, trained and deployed in one.
//!
//! A recommender is made of what there is for solutions and campaigns. What it serves is a [`Campaign`] that
//! follows the latest version, under the recommender's own ARN; its versions are solution versions named
//! `recommender/<name>/<id>`, which no operation shows; and what trains them is a [`Solution`] that exists
//! as a value alone, [`Recommender::trainer`].

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::resource::{Campaign, Resource, Solution, SolutionConfig};
use crate::training_columns::TrainingDataConfig;
use crate::tuning::Search;
use crate::use_cases::{self, UseCase};

/// A use case of a domain dataset group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recommender {
    /// Whose data it learns from.
    pub dataset_group: Arn,
    /// The use case.
    pub recipe: Arn,
    /// Which columns teach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_data_config: Option<TrainingDataConfig>,
    /// What it serves. Its ARN, name and life cycle are the recommender's.
    pub serves: Campaign,
}

impl Recommender {
    /// The use case; none where it is in the code no more.
    pub fn use_case(&self) -> Option<&'static UseCase> {
        use_cases::find(&self.recipe)
    }

    /// What trains its versions: a solution with automatic training, for as long as it is `ACTIVE`. It is
    /// no resource.
    pub fn trainer(&self) -> Solution {
        let event_type = self.use_case().and_then(|use_case| use_case.event_type);
        Solution {
            arn: self.serves.arn.clone(),
            name: self.serves.name.clone(),
            dataset_group: self.dataset_group.clone(),
            recipe: Some(self.recipe.clone()),
            search: Search::default(),
            event_type: event_type.map(str::to_owned),
            config: self.training_data_config.clone().map(|columns| SolutionConfig {
                training_data_config: Some(columns),
                ..SolutionConfig::default()
            }),
            perform_auto_training: true,
            perform_incremental_update: false,
            latest_update: None,
            lifecycle: self.serves.lifecycle.clone(),
        }
    }
}

/// What answers requests: a campaign, or a recommender.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Serving {
    Campaign(Campaign),
    Recommender(Recommender),
}

impl Serving {
    /// What is served, and from where.
    pub fn campaign(&self) -> &Campaign {
        match self {
            Self::Campaign(campaign) => campaign,
            Self::Recommender(recommender) => &recommender.serves,
        }
    }

    /// The same, to be changed.
    pub fn campaign_mut(&mut self) -> &mut Campaign {
        match self {
            Self::Campaign(campaign) => campaign,
            Self::Recommender(recommender) => &mut recommender.serves,
        }
    }
}

impl From<Serving> for Resource {
    fn from(serving: Serving) -> Self {
        match serving {
            Serving::Campaign(campaign) => campaign.into(),
            Serving::Recommender(recommender) => recommender.into(),
        }
    }
}

impl TryFrom<Resource> for Serving {
    type Error = Resource;

    fn try_from(resource: Resource) -> Result<Self, Resource> {
        match resource {
            Resource::Campaign(campaign) => Ok(Self::Campaign(campaign)),
            Resource::Recommender(recommender) => Ok(Self::Recommender(recommender)),
            other => Err(other),
        }
    }
}
