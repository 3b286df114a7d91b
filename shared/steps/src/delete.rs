//! Deletion: what hangs on a resource goes first, the resource itself last, so that a deletion that
//! is cut off finds everything it needs when it is begun again.

use domain::resource::{DatasetType, SolutionVersion};
use domain::{Arn, EpochMillis, Resource, ResourceKind, Slot, Status};
use store::Shelf;
use store::resources::UpdateError;

use crate::failure::{Doing, Failure};
use crate::{Steps, keys};

/// Removes a resource in `DELETE PENDING` with everything that belongs to it alone.
pub(crate) async fn delete(steps: &Steps, arn: &Arn) -> Result<(), Failure> {
    let Some(found) = steps.resources.get(arn).await.doing(|| format!("reading {arn}"))? else {
        return Ok(());
    };
    begin(steps, arn).await?;
    match found.value {
        Resource::Dataset(dataset) => {
            remove_live(steps, &dataset.dataset_group, dataset.dataset_type).await?;
            remove_children(steps, ResourceKind::DatasetImportJob, arn).await?;
            remove_children(steps, ResourceKind::DatasetExportJob, arn).await?;
            remove_objects(steps, &keys::dataset_prefix(arn)).await?;
        }
        // Its datasets are gone, and what was on its way to them while they went may have arrived.
        Resource::DatasetGroup(group) => {
            remove_children(steps, ResourceKind::DataDeletionJob, arn).await?;
            remove_objects(steps, &keys::deletion_receipts_prefix(arn)).await?;
            for dataset in DatasetType::ALL {
                remove_live(steps, &group.arn, dataset).await?;
            }
        }
        Resource::Solution(_) => remove_versions(steps, ResourceKind::SolutionVersion, arn).await?,
        Resource::Campaign(_) => remove_lists(steps, arn).await?,
        // One that trains finds its row gone, stops and takes what it wrote with it.
        Resource::Recommender(_) => {
            remove_lists(steps, arn).await?;
            remove_versions(steps, ResourceKind::RecommenderVersion, arn).await?;
        }
        Resource::SolutionVersion(SolutionVersion { arn, .. }) => return remove_version(steps, &arn).await,
        _ => {}
    }
    remove(steps, arn).await
}

/// Says `DELETE IN_PROGRESS`.
async fn begin(steps: &Steps, arn: &Arn) -> Result<(), Failure> {
    let advanced = steps
        .resources
        .update::<Resource, _>(arn, |resource| match resource.lifecycle_mut() {
            Some(life) => life.advance(Status::DeleteInProgress, EpochMillis::now()),
            None => Ok(()),
        })
        .await;
    match advanced {
        Ok(_) => Ok(()),
        Err(UpdateError::Refused(step)) => Err(Failure::Caller(format!("{arn} cannot be deleted: {step}."))),
        Err(error) => Err(Failure::Internal { doing: format!("writing {arn}"), cause: error.into() }),
    }
}

/// Removes what a campaign or recommender serves.
async fn remove_lists(steps: &Steps, arn: &Arn) -> Result<(), Failure> {
    for slot in Slot::ALL {
        let shelf = Shelf::new(arn, slot);
        steps.lists.delete(shelf).await.doing(|| format!("deleting the lists of {shelf}"))?;
    }
    remove_objects(steps, &keys::deployments_prefix(arn)).await
}

async fn remove_versions(steps: &Steps, kind: ResourceKind, of: &Arn) -> Result<(), Failure> {
    let versions = steps.resources.list_all(kind, Some(of)).await;
    for version in versions.doing(|| format!("listing the versions of {of}"))? {
        remove_version(steps, version.arn()).await?;
    }
    Ok(())
}

pub(crate) async fn remove_version(steps: &Steps, arn: &Arn) -> Result<(), Failure> {
    for kind in [ResourceKind::BatchInferenceJob, ResourceKind::BatchSegmentJob] {
        remove_children(steps, kind, arn).await?;
    }
    for prefix in keys::of_version(arn) {
        remove_objects(steps, &prefix).await?;
    }
    remove(steps, arn).await
}

/// Removes what came into a dataset live.
async fn remove_live(steps: &Steps, group: &Arn, dataset: DatasetType) -> Result<(), Failure> {
    let doing = || format!("deleting what came into {} of {group}", dataset.as_str());
    steps.events.delete(group, dataset).await.doing(doing)
}

async fn remove_children(steps: &Steps, kind: ResourceKind, parent: &Arn) -> Result<(), Failure> {
    let children = steps.resources.list_all(kind, Some(parent)).await;
    for child in children.doing(|| format!("listing what belongs to {parent}"))? {
        let in_stages = [
            ResourceKind::BatchInferenceJob,
            ResourceKind::BatchSegmentJob,
            ResourceKind::DatasetExportJob,
            ResourceKind::DataDeletionJob,
        ];
        if in_stages.contains(&kind) {
            remove_objects(steps, &keys::batch_prefix(child.arn())).await?;
        }
        remove(steps, child.arn()).await?;
    }
    Ok(())
}

async fn remove_objects(steps: &Steps, prefix: &str) -> Result<(), Failure> {
    let at = steps.objects.at(prefix);
    steps.objects.delete_prefix(&at).await.doing(|| format!("deleting {at}"))?;
    Ok(())
}

async fn remove(steps: &Steps, arn: &Arn) -> Result<(), Failure> {
    steps.resources.delete(arn).await.doing(|| format!("deleting {arn}"))
}
