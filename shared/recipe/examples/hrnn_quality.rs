//! Trains `aws-hrnn` on a CSV of USER_ID,ITEM_ID,TIMESTAMP and writes everybody's list.
//!
//! `cargo run --release -p recipe --example hrnn_quality -- TRAIN.csv LISTS.jsonl [--hidden 43] [--epochs N]
//! [--seed 1] [--threads 0] [--device cpu] [--valid TEST.csv] [--verbose] [any other setting, see the code]`
//!
//! Lists are JSON lines, `{"user": …, "items": […]}`, 25 items that the user did not have. With `--valid`
//! it prints NDCG@25 on that file, and the hit rate of
//! items with at most five events in training. `--items movies.csv` trains with genres and years.

mod support;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::ops::ControlFlow;

use dataset::{Cells, Column, IdTable, Interactions, Table};
use recipe::hrnn::{Config, HrnnModel, Progress, train};
use recipe::{Query, RankedList, Recommender};

use support::{option, peak_mb, read, some};

const K: usize = 25;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<String> = std::env::args().skip(1).take(2).collect();
    let [train_file, lists_file] = files.as_slice() else {
        return Err("usage: hrnn_quality TRAIN.csv LISTS.jsonl [--setting value …]".into());
    };
    let mut data = read(train_file)?;
    if let Some(file) = some::<String>("--items")? {
        data.describe(Some(&films(&file)?), None);
    }
    let defaults = Config::default();
    let config = Config {
        hidden_dimension: option("--hidden", defaults.hidden_dimension)?,
        bptt: option("--bptt", defaults.bptt)?,
        recency_mask: option("--recency", defaults.recency_mask)?,
        embedding: option("--embedding", defaults.embedding)?,
        input_dropout: option("--input-dropout", defaults.input_dropout)?,
        state_dropout: option("--state-dropout", defaults.state_dropout)?,
        rate: option("--rate", defaults.rate)?,
        decay: option("--decay", defaults.decay)?,
        deviation: option("--deviation", defaults.deviation)?,
        average_rate: option("--average-rate", defaults.average_rate)?,
        negative_power: option("--negative-power", defaults.negative_power)?,
        recency_half_life: option("--half-life", defaults.recency_half_life)?,
        metadata: some::<String>("--items")?.is_some(),
        item_dropout: option("--item-dropout", defaults.item_dropout)?,
        trusted_events: option("--trusted-events", defaults.trusted_events)?,
        cold_lift: option("--cold-lift", defaults.cold_lift)?,
        request_dropout: defaults.request_dropout,
        epochs: some("--epochs")?,
        effort: option("--effort", defaults.effort)?,
        lanes: some("--lanes")?,
        negatives: some("--negatives")?,
        seed: option("--seed", defaults.seed)?,
        threads: option("--threads", defaults.threads)?,
        device: option("--device", defaults.device)?,
    };
    let verbose = std::env::args().any(|argument| argument == "--verbose");
    let (model, report) = train(&data, &config, &|p: Progress| {
        if verbose {
            eprintln!("epoch {}/{} {:.0} events/s loss {:.4}", p.epoch, p.epochs, p.events_per_s, p.loss);
        }
        ControlFlow::Continue(())
    })?;
    let started = std::time::Instant::now();
    let queries: Vec<Query<'_>> =
        (0..data.users.len() as u32).map(|u| Query::User(data.history(u))).collect();
    let lists = model.recommend(&queries, K, true);
    let seconds = started.elapsed().as_secs_f64();
    let mut text = String::new();
    for (user, list) in data.users.iter().zip(&lists) {
        let items: Vec<_> = list.items.iter().map(|&item| format!("{:?}", data.items.id(item))).collect();
        writeln!(text, "{{\"user\": {user:?}, \"items\": [{}]}}", items.join(", "))?;
    }
    std::fs::write(lists_file, text)?;
    let mut quality = String::new();
    if let Some(file) = some::<String>("--valid")? {
        let test = read(&file)?;
        write!(quality, "\"ndcg_at_25\": {:.4}, ", ndcg(&data, &lists, &test))?;
        let (events, rate, among) = thin(&data, &model, &lists, &test);
        write!(
            quality,
            "\"thin_events\": {events}, \"thin_hr_at_25\": {rate:.4}, \"thin_hr_at_25_among_thin\": {among:.4}, "
        )?;
    }
    println!(
        "{{{quality}\"epochs\": {}, \"loss\": {:.4}, \"train_s\": {:.2}, \"events_per_s\": {:.0}, \"lists_s\": {seconds:.2}, \
         \"peak_mb\": {}}}",
        report.epochs,
        report.loss,
        report.seconds,
        report.events_per_s,
        peak_mb()
    );
    Ok(())
}

