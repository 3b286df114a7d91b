//! Filters where models are: live, and in batch jobs, as a whole and by shards.

use std::collections::BTreeSet;

use domain::event::Record;
use domain::resource::{
    AppliedFilter, BatchInferenceJob, Dataset, DatasetType, Job, Schema, SolutionVersion,
};
use domain::{Arn, EpochMillis, Lifecycle, ResourceKind, Status};
use serde_json::Value;
use steps::live::{LiveModels, Question};
use store::Who;

use crate::app::{App, ITEMS, USERS, arn, caller, item, user};
use crate::events::happened;

/// The data has no event types: every interaction is one of none.
const UNSEEN: &str = "EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"*\")";

/// What the app's user n had.
fn seen(n: usize) -> BTreeSet<String> {
    (0..20 + n % 15).map(|step| item((n * 7 + step * (1 + n % 3)) % ITEMS)).collect()
}

fn unseen(n: usize) -> BTreeSet<String> {
    (0..ITEMS).map(item).filter(|item| !seen(n).contains(item)).collect()
}

async fn applied(app: &App, version: &Arn, expression: &str, user: &str) -> AppliedFilter {
    AppliedFilter {
        expression: expression.into(),
        dataset_group: app.get::<SolutionVersion>(version).await.unwrap().dataset_group,
        values: Default::default(),
        user: Some(user.into()),
        item: None,
    }
}

fn question(user: Option<&str>, k: usize, filter: &AppliedFilter) -> Question {
    Question {
        user_id: user.map(str::to_owned),
        num_results: k,
        filter: Some(filter.clone()),
        ..Question::default()
    }
}

#[tokio::test]
async fn a_live_answer_holds_what_passes_and_all_of_it() {
    let app = App::start().await;
    let version = app.trained("aws-hrnn").await;
    let live = LiveModels::new(app.steps.clone());
    for n in [0, 1, 2, 59] {
        let name = user(n);
        let filter = applied(&app, &version, UNSEEN, &name).await;
        let list = live.answer(&version, question(Some(&name), ITEMS, &filter)).await.unwrap();
        assert_eq!(list.items.iter().cloned().collect::<BTreeSet<_>>(), unseen(n), "{name}");
        assert_eq!(list.items.len(), list.scores.len());
        assert!(list.scores.is_sorted_by(|a, b| a >= b));
        let first = live.answer(&version, question(Some(&name), 3, &filter)).await.unwrap();
        assert_eq!(first.items, list.items[..3]);
    }
}

#[tokio::test]
async fn a_filter_that_no_longer_fits_the_data_is_the_callers_to_mend() {
    let app = App::start().await;
    let version = app.trained("aws-popularity-count").await;
    let live = LiveModels::new(app.steps.clone());
    for (expression, words) in [
        ("EXCLUDE ItemID WHERE Items.YEAR = 1", "needs the dataset Items"),
        ("EXCLUDE ItemID WHERE Interactions.DEVICE = 1", "Interactions.DEVICE is no column"),
        ("EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($T) |", "expected INCLUDE or EXCLUDE"),
        ("INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($T)", "lacks T"),
    ] {
        let filter = applied(&app, &version, expression, "user-1").await;
        let refused = caller(live.answer(&version, question(None, 5, &filter)).await);
        assert!(refused.contains(words), "{expression}: {refused}");
    }
}

#[tokio::test]
async fn events_count_from_the_snapshot_that_is_active_now() {
    let app = App::start().await;
    let version = app.trained("aws-popularity-count").await;
    let live = LiveModels::new(app.steps.clone());
    let filter = applied(&app, &version, UNSEEN, "user-3").await;
    let before = live.answer(&version, question(None, ITEMS, &filter)).await.unwrap();
    assert_eq!(before.items.into_iter().collect::<BTreeSet<_>>(), unseen(3));
    let dataset = filter.dataset_group.as_str().replace("dataset-group/films", "dataset/films/INTERACTIONS");
    app.change::<Dataset>(&dataset.parse().unwrap(), |dataset| dataset.active = None).await;
    let after = live.answer(&version, question(None, ITEMS, &filter)).await.unwrap();
    assert_eq!(after.items.len(), ITEMS, "nobody did anything");
}

