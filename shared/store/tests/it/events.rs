//! The live layer: events, ties, items and users.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::event::{Event, Record};
use domain::limits::ANONYMOUS_DAYS;
use domain::resource::DatasetType;
use domain::{Arn, EpochMillis, ResourceKind, Scope, Slot};
use embedded::Embedded;
use store::{Events, Found, ListKey, Lists, Refresh, Shelf, StoredList, Who, tables};

async fn events() -> (Embedded, Events) {
    let embedded = Embedded::in_memory().await.expect("empty services");
    let events = Events::new(embedded.dynamodb.client(), tables::EVENTS.name(tables::PREFIX_DEFAULT));
    (embedded, events)
}

fn arn(kind: ResourceKind, tail: &str) -> Arn {
    Scope { region: "us-east-1".into(), account: "000000000000".into() }.arn(kind, tail)
}

fn films() -> Arn {
    arn(ResourceKind::DatasetGroup, "films")
}

fn event(id: &str, second: i64) -> Event {
    Event {
        id: id.into(),
        event_type: "Watch".into(),
        item: Some(format!("item of {id}")),
        value: Some(0.1),
        sent_at: EpochMillis(second * 1000),
        received_us: second,
        session: "s".into(),
        columns: BTreeMap::from([("DEVICE".into(), "phone".into())]),
        impression: vec!["a".into()],
        recommendation: None,
        attribution: None,
    }
}

fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

