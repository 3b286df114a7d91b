//! Imports by ranges: what a state machine's imports leave behind is what one process leaves behind.

use std::io::Write;

use domain::resource::{DatasetImportJob, DatasetType, ImportMode, Job};
use domain::{EpochMillis, Status};
use steps::Failure;
use steps::failure::chain;

use crate::world::{Outcome, World};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn items(from: usize, to: usize) -> String {
    let mut csv = "ITEM_ID,TITLE\n".to_owned();
    for item in from..to {
        csv += &format!("item-{item},Title of {item}\n");
    }
    csv
}

/// Imports in two worlds with the same files, both ways; returns what is the same in both.
async fn both(kind: DatasetType, files: &[(&str, &[u8])], allowed: u64) -> Outcome {
    let whole = World::new(kind, files, allowed).await.import().await;
    for order in [in_order, the_last_first, twice] {
        let ranges = World::new(kind, files, allowed).await.import_by_ranges(order).await;
        assert_eq!(ranges, whole);
    }
    whole
}

fn in_order(count: u32) -> Vec<u32> {
    (0..count).collect()
}

fn the_last_first(count: u32) -> Vec<u32> {
    (0..count).rev().collect()
}

fn twice(count: u32) -> Vec<u32> {
    (0..count).flat_map(|range| [range, count - 1 - range]).collect()
}

#[tokio::test]
async fn a_folder_of_files_of_all_kinds_gives_the_same_dataset() {
    let quoted = format!(
        "\u{feff}itemId,title\r\n{}",
        (0..400).map(|i| format!("q{i},\"Ein \"\"Titel\"\",\r\nüber {i}\"\r\n")).collect::<String>()
    );
    let (plain, compressed) = (items(0, 900), gzip(&items(900, 1_500)));
    let files: [(&str, &[u8]); 5] = [
        ("in/a.csv", plain.as_bytes()),
        ("in/b.csv.gz", &compressed),
        ("in/c.csv", b"ITEM_ID,TITLE\n"),
        ("in/d.csv", quoted.as_bytes()),
        ("in/readme.txt", b"no data"),
    ];
    let outcome = both(DatasetType::Items, &files, 0).await;
    assert_eq!(
        (outcome.status, outcome.rows, outcome.dataset_rows),
        (Status::Active, Some(1_900), Some(1_900))
    );
    assert_eq!(outcome.notices, ["column itemId read as ITEM_ID", "column title read as TITLE"]);
    let keys: Vec<&str> = outcome.objects.iter().map(|(key, _)| key.as_str()).collect();
    assert!(keys.len() > 40 && keys[0] == "_osusume/datasets/group/ITEMS/job/manifest.json", "{keys:?}");
}

#[tokio::test]
async fn a_range_that_begins_within_quotes_is_mended_by_the_commit() {
    // What stands within quotes looks like rows, and one part has no rows but these.
    let inside = "a,b\n".repeat(1_000);
    let csv = format!("{}x,\"{inside}\"\n{}", items(0, 30), items(30, 400).split_once('\n').unwrap().1);
    let outcome = both(DatasetType::Items, &[("in/a.csv", csv.as_bytes())], 0).await;
    assert_eq!((outcome.status, outcome.rows), (Status::Active, Some(401)));
}

#[tokio::test]
async fn a_row_that_ends_far_behind_its_range_is_read_to_its_end() {
    // Farther than is read of the next ranges at once, and than is asked for at once after that.
    let long = "x".repeat(400_000);
    let csv = format!("{}long,{long}\n{}", items(0, 30), items(30, 60).split_once('\n').unwrap().1);
    let outcome = both(DatasetType::Items, &[("in/a.csv", csv.as_bytes())], 0).await;
    assert_eq!((outcome.status, outcome.rows), (Status::Active, Some(61)));
}

