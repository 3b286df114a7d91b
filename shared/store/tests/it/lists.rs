//! Recommendation lists.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Arn, ResourceKind, Scope, Slot};
use embedded::Embedded;
use futures::stream;
use store::{Found, ListKey, ListRow, Lists, Published, Shelf, StoreError, StoredList, tables};

use crate::throttle::{Fault, throttle};

fn table() -> String {
    tables::RECOMMENDATIONS.name(tables::PREFIX_DEFAULT)
}

async fn lists() -> (Embedded, Lists) {
    let embedded = Embedded::in_memory().await.expect("empty services");
    let lists = Lists::new(embedded.dynamodb.client(), table());
    (embedded, lists)
}

fn arn(kind: ResourceKind, tail: &str) -> Arn {
    Scope { region: "us-east-1".into(), account: "000000000000".into() }.arn(kind, tail)
}

fn version(tail: &str) -> Arn {
    arn(ResourceKind::SolutionVersion, tail)
}

fn films() -> Arn {
    arn(ResourceKind::Campaign, "films")
}

fn list(first: &str) -> StoredList {
    StoredList { items: vec![first.to_owned(), "b".into(), "c".into()], scores: vec![0.5, 0.25, 0.125] }
}

fn rows(users: usize) -> Vec<ListRow> {
    let row = |u: usize| ListRow::new(ListKey::User(&u.to_string()), &list(&format!("of-{u}")));
    (0..users).map(|u| row(u).expect("a valid list")).collect()
}

#[tokio::test]
async fn each_key_has_its_own_list() {
    let (_embedded, lists) = lists().await;
    let (films, books) = (films(), arn(ResourceKind::Campaign, "books"));
    let version = version("films/00000001");
    let keys = [ListKey::User("7"), ListKey::Item("7"), ListKey::Cold, ListKey::User("-")];
    let shelves = [&films, &books].into_iter().flat_map(|of| Slot::ALL.map(|slot| Shelf::new(of, slot)));
    let shelves: Vec<Shelf> = shelves.collect();
    let named = |shelf: usize, i: usize| list(&format!("list {i} of {shelf}"));
    // The last shelf stays empty.
    for (s, shelf) in shelves[..3].iter().enumerate() {
        let rows = keys.iter().enumerate();
        let rows = rows.map(|(i, key)| ListRow::new(*key, &named(s, i)).expect("a valid list"));
        let written = lists.publish(*shelf, &version, stream::iter(rows.collect::<Vec<_>>()), |_| {}).await;
        assert_eq!(written.expect("a publish").written, 4);
    }
    for (s, shelf) in shelves.iter().enumerate() {
        for (i, key) in keys.iter().enumerate() {
            let found = lists.get(*shelf, &version, key).await.expect("a read");
            if s == 3 {
                assert_eq!(found, Found::Nothing, "{key}");
                continue;
            }
            let found = found.list().expect("a list");
            assert_eq!(found.items, named(s, i).items, "{key}");
            for (kept, given) in found.scores.iter().zip(named(s, i).scores) {
                assert!((kept / given - 1.0).abs() < 1.1e-3, "{kept} {given}");
            }
        }
        assert_eq!(lists.get(*shelf, &version, &ListKey::User("8")).await.expect("a read"), Found::Nothing);
    }
}

#[tokio::test]
async fn a_row_is_found_for_the_version_that_wrote_it_last() {
    let (_embedded, lists) = lists().await;
    let (films, old, new) = (films(), version("films/00000001"), version("films/00000002"));
    let shelf = Shelf::new(&films, Slot::B);
    lists.publish(shelf, &old, stream::iter(rows(60)), |_| {}).await.expect("a publish");
    // The new version does not know the users from 40 on.
    lists.publish(shelf, &new, stream::iter(rows(40)), |_| {}).await.expect("a publish");
    for user in 0..60 {
        let key = user.to_string();
        let mut each = Vec::new();
        for version in [&old, &new] {
            let cheap = lists.get(shelf, version, &ListKey::User(&key)).await.expect("a read");
            let latest = lists.get_latest(shelf, version, &ListKey::User(&key)).await.expect("a read");
            assert_eq!(cheap, latest);
            each.push(cheap);
        }
        let (left, right) = if user < 40 { (1, 0) } else { (0, 1) };
        assert!(matches!(each[left], Found::List(_)), "user {user}: {each:?}");
        assert_eq!(each[right], Found::OtherVersion, "user {user}");
    }
}

