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
                ("campaignConfig", json!({ "rankingInfluence": { "FRESHNESS": 1.1 } })),
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
async fn keys_of_kms_are_kept_with_what_is_encrypted_by_them() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", HRNN).await;
    let version = app.trained(&solution).await;
    let dataset = app.ok("ListDatasets", json!({ "datasetGroupArn": group })).await["datasets"][0].clone();
    let key = |n: u32| format!("arn:aws:kms:us-east-1:000000000000:key/{n}");
    let place = |n: u32| json!({ "path": "s3://films/x/", "kmsKeyArn": key(n) });
    let input = json!({ "s3DataSource": place(1) });
    let output = json!({ "s3DataDestination": place(2) });
    let export = json!({
        "jobName": "x", "datasetArn": dataset["datasetArn"], "roleArn": ROLE, "jobOutput": output,
    });
    let batch = json!({
        "jobName": "x", "solutionVersionArn": version, "roleArn": ROLE, "jobInput": input, "jobOutput": output,
    });
    let reports = json!({ "s3DataDestination": place(3), "roleArn": ROLE });
    let metric = json!({ "eventType": "watch", "metricName": "m", "expression": "SAMPLECOUNT()" });
    let attribution = json!({
        "name": "x", "datasetGroupArn": group, "metrics": [metric], "metricsOutputConfig": reports,
    });
    for (operation, request, kept) in [
        ("DatasetExportJob", export, vec![("jobOutput", output.clone())]),
        ("BatchInferenceJob", batch, vec![("jobInput", input), ("jobOutput", output)]),
        ("MetricAttribution", attribution, vec![("metricsOutputConfig", reports)]),
    ] {
        let member = format!("{}{}", operation[..1].to_lowercase(), &operation[1..]);
        let arn = app.create(&format!("Create{operation}"), request).await;
        let asked = json!({ format!("{member}Arn"): arn });
        let described = app.ok(&format!("Describe{operation}"), asked).await;
        for (part, value) in kept {
            assert_eq!(described[&member][part], value, "{operation}");
        }
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
