//! Recommenders: the same jobs as solutions and campaigns, led from one to the next by what follows.

use domain::recommender::Recommender;
use domain::resource::{Campaign, CampaignConfig, Job, SolutionVersion};
use domain::{Arn, EpochMillis, Lifecycle, ResourceKind, Slots, Status, use_cases};
use steps::live::LiveModels;
use store::{ListKey, Shelf, Who};

use crate::app::{App, USERS, arn, item, user};
use crate::events::{group, happened};
use crate::follow_up::imported;

const TOP_PICKS: &str = "aws-vod-top-picks";
/// Counts, so it trains in no time.
const TRENDING: &str = "aws-vod-trending-now";
/// Where everything of recommenders lies.
const OBJECTS: &str = "_osusume/recommenders/";

/// A recommender that was just asked for.
async fn asked_for(app: &App, use_case: &str) -> Arn {
    let arn = arn(ResourceKind::Recommender, "films");
    let recommender = Recommender {
        dataset_group: group(),
        recipe: use_cases::find_by_name(use_case).unwrap().recipe.arn(),
        training_data_config: None,
        serves: Campaign {
            arn: arn.clone(),
            name: "films".into(),
            solution_version: format!("{arn}/0000002a").parse().unwrap(),
            slots: Slots::default(),
            min_provisioned_tps: None,
            config: Some(CampaignConfig {
                sync_with_latest_solution_version: Some(true),
                ..CampaignConfig::default()
            }),
            latest_update: None,
            attempts: 0,
            lifecycle: Lifecycle::pending(EpochMillis::now()),
        },
    };
    app.create(recommender).await;
    arn
}

async fn after(app: &App, finished: &Arn) -> Vec<Job> {
    let follow_up = app.steps.follow_up(finished).await.unwrap();
    assert!(follow_up.failures.is_empty(), "{:?}", follow_up.failures);
    follow_up.jobs
}

/// Does a job, and everything that follows, as the launcher does.
async fn carry_out(app: &App, job: Job) {
    let mut waiting = vec![job];
    while let Some(job) = waiting.pop() {
        app.steps.run(&job).await.unwrap();
        waiting.extend(after(app, job.arn()).await);
    }
}

async fn status(app: &App, recommender: &Arn) -> Status {
    app.get::<Recommender>(recommender).await.unwrap().serves.lifecycle.status
}

async fn ask(app: &App, recommender: &Arn, status: Status) {
    app.change::<Recommender>(recommender, |found| {
        found.serves.lifecycle.advance(status, EpochMillis::now()).unwrap();
    })
    .await;
}

async fn versions(app: &App, recommender: &Arn) -> Vec<Arn> {
    let kind = ResourceKind::RecommenderVersion;
    let found = app.steps.resources.list_all(kind, Some(recommender)).await.unwrap();
    found.iter().map(|version| version.arn().clone()).collect()
}

async fn served(app: &App, recommender: &Arn, who: &str) -> Vec<String> {
    let Campaign { slots, solution_version, .. } = app.get::<Recommender>(recommender).await.unwrap().serves;
    let shelf = Shelf::new(recommender, slots.serving);
    let found = app.steps.lists.get_latest(shelf, &solution_version, &ListKey::User(who)).await.unwrap();
    found.list().unwrap().items
}

