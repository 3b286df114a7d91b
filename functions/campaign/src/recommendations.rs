//! `GetRecommendations`.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::limits::PRECOMPUTED_RESULTS;
use domain::recipes::RecipeType;
use domain::resource::AppliedFilter;
use domain::{ApiError, Arn};
use store::{Found, ListKey, StoredList};
use wire::runtime::{self, GetRecommendations, Predicted, Promotion, RequestedFilter};

use crate::deployed::Deployed;
use crate::promotions::Answered;
use crate::{Campaign, Question, Shown, filters, promotions, reasons, shown};

/// The body of the answer.
pub(crate) async fn answer(campaign: &Campaign, body: &[u8]) -> Result<Vec<u8>, ApiError> {
    let request = GetRecommendations::parse(body)?;
    let wanted = request.num_results;
    let deployed = campaign.deployments.find(&request.campaign).await?;
    let (deployed, list) = listed(campaign, &request, deployed).await?;
    let promoted = match &request.promotion {
        Some(promotion) => Some(promoted(campaign, &request, &deployed, promotion).await?),
        None => None,
    };
    let mut items = match &promoted {
        Some(promoted) => promotions::mixed(&list, promoted, wanted, promotions::draw),
        None => promotions::plain(&list, wanted),
    };
    if !deployed.recipe.scored {
        items.iter_mut().for_each(|item| item.score = None);
    }
    let ids = items.iter().map(|item| item.id);
    let shown = shown::columns(campaign, &deployed, ids, &request.metadata_columns).await?;
    let name = request.promotion.as_ref().and_then(|promotion| promotion.name.as_deref());
    let reasons = reasons::of(campaign, &deployed, &request, &items).await?;
    let reason = |place: usize| reasons.as_ref()?.get(place)?.as_deref();
    let items = predicted(&items, name, shown.as_deref()).enumerate();
    let items = items.map(|(place, item)| Predicted { reason: reason(place), ..item });
    Ok(runtime::recommendations(deployed.campaign(), items))
}

/// Items as they are written; `promotion` is the name of what brought in those that are promoted.
pub(crate) fn predicted<'a>(
    items: &'a [Answered<'a>],
    promotion: Option<&'a str>,
    shown: Option<&'a [Shown]>,
) -> impl Iterator<Item = Predicted<'a>> {
    items.iter().enumerate().map(move |(place, item)| Predicted {
        id: item.id,
        score: item.score,
        promotion: promotion.filter(|_| item.promoted),
        metadata: shown.and_then(|shown| shown.get(place)),
        reason: None,
    })
}

/// What answers where nothing is promoted, with the deployment that it is of.
async fn listed(
    campaign: &Campaign,
    request: &GetRecommendations,
    deployed: Arc<Deployed>,
) -> Result<(Arc<Deployed>, Arc<StoredList>), ApiError> {
    let wanted = request.num_results;
    let key = key(request, &deployed)?;
    let asked = Asked { key, spared: spared(request, &deployed), wanted };
    if let Some(filter) = &request.filter {
        // The columns that it tests are where the models are.
        let list = filtered(campaign, request, &deployed, filter, wanted).await?;
        return Ok((deployed, list));
    }
    if wanted == 0 {
        return Ok((deployed, Arc::default()));
    }
    let in_context = deployed.recipe.metadata && !request.context.is_empty();
    // Stored lists know of no context, and those of an item of no user.
    if in_context || asked.spared.is_some() {
        campaign.fell_back();
        let list = live(campaign, &deployed, asked, &request.context, None).await?;
        return Ok((deployed, list));
    }
    let key_of = |deployed: &Deployed| self::key(request, deployed);
    let (deployed, stored) = stored(campaign, &request.campaign, deployed, key_of).await?;
    let list = long_enough(campaign, &deployed, asked, stored).await?;
    Ok((deployed, list))
}

/// The best of what passes a filter, which may be that of a promotion.
async fn filtered(
    campaign: &Campaign,
    request: &GetRecommendations,
    deployed: &Deployed,
    filter: &RequestedFilter,
    wanted: usize,
) -> Result<Arc<StoredList>, ApiError> {
    let (user, item) = (request.user_id.as_deref(), request.item_id.as_deref());
    let filter = filters::applied(campaign, deployed, filter, user, item).await?;
    campaign.fell_back();
    let asked = Asked { key: key(request, deployed)?, spared: spared(request, deployed), wanted };
    live(campaign, deployed, asked, &request.context, Some(&filter)).await
}

