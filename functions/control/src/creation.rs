//! Creating a resource, and starting the work that it needs.

use domain::resource::Job;
use domain::{ApiError, ErrorKind, Resource, Status, Tags};
use lifecycle::children;
use store::Revised;

use crate::Control;

impl Control {
    /// Creates a resource that needs no work.
    ///
    /// Fails with `ResourceAlreadyExists` when its ARN is taken; with `ResourceNotFound` or
    /// `ResourceInUse` when a parent was deleted in the meantime.
    pub(crate) async fn create(
        &self,
        child: impl Into<Resource>,
        tags: Tags,
        parents: Vec<Revised<Resource>>,
    ) -> Result<(), ApiError> {
        children::create(&self.resources, &child.into(), &tags, parents).await
    }

    /// Creates a resource and starts the work that it needs. When the work cannot be started the
    /// resource is taken back, so that the caller's retry finds its name free.
    pub(crate) async fn create_and_launch(
        &self,
        child: impl Into<Resource>,
        tags: Tags,
        parents: Vec<Revised<Resource>>,
        job: Job,
    ) -> Result<(), ApiError> {
        let arn = job.arn().clone();
        if let Err(error) = self.create(child, tags, parents).await {
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
}
