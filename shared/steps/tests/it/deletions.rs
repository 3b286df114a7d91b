//! Data deletion: wherever the job is cut off, the users are gone in the end, and nobody else's answers
//! change by more than a model without them would give.

use domain::event::Record;
use domain::resource::{Campaign, DataDeletionJob, Dataset, DatasetType, Job, SolutionVersion};
use domain::{Arn, EpochMillis, Lifecycle, ResourceKind, Slot, Status};
use serde_json::Value;
use steps::live::{LiveModels, Question};
use steps::{Failure, Steps};
use store::{Found, ListKey, Shelf, StoredList, Who};

use crate::app::{App, arn, caller, csv, internal, user};
use crate::events::{group, happened};

/// What the stages leave for each other.
const LEFT: &str = "_osusume/data-deletion-job/";
const GONE: [usize; 2] = [3, 17];

fn interactions() -> Arn {
    arn(ResourceKind::Dataset, "films/INTERACTIONS")
}

/// A deletion job that was just asked for.
async fn asked(app: &App, name: &str, list: &str) -> Arn {
    app.put(&format!("{name}.csv"), list).await;
    let job = DataDeletionJob {
        arn: arn(ResourceKind::DataDeletionJob, name),
        job_name: name.into(),
        dataset_group: group(),
        data_location: format!("s3://osusume/{name}.csv"),
        role_arn: "arn:aws:iam::000000000000:role/PersonalizeRole".into(),
        outcome: None,
        attempts: 0,
        lifecycle: Lifecycle::pending(EpochMillis(1_700_000_000_000)),
    };
    let arn = job.arn.clone();
    app.create(job).await;
    arn
}

fn list() -> String {
    format!("USER_ID\n{}\n{}\nnobody\n{}\n", user(GONE[0]), user(GONE[1]), user(GONE[0]))
}

/// A group with a campaign that was deployed twice, and events of a user who goes, of a session that is tied
/// to the user, and of one who stays.
struct World {
    app: App,
    campaign: Arn,
    versions: [Arn; 2],
    live: LiveModels,
}

impl World {
    async fn new() -> Self {
        let app = App::start().await;
        happened(&app, Who::User(&user(GONE[0])), 1).await;
        happened(&app, Who::User(&user(GONE[0])), 2).await;
        happened(&app, Who::User(&user(5)), 3).await;
        let first = app.trained("aws-hrnn").await;
        let campaign = app.deployed("films", &first).await;
        let second = app.copy_of(&first, 2).await;
        app.updated(&campaign, &second).await;
        // A session that a cut-off tie has left behind.
        app.steps.events.tie(&group(), "visit", &user(GONE[0])).await.unwrap();
        happened(&app, Who::Session("visit"), 4).await;
        let record = Record { id: user(GONE[1]), columns: Default::default() };
        app.steps.events.put_record(&group(), DatasetType::Users, &record).await.unwrap();
        let live = LiveModels::new(app.steps.clone());
        Self { app, campaign, versions: [first, second], live }
    }

    async fn answer(&self, live: &LiveModels, who: &str) -> StoredList {
        let question = Question { user_id: Some(who.to_owned()), num_results: 40, ..Question::default() };
        live.answer(&self.versions[1], question).await.unwrap()
    }

    async fn has_list(&self, slot: Slot, version: &Arn, who: &str) -> bool {
        let shelf = Shelf::new(&self.campaign, slot);
        let found = self.app.steps.lists.get_latest(shelf, version, &ListKey::User(who)).await.unwrap();
        matches!(found, Found::List(_))
    }

    /// What a job that has ended says that it did.
    async fn receipt(&self, job: &Arn) -> Value {
        let job = self.app.get::<DataDeletionJob>(job).await.unwrap();
        assert_eq!(job.lifecycle.status, Status::Active, "{:?}", job.lifecycle.failure_reason);
        let outcome = job.outcome.unwrap();
        let receipt: Value = serde_json::from_str(&self.app.read(&outcome.receipt_key).await).unwrap();
        assert_eq!(receipt["numDeleted"], outcome.num_deleted);
        assert_eq!(self.app.keys(LEFT).await, Vec::<String>::new());
        receipt
    }

