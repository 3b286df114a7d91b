//! One user's list, scored by the model while the user waits; prints one JSON line.
//!
//! `cargo run --release -p recipe --example live_scoring -- [--items 50000] [--embedding 128] [--hidden 43]
//! [--events 50] [--k 25] [--requests 2000]`
//!
//! The model is that of `precompute_rate`. A request is the recurrence over a history, the logits of all
//! items, their softmax and the best of them, on one core; every other one is within a set that half of the
//! items are in, as a filtered one is. Floor: one look at the embeddings, 25.6 MB at 50,000 items of 128
//! numbers.

mod support;

use std::time::Instant;

use recipe::{Query, Recommender};
use training::random::Random;

use support::random::{histories, model};
use support::{cpu_seconds, option};

fn main() -> Result<(), String> {
    let (items, e): (usize, usize) = (option("--items", 50_000)?, option("--embedding", 128)?);
    let (h, events): (usize, usize) = (option("--hidden", 43)?, option("--events", 50)?);
    let (k, requests): (usize, usize) = (option("--k", 25)?, option("--requests", 2_000)?);
    let mut random = Random::new(1);
    let model = model(items, e, h, &mut random);
    let data = histories(1_000, items, events, &mut random);
    let half = vec![0x5555_5555_5555_5555u64; items.div_ceil(64)];
    let mut took = Vec::with_capacity(requests);
    let cpu = cpu_seconds();
    for n in 0..requests {
        let query = Query::User(data.history(n as u32 % 1_000));
        let began = Instant::now();
        let found = match n % 2 {
            0 => model.recommend(&[query], k, false).len(),
            _ => model.recommend_within(query, k, &half).items.len(),
        };
        took.push(1e3 * began.elapsed().as_secs_f64());
        assert!(found > 0);
    }
    let cpu = 1e3 * (cpu_seconds() - cpu) / requests as f64;
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((share * requests as f64) as usize).min(requests - 1)];
    println!(
        "{{\"p50_ms\": {:.3}, \"p99_ms\": {:.3}, \"cpu_ms\": {cpu:.3}, \"floor_mb\": {:.1}}}",
        at(0.5),
        at(0.99),
        (4 * items * e) as f64 / 1e6,
    );
    Ok(())
}
