//! The engine against PyTorch, number by number; see `fixtures/torch_fixture.py`.

use std::collections::HashMap;

use training::cpu::{Isa, Left, Packed, Start, gemm, gru_step};
use training::network::{DropoutShares, Layout};
use training::trainer::HostWeights;
use training::windows::{NONE, Window};
use training::{Cpu, Optimiser, Settings, Shape, Trainer};

const V: usize = 8;
const E: usize = 16;
const H: usize = 16;
const T: usize = 4;
const B: usize = 2;

fn fixture() -> HashMap<&'static str, Vec<f32>> {
    let numbers = |text: &str| text.split(' ').map(|x| x.parse().expect("a number")).collect();
    let lines = include_str!("fixtures/torch.txt").lines();
    lines
        .map(|line| line.split_once(' ').expect("a name and numbers"))
        .map(|(name, text)| (name, numbers(text)))
        .collect()
}

/// PyTorch's 3H × `rows` matrix as `rows` × 3H with the gates in this order.
fn gates(matrix: &[f32], rows: usize, order: [usize; 3]) -> Vec<f32> {
    let mut out = vec![];
    for i in 0..rows {
        for gate in order {
            out.extend((0..H).map(|j| matrix[(gate * H + j) * rows + i]));
        }
    }
    out
}

fn shape() -> Shape {
    Shape { items: V, embedding: E, hidden: H, gaps: 1, tied: false, average_rate: 0.5 }
}

fn weights(fixture: &HashMap<&str, Vec<f32>>) -> HostWeights {
    let at = Layout::new(&shape());
    let mut dense = vec![0.0; at.len];
    let mut put =
        |start: usize, values: Vec<f32>| dense[start..start + values.len()].copy_from_slice(&values);
    put(at.input, gates(&fixture["w_ih"], E, [0, 1, 2]));
    put(at.input_bias, gates(&fixture["b_ih"], 1, [0, 1, 2]));
    put(at.recurrent, gates(&fixture["w_hh"], H, [2, 0, 1]));
    put(at.recurrent_bias, gates(&fixture["b_hh"], 1, [2, 0, 1]));
    HostWeights {
        dense,
        input: fixture["e_in"].clone(),
        output: Some(fixture["e_out"].clone()),
        bias: fixture["b_out"].clone(),
    }
}

#[test]
fn gru_steps_give_the_states_of_pytorch() {
    let fixture = fixture();
    for isa in Isa::available() {
        let packed = |values: Vec<f32>, rows: usize| {
            let mut packed = Packed::default();
            packed.pack(&values, rows, 3 * H, 3 * H);
            packed
        };
        let input = packed(gates(&fixture["w_ih"], E, [0, 1, 2]), E);
        let recurrent = packed(gates(&fixture["w_hh"], H, [2, 0, 1]), H);
        let (input_bias, recurrent_bias) =
            (gates(&fixture["b_ih"], 1, [0, 1, 2]), gates(&fixture["b_hh"], 1, [2, 0, 1]));
        let mut states = vec![0.0; B * H];
        for t in 0..T {
            let ids = &fixture["ids"][t * B..][..B];
            let x: Vec<f32> =
                ids.iter().flat_map(|&id| fixture["e_in"][id as usize * E..][..E].to_vec()).collect();
            let (mut inputs, mut products) = (vec![0.0; B * 3 * H], vec![0.0; B * 3 * H]);
            let left = |data| Left { data, row: 16, column: 1 };
            gemm(isa, left(&x), B, &input, Start::Row(&input_bias), &mut inputs, 3 * H);
            gemm(isa, left(&states), B, &recurrent, Start::Row(&recurrent_bias), &mut products, 3 * H);
            let (mut next, mut saved) = (vec![0.0; B * H], vec![0.0; B * 4 * H]);
            gru_step(isa, H, &inputs, &products, &states, &mut next, &mut saved);
            for (got, truth) in next.iter().zip(&fixture["states"][t * B * H..]) {
                assert!((got - truth).abs() < 2e-6, "{isa:?}, step {t}: {got}, PyTorch says {truth}");
            }
            states = next;
        }
    }
}

fn losses(optimiser: Optimiser, rate: f32) -> Vec<f64> {
    let fixture = fixture();
    let settings = Settings {
        shape: shape(),
        steps: T,
        shards: 2,
        lanes: 1,
        negatives: 0,
        optimiser,
        decay: 0.0,
        dropout: DropoutShares { input: 0.0, state: 0.0 },
        deviation: 0.0,
        seed: 1,
    };
    let cpu = Cpu::new(1);
    let mut trainer = Trainer::new(&cpu, settings, &weights(&fixture), &[1.0; V]);
    let ids = fixture["ids"].chunks((T + 1) * B);
    ids.enumerate()
        .map(|(step, ids)| {
            let lane = |lane: usize, first: usize| {
                (first..first + T).map(|t| ids[t * B + lane] as u32).collect::<Vec<_>>()
            };
            let keep = vec![if step == 0 { 0.0 } else { 1.0 }];
            let windows: Vec<Window> = (0..B)
                .map(|l| Window {
                    items: lane(l, 0),
                    targets: lane(l, 1),
                    // PyTorch's model has no gaps.
                    gaps: vec![NONE; T],
                    weights: vec![1.0 / (T * B) as f32; T],
                    keep: keep.clone(),
                    ..Window::default()
                })
                .collect();
            trainer.step(&windows, rate);
            trainer.losses()[0]
        })
        .collect()
}

#[test]
fn the_loss_falls_step_by_step_as_in_pytorch() {
    for (optimiser, rate, name) in
        [(Optimiser::Adagrad, 0.05, "adagrad_losses"), (Optimiser::Adam, 0.01, "adam_losses")]
    {
        for (step, (got, truth)) in losses(optimiser, rate).iter().zip(&fixture()[name]).enumerate() {
            assert!(
                (got - f64::from(*truth)).abs() < 2e-4,
                "{name}, step {step}: {got}, PyTorch says {truth}"
            );
        }
    }
}
