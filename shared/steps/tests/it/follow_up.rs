//! What follows by itself from jobs: versions of solutions with automatic training, and moves of campaigns
//! that follow their solution.

use domain::event::Record;
use domain::resource::{
    Campaign, CampaignConfig, Dataset, DatasetImportJob, DatasetType, ImportMode, Job, Snapshot, Solution,
    SolutionVersion, TrainingType,
};
use domain::{Arn, EpochMillis, Lifecycle, ResourceKind, Status, recipes};
use steps::FollowUp;
use store::Who;

use crate::app::{App, arn, csv};
use crate::events::happened;

const RECIPE: &str = "aws-popularity-count";
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// A solution that trains by itself.
async fn solution(app: &App) -> Arn {
    let solution = Solution {
        arn: arn(ResourceKind::Solution, RECIPE),
        name: RECIPE.into(),
        dataset_group: arn(ResourceKind::DatasetGroup, "films"),
        recipe: Some(recipes::find_by_name(RECIPE).unwrap().arn()),
        search: Default::default(),
        event_type: None,
        config: None,
        perform_auto_training: true,
        perform_incremental_update: false,
        latest_update: None,
        lifecycle: Lifecycle::active(EpochMillis::now()),
    };
    let arn = solution.arn.clone();
    app.create(solution).await;
    arn
}

/// An import job of one more file into the Interactions dataset, not run yet.
async fn import_job(app: &App, name: &str) -> Arn {
    app.put(&format!("{name}.csv"), csv()).await;
    let job = DatasetImportJob {
        arn: arn(ResourceKind::DatasetImportJob, name),
        job_name: name.into(),
        dataset: arn(ResourceKind::Dataset, "films/INTERACTIONS"),
        data_location: format!("s3://osusume/{name}.csv"),
        role_arn: None,
        import_mode: ImportMode::Full,
        publish_attribution: false,
        bad_rows_allowed: 0,
        outcome: None,
        attempts: 0,
        lifecycle: Lifecycle::pending(EpochMillis::now()),
    };
    let arn = job.arn.clone();
    app.create(job).await;
    arn
}

pub async fn imported(app: &App, name: &str) -> Arn {
    let job = import_job(app, name).await;
    app.steps.run(&Job::Import(job.clone())).await.unwrap();
    job
}

/// The first import, which every app has behind it.
fn first_import() -> Arn {
    arn(ResourceKind::DatasetImportJob, "films")
}

fn jobs(follow_up: Result<FollowUp, steps::Failure>) -> Vec<Job> {
    let FollowUp { jobs, failures } = follow_up.unwrap();
    assert!(failures.is_empty(), "{failures:?}");
    jobs
}

async fn after(app: &App, finished: &Arn) -> Vec<Job> {
    jobs(app.steps.follow_up(finished).await)
}

async fn versions(app: &App, solution: &Arn) -> Vec<SolutionVersion> {
    let found = app.steps.resources.list_all(ResourceKind::SolutionVersion, Some(solution)).await.unwrap();
    found.into_iter().map(|version| version.try_into().unwrap()).collect()
}

/// Runs the one job that is there, a training, and gives back its version.
async fn train(app: &App, jobs: Vec<Job>) -> Arn {
    let [Job::Train(version)] = jobs.as_slice() else { panic!("{jobs:?}") };
    app.steps.run(&jobs[0]).await.unwrap();
    assert_eq!(app.get::<SolutionVersion>(version).await.unwrap().lifecycle.status, Status::Active);
    version.clone()
}

/// A campaign that serves a version and follows its solution.
async fn following(app: &App, version: &Arn) -> Arn {
    let campaign = app.deployed("films", version).await;
    let sync = CampaignConfig { sync_with_latest_solution_version: Some(true), ..CampaignConfig::default() };
    app.change::<Campaign>(&campaign, |campaign| campaign.config = Some(sync.clone())).await;
    campaign
}

