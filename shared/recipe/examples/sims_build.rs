//! Builds the neighbours of `aws-sims` (cosine) and prints one JSON line.
//!
//! `cargo run --release -p recipe --example sims_build -- TRAIN.csv [--neighbours 100] [--threads 2] [--rounds 5]
//! [--lists FILE]`
//!
//! The CSV is USER_ID,ITEM_ID,TIMESTAMP without quotes. The time is that of `Sims::train` alone, from
//! interactions in memory, the median of the rounds. `--lists` writes a line per item: its id, then its
//! neighbours, separated by commas, so that another program's can be held against them.

mod support;

use std::fmt::Write as _;
use std::time::Instant;

use recipe::sims::{Config, Sims};

use support::{cpu_seconds, option, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: sims_build TRAIN.csv [--neighbours 100] …")?;
    let data = read(&file)?;
    let config = Config {
        popularity_discount_factor: 0.5,
        min_cointeraction_count: 1,
        user_percentiles: (0.0, 1.0),
        item_percentiles: (0.0, 1.0),
        neighbours: option("--neighbours", 100)?,
        threads: option("--threads", 2)?,
    };
    let mut seconds = vec![];
    let mut model = None;
    let (rounds, before) = (option("--rounds", 5usize)?.max(1), cpu_seconds());
    for _ in 0..rounds {
        let started = Instant::now();
        model = Some(Sims::train(&data, &config));
        seconds.push(started.elapsed().as_secs_f64());
    }
    let cpu = (cpu_seconds() - before) / rounds as f64;
    seconds.sort_by(f64::total_cmp);
    let model = model.expect("there was a round");
    let pairs: usize = (0..data.items.len() as u32).map(|item| model.neighbours(item).0.len()).sum();
    let lists: String = option("--lists", String::new())?;
    if !lists.is_empty() {
        let mut text = String::new();
        for item in 0..data.items.len() as u32 {
            text.push_str(data.items.id(item));
            for &other in model.neighbours(item).0 {
                write!(text, ",{}", data.items.id(other))?;
            }
            text.push('\n');
        }
        std::fs::write(lists, text)?;
    }
    println!(
        "{{\"seconds\": {:.4}, \"best\": {:.4}, \"cpu_s\": {cpu:.4}, \"interactions\": {}, \"users\": {}, \"items\": {}, \"pairs\": {pairs}}}",
        seconds[seconds.len() / 2],
        seconds[0],
        data.len(),
        data.users.len(),
        data.items.len(),
    );
    Ok(())
}
