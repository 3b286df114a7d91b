//! The rules of the life cycle that need nothing but a resource.

use domain::resource::{CampaignUpdate, SolutionVersion};
use domain::{ApiError, Lifecycle, Resource, Status};

/// A parent must be `ACTIVE` before anything is created from it. A schema always is.
pub fn must_be_active(resource: &Resource) -> Result<(), ApiError> {
    match resource.lifecycle() {
        Some(Lifecycle { status, .. }) if *status != Status::Active => Err(ApiError::in_use(format!(
            "Resource Arn {} is in status {}; it must be ACTIVE.",
            resource.arn(),
            status.as_str()
        ))),
        _ => Ok(()),
    }
}

/// A resource may be deleted when it is at rest and no update of it is under way.
pub fn must_be_deletable(resource: &Resource) -> Result<(), ApiError> {
    if let Some(lifecycle) = resource.lifecycle()
        && !lifecycle.status.is_at_rest()
    {
        return Err(ApiError::in_use(format!(
            "Resource Arn {} is in status {}; it can be deleted once that has ended.",
            resource.arn(),
            lifecycle.status.as_str()
        )));
    }
    match resource {
        Resource::Campaign(campaign) => no_update_under_way(campaign.latest_update.as_ref(), resource),
        Resource::Recommender(recommender) => {
            no_update_under_way(recommender.serves.latest_update.as_ref(), resource)
        }
        _ => Ok(()),
    }
}

/// A campaign may be updated when it is `ACTIVE` or `CREATE FAILED` and no other update is under way.
pub fn must_be_updatable(resource: &Resource, latest: Option<&CampaignUpdate>) -> Result<(), ApiError> {
    match resource.lifecycle() {
        Some(Lifecycle { status: Status::Active | Status::CreateFailed, .. }) | None => {}
        Some(Lifecycle { status, .. }) => {
            return Err(ApiError::in_use(format!(
                "Resource Arn {} is in status {}; it can be updated when it is ACTIVE or CREATE FAILED.",
                resource.arn(),
                status.as_str()
            )));
        }
    }
    no_update_under_way(latest, resource)
}

pub(crate) fn no_update_under_way(
    latest: Option<&CampaignUpdate>,
    resource: &Resource,
) -> Result<(), ApiError> {
    match latest {
        Some(update) if !update.lifecycle.status.is_at_rest() => Err(ApiError::in_use(format!(
            "An update of resource Arn {} is in status {}; wait until it has ended.",
            resource.arn(),
            update.lifecycle.status.as_str()
        ))),
        _ => Ok(()),
    }
}

/// What a version becomes when its training is stopped.
pub fn stopped(version: &SolutionVersion) -> Result<Status, ApiError> {
    match version.lifecycle.status {
        Status::CreatePending => Ok(Status::CreateStopped),
        Status::CreateInProgress | Status::CreateStopping => Ok(Status::CreateStopping),
        status => Err(ApiError::in_use(format!(
            "Resource Arn {} is in status {}; only a solution version that is CREATE PENDING or CREATE \
             IN_PROGRESS can be stopped.",
            version.arn,
            status.as_str()
        ))),
    }
}
