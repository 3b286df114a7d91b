//! Data deletion: users leave a dataset group with everything that is kept of them.
//!
//! The list is read once, and a plan names the tasks: runs of parts, imported ones and those of trainings,
//! and partitions of what came in live. A task writes each part that holds a user anew without the user's
//! rows, beside the old one, or removes the user's rows from the table; it may be done by any process, in
//! any order and more than once. The end (`end.rs`) makes the new parts the data, and only then removes the
//! old ones. So until then everybody reads what was there before, and a job that is cut off goes on from the
//! receipts of its tasks.
//!
//! Versions that were trained read their histories through manifests, which are written anew in place: they
//! number items as their model does, so it does not matter which rows are gone. What they learnt stays in
//! their weights until they are trained again; the job's receipt names them.

mod end;
mod receipt;
mod users;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use dataset::manifest::ManifestPart;
use domain::resource::{DataDeletionJob, Dataset, DatasetImportJob, DatasetType, SolutionVersion};
use domain::{Arn, ResourceKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::events::PARTITIONS;

use crate::failure::{Doing, Failure};
use crate::progress::Progress;
use crate::{Steps, keys};

/// Parts of one task: some seconds of work.
const PARTS_PER_TASK: usize = 16;
/// The datasets that hold rows of users.
const DATASETS: [DatasetType; 3] =
    [DatasetType::Interactions, DatasetType::Users, DatasetType::ActionInteractions];

/// What a job does. It is written once: another attempt goes on with it.
#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    /// Tells the parts that this job writes from those before.
    tag: String,
    tasks: Vec<Task>,
    /// Keys of the parts that are a dataset's data when the job begins.
    active: HashSet<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Task {
    /// Parts by their keys.
    Parts(Vec<String>),
    /// A partition of what came into a dataset live.
    Put(DatasetType, usize),
}

/// What a task did.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Done {
    /// Whether it came to its end. What a task finds is written down before it is removed, so that a task
    /// that is cut off in between still tells how much there was.
    whole: bool,
    parts: HashMap<String, Seen>,
    scanned: u64,
    records: u64,
    /// Sessions that are tied to one of the users.
    sessions: BTreeSet<String>,
}

/// What became of a part.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Seen {
    scanned: u64,
    removed: u64,
    /// What stands for it, where any rows are left and any were removed.
    rest: Option<ManifestPart>,
}

/// Removes the users in this process.
pub(crate) async fn delete_users(steps: &Steps, job: &DataDeletionJob) -> Result<DataDeletionJob, Failure> {
    let plan = plan(steps, job).await?;
    let users = listed(steps, job).await?;
    for number in 0..plan.tasks.len() {
        carry_out(steps, job, &plan, &users, number).await?;
        tell(steps, job, number as u64 + 1, plan.tasks.len() as u64);
    }
    end::end(steps, job, &plan, &users).await
}

impl Steps {
    /// Writes down what a data deletion job does, and answers with the number of its tasks; none when the
    /// job is gone or has ended.
    pub(crate) async fn plan_deletion(&self, job: &Arn) -> Result<u32, Failure> {
        let Some(job) = self.under_way::<DataDeletionJob>(job).await? else { return Ok(0) };
        let tasks = plan(self, &job).await?.tasks.len();
        u32::try_from(tasks).doing(|| format!("counting the tasks of {}", job.arn))
    }

    /// Carries out one task of a job, counted from zero. May be repeated.
    pub(crate) async fn deletion_task(&self, job: &Arn, task: u32) -> Result<(), Failure> {
        let Some(job) = self.under_way::<DataDeletionJob>(job).await? else { return Ok(()) };
        let plan = plan(self, &job).await?;
        let users = listed(self, &job).await?;
        carry_out(self, &job, &plan, &users, task as usize).await
    }

