//! Deleting: what blocks it, and how it begins. The rest is a job's work.

use domain::resource::{Dataset, Job, Solution};
use domain::{ApiError, Arn, Resource, ResourceKind, Status};
use lifecycle::rules;
use store::Revised;
use store::resources::ReplaceError;

use crate::Control;

/// How often a resource that others keep writing is read again.
const ATTEMPTS_MAX: u32 = 12;

/// The ARN that callers know a resource by: a recommender's version is the recommender to them.
fn shown(resource: &Resource) -> Arn {
    match resource.kind() {
        ResourceKind::RecommenderVersion => resource.arn().solution(),
        _ => resource.arn().clone(),
    }
}

impl Control {
    /// Marks a resource `DELETE PENDING` and starts its deletion; a schema is gone at once.
    ///
    /// Fails with `ResourceNotFound` when there is none of this kind, with `ResourceInUse` when it
    /// is not at rest or something depends on it. The message names what does.
    pub(crate) async fn begin_delete(&self, arn: &Arn, kind: ResourceKind) -> Result<(), ApiError> {
        if arn.kind() != kind {
            return Err(ApiError::not_found(arn));
        }
        for _ in 0..ATTEMPTS_MAX {
            let row = self.row(arn).await?;
            rules::must_be_deletable(&row.value)?;
            self.nothing_blocks(&row.value).await?;
            let mut marked = row.clone();
            if let Some(lifecycle) = marked.value.lifecycle_mut() {
                lifecycle.advance(Status::DeletePending, (self.clock)()).map_err(ApiError::internal)?;
            }
            match self.resources.replace(&marked).await {
                Ok(revision) => {
                    return self.finish_or_launch(Revised { revision, ..row }, marked.value).await;
                }
                Err(ReplaceError::Conflict { .. }) => continue,
                Err(ReplaceError::Store(error)) => return Err(ApiError::internal(error)),
            }
        }
        Err(ApiError::in_use(format!("Resource Arn {arn} is being changed by others; try again.")))
    }

    /// `before` is what to go back to, at the revision of what was marked.
    async fn finish_or_launch(&self, before: Revised<Resource>, marked: Resource) -> Result<(), ApiError> {
        let arn = marked.arn();
        if marked.lifecycle().is_none() {
            return self.resources.delete(arn).await.map_err(ApiError::internal);
        }
        let Err(error) = self.launcher.launch(Job::Delete(arn.clone())).await else { return Ok(()) };
        // Nobody will delete it, so it must not say that somebody does.
        self.resources.replace(&before).await.map_err(ApiError::internal)?;
        Err(ApiError::internal(error))
    }

    /// Who blocks whom (developer guide, the pages on deleting resources).
    async fn nothing_blocks(&self, resource: &Resource) -> Result<(), ApiError> {
        let blocker = match resource {
            Resource::DatasetGroup(group) => {
                let datasets = self.children(ResourceKind::Dataset, Some(&group.arn)).await?;
                let solutions = self.children(ResourceKind::Solution, Some(&group.arn)).await?;
                let trackers = self.children(ResourceKind::EventTracker, Some(&group.arn)).await?;
                let filters = self.children(ResourceKind::Filter, Some(&group.arn)).await?;
                let deletions = self.children(ResourceKind::DataDeletionJob, Some(&group.arn)).await?;
                let under_way = |r: &Resource| r.lifecycle().is_some_and(|l| !l.status.is_at_rest());
                let deletions = deletions.into_iter().filter(under_way);
                let attributions = self.children(ResourceKind::MetricAttribution, Some(&group.arn)).await?;
                let recommenders = self.children(ResourceKind::Recommender, Some(&group.arn)).await?;
                let others = filters.into_iter().chain(deletions).chain(attributions).chain(recommenders);
                datasets.into_iter().chain(solutions).chain(trackers).chain(others).next()
            }
            Resource::Schema(schema) => {
                let datasets = self.children(ResourceKind::Dataset, None).await?;
                let uses = |r: &Resource| matches!(r, Resource::Dataset(d) if d.schema == schema.arn);
                datasets.into_iter().find(uses)
            }
            Resource::Dataset(dataset) => self.work_on_dataset(dataset).await?,
            Resource::Solution(solution) => self.use_of_solution(solution).await?,
            Resource::Filter(filter) => self.use_of_filter(&filter.arn).await?,
            _ => None,
        };
        match blocker {
            Some(blocker) => Err(ApiError::in_use(format!(
                "Resource Arn {} cannot be deleted because {} depends on it{}.",
                resource.arn(),
                shown(&blocker),
                blocker.lifecycle().map(|l| format!(" (status {})", l.status.as_str())).unwrap_or_default()
            ))),
            None => Ok(()),
        }
    }

    async fn work_on_dataset(&self, dataset: &Dataset) -> Result<Option<Resource>, ApiError> {
        let unfinished = self.resources.unfinished().await.map_err(ApiError::internal)?;
        Ok(unfinished.into_iter().find(|resource| match resource {
            Resource::DatasetImportJob(job) => job.dataset == dataset.arn,
            Resource::DatasetExportJob(job) => job.dataset == dataset.arn,
            Resource::DataDeletionJob(job) => job.dataset_group == dataset.dataset_group,
            Resource::SolutionVersion(version) => version.dataset_group == dataset.dataset_group,
            _ => false,
        }))
    }

    async fn use_of_solution(&self, solution: &Solution) -> Result<Option<Resource>, ApiError> {
        let campaigns = self.children(ResourceKind::Campaign, Some(&solution.arn)).await?;
        let versions = self.children(ResourceKind::SolutionVersion, Some(&solution.arn)).await?;
        let in_training = |r: &Resource| r.lifecycle().is_some_and(|l| !l.status.is_at_rest());
        Ok(campaigns.into_iter().chain(versions.into_iter().filter(in_training)).next())
    }

    async fn use_of_filter(&self, filter: &Arn) -> Result<Option<Resource>, ApiError> {
        let unfinished = self.resources.unfinished().await.map_err(ApiError::internal)?;
        Ok(unfinished.into_iter().find(|resource| match resource {
            Resource::BatchInferenceJob(job) => job.order.filter.as_ref() == Some(filter),
            Resource::BatchSegmentJob(job) => job.order.filter.as_ref() == Some(filter),
            _ => false,
        }))
    }

    pub(crate) async fn children(
        &self,
        kind: ResourceKind,
        parent: Option<&Arn>,
    ) -> Result<Vec<Resource>, ApiError> {
        self.resources.list_all(kind, parent).await.map_err(ApiError::internal)
    }
}
