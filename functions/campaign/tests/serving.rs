//! The runtime over the embedded tables: what is answered, and what each answer costs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError as SdkError;
use campaign::deployed::FRESH_FOR;
use campaign::{BoxFuture, Campaign, LiveScorer, Question, Shown};
use domain::hyperparameters::Hyperparameters;
use domain::resource::{self, AppliedFilter, Filter, SolutionVersion, TrainingMode, TrainingType};
use domain::{
    ApiError, Arn, EpochMillis, Lifecycle, ResourceKind, Scope, Slot, Slots, Status, Steering, TrainingData,
};
use embedded::Embedded;
use serde_json::{Value, json};
use store::{ListKey, ListRow, Lists, Resources, Shelf, StoredList, tables};

/// Counts the calls of a client.
#[derive(Clone, Debug, Default)]
struct Calls(Arc<AtomicU64>);

impl Calls {
    fn since(&self) -> u64 {
        self.0.swap(0, Ordering::SeqCst)
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), SdkError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Answers with items that no stored list holds, and remembers what it was asked.
#[derive(Default)]
struct Live(Mutex<Vec<String>>);

impl LiveScorer for Live {
    fn answer<'a>(
        &'a self,
        version: &'a Arn,
        question: Question<'a>,
    ) -> BoxFuture<'a, Result<StoredList, ApiError>> {
        Box::pin(async move {
            let key = match (question.user_id, question.item_id) {
                (Some(id), _) => ListKey::User(id),
                (None, Some(id)) => ListKey::Item(id),
                (None, None) => ListKey::Cold,
            };
            let k = question.num_results;
            let mut asked = format!("{} {key} {k}", version.tail());
            question.context.iter().for_each(|(name, value)| asked += &format!(" {name}={value}"));
            if let Some(AppliedFilter { expression, values, user, item, .. }) = question.filter {
                if values.contains_key("BAD") {
                    return Err(ApiError::invalid("BAD is no parameter"));
                }
                asked += &format!(" {expression} {values:?} {user:?} {item:?}");
            }
            self.0.lock().unwrap().push(asked);
            match question.input_list {
                // As a model that knows all but the first.
                Some([unknown, known @ ..]) => Ok(StoredList {
                    items: known.iter().rev().chain([unknown]).cloned().collect(),
                    scores: vec![1.0 / known.len() as f32; known.len()],
                }),
                _ => Ok(list("live", k)),
            }
        })
    }

    fn explain<'a>(
        &'a self,
        _: &'a Arn,
        _: &'a Steering,
        user: &'a str,
        items: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<String>>, ApiError>> {
        let reason = move |(place, item): (usize, &String)| (place > 0).then(|| format!("{item} for {user}"));
        Box::pin(async move { Ok(items.iter().enumerate().map(reason).collect()) })
    }

    fn describe<'a>(
        &'a self,
        group: &'a Arn,
        items: &'a [String],
        columns: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Shown>, ApiError>> {
        Box::pin(async move {
            self.0.lock().unwrap().push(format!("{} {items:?} {columns:?}", group.tail()));
            let value = |item: &str, name: &String| (name.clone(), format!("{name} of {item}"));
            let shown = |item: &String| columns.iter().map(|name| value(item, name)).collect();
            Ok(items.iter().map(shown).collect())
        })
    }
}

struct App {
    campaign: Campaign,
    resources: Resources,
    lists: Lists,
    live: Arc<Live>,
    calls: Calls,
    _embedded: Embedded,
}

fn scope() -> Scope {
    Scope { region: "us-east-1".into(), account: "000000000000".into() }
}

fn films() -> Arn {
    scope().arn(ResourceKind::Campaign, "films")
}

fn list(prefix: &str, items: usize) -> StoredList {
    StoredList {
        items: (0..items).map(|n| format!("{prefix}{n}")).collect(),
        scores: (0..items).map(|n| 0.5 / (n + 1) as f32).collect(),
    }
}

impl App {
    async fn start() -> Self {
        let embedded = Embedded::in_memory().await.unwrap();
        let calls = Calls::default();
        let counted = embedded.dynamodb.client().config().to_builder().interceptor(calls.clone()).build();
        let client = aws_sdk_dynamodb::Client::from_conf(counted);
        let name = |table: tables::Table| table.name(tables::PREFIX_DEFAULT);
        let resources = Resources::new(client.clone(), name(tables::RESOURCES));
        let lists = Lists::new(client, name(tables::RECOMMENDATIONS));
        let live = Arc::new(Live::default());
        let campaign = Campaign::new(resources.clone(), lists.clone(), live.clone());
        Self { campaign, resources, lists, live, calls, _embedded: embedded }
    }

