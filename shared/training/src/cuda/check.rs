//! Whether a device computes what the CPU computes: a few small steps of both, held against each other.

use crate::cpu::Cpu;
use crate::device::Device;
use crate::network::{DropoutShares, Shape};
use crate::random::Random;
use crate::trainer::{HostWeights, Optimiser, Settings, Trainer};
use crate::windows::Window;

/// How far a loss may be from the CPU's, as a share of it. TF32 keeps ten bits of a factor, so a product of many
/// is right to about a thousandth.
const LOSS: f64 = 0.01;
/// How far the change of a weight may be from the CPU's, as a share of the largest change of its tensor.
const CHANGE: f32 = 0.03;
/// Enough for the plain, the recorded and the replayed way of a step.
const STEPS: usize = 4;

/// A few steps on the device and on the CPU from the same weights. Fails with where they differ.
pub fn self_check<D: Device>(device: &D) -> Result<(), String> {
    let settings = Settings {
        shape: Shape { items: 200, embedding: 32, hidden: 48, gaps: 3, tied: true, average_rate: 0.1 },
        steps: 6,
        shards: 1,
        lanes: 5,
        negatives: 64,
        // Of all rules the one under which a small error of a gradient stays small.
        optimiser: Optimiser::Descent,
        decay: 0.0,
        dropout: DropoutShares { input: 0.3, state: 0.3 },
        deviation: 0.5,
        seed: 7,
    };
    let mut random = Random::new(1);
    let mut weights = HostWeights::random(&settings.shape, 48, settings.deviation, &mut random);
    weights.dense.iter_mut().filter(|value| **value == 0.0).for_each(|value| *value = 0.1 * random.normal());
    let rows = settings.steps * settings.lanes;
    let windows: Vec<Window> = (0..STEPS)
        .map(|step| {
            let mut ids = |below: usize| (0..rows).map(|_| random.below(below) as u32).collect::<Vec<_>>();
            Window {
                items: ids(200),
                targets: ids(200),
                gaps: ids(3),
                weights: vec![1.0 / rows as f32; rows],
                keep: vec![if step == 0 { 0.0 } else { 1.0 }; settings.lanes],
                ..Window::default()
            }
        })
        .collect();
    let (ours, after) = run(device, &settings, &weights, &windows);
    device.check().map_err(|error| error.0)?;
    let (truth, expected) = run(&Cpu::new(1), &settings, &weights, &windows);
    if ours.len() != truth.len() {
        return Err(format!("{} losses of {} steps", ours.len(), truth.len()));
    }
    for (step, (ours, truth)) in ours.iter().zip(&truth).enumerate() {
        // What is no number is not close.
        let close = (ours - truth).abs() <= LOSS * truth.abs();
        if !close {
            return Err(format!("the loss of step {} is {ours}, the CPU's {truth}", step + 1));
        }
    }
    let tensors = [
        ("dense weights", &weights.dense, &after.dense, &expected.dense),
        ("embeddings", &weights.input, &after.input, &expected.input),
        ("biases", &weights.bias, &after.bias, &expected.bias),
    ];
    for (name, before, after, expected) in tensors {
        let largest = before.iter().zip(expected).fold(0.0f32, |most, (b, e)| most.max((e - b).abs()));
        for (i, (ours, truth)) in after.iter().zip(expected).enumerate() {
            let close = (ours - truth).abs() <= CHANGE * largest;
            if !close {
                return Err(format!("{name} differ: number {i} is {ours}, the CPU's {truth}"));
            }
        }
    }
    Ok(())
}

fn run<D: Device>(
    device: &D,
    settings: &Settings,
    weights: &HostWeights,
    windows: &[Window],
) -> (Vec<f64>, HostWeights) {
    let mut trainer = Trainer::new(device, settings.clone(), weights, &vec![1.0; settings.shape.items]);
    windows.iter().for_each(|window| trainer.step(std::slice::from_ref(window), 0.2));
    (trainer.losses(), trainer.weights())
}
