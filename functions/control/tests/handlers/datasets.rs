//! Replacing the schema of a dataset.

use domain::Status;
use serde_json::{Value, json};

use crate::app::App;

const YEAR: &str = r#"{"name":"YEAR","type":"int"}"#;
const GENRES: &str = r#"{"name":"GENRES","type":["null","string"],"categorical":true}"#;

async fn items_schema(app: &App, name: &str, fields: &[&str]) -> String {
    let fields = fields.join(",");
    let schema = format!(
        r#"{{"type":"record","name":"Items","fields":[{{"name":"ITEM_ID","type":"string"}},{fields}]}}"#
    );
    app.create("CreateSchema", json!({ "name": name, "schema": schema })).await
}

async fn items(app: &App, group: &str, schema: &str) -> String {
    let request =
        json!({ "name": "items", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Items" });
    app.create("CreateDataset", request).await
}

async fn described(app: &App, dataset: &str) -> Value {
    app.ok("DescribeDataset", json!({ "datasetArn": dataset })).await["dataset"].clone()
}

#[tokio::test]
async fn a_schema_with_further_columns_replaces_the_one_before() {
    let app = App::start().await;
    let group = app.group("films").await;
    let before = items_schema(&app, "before", &[YEAR]).await;
    let after = items_schema(&app, "after", &[GENRES, YEAR]).await;
    let dataset = items(&app, &group, &before).await;
    assert!(described(&app, &dataset).await.get("latestDatasetUpdate").is_none());

    let request = json!({ "datasetArn": dataset, "schemaArn": after });
    assert_eq!(app.ok("UpdateDataset", request.clone()).await, json!({ "datasetArn": dataset }));
    let found = described(&app, &dataset).await;
    assert_eq!((&found["schemaArn"], &found["status"]), (&json!(after), &json!("ACTIVE")));
    let update = &found["latestDatasetUpdate"];
    assert_eq!((&update["schemaArn"], &update["status"]), (&json!(after), &json!("ACTIVE")));
    assert_eq!(update["creationDateTime"], found["lastUpdatedDateTime"]);
    assert!(found["lastUpdatedDateTime"].as_f64() > found["creationDateTime"].as_f64());
    assert_eq!(app.launched(), vec![]);

    // The one before is free, the new one is not.
    app.ok("DeleteSchema", json!({ "schemaArn": before })).await;
    let (exception, message) = app.refused("DeleteSchema", json!({ "schemaArn": after })).await;
    assert_eq!(exception, "ResourceInUseException");
    assert!(message.contains(&dataset), "{message}");
    // Asking once more changes nothing else.
    app.ok("UpdateDataset", request).await;
}

#[tokio::test]
async fn what_cannot_replace_a_schema_says_why() {
    let app = App::start().await;
    let group = app.group("films").await;
    let (interactions, schema) =
        (app.schema("interactions").await, items_schema(&app, "items", &[YEAR]).await);
    let viewing = app.dataset(&group, &interactions).await;
    let dataset = items(&app, &group, &schema).await;
    let unknown = schema.replace("items", "unknown");
    let nowhere = dataset.replace("films", "unknown");
    let lacking = items_schema(&app, "lacking", &[GENRES]).await;
    let strict = items_schema(&app, "strict", &[YEAR, r#"{"name":"PRICE","type":"float"}"#]).await;
    let wide = items_schema(&app, "wide", &[r#"{"name":"YEAR","type":"long"}"#]).await;
    let longer = items_schema(&app, "longer", &[YEAR, GENRES]).await;
    for (dataset, schema, exception, words) in [
        (&viewing, &interactions, "InvalidInputException", "Interactions dataset"),
        (&dataset, &interactions, "InvalidInputException", "INTERACTIONS"),
        (&dataset, &lacking, "InvalidInputException", "\"YEAR\""),
        (&dataset, &strict, "InvalidInputException", r#"["null", "float"]"#),
        (&dataset, &wide, "InvalidInputException", "\"int\""),
        (&dataset, &unknown, "ResourceNotFoundException", unknown.as_str()),
        (&nowhere, &longer, "ResourceNotFoundException", nowhere.as_str()),
    ] {
        let request = json!({ "datasetArn": dataset, "schemaArn": schema });
        let refused = app.refused("UpdateDataset", request).await;
        assert_eq!(refused.0, exception, "{schema}: {}", refused.1);
        assert!(refused.1.contains(words), "{}", refused.1);
    }
    assert_eq!(described(&app, &dataset).await["schemaArn"], schema);

    let import = json!({
        "jobName": "items", "datasetArn": dataset, "dataSource": { "dataLocation": "s3://films/items.csv" }
    });
    let job = app.create("CreateDatasetImportJob", import).await;
    let request = json!({ "datasetArn": dataset, "schemaArn": longer });
    let (exception, message) = app.refused("UpdateDataset", request.clone()).await;
    assert_eq!(exception, "ResourceInUseException");
    assert!(message.contains(&job), "{message}");
    app.set_status(&job, Status::Active).await;
    app.set_status(&dataset, Status::DeletePending).await;
    assert_eq!(app.refused("UpdateDataset", request.clone()).await.0, "ResourceInUseException");
    app.set_status(&dataset, Status::Active).await;
    app.ok("UpdateDataset", request).await;
}