#[tokio::test]
async fn a_filtered_batch_job_gives_the_same_bytes_as_a_whole_and_by_shards() {
    let app = App::start().await;
    let version = app.trained("aws-hrnn").await;
    let filter = app.filter("unseen", "films", UNSEEN).await;
    app.put("in/a.json", "{\"userId\": \"user-1\"}\n{\"userId\": \"nobody\"}").await;
    app.put("in/b.json", "{\"userId\": \"user-2\", \"filterValues\": {\"A\": \"1\"}}").await;
    let whole = app.filtered_batch("whole", &version, "in/", Some(filter.clone())).await;
    app.steps.run(&Job::BatchInference(whole.clone())).await.unwrap();
    assert_eq!(app.get::<BatchInferenceJob>(&whole).await.unwrap().lifecycle.status, Status::Active);
    let staged = app.filtered_batch("staged", &version, "in/", Some(filter)).await;
    assert!(app.steps.begin_job(&Job::BatchInference(staged.clone())).await.unwrap());
    assert_eq!(app.steps.plan_batch(&staged).await.unwrap(), 2);
    for shard in [1, 0] {
        app.another_process().answer_shard(&staged, shard).await.unwrap();
    }
    app.steps.finish_batch(&staged).await.unwrap();
    for name in ["a.json.out", "b.json.out"] {
        let read = async |job: &str| app.read(&format!("answers/{job}/{name}")).await;
        assert_eq!(read("staged").await, read("whole").await, "{name}");
    }
    let lines: Vec<Value> = app
        .read("answers/whole/a.json.out")
        .await
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let items = lines[0]["output"]["recommendedItems"].as_array().unwrap();
    assert!(items.len() == 5 && items.iter().all(|item| unseen(1).contains(item.as_str().unwrap())));
    let refused = app.read("answers/whole/b.json.out").await;
    assert!(refused.contains("filterValues.A") && refused.contains("no parameters"), "{refused}");
}

#[tokio::test]
async fn an_event_counts_in_the_next_filtered_answer_and_moves_it_as_it_moves_the_list() {
    let app = App::start().await;
    let version = app.trained("aws-hrnn").await;
    let live = LiveModels::new(app.steps.clone());
    let name = user(2);
    let ask = async |expression: &str, who: &str| {
        let filter = applied(&app, &version, expression, who).await;
        live.answer(&version, question(Some(who), ITEMS, &filter)).await.unwrap().items
    };
    let next: usize = ask(UNSEEN, &name).await[0].strip_prefix("item-").unwrap().parse().unwrap();
    happened(&app, Who::User(&name), next).await;
    let mut left = unseen(2);
    left.remove(&item(next));
    assert_eq!(ask(UNSEEN, &name).await.into_iter().collect::<BTreeSet<_>>(), left);
    // What came in has a type, and what was imported has none.
    assert_eq!(ask("INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"watch\")", &name).await, [item(next)]);
    // The order is that of the list after the event.
    let unfiltered = Question { user_id: Some(name.clone()), num_results: ITEMS, ..Question::default() };
    let list = live.answer(&version, unfiltered).await.unwrap().items;
    let expected: Vec<String> = list.into_iter().filter(|item| left.contains(item)).collect();
    assert_eq!(ask(UNSEEN, &name).await, expected);

    happened(&app, Who::Session("visit"), 9).await;
    assert_eq!(ask("INCLUDE ItemID WHERE Interactions.TIMESTAMP > 0", "visit").await, [item(9)]);
}

