//! Everybody's top list from an `aws-hrnn` model, timed; prints one JSON line.
//!
//! `cargo run --release -p recipe --example precompute_rate -- [--users 100000] [--items 50000] [--embedding 128]
//! [--hidden 43] [--events 8] [--k 100] [--seen]`
//!
//! The model is random: normal embeddings, biases of a Zipf popularity. The time covers all of
//! `precompute::user_lists`, the recurrence over every history among it. `--seen` leaves out what a user had.

mod support;

use std::time::Instant;

use recipe::precompute::user_lists;
use training::random::Random;

use support::random::{histories, model};
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
