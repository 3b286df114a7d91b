//! Searches, and trainings that go on from an earlier version.

use std::collections::BTreeMap;

use domain::resource::{Job, SolutionConfig, SolutionVersion, TrainingMode};
use domain::tuning::{AutoMlConfig, HpoConfig, HpoResources, ParameterRanges, Search, TunedTrial};
use domain::{Arn, Status, recipes};
use recipe::artifact::{DESCRIPTION, WEIGHTS};
use sha2::{Digest, Sha256};
use steps::Steps;

use crate::app::{App, at_rest, caller, internal};

/// A search of narrow ranges with little to train.
fn hpo(version: &mut SolutionVersion) {
    version.search = Search { hpo: true, auto_ml: false };
    let resources =
        HpoResources { max_number_of_training_jobs: Some(5), max_parallel_training_jobs: Some(2) };
    let ranges = ParameterRanges { integer: vec![("hidden_dimension".into(), 32, 48)], ..Default::default() };
    let hpo = HpoConfig { resources: Some(resources), ranges: Some(ranges) };
    version.config = Some(SolutionConfig { hpo_config: Some(hpo), ..SolutionConfig::default() });
    version.hyperparameters.0.insert("bptt".into(), domain::hyperparameters::Value::Integer(32));
}

async fn found(app: &App, arn: &Arn) -> SolutionVersion {
    app.get::<SolutionVersion>(arn).await.unwrap()
}

/// What a search came to, without the time it took.
fn without_time(version: &SolutionVersion) -> Vec<TunedTrial> {
    let trials = &version.tuned.as_ref().unwrap().trials;
    trials.iter().map(|trial| TunedTrial { seconds: 0.0, ..trial.clone() }).collect()
}

async fn in_one_process() -> SolutionVersion {
    let app = App::start().await;
    let arn = app.version("aws-hrnn", hpo).await;
    app.steps.run(&Job::Train(arn.clone())).await.unwrap();
    let version = found(&app, &arn).await;
    at_rest(&version.lifecycle);
    assert_eq!(app.keys("_osusume/trials/").await, Vec::<String>::new());
    version
}

/// One round as a state machine spreads it, each trial by another process; `Some(false)` when it was the last.
async fn round(app: &App, arn: &Arn, order: impl Fn(Vec<u32>) -> Vec<u32>) -> Option<bool> {
    let trials = app.another_process().next_trials(arn).await.unwrap()?;
    let numbers: Vec<u32> = trials.open.iter().map(|(number, _)| *number).collect();
    for number in order(numbers) {
        app.another_process().trial(arn, number).await.unwrap();
    }
    Some(!trials.open.is_empty())
}

#[tokio::test]
async fn a_search_is_the_same_in_one_process_in_many_and_after_a_kill() {
    let alone = in_one_process().await;
    let tuned = alone.tuned.as_ref().unwrap();
    assert_eq!(tuned.trials.len(), 5);
    let best = &tuned.trials[tuned.best.unwrap()];
    assert_eq!(best.hyperparameters, alone.hyperparameters);
    assert!((32..=48).contains(&alone.hyperparameters.integer("hidden_dimension")));
    // Trained without a search, and whole: nothing chosen is worse.
    let start = tuned.trials.iter().rfind(|trial| trial.hyperparameters == tuned.trials[0].hyperparameters);
    assert!(best.objective.unwrap().value >= start.unwrap().objective.unwrap().value);

    // By many processes, in another order, some trials twice.
    let app = App::start().await;
    let arn = app.version("aws-hrnn", hpo).await;
    assert!(app.steps.begin_job(&Job::Train(arn.clone())).await.unwrap());
    let backwards =
        |numbers: Vec<u32>| numbers.iter().rev().chain(&numbers[..numbers.len().min(1)]).copied().collect();
    while round(&app, &arn, backwards).await.unwrap() {}
    let spread = found(&app, &arn).await;
    assert_eq!(without_time(&spread), without_time(&alone));
    assert_eq!(spread.hyperparameters, alone.hyperparameters);

    // Killed after the first trial of a round: its receipt is kept, the others are carried out.
    let app = App::start().await;
    let arn = app.version("aws-hrnn", hpo).await;
    assert!(app.steps.begin_job(&Job::Train(arn.clone())).await.unwrap());
    round(&app, &arn, |numbers| numbers[..1].to_vec()).await.unwrap();
    let receipt = app.read(&format!("_osusume/trials/{}/00000000.json", arn.tail())).await;
    let seconds = serde_json::from_str::<TunedTrial>(&receipt).unwrap().seconds;
    app.another_process().run(&Job::Train(arn.clone())).await.unwrap();
    let resumed = found(&app, &arn).await;
    at_rest(&resumed.lifecycle);
    assert_eq!(without_time(&resumed), without_time(&alone));
    assert_eq!(resumed.tuned.as_ref().unwrap().trials[0].seconds, seconds, "it was carried out once");
    assert_eq!(resumed.model, alone.model);
}

