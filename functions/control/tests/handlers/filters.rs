//! Filters: what is accepted, what blocks and what is blocked.

use domain::limits::Quotas;
use domain::{Resource, Status};
use serde_json::{Value, json};

use crate::app::{App, POPULARITY, ROLE};

const AFFINITY: &str = "arn:aws:personalize:::recipe/aws-item-affinity";

const ITEMS: &str = r#"{"type":"record","name":"Items","fields":[
    {"name":"ITEM_ID","type":"string"},
    {"name":"GENRES","type":["null","string"],"categorical":true},
    {"name":"TITLE","type":["null","string"],"textual":true},
    {"name":"NEW","type":"boolean"},
    {"name":"YEAR","type":"int"}]}"#;

fn request(name: &str, group: &str, expression: &str) -> Value {
    json!({ "name": name, "datasetGroupArn": group, "filterExpression": expression })
}

/// A group with Interactions and Items.
async fn films(app: &App) -> String {
    let group = app.filled_group("films").await;
    let schema = app.create("CreateSchema", json!({ "name": "items", "schema": ITEMS })).await;
    let items = json!({
        "name": "items", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Items"
    });
    app.create("CreateDataset", items).await;
    group
}

#[tokio::test]
async fn a_filter_is_active_at_once_and_comes_back_as_it_was_given() {
    let app = App::start().await;
    let group = films(&app).await;
    let expression = "include itemId where items.genres in ( $G )";
    let filter = app.create("CreateFilter", request("drama", &group, expression)).await;
    assert!(filter.ends_with(":filter/drama"), "{filter}");
    let described = app.ok("DescribeFilter", json!({ "filterArn": filter })).await;
    assert_eq!(described["filter"]["filterExpression"], expression);
    assert_eq!(described["filter"]["status"], "ACTIVE");
    assert_eq!(described["filter"]["datasetGroupArn"], group);
    let listed = app.ok("ListFilters", json!({ "datasetGroupArn": group })).await;
    assert_eq!(listed["Filters"][0]["filterArn"], filter);
    assert_eq!(listed["Filters"][0].get("filterExpression"), None);
    let (exception, _) = app.refused("CreateFilter", request("drama", &group, expression)).await;
    assert_eq!(exception, "ResourceAlreadyExistsException");
}

#[tokio::test]
async fn an_expression_that_does_not_fit_is_refused_with_its_place() {
    let app = App::start().await;
    let group = films(&app).await;
    for (expression, words) in [
        ("EXCLUDE", "Invalid Expression at character 8: expected ItemID, UserID or ActionID"),
        (
            "EXCLUDE ItemID WHERE Items.GENRE IN (\"x\")",
            "character 22: Items.GENRE is no column of the Items dataset, which has ITEM_ID, GENRES",
        ),
        ("EXCLUDE ItemID WHERE Items.TITLE IN (\"x\")", "free text"),
        ("EXCLUDE ItemID WHERE Items.NEW IN (\"x\")", "boolean"),
        ("EXCLUDE ItemID WHERE Items.GENRES < 3", "is a string; '<' compares numbers"),
        ("EXCLUDE ItemID WHERE Items.GENRES IN (3)", "write \"3\" in double quotes"),
        ("EXCLUDE ItemID WHERE Items.YEAR = \"new\"", "character 35: Items.YEAR is a number"),
        ("EXCLUDE ItemID WHERE Items.YEAR = 1 IF CurrentUser.AGE = 1", "needs the dataset Users"),
        ("EXCLUDE ItemID WHERE Interactions.DEVICE IN (\"x\")", "Interactions.DEVICE is no column"),
        ("EXCLUDE ItemID WHERE Items.YEAR < CurrentItem.GENRES", "different types"),
    ] {
        let (exception, message) = app.refused("CreateFilter", request("f", &group, expression)).await;
        assert_eq!(exception, "InvalidInputException", "{expression}");
        assert!(message.contains(words), "{expression}: {message}");
    }
    for expression in [
        "EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"*\")",
        "EXCLUDE ItemID WHERE Items.YEAR IN (1999, \"2000\") AND Items.genres = \"x\"",
        "INCLUDE ItemID WHERE Items.GENRES IN CurrentItem.GENRES",
    ] {
        let name = format!("ok-{}", expression.len());
        app.create("CreateFilter", request(&name, &group, expression)).await;
    }
}

