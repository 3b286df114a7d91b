//! Why each item of an answer is there, in a sentence.

use domain::ApiError;
use domain::recipes::RecipeType;
use wire::runtime::GetRecommendations;

use crate::Campaign;
use crate::deployed::Deployed;
use crate::promotions::Answered;

/// Of an item that a promotion brought in, in the hosted service's words.
const PROMOTED: &str = "Promoted item";
/// Of an item that anybody would be recommended, in the hosted service's words.
const POPULAR: &str = "Popular item";

/// The reason of each item; nothing where the request does not ask.
pub(crate) async fn of(
    campaign: &Campaign,
    deployed: &Deployed,
    request: &GetRecommendations,
    items: &[Answered<'_>],
) -> Result<Option<Vec<Option<String>>>, ApiError> {
    if !request.explain {
        return Ok(None);
    }
    let mut reasons = match (deployed.recipe.recipe_type, &request.user_id, &request.item_id) {
        (RecipeType::RelatedItems, _, Some(item)) => {
            vec![Some(format!("Related to item {item}")); items.len()]
        }
        (RecipeType::UserPersonalization, Some(user), _) if !deployed.recipe.one_for_all() => {
            let ids: Vec<String> = items.iter().map(|item| item.id.to_owned()).collect();
            campaign.live.explain(&deployed.version, &deployed.steering, user, &ids).await?
        }
        _ => vec![Some(POPULAR.to_owned()); items.len()],
    };
    for (reason, _) in reasons.iter_mut().zip(items).filter(|(_, item)| item.promoted) {
        *reason = Some(PROMOTED.to_owned());
    }
    Ok(Some(reasons))
}
