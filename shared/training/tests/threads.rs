//! The same data and seed give the same bytes, whatever the threads; AVX2 and AVX-512 agree as well.

use training::cpu::Isa;
use training::network::DropoutShares;
use training::random::Random;
use training::trainer::HostWeights;
use training::windows::{Lanes, Sequences, Window};
use training::{Cpu, Optimiser, Settings, Shape, Trainer};

const ITEMS: usize = 300;

fn weights_after_training(cpu: &Cpu, optimiser: Optimiser) -> HostWeights {
    let settings = Settings {
        shape: Shape { items: ITEMS, embedding: 32, hidden: 48, gaps: 4, tied: true, average_rate: 0.1 },
        steps: 8,
        shards: 5,
        lanes: 4,
        negatives: 64,
        optimiser,
        decay: 0.01,
        dropout: DropoutShares { input: 0.2, state: 0.3 },
        deviation: 0.1,
        seed: 9,
    };
    let mut random = Random::new(2);
    let lengths: Vec<usize> = (0..60).map(|_| 2 + random.below(30)).collect();
    let mut count = 0;
    let after = |&length: &usize| {
        count += length;
        (count - length) as u32..count as u32
    };
    let spans: Vec<_> = lengths.iter().map(after).collect();
    let items: Vec<u32> = (0..count).map(|_| random.below(ITEMS) as u32).collect();
    let gaps: Vec<u8> = (0..count).map(|_| random.below(4) as u8).collect();
    let sequences = Sequences { spans: &spans, items: &items, gaps: &gaps };
    let start = HostWeights::random(&settings.shape, 43, settings.deviation, &mut random);
    let mut trainer = Trainer::new(cpu, settings.clone(), &start, &vec![1.0; ITEMS]);
    let mut lanes = Lanes::new(&sequences, settings.shards, settings.lanes, settings.steps, 4);
    let mut windows = vec![Window::default(); settings.shards];
    for _ in 0..20 {
        lanes.next(&sequences, &mut windows);
        windows.iter_mut().flat_map(|window| &mut window.weights).for_each(|weight| *weight *= 0.01);
        trainer.step(&windows, 0.01);
    }
    trainer.weights()
}

#[test]
fn one_two_and_sixteen_threads_give_the_same_bytes() {
    for optimiser in [Optimiser::Adam, Optimiser::Adagrad] {
        let one = weights_after_training(&Cpu::new(1), optimiser);
        for threads in [2, 16] {
            assert!(
                weights_after_training(&Cpu::new(threads), optimiser) == one,
                "{threads} threads, {optimiser:?}"
            );
        }
        assert!(one.dense.iter().chain(&one.input).chain(&one.bias).all(|value| value.is_finite()));
    }
}

#[test]
fn fused_instruction_sets_give_the_same_bytes() {
    let sets: Vec<Isa> = Isa::available().into_iter().filter(|&isa| isa != Isa::Portable).collect();
    let results: Vec<HostWeights> =
        sets.iter().map(|&isa| weights_after_training(&Cpu::with_isa(2, isa), Optimiser::Adam)).collect();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{sets:?} differ");
}

#[test]
fn padding_of_the_state_stays_zero() {
    let weights = weights_after_training(&Cpu::new(1), Optimiser::Adam);
    let shape = Shape { items: ITEMS, embedding: 32, hidden: 48, gaps: 4, tied: true, average_rate: 0.1 };
    let at = training::network::Layout::new(&shape);
    for unit in 43..48 {
        for gate in 0..3 {
            assert!((0..32).all(|i| weights.dense[at.input + (i * 3 + gate) * 48 + unit] == 0.0));
            assert!((0..48).all(|i| weights.dense[at.recurrent + (i * 3 + gate) * 48 + unit] == 0.0));
        }
        assert!((0..32).all(|j| weights.dense[at.project + unit * 32 + j] == 0.0));
    }
}