#[tokio::test]
async fn filters_and_their_columns_have_quotas() {
    let quotas = Quotas { filters_per_group: 3, filter_fields_per_group: 2, ..Quotas::default() };
    let app = App::with_quotas(quotas).await;
    let group = films(&app).await;
    app.create("CreateFilter", request("a", &group, "EXCLUDE ItemID WHERE Items.YEAR = 1")).await;
    app.create("CreateFilter", request("b", &group, "EXCLUDE ItemID WHERE Items.GENRES = \"x\"")).await;
    let third = "EXCLUDE ItemID WHERE Items.ITEM_ID = \"x\"";
    let (exception, message) = app.refused("CreateFilter", request("c", &group, third)).await;
    assert_eq!(exception, "LimitExceededException");
    assert!(message.contains("3 distinct columns, and at most 2"), "{message}");
    app.create("CreateFilter", request("c", &group, "INCLUDE ItemID WHERE Items.year > 1")).await;
    let (exception, message) =
        app.refused("CreateFilter", request("d", &group, "INCLUDE ItemID WHERE Items.YEAR > 1")).await;
    assert_eq!(exception, "LimitExceededException");
    assert!(message.starts_with("Cannot create a filter. More than 3 resources"), "{message}");
}

#[tokio::test]
async fn a_filter_blocks_its_group_and_is_blocked_by_batch_jobs() {
    let app = App::start().await;
    let group = films(&app).await;
    let filter =
        app.create("CreateFilter", request("f", &group, "EXCLUDE ItemID WHERE Items.YEAR = $Y")).await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    let version = app.trained(&solution).await;
    let batch = |name: &str, filter: &str| {
        json!({
            "jobName": name, "solutionVersionArn": version, "roleArn": ROLE, "filterArn": filter,
            "jobInput": { "s3DataSource": { "path": "s3://films/users.json" } },
            "jobOutput": { "s3DataDestination": { "path": "s3://films/out/" } },
        })
    };
    let job = app.create("CreateBatchInferenceJob", batch("one", &filter)).await;
    let described = app.ok("DescribeBatchInferenceJob", json!({ "batchInferenceJobArn": job })).await;
    assert_eq!(described["batchInferenceJob"]["filterArn"], filter);
    let (exception, message) = app.refused("DeleteFilter", json!({ "filterArn": filter })).await;
    assert_eq!(exception, "ResourceInUseException");
    assert!(message.contains(&job), "{message}");
    app.set_status(&job, Status::Active).await;

    // Of users, of another group, and none at all.
    let users = app.create(
        "CreateFilter",
        request("users", &group, "EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN (\"*\")"),
    );
    let users = users.await;
    let (exception, message) = app.refused("CreateBatchInferenceJob", batch("two", &users)).await;
    assert_eq!(exception, "InvalidInputException");
    assert!(message.contains("one of UserID"), "{message}");
    let songs = app.filled_group("songs").await;
    let other = request("other", &songs, "EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"*\")");
    let other = app.create("CreateFilter", other).await;
    let (exception, message) = app.refused("CreateBatchInferenceJob", batch("two", &other)).await;
    assert_eq!(exception, "InvalidInputException");
    assert!(message.contains("dataset-group/songs"), "{message}");
    let (exception, _) =
        app.refused("CreateBatchInferenceJob", batch("two", &filter.replace("/f", "/g"))).await;
    assert_eq!(exception, "ResourceNotFoundException");

    // A segment job is the other way round.
    let affinity = app.trained(&app.solution(&group, "segments", AFFINITY).await).await;
    let segment = |name: &str, filter: &str| {
        let mut request = batch(name, filter);
        request["solutionVersionArn"] = affinity.as_str().into();
        request
    };
    let (exception, message) = app.refused("CreateBatchSegmentJob", segment("two", &filter)).await;
    assert_eq!(exception, "InvalidInputException");
    assert!(message.contains("one of ItemID"), "{message}");
    let job = app.create("CreateBatchSegmentJob", segment("two", &users)).await;
    let described = app.ok("DescribeBatchSegmentJob", json!({ "batchSegmentJobArn": job })).await;
    assert_eq!(described["batchSegmentJob"]["filterArn"], users);
    let (exception, message) = app.refused("DeleteFilter", json!({ "filterArn": users })).await;
    assert_eq!(exception, "ResourceInUseException");
    assert!(message.contains(&job), "{message}");
    app.set_status(&job, Status::Active).await;

    let rest: Vec<Resource> =
        app.control.resources.list_all(domain::ResourceKind::Dataset, None).await.unwrap();
    for row in rest {
        app.control.resources.delete(row.arn()).await.unwrap();
    }
    for solution in [solution, affinity.rsplit_once('/').unwrap().0.to_owned()] {
        app.control.resources.delete(&solution.parse().unwrap()).await.unwrap();
    }
    let (exception, message) = app.refused("DeleteDatasetGroup", json!({ "datasetGroupArn": group })).await;
    assert_eq!(exception, "ResourceInUseException");
    assert!(message.contains(":filter/"), "{message}");
    app.ok("DeleteFilter", json!({ "filterArn": filter })).await;
    let (exception, _) = app.refused("DeleteFilter", json!({ "filterArn": filter })).await;
    assert_eq!(exception, "ResourceInUseException");
}
