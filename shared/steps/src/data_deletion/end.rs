//! The end of a data deletion: what the tasks made becomes the data, and what was before is removed.
//!
//! The order is what makes it safe to be cut off. First the datasets move, so that whatever begins from then
//! on reads rows without the users. Then every manifest that names a part with users is written anew in
//! place, for the versions that were trained through it. Then go the lists, which nobody writes again from
//! the old rows, and last the old parts, which nobody names any more.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use dataset::Manifest;
use domain::resource::{
    DataDeletionJob, DataDeletionOutcome, Dataset, DatasetExportJob, DatasetType, Snapshot, SolutionVersion,
};
use domain::{Arn, EpochMillis, Lifecycle, ResourceKind, Slot, Status};
use recipe::artifact;
use store::Shelf;
use store::resources::UpdateError;

use super::receipt::Receipt;
use super::{
    DATASETS, PlaceKind, Plan, Seen, Task, datasets, existing, home, places, read, scan, task_done, versions,
    write,
};
use crate::failure::{Doing, Failure};
use crate::training_data::Snapshots;
use crate::{Steps, keys};

/// Parts that came to be read only after the plan was made.
const LATE: &str = "late.json";
/// Manifests with parts that users were in.
const AFFECTED: &str = "affected.json";

/// What the tasks found.
struct Found<'a> {
    steps: &'a Steps,
    job: &'a DataDeletionJob,
    plan: &'a Plan,
    users: &'a Arc<HashSet<String>>,
    /// By the key of the part.
    seen: HashMap<String, Seen>,
    late: HashMap<String, Seen>,
    /// Parts that the job itself has written.
    written: HashSet<String>,
    /// Records that came in live, of which dataset: looked at, removed.
    put: Vec<(DatasetType, u64, u64)>,
    /// Sessions that were tied to one of the users.
    sessions: BTreeSet<String>,
}

impl<'a> Found<'a> {
    async fn of(
        steps: &'a Steps,
        job: &'a DataDeletionJob,
        plan: &'a Plan,
        users: &'a Arc<HashSet<String>>,
    ) -> Result<Self, Failure> {
        let late = read(steps, job, LATE).await?.unwrap_or_default();
        let (seen, written) = (HashMap::new(), HashSet::new());
        let mut found =
            Self { steps, job, plan, users, seen, late, written, put: vec![], sessions: BTreeSet::new() };
        for (number, task) in plan.tasks.iter().enumerate() {
            let done = task_done(steps, job, number).await?.filter(|done| done.whole);
            let done = done.ok_or_else(|| Failure::Internal {
                doing: format!("ending {}", job.arn),
                cause: format!("task {number} of {} was not done", plan.tasks.len()).into(),
            })?;
            found.sessions.extend(done.sessions);
            match task {
                Task::Parts(_) => done.parts.into_iter().for_each(|(key, seen)| found.note(key, seen)),
                Task::Put(kind, _) => found.put.push((*kind, done.scanned, done.records)),
            }
        }
        for (key, seen) in found.late.clone() {
            found.note(key, seen);
        }
        Ok(found)
    }

    fn note(&mut self, key: String, seen: Seen) {
        self.written.extend(seen.rest.iter().map(|rest| rest.key.clone()));
        self.seen.insert(key, seen);
    }

    /// Looks through the parts of a manifest that no task has seen: they came after the plan.
    async fn catch_up(&mut self, manifest: &Manifest) -> Result<(), Failure> {
        let unseen = manifest.parts.iter().map(|part| &part.key);
        let unseen: Vec<String> = unseen
            .filter(|key| !self.seen.contains_key(*key) && !self.written.contains(*key))
            .cloned()
            .collect();
        for part in unseen {
            if let Some(seen) = scan(self.steps, &part, &self.plan.tag, self.users).await? {
                self.late.insert(part.clone(), seen.clone());
                // Before anything names what is left of it.
                write(self.steps, self.job, LATE, &self.late).await?;
                self.note(part, seen);
            }
        }
        Ok(())
    }

