//! Creating a resource under its parents, so that no parent is deleted from under it.
//!
//! A delete looks for children and then writes the parent's row; a create writes the child and then
//! the parents' rows. Both writes hold only at the revision that was read before, so of a delete and
//! a create at the same moment one fails and looks again.

use domain::{ApiError, Resource, Tags};
use store::resources::{CreateError, ReplaceError};
use store::{Resources, Revised};

use crate::rules;

/// How often a parent that others keep writing is read again.
const HOLD_ATTEMPTS_MAX: u32 = 12;

/// Creates a resource with its tags under parents as they were read.
///
/// Fails with `ResourceAlreadyExists` when its ARN is taken; with `ResourceNotFound` or
/// `ResourceInUse` when a parent was deleted in the meantime.
pub async fn create(
    resources: &Resources,
    child: &Resource,
    tags: &Tags,
    parents: Vec<Revised<Resource>>,
) -> Result<(), ApiError> {
    resources.create_tagged(child, tags).await.map_err(|error| match error {
        CreateError::AlreadyExists { arn } => ApiError::already_exists(&arn),
        CreateError::Store(error) => ApiError::internal(error),
    })?;
    for parent in parents {
        if let Err(error) = hold(resources, parent).await {
            resources.delete(child.arn()).await.map_err(ApiError::internal)?;
            return Err(error);
        }
    }
    Ok(())
}

/// Writes a parent as it is, which only works while nobody has begun to delete it.
///
/// Fails with `ResourceNotFound` or `ResourceInUse` when somebody has.
pub async fn hold(resources: &Resources, mut parent: Revised<Resource>) -> Result<(), ApiError> {
    for _ in 0..HOLD_ATTEMPTS_MAX {
        match resources.replace(&parent).await {
            Ok(_) => return Ok(()),
            Err(ReplaceError::Conflict { arn, .. }) => {
                let found = resources.get(&arn).await.map_err(ApiError::internal)?;
                parent = found.ok_or_else(|| ApiError::not_found(&arn))?;
                rules::must_be_active(&parent.value)?;
            }
            Err(ReplaceError::Store(error)) => return Err(ApiError::internal(error)),
        }
    }
    Err(ApiError::in_use(format!(
        "Resource Arn {} is being changed by others; try again.",
        parent.value.arn()
    )))
}
