//! Campaigns, which serve a version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::influence::{RankingInfluence, Steering};
use crate::slots::Slots;
use crate::status::Lifecycle;

/// `campaignConfig`, as the caller gave it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CampaignConfig {
    /// Parameters of exploration, for the recipes that explore.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub item_exploration_config: BTreeMap<String, String>,
    /// What popularity and freshness weigh in the lists.
    #[serde(skip_serializing_if = "RankingInfluence::is_empty")]
    pub ranking_influence: RankingInfluence,
    /// Whether the campaign moves to each new version of its solution by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_with_latest_solution_version: Option<bool>,
    /// Whether requests may ask for columns of Items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_metadata_with_recommendations: Option<bool>,
}

/// A change of a campaign that is under way, or the last one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignUpdate {
    /// The version it moves to.
    pub solution_version: Arn,
    /// The new capacity.
    pub min_provisioned_tps: Option<u32>,
    /// The new configuration.
    pub config: Option<CampaignConfig>,
    /// Status and dates of the change.
    pub lifecycle: Lifecycle,
}

/// A deployed solution version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// `campaign/<name>`.
    pub arn: Arn,
    /// Unique in the region.
    pub name: String,
    /// The version whose lists are served. Moving this pointer, and that to the slot with it, is the
    /// deploy, and the rollback.
    pub solution_version: Arn,
    /// Where the lists are.
    #[serde(default)]
    pub slots: Slots,
    /// Echoed to the caller; capacity follows the load by itself here.
    pub min_provisioned_tps: Option<u32>,
    /// As the caller gave it.
    pub config: Option<CampaignConfig>,
    /// The latest change.
    pub latest_update: Option<CampaignUpdate>,
    /// How often publishing was begun for the version that is being deployed.
    #[serde(default)]
    pub attempts: u32,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

impl Campaign {
    /// Whether it moves to each new version of its solution by itself.
    pub fn follows_latest(&self) -> bool {
        self.config.as_ref().is_some_and(CampaignConfig::follows_latest)
    }
}

impl CampaignConfig {
    /// What it lets weigh in lists.
    pub fn steering(&self) -> Steering {
        Steering { exploration: self.item_exploration_config.clone(), influence: self.ranking_influence }
    }

    /// Whether a campaign with it moves to each new version of its solution by itself.
    pub fn follows_latest(&self) -> bool {
        self.sync_with_latest_solution_version == Some(true)
    }
}