    fn is_hit(&self, part: &str) -> bool {
        self.seen.get(part).is_some_and(|seen| seen.removed > 0)
    }

    /// The manifest with what is left of each part; says whether any was changed.
    fn rewritten(&self, mut manifest: Manifest) -> (Manifest, bool) {
        let changed = manifest.replace_parts(|part| match self.seen.get(part) {
            Some(Seen { removed: 1.., rest, .. }) => Some(rest.clone()),
            _ => None,
        });
        (manifest, changed)
    }

    /// Moves a dataset to rows without the users. A dataset whose events alone had any moves too, because
    /// whatever looks at its data by name has to look again.
    async fn move_dataset(&mut self, mut dataset: Dataset) -> Result<(), Failure> {
        let from_events =
            self.put.iter().any(|(kind, _, removed)| *kind == dataset.dataset_type && *removed > 0);
        loop {
            let Some(active) = dataset.active.clone() else { return Ok(()) };
            let folder = active.manifest_key.rsplit_once('/').map_or("", |(folder, _)| folder);
            let at = self.steps.objects.at(format!("{folder}/manifest.{}.json", self.plan.tag));
            let manifest = self.steps.manifest(&active.manifest_key).await?;
            self.catch_up(&manifest).await?;
            let (manifest, changed) = self.rewritten(manifest);
            if !changed && (!from_events || active.manifest_key == at.key) {
                return Ok(());
            }
            self.steps.objects.put(&at, manifest.to_json()).await.doing(|| format!("writing {at}"))?;
            let next = Snapshot { manifest_key: at.key.clone(), rows: manifest.rows };
            let moved = self.steps.resources.update::<Dataset, _>(&dataset.arn, |dataset| {
                if dataset.active.as_ref() != Some(&active) {
                    return Err(Overtaken);
                }
                dataset.active = Some(next.clone());
                dataset.lifecycle.updated = EpochMillis::now();
                Ok(())
            });
            match moved.await {
                Ok(_) => return Ok(()),
                Err(UpdateError::Refused(Overtaken)) => {
                    dataset = self.steps.existing::<Dataset>(&dataset.arn).await?;
                }
                Err(error) => return Err(error).doing(|| format!("writing {}", dataset.arn)),
            }
        }
    }

    /// Writes every manifest anew that names a part with users, and answers with the keys of all those that
    /// did before the job.
    async fn move_manifests(&mut self, objects: &[String]) -> Result<BTreeSet<String>, Failure> {
        let mut affected: BTreeSet<String> = read(self.steps, self.job, AFFECTED).await?.unwrap_or_default();
        let mut changed = vec![];
        for key in objects.iter().filter(|key| is_manifest(key)) {
            let manifest = self.steps.manifest(key).await?;
            if !DATASETS.contains(&manifest.dataset_type) {
                continue;
            }
            self.catch_up(&manifest).await?;
            if manifest.parts.iter().any(|part| self.is_hit(&part.key)) {
                affected.insert(key.clone());
                changed.push((key, manifest));
            }
        }
        // Before any of them is written: afterwards nobody can tell.
        write(self.steps, self.job, AFFECTED, &affected).await?;
        for (key, manifest) in changed {
            let at = self.steps.objects.at(key);
            let (manifest, _) = self.rewritten(manifest);
            self.steps.objects.put(&at, manifest.to_json()).await.doing(|| format!("writing {at}"))?;
        }
        Ok(affected)
    }