#[tokio::test]
async fn rows_are_set_aside_with_their_lines() {
    let mut csv = items(0, 1_000);
    for item in [5, 300, 301, 700] {
        csv = csv.replace(&format!("item-{item},"), &format!("item-{item},\"two\nlines\", too many,"));
    }
    csv = csv.replace("item-500,", ",").replace("item-900,", ",");
    // A row of uncertain length cannot be set aside.
    let outcome = both(DatasetType::Items, &[("in/a.csv", csv.as_bytes())], 100).await;
    assert!(outcome.reason.unwrap().starts_with("s3://films/in/a.csv, line 7: "));
    let csv = csv.replace("two\nlines", "one line");
    let files = [("in/a.csv", csv.as_bytes()), ("in/b.csv", csv.as_bytes())];
    let outcome = both(DatasetType::Items, &files, 12).await;
    assert_eq!((outcome.status, outcome.quarantined), (Status::Active, Some(12)));
    let (key, quarantine) = outcome.objects.last().unwrap();
    assert_eq!(key, "_osusume/datasets/group/ITEMS/job/quarantine.csv");
    let quarantine = String::from_utf8(quarantine.to_vec()).unwrap();
    assert!(quarantine.contains("\"s3://films/in/b.csv\",902,"), "{quarantine}");
    let outcome = both(DatasetType::Items, &files, 11).await;
    assert!(
        outcome.reason.unwrap().starts_with("More than the 11 bad rows allowed. The first: s3://films/in/a")
    );
}

#[tokio::test]
async fn the_first_problem_is_told_with_its_line() {
    let csv = items(0, 1_000);
    let at = |row: usize| csv.find(&format!("\nitem-{row},")).unwrap();
    // In the third range of 3,000 bytes, and in a later one.
    assert!((6_000..9_000).contains(&at(300)), "{}", at(300));
    let bad = csv.replace("item-300,", ",").replace("item-600,", "x,y,");
    let outcome = both(DatasetType::Items, &[("in/a.csv", bad.as_bytes())], 0).await;
    assert_eq!(outcome.status, Status::CreateFailed);
    let reason = outcome.reason.unwrap();
    assert!(
        reason.starts_with("s3://films/in/a.csv, line 302, column ITEM_ID: value \"\" is empty."),
        "{reason}"
    );
    let broken: [&[u8]; 6] = [
        b"",
        b"ITEM_ID,TITLE\n",
        b"ITEM_ID,NAME\nx,y\n",
        b"PK\x03\x04",
        &gzip(&csv)[..500],
        b"ITEM_ID,TITLE\nx,\"y\n",
    ];
    for file in broken {
        let outcome = both(DatasetType::Items, &[("in/a.csv", file)], 0).await;
        assert!(outcome.reason.unwrap().contains("s3://films/in/a.csv"));
    }
    let few = "USER_ID,ITEM_ID,TIMESTAMP\n".to_owned() + &"u,i,1\n".repeat(999);
    let outcome = both(DatasetType::Interactions, &[("in/a.csv", few.as_bytes())], 0).await;
    assert!(outcome.reason.unwrap().contains("has 999 interactions"));
}

#[tokio::test]
async fn what_cannot_be_found_is_said_by_the_plan() {
    let both = async |location: &str| {
        let world = || async {
            let world = World::new(DatasetType::Items, &[("in/a.txt", b"")], 0).await;
            world.with_job("other", location, ImportMode::Full, 0).await
        };
        let whole = world().await.import().await;
        assert_eq!(world().await.import_by_ranges(in_order).await, whole);
        whole.reason.unwrap()
    };
    assert!(both("s3://films/in/").await.starts_with("Invalid Data location. There is no object that ends"));
    assert!(
        both("s3://films/in/b.csv").await.starts_with("Invalid Data location. s3://films/in/b.csv does not")
    );
    assert!(both("s3://nobody/in/").await.starts_with("Invalid Data location. the bucket 'nobody' does not"));
    assert!(
        both("s3://nobody/a.csv").await.starts_with("Invalid Data location. the bucket 'nobody' does not")
    );
}

#[tokio::test]
async fn an_incremental_import_appends_either_way() {
    let (before, more) = (items(0, 500), items(400, 900));
    let files = [("in/a.csv", before.as_bytes()), ("more/b.csv", more.as_bytes())];
    let world = || async {
        let world = World::new(DatasetType::Items, &files, 0).await;
        world.import().await;
        world.with_job("more", "s3://films/more/b.csv", ImportMode::Incremental, 0).await
    };
    let whole = world().await.import().await;
    assert_eq!((whole.rows, whole.dataset_rows), (Some(500), Some(1_000)));
    assert_eq!(world().await.import_by_ranges(the_last_first).await, whole);
}

async fn planned(csv: &str) -> (World, u32) {
    let world = World::new(DatasetType::Items, &[("in/a.csv", csv.as_bytes())], 0).await;
    assert!(world.steps.begin_job(&Job::Import(world.job.clone())).await.unwrap());
    let count = world.steps.plan_import(&world.job).await.unwrap();
    (world, count)
}

