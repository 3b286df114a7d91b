//! What publishing costs: write units and rows a second for lists of a hundred ids of eight
//! characters with scores, in the embedded DynamoDB over a temporary directory.
//!
//! `cargo run --release -p store --example publish_units [-- LISTS]` prints one line of JSON.

use std::time::Instant;

use domain::{ResourceKind, Scope, Slot};
use embedded::Embedded;
use futures::stream;
use serde_json::json;
use store::{ListKey, ListRow, Lists, Shelf, StoredList, tables};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: usize = std::env::args().nth(1).as_deref().unwrap_or("10000").parse()?;
    let directory = tempfile::TempDir::with_prefix("osusume-")?;
    let embedded = Embedded::open(directory.path()).await?;
    let table = tables::RECOMMENDATIONS.name(tables::PREFIX_DEFAULT);
    let lists = Lists::new(embedded.dynamodb.client(), table);
    let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
    let campaign = scope.arn(ResourceKind::Campaign, "films");
    let shelf = Shelf::new(&campaign, Slot::A);
    let version = scope.arn(ResourceKind::SolutionVersion, "films/0a1b2c3d");

    let rows = (0..count).map(row).collect::<Result<Vec<_>, _>>()?;
    let minimum: u64 = rows.iter().map(ListRow::write_units).sum();
    let largest = rows.iter().map(ListRow::size).max();
    let start = Instant::now();
    let published = lists.publish(shelf, &version, stream::iter(rows), |_| {}).await?;
    let seconds = start.elapsed().as_secs_f64();
    let line = json!({
        "lists": published.written,
        "write_units": published.write_units,
        "ratio_to_minimum": published.write_units / minimum as f64,
        "largest_row_bytes": largest,
        "rows_per_s": (published.written as f64 / seconds).round(),
    });
    println!("{line}");
    Ok(())
}

/// A user's row. The scores fall like those of a softmax, for each user a little differently.
fn row(user: usize) -> Result<ListRow, store::lists::EncodeError> {
    let steepness = 0.02 + (user % 50) as f32 * 0.002;
    let list = StoredList {
        items: (0..100).map(|i| format!("{:08}", (i + user) * 7_919 % 100_000_000)).collect(),
        scores: (0..100).map(|i| 0.04 * (-(i as f32) * steepness).exp()).collect(),
    };
    ListRow::new(ListKey::User(&format!("{user:08}")), &list)
}
