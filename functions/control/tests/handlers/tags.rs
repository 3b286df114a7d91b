//! Tags: given at a creation, added, replaced, removed, listed, and gone with their resource.

use domain::Status;
use serde_json::{Value, json};

use crate::app::{App, HRNN, ROLE};

fn tag(key: &str, value: &str) -> Value {
    json!({ "tagKey": key, "tagValue": value })
}

async fn tags(app: &App, arn: &str) -> Value {
    app.ok("ListTagsForResource", json!({ "resourceArn": arn })).await["tags"].clone()
}

#[tokio::test]
async fn every_creation_takes_tags() {
    let app = App::start().await;
    let given = json!([tag("stage", ""), tag("team", "films")]);
    let with_tags = |mut request: Value| {
        request["tags"] = given.clone();
        request
    };
    let schema = app.schema("films").await;
    let group = app.create("CreateDatasetGroup", with_tags(json!({ "name": "films" }))).await;
    let dataset = json!({
        "name": "d", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Interactions"
    });
    let dataset = app.create("CreateDataset", with_tags(dataset)).await;
    let import = json!({
        "jobName": "i", "datasetArn": dataset, "dataSource": { "dataLocation": "s3://films/ratings.csv" }
    });
    let import = app.create("CreateDatasetImportJob", with_tags(import)).await;
    app.fill(&dataset).await;
    let tracker = json!({ "name": "t", "datasetGroupArn": group });
    let tracker = app.create("CreateEventTracker", with_tags(tracker)).await;
    let solution = |name: &str, recipe: &str| {
        with_tags(json!({ "name": name, "datasetGroupArn": group, "recipeArn": recipe }))
    };
    let viewers = "arn:aws:personalize:::recipe/aws-item-affinity";
    let viewers = app.trained(&app.create("CreateSolution", solution("viewers", viewers)).await).await;
    let solution = app.create("CreateSolution", solution("films", HRNN)).await;
    let version = app.create("CreateSolutionVersion", with_tags(json!({ "solutionArn": solution }))).await;
    let trained = app.trained(&solution).await;
    let campaign = json!({ "name": "films", "solutionVersionArn": trained });
    let campaign = app.create("CreateCampaign", with_tags(campaign)).await;
    let batch = |version: &str| {
        with_tags(json!({
            "jobName": "b",
            "solutionVersionArn": version,
            "jobInput": { "s3DataSource": { "path": "s3://films/users.json" } },
            "jobOutput": { "s3DataDestination": { "path": "s3://films/out/" } },
            "roleArn": ROLE,
        }))
    };
    let inference = app.create("CreateBatchInferenceJob", batch(&trained)).await;
    let segments = app.create("CreateBatchSegmentJob", batch(&viewers)).await;
    let all = [group, dataset, import, tracker, solution, version, campaign, inference, segments];
    for arn in &all {
        assert_eq!(tags(&app, arn).await, given, "{arn}");
    }
    // Work on a resource leaves its tags alone.
    app.set_status(&all[5], Status::Active).await;
    assert_eq!(tags(&app, &all[5]).await, given);
}

#[tokio::test]
async fn tags_are_added_replaced_and_removed() {
    let app = App::start().await;
    let group = app.group("films").await;
    assert_eq!(tags(&app, &group).await, json!([]));
    let add = |tags: Value| json!({ "resourceArn": group, "tags": tags });
    assert_eq!(app.ok("TagResource", add(json!([tag("b", "1"), tag("a", "1")]))).await, json!({}));
    app.ok("TagResource", add(json!([tag("b", "2"), tag("c", "1")]))).await;
    assert_eq!(tags(&app, &group).await, json!([tag("a", "1"), tag("b", "2"), tag("c", "1")]));
    let remove = json!({ "resourceArn": group, "tagKeys": ["a", "c", "never there"] });
    assert_eq!(app.ok("UntagResource", remove).await, json!({}));
    assert_eq!(tags(&app, &group).await, json!([tag("b", "2")]));
}

#[tokio::test]
async fn a_resource_has_at_most_fifty_tags() {
    let app = App::start().await;
    let many =
        |from: usize, to: usize| (from..to).map(|key| tag(&format!("k{key:02}"), "v")).collect::<Vec<_>>();
    let too_many = json!({ "name": "films", "tags": many(0, 51) });
    assert_eq!(app.refused("CreateDatasetGroup", too_many).await.0, "TooManyTagsException");
    let group = app.create("CreateDatasetGroup", json!({ "name": "films", "tags": many(0, 50) })).await;
    let one_more = json!({ "resourceArn": group, "tags": many(50, 51) });
    let (exception, message) = app.refused("TagResource", one_more.clone()).await;
    assert_eq!(exception, "TooManyTagsException");
    assert!(message.contains("51 tags") && message.contains("UntagResource"), "{message}");
    app.ok("TagResource", json!({ "resourceArn": group, "tags": many(0, 50) })).await;
    app.ok("UntagResource", json!({ "resourceArn": group, "tagKeys": ["k00"] })).await;
    app.ok("TagResource", one_more).await;

    let keys: Vec<_> = (0..51).map(|key| key.to_string()).collect();
    let remove = json!({ "resourceArn": group, "tagKeys": keys });
    assert_eq!(app.refused("UntagResource", remove).await.0, "TooManyTagKeysException");
}

#[tokio::test]
async fn what_cannot_be_tagged_says_so() {
    let app = App::start().await;
    let group = app.group("films").await;
    let schema = app.schema("films").await;
    let unknown = group.replace("films", "unknown");
    app.set_status(&group, Status::DeletePending).await;
    let tags = json!([tag("a", "1")]);
    for (arn, exception, changes_only) in [
        (schema.as_str(), "InvalidInputException", false),
        (HRNN, "InvalidInputException", false),
        (unknown.as_str(), "ResourceNotFoundException", false),
        ("arn:aws:personalize:us-east-1:000000000000:film/x", "ResourceNotFoundException", false),
        (group.as_str(), "ResourceInUseException", true),
    ] {
        let refused = app.refused("TagResource", json!({ "resourceArn": arn, "tags": tags })).await;
        assert_eq!(refused.0, exception, "{arn}: {}", refused.1);
        assert!(refused.1.contains(arn), "{}", refused.1);
        let refused = app.refused("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["a"] })).await;
        assert_eq!(refused.0, exception, "{arn}: {}", refused.1);
        if !changes_only {
            let refused = app.refused("ListTagsForResource", json!({ "resourceArn": arn })).await;
            assert_eq!(refused.0, exception, "{arn}: {}", refused.1);
        }
    }
}
