//! Columns of Items beside the items of an answer.

use std::collections::BTreeMap;

use domain::ApiError;

use crate::Campaign;
use crate::deployed::Deployed;

/// Values of an item by the names of its columns, as a request spells them.
pub type Shown = BTreeMap<String, String>;

/// What items have in the columns that a request asks for; nothing where it asks for none.
///
/// Fails with `InvalidInput` when the campaign does not show metadata, or there is no such column.
pub(crate) async fn columns(
    campaign: &Campaign,
    deployed: &Deployed,
    items: impl Iterator<Item = &str>,
    columns: &[String],
) -> Result<Option<Vec<Shown>>, ApiError> {
    if columns.is_empty() {
        return Ok(None);
    }
    if !deployed.shows_metadata {
        return Err(ApiError::invalid(format!(
            "'metadataColumns' is set, but {} does not return metadata: update it with \
             'enableMetadataWithRecommendations' true in its configuration.",
            deployed.campaign()
        )));
    }
    let items: Vec<String> = items.map(str::to_owned).collect();
    campaign.live.describe(&deployed.dataset_group, &items, columns).await.map(Some)
}