#[tokio::test]
async fn a_filtered_ranking_and_an_exploring_answer_hold_only_what_passes() {
    let app = App::start().await;
    let live = LiveModels::new(app.steps.clone());
    let name = user(3);
    let ranking = app.trained("aws-personalized-ranking").await;
    let filter = applied(&app, &ranking, UNSEEN, &name).await;
    let mut items: Vec<String> = (0..ITEMS).map(item).collect();
    items.push("nobody met it".into());
    let asked = Question { input_list: Some(items), ..question(Some(&name), ITEMS, &filter) };
    let ranked = live.answer(&ranking, asked).await.unwrap();
    assert_eq!(ranked.items.last().unwrap(), "nobody met it");
    assert_eq!(ranked.scores.len(), ranked.items.len() - 1);
    assert_eq!(ranked.items[..ranked.scores.len()].iter().cloned().collect::<BTreeSet<_>>(), unseen(3));

    let exploring = app.trained("aws-user-personalization").await;
    let config = [("explorationWeight", "0.9"), ("explorationItemAgeCutOff", "36500")];
    let exploration = config.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let asked = Question { exploration, ..question(Some(&name), ITEMS, &filter) };
    let explored = live.answer(&exploring, asked.clone()).await.unwrap();
    assert_eq!(explored.items.len(), unseen(3).len());
    assert_eq!(explored.items.iter().cloned().collect::<BTreeSet<_>>(), unseen(3));
    let first = live.answer(&exploring, Question { num_results: 5, ..asked }).await.unwrap();
    assert_eq!(first.items, explored.items[..5]);
}

/// A dataset of the group without any import.
async fn dataset(app: &App, kind: DatasetType, name: &str, columns: &str) {
    let schema = Schema {
        arn: arn(ResourceKind::Schema, name),
        name: name.into(),
        schema: format!("{{\"type\":\"record\",\"name\":\"{name}\",\"fields\":[{columns}]}}"),
        domain: None,
        created: EpochMillis::now(),
    };
    let dataset = Dataset {
        arn: arn(ResourceKind::Dataset, &format!("films/{}", kind.as_str())),
        name: name.into(),
        dataset_group: arn(ResourceKind::DatasetGroup, "films"),
        dataset_type: kind,
        schema: schema.arn.clone(),
        active: None,
        tracking_id: None,
        latest_update: None,
        lifecycle: Lifecycle::active(EpochMillis::now()),
    };
    app.create(schema).await;
    app.create(dataset).await;
}

async fn put(app: &App, kind: DatasetType, id: &str, columns: &[(&str, &str)]) {
    let columns = columns.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let group = arn(ResourceKind::DatasetGroup, "films");
    app.steps.events.put_record(&group, kind, &Record { id: id.into(), columns }).await.unwrap();
}

#[tokio::test]
async fn items_and_users_that_were_put_one_by_one_are_tested() {
    let app = App::start().await;
    let version = app.trained("aws-popularity-count").await;
    let items = r#"{"name":"ITEM_ID","type":"string"},{"name":"STOCK","type":["null","int"]},
        {"name":"GENRES","type":["null","string"],"categorical":true}"#;
    dataset(&app, DatasetType::Items, "Items", items).await;
    dataset(
        &app,
        DatasetType::Users,
        "Users",
        r#"{"name":"USER_ID","type":"string"},{"name":"AGE","type":"int"}"#,
    )
    .await;
    let ask = async |expression: &str, who: &str| {
        // Another process has nothing in memory that would be fresh yet.
        let live = LiveModels::new(app.another_process());
        let filter = applied(&app, &version, expression, who).await;
        live.answer(&version, question(None, ITEMS, &filter)).await.unwrap().items
    };
    let in_stock =
        "INCLUDE ItemID WHERE Items.STOCK > 0 AND Items.GENRES IN (\"Drama\") IF CurrentUser.AGE >= 18";
    put(&app, DatasetType::Users, "ann", &[("AGE", "18")]).await;
    assert_eq!(ask(in_stock, "ann").await, [""; 0]);
    put(&app, DatasetType::Items, &item(3), &[("STOCK", "2"), ("GENRES", "Comedy|Drama")]).await;
    put(&app, DatasetType::Items, "never seen", &[("STOCK", "2"), ("GENRES", "Drama")]).await;
    assert_eq!(ask(in_stock, "ann").await, [item(3)]);
    assert_eq!(ask(in_stock, "bob").await.len(), ITEMS, "of unknown age, so the part does not count");
    put(&app, DatasetType::Items, &item(3), &[("GENRES", "Drama")]).await;
    assert_eq!(ask(in_stock, "ann").await, [""; 0], "what is not put again is null");
}

