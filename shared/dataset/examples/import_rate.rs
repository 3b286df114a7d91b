//! Imports interactions CSV files and prints one JSON line: rows, seconds, rows per second, peak memory.
//!
//! `cargo run --release -p dataset --example import_rate -- FILE.csv... [--threads N] [--out DIR]`
//!
//! The schema is USER_ID, ITEM_ID, TIMESTAMP; further columns are ignored. With `--out` the parts
//! are written there, otherwise they are counted and dropped. With `--read` they are kept and read
//! back into histories, which is timed by itself.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use dataset::{
    EncodedPart, EventFilter, ImportOptions, NamedInput, PartSink, Schema, import_csv, read_interactions,
};

const SCHEMA: &str = r#"{"type": "record", "name": "Interactions", "fields": [
    {"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"}], "version": "1.0"}"#;

#[derive(Default)]
struct Sink {
    folder: Option<PathBuf>,
    keep: bool,
    kept: Vec<Vec<u8>>,
    bytes: u64,
}

impl PartSink for Sink {
    fn part(&mut self, part: EncodedPart) -> io::Result<()> {
        self.bytes += part.data.len() as u64;
        if let Some(folder) = &self.folder {
            std::fs::write(folder.join(&part.name), &part.data)?;
        }
        if self.keep {
            self.kept.push(part.data);
        }
        Ok(())
    }

    fn quarantine(&mut self, csv: Vec<u8>) -> io::Result<()> {
        io::Write::write_all(&mut io::stderr(), &csv)
    }
}

/// Peak resident memory of this process in MB, from the kernel.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut files, mut options, mut sink) = (vec![], ImportOptions::default(), Sink::default());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--threads" => options.threads = arguments.next().ok_or("--threads needs a number")?.parse()?,
            "--out" => sink.folder = Some(arguments.next().ok_or("--out needs a folder")?.into()),
            "--read" => sink.keep = true,
            _ => files.push(argument),
        }
    }
    let inputs = files
        .iter()
        .map(|name| Ok(NamedInput::new(name, File::open(name)?)))
        .collect::<io::Result<Vec<_>>>()?;
    let schema = Schema::parse(SCHEMA)?;
    let started = Instant::now();
    let summary = import_csv(inputs, &schema, &options, &mut sink, &|_| ())?;
    let seconds = started.elapsed().as_secs_f64();
    let peak = peak_mb();
    let rate = summary.rows as f64 / seconds;
    print!(
        "{{\"rows\": {}, \"csv_mb\": {:.1}, \"parquet_mb\": {:.1}, \"parts\": {}, \"threads\": {}, \"seconds\": {seconds:.3}, \
         \"rows_per_second\": {rate:.0}, \"peak_mb\": {peak:.0}",
        summary.rows,
        summary.bytes_read as f64 / 1e6,
        sink.bytes as f64 / 1e6,
        summary.parts,
        options.threads,
    );
    if sink.keep {
        let started = Instant::now();
        let data = read_interactions(std::mem::take(&mut sink.kept), &EventFilter::default())?;
        let seconds = started.elapsed().as_secs_f64();
        let (users, items) = (data.users.len(), data.items.len());
        print!(", \"users\": {users}, \"items\": {items}, \"read_seconds\": {seconds:.3}");
    }
    println!("}}");
    Ok(())
}
