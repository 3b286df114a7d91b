//! Whole training steps: losses, weights, and a run that begins on one device and goes on on the other.

use training::checkpoint::{Reader, Writer};
use training::cpu::Isa;
use training::device::Device;
use training::features::ItemFeatures;
use training::network::DropoutShares;
use training::random::Random;
use training::trainer::HostWeights;
use training::windows::{NONE, Window};
use training::{Cpu, Optimiser, Settings, Shape, Trainer};

use super::{Tensors, compare};

/// A training of a few steps.
pub struct Case {
    pub name: &'static str,
    tied: bool,
    optimiser: Optimiser,
    rate: f32,
    negatives: usize,
    shards: usize,
    dropout: f32,
    features: bool,
}

const PLAIN: Case = Case {
    name: "",
    tied: true,
    optimiser: Optimiser::Descent,
    rate: 0.5,
    negatives: 0,
    shards: 1,
    dropout: 0.0,
    features: false,
};

/// Masks of dropout are those of a shard, so a device that merges shards has other ones: one or the other.
pub const CASES: &[Case] = &[
    Case { name: "tied, all items, dropout", dropout: 0.4, ..PLAIN },
    Case {
        name: "separate, sampled, Adagrad",
        tied: false,
        optimiser: Optimiser::Adagrad,
        rate: 5e-4,
        negatives: 32,
        ..PLAIN
    },
    Case { name: "shards", shards: 3, negatives: 48, ..PLAIN },
    Case { name: "features and sides, dropout", features: true, dropout: 0.3, ..PLAIN },
    Case {
        name: "features, shards, Adam",
        optimiser: Optimiser::Adam,
        rate: 5e-4,
        features: true,
        shards: 2,
        negatives: 32,
        ..PLAIN
    },
];

const ITEMS: usize = 53;
const STEPS: usize = 5;
const LANES: usize = 3;
const SIDES: usize = 4;
const FEATURES: usize = 6;

fn settings(case: &Case) -> Settings {
    Settings {
        shape: Shape { items: ITEMS, embedding: 16, hidden: 48, gaps: 3, tied: case.tied, average_rate: 0.2 },
        steps: STEPS,
        shards: case.shards,
        lanes: LANES,
        negatives: case.negatives,
        optimiser: case.optimiser,
        decay: 0.01,
        dropout: DropoutShares { input: case.dropout, state: case.dropout },
        deviation: 0.5,
        seed: 3,
    }
}

/// Windows with padding, carried lanes, and every other time rows of their own.
fn windows(case: &Case, random: &mut Random, round: usize) -> Vec<Window> {
    let rows = STEPS * LANES;
    (0..case.shards)
        .map(|_| {
            let mut ids = |bound: usize| (0..rows).map(|_| random.below(bound) as u32).collect::<Vec<_>>();
            let (mut items, mut gaps, mut targets) = (ids(ITEMS), ids(3), ids(ITEMS));
            let mut weights: Vec<f32> = (0..rows).map(|row| 0.05 + 0.01 * (row % 3) as f32).collect();
            for last in rows - 2..rows {
                (items[last], gaps[last], targets[last], weights[last]) = (NONE, NONE, NONE, 0.0);
            }
            let keep = (0..LANES).map(|lane| if round > 0 && lane != 1 { 1.0 } else { 0.0 }).collect();
            let mut window = Window { items, gaps, targets, weights, keep, ..Window::default() };
            if case.features && round.is_multiple_of(2) {
                for n in 0..rows {
                    let mut bag = |count: usize| -> Vec<(u32, f32)> {
                        let row = |random: &mut Random| (ITEMS + FEATURES + random.below(SIDES)) as u32;
                        (0..count).map(|i| (row(random), 0.5 + i as f32)).collect()
                    };
                    let (input, query) = (bag(n % 3), bag((n + 1) % 2));
                    window.inputs.push(input);
                    window.queries.push(query);
                }
            }
            window
        })
        .collect()
}

fn features(random: &mut Random) -> ItemFeatures {
    let mut features = ItemFeatures { bias: -0.7, ..ItemFeatures::default() };
    for item in 0..ITEMS {
        let bag: Vec<_> =
            (0..item % 4).map(|i| ((ITEMS + random.below(FEATURES)) as u32, 1.0 / (i + 1) as f32)).collect();
        features.bags.push(bag);
        features.drop.push(if item % 2 == 0 { 0.5 } else { 0.0 });
    }
    features
}

