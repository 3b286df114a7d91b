//! Creating a resource under its parents, so that no parent is deleted from under it.
//!
//! A delete looks for children and then writes the parent's row; a create writes the child and then
//! the parents' rows. Both writes hold only at the revision that was read before, so of a delete and
//! a create at the same moment one fails and looks again.

use domain::resource::Job;
use domain::{ApiError, ErrorKind, Resource, Status};
use store::Revised;
use store::resources::{CreateError, ReplaceError};

use crate::{Control, rules};

/// How often a parent that others keep writing is read again.
const HOLD_ATTEMPTS_MAX: u32 = 12;

impl Control {
    /// Creates a resource that needs no work.
    ///
    /// Fails with `ResourceAlreadyExists` when its ARN is taken; with `ResourceNotFound` or
    /// `ResourceInUse` when a parent was deleted in the meantime.
    pub(crate) async fn create(
        &self,
        child: impl Into<Resource>,
        parents: Vec<Revised<Resource>>,
    ) -> Result<(), ApiError> {
        let child = child.into();
        self.resources.create(&child).await.map_err(|error| match error {
            CreateError::AlreadyExists { arn } => ApiError::already_exists(&arn),
            CreateError::Store(error) => ApiError::internal(error),
        })?;
        for parent in parents {
            if let Err(error) = self.hold(parent).await {
                self.resources.delete(child.arn()).await.map_err(ApiError::internal)?;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Creates a resource and starts the work that it needs. When the work cannot be started the
    /// resource is taken back, so that the caller's retry finds its name free.
    pub(crate) async fn create_and_launch(
        &self,
        child: impl Into<Resource>,
        parents: Vec<Revised<Resource>>,
        job: Job,
    ) -> Result<(), ApiError> {
        let arn = job.arn().clone();
        if let Err(error) = self.create(child, parents).await {
            if error.kind == ErrorKind::ResourceAlreadyExists {
                self.launch_if_forgotten(job).await?;
            }
            return Err(error);
        }
        if let Err(error) = self.launcher.launch(job).await {
            self.resources.delete(&arn).await.map_err(ApiError::internal)?;
            return Err(ApiError::internal(error));
        }
        Ok(())
    }

    /// Launches the job of a resource that waits for it. Whoever created the resource may have ended
    /// before it launched anything; asking again, as clients and S3 events do, then makes it go on.
    async fn launch_if_forgotten(&self, job: Job) -> Result<(), ApiError> {
        let row = self.row(job.arn()).await?;
        if row.value.lifecycle().is_some_and(|life| life.status == Status::CreatePending) {
            self.launcher.launch(job).await.map_err(ApiError::internal)?;
        }
        Ok(())
    }

    /// Writes a parent as it is, which only works while nobody has begun to delete it.
    async fn hold(&self, mut parent: Revised<Resource>) -> Result<(), ApiError> {
        for _ in 0..HOLD_ATTEMPTS_MAX {
            match self.resources.replace(&parent.value, parent.revision).await {
                Ok(_) => return Ok(()),
                Err(ReplaceError::Conflict { arn, .. }) => {
                    parent = self.row(&arn).await?;
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
}
