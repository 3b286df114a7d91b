//! What a training set takes: peak resident memory of reading and training, and the share of each interaction.
//!
//! `cargo run --release -p recipe --example training_memory -- [--interactions 20000000] [--users 500000]
//! [--items 50000] [--seconds 2] [--threads 2]`
//!
//! Interactions are made in the order of time, sorted into histories and trained on for a few seconds: by
//! then everything is in memory. The bytes are the whole growth of the process since its start, ids of users
//! and items included: at its peak while rows are sorted, and then, without the model, while it trains. What
//! an interaction takes is the difference of two runs of unlike `--interactions`, without what a training
//! takes however few there are. Prints one JSON line.

mod support;

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::Instant;

use dataset::{IdTable, Interactions};
use recipe::hrnn::{Config, TrainError, train};
use support::option;
use training::random::Random;

fn main() -> Result<(), String> {
    let rows: usize = option("--interactions", 20_000_000)?;
    let (users, items): (usize, usize) = (option("--users", 500_000)?, option("--items", 50_000)?);
    let (seconds, threads): (f64, usize) = (option("--seconds", 2.0)?, option("--threads", 2)?);
    let before = resident("VmRSS:");
    let started = Instant::now();
    let data = interactions(rows, users, items);
    let (sorted, sorted_s) = (resident("VmHWM:"), started.elapsed().as_secs_f64());
    let config = Config { threads, ..Config::default() };
    let (begun, training) = (Cell::new(None), Cell::new(0));
    let result = train(&data, &config, &|_| {
        let since = begun.get().unwrap_or_else(Instant::now);
        begun.set(Some(since));
        if since.elapsed().as_secs_f64() < seconds {
            return ControlFlow::Continue(());
        }
        training.set(resident("VmRSS:"));
        ControlFlow::Break(())
    });
    if !matches!(result, Ok(_) | Err(TrainError::Stopped)) {
        return Err(format!("{:?}", result.err()));
    }
    let peak = resident("VmHWM:");
    // Weights with both moments.
    let model = 3 * items * config.embedding * std::mem::size_of::<f32>();
    println!(
        "{{\"interactions\": {rows}, \"users\": {users}, \"items\": {items}, \"peak_mb\": {}, \"model_mb\": {}, \
         \"sorted_s\": {sorted_s:.2}, \"sorted_bytes\": {}, \"training_bytes\": {}}}",
        peak >> 20,
        model >> 20,
        sorted - before,
        training.get().saturating_sub(before + model),
    );
    Ok(())
}

fn interactions(rows: usize, users: usize, items: usize) -> Interactions {
    let (mut user_ids, mut item_ids) = (IdTable::default(), IdTable::default());
    (0..users).for_each(|user| _ = user_ids.intern(&user.to_string()));
    (0..items).for_each(|item| _ = item_ids.intern(&item.to_string()));
    let mut random = Random::new(1);
    let (mut user, mut item) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for _ in 0..rows {
        user.push(random.below(users) as u32);
        item.push((random.uniform().powi(3) * items as f64) as u32);
    }
    let time = (0..rows as i64).map(|row| 1_600_000_000 + row).collect();
    Interactions::from_events(user_ids, item_ids, user, item, time, vec![])
}

/// Bytes of resident memory, from the kernel; 0 where it does not say.
fn resident(what: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    line.and_then(|text| text.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) * 1024
}
