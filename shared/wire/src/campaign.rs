//! Campaigns: `CreateCampaign`, `UpdateCampaign` and what describe and list show.

use domain::resource::{Campaign, CampaignConfig, CampaignUpdate};
use domain::{ApiError, Arn, RankingInfluence, ResourceKind};
use serde_json::Value;

use crate::members::{Member, Members};
use crate::shape::Shape;
use crate::solution::strings;

/// The tail that stands for the newest active version of a solution.
const LATEST: &str = "/$LATEST";

/// What `solutionVersionArn` may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionReference {
    /// One version.
    Version(Arn),
    /// `<solutionArn>/$LATEST`: the newest active version of this solution.
    LatestOf(Arn),
}

/// `CreateCampaign`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateCampaign {
    /// Unique in the region.
    pub name: String,
    /// What it serves.
    pub solution_version: VersionReference,
    /// Echoed to the caller.
    pub min_provisioned_tps: Option<u32>,
    /// As the caller gave it.
    pub config: Option<CampaignConfig>,
}

impl CreateCampaign {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let request = Self {
            name: members.required("name", Member::name)?,
            solution_version: members.required("solutionVersionArn", version_reference)?,
            min_provisioned_tps: members.optional("minProvisionedTPS", tps)?,
            config: members.optional("campaignConfig", campaign_config)?,
        };
        let reference = Some(&request.solution_version);
        follows_only_latest(reference, request.config.as_ref())?;
        Ok(request)
    }
}

/// `UpdateCampaign`. What is absent stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateCampaign {
    /// Which campaign.
    pub campaign: Arn,
    /// The version it moves to.
    pub solution_version: Option<VersionReference>,
    /// The new capacity.
    pub min_provisioned_tps: Option<u32>,
    /// The new configuration.
    pub config: Option<CampaignConfig>,
}

impl UpdateCampaign {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let request = Self {
            campaign: members.required("campaignArn", Member::arn)?,
            solution_version: members.optional("solutionVersionArn", version_reference)?,
            min_provisioned_tps: members.optional("minProvisionedTPS", tps)?,
            config: members.optional("campaignConfig", campaign_config)?,
        };
        follows_only_latest(request.solution_version.as_ref(), request.config.as_ref())?;
        Ok(request)
    }
}

/// A campaign that is asked to follow its solution names the solution and no version of it.
fn follows_only_latest(
    reference: Option<&VersionReference>,
    config: Option<&CampaignConfig>,
) -> Result<(), ApiError> {
    let follows = config.is_some_and(CampaignConfig::follows_latest);
    if !follows || matches!(reference, Some(VersionReference::LatestOf(_))) {
        return Ok(());
    }
    Err(ApiError::invalid(
        "'campaignConfig.syncWithLatestSolutionVersion' is true, so 'solutionVersionArn' must be \
         <ARN of the solution>/$LATEST.",
    ))
}

pub(crate) fn tps(member: &Member<'_>) -> Result<u32, ApiError> {
    Ok(member.integer(1, i64::from(i32::MAX))? as u32)
}

fn version_reference(member: &Member<'_>) -> Result<VersionReference, ApiError> {
    let arn = member.arn()?;
    match arn.as_str().strip_suffix(LATEST) {
        Some(solution) => match solution.parse::<Arn>() {
            Ok(solution) if solution.kind() == ResourceKind::Solution => {
                Ok(VersionReference::LatestOf(solution))
            }
            _ => Err(ApiError::invalid(format!(
                "'{arn}' at '{}' does not name a solution before $LATEST.",
                member.path
            ))),
        },
        None => Ok(VersionReference::Version(arn)),
    }
}

fn campaign_config(member: &Member<'_>) -> Result<CampaignConfig, ApiError> {
    let members = member.object()?;
    let item_exploration_config = members.optional("itemExplorationConfig", Member::parameters)?;
    Ok(CampaignConfig {
        item_exploration_config: item_exploration_config.unwrap_or_default(),
        ranking_influence: members
            .optional("rankingInfluence", Member::ranking_influence)?
            .unwrap_or_default(),
        sync_with_latest_solution_version: members.optional("syncWithLatestSolutionVersion", Member::flag)?,
        enable_metadata_with_recommendations: members
            .optional("enableMetadataWithRecommendations", Member::flag)?,
    })
}

/// `campaign` of `DescribeCampaign`.
pub fn describe(campaign: &Campaign) -> Value {
    summary_shape(campaign)
        .arn("solutionVersionArn", &campaign.solution_version)
        .with("minProvisionedTPS", campaign.min_provisioned_tps.unwrap_or(1))
        .with_some("campaignConfig", campaign.config.as_ref().map(config_value))
        .with_some("latestCampaignUpdate", campaign.latest_update.as_ref().map(update))
        .into()
}

/// An element of `ListCampaigns`.
pub fn summary(campaign: &Campaign) -> Value {
    summary_shape(campaign).into()
}

fn summary_shape(campaign: &Campaign) -> Shape {
    Shape::new()
        .with("name", campaign.name.as_str())
        .arn("campaignArn", &campaign.arn)
        .lifecycle(&campaign.lifecycle)
}

fn update(update: &CampaignUpdate) -> Value {
    Shape::new()
        .arn("solutionVersionArn", &update.solution_version)
        .with("minProvisionedTPS", update.min_provisioned_tps.unwrap_or(1))
        .with_some("campaignConfig", update.config.as_ref().map(config_value))
        .lifecycle(&update.lifecycle)
        .into()
}

fn config_value(config: &CampaignConfig) -> Value {
    let exploration = &config.item_exploration_config;
    Shape::new()
        .with_some("itemExplorationConfig", (!exploration.is_empty()).then(|| strings(exploration)))
        .with_some("syncWithLatestSolutionVersion", config.sync_with_latest_solution_version)
        .with_some("enableMetadataWithRecommendations", config.enable_metadata_with_recommendations)
        .with_some("rankingInfluence", influence(&config.ranking_influence))
        .into()
}

/// `rankingInfluence` of a description; nothing where nothing was given.
pub(crate) fn influence(influence: &RankingInfluence) -> Option<Shape> {
    (!influence.is_empty()).then(|| {
        Shape::new().with_some("POPULARITY", influence.popularity).with_some("FRESHNESS", influence.freshness)
    })
}
