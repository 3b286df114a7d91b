//! Campaigns.

use std::collections::BTreeMap;

use domain::hyperparameters::Hyperparameters;
use domain::recipes::{self, Exploration, ITEM_EXPLORATION, Recipe, RecipeType};
use domain::resource::{Campaign, CampaignConfig, Job, Solution, SolutionVersion};
use domain::{ApiError, Arn, Lifecycle, RankingInfluence, ResourceKind, Slots};
use lifecycle::campaign_update::{self, Change};
use lifecycle::version;
use store::resources::UpdateError;
use wire::campaign::{self as shapes, CreateCampaign, UpdateCampaign, VersionReference};
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use crate::Control;
use crate::find::Parent;
use crate::pages::List;

const LIST: List<Campaign> = List {
    key: "campaigns",
    kind: ResourceKind::Campaign,
    parent: Some(("solutionArn", ResourceKind::Solution)),
    summary: shapes::summary,
};

/// `CreateCampaign`. The campaign serves once its version's lists are published.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateCampaign::parse(members)?;
    let tags = wire::tags::given(members)?;
    let Parent { value: version, row: version_row } = referenced(control, &request.solution_version).await?;
    serves_items(&version.recipe)?;
    steers(&version.recipe, request.config.as_ref())?;
    let solution = control.active_parent::<Solution>(&version.solution).await?;
    control.room_for_campaign(&version.dataset_group).await?;
    let campaign = Campaign {
        arn: control.scope.arn(ResourceKind::Campaign, &request.name),
        name: request.name,
        solution_version: version.arn,
        slots: Slots::default(),
        min_provisioned_tps: request.min_provisioned_tps,
        config: request.config,
        latest_update: None,
        attempts: 0,
        lifecycle: Lifecycle::pending((control.clock)()),
    };
    let arn = campaign.arn.clone();
    control
        .create_and_launch(campaign, tags, vec![version_row, solution.row], Job::Deploy(arn.clone()))
        .await?;
    Ok(Some(Shape::new().arn("campaignArn", &arn).into()))
}

/// The active version that a request names.
async fn referenced(
    control: &Control,
    reference: &VersionReference,
) -> Result<Parent<SolutionVersion>, ApiError> {
    match reference {
        VersionReference::Version(arn) => control.active_parent(arn).await,
        VersionReference::LatestOf(arn) => {
            control.find::<Solution>(arn).await?;
            let versions = version::all(&control.resources, arn).await?;
            let latest = campaign_update::newest(&versions).ok_or_else(|| {
                ApiError::in_use(format!(
                    "Resource Arn {arn} has no ACTIVE solution version that $LATEST could stand for."
                ))
            })?;
            control.active_parent(&latest.arn).await
        }
    }
}

/// A campaign answers with items; recipes that find users work through batch segment jobs alone.
fn serves_items(recipe: &Arn) -> Result<(), ApiError> {
    let recipe = version::recipe(recipe)?;
    if recipe.recipe_type == RecipeType::UserSegmentation {
        return Err(ApiError::invalid(format!(
            "A campaign cannot serve the recipe {}, which is of type USER_SEGMENTATION: get its segments with \
             CreateBatchSegmentJob.",
            recipe.arn()
        )));
    }
    Ok(())
}

/// Checks what a configuration lets weigh in lists.
fn steers(recipe: &Arn, config: Option<&CampaignConfig>) -> Result<(), ApiError> {
    let Some(config) = config else { return Ok(()) };
    exploration(recipe, &config.item_exploration_config)?;
    influence(recipe, &config.ranking_influence)
}

/// Checks that `rankingInfluence`, whose values were checked, is for a recipe that it can weigh in.
pub(super) fn influence(recipe: &Arn, given: &RankingInfluence) -> Result<(), ApiError> {
    if given.is_empty() || recipes::find(recipe).is_some_and(Recipe::takes_influence) {
        return Ok(());
    }
    let takers: Vec<&str> = recipes::CATALOGUE
        .iter()
        .filter(|recipe| recipe.takes_influence())
        .map(|recipe| recipe.name)
        .collect();
    Err(ApiError::invalid(format!(
        "'rankingInfluence' is set, but the answers of the recipe {recipe} are no shares of the catalogue that \
         popularity or freshness could move: leave it out, or use one of {}.",
        takers.join(", ")
    )))
}

