//! Every gradient against finite differences, through the trainer's own step.
//!
//! The loss is a deterministic function of the weights (the whole catalogue as negatives, the same
//! dropout mask for the same step), so a small push on a weight changes it by gradient times push.
//! The gradients are read back through an optimiser of their own: plain steps of size one.

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
            Window { items, gaps, targets, weights, keep: vec![0.0; settings.lanes] }
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

fn loss_of(cpu: &Cpu, settings: &Settings, weights: &HostWeights, windows: &[Window]) -> f64 {
    let popularity = vec![1.0; settings.shape.items];
    Trainer::new(cpu, settings.clone(), weights, &popularity).step(windows, 0.0)
}

fn check(tied: bool, dropout: f32) {
    let settings = settings(tied, dropout);
    let cpu = Cpu::new(2);
    let mut random = Random::new(5);
    let windows = windows(&settings, &mut random);
    let weights = random_weights(&settings);
    let popularity = vec![1.0; settings.shape.items];
    let mut trainer = Trainer::new(&cpu, settings.clone(), &weights, &popularity);
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
        (loss_of(&cpu, &settings, &up, &windows) - loss_of(&cpu, &settings, &down, &windows))
            / f64::from(2.0 * push)
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
fn gradients_with_separate_tables_match_finite_differences() {
    check(false, 0.0);
}