/// Lets a version have been asked for so many hours earlier.
async fn age(app: &App, version: &Arn, hours: i64) {
    app.change::<SolutionVersion>(version, |version| version.lifecycle.created.0 -= hours * HOUR_MS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_gets_one_version_however_often_it_is_asked() {
    let app = App::start().await;
    let solution = solution(&app).await;
    let asked = after(&app, &first_import()).await;
    let [version] = versions(&app, &solution).await.try_into().unwrap();
    assert_eq!(asked, [Job::Train(version.arn.clone())]);
    assert_eq!(
        (version.training_type, version.lifecycle.status),
        (TrainingType::Automatic, Status::CreatePending)
    );
    // Whoever asked may have died before the training was launched: the retry launches it.
    assert_eq!(after(&app, &first_import()).await, asked);
    train(&app, asked).await;
    for _ in 0..2 {
        assert_eq!(after(&app, &first_import()).await, []);
        assert_eq!(jobs(app.steps.follow_up_all().await), []);
    }
    assert_eq!(versions(&app, &solution).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_ask_at_once_create_one_version() {
    let app = App::start().await;
    let solution = solution(&app).await;
    let import = first_import();
    let (one, two) = tokio::join!(after(&app, &import), after(&app, &import));
    let [version] = versions(&app, &solution).await.try_into().unwrap();
    for job in one.into_iter().chain(two) {
        assert_eq!(job, Job::Train(version.arn.clone()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_import_is_trained_on_and_one_that_waits_takes_what_came_later() {
    let app = App::start().await;
    let solution = solution(&app).await;
    let first = train(&app, after(&app, &first_import()).await).await;
    let waiting = after(&app, &imported(&app, "second").await).await;
    assert_ne!(waiting, [Job::Train(first)]);
    // It has not begun, so it will read the third import.
    let third = imported(&app, "third").await;
    assert_eq!(after(&app, &third).await, []);
    let second = train(&app, waiting).await;
    let second = app.get::<SolutionVersion>(&second).await.unwrap();
    assert!(second.data.interactions().unwrap().contains("/third/"), "{:?}", second.data);
    assert_eq!(after(&app, &third).await, []);
    assert_eq!(versions(&app, &solution).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_trains_that_was_not_asked_for() {
    let app = App::start().await;
    let solution = solution(&app).await;
    app.change::<Solution>(&solution, |solution| solution.perform_auto_training = false).await;
    assert_eq!(after(&app, &first_import()).await, []);
    assert_eq!(jobs(app.steps.follow_up_all().await), []);
    app.change::<Solution>(&solution, |solution| solution.perform_auto_training = true).await;
    // A caller was as quick.
    let manual = app.trained(RECIPE).await;
    assert_eq!(after(&app, &first_import()).await, []);
    assert_eq!(versions(&app, &solution).await.into_iter().map(|v| v.arn).collect::<Vec<_>>(), [manual]);
    // What is gone, or has failed, has nothing to follow.
    assert_eq!(after(&app, &arn(ResourceKind::DatasetImportJob, "nothing")).await, []);
    let failed = import_job(&app, "failed").await;
    app.steps.end_as_failed(&Job::Import(failed.clone()), "no such file").await.unwrap();
    assert_eq!(after(&app, &failed).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_after_its_commit_is_followed_up_once_it_has_ended() {
    let app = App::start().await;
    let solution = solution(&app).await;
    train(&app, after(&app, &first_import()).await).await;
    let second = imported(&app, "second").await;
    // The dataset has moved; the job was not ended, and its follow-up not asked for.
    app.change::<DatasetImportJob>(&second, |job| job.lifecycle.status = Status::CreateInProgress).await;
    assert_eq!(after(&app, &second).await, []);
    app.steps.run(&Job::Import(second.clone())).await.unwrap();
    train(&app, after(&app, &second).await).await;
    assert_eq!(versions(&app, &solution).await.len(), 2);

    // The same, where nobody ever asks for the import's own.
    imported(&app, "third").await;
    train(&app, jobs(app.steps.follow_up_all().await)).await;
    assert_eq!(versions(&app, &solution).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_failed_says_so_and_new_data_is_another_try() {
    let app = App::start().await;
    let solution = solution(&app).await;
    let asked = after(&app, &first_import()).await;
    app.steps.end_as_failed(&asked[0], "out of memory").await.unwrap();
    assert_eq!(after(&app, &first_import()).await, []);
    assert_eq!(jobs(app.steps.follow_up_all().await), []);
    train(&app, after(&app, &imported(&app, "second").await).await).await;
    let stood = versions(&app, &solution).await.into_iter().map(|version| version.lifecycle.status);
    assert_eq!(stood.collect::<Vec<_>>(), [Status::CreateFailed, Status::Active]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_data_waits_for_the_schedule() {
    let app = App::start().await;
    solution(&app).await;
    let first = train(&app, after(&app, &first_import()).await).await;
    let interactions = arn(ResourceKind::Dataset, "films/INTERACTIONS");
    let like = app.get::<Dataset>(&interactions).await.unwrap();
    app.create(Dataset {
        arn: arn(ResourceKind::Dataset, "films/ITEMS"),
        dataset_type: DatasetType::Items,
        active: Some(Snapshot { manifest_key: "items/manifest.json".into(), rows: 40 }),
        tracking_id: None,
        latest_update: None,
        ..like
    })
    .await;
    age(&app, &first, 6 * 24).await;
    assert_eq!(jobs(app.steps.follow_up_all().await), []);
    age(&app, &first, 24).await;
    assert_eq!(after(&app, &first_import()).await, [], "an import of interactions is not the schedule");
    let second = train(&app, jobs(app.steps.follow_up_all().await)).await;
    assert_ne!(second, first);
    // The same data again, however late.
    age(&app, &second, 100 * 24).await;
    assert_eq!(jobs(app.steps.follow_up_all().await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_in_live_is_trained_on_by_the_schedule() {
    let app = App::start().await;
    solution(&app).await;
    let first = train(&app, after(&app, &first_import()).await).await;
    happened(&app, Who::User("somebody"), 1).await;
    assert_eq!(jobs(app.steps.follow_up_all().await), [], "an event is not yet the schedule");
    age(&app, &first, 7 * 24).await;
    let second = train(&app, jobs(app.steps.follow_up_all().await)).await;
    assert_ne!(second, first);
    age(&app, &second, 7 * 24).await;
    assert_eq!(jobs(app.steps.follow_up_all().await), [], "there was no event since");
    happened(&app, Who::User("somebody"), 2).await;
    let third = train(&app, jobs(app.steps.follow_up_all().await)).await;
    age(&app, &third, 7 * 24).await;
    assert_eq!(jobs(app.steps.follow_up_all().await), []);
    // An item that is put again with other columns is another item.
    for (year, trains) in [("1995", 1), ("1995", 0), ("1996", 1)] {
        let record = Record { id: "1".into(), columns: [("YEAR".to_owned(), year.to_owned())].into() };
        let group = arn(ResourceKind::DatasetGroup, "films");
        app.steps.events.put_record(&group, DatasetType::Items, &record).await.unwrap();
        let due = jobs(app.steps.follow_up_all().await);
        assert_eq!(due.len(), trains, "{year}");
        if trains > 0 {
            let version = train(&app, due).await;
            age(&app, &version, 7 * 24).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_that_nobody_started_is_started_after_a_while() {
    let app = App::start().await;
    solution(&app).await;
    let asked = after(&app, &first_import()).await;
    assert_eq!(jobs(app.steps.follow_up_all().await), [], "whoever asked may be about to start it");
    age(&app, asked[0].arn(), 2).await;
    assert_eq!(jobs(app.steps.follow_up_all().await), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_follows_each_new_version_and_never_goes_back() {
    let app = App::start().await;
    let first = app.trained(RECIPE).await;
    let (follower, other) = (following(&app, &first).await, app.deployed("fixed", &first).await);
    assert_eq!(after(&app, &first).await, []);
    let second = app.copy_of(&first, 2).await;
    let move_on = [Job::Deploy(follower.clone())];
    // Once for the version, and once more should it be repeated before the deployment has begun.
    for _ in 0..2 {
        assert_eq!(after(&app, &second).await, move_on);
        let campaign = app.get::<Campaign>(&follower).await.unwrap();
        assert_eq!(campaign.solution_version, first, "what serves goes on serving");
        assert_eq!(campaign.latest_update.unwrap().solution_version, second);
    }
    app.steps.run(&move_on[0]).await.unwrap();
    let campaign = app.get::<Campaign>(&follower).await.unwrap();
    assert_eq!(campaign.solution_version, second);
    assert!(campaign.follows_latest());
    assert_eq!(app.get::<Campaign>(&other).await.unwrap().solution_version, first);
    // An older training that ends late, or twice.
    for version in [&first, &second] {
        assert_eq!(after(&app, version).await, []);
    }
    assert_eq!(jobs(app.steps.follow_up_all().await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_comes_during_a_deployment_is_next() {
    let app = App::start().await;
    let first = app.trained(RECIPE).await;
    let campaign = following(&app, &first).await;
    let second = app.copy_of(&first, 2).await;
    let move_on = after(&app, &second).await;
    assert!(app.steps.begin_job(&move_on[0]).await.unwrap());
    let third = app.copy_of(&first, 3).await;
    assert_eq!(after(&app, &third).await, []);
    app.steps.run(&move_on[0]).await.unwrap();
    assert_eq!(app.get::<Campaign>(&campaign).await.unwrap().solution_version, second);
    assert_eq!(after(&app, &campaign).await, move_on);
    app.steps.run(&move_on[0]).await.unwrap();
    assert_eq!(app.get::<Campaign>(&campaign).await.unwrap().solution_version, third);
    assert_eq!(after(&app, &campaign).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_failed_is_not_asked_for_again_and_the_next_version_is() {
    let app = App::start().await;
    let first = app.trained(RECIPE).await;
    let campaign = following(&app, &first).await;
    let second = app.copy_of(&first, 2).await;
    let move_on = after(&app, &second).await;
    app.steps.end_as_failed(&move_on[0], "no room").await.unwrap();
    assert_eq!(after(&app, &second).await, []);
    assert_eq!(jobs(app.steps.follow_up_all().await), []);
    let third = app.copy_of(&first, 3).await;
    assert_eq!(after(&app, &third).await, move_on);
    app.steps.run(&move_on[0]).await.unwrap();
    assert_eq!(app.get::<Campaign>(&campaign).await.unwrap().solution_version, third);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_nobody_began_is_begun_after_a_while() {
    let app = App::start().await;
    let first = app.trained(RECIPE).await;
    let campaign = following(&app, &first).await;
    app.copy_of(&first, 2).await;
    // The process that trained the version ended with it.
    let move_on = jobs(app.steps.follow_up_all().await);
    assert_eq!(move_on, [Job::Deploy(campaign.clone())]);
    assert_eq!(jobs(app.steps.follow_up_all().await), [], "whoever asked may be about to begin it");
    app.change::<Campaign>(&campaign, |campaign| {
        campaign.latest_update.as_mut().unwrap().lifecycle.created.0 -= 2 * HOUR_MS;
    })
    .await;
    assert_eq!(jobs(app.steps.follow_up_all().await), move_on);
}
