//! `GetPersonalizedRanking`, which only the model can answer: every list that is given is another one.

use domain::ApiError;
use domain::recipes::RecipeType;
use wire::runtime::{self, GetPersonalizedRanking};

use crate::deployed::Deployed;
use crate::{Campaign, Question, filters, promotions, recommendations, shown};

/// The body of the answer: the given items, best first, those that the model does not know last and without
/// a score; what a filter lets not pass is not in it. Fails with `InvalidInput` when the campaign's recipe does not rank.
pub(crate) async fn personalized(campaign: &Campaign, body: &[u8]) -> Result<Vec<u8>, ApiError> {
    let request = GetPersonalizedRanking::parse(body)?;
    let deployed = campaign.deployments.find(&request.campaign).await?;
    if deployed.recipe.recipe_type != RecipeType::PersonalizedRanking {
        return Err(wrong_recipe(&deployed, "GetPersonalizedRanking", "PERSONALIZED_RANKING"));
    }
    let user = Some(request.user_id.as_str());
    let filter = match &request.filter {
        Some(filter) => Some(filters::applied(campaign, &deployed, filter, user, None).await?),
        None => None,
    };
    let question = Question {
        user_id: user,
        item_id: None,
        num_results: request.input_list.len(),
        context: &request.context,
        steering: &deployed.steering,
        input_list: Some(&request.input_list),
        filter: filter.as_ref(),
    };
    let list = campaign.live.answer(&deployed.version, question).await?;
    let items = promotions::plain(&list, usize::MAX);
    let ids = items.iter().map(|item| item.id);
    let shown = shown::columns(campaign, &deployed, ids, &request.metadata_columns).await?;
    Ok(runtime::ranking(deployed.campaign(), recommendations::predicted(&items, None, shown.as_deref())))
}

/// What to say where a campaign's recipe answers another operation.
pub(crate) fn wrong_recipe(deployed: &Deployed, operation: &str, needed: &str) -> ApiError {
    let instead = match deployed.recipe.recipe_type {
        RecipeType::PersonalizedRanking => "GetPersonalizedRanking",
        RecipeType::PersonalizedActions => "GetActionRecommendations",
        _ => "GetRecommendations",
    };
    ApiError::invalid(format!(
        "{operation} needs a campaign of a {needed} recipe; {} serves {}, whose type is {}: use {instead}.",
        deployed.campaign(),
        deployed.recipe.arn(),
        deployed.recipe.recipe_type.as_str()
    ))
}