/// Films with genres and, from the title, the year: `movieId,title,genres` of MovieLens.
fn films(file: &str) -> Result<Table, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(file)?;
    let mut ids = IdTable::default();
    let (mut distinct, mut codes, mut years) = (Vec::<Box<str>>::new(), vec![], vec![]);
    for line in text.lines().skip(1) {
        let (id, rest) = line.split_once(',').ok_or("a line has no id")?;
        let (title, genres) = rest.rsplit_once(',').ok_or("a line has no genres")?;
        let title = title.trim_matches('"').trim();
        let year = title.strip_suffix(')').and_then(|t| t.rsplit_once('(')).and_then(|(_, y)| y.parse().ok());
        ids.intern(id);
        let known = distinct.iter().position(|d| **d == *genres);
        codes.push(known.unwrap_or(distinct.len()) as u32);
        if known.is_none() {
            distinct.push(genres.into());
        }
        years.push(year.unwrap_or(f32::NAN));
    }
    let genres = Column { name: "GENRES".into(), cells: Cells::Text { distinct, codes } };
    let years = Column { name: "YEAR".into(), cells: Cells::Number(years) };
    Ok(Table { ids, columns: vec![genres, years], created: vec![] })
}

/// Items with at most five events in training: how many events of `test` they are met in, and in which
/// share of those the item is in the user's list, of all items and of thin items alone.
fn thin(
    data: &Interactions,
    model: &HrnnModel,
    lists: &[RankedList],
    test: &Interactions,
) -> (usize, f64, f64) {
    let mut counts = vec![0; data.items.len()];
    data.item_column().iter().for_each(|&item| counts[item as usize] += 1);
    let is_thin = |item: u32| counts[item as usize] <= 5;
    let (mut events, mut hits, mut among) = (0, 0, 0);
    for (number, user) in test.users.iter().enumerate() {
        let Some(user) = data.users.get(user) else { continue };
        let history = data.history(user);
        let mut wanted: Vec<u32> = vec![];
        for &item in test.history(number as u32).items {
            // An item that only the test knows cannot be found, and counts.
            match data.items.get(test.items.id(item)) {
                None => events += 1,
                Some(item) if is_thin(item) => {
                    events += 1;
                    wanted.push(item);
                }
                Some(_) => {}
            }
        }
        if wanted.is_empty() {
            continue;
        }
        let all = model.recommend(&[Query::User(history)], data.items.len(), true).remove(0);
        let thin: Vec<u32> = all.items.into_iter().filter(|&item| is_thin(item)).take(K).collect();
        for item in wanted {
            hits += usize::from(lists[user as usize].items.contains(&item));
            among += usize::from(thin.contains(&item));
        }
    }
    let share = |count: usize| count as f64 / events.max(1) as f64;
    (events, share(hits), share(among))
}

/// Mean over the users of `test`; items that were not trained on count as misses.
fn ndcg(data: &Interactions, lists: &[RankedList], test: &Interactions) -> f64 {
    let by_user: HashMap<&str, &RankedList> = data.users.iter().zip(lists).collect();
    let weight = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
    let mut sum = 0.0;
    for (number, user) in test.users.iter().enumerate() {
        let truth: HashSet<&str> =
            test.history(number as u32).items.iter().map(|&item| test.items.id(item)).collect();
        let Some(list) = by_user.get(user) else { continue };
        let hits = list.items.iter().enumerate().filter(|(_, item)| truth.contains(data.items.id(**item)));
        let gained: f64 = hits.map(|(rank, _)| weight(rank)).sum();
        sum += gained / (0..truth.len().min(K)).map(weight).sum::<f64>();
    }
    sum / test.users.len() as f64
}