#[tokio::test]
async fn the_stages_of_a_creation_may_each_be_killed_and_asked_for_again() {
    let app = App::start().await;
    let recommender = asked_for(&app, TOP_PICKS).await;
    let version: Arn = format!("{recommender}/0000002a").parse().unwrap();
    let deploy = Job::Deploy(recommender.clone());
    for _ in 0..2 {
        assert!(!app.steps.begin_job(&deploy).await.unwrap());
        assert_eq!(status(&app, &recommender).await, Status::CreatePending);
        assert_eq!(after(&app, &recommender).await, [Job::Train(version.clone())]);
    }
    assert_eq!(versions(&app, &recommender).await, std::slice::from_ref(&version));
    assert!(app.steps.begin_job(&Job::Train(version.clone())).await.unwrap());
    assert_eq!(status(&app, &recommender).await, Status::CreateInProgress);
    // Asked for while it trains, as at every start of a process, the deployment waits and costs no attempt.
    for _ in 0..5 {
        assert!(!app.steps.begin_job(&deploy).await.unwrap());
        assert_eq!(after(&app, &recommender).await, []);
    }
    // An event that comes meanwhile has no list to move yet.
    happened(&app, Who::User("newcomer"), 1).await;
    let live = LiveModels::new(app.another_process());
    assert_eq!(live.refresh(&group(), Who::User("newcomer")).await.unwrap(), 0);
    app.steps.train_begun(&version).await.unwrap();
    for _ in 0..2 {
        assert_eq!(after(&app, &version).await, std::slice::from_ref(&deploy));
    }
    assert!(app.steps.begin_job(&deploy).await.unwrap());
    assert_eq!(app.steps.plan_deploy(&recommender).await.unwrap(), 3);
    for shard in [2, 0, 1] {
        app.steps.publish_shard(&recommender, shard).await.unwrap();
    }
    assert_eq!(status(&app, &recommender).await, Status::CreateInProgress);
    app.steps.swap(&recommender).await.unwrap();
    let found = app.get::<Recommender>(&recommender).await.unwrap();
    assert_eq!((found.serves.lifecycle.status, found.serves.attempts), (Status::Active, 0));
    assert_eq!(found.serves.slots.held(found.serves.slots.serving), Some(&version));
    for n in 0..USERS {
        assert!(!served(&app, &recommender, &user(n)).await.is_empty());
    }
    let newcomer = served(&app, &recommender, "newcomer").await;
    assert!(!newcomer.is_empty() && !newcomer.contains(&item(1)));
    assert_eq!(after(&app, &recommender).await, []);

    app.change::<Recommender>(&recommender, |found| {
        found.serves.lifecycle.status = Status::DeletePending;
    })
    .await;
    assert!(!app.keys(OBJECTS).await.is_empty());
    app.steps.run(&Job::Delete(recommender.clone())).await.unwrap();
    assert_eq!(app.get::<Recommender>(&recommender).await, None);
    assert_eq!(versions(&app, &recommender).await, []);
    assert_eq!(app.keys(OBJECTS).await, Vec::<String>::new());
}

#[tokio::test]
async fn one_that_is_stopped_neither_trains_nor_follows_and_catches_up_when_it_is_started() {
    let app = App::start().await;
    let recommender = asked_for(&app, TOP_PICKS).await;
    let deploy = Job::Deploy(recommender.clone());
    carry_out(&app, deploy.clone()).await;
    let before = served(&app, &recommender, &user(1)).await;
    let best = before[0].clone();
    let n = (0..).find(|&n| item(n) == best).unwrap();

    ask(&app, &recommender, Status::StopPending).await;
    // Killed between the two writes, it is stopped by the next process.
    ask(&app, &recommender, Status::StopInProgress).await;
    app.another_process().run(&deploy).await.unwrap();
    assert_eq!(status(&app, &recommender).await, Status::Inactive);
    assert_eq!(after(&app, &recommender).await, []);
    happened(&app, Who::User(&user(1)), n).await;
    let import = imported(&app, "more").await;
    assert_eq!(after(&app, &import).await, []);
    assert_eq!(app.steps.follow_up_all().await.unwrap().jobs, []);
    app.steps.run(&deploy).await.unwrap();
    assert_eq!(status(&app, &recommender).await, Status::Inactive);

    ask(&app, &recommender, Status::StartPending).await;
    app.steps.run(&deploy).await.unwrap();
    assert_eq!(status(&app, &recommender).await, Status::Active);
    // The event is a watch, so its item is left out.
    assert!(!served(&app, &recommender, &user(1)).await.contains(&best));
    // What was imported meanwhile is trained on now.
    let [Job::Train(next)] = &after(&app, &recommender).await[..] else { panic!("one training") };
    assert!(versions(&app, &recommender).await.contains(next));
}

#[tokio::test]
async fn a_start_that_fails_leaves_it_stopped_with_the_reason() {
    let app = App::start().await;
    let recommender = asked_for(&app, TRENDING).await;
    carry_out(&app, Job::Deploy(recommender.clone())).await;
    for status in [Status::StopPending, Status::StopInProgress, Status::Inactive, Status::StartPending] {
        ask(&app, &recommender, status).await;
    }
    app.steps.end_as_failed(&Job::Deploy(recommender.clone()), "no room").await.unwrap();
    let life = app.get::<Recommender>(&recommender).await.unwrap().serves.lifecycle;
    assert_eq!((life.status, life.failure_reason.as_deref()), (Status::Inactive, Some("no room")));
    ask(&app, &recommender, Status::StartPending).await;
    app.steps.run(&Job::Deploy(recommender.clone())).await.unwrap();
    let life = app.get::<Recommender>(&recommender).await.unwrap().serves.lifecycle;
    assert_eq!((life.status, life.failure_reason), (Status::Active, None));
}

