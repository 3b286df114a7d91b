//! Everybody's top list from an `aws-hrnn` model, timed; prints one JSON line.
//!
//! `cargo run --release -p recipe --example precompute_rate -- [--users 100000] [--items 50000] [--embedding 128]
//! [--hidden 43] [--events 8] [--k 100] [--seen]`
//!
//! The model is random: normal embeddings, biases of a Zipf popularity. The time covers all of
//! `precompute::user_lists`, the recurrence over every history among it. `--seen` leaves out what a user had.

mod support;

use std::time::Instant;

use dataset::{IdTable, Interactions};
use ndarray::{Array1, Array2};
use recipe::hrnn::HrnnModel;
use recipe::precompute::user_lists;
use training::random::Random;

use support::{cpu_seconds, option, peak_mb};

fn main() -> Result<(), String> {
    let (users, items): (usize, usize) = (option("--users", 100_000)?, option("--items", 50_000)?);
    let (e, h): (usize, usize) = (option("--embedding", 128)?, option("--hidden", 43)?);
    let (events, k): (usize, usize) = (option("--events", 8)?, option("--k", 100)?);
    let seen = std::env::args().any(|argument| argument == "--seen");
    let mut random = Random::new(1);
    let model = model(items, e, h, &mut random);
    let data = histories(users, items, events, &mut random);
    let before = peak_mb();
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let mut sum = 0u64;
    for (_, list) in user_lists(&model, &data, 0..users as u32, k, seen) {
        sum = list.items.iter().fold(sum, |sum, &item| sum.wrapping_mul(31).wrapping_add(u64::from(item)));
    }
    let seconds = started.elapsed().as_secs_f64();
    let cpu = cpu_seconds() - cpu;
    println!(
        "{{\"seconds\": {seconds:.2}, \"cpu_s\": {cpu:.2}, \"users_per_s\": {:.0}, \"gflops\": {:.0}, \"peak_mb\": {}, \"before_mb\": {before}, \
         \"threads\": {}, \"checksum\": \"{sum:016x}\"}}",
        users as f64 / seconds,
        2.0 * (users * items * e) as f64 / seconds / 1e9,
        peak_mb(),
        std::thread::available_parallelism().map_or(1, usize::from),
    );
    Ok(())
}

fn model(items: usize, e: usize, h: usize, random: &mut Random) -> HrnnModel {
    let mut normal = |rows: usize, columns: usize, deviation: f32| {
        Array2::from_shape_fn((rows, columns), |_| deviation * random.normal())
    };
    let bias = Array1::from_shape_fn(items, |item| -((item + 1) as f32).ln());
    HrnnModel {
        items: normal(items, e, 0.3),
        prior: bias.clone(),
        bias,
        gaps: normal(16, e, 0.1),
        input: normal(e, 3 * h, 0.1),
        input_bias: Array1::zeros(3 * h),
        recurrent: normal(h, 3 * h, 0.1),
        recurrent_bias: Array1::zeros(3 * h),
        project: normal(h, e, 0.3),
        project_bias: Array1::zeros(e),
        last: normal(e, e, 0.1),
        average: normal(e, e, 0.1),
        average_rate: 0.05,
        sides: None,
    }
}

fn histories(count: usize, catalogue: usize, events: usize, random: &mut Random) -> Interactions {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    (0..count).for_each(|user| {
        users.intern(&user.to_string());
    });
    (0..catalogue).for_each(|item| {
        items.intern(&item.to_string());
    });
    let rows = count * events;
    let user: Vec<u32> = (0..rows).map(|row| (row / events) as u32).collect();
    let item: Vec<u32> = (0..rows).map(|_| (random.uniform().powi(3) * catalogue as f64) as u32).collect();
    let time: Vec<i64> = (0..rows).map(|row| 60 * row as i64).collect();
    Interactions::from_rows(users, items, &user, &item, &time)
}
