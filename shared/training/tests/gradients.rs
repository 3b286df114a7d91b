//! Every gradient against finite differences, through the trainer's own step.
//!
//! The loss is a deterministic function of the weights (the whole catalogue as negatives, the same
//! dropout mask for the same step), so a small push on a weight changes it by gradient times push.
//! The gradients are read back through an optimiser of their own: plain steps of size one.

use training::features::ItemFeatures;
use training::network::{DropoutShares, Layout};
use training::random::Random;
use training::trainer::HostWeights;
use training::windows::{NONE, Window};
use training::{Cpu, Optimiser, Settings, Shape, Trainer};

fn settings(tied: bool, dropout: f32) -> Settings {
    Settings {
        shape: Shape { items: 13, embedding: 16, hidden: 16, gaps: 3, tied, average_rate: 0.3 },
        steps: 4,
        shards: 2,
        lanes: 3,
        negatives: 0,
        optimiser: Optimiser::Descent,
        decay: 0.0,
        dropout: DropoutShares { input: dropout, state: dropout },
        deviation: 0.5,
        seed: 3,
    }
}

/// Random windows with padding at the end of one lane.
fn windows(settings: &Settings, random: &mut Random) -> Vec<Window> {
    let rows = settings.steps * settings.lanes;
    (0..settings.shards)
        .map(|_| {
            let mut ids = |bound: usize| (0..rows).map(|_| random.below(bound) as u32).collect::<Vec<_>>();
            let (mut items, mut gaps, mut targets) =
                (ids(settings.shape.items), ids(settings.shape.gaps), ids(settings.shape.items));
            let mut weights: Vec<f32> = (0..rows).map(|row| 0.05 + 0.01 * (row % 3) as f32).collect();
            let last = rows - 1;
            (items[last], gaps[last], targets[last], weights[last]) = (NONE, NONE, NONE, 0.0);
            Window { items, gaps, targets, weights, keep: vec![0.0; settings.lanes], ..Window::default() }
        })
        .collect()
}

fn random_weights(settings: &Settings) -> HostWeights {
    let mut random = Random::new(11);
    let shape = &settings.shape;
    let mut weights = HostWeights::random(shape, shape.hidden, settings.deviation, &mut random);
    // The parts that start at zero would hide errors of the gradients that pass through them.
    for value in weights.dense.iter_mut().chain(&mut weights.bias).filter(|value| **value == 0.0) {
        *value = 0.3 * random.normal();
    }
    weights
}

fn trainer<'d>(
    cpu: &'d Cpu,
    settings: &Settings,
    weights: &HostWeights,
    features: Option<&ItemFeatures>,
) -> Trainer<'d, Cpu> {
    let trainer = Trainer::new(cpu, settings.clone(), weights, &vec![1.0; settings.shape.items]);
    match features {
        Some(features) => trainer.with_features(features.clone()),
        None => trainer,
    }
}

fn check(tied: bool, dropout: f32) {
    check_with(tied, dropout, None);
}

/// Rows that describe items, and rows that belong to events, users or requests.
const FEATURES: [usize; 2] = [6, 4];

/// Up to three rows an item, one of them twice and some items without any; every other item's own row
/// is left out.
fn item_features(items: usize, random: &mut Random) -> ItemFeatures {
    let mut features = ItemFeatures::default();
    for item in 0..items {
        let row = |random: &mut Random| (items + random.below(FEATURES[0])) as u32;
        let bag: Vec<_> = (0..item % 4).map(|i| (row(random), 1.0 / (i + 1) as f32)).collect();
        features.bags.push(bag);
        features.drop.push(if item % 2 == 0 { 0.5 } else { 0.0 });
    }
    features.bias = -0.7;
    features
}

/// Bags of the second kind of rows for every event, on both sides.
fn add_sides(settings: &Settings, windows: &mut [Window], random: &mut Random) {
    let first = settings.shape.items + FEATURES[0];
    for window in windows {
        for n in 0..settings.steps * settings.lanes {
            let mut bag = |count: usize| -> Vec<(u32, f32)> {
                (0..count).map(|i| ((first + random.below(FEATURES[1])) as u32, 0.5 + i as f32)).collect()
            };
            let (input, query) = (bag(n % 3), bag((n + 1) % 2));
            window.inputs.push(input);
            window.queries.push(query);
        }
    }
}

