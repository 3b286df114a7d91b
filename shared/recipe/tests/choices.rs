//! What a training is told beside its data: how much events count, and what is to be maximized.

use std::sync::Arc;

use dataset::{IdTable, Interactions};
use domain::hyperparameters::Hyperparameters;
use domain::objective::Sensitivity;
use domain::recipes::{self, Recipe};
use recipe::artifact::{Origin, from_artifact, to_artifact};
use recipe::model::Start;
use recipe::{Model, TrainOptions, Trained, train_and_evaluate};

const USERS: usize = 70;
const EACH: usize = 20;
const ITEMS: u32 = 24;

/// Items of even numbers are had twice as often as the others.
fn data() -> Interactions {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    (0..ITEMS).for_each(|item| _ = items.intern(&format!("item {item}")));
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    let mut state = 11u64;
    for u in 0..USERS {
        let number = users.intern(&format!("user {u}"));
        for step in 0..EACH {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let draw = (state >> 33) as u32;
            user.push(number);
            item.push(2 * (draw % (ITEMS / 2)) + u32::from((draw / 1_000).is_multiple_of(3)));
            time.push(60 * step as i64);
        }
    }
    Interactions::from_rows(users, items, &user, &item, &time)
}

/// Weights of the events by their items.
fn weighed(of: impl Fn(u32) -> f32) -> Interactions {
    let data = data();
    let weights = data.item_column().iter().map(|&item| of(item)).collect();
    data.with_weights(weights)
}

fn recipe() -> (&'static Recipe, Hyperparameters) {
    let recipe = recipes::find_by_name("aws-user-personalization").unwrap();
    let mut parameters = recipe.defaults();
    parameters.0.insert("hidden_dimension".into(), domain::hyperparameters::Value::Integer(32));
    (recipe, parameters)
}

fn options() -> TrainOptions {
    TrainOptions { seed: 3, threads: 2, epochs: Some(3), ..TrainOptions::default() }
}

fn train(data: &Interactions, options: &TrainOptions) -> Trained {
    let (recipe, parameters) = recipe();
    recipe::train(recipe, &parameters, data, options, &|_| ()).unwrap()
}

fn bias(trained: &Trained) -> Vec<f32> {
    trained.model.network().unwrap().bias.to_vec()
}

#[test]
fn events_that_weigh_the_same_give_the_bytes_of_events_without_weights() {
    let plain = train(&data(), &options());
    assert!(train(&weighed(|_| 1.0), &options()).model == plain.model);
    let heavy = train(&weighed(|item| if item % 2 == 1 { 1.0 } else { 0.1 }), &options());
    // What was rarer by half is what counts now.
    let odd_over_even = |bias: Vec<f32>| {
        let sum = |odd: usize| bias.iter().skip(odd).step_by(2).sum::<f32>();
        sum(1) - sum(0)
    };
    let (before, after) = (odd_over_even(bias(&plain)), odd_over_even(bias(&heavy)));
    assert!(before < 0.0 && after > 0.0, "{before} {after}");
}

#[test]
fn without_any_weight_there_is_nothing_to_learn() {
    let (recipe, parameters) = recipe();
    let error = recipe::train(recipe, &parameters, &weighed(|_| 0.0), &options(), &|_| ()).unwrap_err();
    assert!(error.to_string().contains("weight 0 in eventsConfig"), "{error}");
}

#[test]
fn where_all_weight_lies_with_users_who_are_held_out_there_are_no_metrics_but_a_model() {
    let ((recipe, parameters), options) = (recipe(), TrainOptions { epochs: Some(1), ..options() });
    let reports = (0..USERS).map(|only| {
        let weights = (0..USERS * EACH).map(|row| f32::from(u8::from(row / EACH == only))).collect();
        let data = data().with_weights(weights);
        train_and_evaluate(recipe, &parameters, &data, &options, &|_, _| ()).unwrap().report
    });
    let why = reports.filter_map(|report| report.no_metrics).next();
    assert!(why.is_some_and(|why| why.contains("users who are held out")));
}

/// The data with a reward for each item.
fn rewarded() -> Interactions {
    let mut data = data();
    data.metadata.rewards = Arc::new((0..ITEMS).map(|item| item as f32).collect());
    data
}

#[test]
fn a_model_with_an_objective_is_kept_whole() {
    let (recipe, parameters) = recipe();
    let options = TrainOptions { sensitivity: Sensitivity::High, ..options() };
    let data = rewarded();
    let trained = train_and_evaluate(recipe, &parameters, &data, &options, &|_, _| ()).unwrap();
    assert!(trained.report.metrics.contains_key("average_rewards_at_k"), "{:?}", trained.report.metrics);
    let origin = Origin {
        recipe,
        parameters: &parameters,
        seed: 3,
        snapshot: "films",
        items_snapshot: None,
        users_snapshot: None,
        actions_snapshots: [None, None],
    };
    let files = to_artifact(&trained, &data, origin).unwrap();
    let loaded = from_artifact(&files).unwrap();
    assert!(loaded.model == trained.model);
    let Model::Hrnn(network) = loaded.model else { panic!("another model") };
    let best = network.prior.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    // The last but one is had twice as often as the last.
    assert!(best >= ITEMS as usize - 2, "whoever is unknown gets what is worth most, not item {best}");
}

#[test]
fn an_update_goes_on_from_relevance_and_not_from_the_objective() {
    let data = rewarded();
    let with = |sensitivity| train(&data, &TrainOptions { sensitivity, ..options() });
    let update = |before: Trained| {
        let start = Start { model: before.model, items: data.items.clone() };
        bias(&train(&data, &TrainOptions { start: Some(Arc::new(start)), ..options() }))
    };
    let (off, high) = (with(Sensitivity::Off), with(Sensitivity::High));
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart(&bias(&off), &bias(&high)) > 1.0);
    let (off, high) = (update(off), update(high));
    assert!(apart(&off, &high) < 0.01, "{}", apart(&off, &high));
}
