//! A training that was cut off and goes on ends with the same bytes as one that was not.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dataset::{Cells, Column, IdTable, Interactions};
use domain::hyperparameters::Hyperparameters;
use domain::recipes::{Recipe, find_by_name};
use recipe::{Checkpoints, Keeper, Stage, TrainError, TrainOptions, TrainedVersion, train_and_evaluate};

/// Keeps every state.
#[derive(Clone, Default)]
struct All(Arc<Mutex<Vec<Vec<u8>>>>);

impl Keeper for All {
    fn keep(&self, state: Vec<u8>) {
        self.0.lock().unwrap().push(state);
    }
}

/// Users of different lengths who walk through the items, so that lanes end at different times.
fn data() -> Interactions {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    (0..80).for_each(|item| _ = items.intern(&format!("item {item}")));
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    for u in 0..120u32 {
        let number = users.intern(&format!("user {u}"));
        for step in 0..8 + u % 37 {
            user.push(number);
            item.push((u * 31 + step * (1 + u % 3)) % 80);
            time.push(i64::from(step) * 60);
        }
    }
    Interactions::from_rows(users, items, &user, &item, &time)
}

/// The same with columns of items, users and interactions.
fn described() -> Interactions {
    let mut data = data();
    let text = |name: &str, rows: usize| {
        let distinct = ["a", "b", "c"].map(Into::into).to_vec();
        Column {
            name: name.into(),
            cells: Cells::Text { distinct, codes: (0..rows as u32).map(|row| row % 3).collect() },
        }
    };
    data.metadata.items = vec![text("GENRE", data.items.len())].into();
    data.metadata.users = vec![text("PLACE", data.users.len())].into();
    data.metadata.events = vec![text("DEVICE", data.len())].into();
    data
}

fn recipe(name: &str) -> (&'static Recipe, Hyperparameters) {
    let recipe = find_by_name(name).unwrap();
    let given = match name {
        "aws-hrnn" | "aws-hrnn-metadata" => BTreeMap::from([("bptt".to_owned(), "8".to_owned())]),
        _ => BTreeMap::new(),
    };
    (recipe, recipe.resolve(&given, &BTreeMap::new()).unwrap())
}

const SUBJECT: [u8; 32] = [5; 32];

fn checkpoints(every: Duration, keeper: &All, states: &[Vec<u8>]) -> Arc<Checkpoints> {
    Arc::new(Checkpoints::new(Box::new(keeper.clone()), every, SUBJECT, states))
}

/// Trains, with what is told about the stages.
fn train(name: &str, threads: usize, checkpoints: Option<Arc<Checkpoints>>) -> (TrainedVersion, Vec<Stage>) {
    let (recipe, parameters) = recipe(name);
    let stages = Mutex::new(vec![]);
    let heard = |stage, _| stages.lock().unwrap().push(stage);
    let options = TrainOptions { threads, epochs: Some(3), checkpoints, ..TrainOptions::default() };
    let data = if recipe.metadata { described() } else { data() };
    let version = train_and_evaluate(recipe, &parameters, &data, &options, &heard).unwrap();
    (version, stages.into_inner().unwrap())
}

fn assert_same(version: &TrainedVersion, whole: &TrainedVersion, what: &str) {
    assert!(version.model == whole.model, "another model: {what}");
    let numbers = |version: &TrainedVersion| {
        let report = &version.report;
        (
            report.metrics.clone(),
            report.baseline.clone(),
            report.advantage.clone(),
            report.epochs,
            report.test_users,
        )
    };
    assert_eq!(numbers(version), numbers(whole), "{what}");
    assert_eq!(version.popular, whole.popular, "{what}");
}

#[test]
fn going_on_from_any_point_gives_the_same_bytes_with_any_number_of_threads() {
    let (whole, _) = train("aws-hrnn", 2, None);
    let kept = All::default();
    let (saving, _) = train("aws-hrnn", 1, Some(checkpoints(Duration::ZERO, &kept, &[])));
    assert_same(&saving, &whole, "saving after every step");

    let states = kept.0.lock().unwrap().clone();
    let stage =
        |state: &Vec<u8>| checkpoints(Duration::ZERO, &kept, std::slice::from_ref(state)).resumes().unwrap();
    let second = states.iter().position(|state| stage(state) == Stage::TrainOnAll).unwrap();
    assert!(second > 20 && states.len() > second + 20, "{second} of {} states", states.len());
    assert!(states[second..].iter().all(|state| stage(state) == Stage::TrainOnAll));
    // The first step, the middle of a pass, the end of the first training, the end of the evaluation, and
    // within the second training.
    for (n, at) in [0, second / 2, second - 1, second, second + 7, states.len() - 1].into_iter().enumerate() {
        let resumed = checkpoints(Duration::from_secs(60), &All::default(), &states[at..=at]);
        let (version, stages) = train("aws-hrnn", 1 + n % 3, Some(resumed));
        assert_same(&version, &whole, &format!("state {at} of {}", states.len()));
        // What was done is not done again.
        if at >= second {
            assert!(stages.iter().all(|&stage| stage == Stage::TrainOnAll), "{stages:?}");
        }
        if at == second - 1 {
            assert!(
                !stages.contains(&Stage::TrainOnSplit) && stages.contains(&Stage::Evaluate),
                "{stages:?}"
            );
        }
    }
}

