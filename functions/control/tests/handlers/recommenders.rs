//! Recommenders: what is written and launched; the rest is in `tests/python/test_recommenders.py`.

use domain::limits::Quotas;
use domain::recommender::Recommender;
use domain::resource::{Job, SolutionVersion};
use domain::{Lifecycle, Status};
use serde_json::{Value, json};

use crate::app::{App, POPULARITY};

const MOST_POPULAR: &str = "arn:aws:personalize:::recipe/aws-vod-most-popular";
const TOP_PICKS: &str = "arn:aws:personalize:::recipe/aws-vod-top-picks";
const SCHEMA: &str = r#"{"type":"record","name":"Interactions","fields":[{"name":"USER_ID","type":"string"},
    {"name":"ITEM_ID","type":"string"},{"name":"EVENT_TYPE","type":"string"},{"name":"TIMESTAMP","type":"long"}]}"#;

/// A group of films with imported interactions.
async fn films(app: &App) -> String {
    let domain = "VIDEO_ON_DEMAND";
    let group = app.create("CreateDatasetGroup", json!({ "name": "films", "domain": domain })).await;
    let request = json!({ "name": "films", "schema": SCHEMA, "domain": domain });
    let schema = app.create("CreateSchema", request).await;
    let dataset = app.dataset(&group, &schema).await;
    app.fill(&dataset).await;
    group
}

fn request(group: &str, name: &str) -> Value {
    json!({ "name": name, "datasetGroupArn": group, "recipeArn": MOST_POPULAR })
}

/// A recommender that serves.
async fn serving(app: &App, group: &str, name: &str) -> String {
    let arn = app.create("CreateRecommender", request(group, name)).await;
    app.change::<Recommender>(&arn, |r| r.serves.lifecycle = Lifecycle::active(r.serves.lifecycle.created))
        .await;
    app.launched();
    arn
}

async fn described(app: &App, arn: &str) -> Value {
    app.ok("DescribeRecommender", json!({ "recommenderArn": arn })).await["recommender"].clone()
}

#[tokio::test]
async fn a_creation_is_one_row_and_one_job_and_is_mended_by_its_retry() {
    let app = App::start().await;
    let group = films(&app).await;
    app.refuse_to_launch(true);
    assert_eq!(app.refused("CreateRecommender", request(&group, "popular")).await.0, "InternalFailure");
    app.refuse_to_launch(false);
    let arn = app.create("CreateRecommender", request(&group, "popular")).await;
    let deploy = [Job::Deploy(arn.parse().unwrap())];
    assert_eq!(app.launched(), deploy);
    assert_eq!(described(&app, &arn).await["status"], "CREATE PENDING");
    // Whoever created it may have ended before it launched anything.
    assert_eq!(
        app.refused("CreateRecommender", request(&group, "popular")).await.0,
        "ResourceAlreadyExistsException"
    );
    assert_eq!(app.launched(), deploy);
    let blocked = app.refused("DeleteDatasetGroup", json!({ "datasetGroupArn": group })).await;
    assert_eq!(blocked.0, "ResourceInUseException");
}