    async fn version(&self, tail: &str, recipe: &str) -> Arn {
        let arn = scope().arn(ResourceKind::SolutionVersion, tail);
        let version = SolutionVersion {
            arn: arn.clone(),
            name: tail.into(),
            solution: arn.solution(),
            dataset_group: scope().arn(ResourceKind::DatasetGroup, "films"),
            recipe: Arn::service_owned(ResourceKind::Recipe, recipe),
            search: Default::default(),
            tuned: None,
            updates: None,
            event_type: None,
            config: None,
            hyperparameters: Hyperparameters::default(),
            training_mode: TrainingMode::Full,
            perform_incremental_update: false,
            training_type: TrainingType::Manual,
            data: TrainingData::default(),
            training_hours: None,
            model: None,
            attempts: 0,
            lifecycle: Lifecycle::active(EpochMillis(0)),
        };
        self.resources.create(&version.into()).await.unwrap();
        arn
    }

    /// Writes lists of a version over what the campaign has in a slot.
    async fn publish(&self, slot: Slot, version: &Arn, rows: &[(ListKey<'_>, StoredList)]) {
        let rows: Vec<ListRow> = rows.iter().map(|(key, list)| ListRow::new(*key, list).unwrap()).collect();
        let films = films();
        let shelf = Shelf::new(&films, slot);
        self.lists.publish(shelf, version, futures::stream::iter(rows), |_| ()).await.unwrap();
    }

    /// Moves the campaign's pointer, as the last write of a deployment does.
    async fn swap(&self, slot: Slot, version: &Arn) {
        self.change(&films(), |campaign| {
            campaign.solution_version = version.clone();
            campaign.slots.serving = slot;
            campaign.slots.hold(slot, Some(version.clone()));
        })
        .await;
    }

    async fn deploy(&self, version: &Arn) -> Arn {
        let arn = films();
        let campaign = resource::Campaign {
            arn: arn.clone(),
            name: "films".into(),
            solution_version: version.clone(),
            slots: Slots::default(),
            min_provisioned_tps: None,
            config: None,
            latest_update: None,
            attempts: 0,
            lifecycle: Lifecycle::active(EpochMillis(0)),
        };
        self.resources.create(&campaign.into()).await.unwrap();
        arn
    }

    async fn filter(&self, name: &str, group: &str) -> Arn {
        let arn = scope().arn(ResourceKind::Filter, name);
        let filter = Filter {
            arn: arn.clone(),
            name: name.into(),
            dataset_group: scope().arn(ResourceKind::DatasetGroup, group),
            expression: "EXCLUDE ItemID".into(),
            lifecycle: Lifecycle::active(EpochMillis(0)),
        };
        self.resources.create(&filter.into()).await.unwrap();
        arn
    }

    async fn change(&self, arn: &Arn, mut change: impl FnMut(&mut resource::Campaign)) {
        let change = |campaign: &mut resource::Campaign| {
            change(campaign);
            Ok::<_, std::convert::Infallible>(())
        };
        self.resources.update(arn, change).await.unwrap().unwrap();
    }

    async fn call(&self, path: &str, request: Value) -> (u16, Value) {
        let reply = campaign::handle(&self.campaign, path, request.to_string().as_bytes()).await;
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    /// The item ids of an answer that must succeed.
    async fn items(&self, request: Value) -> Vec<String> {
        let (status, body) = self.call("/recommendations", request.clone()).await;
        assert_eq!(status, 200, "{request}: {body}");
        let items = body["itemList"].as_array().unwrap();
        items.iter().map(|item| item["itemId"].as_str().unwrap().to_owned()).collect()
    }

    /// A campaign of aws-hrnn with a list for user 1 and one for strangers.
    async fn films(&self) -> (Arn, Arn) {
        let version = self.version("films/00000001", "aws-hrnn").await;
        let rows = [(ListKey::User("1"), list("own", 100)), (ListKey::Cold, list("cold", 100))];
        self.publish(Slot::A, &version, &rows).await;
        (self.deploy(&version).await, version)
    }
}

#[tokio::test]
async fn a_known_user_has_an_own_list_and_a_stranger_the_cold_one() {
    let app = App::start().await;
    let (arn, _) = app.films().await;
    let own = app.items(json!({ "campaignArn": arn, "userId": "1" })).await;
    assert_eq!(own, list("own", 25).items);
    let cold = app.items(json!({ "campaignArn": arn, "userId": "nobody", "numResults": 3 })).await;
    assert_eq!(cold, list("cold", 3).items);
    assert_eq!(
        app.items(json!({ "campaignArn": arn, "userId": "1", "numResults": 0 })).await,
        Vec::<String>::new()
    );
    // The id of an item does not change what a user gets.
    assert_eq!(app.items(json!({ "campaignArn": arn, "userId": "1", "itemId": "cold3" })).await, own);
}

#[tokio::test]
async fn an_answer_costs_one_read_once_the_campaign_is_known() {
    let app = App::start().await;
    let (arn, _) = app.films().await;
    // The clock stands still, so that no slow machine makes the campaign's pointer stale.
    tokio::time::pause();
    app.calls.since();
    app.items(json!({ "campaignArn": arn, "userId": "1" })).await;
    assert_eq!(app.calls.since(), 3, "the campaign, its version, the list");
    for _ in 0..5 {
        app.items(json!({ "campaignArn": arn, "userId": "1", "numResults": 100 })).await;
        assert_eq!(app.calls.since(), 1);
    }
    app.items(json!({ "campaignArn": arn, "userId": "nobody" })).await;
    assert_eq!(app.calls.since(), 2, "no own list, and the cold one for the first time");
    app.items(json!({ "campaignArn": arn, "userId": "another" })).await;
    assert_eq!(app.calls.since(), 1);
}

#[tokio::test]
async fn one_list_for_everybody_is_read_once() {
    let app = App::start().await;
    let version = app.version("top/00000001", "aws-popularity-count").await;
    app.publish(Slot::A, &version, &[(ListKey::Cold, list("top", 50))]).await;
    let arn = app.deploy(&version).await;
    tokio::time::pause();
    app.items(json!({ "campaignArn": arn, "userId": "1" })).await;
    app.calls.since();
    let (status, body) = app.call("/recommendations", json!({ "campaignArn": arn, "userId": "2" })).await;
    assert_eq!((status, app.calls.since()), (200, 0));
    assert_eq!(body["itemList"][0], json!({ "itemId": "top0" }), "this recipe has no scores");
}

#[tokio::test]
async fn related_items_go_by_the_item() {
    let app = App::start().await;
    let version = app.version("sims/00000001", "aws-sims").await;
    let rows = [(ListKey::Item("7"), list("near", 30)), (ListKey::Cold, list("top", 30))];
    app.publish(Slot::A, &version, &rows).await;
    let arn = app.deploy(&version).await;
    let near = app.items(json!({ "campaignArn": arn, "itemId": "7", "userId": "7", "numResults": 2 })).await;
    assert_eq!(near, ["near0", "near1"]);
    assert_eq!(app.items(json!({ "campaignArn": arn, "itemId": "8", "numResults": 1 })).await, ["top0"]);
    let (status, body) = app.call("/recommendations", json!({ "campaignArn": arn, "userId": "7" })).await;
    assert_eq!(status, 400);
    assert!(
        body["message"].as_str().unwrap().starts_with("Required fields for the provided recipe are itemId")
    );
}

#[tokio::test]
async fn context_is_answered_live_by_recipes_that_know_it() {
    let app = App::start().await;
    let version = app.version("meta/00000001", "aws-hrnn-metadata").await;
    let rows = [(ListKey::User("1"), list("own", 30)), (ListKey::Cold, list("cold", 30))];
    app.publish(Slot::A, &version, &rows).await;
    let arn = app.deploy(&version).await;
    let ask = |context: Value| app.items(json!({ "campaignArn": arn, "userId": "1", "context": context }));
    assert_eq!(ask(json!({})).await[0], "own0");
    assert!(app.live.0.lock().unwrap().is_empty());
    assert_eq!(ask(json!({ "DEVICE": "tv" })).await[0], "live0");
    assert_eq!(app.live.0.lock().unwrap().as_slice(), ["meta/00000001 user '1' 25 DEVICE=tv"]);
}

#[tokio::test]
async fn context_is_ignored_by_recipes_without_metadata() {
    let app = App::start().await;
    let (arn, version) = app.films().await;
    app.publish(Slot::A, &version, &[(ListKey::User("1"), list("own", 30))]).await;
    let request = json!({ "campaignArn": arn, "userId": "1", "context": { "DEVICE": "tv" } });
    assert_eq!(app.items(request).await[0], "own0");
}

#[tokio::test]
async fn a_given_list_is_put_in_order_and_what_is_unknown_comes_last() {
    let app = App::start().await;
    let version = app.version("rank/00000001", "aws-personalized-ranking").await;
    let arn = app.deploy(&version).await;
    let request = json!({ "campaignArn": arn, "userId": "1", "inputList": ["?", "a", "b"] });
    let (status, body) = app.call("/personalize-ranking", request).await;
    assert_eq!(status, 200, "{body}");
    let expected =
        json!([{ "itemId": "b", "score": 0.5 }, { "itemId": "a", "score": 0.5 }, { "itemId": "?" }]);
    assert_eq!(body["personalizedRanking"], expected);
    let (status, body) = app.call("/recommendations", json!({ "campaignArn": arn, "userId": "1" })).await;
    assert_eq!(status, 400);
    assert!(body["message"].as_str().unwrap().contains("GetPersonalizedRanking"), "{body}");
}

#[tokio::test]
async fn only_a_list_that_was_cut_short_is_scored_live() {
    let app = App::start().await;
    let (arn, version) = app.films().await;
    app.publish(Slot::A, &version, &[(ListKey::User("few"), list("few", 40))]).await;
    let long = |user: &str| json!({ "campaignArn": arn, "userId": user, "numResults": 300 });
    assert_eq!(app.items(long("1")).await, list("live", 300).items);
    assert_eq!(app.items(long("nobody")).await, list("live", 300).items);
    // The model had no more than these.
    assert_eq!(app.items(long("few")).await, list("few", 40).items);
    let asked = app.live.0.lock().unwrap().clone();
    assert_eq!(asked, ["films/00000001 user '1' 300", "films/00000001 the cold list 300"]);
}

#[tokio::test]
async fn a_moved_pointer_is_seen_within_its_time() {
    let app = App::start().await;
    let (arn, _) = app.films().await;
    let first = json!({ "campaignArn": arn, "userId": "1", "numResults": 1 });
    assert_eq!(app.items(first.clone()).await, ["own0"]);
    let second = app.version("films/00000002", "aws-hrnn").await;
    app.publish(Slot::B, &second, &[(ListKey::User("1"), list("new", 5)), (ListKey::Cold, list("cold", 5))])
        .await;
    app.swap(Slot::B, &second).await;
    pass(FRESH_FOR).await;
    assert_eq!(app.items(first.clone()).await, ["new0"]);

    app.change(&arn, |campaign| campaign.lifecycle.status = Status::DeletePending).await;
    pass(FRESH_FOR).await;
    let (status, body) = app.call("/recommendations", first).await;
    assert_eq!(status, 404);
    assert!(body["message"].as_str().unwrap().contains("DELETE PENDING"));
}

/// Lists of a version for user 1, and for strangers.
fn lists(name: &str) -> [(ListKey<'static>, StoredList); 2] {
    [(ListKey::User("1"), list(name, 100)), (ListKey::Cold, list(&format!("{name}-cold"), 100))]
}

/// A campaign of version 1 from slot A that has moved to version 2 in slot B, while version 3 is being
/// written over slot A.
async fn moved_on(app: &App) -> Arn {
    let [two, three] = ["films/00000002", "films/00000003"];
    let (two, three) = (app.version(two, "aws-hrnn").await, app.version(three, "aws-hrnn").await);
    app.publish(Slot::B, &two, &lists("two")).await;
    app.swap(Slot::B, &two).await;
    app.publish(Slot::A, &three, &lists("three")).await;
    three
}

#[tokio::test]
async fn a_remembered_pointer_to_a_slot_that_is_written_over_is_read_anew() {
    let app = App::start().await;
    let (arn, _) = app.films().await;
    // The clock stands still: nothing that is remembered gets old.
    tokio::time::pause();
    let ask = |user: &str| json!({ "campaignArn": arn, "userId": user, "numResults": 1 });
    assert_eq!(app.items(ask("1")).await, ["own0"]);
    moved_on(&app).await;
    app.calls.since();
    assert_eq!(app.items(ask("1")).await, ["two0"]);
    assert_eq!(app.calls.since(), 4, "the list that is another's, the campaign, its version, the list");
    assert_eq!(app.items(ask("1")).await, ["two0"]);
    assert_eq!(app.calls.since(), 1);
}

#[tokio::test]
async fn a_cold_list_is_never_one_of_another_version() {
    let app = App::start().await;
    let (arn, first) = app.films().await;
    tokio::time::pause();
    let ask = |user: &str| json!({ "campaignArn": arn, "userId": user, "numResults": 1 });
    assert_eq!(app.items(ask("1")).await, ["own0"]);
    // The remembered version has nothing for a stranger, and its cold list is no longer there.
    let three = moved_on(&app).await;
    assert_eq!(app.items(ask("nobody")).await, ["two-cold0"]);

    // A cold list that was read before is its version's, so it may answer while that is remembered.
    app.swap(Slot::A, &three).await;
    app.publish(Slot::B, &first, &lists("four")).await;
    assert_eq!(app.items(ask("nobody")).await, ["two-cold0"]);
    assert_eq!(app.items(ask("1")).await, ["three0"]);
    assert_eq!(app.items(ask("nobody")).await, ["three-cold0"]);
}

#[tokio::test]
async fn a_user_whom_the_new_version_does_not_know_is_a_stranger() {
    let app = App::start().await;
    let (arn, _) = app.films().await;
    let two = app.version("films/00000002", "aws-hrnn").await;
    // Over the rows of the first version, of which that of user 1 stays.
    app.publish(Slot::A, &two, &[(ListKey::User("2"), list("two", 9)), (ListKey::Cold, list("cold-two", 9))])
        .await;
    app.swap(Slot::A, &two).await;
    tokio::time::pause();
    let ask = |user: &str| json!({ "campaignArn": arn, "userId": user, "numResults": 1 });
    assert_eq!(app.items(ask("2")).await, ["two0"]);
    assert_eq!(app.campaign.take_fallbacks(), 0);
    app.calls.since();
    for reads in [4, 3] {
        assert_eq!(app.items(ask("1")).await, ["cold-two0"]);
        assert_eq!(app.calls.since(), reads, "the list, the campaign, the list; once the cold list");
    }
    assert_eq!(app.campaign.take_fallbacks(), 2);
}

#[tokio::test]
async fn a_campaign_without_lists_in_its_slot_fails() {
    let app = App::start().await;
    let version = app.version("films/00000001", "aws-hrnn").await;
    app.publish(Slot::B, &version, &lists("two")).await;
    let arn = app.deploy(&version).await;
    let (status, _) = app.call("/recommendations", json!({ "campaignArn": arn, "userId": "1" })).await;
    assert_eq!(status, 500);
    // It is not remembered that there are none.
    app.publish(Slot::A, &version, &lists("own")).await;
    let ask = json!({ "campaignArn": arn, "userId": "1", "numResults": 1 });
    assert_eq!(app.items(ask).await, ["own0"]);
}

/// Lets the runtime's clock pass a time without waiting for it.
async fn pass(time: std::time::Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_campaign_answers_while_it_is_active() {
    let app = App::start().await;
    let (arn, _) = app.films().await;
    for status in
        [Status::CreatePending, Status::CreateInProgress, Status::CreateFailed, Status::DeleteInProgress]
    {
        app.change(&arn, |campaign| campaign.lifecycle.status = status).await;
        let request = json!({ "campaignArn": arn, "userId": "1" });
        let (code, body) = app.call("/recommendations", request).await;
        assert_eq!(code, 404);
        assert!(body["message"].as_str().unwrap().contains(status.as_str()), "{body}");
    }
    app.change(&arn, |campaign| campaign.lifecycle.status = Status::Active).await;
    app.items(json!({ "campaignArn": arn, "userId": "1" })).await;
}

#[tokio::test]
async fn what_a_recipe_cannot_do_is_said() {
    let app = App::start().await;
    let (arn, _) = app.films().await;
    let ranking = json!({ "campaignArn": arn, "userId": "1", "inputList": ["a", "b"] });
    for (path, request, code, word) in [
        ("/personalize-ranking", ranking, 400, "PERSONALIZED_RANKING"),
        (
            "/action-recommendations",
            json!({ "campaignArn": arn, "userId": "1" }),
            400,
            "PERSONALIZED_ACTIONS",
        ),
        ("/events", json!({}), 404, "/events"),
        ("/nothing", json!({}), 404, "/nothing"),
    ] {
        let (status, body) = app.call(path, request).await;
        assert_eq!(status, code, "{path}");
        assert!(body["message"].as_str().unwrap().contains(word), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_filtered_answer_comes_from_the_model_with_everything_that_the_filter_needs() {
    let app = App::start().await;
    let (arn, _) = app.films().await;
    let filter = app.filter("unseen", "films").await;
    let request = json!({
        "campaignArn": arn, "userId": "1", "itemId": "i", "numResults": 7,
        "filterArn": filter, "filterValues": { "G": "\"x\"" }
    });
    assert_eq!(app.items(request).await, list("live", 7).items);
    let asked = app.live.0.lock().unwrap().clone();
    let expected = "films/00000001 user '1' 7 EXCLUDE ItemID {\"G\": \"\\\"x\\\"\"} Some(\"1\") Some(\"i\")";
    assert_eq!(asked, [expected]);
    assert_eq!(app.campaign.take_fallbacks(), 1);
}

#[tokio::test]
async fn a_promotion_is_a_second_question_and_its_items_say_so() {
    let app = App::start().await;
    let (arn, _) = app.films().await;
    let filter = app.filter("ours", "films").await;
    let promotion = json!({ "name": "ours", "percentPromotedItems": 30, "filterArn": filter });
    let request = json!({ "campaignArn": arn, "userId": "1", "numResults": 9, "promotions": [promotion] });
    let (status, body) = app.call("/recommendations", request).await;
    assert_eq!(status, 200, "{body}");
    let items = body["itemList"].as_array().unwrap();
    let ids = |promoted: bool| -> Vec<&str> {
        let of = |item: &&Value| (item["promotionName"] == json!("ours")) == promoted;
        items.iter().filter(of).map(|item| item["itemId"].as_str().unwrap()).collect()
    };
    assert_eq!(ids(true), list("live", 3).items);
    assert_eq!(ids(false), list("own", 6).items);
    assert_eq!(app.live.0.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn columns_are_shown_where_the_campaign_shows_them() {
    let app = App::start().await;
    let (arn, _) = app.films().await;
    let columns = json!({ "ITEMS": ["YEAR"] });
    let request = json!({ "campaignArn": arn, "userId": "1", "numResults": 2, "metadataColumns": columns });
    let (status, body) = app.call("/recommendations", request.clone()).await;
    assert_eq!(status, 400);
    assert!(body["message"].as_str().unwrap().contains("enableMetadataWithRecommendations"), "{body}");

    let show = |campaign: &mut resource::Campaign| {
        campaign.config.get_or_insert_default().enable_metadata_with_recommendations = Some(true);
    };
    app.change(&arn, show).await;
    pass(FRESH_FOR).await;
    let (_, body) = app.call("/recommendations", request).await;
    let shown: Vec<&Value> =
        body["itemList"].as_array().unwrap().iter().map(|item| &item["metadata"]).collect();
    assert_eq!(shown, [&json!({ "YEAR": "YEAR of own0" }), &json!({ "YEAR": "YEAR of own1" })]);
    assert_eq!(*app.live.0.lock().unwrap(), ["films [\"own0\", \"own1\"] [\"YEAR\"]"]);
}

#[tokio::test]
async fn an_answer_gives_its_reasons_where_it_is_asked_for_them() {
    let app = App::start().await;
    let (arn, _) = app.films().await;
    let request = json!({ "campaignArn": arn, "userId": "1", "numResults": 2 });
    let (_, body) = app.call("/recommendations", request.clone()).await;
    assert_eq!(body["itemList"][1]["reason"], Value::Null);

    let filter = app.filter("ours", "films").await;
    let mut asking = request;
    asking["explain"] = json!(true);
    let (_, body) = app.call("/recommendations", asking.clone()).await;
    assert_eq!(body["itemList"][0]["reason"], Value::Null);
    assert_eq!(body["itemList"][1]["reason"], json!(["own1 for 1"]));
    asking["promotions"] = json!([{ "percentPromotedItems": 100, "filterArn": filter }]);
    let (_, body) = app.call("/recommendations", asking).await;
    assert_eq!(body["itemList"][0]["reason"], json!(["Promoted item"]));
}

#[tokio::test]
async fn a_filter_must_be_there_and_active_and_of_the_same_group() {
    let app = App::start().await;
    let (arn, _) = app.films().await;
    let request = |filter: &Arn| json!({ "campaignArn": arn, "userId": "1", "filterArn": filter });
    let unknown = scope().arn(ResourceKind::Filter, "unknown");
    let (status, body) = app.call("/recommendations", request(&unknown)).await;
    assert_eq!(status, 404);
    assert!(body["message"].as_str().unwrap().contains("filter/unknown does not exist"), "{body}");

    // The ARN of something else is no filter.
    let (status, _) = app.call("/recommendations", request(&arn)).await;
    assert_eq!(status, 404);

    let (status, body) = app.call("/recommendations", request(&app.filter("other", "songs").await)).await;
    assert_eq!(status, 400);
    assert!(body["message"].as_str().unwrap().contains("dataset-group/songs"), "{body}");

    let gone = app.filter("gone", "films").await;
    let leave = |filter: &mut Filter| {
        filter.lifecycle.status = Status::DeletePending;
        Ok::<_, std::convert::Infallible>(())
    };
    app.resources.update(&gone, leave).await.unwrap().unwrap();
    let (status, body) = app.call("/recommendations", request(&gone)).await;
    assert_eq!(status, 404);
    assert!(body["message"].as_str().unwrap().contains("DELETE PENDING"), "{body}");

    let mut bad = request(&app.filter("unseen", "films").await);
    bad["filterValues"] = json!({ "BAD": "1" });
    let (status, body) = app.call("/recommendations", bad).await;
    assert_eq!((status, body["message"].as_str()), (400, Some("BAD is no parameter")));
}

#[tokio::test]
async fn an_action_is_answered_in_its_time_alone() {
    let app = App::start().await;
    let version = app.version("films/00000001", "aws-next-best-action").await;
    let now = EpochMillis::now().0 / 1000;
    let entry = |id: &str, from, until| domain::action::Offer { id: id.into(), from, until }.to_text();
    let own = [
        entry("always", None, None),
        entry("expired", None, Some(now - 5)),
        entry("soon", None, Some(now + 3_600)),
        entry("again", Some(now - 5), None),
        entry("waiting", Some(now + 3_600), None),
    ];
    let stored = |items: &[String]| StoredList {
        items: items.to_vec(),
        scores: (0..items.len()).map(|n| 0.5 / (n + 1) as f32).collect(),
    };
    // A list that was cut, of which nothing is open any more.
    let over: Vec<String> = (0..100).map(|n| entry(&n.to_string(), None, Some(now - 5))).collect();
    let rows = [
        (ListKey::User("1"), stored(&own)),
        (ListKey::User("2"), stored(&over)),
        (ListKey::Cold, stored(&[entry("cold", None, None)])),
    ];
    app.publish(Slot::A, &version, &rows).await;
    let arn = app.deploy(&version).await;
    let ask = async |user: &str, n: usize| {
        let request = json!({ "campaignArn": arn, "userId": user, "numResults": n });
        let (status, body) = app.call("/action-recommendations", request).await;
        let list = body["actionList"].as_array().cloned().unwrap_or_default();
        (status, list.iter().map(|one| one["actionId"].as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(ask("1", 100).await, (200, vec!["always".into(), "soon".into(), "again".into()]));
    assert_eq!(ask("1", 2).await.1, ["always", "soon"]);
    assert_eq!(ask("nobody", 5).await.1, ["cold"]);
    app.calls.since();
    ask("1", 5).await;
    assert_eq!(app.calls.since(), 1, "one read");
    assert!(app.live.0.lock().unwrap().is_empty());
    // What the model answers is read the same way; this one's entries are none.
    assert_eq!(ask("2", 3).await.0, 500);
    assert_eq!(*app.live.0.lock().unwrap(), ["films/00000001 user '2' 3"]);
    let (status, body) = app.call("/recommendations", json!({ "campaignArn": arn, "userId": "1" })).await;
    assert!(
        status == 400 && body["message"].as_str().unwrap().contains("GetActionRecommendations"),
        "{body}"
    );
}