    /// Ends a job whose tasks were carried out, unless something that began earlier may still hold what was
    /// removed.
    pub(crate) async fn finish_deletion(&self, job: &Arn) -> Result<(), Failure> {
        if let Some(found) = self.under_way::<DataDeletionJob>(job).await? {
            let plan = plan(self, &found).await?;
            let users = listed(self, &found).await?;
            end::commit(self, &found, &plan, &users).await?;
            end::nothing_reads(self, &found).await?;
            let done = end::end(self, &found, &plan, &users).await?;
            self.finish(job, done).await?;
        }
        self.clear(keys::batch_prefix(job)).await
    }
}

/// The plan of a job, made unless there is one.
async fn plan(steps: &Steps, job: &DataDeletionJob) -> Result<Plan, Failure> {
    if let Some(plan) = read(steps, job, "plan.json").await? {
        return Ok(plan);
    }
    // Before the plan, so that whoever has a plan has the list too.
    let users = users::read(steps, &job.data_location).await?;
    write(steps, job, "users.json", &users).await?;
    let mut plan =
        Plan { tag: format!("{:x}", job.lifecycle.created.0), tasks: vec![], active: HashSet::new() };
    let mut parts = vec![];
    for dataset in datasets(steps, &job.dataset_group).await? {
        if let Some(active) = &dataset.active {
            let manifest = steps.manifest(&active.manifest_key).await?;
            plan.active.extend(manifest.parts.into_iter().map(|part| part.key));
        }
    }
    for place in places(steps, &job.dataset_group).await? {
        parts.extend(place.objects.into_iter().filter(|key| key.ends_with(".parquet")));
    }
    plan.tasks.extend(parts.chunks(PARTS_PER_TASK).map(|keys| Task::Parts(keys.to_vec())));
    for kind in DATASETS {
        plan.tasks.extend((0..PARTITIONS).map(|partition| Task::Put(kind, partition)));
    }
    let at = steps.objects.at(key(job, "plan.json"));
    let bytes = serde_json::to_vec(&plan).doing(|| format!("writing {at}"))?;
    match steps.objects.put_if_absent(&at, bytes).await.doing(|| format!("writing {at}"))? {
        Some(_) => Ok(plan),
        // Another process was quicker.
        None => existing(steps, job, "plan.json").await,
    }
}

/// The users that a job is about.
async fn listed(steps: &Steps, job: &DataDeletionJob) -> Result<Arc<HashSet<String>>, Failure> {
    Ok(Arc::new(existing::<HashSet<String>>(steps, job, "users.json").await?))
}