/// The items that a promotion brings in; the filter of the request does not count for them.
async fn promoted(
    campaign: &Campaign,
    request: &GetRecommendations,
    deployed: &Deployed,
    promotion: &Promotion,
) -> Result<Arc<StoredList>, ApiError> {
    filtered(campaign, request, deployed, &promotion.filter, promotion.places(request.num_results)).await
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Which list.
    pub key: ListKey<'a>,
    /// Whose items are left out of the list of an item.
    pub spared: Option<&'a str>,
    /// How many items.
    pub wanted: usize,
}

/// The user whose items a use case leaves out of answers that are related to an item. Lists of users lack
/// theirs already.
fn spared<'a>(request: &'a GetRecommendations, deployed: &Deployed) -> Option<&'a str> {
    let use_case = deployed.use_case.filter(|use_case| use_case.needs_item());
    use_case.and_then(|use_case| use_case.leaves_out).and(request.user_id.as_deref())
}

/// The answer of the model itself.
pub(crate) async fn live(
    campaign: &Campaign,
    deployed: &Deployed,
    asked: Asked<'_>,
    context: &BTreeMap<String, String>,
    filter: Option<&AppliedFilter>,
) -> Result<Arc<StoredList>, ApiError> {
    let (user_id, item_id) = match asked.key {
        ListKey::User(id) => (Some(id), None),
        ListKey::Item(id) => (asked.spared, Some(id)),
        ListKey::Cold => (None, None),
    };
    let (num_results, steering) = (asked.wanted, &deployed.steering);
    let question = Question { user_id, item_id, num_results, context, steering, input_list: None, filter };
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
    if deployed.use_case.is_some_and(|use_case| use_case.needs_user) && request.user_id.is_none() {
        return Err(required("userId"));
    }
    let key = match deployed.recipe.recipe_type {
        RecipeType::UserPersonalization => {
            ListKey::User(request.user_id.as_deref().ok_or_else(|| required("userId"))?)
        }
        RecipeType::RelatedItems => {
            ListKey::Item(request.item_id.as_deref().ok_or_else(|| required("itemId"))?)
        }
        // No campaign is created for segments; the list of popular items is what is left.
        RecipeType::PopularItems | RecipeType::UserSegmentation => ListKey::Cold,
        RecipeType::PersonalizedActions => {
            return Err(ApiError::invalid(format!(
                "The recipe {} recommends actions and no items: use GetActionRecommendations.",
                deployed.recipe.arn()
            )));
        }
        RecipeType::PersonalizedRanking => {
            return Err(ApiError::invalid(format!(
                "The recipe {} puts a given list in order: use GetPersonalizedRanking.",
                deployed.recipe.arn()
            )));
        }
    };
    Ok(if deployed.recipe.one_for_all() { ListKey::Cold } else { key })
}

/// What is stored for a request, with the deployment that it is of: the remembered one, or the one that a
/// campaign has moved on to. `key` says which list is asked for.
pub(crate) async fn stored<'a>(
    campaign: &Campaign,
    arn: &Arn,
    deployed: Arc<Deployed>,
    key: impl Fn(&Deployed) -> Result<ListKey<'a>, ApiError>,
) -> Result<(Arc<Deployed>, Stored<'a>), ApiError> {
    if let Some(stored) = remembered(campaign, &deployed, key(&deployed)?).await? {
        return Ok((deployed, stored));
    }
    // The slot has lists of another version, so the campaign may have moved on.
    let deployed = campaign.deployments.find_afresh(arn).await?;
    let stored = latest(campaign, &deployed, key(&deployed)?).await?;
    Ok((deployed, stored))
}

/// A list of the version that is served, and whose it is.
pub(crate) struct Stored<'a> {
    pub key: ListKey<'a>,
    pub list: Arc<StoredList>,
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

/// The stored list, or a longer one from the model where the stored one was cut short.
async fn long_enough(
    campaign: &Campaign,
    deployed: &Deployed,
    asked: Asked<'_>,
    Stored { key, list }: Stored<'_>,
) -> Result<Arc<StoredList>, ApiError> {
    if key != asked.key {
        campaign.fell_back();
    }
    if asked.wanted <= list.items.len() || list.items.len() < PRECOMPUTED_RESULTS {
        return Ok(list);
    }
    campaign.fell_back();
    live(campaign, deployed, Asked { key, ..asked }, &BTreeMap::new(), None).await
}
