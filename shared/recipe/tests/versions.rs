//! Training a version from the outside: what is measured, what is said, what is refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use dataset::{History, IdTable, Interactions};
use domain::hyperparameters::Hyperparameters;
use domain::recipes::{Recipe, find_by_name};
use recipe::artifact::{DESCRIPTION, ITEMS, Origin, WEIGHTS, from_artifact, to_artifact};
use recipe::model::Start;
use recipe::{Artifact, Model, Stage, TrainOptions, TrainedVersion, train_and_evaluate};

/// Users walk through neighbouring items from a place of their own, so the neighbours of the last
/// item are the future and popularity knows nothing.
fn walks(users: usize, length: usize, items: usize) -> Interactions {
    let (mut names, mut things) = (IdTable::default(), IdTable::default());
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    for u in 0..users {
        for step in 0..length {
            user.push(names.intern(&format!("user {u}")));
            item.push(things.intern(&format!("映画 {}", (u * 7 + step) % items)));
            time.push(step as i64);
        }
    }
    Interactions::from_rows(names, things, &user, &item, &time)
}

fn recipe(name: &str, parameters: &[(&str, &str)]) -> (&'static Recipe, Hyperparameters) {
    let recipe = find_by_name(name).unwrap();
    let (mut algorithm, mut features) = (BTreeMap::new(), BTreeMap::new());
    for (name, value) in parameters {
        let target = if name.contains("percentile") { &mut features } else { &mut algorithm };
        target.insert((*name).to_owned(), (*value).to_owned());
    }
    (recipe, recipe.resolve(&algorithm, &features).unwrap())
}

fn sims(data: &Interactions) -> TrainedVersion {
    let (recipe, parameters) = recipe("aws-sims", &[("max_item_interaction_count_percentile", "1.0")]);
    train_and_evaluate(recipe, &parameters, data, &TrainOptions::default(), &|_, _| ()).unwrap()
}

#[test]
fn a_model_that_knows_the_data_beats_popularity_and_says_so() {
    let version = sims(&walks(200, 12, 300));
    let verdict = version.report.verdict();
    assert!(verdict.starts_with("The model beats aws-popularity-count: NDCG@25 differs by +"), "{verdict}");
    assert!(verdict.ends_with("20 test users)."), "{verdict}");
    assert!(version.report.metrics["coverage"].value > version.report.baseline["coverage"].value);
}

#[test]
fn popularity_cannot_be_told_apart_from_itself() {
    let (recipe, parameters) = recipe("aws-popularity-count", &[]);
    let data = walks(200, 12, 300);
    let version =
        train_and_evaluate(recipe, &parameters, &data, &TrainOptions::default(), &|_, _| ()).unwrap();
    assert_eq!(version.report.metrics, version.report.baseline);
    assert!(version.report.verdict().contains("cannot be told apart"), "{}", version.report.verdict());
}

#[test]
fn the_baseline_is_the_same_beside_any_recipe() {
    let data = walks(200, 12, 40);
    let options = TrainOptions { exclude_seen: true, ..TrainOptions::default() };
    let baseline = |name| {
        let (recipe, parameters) = recipe(name, &[]);
        train_and_evaluate(recipe, &parameters, &data, &options, &|_, _| ()).unwrap().report.baseline
    };
    assert_eq!(baseline("aws-popularity-count"), baseline("aws-sims"));
}

#[test]
fn without_users_to_hold_out_there_is_a_model_and_a_reason_instead_of_metrics() {
    let data = walks(150, 9, 300);
    let version = sims(&data);
    assert!(version.report.metrics.is_empty() && version.report.baseline.is_empty());
    let reason = version.report.verdict();
    assert!(reason.contains("at least 10 interactions") && reason.contains("150 users"), "{reason}");
    let loaded = from_artifact(&pack(&version, &data)).unwrap();
    assert_eq!(loaded.description.no_metrics, Some(reason));
}

#[test]
fn coverage_is_a_share_of_the_items_dataset_too() {
    let data = walks(200, 12, 300);
    let (recipe, parameters) = recipe("aws-sims", &[]);
    let coverage = |catalogue_items| {
        let options = TrainOptions { catalogue_items, ..TrainOptions::default() };
        train_and_evaluate(recipe, &parameters, &data, &options, &|_, _| ()).unwrap().report.metrics["coverage"].value
    };
    assert!((coverage(Some(600)) - coverage(None) / 2.0).abs() < 1e-12);
}

