//! `GetRecommendations`.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::ApiError;
use domain::limits::PRECOMPUTED_RESULTS;
use domain::recipes::RecipeType;
use domain::resource::AppliedFilter;
use store::{Found, ListKey, StoredList};
use wire::runtime::{self, GetRecommendations};

use crate::deployed::Deployed;
use crate::{Campaign, Question, filters};

/// The body of the answer.
pub(crate) async fn answer(campaign: &Campaign, body: &[u8]) -> Result<Vec<u8>, ApiError> {
    let request = GetRecommendations::parse(body)?;
    let wanted = request.num_results;
    let deployed = campaign.deployments.find(&request.campaign).await?;
    let key = key(&request, &deployed)?;
    let scored_only = |list: &StoredList, deployed: &Deployed| {
        let scores = if deployed.recipe.scored { list.scores.as_slice() } else { &[] };
        runtime::recommendations(list.items.iter().take(wanted).map(String::as_str), scores)
    };
    if let Some(filter) = &request.filter {
        // The columns that it tests are where the models are.
        let (user, item) = (request.user_id.as_deref(), request.item_id.as_deref());
        let filter = filters::applied(campaign, &deployed, filter, user, item).await?;
        campaign.fell_back();
        let list = live(campaign, &deployed, key, wanted, &request.context, Some(&filter)).await?;
        return Ok(scored_only(&list, &deployed));
    }
    if wanted == 0 {
        return Ok(runtime::recommendations(std::iter::empty(), &[]));
    }
    if deployed.recipe.metadata && !request.context.is_empty() {
        // Stored lists know of no context.
        campaign.fell_back();
        let list = live(campaign, &deployed, key, wanted, &request.context, None).await?;
        return Ok(scored_only(&list, &deployed));
    }
    let (deployed, stored) = match remembered(campaign, &deployed, key).await? {
        Some(stored) => (deployed, stored),
        // The slot has lists of another version, so the campaign may have moved on.
        None => {
            let deployed = campaign.deployments.find_afresh(&request.campaign).await?;
            let stored = latest(campaign, &deployed, self::key(&request, &deployed)?).await?;
            (deployed, stored)
        }
    };
    let list = long_enough(campaign, &deployed, key, stored, wanted).await?;
    Ok(scored_only(&list, &deployed))
}

/// The answer of the model itself.
async fn live(
    campaign: &Campaign,
    deployed: &Deployed,
    key: ListKey<'_>,
    wanted: usize,
    context: &BTreeMap<String, String>,
    filter: Option<&AppliedFilter>,
) -> Result<Arc<StoredList>, ApiError> {
    let (user_id, item_id) = match key {
        ListKey::User(id) => (Some(id), None),
        ListKey::Item(id) => (None, Some(id)),
        ListKey::Cold => (None, None),
    };
    let exploration = &deployed.exploration;
    let question =
        Question { user_id, item_id, num_results: wanted, context, exploration, input_list: None, filter };
    campaign.live.answer(&deployed.version, question).await.map(Arc::new)
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
        // No campaign is created for segments; the list of popular items is what is left.
        RecipeType::PopularItems | RecipeType::UserSegmentation => ListKey::Cold,
        RecipeType::PersonalizedRanking => {
            return Err(ApiError::invalid(format!(
                "The recipe {} puts a given list in order: use GetPersonalizedRanking.",
                deployed.recipe.arn()
            )));
        }
    };
    Ok(if deployed.recipe.one_for_all() { ListKey::Cold } else { key })
}

/// A list of the version that is served, and whose it is.
struct Stored<'a> {
    key: ListKey<'a>,
    list: Arc<StoredList>,
}

/// The list that a remembered deployment answers with, its own or the cold one, with one read. None
/// when the slot has another version's instead.
async fn remembered<'a>(
    campaign: &Campaign,
    deployed: &Deployed,
    key: ListKey<'a>,
) -> Result<Option<Stored<'a>>, ApiError> {
    if key != ListKey::Cold {
        let found = campaign.lists.get(deployed.shelf(), &deployed.version, &key).await;
        match found.map_err(ApiError::internal)? {
            Found::List(list) => return Ok(Some(Stored { key, list: Arc::new(list) })),
            Found::OtherVersion => return Ok(None),
            Found::Nothing => {}
        }
    }
    let cold = deployed.cold(&campaign.lists).await?;
    Ok(cold.map(|list| Stored { key: ListKey::Cold, list }))
}

/// The same for a deployment that was read just now. What is of another version still was left by one
/// that knew more users or items, and counts as absent.
async fn latest<'a>(
    campaign: &Campaign,
    deployed: &Deployed,
    key: ListKey<'a>,
) -> Result<Stored<'a>, ApiError> {
    if key != ListKey::Cold {
        let found = campaign.lists.get_latest(deployed.shelf(), &deployed.version, &key).await;
        if let Found::List(list) = found.map_err(ApiError::internal)? {
            return Ok(Stored { key, list: Arc::new(list) });
        }
    }
    let cold = deployed.cold(&campaign.lists).await?;
    let missing = || {
        let Deployed { version, .. } = deployed;
        ApiError::internal(format!(
            "{} is deployed as {version} without its cold list; an update of the campaign publishes it",
            deployed.shelf()
        ))
    };
    cold.map(|list| Stored { key: ListKey::Cold, list }).ok_or_else(missing)
}

/// The stored list, or a longer one from the model where the stored one was cut short. `asked` is whose
/// list was wanted.
async fn long_enough(
    campaign: &Campaign,
    deployed: &Deployed,
    asked: ListKey<'_>,
    Stored { key, list }: Stored<'_>,
    wanted: usize,
) -> Result<Arc<StoredList>, ApiError> {
    if key != asked {
        campaign.fell_back();
    }
    if wanted <= list.items.len() || list.items.len() < PRECOMPUTED_RESULTS {
        return Ok(list);
    }
    campaign.fell_back();
    live(campaign, deployed, key, wanted, &BTreeMap::new(), None).await
}