#[tokio::test]
async fn deleting_a_slot_leaves_the_other_and_takes_rows_of_every_version() {
    let (_embedded, lists) = lists().await;
    let (films, old, new) = (films(), version("films/00000001"), version("films/00000002"));
    let [a, b] = Slot::ALL.map(|slot| Shelf::new(&films, slot));
    lists.publish(a, &old, stream::iter(rows(60)), |_| {}).await.expect("a publish");
    lists.publish(a, &new, stream::iter(rows(30)), |_| {}).await.expect("a publish");
    lists.publish(b, &new, stream::iter(rows(60)), |_| {}).await.expect("a publish");
    assert_eq!(lists.delete(a).await.expect("a delete"), 60);
    for version in [&old, &new] {
        let found = lists.get(a, version, &ListKey::User("1")).await.expect("a read");
        assert_eq!(found, Found::Nothing);
    }
    let found = lists.get(b, &new, &ListKey::User("1")).await.expect("a read");
    assert!(matches!(found, Found::List(_)), "{found:?}");
    assert_eq!(lists.delete(a).await.expect("a delete"), 0);
}

#[tokio::test]
async fn publishing_again_replaces_and_counts_on() {
    let (_embedded, lists) = lists().await;
    let (films, version) = (films(), version("films/00000001"));
    let shelf = Shelf::new(&films, Slot::A);
    lists.publish(shelf, &version, stream::iter(rows(30)), |_| {}).await.expect("a publish");
    let mut told = Vec::new();
    let changed =
        (0..130).map(|u| ListRow::new(ListKey::User(&u.to_string()), &list("new")).expect("a list"));
    let changed: Vec<ListRow> = changed.collect();
    let written = lists.publish(shelf, &version, stream::iter(changed), |n| told.push(n)).await;
    assert_eq!(written.expect("a publish").written, 130);
    assert_eq!(told.last(), Some(&130));
    assert!(told.is_sorted() && told.len() == 6, "{told:?}");
    for user in ["0", "29", "129"] {
        let found =
            lists.get(shelf, &version, &ListKey::User(user)).await.expect("a read").list().expect("a list");
        assert_eq!(found.items[0], "new");
    }
}

#[tokio::test]
async fn a_key_that_comes_twice_is_written() {
    let (_embedded, lists) = lists().await;
    let (films, version) = (films(), version("films/00000001"));
    let shelf = Shelf::new(&films, Slot::A);
    let twice = [rows(3), rows(3)].concat();
    lists.publish(shelf, &version, stream::iter(twice), |_| {}).await.expect("a publish");
    assert!(lists.get(shelf, &version, &ListKey::User("2")).await.expect("a read").list().is_some());
}

