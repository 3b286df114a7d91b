//! Recommendation lists.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use domain::{Arn, ResourceKind, Scope};
use embedded::Embedded;
use futures::stream;
use serde_json::{Value, json};
use store::{ListKey, ListRow, Lists, StoreError, StoredList, tables};

fn table() -> String {
    tables::RECOMMENDATIONS.name(tables::PREFIX_DEFAULT)
}

async fn lists() -> (Embedded, Lists) {
    let embedded = Embedded::in_memory().await.expect("empty services");
    let lists = Lists::new(embedded.dynamodb.client(), table());
    (embedded, lists)
}

fn version(tail: &str) -> Arn {
    let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
    scope.arn(ResourceKind::SolutionVersion, tail)
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
    let (one, two) = (version("films/00000001"), version("films/00000002"));
    let keys = [ListKey::User("7"), ListKey::Item("7"), ListKey::Cold, ListKey::User("-")];
    let named = |i: usize| list(&format!("list {i}"));
    let rows = keys.iter().enumerate().map(|(i, key)| ListRow::new(*key, &named(i)).expect("a valid list"));
    let written = lists.publish(&one, stream::iter(rows.collect::<Vec<_>>()), |_| {}).await;
    assert_eq!(written.expect("a publish"), 4);
    for (i, key) in keys.iter().enumerate() {
        let found = lists.get(&one, key).await.expect("a read").expect("a list");
        assert_eq!(found.items, named(i).items, "{key}");
        for (kept, given) in found.scores.iter().zip(named(i).scores) {
            assert!((kept / given - 1.0).abs() < 1.1e-3, "{kept} {given}");
        }
        assert_eq!(lists.get(&two, key).await.expect("a read"), None, "{key}");
    }
    assert_eq!(lists.get(&one, &ListKey::User("8")).await.expect("a read"), None);
}

#[tokio::test]
async fn deleting_a_version_leaves_the_others() {
    let (_embedded, lists) = lists().await;
    let (old, new) = (version("films/00000001"), version("films/00000002"));
    for version in [&old, &new] {
        lists.publish(version, stream::iter(rows(60)), |_| {}).await.expect("a publish");
    }
    assert_eq!(lists.delete_version(&old).await.expect("a delete"), 60);
    assert_eq!(lists.get(&old, &ListKey::User("1")).await.expect("a read"), None);
    assert!(lists.get(&new, &ListKey::User("1")).await.expect("a read").is_some());
    assert_eq!(lists.delete_version(&old).await.expect("a delete"), 0);
}

#[tokio::test]
async fn publishing_again_replaces_and_counts_on() {
    let (_embedded, lists) = lists().await;
    let version = version("films/00000001");
    lists.publish(&version, stream::iter(rows(30)), |_| {}).await.expect("a publish");
    let mut told = Vec::new();
    let changed =
        (0..130).map(|u| ListRow::new(ListKey::User(&u.to_string()), &list("new")).expect("a list"));
    let changed: Vec<ListRow> = changed.collect();
    let written = lists.publish(&version, stream::iter(changed), |n| told.push(n)).await;
    assert_eq!(written.expect("a publish"), 130);
    assert_eq!(told.last(), Some(&130));
    assert!(told.is_sorted() && told.len() == 6, "{told:?}");
    for user in ["0", "29", "129"] {
        let found = lists.get(&version, &ListKey::User(user)).await.expect("a read").expect("a list");
        assert_eq!(found.items[0], "new");
    }
}

#[tokio::test]
async fn a_key_that_comes_twice_is_written() {
    let (_embedded, lists) = lists().await;
    let version = version("films/00000001");
    let twice = [rows(3), rows(3)].concat();
    lists.publish(&version, stream::iter(twice), |_| {}).await.expect("a publish");
    assert!(lists.get(&version, &ListKey::User("2")).await.expect("a read").is_some());
}

#[tokio::test]
async fn rows_that_another_program_wrote_are_an_error_that_names_them() {
    let (embedded, lists) = lists().await;
    let version = version("films/0a1b2c3d");
    // The key of user 1 in this version; `store` pins it in a test of its own.
    let row = embedded.dynamodb.client().put_item().table_name(table());
    let row =
        row.item("v", AttributeValue::S("f6RxNmP5N5cup".into())).item("k", AttributeValue::S("1".into()));
    row.item("l", AttributeValue::S("not a list".into())).send().await.expect("a put");
    let error = lists.get(&version, &ListKey::User("1")).await.expect_err("a foreign row");
    assert!(matches!(&error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains("user '1'"), "{error}");
}

/// Takes the last requests of the first batches out and reports them as unprocessed, which no
/// emulator does by itself.
#[derive(Debug)]
struct Throttle {
    inner: SharedHttpClient,
    batches_left: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct ThrottledConnector {
    inner: SharedHttpConnector,
    batches_left: Arc<AtomicUsize>,
}

impl HttpClient for Throttle {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(ThrottledConnector {
            inner: self.inner.http_connector(settings, components),
            batches_left: Arc::clone(&self.batches_left),
        })
    }
}

impl HttpConnector for ThrottledConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let is_batch = request.headers().get("x-amz-target").is_some_and(|t| t.ends_with("BatchWriteItem"));
        let take = |n: usize| n.checked_sub(1);
        if !is_batch || self.batches_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_err() {
            return self.inner.call(request);
        }
        let mut body: Value = serde_json::from_slice(request.body().bytes().expect("a body")).expect("JSON");
        let requests = body["RequestItems"][table()].as_array_mut().expect("a batch");
        let held_back = requests.split_off(requests.len() / 3);
        if requests.is_empty() {
            let answer = json!({"UnprocessedItems": {table(): held_back}}).to_string();
            let response = HttpResponse::new(200.try_into().expect("a status"), SdkBody::from(answer));
            return HttpConnectorFuture::ready(Ok(response));
        }
        let length = body.to_string().len().to_string();
        request.headers_mut().insert("content-length", length);
        *request.body_mut() = SdkBody::from(body.to_string());
        let sent = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            sent.await?;
            let answer = json!({"UnprocessedItems": {table(): held_back}}).to_string();
            Ok(HttpResponse::new(200.try_into().expect("a status"), SdkBody::from(answer)))
        })
    }
}

async fn throttled(batches: usize) -> (Embedded, Lists) {
    let embedded = Embedded::in_memory().await.expect("empty services");
    let batches_left = Arc::new(AtomicUsize::new(batches));
    let client =
        embedded.dynamodb.client_through(|inner| SharedHttpClient::new(Throttle { inner, batches_left }));
    (embedded, Lists::new(client, table()))
}

#[tokio::test]
async fn what_dynamodb_leaves_unprocessed_is_sent_again() {
    let (_embedded, lists) = throttled(40).await;
    let version = version("films/00000001");
    let written = lists.publish(&version, stream::iter(rows(260)), |_| {}).await;
    assert_eq!(written.expect("a publish"), 260);
    for user in 0..260 {
        let found = lists.get(&version, &ListKey::User(&user.to_string())).await.expect("a read");
        assert_eq!(found.expect("a list").items[0], format!("of-{user}"));
    }
}

#[tokio::test]
async fn a_table_that_never_takes_the_rows_is_an_error() {
    let (_embedded, lists) = throttled(usize::MAX).await;
    let lists = lists.with_attempts(3);
    let error = lists.publish(&version("films/00000001"), stream::iter(rows(1)), |_| {}).await;
    assert!(matches!(error, Err(StoreError::Unprocessed { rows: 1, attempts: 3, .. })), "{error:?}");
}