#[tokio::test]
async fn a_range_that_was_not_imported_is_named() {
    let (world, count) = planned(&items(0, 500)).await;
    for range in (0..count).filter(|range| *range != 2) {
        world.steps.import_range(&world.job, range).await.unwrap();
    }
    let failure = world.steps.commit_import(&world.job).await.unwrap_err();
    assert!(matches!(failure, Failure::Internal { .. }), "{failure:?}");
    let text = chain(&failure);
    assert!(text.contains(&format!("range 2 of {count} (s3://films/in/a.csv from byte 6000 on)")), "{text}");
    // Nothing was moved; once the range is imported, the commit may be repeated.
    assert_eq!(world.outcome().await.dataset_rows, None);
    world.steps.import_range(&world.job, 2).await.unwrap();
    world.steps.commit_import(&world.job).await.unwrap();
    assert_eq!(world.outcome().await.dataset_rows, Some(500));
}

#[tokio::test]
async fn what_is_done_is_not_done_again() {
    let (world, count) = planned(&items(0, 500)).await;
    let failure = chain(&world.steps.import_range(&world.job, count).await.unwrap_err());
    assert!(failure.contains(&format!("the plan has {count} ranges")), "{failure}");
    for range in 0..count {
        world.steps.import_range(&world.job, range).await.unwrap();
    }
    world.steps.commit_import(&world.job).await.unwrap();
    let done = world.outcome().await;
    // A repeated task that comes late finds neither plan nor work.
    world.steps.import_range(&world.job, 0).await.unwrap();
    world.steps.commit_import(&world.job).await.unwrap();
    assert_eq!(world.steps.plan_import(&world.job).await.unwrap(), 0);
    assert_eq!(world.outcome().await, done);
}

#[tokio::test]
async fn a_replaced_file_is_not_mixed_with_what_it_was() {
    let (world, count) = planned(&items(0, 500)).await;
    for range in 0..count - 1 {
        world.steps.import_range(&world.job, range).await.unwrap();
    }
    world.put("in/a.csv", &items(1_000, 1_500)).await;
    let failure = world.steps.import_range(&world.job, count - 1).await;
    assert_eq!(
        failure.unwrap_err().to_string(),
        "s3://films/in/a.csv was replaced during the import. Import again once the file is no longer written to."
    );
    // Planned again, the outcomes of what it was do not count.
    let count = world.steps.plan_import(&world.job).await.unwrap();
    let failure = chain(&world.steps.commit_import(&world.job).await.unwrap_err());
    assert!(failure.contains("range 0 of"), "{failure}");
    for range in 0..count {
        world.steps.import_range(&world.job, range).await.unwrap();
    }
    world.steps.commit_import(&world.job).await.unwrap();
    let other = items(1_000, 1_500);
    let whole = World::new(DatasetType::Items, &[("in/a.csv", other.as_bytes())], 0).await.import().await;
    assert_eq!(world.outcome().await, whole);
}

#[tokio::test]
async fn a_file_that_vanished_is_missed_in_the_same_words() {
    let (world, _) = planned(&items(0, 500)).await;
    world.steps.objects.delete(&world.steps.objects.at("in/a.csv")).await.unwrap();
    let failure = world.steps.import_range(&world.job, 1).await;
    let gone = world.end(failure).await;
    let world = World::new(DatasetType::Items, &[], 0).await;
    let whole = world.with_job("other", "s3://films/in/a.csv", ImportMode::Full, 0).await.import().await;
    assert_eq!(gone, whole);
}

#[tokio::test]
async fn a_job_that_is_to_stop_stops_at_the_next_stage() {
    let (world, count) = planned(&items(0, 500)).await;
    let stop = |job: &mut DatasetImportJob| job.lifecycle.advance(Status::CreateStopping, EpochMillis(2));
    world.steps.resources.update(&world.job, stop).await.unwrap();
    assert_eq!(world.steps.plan_import(&world.job).await.unwrap(), 0);
    for range in 0..count {
        world.steps.import_range(&world.job, range).await.unwrap();
    }
    assert_eq!(world.objects("_osusume/").await.len(), 1, "the plan alone");
    world.steps.commit_import(&world.job).await.unwrap();
    let outcome = world.outcome().await;
    assert_eq!((outcome.status, outcome.dataset_rows), (Status::CreateStopped, None));
}