#[tokio::test]
async fn each_import_trains_a_version_and_those_that_nobody_serves_are_removed() {
    let app = App::start().await;
    let recommender = asked_for(&app, TRENDING).await;
    carry_out(&app, Job::Deploy(recommender.clone())).await;
    let mut serving = vec![app.get::<Recommender>(&recommender).await.unwrap().serves.solution_version];
    for name in ["second", "third", "fourth"] {
        let import = imported(&app, name).await;
        let jobs = after(&app, &import).await;
        // Told twice, as an event may be, it trains once.
        assert_eq!(after(&app, &import).await, jobs);
        let [train @ Job::Train(version)] = &jobs[..] else { panic!("{jobs:?}") };
        carry_out(&app, train.clone()).await;
        let found = app.get::<Recommender>(&recommender).await.unwrap();
        assert_eq!(&found.serves.solution_version, version);
        assert_eq!(found.serves.lifecycle.status, Status::Active);
        assert_eq!(found.serves.latest_update.unwrap().lifecycle.status, Status::Active);
        serving.push(version.clone());
        // The one before stays for a while.
        assert_eq!(versions(&app, &recommender).await, serving[serving.len() - 2..], "{name}");
    }
    for gone in &serving[..2] {
        let prefix = format!("{OBJECTS}models/{}/", gone.tail());
        assert_eq!(app.keys(&prefix).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_training_that_fails_ends_the_creation_and_nothing_that_serves() {
    let app = App::start().await;
    let recommender = asked_for(&app, TRENDING).await;
    let [train] = &after(&app, &recommender).await[..] else { panic!("one training") };
    app.steps.end_as_failed(train, "out of memory").await.unwrap();
    let life = app.get::<Recommender>(&recommender).await.unwrap().serves.lifecycle;
    assert_eq!((life.status, life.failure_reason.as_deref()), (Status::CreateFailed, Some("out of memory")));
    assert_eq!(after(&app, &recommender).await, []);
    app.steps.resources.delete(&recommender).await.unwrap();
    app.steps.resources.delete(train.arn()).await.unwrap();

    // The same where the process ended between the two writes: the deployment reads the version's reason.
    let recommender = asked_for(&app, TRENDING).await;
    after(&app, &recommender).await;
    app.change::<SolutionVersion>(train.arn(), |version| {
        version.lifecycle.fail("too little", EpochMillis::now()).unwrap();
    })
    .await;
    carry_out(&app, Job::Deploy(recommender.clone())).await;
    let life = app.get::<Recommender>(&recommender).await.unwrap().serves.lifecycle;
    assert_eq!((life.status, life.failure_reason.as_deref()), (Status::CreateFailed, Some("too little")));
    app.steps.resources.delete(&recommender).await.unwrap();
    app.steps.resources.delete(train.arn()).await.unwrap();

    let recommender = asked_for(&app, TRENDING).await;
    carry_out(&app, Job::Deploy(recommender.clone())).await;
    let import = imported(&app, "more").await;
    let [train] = &after(&app, &import).await[..] else { panic!("one training") };
    app.steps.end_as_failed(train, "out of memory").await.unwrap();
    let found = app.get::<Recommender>(&recommender).await.unwrap();
    assert_eq!((found.serves.lifecycle.status, found.serves.latest_update), (Status::Active, None));
}

#[tokio::test]
async fn a_training_whose_recommender_is_deleted_leaves_nothing_behind() {
    let app = App::start().await;
    let recommender = asked_for(&app, TRENDING).await;
    carry_out(&app, Job::Deploy(recommender.clone())).await;
    let import = imported(&app, "more").await;
    let [train @ Job::Train(version)] = &after(&app, &import).await[..] else { panic!("one training") };
    assert!(app.steps.begin_job(train).await.unwrap());
    let under_way = app.get::<SolutionVersion>(version).await.unwrap();
    ask(&app, &recommender, Status::DeletePending).await;
    app.steps.run(&Job::Delete(recommender.clone())).await.unwrap();
    // As if the training had read its row before that, and wrote its end after it.
    app.create(under_way.clone()).await;
    app.steps.train_begun(version).await.unwrap();
    app.steps.resources.delete(version).await.unwrap();
    app.put(&format!("{OBJECTS}models/{}/model.json", version.tail()), "{}").await;
    app.steps.end_as_failed(train, "killed").await.unwrap();
    assert_eq!(app.keys(OBJECTS).await, Vec::<String>::new());
}