#[tokio::test]
async fn an_event_is_kept_once_for_each_user_and_read_in_the_order_of_time() {
    let (_embedded, events) = events().await;
    let group = films();
    for (id, second, new) in [("b", 2, true), ("a", 1, true), ("a", 9, false), ("c", 2, true)] {
        assert_eq!(events.put(&group, Who::User("7"), &event(id, second)).await.unwrap(), new, "{id}");
    }
    // The same id of somebody else, and of another group's user, is another event; a session that is sent
    // as the user is nobody else.
    assert!(events.put(&group, Who::User("77"), &event("a", 1)).await.unwrap());
    assert!(!events.put(&group, Who::Session("7"), &event("a", 1)).await.unwrap());
    let books = arn(ResourceKind::DatasetGroup, "books");
    assert!(events.put(&books, Who::User("7"), &event("a", 1)).await.unwrap());

    let found = events.of(&group, "7").await.unwrap();
    assert_eq!(ids(&found), ["a", "b", "c"]);
    assert_eq!(found[0], event("a", 1), "what was there first stays");
    let all = events.all(&group).await.unwrap();
    let all: Vec<_> = all.iter().map(|told| (told.event.id.as_str(), told.user.as_str())).collect();
    assert_eq!(all, [("a", "7"), ("a", "77"), ("b", "7"), ("c", "7")]);

    events.delete(&group, DatasetType::Interactions).await.unwrap();
    assert_eq!(events.all(&group).await.unwrap(), []);
    assert_eq!(events.all(&books).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_session_hands_its_events_over_to_its_user() {
    let (_embedded, events) = events().await;
    let group = films();
    events.put(&group, Who::Session("tab"), &event("a", 1)).await.unwrap();
    events.put(&group, Who::Session("tab"), &event("b", 2)).await.unwrap();
    assert_eq!(events.user_of(&group, "tab").await.unwrap(), None);
    assert!(events.all(&group).await.unwrap().iter().all(|told| told.anonymous && told.user == "tab"));

    // Twice, as after a process that was killed in between.
    for _ in 0..2 {
        events.tie(&group, "tab", "7").await.unwrap();
        assert_eq!(events.user_of(&group, "tab").await.unwrap().as_deref(), Some("7"));
        assert_eq!(ids(&events.of(&group, "7").await.unwrap()), ["a", "b"]);
        assert_eq!(events.of(&group, "tab").await.unwrap(), []);
    }
    // What a writer that had not seen the tie leaves behind counts for the user, once.
    events.put(&group, Who::Session("tab"), &event("b", 2)).await.unwrap();
    events.put(&group, Who::Session("tab"), &event("c", 3)).await.unwrap();
    let all = events.all(&group).await.unwrap();
    assert!(all.iter().all(|told| !told.anonymous && told.user == "7"));
    assert_eq!(all.iter().map(|told| told.event.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
}

static NOW: AtomicI64 = AtomicI64::new(1_700_000_000_000);

#[tokio::test]
async fn only_what_belongs_to_a_session_expires() {
    let (_embedded, events) = events().await;
    let events = events.with_clock(|| EpochMillis(NOW.load(Ordering::SeqCst)));
    let group = films();
    events.put(&group, Who::Session("tab"), &event("a", 1)).await.unwrap();
    events.put(&group, Who::User("7"), &event("b", 1)).await.unwrap();
    events.tie(&group, "other", "7").await.unwrap();
    assert_eq!(events.all(&group).await.unwrap().len(), 2);
    NOW.fetch_add((ANONYMOUS_DAYS * 86_400 + 1) * 1000, Ordering::SeqCst);
    assert_eq!(events.of(&group, "tab").await.unwrap(), []);
    assert_eq!(events.user_of(&group, "other").await.unwrap(), None);
    let all = events.all(&group).await.unwrap();
    assert_eq!(all.iter().map(|told| told.user.as_str()).collect::<Vec<_>>(), ["7"]);
}

#[tokio::test]
async fn the_later_row_of_an_id_replaces_the_earlier() {
    let (_embedded, events) = events().await;
    let group = films();
    let record = |id: &str, genre: &str| Record {
        id: id.into(),
        columns: BTreeMap::from([("GENRE".to_owned(), genre.to_owned())]),
    };
    for (kind, id, genre) in [
        (DatasetType::Items, "2", "Drama"),
        (DatasetType::Items, "1", "War"),
        (DatasetType::Users, "1", "Japan"),
        (DatasetType::Items, "2", "Comedy"),
    ] {
        events.put_record(&group, kind, &record(id, genre)).await.unwrap();
    }
    let items = events.records(&group, DatasetType::Items).await.unwrap();
    assert_eq!(items, [record("1", "War"), record("2", "Comedy")]);
    events.delete(&group, DatasetType::Items).await.unwrap();
    assert_eq!(events.records(&group, DatasetType::Items).await.unwrap(), []);
    assert_eq!(events.records(&group, DatasetType::Users).await.unwrap(), [record("1", "Japan")]);
}

#[test]
fn an_id_is_derived_from_what_an_event_says() {
    let one = event("", 1);
    let again = Event { received_us: 99, session: "another".into(), ..one.clone() };
    assert_eq!(store::events::derived_id(&one), store::events::derived_id(&again));
    for other in [
        Event { item: Some("x".into()), ..one.clone() },
        Event { sent_at: EpochMillis(2_000), ..one.clone() },
        Event { value: None, ..one.clone() },
        Event { columns: BTreeMap::new(), ..one.clone() },
    ] {
        assert_ne!(store::events::derived_id(&one), store::events::derived_id(&other));
    }
}

#[tokio::test]
async fn a_list_that_follows_from_fewer_events_loses() {
    let embedded = Embedded::in_memory().await.expect("empty services");
    let lists = Lists::new(embedded.dynamodb.client(), tables::RECOMMENDATIONS.name(tables::PREFIX_DEFAULT));
    let campaign = arn(ResourceKind::Campaign, "films");
    let [one, two] =
        ["films/00000001", "films/00000002"].map(|tail| arn(ResourceKind::SolutionVersion, tail));
    let shelf = Shelf::new(&campaign, Slot::B);
    let list = |item: &str| StoredList { items: vec![item.to_owned()], scores: vec![] };
    for (version, item, events, written) in [
        (&one, "two", 2, true),
        (&one, "late", 1, false),
        (&one, "again", 2, true),
        (&one, "three", 3, true),
        // Another version's list counts as absent.
        (&two, "new", 1, true),
    ] {
        let list = list(item);
        let key = ListKey::User("7");
        let refresh = Refresh { version, key, list: &list, events, expires: None };
        assert_eq!(lists.refresh(shelf, refresh).await.unwrap(), written, "{item}");
        if written {
            assert_eq!(lists.get_latest(shelf, version, &key).await.unwrap(), Found::List(list));
        }
    }
}
