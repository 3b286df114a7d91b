//! The events API over the embedded tables, with a refresher that writes down what it is asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use domain::resource::{Dataset, DatasetType, EventTracker, Schema};
use domain::{Arn, EpochMillis, Lifecycle, ResourceKind, Scope, Status};
use embedded::Embedded;
use events::{BoxError, BoxFuture, Events, Refresh};
use serde_json::{Value, json};
use store::{Resources, Who, tables};

const TRACKING: &str = "0a1b2c3d-0000-4000-8000-000000000000";

/// Remembers whose lists it was asked for, with the ids of the events that were kept by then.
struct Recorder {
    store: store::Events,
    seen: Mutex<Vec<String>>,
    refuse: AtomicBool,
}

impl Refresh for Recorder {
    fn refresh<'a>(&'a self, group: &'a Arn, who: Who<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let events = self.store.of(group, who.id()).await?;
            let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
            let kind = if matches!(who, Who::Session(_)) { "session" } else { "user" };
            self.seen.lock().unwrap().push(format!("{kind} {}: {}", who.id(), ids.join(" ")));
            if self.refuse.load(Ordering::SeqCst) { Err("no model today".into()) } else { Ok(()) }
        })
    }
}

struct App {
    events: Events,
    resources: Resources,
    store: store::Events,
    recorder: Arc<Recorder>,
    _embedded: Embedded,
}

fn scope() -> Scope {
    Scope { region: "us-east-1".into(), account: "000000000000".into() }
}

fn group() -> Arn {
    scope().arn(ResourceKind::DatasetGroup, "films")
}

impl App {
    async fn start() -> Self {
        let embedded = Embedded::in_memory().await.unwrap();
        let name = |table: tables::Table| table.name(tables::PREFIX_DEFAULT);
        let resources = Resources::new(embedded.dynamodb.client(), name(tables::RESOURCES));
        let store = store::Events::new(embedded.dynamodb.client(), name(tables::EVENTS));
        let recorder = Arc::new(Recorder {
            store: store.clone(),
            seen: Mutex::default(),
            refuse: AtomicBool::new(false),
        });
        let events = Events::new(resources.clone(), store.clone(), scope(), recorder.clone());
        let app = Self { events, resources, store, recorder, _embedded: embedded };
        let life = Lifecycle::active(EpochMillis(0));
        let tracker = EventTracker {
            arn: scope().arn(ResourceKind::EventTracker, "0a1b2c3d"),
            name: "films".into(),
            dataset_group: group(),
            tracking_id: TRACKING.into(),
            lifecycle: life.clone(),
        };
        app.resources.create(&tracker.into()).await.unwrap();
        let schemas = [
            (
                DatasetType::Interactions,
                "USER_ID",
                r#","type":"string"},{"name":"ITEM_ID","type":"string"},
                {"name":"TIMESTAMP","type":"long"},{"name":"EVENT_VALUE","type":"float"},{"name":"DEVICE","type":"string"}]}"#,
            ),
            (
                DatasetType::Items,
                "ITEM_ID",
                r#","type":"string"},{"name":"GENRE","type":["null","string"]}]}"#,
            ),
        ];
        for (kind, first, rest) in schemas {
            let record = if kind == DatasetType::Items { "Items" } else { "Interactions" };
            let schema = Schema {
                arn: scope().arn(ResourceKind::Schema, record),
                name: record.into(),
                schema: format!(r#"{{"type":"record","name":"{record}","fields":[{{"name":"{first}"{rest}"#),
                domain: None,
                created: EpochMillis(0),
            };
            let dataset = Dataset {
                arn: scope().arn(ResourceKind::Dataset, &format!("films/{}", kind.as_str())),
                name: record.into(),
                dataset_group: group(),
                dataset_type: kind,
                schema: schema.arn.clone(),
                active: None,
                tracking_id: None,
                latest_update: None,
                lifecycle: life.clone(),
            };
            app.resources.create(&schema.into()).await.unwrap();
            app.resources.create(&dataset.into()).await.unwrap();
        }
        app
    }

    async fn call(&self, path: &str, request: Value) -> (u16, String) {
        let reply = events::handle(&self.events, path, request.to_string().as_bytes()).await;
        (reply.status, String::from_utf8(reply.body).unwrap())
    }

    async fn put(&self, user: Option<&str>, session: &str, ids: &[&str]) {
        let events: Vec<Value> = ids
            .iter()
            .map(|id| {
                json!({ "eventId": id, "eventType": "Watch", "itemId": "1", "sentAt": 1_700_000_000,
                    "properties": { "device": "phone" } })
            })
            .collect();
        let mut request = json!({ "trackingId": TRACKING, "sessionId": session, "eventList": events });
        if let Some(user) = user {
            request["userId"] = user.into();
        }
        assert_eq!(self.call("/events", request).await, (200, String::new()));
    }

    /// What was asked for since this was asked last.
    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.recorder.seen.lock().unwrap())
    }
}