    /// Nothing of the users is left, and everything of the others is.
    async fn check(&self, job: &Arn) -> Value {
        let receipt = self.receipt(job).await;
        let rows = |users: &[usize]| {
            let is_of = |line: &&str| users.iter().any(|n| line.starts_with(&format!("{},", user(*n))));
            csv().lines().filter(is_of).count() as u64
        };
        let imported = rows(&GONE);
        assert_eq!(receipt["datasets"]["INTERACTIONS"]["imported"]["removed"], imported);
        assert_eq!(receipt["datasets"]["INTERACTIONS"]["put"]["removed"], 3);
        assert_eq!(receipt["datasets"]["USERS"]["put"]["removed"], 1);
        assert_eq!(receipt["numDeleted"], imported + 4);
        assert_eq!(receipt["datasets"]["INTERACTIONS"]["trainingLayers"]["removed"], 2);
        assert_eq!(receipt["sessionTiesRemoved"], 1);
        assert_eq!(receipt["usersListed"], 3);
        assert_eq!(receipt["listsRemoved"][self.campaign.as_str()], 4);
        let mut learnt = receipt["solutionVersionsThatLearntFromTheUsers"].as_array().unwrap().clone();
        learnt.sort_by_key(|arn| arn.to_string());
        assert_eq!(learnt, [self.versions[0].as_str(), self.versions[1].as_str()]);
        assert!(!receipt.to_string().contains(&user(GONE[1])), "a receipt names no user");

        let dataset = self.app.get::<Dataset>(&interactions()).await.unwrap();
        let all = csv().lines().count() as u64 - 1;
        assert_eq!(dataset.active.unwrap().rows, all - imported);
        assert!(self.app.steps.events.of(&group(), &user(GONE[0])).await.unwrap().is_empty());
        assert!(self.app.steps.events.user_of(&group(), "visit").await.unwrap().is_none());
        assert!(self.app.steps.events.records(&group(), DatasetType::Users).await.unwrap().is_empty());
        assert_eq!(self.app.steps.events.all(&group()).await.unwrap().len(), 1);
        let campaign = self.app.get::<Campaign>(&self.campaign).await.unwrap();
        for (slot, version) in Slot::ALL.into_iter().zip(&self.versions) {
            assert!(!self.has_list(slot, version, &user(GONE[0])).await, "{slot:?}");
            assert!(self.has_list(slot, version, &user(5)).await, "{slot:?}");
        }
        assert_eq!(campaign.solution_version, self.versions[1]);
        for n in GONE {
            assert!(!self.anything_holds(&user(n)).await, "{}", user(n));
        }
        assert!(self.anything_holds(&user(5)).await);
        receipt
    }

    /// Whether any part of a dataset or a training has a row of a user.
    async fn anything_holds(&self, who: &str) -> bool {
        let mut keys = self.app.keys("_osusume/datasets/").await;
        keys.extend(self.app.keys("_osusume/training/").await);
        for key in keys.into_iter().filter(|key| key.ends_with(".parquet")) {
            let bytes = self.app.steps.objects.get(&self.app.steps.objects.at(&key)).await.unwrap();
            let ids = dataset::read_columns(bytes, &["USER_ID"]).unwrap();
            if ids[0].iter().flatten().any(|id| id == who) {
                return true;
            }
        }
        false
    }
}

#[tokio::test]
async fn users_leave_everything_and_others_are_answered_as_before() {
    let world = World::new().await;
    let (before, cold) =
        (world.answer(&world.live, &user(5)).await, world.answer(&world.live, "nobody").await);
    assert_ne!(world.answer(&world.live, &user(GONE[0])).await, cold);
    let job = asked(&world.app, "gone", &list()).await;
    world.app.steps.run(&Job::DataDeletion(job.clone())).await.unwrap();
    world.check(&job).await;
    // In another process at once, here as soon as what is remembered is looked at again.
    let other = LiveModels::new(world.app.another_process());
    assert_eq!(world.answer(&other, &user(5)).await, before);
    assert_eq!(world.answer(&other, &user(GONE[0])).await, cold);
    tokio::time::sleep(steps::newest::FRESH_FOR).await;
    assert_eq!(world.answer(&world.live, &user(5)).await, before);
    assert_eq!(world.answer(&world.live, &user(GONE[0])).await, cold);
    // What was trained before is deployed with a list for whoever is left.
    let anew = world.app.deployed("anew", &world.versions[0]).await;
    let serving = world.app.get::<Campaign>(&anew).await.unwrap();
    assert_eq!(serving.lifecycle.status, Status::Active, "{:?}", serving.lifecycle.failure_reason);
    for (who, listed) in [(user(5), true), (user(GONE[0]), false)] {
        let shelf = Shelf::new(&anew, serving.slots.serving);
        let key = ListKey::User(&who);
        let found = world.app.steps.lists.get_latest(shelf, &world.versions[0], &key).await.unwrap();
        assert_eq!(matches!(found, Found::List(_)), listed, "{who}");
    }
    // A second job finds nothing, and moves nothing.
    let dataset = world.app.get::<Dataset>(&interactions()).await.unwrap();
    let again = asked(&world.app, "again", &list()).await;
    world.app.steps.run(&Job::DataDeletion(again.clone())).await.unwrap();
    let receipt = world.receipt(&again).await;
    assert_eq!(
        (&receipt["numDeleted"], &receipt["solutionVersionsThatLearntFromTheUsers"]),
        (&0.into(), &Value::Array(vec![]))
    );
    assert_eq!(world.app.get::<Dataset>(&interactions()).await.unwrap(), dataset);
}