#[tokio::test]
async fn what_is_asked_of_a_recommender_is_taken_back_where_it_cannot_be_begun() {
    let app = App::start().await;
    let group = films(&app).await;
    let arn = serving(&app, &group, "popular").await;
    let named = json!({ "recommenderArn": arn });
    let config = json!({ "minRecommendationRequestsPerSecond": 4 });
    let update = json!({ "recommenderArn": arn, "recommenderConfig": config });
    app.refuse_to_launch(true);
    for (operation, request) in [("StopRecommender", &named), ("UpdateRecommender", &update)] {
        assert_eq!(app.refused(operation, request.clone()).await.0, "InternalFailure", "{operation}");
        let found = described(&app, &arn).await;
        assert_eq!((&found["status"], &found["latestRecommenderUpdate"]), (&json!("ACTIVE"), &Value::Null));
    }
    app.refuse_to_launch(false);
    let deploy = [Job::Deploy(arn.parse().unwrap())];
    app.ok("UpdateRecommender", update.clone()).await;
    assert_eq!(app.launched(), deploy);
    let found = described(&app, &arn).await;
    assert_eq!(found["recommenderConfig"]["minRecommendationRequestsPerSecond"], 1);
    assert_eq!(found["latestRecommenderUpdate"]["recommenderConfig"], config);
    assert_eq!(found["latestRecommenderUpdate"]["status"], "CREATE PENDING");
    // While it is under way nothing else is begun.
    for (operation, request) in
        [("UpdateRecommender", &update), ("StopRecommender", &named), ("DeleteRecommender", &named)]
    {
        let (exception, message) = app.refused(operation, request.clone()).await;
        assert_eq!(exception, "ResourceInUseException", "{operation}");
        assert!(message.contains("update"), "{operation}: {message}");
    }
    app.change::<Recommender>(&arn, |r| r.serves.latest_update = None).await;
    app.ok("StopRecommender", named.clone()).await;
    assert_eq!(described(&app, &arn).await["status"], "STOP PENDING");
    app.set_status(&arn, Status::Inactive).await;
    app.ok("StartRecommender", named.clone()).await;
    assert_eq!(described(&app, &arn).await["status"], "START PENDING");
    assert_eq!(app.launched(), [deploy.clone(), deploy].concat());
    app.set_status(&arn, Status::Inactive).await;
    app.ok("DeleteRecommender", named).await;
    assert_eq!(app.launched(), [Job::Delete(arn.parse().unwrap())]);
}

#[tokio::test]
async fn the_versions_of_a_recommender_are_nobodys_to_see() {
    let app = App::start().await;
    let group = films(&app).await;
    let arn = serving(&app, &group, "popular").await;
    let solution = app.solution(&group, "beside", POPULARITY).await;
    let trained = app.trained(&solution).await;
    let found = app.control.resources.get_as::<SolutionVersion>(&trained.parse().unwrap()).await;
    let hidden = SolutionVersion {
        arn: format!("{arn}/0000002a").parse().unwrap(),
        solution: arn.parse().unwrap(),
        ..found.unwrap().unwrap().value
    };
    app.control.resources.create(&hidden.clone().into()).await.unwrap();
    let version = hidden.arn.as_str();
    for (operation, request) in [
        ("DescribeSolutionVersion", json!({ "solutionVersionArn": version })),
        ("GetSolutionMetrics", json!({ "solutionVersionArn": version })),
        ("StopSolutionVersionCreation", json!({ "solutionVersionArn": version })),
        ("CreateCampaign", json!({ "name": "x", "solutionVersionArn": version })),
        ("ListTagsForResource", json!({ "resourceArn": version })),
        ("TagResource", json!({ "resourceArn": version, "tags": [{ "tagKey": "a", "tagValue": "b" }] })),
    ] {
        assert_eq!(app.refused(operation, request).await.0, "ResourceNotFoundException", "{operation}");
    }
    let listed = app.ok("ListSolutionVersions", json!({})).await;
    assert_eq!(listed["solutionVersions"].as_array().unwrap().len(), 1);
    // One in training keeps its dataset, and the caller reads the name that is known.
    app.set_status(version, Status::CreateInProgress).await;
    let dataset = group.replace("dataset-group/films", "dataset/films/INTERACTIONS");
    let (exception, message) = app.refused("DeleteDataset", json!({ "datasetArn": dataset })).await;
    assert_eq!(exception, "ResourceInUseException");
    assert!(message.contains(&format!("{arn} depends")), "{message}");
}

#[tokio::test]
async fn a_group_has_room_for_so_many_recommenders() {
    let app = App::with_quotas(Quotas { recommenders_per_group: 1, ..Quotas::default() }).await;
    let group = films(&app).await;
    app.create("CreateRecommender", request(&group, "one")).await;
    let (exception, message) = app.refused("CreateRecommender", request(&group, "two")).await;
    assert_eq!(exception, "LimitExceededException");
    assert!(message.starts_with("Cannot create a recommender. More than 1 resources"), "{message}");
}

#[tokio::test]
async fn a_use_case_that_needs_items_is_not_created_without() {
    let app = App::start().await;
    let group = films(&app).await;
    let top_picks = json!({ "name": "top", "datasetGroupArn": group, "recipeArn": TOP_PICKS });
    let (exception, message) = app.refused("CreateRecommender", top_picks).await;
    assert_eq!(exception, "InvalidInputException");
    assert!(message.contains("no Items dataset to train on: create an Items dataset"), "{message}");
    assert_eq!(app.launched(), []);
}
