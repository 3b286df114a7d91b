//! Quotas, with the hosted service's messages.

use domain::{ApiError, Arn, ErrorKind, ResourceKind};

use crate::Control;

impl Control {
    /// One more resource of a kind under a parent (or in the region) must fit.
    pub(crate) async fn room_for(
        &self,
        what: &str,
        kind: ResourceKind,
        parent: Option<&Arn>,
        most: usize,
    ) -> Result<(), ApiError> {
        let there = self.count(kind, parent).await?;
        if there < most { Ok(()) } else { Err(no_room(what, most)) }
    }

    async fn count(&self, kind: ResourceKind, parent: Option<&Arn>) -> Result<usize, ApiError> {
        self.resources.count(kind, parent).await.map_err(ApiError::internal)
    }

    /// One more campaign must fit into the dataset group, over all its solutions.
    pub(crate) async fn room_for_campaign(&self, dataset_group: &Arn) -> Result<(), ApiError> {
        let most = self.quotas.campaigns_per_group;
        let mut there = 0;
        for solution in self.children(ResourceKind::Solution, Some(dataset_group)).await? {
            there += self.count(ResourceKind::Campaign, Some(solution.arn())).await?;
        }
        if there < most { Ok(()) } else { Err(no_room("campaign", most)) }
    }

    /// One more job of a kind must fit beside those that are pending or in progress.
    pub(crate) async fn room_in_flight(&self, kind: ResourceKind, most: usize) -> Result<(), ApiError> {
        let unfinished = self.resources.unfinished().await.map_err(ApiError::internal)?;
        if unfinished.iter().filter(|resource| resource.kind() == kind).count() < most {
            return Ok(());
        }
        let message = format!("More than {most} resources with PENDING or IN_PROGRESS status");
        Err(ApiError::new(ErrorKind::LimitExceeded, message))
    }
}

pub(crate) fn no_room(what: &str, most: usize) -> ApiError {
    let message = format!(
        "Cannot create a {what}. More than {most} resources in ACTIVE state. Please delete some and try again."
    );
    ApiError::new(ErrorKind::LimitExceeded, message)
}