fn check_with(tied: bool, dropout: f32, features: Option<ItemFeatures>) {
    let settings = settings(tied, dropout);
    let cpu = Cpu::new(2);
    let mut random = Random::new(5);
    let mut windows = windows(&settings, &mut random);
    let mut weights = random_weights(&settings);
    let features = features.as_ref();
    if features.is_some() {
        add_sides(&settings, &mut windows, &mut random);
        let more = FEATURES.iter().sum::<usize>() * settings.shape.embedding;
        weights.input.extend((0..more).map(|_| 0.5 * random.normal()));
    }
    let loss_of = |weights: &HostWeights| {
        let mut trainer = trainer(&cpu, &settings, weights, features);
        trainer.step(&windows, 0.0);
        trainer.losses()[0]
    };
    let mut trainer = trainer(&cpu, &settings, &weights, features);
    trainer.step(&windows, 1.0);
    let after = trainer.weights();
    // Plain descent with rate 1: what the weights lost is the gradient.
    let lost = |before: &[f32], after: &[f32]| -> Vec<f32> {
        before.iter().zip(after).map(|(before, after)| before - after).collect()
    };
    let gradients = HostWeights {
        dense: lost(&weights.dense, &after.dense),
        input: lost(&weights.input, &after.input),
        output: weights.output.as_ref().zip(after.output.as_ref()).map(|(b, a)| lost(b, a)),
        bias: lost(&weights.bias, &after.bias),
    };

    let at = Layout::new(&settings.shape);
    let starts = [
        ("input", at.input),
        ("input bias", at.input_bias),
        ("recurrent", at.recurrent),
        ("recurrent bias", at.recurrent_bias),
        ("gaps", at.gaps),
        ("project", at.project),
        ("project bias", at.project_bias),
        ("last", at.last),
        ("average", at.average),
    ];
    let section = |i: usize| starts.iter().rev().find(|(_, start)| *start <= i).unwrap().0;
    let push = 2e-3f32;
    let difference = |change: &dyn Fn(&mut HostWeights, f32)| {
        let (mut up, mut down) = (weights.clone(), weights.clone());
        change(&mut up, push);
        change(&mut down, -push);
        (loss_of(&up) - loss_of(&down)) / f64::from(2.0 * push)
    };
    let close = |what: &str, i: usize, gradient: f32, truth: f64| {
        let error = (f64::from(gradient) - truth).abs();
        assert!(
            error < 2e-3 + 0.02 * truth.abs(),
            "tied {tied}, dropout {dropout}: {what} {i}: {gradient}, not {truth}"
        );
    };
    for i in (0..weights.dense.len()).step_by(7) {
        close(section(i), i, gradients.dense[i], difference(&|w, push| w.dense[i] += push));
    }
    for i in 0..weights.input.len() {
        close("input embedding", i, gradients.input[i], difference(&|w, push| w.input[i] += push));
    }
    if let Some(output) = &gradients.output {
        for (i, &gradient) in output.iter().enumerate() {
            let truth = difference(&|w, push| w.output.as_mut().unwrap()[i] += push);
            close("output embedding", i, gradient, truth);
        }
    }
    for i in 0..weights.bias.len() {
        close("bias", i, gradients.bias[i], difference(&|w, push| w.bias[i] += push));
    }
}

#[test]
fn gradients_of_the_tied_network_match_finite_differences() {
    check(true, 0.0);
}

#[test]
fn gradients_under_dropout_match_finite_differences() {
    check(true, 0.4);
}

#[test]
fn gradients_with_features_match_finite_differences() {
    let features = item_features(settings(true, 0.0).shape.items, &mut Random::new(8));
    check_with(true, 0.0, Some(features.clone()));
    check_with(true, 0.4, Some(features));
}

#[test]
fn an_item_without_features_is_its_own_row() {
    let settings = Settings { optimiser: Optimiser::Adam, ..settings(true, 0.3) };
    let (cpu, mut random) = (Cpu::new(1), Random::new(5));
    let windows = windows(&settings, &mut random);
    let weights = random_weights(&settings);
    let mut none = ItemFeatures::default();
    (0..settings.shape.items).for_each(|_| {
        none.bags.push([]);
        none.drop.push(0.0);
    });
    let after = |features: Option<&ItemFeatures>| {
        let mut trainer = trainer(&cpu, &settings, &weights, features);
        (0..3).for_each(|_| trainer.step(&windows, 0.01));
        trainer.weights()
    };
    assert!(after(None) == after(Some(&none)));
}

#[test]
fn gradients_with_separate_tables_match_finite_differences() {
    check(false, 0.0);
}