#[tokio::test]
async fn receipts_of_other_data_are_worth_nothing() {
    let app = App::start().await;
    let arn = app.version("aws-hrnn", hpo).await;
    assert!(app.steps.begin_job(&Job::Train(arn.clone())).await.unwrap());
    round(&app, &arn, |numbers| numbers[..1].to_vec()).await.unwrap();
    assert_eq!(app.keys("_osusume/trials/").await.len(), 2);
    let other = Steps {
        settings: steps::Settings { seed: 2, ..app.steps.settings.clone() },
        ..app.another_process()
    };
    let open = other.next_trials(&arn).await.unwrap().unwrap().open;
    assert_eq!(open.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(app.keys("_osusume/trials/").await.len(), 1);
}

#[tokio::test]
async fn a_search_that_shall_stop_stops_between_and_during_trials() {
    let app = App::start().await;
    let arn = app.version("aws-hrnn", hpo).await;
    assert!(app.steps.begin_job(&Job::Train(arn.clone())).await.unwrap());
    round(&app, &arn, |numbers| numbers[..1].to_vec()).await.unwrap();
    app.change::<SolutionVersion>(&arn, |v| v.lifecycle.status = Status::CreateStopping).await;
    assert_eq!(app.steps.next_trials(&arn).await.unwrap(), None);
    assert_eq!(found(&app, &arn).await.lifecycle.status, Status::CreateStopped);
    // Whoever comes late finds nothing to do.
    app.steps.trial(&arn, 1).await.unwrap();
    assert_eq!(app.keys("_osusume/trials/").await.len(), 2);

    // During a trial that would take for ever: the widest network, by a version of its own.
    let wide = app.version("aws-hrnn", |version| {
        hpo(version);
        let tail = version.arn.as_str().replace("00000001", "00000002");
        version.arn = tail.parse().unwrap();
        version
            .hyperparameters
            .0
            .insert("hidden_dimension".into(), domain::hyperparameters::Value::Integer(48));
    });
    let wide = wide.await;
    let steps = app.another_process();
    let running = tokio::spawn({
        let (steps, wide) = (steps.clone(), wide.clone());
        async move { steps.run(&Job::Train(wide)).await }
    });
    while found(&app, &wide).await.lifecycle.status != Status::CreateInProgress {
        tokio::task::yield_now().await;
    }
    app.change::<SolutionVersion>(&wide, |v| v.lifecycle.status = Status::CreateStopping).await;
    running.await.unwrap().unwrap();
    let stopped = found(&app, &wide).await;
    assert_eq!((stopped.lifecycle.status, stopped.model), (Status::CreateStopped, None));
}

#[tokio::test]
async fn a_trial_that_does_not_exist_is_named() {
    let app = App::start().await;
    let arn = app.version("aws-hrnn", hpo).await;
    assert!(app.steps.begin_job(&Job::Train(arn.clone())).await.unwrap());
    app.steps.next_trials(&arn).await.unwrap();
    let text = internal(app.steps.trial(&arn, 40).await);
    assert!(text.contains("trial 40") && text.contains("there are 2 trials"), "{text}");
}

#[tokio::test]
async fn auto_ml_takes_the_recipe_that_knows_the_order() {
    let app = App::start().await;
    let arn = app
        .version("aws-popularity-count", |version| {
            version.search = Search { hpo: false, auto_ml: true };
            let recipe_list = ["aws-popularity-count", "aws-hrnn"];
            let recipe_list = recipe_list.map(|name| recipes::find_by_name(name).unwrap().arn()).to_vec();
            let resources =
                HpoResources { max_number_of_training_jobs: Some(2), max_parallel_training_jobs: None };
            version.config = Some(SolutionConfig {
                hpo_config: Some(HpoConfig { resources: Some(resources), ranges: None }),
                auto_ml_config: Some(AutoMlConfig {
                    metric_name: Some("precision_at_5".into()),
                    recipe_list,
                }),
                ..SolutionConfig::default()
            });
        })
        .await;
    app.steps.run(&Job::Train(arn.clone())).await.unwrap();
    let version = found(&app, &arn).await;
    at_rest(&version.lifecycle);
    assert_eq!(version.recipe, recipes::find_by_name("aws-hrnn").unwrap().arn());
    let tuned = version.tuned.unwrap();
    assert_eq!((tuned.objective.as_str(), tuned.trials.len(), tuned.best), ("precision_at_5", 2, Some(1)));
    let values: Vec<f64> = tuned.trials.iter().map(|trial| trial.objective.unwrap().value).collect();
    assert!(values[1] > values[0], "{values:?}");
}

#[tokio::test]
async fn an_update_goes_on_from_its_versions_weights() {
    let app = App::start().await;
    let full = app.trained("aws-hrnn").await;
    let arn = app
        .version("aws-hrnn", |version| {
            version.arn = version.arn.as_str().replace("00000001", "00000002").parse().unwrap();
            version.training_mode = TrainingMode::Update;
            version.updates = Some(full.clone());
        })
        .await;
    app.steps.run(&Job::Train(arn.clone())).await.unwrap();
    let updated = found(&app, &arn).await;
    at_rest(&updated.lifecycle);
    let model = updated.model.unwrap();
    assert_eq!(model.metrics, BTreeMap::new());
    assert!(model.no_metrics.unwrap().contains("UPDATE"));
    let passes = async |arn: &Arn| {
        let text = app.read(&format!("_osusume/models/{}/model.json", arn.tail())).await;
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["epochs"].as_u64().unwrap()
    };
    assert_eq!(passes(&arn).await * 3, passes(&full).await);

    let orphan = app
        .version("aws-hrnn", |version| {
            version.arn = version.arn.as_str().replace("00000001", "00000003").parse().unwrap();
            version.updates = Some(version.arn.clone());
        })
        .await;
    assert!(app.steps.begin_job(&Job::Train(orphan.clone())).await.unwrap());
    assert!(caller(app.steps.train_begun(&orphan).await).contains("has not been trained"));
}

#[tokio::test]
async fn an_update_whose_numbers_leave_their_range_fails_with_epoch_batch_and_advice() {
    let app = App::start().await;
    let full = app.trained("aws-hrnn").await;
    enlarge_items(&app, &full).await;
    let arn = app
        .version("aws-hrnn", |version| {
            version.arn = version.arn.as_str().replace("00000001", "00000002").parse().unwrap();
            version.training_mode = TrainingMode::Update;
            version.updates = Some(full.clone());
        })
        .await;
    app.steps.run(&Job::Train(arn.clone())).await.unwrap();
    let life = found(&app, &arn).await.lifecycle;
    assert_eq!(life.status, Status::CreateFailed);
    let reason = life.failure_reason.unwrap();
    assert!(reason.starts_with("Create failed. The loss became NaN in epoch 1, batch 1: "), "{reason}");
    assert!(reason.contains("training with FULL"), "{reason}");
    assert!(app.keys(&steps::keys::model_prefix(&arn)).await.is_empty());
}

/// Sets every number of the items' vectors to one that is finite, and whose square is not.
async fn enlarge_items(app: &App, version: &Arn) {
    let at = |name: &str| app.steps.objects.at(steps::keys::model_prefix(version) + name);
    let mut weights = app.steps.objects.get(&at(WEIGHTS)).await.unwrap().to_vec();
    let start = 8 + u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&weights[8..start]).unwrap();
    let end = |n: usize| start + header["items"]["data_offsets"][n].as_u64().unwrap() as usize;
    let vectors = &mut weights[end(0)..end(1)];
    vectors.chunks_exact_mut(4).for_each(|word| word.copy_from_slice(&1e30f32.to_le_bytes()));
    let mut description: serde_json::Value =
        serde_json::from_slice(&app.steps.objects.get(&at(DESCRIPTION)).await.unwrap()).unwrap();
    description["files"][WEIGHTS]["sha256"] =
        Sha256::digest(&weights).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
    app.steps.objects.put(&at(WEIGHTS), weights).await.unwrap();
    app.steps.objects.put(&at(DESCRIPTION), description.to_string()).await.unwrap();
}