fn trainer<'d, D: Device>(device: &'d D, case: &Case) -> (Trainer<'d, D>, HostWeights) {
    let mut random = Random::new(11);
    let settings = settings(case);
    let shape = &settings.shape;
    let mut weights = HostWeights::random(shape, shape.hidden, settings.deviation, &mut random);
    for value in weights.dense.iter_mut().chain(&mut weights.bias).filter(|value| **value == 0.0) {
        *value = 0.1 * random.normal();
    }
    if case.features {
        weights.input.extend((0..(FEATURES + SIDES) * shape.embedding).map(|_| 0.5 * random.normal()));
    }
    let popularity: Vec<f64> = (0..ITEMS).map(|item| 1.0 + (item % 5) as f64).collect();
    let trainer = Trainer::new(device, settings, &weights, &popularity);
    match case.features {
        true => (trainer.with_features(features(&mut random)), weights),
        false => (trainer, weights),
    }
}

fn weights(weights: HostWeights, before: &HostWeights) -> Tensors {
    let change =
        |after: &[f32], before: &[f32]| after.iter().zip(before).map(|(a, b)| a - b).collect::<Vec<f32>>();
    let mut out = vec![
        ("dense change".to_owned(), change(&weights.dense, &before.dense)),
        ("input change".to_owned(), change(&weights.input, &before.input)),
        ("bias change".to_owned(), change(&weights.bias, &before.bias)),
    ];
    if let (Some(after), Some(before)) = (&weights.output, &before.output) {
        out.push(("output change".to_owned(), change(after, before)));
    }
    out
}

/// Losses of five steps, what the weights changed by in them, and how they are in the end. Under a rule that
/// looks at the sign of a gradient, tiny ones move weights as far as large ones, so only the latter is compared.
pub fn steps<D: Device>(device: &D, case: &Case) -> Tensors {
    steps_with(device, case, |_| ())
}

/// The same, with a look at the device after every step.
pub fn steps_with<D: Device>(device: &D, case: &Case, mut look: impl FnMut(usize)) -> Tensors {
    let mut random = Random::new(5);
    let (mut trainer, before) = trainer(device, case);
    for round in 0..5 {
        trainer.step(&windows(case, &mut random, round), case.rate);
        look(round);
    }
    let losses = trainer.losses();
    assert_eq!(losses.len(), 5);
    let mut out = vec![("losses".to_owned(), losses.iter().map(|&loss| loss as f32).collect())];
    let after = trainer.weights();
    match case.optimiser {
        Optimiser::Descent => out.extend(weights(after, &before)),
        _ => {
            let nothing = HostWeights {
                dense: vec![0.0; after.dense.len()],
                input: vec![0.0; after.input.len()],
                output: after.output.as_ref().map(|output| vec![0.0; output.len()]),
                bias: vec![0.0; after.bias.len()],
            };
            out.extend(weights(after, &nothing));
        }
    }
    out
}

/// Three steps here and two there end where five steps end; the bytes between are of one length and order.
pub fn a_run_goes_on_elsewhere<D: Device>(device: &D, tolerance: f32) {
    fn run<A: Device, B: Device>(first: &A, second: &B, case: &Case) -> (usize, Tensors) {
        let mut random = Random::new(5);
        let (mut trainer, before) = self::trainer(first, case);
        (0..3).for_each(|round| trainer.step(&windows(case, &mut random, round), case.rate));
        let mut state = Writer::default();
        trainer.save(&mut state);
        let state = state.finish();
        drop(trainer);
        let (mut trainer, _) = self::trainer(second, case);
        let mut from = Reader::new(&state);
        trainer.restore(&mut from).unwrap();
        from.end().unwrap();
        (3..5).for_each(|round| trainer.step(&windows(case, &mut random, round), case.rate));
        let mut out = vec![("losses".to_owned(), trainer.losses().iter().map(|&loss| loss as f32).collect())];
        out.extend(weights(trainer.weights(), &before));
        (state.len(), out)
    }
    let case = Case { shards: 3, negatives: 48, ..PLAIN };
    let cpu = Cpu::with_isa(1, Isa::Portable);
    let (bytes, reference) = run(&cpu, &cpu, &case);
    let (there, ours) = run(device, &cpu, &case);
    compare("from the device to the CPU", ours, reference.clone(), tolerance);
    let (here, ours) = run(&cpu, device, &case);
    compare("from the CPU to the device", ours, reference, tolerance);
    assert_eq!([there, here], [bytes; 2]);
}