/// A folder of the deployment with parts of users' rows, and what lies in it.
struct Place {
    kind: PlaceKind,
    objects: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum PlaceKind {
    /// What one import left.
    Import,
    /// What a training reads beside the imports; the version, where it is not at rest.
    Training(Option<Arn>),
}

/// Everywhere in S3 that rows of a group's users lie, but for what an import or a training that has not
/// ended has put there and nobody reads yet.
async fn places(steps: &Steps, group: &Arn) -> Result<Vec<Place>, Failure> {
    let mut places = vec![];
    for dataset in datasets(steps, group).await? {
        let jobs: Vec<DatasetImportJob> =
            steps.children(ResourceKind::DatasetImportJob, Some(&dataset.arn)).await?;
        let going: Vec<String> = jobs
            .iter()
            .filter(|job| !job.lifecycle.status.is_at_rest())
            .map(|job| keys::import_prefix(&dataset.arn, &job.arn))
            .collect();
        let read = match &dataset.active {
            Some(active) => steps.manifest(&active.manifest_key).await?.parts,
            None => vec![],
        };
        let read: HashSet<String> = read.into_iter().map(|part| part.key).collect();
        let mut objects = list(steps, &keys::dataset_prefix(&dataset.arn)).await?;
        objects.retain(|key| read.contains(key) || !going.iter().any(|prefix| key.starts_with(prefix)));
        places.push(Place { kind: PlaceKind::Import, objects });
    }
    for version in versions(steps, group).await? {
        let going = (!version.lifecycle.status.is_at_rest()).then(|| version.arn.clone());
        let mut objects = list(steps, &keys::training_prefix(&version.arn)).await?;
        objects.retain(|key| home(key).is_none_or(|(kind, _)| DATASETS.contains(&kind)));
        places.push(Place { kind: PlaceKind::Training(going), objects });
    }
    Ok(places)
}

/// Which dataset the object of a key belongs to, and whether to what a training reads beside it.
fn home(key: &str) -> Option<(DatasetType, bool)> {
    let key = key.strip_prefix(keys::INTERNAL)?;
    let mut segments = key.strip_prefix(keys::RECOMMENDERS).unwrap_or(key).split('/');
    match segments.next()? {
        // `<group>/<TYPE>/<import job>/…`
        "datasets" => Some((DatasetType::parse(segments.nth(1)?)?, false)),
        // `<solution>/<version id>/<attempt>/<type>/…`
        "training" => Some((DatasetType::parse(segments.nth(3)?)?, true)),
        _ => None,
    }
}

async fn list(steps: &Steps, prefix: &str) -> Result<Vec<String>, Failure> {
    let objects = steps.objects.list(steps.objects.bucket(), prefix).await;
    let objects = objects.doing(|| format!("listing {prefix}"))?;
    Ok(objects.into_iter().map(|object| object.key).collect())
}

async fn datasets(steps: &Steps, group: &Arn) -> Result<Vec<Dataset>, Failure> {
    let mut datasets = vec![];
    for kind in DATASETS {
        datasets.extend(steps.dataset(group, kind).await?);
    }
    Ok(datasets)
}

async fn versions(steps: &Steps, group: &Arn) -> Result<Vec<SolutionVersion>, Failure> {
    let mut all: Vec<SolutionVersion> = steps.children(ResourceKind::SolutionVersion, None).await?;
    all.extend(steps.children::<SolutionVersion>(ResourceKind::RecommenderVersion, None).await?);
    Ok(all.into_iter().filter(|version| version.dataset_group == *group).collect())
}

/// Carries out a task unless that was done before.
async fn carry_out(
    steps: &Steps,
    job: &DataDeletionJob,
    plan: &Plan,
    users: &Arc<HashSet<String>>,
    number: usize,
) -> Result<(), Failure> {
    let before = task_done(steps, job, number).await?.unwrap_or_default();
    if before.whole {
        return Ok(());
    }
    let task = plan.tasks.get(number).ok_or_else(|| Failure::Internal {
        doing: format!("deleting users for {}", job.arn),
        cause: format!("there is no task {number} of {}", plan.tasks.len()).into(),
    })?;
    let mut done = Done::default();
    match task {
        Task::Parts(parts) => {
            for part in parts {
                if let Some(seen) = scan(steps, part, &plan.tag, users).await? {
                    done.parts.insert(part.clone(), seen);
                }
            }
        }
        Task::Put(kind, partition) => {
            let doing = || format!("deleting users from {} of {}", kind.as_str(), job.dataset_group);
            let kept =
                steps.events.kept_of(&job.dataset_group, *kind, *partition, users).await.doing(doing)?;
            // What an attempt before has removed is not found again.
            done.scanned = before.scanned.max(kept.scanned);
            done.records = before.records.max(kept.records);
            done.sessions = before.sessions;
            done.sessions.extend(kept.sessions.iter().cloned());
            write(steps, job, &task_name(number), &done).await?;
            steps.events.forget(kept).await.doing(doing)?;
        }
    }
    done.whole = true;
    write(steps, job, &task_name(number), &done).await
}

/// Looks through a part, and writes what is left of it beside it where users are in it. Nothing where it is
/// gone: its dataset or version was deleted meanwhile.
async fn scan(
    steps: &Steps,
    part: &str,
    tag: &str,
    users: &Arc<HashSet<String>>,
) -> Result<Option<Seen>, Failure> {
    let doing = || format!("deleting users from {part}");
    let bytes = match steps.objects.get(&steps.objects.at(part)).await {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error).doing(doing),
    };
    let users = users.clone();
    let erased = tokio::task::spawn_blocking(move || dataset::erase(bytes, &users));
    let erased = erased.await.doing(doing)?.doing(doing)?;
    let rest = match &erased.rest {
        Some(rest) => {
            let at = steps.objects.at(successor(part, tag));
            steps.objects.put(&at, rest.data.clone()).await.doing(|| format!("writing {at}"))?;
            Some(ManifestPart::new(at.key, rest))
        }
        None => None,
    };
    Ok(Some(Seen { scanned: erased.scanned, removed: erased.removed, rest }))
}

