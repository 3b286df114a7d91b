//! Filters of requests: which one it is, and whether it may be applied here.
//!
//! What the expression says is known where the model and the columns are, behind
//! [`LiveScorer`](crate::LiveScorer).

use domain::resource::{AppliedFilter, Filter};
use domain::{ApiError, ErrorKind, Status};
use wire::runtime::RequestedFilter;

use crate::Campaign;
use crate::deployed::Deployed;

/// The filter that a request names, as it applies it.
///
/// Fails with `ResourceNotFound` when there is no such filter, or none that is active, and with
/// `InvalidInput` when it belongs to another dataset group than the version that answers.
pub(crate) async fn applied(
    campaign: &Campaign,
    deployed: &Deployed,
    requested: &RequestedFilter,
    user: Option<&str>,
    item: Option<&str>,
) -> Result<AppliedFilter, ApiError> {
    let RequestedFilter { arn, values } = requested;
    let found = campaign.resources.get_as::<Filter>(arn).await.map_err(ApiError::internal)?;
    let filter = found.ok_or_else(|| ApiError::not_found(arn))?.value;
    if filter.lifecycle.status != Status::Active {
        let status = filter.lifecycle.status.as_str();
        let message =
            format!("The filter {arn} is in status {status}; it can be applied while it is ACTIVE.");
        return Err(ApiError::new(ErrorKind::ResourceNotFound, message));
    }
    filter.must_belong_to(&deployed.dataset_group)?;
    Ok(AppliedFilter {
        expression: filter.expression,
        dataset_group: filter.dataset_group,
        values: values.clone(),
        user: user.map(str::to_owned),
        item: item.map(str::to_owned),
    })
}
