//! A step touches the rows that it names, whatever the size of the catalogue.

use training::network::DropoutShares;
use training::random::Random;
use training::trainer::HostWeights;
use training::windows::Window;
use training::{Cpu, Optimiser, Settings, Shape, Trainer};

const ROWS: usize = 64;
const NEGATIVES: usize = 32;

/// The weights before and after some steps over items below 50.
fn train(items: usize, tied: bool, steps: usize) -> (HostWeights, HostWeights, usize) {
    let settings = Settings {
        shape: Shape { items, embedding: 16, hidden: 16, gaps: 1, tied, average_rate: 0.05 },
        steps: 8,
        shards: 1,
        lanes: ROWS / 8,
        negatives: NEGATIVES,
        optimiser: Optimiser::Adam,
        decay: 0.1,
        dropout: DropoutShares { input: 0.0, state: 0.0 },
        deviation: 0.1,
        seed: 1,
    };
    let mut random = Random::new(3);
    let before = HostWeights::random(&settings.shape, 16, 0.1, &mut random);
    let cpu = Cpu::new(2);
    let mut trainer = Trainer::new(&cpu, settings, &before, &vec![1.0; items]);
    for _ in 0..steps {
        let mut ids = || (0..ROWS).map(|_| random.below(50) as u32).collect::<Vec<_>>();
        let window = Window {
            items: ids(),
            targets: ids(),
            gaps: vec![0; ROWS],
            weights: vec![1.0 / ROWS as f32; ROWS],
            keep: vec![0.0; ROWS / 8],
            ..Window::default()
        };
        trainer.step(&[window], 0.01);
    }
    let after = trainer.weights();
    (before, after, 50 + steps * NEGATIVES)
}

#[test]
fn no_other_row_is_changed_and_none_is_decayed() {
    for (items, tied) in [(10_000, true), (10_000, false), (200_000, true)] {
        let (before, after, most) = train(items, tied, 3);
        let changed = |before: &[f32], after: &[f32], width: usize| {
            let pairs = before.chunks_exact(width).zip(after.chunks_exact(width));
            pairs.filter(|(before, after)| before != after).count()
        };
        let input = changed(&before.input, &after.input, 16);
        let bias = changed(&before.bias, &after.bias, 1);
        assert!(
            (50..=most).contains(&input) || !tied && (40..=50).contains(&input),
            "{input} of {items} rows changed"
        );
        assert!((50..=most).contains(&bias), "{bias} of {items} biases changed");
        if let (Some(before), Some(after)) = (&before.output, &after.output) {
            let output = changed(before, after, 16);
            assert!((50..=most).contains(&output), "{output} of {items} output rows changed");
        }
    }
}

#[test]
fn a_saved_trainer_goes_on_with_the_same_bits() {
    use training::checkpoint::{Reader, Writer};
    let settings = Settings {
        shape: Shape { items: 300, embedding: 16, hidden: 32, gaps: 2, tied: true, average_rate: 0.05 },
        steps: 4,
        shards: 2,
        lanes: 3,
        negatives: 16,
        optimiser: Optimiser::Adam,
        decay: 0.1,
        dropout: DropoutShares { input: 0.3, state: 0.3 },
        deviation: 0.1,
        seed: 1,
    };
    let mut random = Random::new(3);
    let weights = HostWeights::random(&settings.shape, 32, 0.1, &mut random);
    let windows: Vec<Vec<Window>> = (0..12)
        .map(|_| {
            let mut window = || {
                let mut ids = || (0..12).map(|_| random.below(300) as u32).collect::<Vec<_>>();
                Window {
                    items: ids(),
                    targets: ids(),
                    gaps: vec![1; 12],
                    weights: vec![1.0 / 24.0; 12],
                    // States are carried in two lanes of three.
                    keep: vec![1.0, 0.0, 1.0],
                    ..Window::default()
                }
            };
            vec![window(), window()]
        })
        .collect();
    let (one, three) = (Cpu::new(1), Cpu::new(3));
    let mut whole = Trainer::new(&one, settings.clone(), &weights, &[1.0; 300]);
    let mut cut = Trainer::new(&three, settings.clone(), &weights, &[1.0; 300]);
    windows[..7].iter().for_each(|windows| {
        whole.step(windows, 0.01);
        cut.step(windows, 0.01);
    });
    let mut state = Writer::default();
    cut.save(&mut state);
    let state = state.finish();
    drop(cut);
    let mut resumed = Trainer::new(&three, settings.clone(), &weights, &[1.0; 300]);
    let mut from = Reader::new(&state);
    resumed.restore(&mut from).unwrap();
    from.end().unwrap();
    windows[7..].iter().for_each(|windows| {
        whole.step(windows, 0.01);
        resumed.step(windows, 0.01);
    });
    assert!(whole.weights() == resumed.weights());

    let mut other = Trainer::new(&one, Settings { lanes: 4, ..settings }, &weights, &[1.0; 300]);
    assert!(other.restore(&mut Reader::new(&state)).is_err());
}