/// The stages in one process after the other.
async fn stages(steps: &Steps, job: &Arn, tasks: impl IntoIterator<Item = u32>) -> Result<(), Failure> {
    for task in tasks {
        steps.answer_shard(job, task).await?;
    }
    Ok(())
}

#[tokio::test]
async fn stages_that_are_repeated_and_a_job_that_is_begun_again_do_the_same() {
    let world = World::new().await;
    let whole = World::new().await;
    let job = asked(&whole.app, "gone", &list()).await;
    whole.app.steps.run(&Job::DataDeletion(job.clone())).await.unwrap();
    let expected = whole.check(&job).await;

    let (steps, other) = (world.app.steps.clone(), world.app.another_process());
    let job = asked(&world.app, "gone", &list()).await;
    assert!(steps.begin_batch(&job).await.unwrap());
    let tasks = steps.plan_batch(&job).await.unwrap();
    // The list is read once: what becomes of the file then changes nothing.
    world.app.put("gone.csv", "USER_ID\nuser-5\n").await;
    assert_eq!(other.plan_batch(&job).await.unwrap(), tasks);
    let early = internal(steps.finish_batch(&job).await);
    assert!(early.contains("was not done"), "{early}");
    stages(&steps, &job, (0..tasks).rev().chain([0, 0, tasks - 1])).await.unwrap();

    // A training that began before may hold their rows.
    let going = world.app.version("aws-hrnn", |version| {
        version.arn = arn(ResourceKind::SolutionVersion, "aws-hrnn/00000009");
        version.lifecycle.status = Status::CreateInProgress;
    });
    let going = going.await;
    let late = internal(other.finish_batch(&job).await);
    assert!(late.contains(going.as_str()) && late.contains("under way"), "{late}");
    let end = |version: &mut SolutionVersion| version.lifecycle.status = Status::CreateStopped;
    world.app.change::<SolutionVersion>(&going, end).await;
    // Nor do two jobs write the same manifests: the older one is first.
    let older = asked(&world.app, "older", &list()).await;
    let first = |job: &mut DataDeletionJob| job.lifecycle.created = EpochMillis(1);
    world.app.change::<DataDeletionJob>(&older, first).await;
    let waits = internal(other.finish_batch(&job).await);
    assert!(waits.contains(older.as_str()), "{waits}");
    let end = |job: &mut DataDeletionJob| job.lifecycle.status = Status::CreateFailed;
    world.app.change::<DataDeletionJob>(&older, end).await;
    other.finish_batch(&job).await.unwrap();
    assert_eq!(world.check(&job).await, expected);
    other.finish_batch(&job).await.unwrap();

    // Cut off between tasks, and begun again as a whole.
    let world = World::new().await;
    let job = asked(&world.app, "gone", &list()).await;
    assert!(world.app.steps.begin_batch(&job).await.unwrap());
    world.app.steps.plan_batch(&job).await.unwrap();
    stages(&world.app.steps, &job, [0, 1, 2, 5]).await.unwrap();
    world.app.another_process().run(&Job::DataDeletion(job.clone())).await.unwrap();
    assert_eq!(world.check(&job).await, expected);
}

#[tokio::test]
async fn what_is_wrong_with_the_list_is_said_and_nothing_is_removed() {
    let app = App::start().await;
    for (name, list, words) in [
        ("header", "user-3\nuser-4\n", "missing the following columns: [USER_ID]"),
        ("empty", "USER_ID\n", "no rows below the header"),
        ("nothing", "", "nothing.csv"),
    ] {
        let job = asked(&app, name, list).await;
        app.steps.run(&Job::DataDeletion(job.clone())).await.unwrap();
        let job = app.get::<DataDeletionJob>(&job).await.unwrap();
        assert_eq!(job.lifecycle.status, Status::CreateFailed, "{name}");
        let reason = job.lifecycle.failure_reason.unwrap();
        assert!(reason.contains(words), "{name}: {reason}");
        assert_eq!(app.keys(LEFT).await, Vec::<String>::new());
    }
    let job = asked(&app, "lost", "USER_ID\n").await;
    app.change::<DataDeletionJob>(&job, |job| job.data_location = "s3://osusume/nowhere.csv".into()).await;
    assert!(app.steps.begin_batch(&job).await.unwrap());
    let reason = caller(app.steps.plan_batch(&job).await);
    assert!(reason.starts_with("Invalid Data location.") && reason.contains("nowhere.csv"), "{reason}");
    let rows = app.get::<Dataset>(&interactions()).await.unwrap().active.unwrap().rows;
    assert_eq!(rows, csv().lines().count() as u64 - 1);
}
