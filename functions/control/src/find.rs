//! Reading resources by the ARNs of a request.

use domain::{ApiError, Arn, Resource, ResourceKind};
use lifecycle::rules;
use store::Revised;

use crate::Control;

/// A resource that was read to become somebody's parent.
#[derive(Clone, Debug)]
pub struct Parent<R> {
    /// The resource.
    pub value: R,
    /// The same as it was read, to be held while the child is created.
    pub row: Revised<Resource>,
}

impl Control {
    /// A resource of one kind.
    ///
    /// Fails with `ResourceNotFound` when nothing answers to the ARN, or something of another kind.
    pub(crate) async fn find<R: TryFrom<Resource>>(&self, arn: &Arn) -> Result<R, ApiError> {
        Ok(self.parent::<R>(arn).await?.value)
    }

    /// A resource that something is about to be created under or from.
    ///
    /// Fails with `ResourceNotFound`.
    pub(crate) async fn parent<R: TryFrom<Resource>>(&self, arn: &Arn) -> Result<Parent<R>, ApiError> {
        let row = self.row(arn).await?;
        let value = R::try_from(row.value.clone()).map_err(|_| ApiError::not_found(arn))?;
        Ok(Parent { value, row })
    }

    /// The same, which must be `ACTIVE`.
    ///
    /// Fails with `ResourceNotFound`, or with `ResourceInUse` while it is in any other status.
    pub(crate) async fn active_parent<R: TryFrom<Resource>>(&self, arn: &Arn) -> Result<Parent<R>, ApiError> {
        let parent = self.parent(arn).await?;
        rules::must_be_active(&parent.row.value)?;
        Ok(parent)
    }

    /// Any resource that callers may see.
    pub(crate) async fn row(&self, arn: &Arn) -> Result<Revised<Resource>, ApiError> {
        if arn.kind() == ResourceKind::RecommenderVersion {
            return Err(ApiError::not_found(arn));
        }
        self.resources.get(arn).await.map_err(ApiError::internal)?.ok_or_else(|| ApiError::not_found(arn))
    }
}