#[test]
fn a_training_on_metadata_goes_on_too() {
    let (whole, _) = train("aws-hrnn-metadata", 2, None);
    let kept = All::default();
    train("aws-hrnn-metadata", 2, Some(checkpoints(Duration::ZERO, &kept, &[])));
    let states = kept.0.lock().unwrap().clone();
    for at in [3, states.len() - 5] {
        let resumed = checkpoints(Duration::from_secs(60), &All::default(), &states[at..=at]);
        let (version, _) = train("aws-hrnn-metadata", 1, Some(resumed));
        assert_same(&version, &whole, &format!("state {at} of {}", states.len()));
    }
}

#[test]
fn a_training_that_is_cut_off_twice_still_gives_the_same_bytes() {
    let (whole, _) = train("aws-hrnn", 2, None);
    let (recipe, parameters) = recipe("aws-hrnn");
    let mut states = vec![];
    for cut in [5, 30] {
        // The process ends after so many states: whatever came after the last one is lost.
        let stop = Arc::new(AtomicBool::new(false));
        let kept = Arc::new(Mutex::new(vec![]));
        struct Until(Arc<Mutex<Vec<Vec<u8>>>>, usize, Arc<AtomicBool>);
        impl Keeper for Until {
            fn keep(&self, state: Vec<u8>) {
                let mut kept = self.0.lock().unwrap();
                if kept.len() < self.1 {
                    kept.push(state);
                } else {
                    self.2.store(true, Ordering::Relaxed);
                }
            }
        }
        let keeper = Until(kept.clone(), cut, stop.clone());
        let checkpoints = Checkpoints::new(Box::new(keeper), Duration::ZERO, SUBJECT, &states);
        let options = TrainOptions {
            threads: 2,
            epochs: Some(3),
            checkpoints: Some(Arc::new(checkpoints)),
            stop: Some(stop),
            ..TrainOptions::default()
        };
        let ended = train_and_evaluate(recipe, &parameters, &data(), &options, &|_, _| ());
        assert!(matches!(ended, Err(TrainError::Stopped)), "{:?}", ended.map(|version| version.report));
        states = vec![kept.lock().unwrap().last().unwrap().clone()];
    }
    let (version, _) = train("aws-hrnn", 2, Some(checkpoints(Duration::ZERO, &All::default(), &states)));
    assert_same(&version, &whole, "cut off twice");
}

#[test]
fn a_recipe_that_counts_does_not_measure_again() {
    let (whole, _) = train("aws-sims", 2, None);
    let kept = All::default();
    train("aws-sims", 2, Some(checkpoints(Duration::ZERO, &kept, &[])));
    let states = kept.0.lock().unwrap().clone();
    assert_eq!(states.len(), 1);
    let (version, stages) = train("aws-sims", 2, Some(checkpoints(Duration::ZERO, &kept, &states)));
    assert_same(&version, &whole, "after the evaluation");
    assert!(stages.iter().all(|&stage| stage == Stage::TrainOnAll), "{stages:?}");
}

#[test]
fn a_state_that_does_not_fit_is_ignored() {
    let (whole, _) = train("aws-hrnn", 2, None);
    // The same subject by mistake, but three passes of another size of window.
    let kept = All::default();
    let recipe = find_by_name("aws-hrnn").unwrap();
    let other = BTreeMap::from([("bptt".to_owned(), "16".to_owned())]);
    let parameters = recipe.resolve(&other, &BTreeMap::new()).unwrap();
    let options = TrainOptions {
        epochs: Some(3),
        checkpoints: Some(checkpoints(Duration::ZERO, &kept, &[])),
        ..TrainOptions::default()
    };
    train_and_evaluate(recipe, &parameters, &data(), &options, &|_, _| ()).unwrap();
    let first = kept.0.lock().unwrap()[3..4].to_vec();
    let (version, _) = train("aws-hrnn", 2, Some(checkpoints(Duration::ZERO, &All::default(), &first)));
    assert_same(&version, &whole, "a state of another window");
}
