//! `GetActionRecommendations`.
//!
//! The list of a user is read as that of items is, with one read. Its entries say when they may be answered
//! ([`Offer`]), because actions expire and may be repeated while nobody writes the list anew.

use std::collections::BTreeMap;

use domain::action::Offer;
use domain::limits::PRECOMPUTED_RESULTS;
use domain::recipes::RecipeType;
use domain::{ApiError, EpochMillis};
use store::{ListKey, StoredList};
use wire::runtime::{self, GetActionRecommendations};

use crate::deployed::Deployed;
use crate::ranking::wrong_recipe;
use crate::recommendations::{Asked, live, stored};
use crate::{Campaign, filters};

/// The body of the answer. Fails with `InvalidInput` when the campaign's recipe does not recommend actions.
pub(crate) async fn answer(campaign: &Campaign, body: &[u8]) -> Result<Vec<u8>, ApiError> {
    let request = GetActionRecommendations::parse(body)?;
    let wanted = request.num_results;
    let deployed = campaign.deployments.find(&request.campaign).await?;
    if deployed.recipe.recipe_type != RecipeType::PersonalizedActions {
        return Err(wrong_recipe(&deployed, "GetActionRecommendations", "PERSONALIZED_ACTIONS"));
    }
    let user = request.user_id.as_deref().ok_or_else(|| {
        ApiError::invalid(format!(
            "Required fields for the provided recipe are userId: the recipe {} needs it.",
            deployed.recipe.arn()
        ))
    })?;
    let (key, no_context) = (ListKey::User(user), BTreeMap::new());
    let asked = Asked { key, spared: None, wanted };
    if let Some(filter) = &request.filter {
        // The columns that it tests are where the models are.
        let filter = filters::applied(campaign, &deployed, filter, Some(user), None).await?;
        campaign.fell_back();
        let list = live(campaign, &deployed, asked, &no_context, Some(&filter)).await?;
        return Ok(body_of(&deployed, &open(&list)?, wanted));
    }
    let (deployed, stored) = stored(campaign, &request.campaign, deployed, |_| Ok(key)).await?;
    if stored.key != key {
        campaign.fell_back();
    }
    let offers = open(&stored.list)?;
    // A list that was cut has more behind it than what is left.
    if offers.len() >= wanted || stored.list.items.len() < PRECOMPUTED_RESULTS {
        return Ok(body_of(&deployed, &offers, wanted));
    }
    campaign.fell_back();
    let list = live(campaign, &deployed, asked, &no_context, None).await?;
    Ok(body_of(&deployed, &open(&list)?, wanted))
}

/// What may be answered now.
fn open(list: &StoredList) -> Result<Vec<(String, f32)>, ApiError> {
    let now = EpochMillis::now().0.div_euclid(1000);
    let mut open = Vec::with_capacity(list.items.len());
    for (text, &score) in list.items.iter().zip(&list.scores) {
        let unread = || ApiError::internal(format!("'{text}' in a list of actions is no entry of one"));
        let offer = Offer::parse(text).ok_or_else(unread)?;
        if offer.is_open(now) {
            open.push((offer.id, score));
        }
    }
    Ok(open)
}

fn body_of(deployed: &Deployed, offers: &[(String, f32)], wanted: usize) -> Vec<u8> {
    runtime::actions(deployed.campaign(), offers.iter().take(wanted).map(|(id, score)| (id.as_str(), *score)))
}
