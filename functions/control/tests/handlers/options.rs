//! Options that are not built are refused by name, and domains must agree.

use serde_json::json;

use crate::app::{App, HRNN, ROLE, SCHEMA};

#[tokio::test]
async fn nothing_that_is_not_done_is_accepted_silently() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", HRNN).await;
    let version = app.trained(&solution).await;
    for (operation, mut request, options) in [
        (
            "CreateDatasetGroup",
            json!({ "name": "x" }),
            vec![("kmsKeyArn", json!("arn:aws:kms:us-east-1:000000000000:key/k"))],
        ),
        (
            "CreateSolution",
            json!({ "name": "x", "datasetGroupArn": group, "recipeArn": HRNN }),
            vec![("performIncrementalUpdate", json!(true))],
        ),
        (
            "CreateSolutionVersion",
            json!({ "solutionArn": solution }),
            vec![("trainingMode", json!("AUTOTRAIN"))],
        ),
        (
            "CreateCampaign",
            json!({ "name": "x", "solutionVersionArn": version }),
            vec![
                ("campaignConfig", json!({ "rankingInfluence": { "FRESHNESS": 0.1 } })),
                ("campaignConfig", json!({ "itemExplorationConfig": { "explorationWeight": "0.3" } })),
            ],
        ),
        (
            "CreateBatchInferenceJob",
            json!({
                "jobName": "x", "solutionVersionArn": version, "roleArn": ROLE,
                "jobInput": { "s3DataSource": { "path": "s3://films/users.json" } },
                "jobOutput": { "s3DataDestination": { "path": "s3://films/out/" } },
            }),
            vec![
                ("batchInferenceJobMode", json!("THEME_GENERATION")),
                (
                    "batchInferenceJobConfig",
                    json!({ "itemExplorationConfig": { "explorationWeight": "0.3" } }),
                ),
            ],
        ),
    ] {
        for (option, value) in options {
            request[option] = value;
            let (exception, message) = app.refused(operation, request.clone()).await;
            assert_eq!(exception, "InvalidInputException", "{operation} {option}: {message}");
            request.as_object_mut().unwrap().remove(option);
        }
        app.ok(operation, request).await;
    }
}

#[tokio::test]
async fn a_schema_and_its_group_are_of_the_same_domain() {
    let app = App::start().await;
    let custom = app.schema("custom").await;
    let group = json!({ "name": "shop", "domain": "ECOMMERCE" });
    let created = app.ok("CreateDatasetGroup", group).await;
    assert_eq!(created["domain"], "ECOMMERCE");
    let dataset = |schema: &str| {
        json!({
            "name": "d", "datasetGroupArn": created["datasetGroupArn"], "schemaArn": schema,
            "datasetType": "Interactions",
        })
    };
    let (exception, message) = app.refused("CreateDataset", dataset(&custom)).await;
    assert_eq!(exception, "InvalidInputException");
    assert!(message.contains("ECOMMERCE") && message.contains("no domain"), "{message}");

    // A domain asks for EVENT_TYPE as well.
    let (exception, message) =
        app.refused("CreateSchema", json!({ "name": "shop", "schema": SCHEMA, "domain": "ECOMMERCE" })).await;
    assert_eq!(exception, "InvalidInputException");
    assert!(message.contains("EVENT_TYPE"), "{message}");
    let whole = SCHEMA.replace("]}", r#",{"name":"EVENT_TYPE","type":"string"}]}"#);
    let schema =
        app.create("CreateSchema", json!({ "name": "shop", "schema": whole, "domain": "ECOMMERCE" })).await;
    app.ok("CreateDataset", dataset(&schema)).await;
}