    /// The versions that were trained through a manifest that users were in. Each is written, so that
    /// whoever holds its histories in memory reads them again.
    async fn learnt(&self, affected: &BTreeSet<String>) -> Result<Vec<Arn>, Failure> {
        let mut learnt = vec![];
        for version in versions(self.steps, &self.job.dataset_group).await? {
            let Some(model) = &version.model else { continue };
            let at = self.steps.objects.at(format!("{}{}", model.artifact_prefix, artifact::DESCRIPTION));
            let json = self.steps.objects.get(&at).await.doing(|| format!("reading {at}"))?;
            let description = artifact::description(&json).doing(|| format!("reading {at}"))?;
            let Snapshots { interactions, users, action_interactions, .. } = Snapshots::of(&description.data);
            let read = std::iter::once(interactions).chain(users).chain(action_interactions);
            if !read.into_iter().any(|manifest| affected.contains(&manifest)) {
                continue;
            }
            // A deployment publishes a list for each user that the histories have now.
            let users = self.steps.served_model(&version).await?.data.users.len() as u64;
            let touched =
                self.steps.resources.update::<SolutionVersion, Infallible>(&version.arn, |version| {
                    version.lifecycle.updated = EpochMillis::now();
                    if let Some(model) = &mut version.model {
                        model.users = users;
                    }
                    Ok(())
                });
            touched.await.doing(|| format!("writing {}", version.arn))?;
            learnt.push(version.arn);
        }
        Ok(learnt)
    }

    /// Removes the lists of the users from both slots of a campaign; answers with how many there were.
    async fn remove_lists(&self, campaign: &Arn, users: &[String]) -> Result<u64, Failure> {
        let mut removed = 0;
        for (number, some) in users.chunks(self.steps.settings.shard_lists as usize).enumerate() {
            // A job with millions of users takes longer than one process has.
            // A recommender may have a campaign's name.
            let name = format!("lists/{}/{}/{number:08}.json", campaign.kind().segment(), campaign.tail());
            removed += match read(self.steps, self.job, &name).await? {
                Some(before) => before,
                None => {
                    let mut there = 0;
                    for slot in Slot::ALL {
                        let shelf = Shelf::new(campaign, slot);
                        let forgotten = self.steps.lists.forget(shelf, some).await;
                        there += forgotten.doing(|| format!("deleting lists of {shelf}"))?;
                    }
                    write(self.steps, self.job, &name, &there).await?;
                    there
                }
            };
        }
        Ok(removed)
    }

    /// The counts of all parts and records.
    fn receipt(&self) -> Receipt {
        let mut receipt = Receipt::new(self.job, self.users.len() as u64);
        receipt.session_ties_removed = self.sessions.len() as u64;
        for (kind, scanned, removed) in &self.put {
            receipt.rows(*kind).put.add(*scanned, *removed);
        }
        for (key, seen) in &self.seen {
            let Some((kind, in_training)) = home(key) else { continue };
            let rows = receipt.rows(kind);
            let rows = match in_training {
                true => &mut rows.training_layers,
                false if self.plan.active.contains(key) || self.late.contains_key(key) => &mut rows.imported,
                false => &mut rows.replaced_imports,
            };
            rows.add(seen.scanned, seen.removed);
        }
        receipt.count();
        receipt
    }
}

/// Somebody else changed the dataset's data in the meantime.
#[derive(Debug, thiserror::Error)]
#[error("an import was committed meanwhile")]
struct Overtaken;

/// Moves the datasets. May be repeated.
pub(super) async fn commit(
    steps: &Steps,
    job: &DataDeletionJob,
    plan: &Plan,
    users: &Arc<HashSet<String>>,
) -> Result<(), Failure> {
    let mut found = Found::of(steps, job, plan, users).await?;
    for dataset in datasets(steps, &job.dataset_group).await? {
        found.move_dataset(dataset).await?;
    }
    Ok(())
}