#[test]
fn too_little_data_is_refused_before_anything_is_trained() {
    let (recipe, parameters) = recipe("aws-sims", &[]);
    let options = TrainOptions { event_type: Some("Watch".into()), ..TrainOptions::default() };
    let stages = Mutex::new(vec![]);
    let heard = |stage, _| stages.lock().unwrap().push(stage);
    let error = train_and_evaluate(recipe, &parameters, &walks(9, 50, 60), &options, &heard).unwrap_err();
    let expected =
        "Dataset has fewer than 1000 interactions after filtering by event type: Watch. There are 450.";
    assert!(error.to_string().starts_with(expected), "{error}");
    assert!(stages.into_inner().unwrap().is_empty());
}

#[test]
fn progress_goes_through_the_stages_in_order_and_ends_whole() {
    let (recipe, parameters) = recipe("aws-sims", &[]);
    let heard = Mutex::new(vec![]);
    let data = walks(200, 12, 300);
    train_and_evaluate(recipe, &parameters, &data, &TrainOptions::default(), &|stage, progress| {
        heard.lock().unwrap().push((stage, progress));
    })
    .unwrap();
    let heard = heard.into_inner().unwrap();
    assert!(heard.is_sorted_by_key(|(stage, progress)| (*stage, progress.done)));
    for stage in [Stage::TrainOnSplit, Stage::Evaluate, Stage::TrainOnAll] {
        let (_, last) = heard.iter().rfind(|(at, _)| *at == stage).unwrap();
        assert_eq!(last.done, last.total, "{stage:?}");
    }
}

#[test]
fn the_served_network_runs_as_many_epochs_as_the_measured_one_and_ignores_crawlers() {
    let (recipe, parameters) = recipe("aws-hrnn", &[("max_user_history_length_percentile", "0.9")]);
    let data = walks(60, 30, 100);
    let run = |epochs| {
        let options = TrainOptions { epochs, threads: 1, ..TrainOptions::default() };
        train_and_evaluate(recipe, &parameters, &data, &options, &|_, _| ()).unwrap()
    };
    let (one, chosen) = (run(Some(1)), run(None));
    assert_eq!(one.report.epochs, Some(1));
    let trained_longer = train(recipe, &parameters, &data, chosen.report.epochs);
    assert!(chosen.report.epochs > Some(1) && chosen.model == trained_longer);

    // A user longer than nine in ten: no trace of it in the weights.
    let crawled = with_user(&data, "crawler", 99);
    assert!(train(recipe, &parameters, &crawled, Some(1)) == one.model);
}

fn train(recipe: &Recipe, parameters: &Hyperparameters, data: &Interactions, epochs: Option<u32>) -> Model {
    let options = TrainOptions { epochs, threads: 1, ..TrainOptions::default() };
    recipe::train(recipe, parameters, data, &options, &|_| ()).unwrap().model
}

/// The same with one more user, who takes the first `length` items.
fn with_user(data: &Interactions, id: &str, length: u32) -> Interactions {
    let mut users = (*data.users).clone();
    let newcomer = users.intern(id);
    let (items, times): (Vec<u32>, Vec<i64>) = (0..length).map(|step| (step, i64::from(step))).unzip();
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    for (number, history) in (0..).zip(data.histories()).chain([(newcomer, History::new(&items, &times))]) {
        user.extend(history.items.iter().map(|_| number));
        item.extend(history.items);
        time.extend(history.timestamps);
    }
    Interactions::from_rows(users, (*data.items).clone(), &user, &item, &time)
}

#[test]
fn parameters_of_another_recipe_are_refused() {
    let popularity = find_by_name("aws-popularity-count").unwrap();
    let given = BTreeMap::from([("bptt".to_owned(), "8".to_owned())]);
    let message = popularity.resolve(&given, &BTreeMap::new()).unwrap_err().message;
    assert!(message.contains("algorithm/aws-popularity-count") && message.contains("bptt"), "{message}");
    let message = popularity.resolve(&BTreeMap::new(), &given).unwrap_err().message;
    assert!(message.contains("feature-transformation/"), "{message}");
}