/// Checks `itemExplorationConfig`: its values, and that the recipe explores by it.
pub(super) fn exploration(recipe: &Arn, config: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let explores = recipes::find(recipe).is_some_and(|found| found.exploration == Exploration::Campaign);
    if !config.is_empty() && !explores {
        return Err(ApiError::invalid(format!(
            "'itemExplorationConfig' is set, but the recipe {recipe} does not explore by it: leave it out."
        )));
    }
    Hyperparameters::resolve(ITEM_EXPLORATION, config, recipe.as_str()).map(drop)
}

/// `DescribeCampaign`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("campaignArn", Member::arn)?;
    let campaign: Campaign = control.find(&arn).await?;
    Ok(Some(Shape::new().with("campaign", shapes::describe(&campaign)).into()))
}

/// `ListCampaigns`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}

/// `UpdateCampaign`. The present version goes on serving until the deployment moves the pointer.
pub async fn update(control: &Control, members: &Members<'_>) -> Output {
    let request = UpdateCampaign::parse(members)?;
    let before: Campaign = control.find(&request.campaign).await?;
    stays_synced(&before, &request)?;
    let reference =
        request.solution_version.unwrap_or(VersionReference::Version(before.solution_version.clone()));
    let version = referenced(control, &reference).await?.value;
    if version.solution != before.solution_version.solution() {
        return Err(ApiError::invalid(format!(
            "The campaign {} serves versions of {}, and {} is not one: create a campaign for it.",
            before.arn,
            before.solution_version.solution(),
            version.arn
        )));
    }
    steers(&version.recipe, request.config.as_ref())?;
    let change = Change {
        solution_version: version.arn,
        min_provisioned_tps: request.min_provisioned_tps,
        config: request.config,
    };
    let asked = control
        .resources
        .update(&request.campaign, |campaign: &mut Campaign| {
            campaign_update::ask(campaign, &change, (control.clock)())
        })
        .await;
    match asked {
        Ok(Some(_)) => {}
        Ok(None) => return Err(ApiError::not_found(&request.campaign)),
        Err(UpdateError::Refused(error)) => return Err(error),
        Err(error) => return Err(ApiError::internal(error)),
    }
    if let Err(error) = control.launcher.launch(Job::Deploy(request.campaign.clone())).await {
        withdraw_update(control, &before).await?;
        return Err(ApiError::internal(error));
    }
    Ok(Some(Shape::new().arn("campaignArn", &request.campaign).into()))
}

/// A campaign that follows its solution would leave a version that it was moved to at once, so it is
/// not moved to one without being told to stop following.
fn stays_synced(campaign: &Campaign, request: &UpdateCampaign) -> Result<(), ApiError> {
    match &request.solution_version {
        Some(VersionReference::Version(version)) if request.config.is_none() && campaign.follows_latest() => {
            Err(ApiError::invalid(format!(
                "The campaign {} follows the latest version of its solution and would not stay at {version}: \
                 give a 'campaignConfig' with 'syncWithLatestSolutionVersion' false as well.",
                campaign.arn
            )))
        }
        _ => Ok(()),
    }
}

/// Takes back an update that could not be started, so that the caller may ask again.
async fn withdraw_update(control: &Control, before: &Campaign) -> Result<(), ApiError> {
    let withdrawn = control.resources.update(&before.arn, |campaign: &mut Campaign| {
        *campaign = before.clone();
        Ok::<_, std::convert::Infallible>(())
    });
    withdrawn.await.map(drop).map_err(ApiError::internal)
}

/// `DeleteCampaign`.
pub async fn delete(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("campaignArn", Member::arn)?;
    control.begin_delete(&arn, ResourceKind::Campaign).await?;
    Ok(None)
}