/// Where what is left of a part lies: beside it, because the folder says which import it came with.
fn successor(part: &str, tag: &str) -> String {
    let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
    let name = name.split('.').next().unwrap_or_default();
    format!("{folder}/{name}.{tag}.parquet")
}

fn key(job: &DataDeletionJob, name: &str) -> String {
    format!("{}{name}", keys::batch_prefix(&job.arn))
}

fn task_name(number: usize) -> String {
    format!("tasks/{number:08}.json")
}

async fn task_done(steps: &Steps, job: &DataDeletionJob, number: usize) -> Result<Option<Done>, Failure> {
    read(steps, job, &task_name(number)).await
}

async fn write(
    steps: &Steps,
    job: &DataDeletionJob,
    name: &str,
    value: &impl Serialize,
) -> Result<(), Failure> {
    let at = steps.objects.at(key(job, name));
    let bytes = serde_json::to_vec(value).doing(|| format!("writing {at}"))?;
    steps.objects.put(&at, bytes).await.doing(|| format!("writing {at}"))?;
    Ok(())
}

async fn read<T: DeserializeOwned>(
    steps: &Steps,
    job: &DataDeletionJob,
    name: &str,
) -> Result<Option<T>, Failure> {
    let at = steps.objects.at(key(job, name));
    let doing = || format!("reading {at}");
    match steps.objects.get(&at).await {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).doing(doing),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error).doing(doing),
    }
}

/// What an earlier stage has written.
async fn existing<T: DeserializeOwned>(
    steps: &Steps,
    job: &DataDeletionJob,
    name: &str,
) -> Result<T, Failure> {
    read(steps, job, name).await?.ok_or_else(|| Failure::Internal {
        doing: format!("reading {}", key(job, name)),
        cause: "it is not there: the stage before was not done".into(),
    })
}

fn tell(steps: &Steps, job: &DataDeletionJob, done: u64, total: u64) {
    steps.observer.progress(Progress {
        arn: job.arn.clone(),
        stage: "delete users",
        done,
        total,
        unit: "tasks",
        loss: None,
        note: String::new(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_its_dataset_whatever_the_resources_are_called() {
        let (users, items) = (DatasetType::Users, DatasetType::Items);
        for (key, expected) in [
            ("_osusume/datasets/ITEMS/USERS/items/part-00000-000001.parquet", Some((users, false))),
            ("_osusume/training/items/0000002a/1/users/part-00000-000001.parquet", Some((users, true))),
            ("_osusume/training/users/0000002a/1/items/manifest.json", Some((items, true))),
            ("_osusume/recommenders/training/films/0000002a/1/items/manifest.json", Some((items, true))),
            ("_osusume/training/recommenders/0000002a/1/users/manifest.json", Some((users, true))),
            ("_osusume/training/items/0000002a/checkpoint.0", None),
            ("_osusume/models/users/0000002a/model.json", None),
        ] {
            assert_eq!(home(key), expected, "{key}");
        }
    }

    #[test]
    fn what_is_left_of_a_part_lies_beside_it_under_a_name_of_its_own() {
        let first = successor("_osusume/datasets/films/INTERACTIONS/first/part-00000-000001.parquet", "1a");
        assert_eq!(first, "_osusume/datasets/films/INTERACTIONS/first/part-00000-000001.1a.parquet");
        // A later job names it anew, so that neither writes over what is still read.
        assert_eq!(
            successor(&first, "2b"),
            "_osusume/datasets/films/INTERACTIONS/first/part-00000-000001.2b.parquet"
        );
    }
}