#[tokio::test]
async fn rows_that_another_program_wrote_are_an_error_that_names_them() {
    let (embedded, lists) = lists().await;
    let (films, version) = (films(), version("films/0a1b2c3d"));
    let shelf = Shelf::new(&films, Slot::A);
    // The key of user 1 in slot A and the version's stamp; `store` pins both in tests of its own.
    let stamp = AttributeValue::B(Blob::new([0x7f, 0xa4, 0x71, 0x36, 0x63, 0xf9]));
    for (stamp, what) in [(None, "'s'"), (Some(AttributeValue::S("x".into())), "'s'"), (Some(stamp), "'l'")] {
        let row = embedded.dynamodb.client().put_item().table_name(table());
        let row = row.item("v", AttributeValue::S("mqjgabLTup".into()));
        let row = row.item("k", AttributeValue::S("1".into())).item("l", AttributeValue::S("none".into()));
        let row = stamp.into_iter().fold(row, |row, stamp| row.item("s", stamp));
        row.send().await.expect("a put");
        let error = lists.get(shelf, &version, &ListKey::User("1")).await.expect_err("a foreign row");
        assert!(matches!(&error, StoreError::Corrupt { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("user '1'") && text.contains("slot A") && text.contains(what), "{text}");
    }
}

/// A hundred recommendations with ids of eight characters and scores, each user's own.
fn hundred(user: usize) -> StoredList {
    let steepness = 0.02 + (user % 50) as f32 * 0.002;
    StoredList {
        items: (0..100).map(|i| format!("{:08}", (i + user) * 7_919 % 100_000_000)).collect(),
        scores: (0..100).map(|i| 0.04 * (-(i as f32) * steepness).exp()).collect(),
    }
}

fn hundreds(users: usize) -> Vec<ListRow> {
    let row = |u: usize| ListRow::new(ListKey::User(&format!("user-{u:07}")), &hundred(u));
    (0..users).map(|u| row(u).expect("a valid list")).collect()
}

#[tokio::test]
async fn a_hundred_recommendations_cost_one_write_unit() {
    let (_embedded, lists) = lists().await;
    let rows = hundreds(260);
    assert_eq!(rows.iter().map(ListRow::write_units).sum::<u64>(), 260);
    let (films, version) = (films(), version("films/00000001"));
    let shelf = Shelf::new(&films, Slot::A);
    // Once into the empty table, and once over what is there.
    for _ in 0..2 {
        let published = lists.publish(shelf, &version, stream::iter(rows.clone()), |_| {}).await;
        assert_eq!(published.expect("a publish"), Published { written: 260, write_units: 260.0 });
    }
}

#[tokio::test]
async fn the_fewest_units_of_a_row_are_what_dynamodb_charges() {
    let (_embedded, lists) = lists().await;
    let long = StoredList { items: (0..500).map(|i| format!("{i:08}")).collect(), scores: vec![] };
    for (key, list) in
        [(ListKey::Cold, &long), (ListKey::User("1"), &hundred(1)), (ListKey::Item("i"), &long)]
    {
        let row = ListRow::new(key, list).expect("a valid list");
        let published = lists
            .publish(
                Shelf::new(&films(), Slot::A),
                &version("films/00000001"),
                stream::iter([row.clone()]),
                |_| {},
            )
            .await;
        assert_eq!(published.expect("a publish").write_units, row.write_units() as f64, "{key}");
    }
}

#[tokio::test]
async fn a_throttled_publish_costs_no_more_than_a_quiet_one() {
    const LISTS: usize = 1_000;
    let (_embedded, lists) = throttled(Fault::PartTaken, 60).await;
    let (films, version) = (films(), version("films/00000001"));
    let shelf = Shelf::new(&films, Slot::A);
    let published =
        lists.publish(shelf, &version, stream::iter(hundreds(LISTS)), |_| {}).await.expect("a publish");
    assert_eq!(published.written, LISTS as u64);
    let ratio = published.write_units / LISTS as f64;
    assert!((1.0..=1.05).contains(&ratio), "{ratio} write units for each list");
    for user in (0..LISTS).step_by(97) {
        let key = format!("user-{user:07}");
        let found =
            lists.get(shelf, &version, &ListKey::User(&key)).await.expect("a read").list().expect("a list");
        assert_eq!(found.items, hundred(user).items);
    }
}

#[tokio::test]
async fn a_batch_that_is_refused_for_want_of_throughput_is_sent_again() {
    let (_embedded, lists) = throttled(Fault::NothingTaken, 20).await;
    let (films, version) = (films(), version("films/00000001"));
    let shelf = Shelf::new(&films, Slot::A);
    let published = lists.publish(shelf, &version, stream::iter(hundreds(260)), |_| {}).await;
    assert_eq!(published.expect("a publish"), Published { written: 260, write_units: 260.0 });

    let (_embedded, lists) = throttled(Fault::NothingTaken, usize::MAX).await;
    let error = lists.with_attempts(2).publish(shelf, &version, stream::iter(rows(3)), |_| {}).await;
    assert!(matches!(error, Err(StoreError::Unprocessed { rows: 3, attempts: 2, .. })), "{error:?}");
}

#[tokio::test]
async fn what_dynamodb_leaves_unprocessed_is_sent_again() {
    let (_embedded, lists) = throttled(Fault::PartTaken, 40).await;
    let (films, version) = (films(), version("films/00000001"));
    let shelf = Shelf::new(&films, Slot::A);
    let written = lists.publish(shelf, &version, stream::iter(rows(260)), |_| {}).await;
    assert_eq!(written.expect("a publish").written, 260);
    for user in 0..260 {
        let found = lists.get(shelf, &version, &ListKey::User(&user.to_string())).await.expect("a read");
        assert_eq!(found.list().expect("a list").items[0], format!("of-{user}"));
    }
}

#[tokio::test]
async fn a_table_that_never_takes_the_rows_is_an_error() {
    let (_embedded, lists) = throttled(Fault::PartTaken, usize::MAX).await;
    let lists = lists.with_attempts(3);
    let error = lists
        .publish(Shelf::new(&films(), Slot::A), &version("films/00000001"), stream::iter(rows(1)), |_| {})
        .await;
    assert!(matches!(error, Err(StoreError::Unprocessed { rows: 1, attempts: 3, .. })), "{error:?}");
}

async fn throttled(fault: Fault, batches: usize) -> (Embedded, Lists) {
    let embedded = Embedded::in_memory().await.expect("empty services");
    let client = embedded.dynamodb.client_through(|inner| throttle(inner, fault, table(), batches));
    (embedded, Lists::new(client, table()))
}