fn pack(version: &TrainedVersion, data: &Interactions) -> Artifact {
    let (recipe, parameters) = recipe("aws-sims", &[]);
    let origin = Origin {
        recipe,
        parameters: &parameters,
        seed: 1,
        snapshot: "imports/7/manifest.json",
        items_snapshot: None,
        users_snapshot: None,
        actions_snapshots: [None, None],
    };
    to_artifact(version, data, origin).unwrap()
}

#[test]
fn the_description_says_where_the_model_comes_from() {
    let data = walks(200, 12, 300);
    let artifact = pack(&sims(&data), &data);
    let json: serde_json::Value = serde_json::from_slice(&artifact.files[DESCRIPTION]).unwrap();
    assert_eq!(json["recipe"], "aws-sims");
    assert_eq!(json["hyperparameters"]["min_cointeraction_count"], 3);
    let described = serde_json::json!({
        "snapshot": "imports/7/manifest.json", "interactions": 2400, "users": 200, "items": 300
    });
    assert_eq!(json["data"], described);
    assert_eq!(json["files"][WEIGHTS]["bytes"], artifact.files[WEIGHTS].len());
    assert_eq!(json["testUsers"], 20);
    assert!(json["metrics"]["precision_at_5"]["low"].is_number());
}

/// Something that goes wrong with files, and a part of what is said about it.
type Accident = (&'static str, fn(&mut Artifact), &'static str);

#[test]
fn files_that_are_not_the_model_are_refused_with_their_name() {
    let data = walks(200, 12, 300);
    let whole = pack(&sims(&data), &data);
    fn weights(artifact: &mut Artifact) -> &mut Vec<u8> {
        artifact.files.get_mut(WEIGHTS).unwrap()
    }
    let accidents: [Accident; 9] = [
        ("one bit", |a| weights(a)[500] ^= 1, "model.safetensors is damaged"),
        ("cut off", |a| weights(a).truncate(100), "found are 100 bytes"),
        ("lost", |a| _ = a.files.remove(ITEMS), "no file items.parquet"),
        (
            "swapped",
            |a| {
                let ids = a.files[ITEMS].clone();
                *weights(a) = ids;
            },
            "model.safetensors is damaged",
        ),
        ("no description", |a| _ = a.files.remove(DESCRIPTION), "no file model.json"),
        (
            "broken description",
            |a| a.files.get_mut(DESCRIPTION).unwrap().truncate(50),
            "model.json cannot be read",
        ),
        ("another format", |a| edit(a, "\"formatVersion\": 1", "\"formatVersion\": 2"), "format version 2"),
        (
            "a checksum less",
            |a| edit(a, "\"items.parquet\": {", "\"other.parquet\": {"),
            "no checksum of items.parquet",
        ),
        ("another recipe", |a| edit(a, "\"aws-sims\"", "\"aws-sums\""), "no recipe 'aws-sums'"),
    ];
    for (name, accident, expected) in accidents {
        let mut artifact = whole.clone();
        accident(&mut artifact);
        let message = from_artifact(&artifact).unwrap_err().to_string();
        assert!(message.contains(expected), "{name}: {message}");
    }
    assert!(from_artifact(&whole).is_ok());
}

fn edit(artifact: &mut Artifact, from: &str, to: &str) {
    let text = String::from_utf8(artifact.files[DESCRIPTION].clone()).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    artifact.files.insert(DESCRIPTION.into(), text.replace(from, to).into_bytes());
}

#[test]
fn an_update_is_not_measured_and_says_why() {
    let data = walks(60, 20, 40);
    let (recipe, parameters) = recipe("aws-hrnn", &[("hidden_dimension", "32")]);
    let options = TrainOptions { epochs: Some(2), ..TrainOptions::default() };
    let full = train_and_evaluate(recipe, &parameters, &data, &options, &|_, _| ()).unwrap();
    assert!(!full.report.metrics.is_empty());
    let start = Start { model: full.model, items: data.items.clone() };
    let options = TrainOptions { start: Some(Arc::new(start)), epochs: None, ..options };
    let update = train_and_evaluate(recipe, &parameters, &data, &options, &|_, _| ()).unwrap();
    assert!(update.report.metrics.is_empty());
    assert!(update.report.verdict().contains("would flatter"), "{}", update.report.verdict());
    // A third of the passes that it would take from scratch.
    assert_eq!(update.report.epochs, Some(20));
}