#[tokio::test]
async fn a_column_that_came_later_is_null_in_what_was_imported_before() {
    let app = App::start().await;
    let version = app.trained("aws-popularity-count").await;
    let schema = arn(ResourceKind::Schema, "wider");
    app.create(Schema {
        arn: schema.clone(),
        name: "wider".into(),
        schema: r#"{"type":"record","name":"Interactions","fields":[{"name":"USER_ID","type":"string"},
            {"name":"ITEM_ID","type":"string"},{"name":"TIMESTAMP","type":"long"},
            {"name":"EVENT_TYPE","type":["null","string"]},
            {"name":"DEVICE","type":["null","string"],"categorical":true}]}"#
            .into(),
        domain: None,
        created: EpochMillis::now(),
    })
    .await;
    let live = LiveModels::new(app.steps.clone());
    let ask = async |expression: &str| {
        let filter = applied(&app, &version, expression, &user(4)).await;
        live.answer(&version, question(None, ITEMS, &filter)).await
    };
    let device = "EXCLUDE ItemID WHERE Interactions.DEVICE NOT IN (\"tv\")";
    assert!(caller(ask(device).await).contains("no column"));
    let dataset = arn(ResourceKind::Dataset, "films/INTERACTIONS");
    app.change::<Dataset>(&dataset, |dataset| dataset.schema = schema.clone()).await;
    assert_eq!(ask(device).await.unwrap().items.len(), ITEMS);
    assert_eq!(ask(UNSEEN).await.unwrap().items.into_iter().collect::<BTreeSet<_>>(), unseen(4));
}

#[tokio::test]
async fn a_filtered_segment_has_only_users_that_pass() {
    let app = App::start().await;
    let version = app.trained("aws-item-affinity").await;
    let tiers = r#"{"name":"USER_ID","type":"string"},{"name":"TIER","type":"string","categorical":true}"#;
    dataset(&app, DatasetType::Users, "Users", tiers).await;
    for n in 0..USERS {
        put(&app, DatasetType::Users, &user(n), &[("TIER", ["gold", "silver", "gold|new"][n % 3])]).await;
    }
    happened(&app, Who::User(&user(7)), 1).await;
    app.put(
        "in/a.json",
        "{\"itemId\": \"item-1\"}\n{\"itemId\": \"item-1\", \"filterValues\": {\"T\": \"new\"}}",
    )
    .await;
    let run = async |name: &str, expression: &str| {
        let filter = app.filter(name, "films", expression).await;
        let job = app.filtered_segments(name, &version, "in/", Some(filter)).await;
        app.steps.run(&Job::BatchSegment(job)).await.unwrap();
        let text = app.read(&format!("segments/{name}/a.json.out")).await;
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.collect::<Vec<_>>()
    };
    let users = |line: &Value| -> Vec<usize> {
        assert_eq!(line["error"], Value::Null);
        let users = line["output"]["recommendedUsers"].as_array().unwrap();
        users.iter().map(|user| user.as_str().unwrap()["user-".len()..].parse().unwrap()).collect()
    };
    let tiers = run(
        "tiers",
        "EXCLUDE UserID WHERE Users.TIER IN (\"silver\") | EXCLUDE UserID WHERE Users.TIER IN ($T)",
    )
    .await;
    assert!(users(&tiers[0]).len() == 5 && users(&tiers[0]).iter().all(|user| user % 3 != 1), "{}", tiers[0]);
    assert!(users(&tiers[1]).len() == 5 && users(&tiers[1]).iter().all(|user| user % 3 == 0), "{}", tiers[1]);
    let told = run("told", "INCLUDE UserID WHERE Interactions.EVENT_TYPE IN (\"watch\")").await;
    assert_eq!(users(&told[0]), [7]);
    assert!(told[1]["error"].as_str().unwrap().contains("no parameters"), "{}", told[1]);
    let items = run("items", "EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"watch\")").await;
    assert!(items[0]["error"].as_str().unwrap().contains("one of ItemID"), "{}", items[0]);
}
