//! Measures the embedded services through the store, in a directory of its own.
//!
//! `cargo run --release -p embedded --example storage_bench -- DIRECTORY`

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use domain::{ResourceKind, Scope, Slot};
use embedded::Embedded;
use futures::stream;
use store::{ListKey, ListRow, Lists, Objects, Shelf, StoredList, tables};

const ROWS: usize = 100_000;
const READS_PER_SECOND: u32 = 1_000;
const OBJECT_BYTES: usize = 500_000_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("name a directory")?;
    let embedded = Embedded::open(Path::new(&directory)).await?;
    lists(&embedded).await?;
    objects(&embedded).await
}

async fn lists(embedded: &Embedded) -> Result<(), Box<dyn std::error::Error>> {
    let table = tables::RECOMMENDATIONS.name(tables::PREFIX_DEFAULT);
    let lists = Lists::new(embedded.dynamodb.client(), table);
    let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
    let campaign = scope.arn(ResourceKind::Campaign, "films");
    let shelf = Shelf::new(&campaign, Slot::A);
    let version = scope.arn(ResourceKind::SolutionVersion, "films/0a1b2c3d");
    let list = StoredList {
        items: (0..100).map(|i| format!("{:08}", i * 7_919)).collect(),
        scores: (0..100).map(|i| 0.04 * (-(i as f32) * 0.06).exp()).collect(),
    };
    let rows = (0..ROWS).map(|u| ListRow::new(ListKey::User(&u.to_string()), &list).expect("a valid list"));
    let start = Instant::now();
    lists.publish(shelf, &version, stream::iter(rows), |_| {}).await?;
    println!("publish: {ROWS} lists, {:.0} rows/s", ROWS as f64 / start.elapsed().as_secs_f64());

    let mut micros = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / READS_PER_SECOND);
    for read in 0..5_000 {
        ticks.tick().await;
        let user = (read * 7_919 % ROWS).to_string();
        let start = Instant::now();
        let found = lists.get(shelf, &version, &ListKey::User(&user)).await?;
        micros.push(start.elapsed().as_micros());
        assert!(found.list().is_some());
    }
    micros.sort_unstable();
    let at = |part: f64| micros[(micros.len() as f64 * part) as usize];
    println!("get: p50 {} us, p99 {} us, max {} us at {READS_PER_SECOND}/s", at(0.5), at(0.99), at(0.9999));
    Ok(())
}

async fn objects(embedded: &Embedded) -> Result<(), Box<dyn std::error::Error>> {
    let objects = Objects::new(embedded.s3.client(), "bench");
    objects.create_bucket_if_missing().await?;
    let at = objects.at("large.bin");
    let megabytes = OBJECT_BYTES as f64 / 1e6;
    let start = Instant::now();
    objects.put(&at, vec![7; OBJECT_BYTES]).await?;
    println!("put: {:.0} MB/s", megabytes / start.elapsed().as_secs_f64());

    let start = Instant::now();
    let mut body = objects.open(&at).await?;
    while body.next().await?.is_some() {}
    println!("get, async: {:.0} MB/s", megabytes / start.elapsed().as_secs_f64());

    let mut reader = objects.open(&at).await?.into_reader();
    let start = Instant::now();
    let read = tokio::task::spawn_blocking(move || {
        let mut buffer = vec![0; 1 << 16];
        let mut total = 0;
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok::<_, std::io::Error>(total),
                read => total += read,
            }
        }
    });
    assert_eq!(read.await??, OBJECT_BYTES);
    println!("get, blocking reader: {:.0} MB/s", megabytes / start.elapsed().as_secs_f64());

    let start = Instant::now();
    for i in 0..1_000 {
        objects.put(&objects.at(format!("small/{i}")), "small").await?;
    }
    println!("put: {:.0} small objects/s", 1_000.0 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    for i in 0..1_000 {
        objects.get(&objects.at(format!("small/{i}"))).await?;
    }
    println!("get: {:.0} small objects/s", 1_000.0 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    assert_eq!(objects.list("bench", "small/").await?.len(), 1_000);
    println!("list: 1000 keys in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    Ok(())
}
