//! `GetRecommendations`.

use std::sync::Arc;

use domain::ApiError;
use domain::limits::PRECOMPUTED_RESULTS;
use domain::recipes::{Algorithm, RecipeType};
use store::{ListKey, StoredList};
use wire::runtime::{self, GetRecommendations};

use crate::Campaign;
use crate::deployed::Deployed;

/// The body of the answer.
pub(crate) async fn answer(campaign: &Campaign, body: &[u8]) -> Result<Vec<u8>, ApiError> {
    let request = GetRecommendations::parse(body)?;
    let deployed = campaign.deployments.find(&request.campaign).await?;
    let key = key(&request, &deployed)?;
    let wanted = request.num_results;
    if wanted == 0 {
        return Ok(runtime::recommendations(std::iter::empty(), &[]));
    }
    let list = list(campaign, &deployed, key, wanted).await?;
    let scores = if deployed.recipe.scored { list.scores.as_slice() } else { &[] };
    Ok(runtime::recommendations(list.items.iter().take(wanted).map(String::as_str), scores))
}

/// Which list answers. A recipe that has one list for everybody stores nothing but that.
fn key<'a>(request: &'a GetRecommendations, deployed: &Deployed) -> Result<ListKey<'a>, ApiError> {
    let required = |member: &str| {
        ApiError::invalid(format!(
            "Required fields for the provided recipe are {member}: the recipe {} needs it.",
            deployed.recipe.arn()
        ))
    };
    let key = match deployed.recipe.recipe_type {
        RecipeType::UserPersonalization => {
            ListKey::User(request.user_id.as_deref().ok_or_else(|| required("userId"))?)
        }
        RecipeType::RelatedItems => {
            ListKey::Item(request.item_id.as_deref().ok_or_else(|| required("itemId"))?)
        }
    };
    match deployed.recipe.algorithm {
        Algorithm::PopularityCount => Ok(ListKey::Cold),
        Algorithm::Hrnn | Algorithm::Sims => Ok(key),
    }
}

/// The stored list, or a longer one from the model where the stored one was cut short.
async fn list(
    campaign: &Campaign,
    deployed: &Deployed,
    key: ListKey<'_>,
    wanted: usize,
) -> Result<Arc<StoredList>, ApiError> {
    let own = match key {
        ListKey::Cold => None,
        key => campaign.lists.get(&deployed.version, &key).await.map_err(ApiError::internal)?,
    };
    let (key, list) = match own {
        Some(list) => (key, Arc::new(list)),
        None => {
            if key != ListKey::Cold {
                campaign.fell_back();
            }
            (ListKey::Cold, deployed.cold(&campaign.lists).await?)
        }
    };
    if wanted <= list.items.len() || list.items.len() < PRECOMPUTED_RESULTS {
        return Ok(list);
    }
    campaign.fell_back();
    let longer = campaign.live.recommend(&deployed.version, key, wanted).await;
    longer.map(Arc::new).map_err(ApiError::internal)
}