/// Fails while anything is under way in another process that may have read rows which are gone by now: it
/// would write them, or what follows from them, after they were removed.
pub(super) async fn nothing_reads(steps: &Steps, job: &DataDeletionJob) -> Result<(), Failure> {
    let group = &job.dataset_group;
    let mut busy: Vec<(Arn, Lifecycle)> = vec![];
    busy.extend(versions(steps, group).await?.into_iter().map(|version| (version.arn, version.lifecycle)));
    for campaign in steps.campaigns_of(group).await? {
        busy.push((campaign.arn.clone(), campaign.lifecycle));
        busy.extend(campaign.latest_update.map(|update| (campaign.arn, update.lifecycle)));
    }
    for dataset in datasets(steps, group).await? {
        let jobs: Vec<DatasetExportJob> =
            steps.children(ResourceKind::DatasetExportJob, Some(&dataset.arn)).await?;
        busy.extend(jobs.into_iter().map(|job| (job.arn, job.lifecycle)));
    }
    let turn = |job: &DataDeletionJob| (job.lifecycle.created, job.arn.clone());
    let others: Vec<DataDeletionJob> = steps.children(ResourceKind::DataDeletionJob, Some(group)).await?;
    // Of two that write the same manifests the older one is first.
    let first =
        others.into_iter().find(|other| !other.lifecycle.status.is_at_rest() && turn(other) < turn(job));
    let going = |life: &Lifecycle| {
        matches!(life.status, Status::CreateInProgress | Status::CreateStopping | Status::StartInProgress)
    };
    let busy = busy.into_iter().find(|(_, life)| going(life)).map(|(arn, _)| arn);
    match first.map(|other| other.arn).or(busy) {
        None => Ok(()),
        Some(arn) => Err(Failure::Internal {
            doing: format!("deleting users from {group}"),
            cause: format!(
                "{arn} is under way and may still hold them; create the job again, under another name, once that \
                 has ended: what was removed until now stays removed"
            )
            .into(),
        }),
    }
}

/// Makes what the tasks made the data of everybody, and removes what was before. May be cut off and repeated.
pub(super) async fn end(
    steps: &Steps,
    job: &DataDeletionJob,
    plan: &Plan,
    users: &Arc<HashSet<String>>,
) -> Result<DataDeletionJob, Failure> {
    let group = &job.dataset_group;
    commit(steps, job, plan, users).await?;
    let mut found = Found::of(steps, job, plan, users).await?;
    let places = places(steps, group).await?;
    let objects: Vec<String> = places.iter().flat_map(|place| place.objects.iter().cloned()).collect();
    let affected = found.move_manifests(&objects).await?;
    let mut receipt = found.receipt();
    receipt.solution_versions_that_learnt_from_the_users = found.learnt(&affected).await?;
    // Always in the same order, so that what was done is known by its number. A session has a list too.
    let mut ids: Vec<String> = existing(steps, job, "users.json").await?;
    ids.extend(found.sessions.iter().cloned());
    ids.sort_unstable();
    ids.dedup();
    for campaign in steps.campaigns_of(group).await? {
        let removed = found.remove_lists(&campaign.arn, &ids).await?;
        receipt.lists_removed.insert(campaign.arn.to_string(), removed);
    }
    for place in &places {
        receipt.checkpoints_removed += match &place.kind {
            // It would go on with what it has learnt, and from data that has changed under it.
            PlaceKind::Training(Some(version)) => {
                let checkpoints = keys::checkpoints(version);
                remove(steps, place.objects.iter().filter(|key| checkpoints.contains(key))).await?
            }
            _ => 0,
        };
        if place.kind == PlaceKind::Import {
            let set_aside = place.objects.iter().filter(|key| key.ends_with("/quarantine.csv"));
            receipt.quarantine_files_removed += remove(steps, set_aside).await?;
        }
    }
    remove(steps, found.seen.keys().filter(|key| found.is_hit(key))).await?;
    let at = steps.objects.at(keys::deletion_receipt(group, &job.arn));
    let json = serde_json::to_vec_pretty(&receipt).doing(|| format!("writing {at}"))?;
    steps.objects.put(&at, json).await.doing(|| format!("writing {at}"))?;
    let outcome = DataDeletionOutcome { num_deleted: receipt.num_deleted, receipt_key: at.key };
    Ok(DataDeletionJob { outcome: Some(outcome), ..job.clone() })
}

fn is_manifest(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    name.starts_with("manifest.") && name.ends_with(".json")
}

/// Removes objects; answers with how many that were.
async fn remove(steps: &Steps, keys: impl Iterator<Item = &String>) -> Result<u64, Failure> {
    let mut removed = 0;
    for key in keys {
        let at = steps.objects.at(key);
        steps.objects.delete(&at).await.doing(|| format!("deleting {at}"))?;
        removed += 1;
    }
    Ok(removed)
}
