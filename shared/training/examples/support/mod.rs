//! What the examples that time a training step have in common: the command line, the sizes, the windows, and
//! what a step costs on paper.

use training::network::DropoutShares;
use training::random::Random;
use training::windows::Window;
use training::{Optimiser, Settings, Shape};

/// The value after `name` on the command line.
pub fn option<T: std::str::FromStr>(name: &str, default: T) -> T {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    match arguments.next().map(|text| text.parse()) {
        Some(Ok(value)) => value,
        Some(Err(_)) => panic!("{name} has a value that cannot be read"),
        None => default,
    }
}

/// Whether `name` is on the command line.
pub fn flag(name: &str) -> bool {
    std::env::args().any(|argument| argument == name)
}

/// A step of `shards` × `lanes` sequences, and its learning rate. Everything else is read from the command
/// line; the sizes given here stand where it says nothing.
pub fn step(shards: usize, lanes: usize, items: usize, width: usize, negatives: usize) -> (Settings, f32) {
    let dropout: f32 = option("--dropout", 0.0);
    let adam = option("--opt", "adagrad".to_owned()) == "adam";
    let settings = Settings {
        shape: Shape {
            items: option("--items", items),
            embedding: option("--emb", width),
            hidden: option("--hidden", width),
            gaps: 1,
            tied: flag("--tied"),
            average_rate: 0.05,
        },
        steps: option("--bptt", 32),
        shards,
        lanes,
        negatives: option("--neg", negatives),
        optimiser: if adam { Optimiser::Adam } else { Optimiser::Adagrad },
        decay: 0.0,
        dropout: DropoutShares { input: dropout, state: dropout },
        deviation: 0.1,
        seed: 1,
    };
    (settings, if adam { 0.001 } else { 0.05 })
}

/// One shard's window of ids that are distributed about as Zipf found.
pub fn window(settings: &Settings, random: &mut Random) -> Window {
    let rows = settings.steps * settings.lanes;
    let mut ids = || -> Vec<u32> {
        (0..rows).map(|_| (random.uniform().powi(3) * settings.shape.items as f64) as u32).collect()
    };
    let weight = 1.0 / (rows * settings.shards) as f32;
    Window {
        items: ids(),
        targets: ids(),
        gaps: vec![0; rows],
        weights: vec![weight; rows],
        keep: vec![0.0; settings.lanes],
        ..Window::default()
    }
}

/// Multiply-adds of the matrix products alone, counted twice as usual.
pub fn flops_per_event(settings: &Settings) -> f64 {
    let (e, h, s) = (settings.shape.embedding, settings.shape.hidden, settings.negatives);
    let q = settings.shape.query();
    let projection = if settings.shape.tied { h * e + 2 * e * e } else { 0 };
    (2 * 3 * (3 * h * e + 3 * h * h + s * q + projection)) as f64
}

/// The middle one and the largest.
pub fn median_and_best(mut rates: Vec<f64>) -> (f64, f64) {
    rates.sort_by(f64::total_cmp);
    (rates[rates.len() / 2], rates[rates.len() - 1])
}
