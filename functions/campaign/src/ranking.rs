//! `GetPersonalizedRanking` and `GetActionRecommendations`, which need recipes that are not built
//! yet: the requests are checked, and the answer says what the campaign's recipe does instead.

use domain::{ApiError, Arn};
use wire::runtime::{GetActionRecommendations, GetPersonalizedRanking};

use crate::Campaign;

/// Fails with `InvalidInput`: no recipe of the catalogue ranks a given list.
pub(crate) async fn personalized(campaign: &Campaign, body: &[u8]) -> Result<Vec<u8>, ApiError> {
    let request = GetPersonalizedRanking::parse(body)?;
    wrong_recipe(campaign, &request.campaign, "GetPersonalizedRanking", "PERSONALIZED_RANKING").await
}

/// Fails with `InvalidInput`: no recipe of the catalogue recommends actions.
pub(crate) async fn actions(campaign: &Campaign, body: &[u8]) -> Result<Vec<u8>, ApiError> {
    let request = GetActionRecommendations::parse(body)?;
    wrong_recipe(campaign, &request.campaign, "GetActionRecommendations", "PERSONALIZED_ACTIONS").await
}

async fn wrong_recipe(
    campaign: &Campaign,
    arn: &Arn,
    operation: &str,
    needed: &str,
) -> Result<Vec<u8>, ApiError> {
    let deployed = campaign.deployments.find(arn).await?;
    Err(ApiError::invalid(format!(
        "{operation} needs a campaign of a {needed} recipe; {arn} serves {}, whose type is {}: use GetRecommendations.",
        deployed.recipe.arn(),
        deployed.recipe.recipe_type.as_str()
    )))
}