#[tokio::test]
async fn lists_are_asked_for_once_the_events_of_a_call_are_kept() {
    let app = App::start().await;
    app.put(Some("7"), "s", &["b", "a"]).await;
    // In the order of the call, since both happened in the same second.
    assert_eq!(app.seen(), ["user 7: b a"]);
    assert_eq!(app.events.take_taken(), 2);
    // A repeated call counts nothing, and asks again: the first may have been cut off before.
    app.put(Some("7"), "s", &["b", "a"]).await;
    assert_eq!((app.seen(), app.events.take_taken()), (vec!["user 7: b a".to_owned()], 0));
    // What is no interaction moves no list.
    let search = json!({ "eventType": "Search", "sentAt": 1_700_000_000, "eventId": "c",
        "properties": { "device": "phone" } });
    let request = json!({ "trackingId": TRACKING, "sessionId": "s", "userId": "7", "eventList": [search] });
    assert_eq!(app.call("/events", request).await.0, 200);
    assert_eq!((app.seen(), app.events.take_taken()), (vec![], 1));
}

#[tokio::test]
async fn a_list_that_cannot_be_written_loses_no_event() {
    let app = App::start().await;
    app.recorder.refuse.store(true, Ordering::SeqCst);
    app.put(Some("7"), "s", &["a"]).await;
    assert_eq!((app.events.take_taken(), app.events.take_not_refreshed()), (1, 1));
    assert_eq!(app.store.of(&group(), "7").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_session_is_its_own_user_until_it_is_seen_with_one() {
    let app = App::start().await;
    app.put(None, "tab", &["a"]).await;
    app.put(Some("7"), "tab", &["b"]).await;
    app.put(None, "tab", &["c"]).await;
    assert_eq!(app.seen(), ["session tab: a", "user 7: a b", "user 7: a b c"]);
    // Somebody else sits down at the same session; what was handed over stays where it is.
    app.put(Some("8"), "tab", &["d"]).await;
    app.put(None, "tab", &["e"]).await;
    app.put(Some("7"), "tab", &["f"]).await;
    app.put(None, "tab", &["g"]).await;
    let seen = ["user 8: d", "user 8: d e", "user 7: a b c f", "user 7: a b c f g"];
    assert_eq!(app.seen(), seen);
    // Clients that know nobody may send the session as the user.
    app.put(Some("visit"), "visit", &["a"]).await;
    app.put(None, "visit", &["b"]).await;
    assert_eq!(app.seen(), ["user visit: a", "session visit: a b"]);
}

#[tokio::test]
async fn only_properties_are_held_to_what_the_schema_does_not_let_be_null() {
    let app = App::start().await;
    let request = |event: Value| json!({ "trackingId": TRACKING, "sessionId": "s", "eventList": [event] });
    let event = json!({ "eventType": "Watch", "itemId": "1", "sentAt": 1_700_000_000 });
    let (status, body) = app.call("/events", request(event.clone())).await;
    assert!(status == 400 && body.contains("eventList[0]") && body.contains("DEVICE"), "{body}");
    // EVENT_VALUE may not be null either.
    let mut event = event;
    event["properties"] = json!({ "device": "phone" });
    assert_eq!(app.call("/events", request(event)).await.0, 200);
}

#[tokio::test]
async fn who_is_not_known_is_refused() {
    let app = App::start().await;
    let event = json!({ "eventType": "Watch", "itemId": "1", "sentAt": 1, "eventValue": 1 });
    for tracking in ["0a1b2c3d-0000-4000-8000-000000000001", "0a1b2c3d", "x", "a/b-c"] {
        let request = json!({ "trackingId": tracking, "sessionId": "s", "eventList": [event] });
        let (status, body) = app.call("/events", request).await;
        assert_eq!(status, 400, "{tracking}");
        assert!(body.contains("trackingId"), "{body}");
    }
    let request = json!({ "trackingId": TRACKING, "sessionId": "s", "eventList": [event] });
    let gone = scope().arn(ResourceKind::EventTracker, "0a1b2c3d");
    let going = |tracker: &mut EventTracker| {
        tracker.lifecycle.status = Status::DeletePending;
        Ok::<_, std::convert::Infallible>(())
    };
    app.resources.update(&gone, going).await.unwrap();
    let (status, body) = app.call("/events", request).await;
    assert_eq!(status, 400);
    assert!(body.contains("DELETE PENDING"), "{body}");
    assert_eq!(app.call("/nothing", json!({})).await.0, 404);
}

#[tokio::test]
async fn the_last_row_of_an_item_counts_and_what_it_leaves_out_is_null() {
    let app = App::start().await;
    let items = scope().arn(ResourceKind::Dataset, "films/ITEMS");
    let put = |items: Value| json!({ "datasetArn": scope().arn(ResourceKind::Dataset, "films/ITEMS"), "items": items });
    let drama = json!({ "itemId": "1", "properties": "{\"genre\": \"Drama\"}" });
    let war = json!({ "itemId": "1", "properties": { "genre": "War" } });
    assert_eq!(app.call("/items", put(json!([drama, war, { "itemId": "2" }]))).await.0, 200);
    let records = app.store.records(&group(), DatasetType::Items).await.unwrap();
    let genres: Vec<_> = records.iter().map(|r| (r.id.as_str(), r.columns.get("GENRE").cloned())).collect();
    assert_eq!(genres, [("1", Some("War".to_owned())), ("2", None)]);
    assert_eq!(app.call("/items", put(json!([{ "itemId": "1" }]))).await.0, 200);
    let records = app.store.records(&group(), DatasetType::Items).await.unwrap();
    assert!(records[0].columns.is_empty());
    let users = json!({ "datasetArn": items, "users": [{ "userId": "1" }] });
    let (status, body) = app.call("/users", users).await;
    assert!(status == 400 && body.contains("USERS"), "{body}");
}
