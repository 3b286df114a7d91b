//! The data directory: one process at a time, and what it outlives.

use std::fs;
use std::path::Path;

use domain::resource::DatasetGroup;
use domain::{Arn, EpochMillis, Lifecycle, ResourceKind, Scope, Slot};
use embedded::{Embedded, LockError};
use futures::stream;
use store::{ListKey, ListRow, Lists, Objects, Resources, Shelf, StoredList, tables};
use tempfile::TempDir;

fn arn(kind: ResourceKind, tail: &str) -> Arn {
    Scope { region: "us-east-1".into(), account: "000000000000".into() }.arn(kind, tail)
}

fn resources(embedded: &Embedded) -> Resources {
    Resources::new(embedded.dynamodb.client(), tables::RESOURCES.name(tables::PREFIX_DEFAULT))
}

fn lists(embedded: &Embedded) -> Lists {
    Lists::new(embedded.dynamodb.client(), tables::RECOMMENDATIONS.name(tables::PREFIX_DEFAULT))
}

/// Writes one thing of each kind.
async fn fill(embedded: &Embedded) {
    let group = DatasetGroup {
        arn: arn(ResourceKind::DatasetGroup, "films"),
        name: "films".into(),
        role_arn: None,
        kms_key_arn: None,
        domain: None,
        lifecycle: Lifecycle::active(EpochMillis(1)),
    };
    resources(embedded).create(&group.into()).await.expect("a free name");
    let list = StoredList { items: vec!["a".into()], scores: vec![] };
    let row = ListRow::new(ListKey::User("1"), &list).expect("a valid list");
    let campaign = arn(ResourceKind::Campaign, "films");
    let (shelf, version) =
        (Shelf::new(&campaign, Slot::A), arn(ResourceKind::SolutionVersion, "films/00000001"));
    lists(embedded).publish(shelf, &version, stream::iter([row]), |_| {}).await.expect("a publish");
    let objects = Objects::new(embedded.s3.client(), "films");
    objects.create_bucket_if_missing().await.expect("a bucket");
    objects.put(&objects.at("in/ratings.csv"), "1,2,3").await.expect("a put");
}

async fn assert_filled(embedded: &Embedded) {
    let group = resources(embedded).get(&arn(ResourceKind::DatasetGroup, "films")).await.expect("a read");
    assert!(group.is_some_and(|g| g.revision == 1));
    let campaign = arn(ResourceKind::Campaign, "films");
    let (shelf, version) =
        (Shelf::new(&campaign, Slot::A), arn(ResourceKind::SolutionVersion, "films/00000001"));
    let list = lists(embedded).get(shelf, &version, &ListKey::User("1")).await.expect("a read");
    assert_eq!(list.list().map(|l| l.items), Some(vec!["a".to_owned()]));
    let objects = Objects::new(embedded.s3.client(), "films");
    let content = objects.get(&objects.at("in/ratings.csv")).await.expect("a get");
    assert_eq!(content, "1,2,3");
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let directory = TempDir::new().expect("a directory");
    let first = Embedded::open(directory.path()).await.expect("a free directory");
    fill(&first).await;
    drop(first);
    let second = Embedded::open(directory.path()).await.expect("a free directory");
    assert_filled(&second).await;
}

/// A copy of the files of a running process is what a killed one leaves behind.
#[tokio::test]
async fn everything_acknowledged_is_there_after_a_kill() {
    let directory = TempDir::new().expect("a directory");
    let running = Embedded::open(directory.path()).await.expect("a free directory");
    fill(&running).await;
    let left = TempDir::new().expect("a directory");
    copy(directory.path(), left.path());
    let after = Embedded::open(left.path()).await.expect("a free directory");
    assert_filled(&after).await;
    drop(running);
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            fs::create_dir(&target).expect("a new directory");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

#[tokio::test]
async fn a_directory_that_is_in_use_is_named() {
    let directory = TempDir::new().expect("a directory");
    let first = Embedded::open(directory.path()).await.expect("a free directory");
    let clone = first.clone();
    drop(first);
    let second = Embedded::open(directory.path()).await.expect_err("a directory in use");
    assert!(matches!(&second, embedded::OpenError::Lock(LockError::InUse { .. })), "{second:?}");
    assert!(second.to_string().contains(&directory.path().display().to_string()), "{second}");
    drop(clone);
    Embedded::open(directory.path()).await.expect("a directory that was given back");
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("file");
    fs::write(&file, "in the way").expect("a file");
    let error = Embedded::open(&file.join("data")).await.expect_err("a file in the way");
    assert!(error.to_string().contains("file/data"), "{error}");
}
