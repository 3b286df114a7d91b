//! Who blocks whom, and that nothing is deleted from under what is being created.

use std::sync::Arc;

use domain::resource::Job;
use domain::{Arn, ResourceKind, Status};
use serde_json::json;

use crate::app::{App, POPULARITY, ROLE};

#[tokio::test]
async fn each_parent_is_blocked_by_its_children_until_they_are_gone() {
    let app = App::start().await;
    let (group, schema) = (app.group("films").await, app.schema("films").await);
    let dataset = app.dataset(&group, &schema).await;
    app.fill(&dataset).await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    let version = app.trained(&solution).await;
    let campaign = app.deployed("films", &version).await;
    app.launched();

    for (operation, member, arn, blocker) in [
        ("DeleteDatasetGroup", "datasetGroupArn", &group, &dataset),
        ("DeleteSchema", "schemaArn", &schema, &dataset),
        ("DeleteSolution", "solutionArn", &solution, &campaign),
    ] {
        let (exception, message) = app.refused(operation, json!({ member: arn })).await;
        assert_eq!(exception, "ResourceInUseException");
        assert!(message.contains(blocker.as_str()), "{message}");
    }
    assert_eq!(app.launched(), vec![]);

    // A child that is being deleted still blocks.
    app.ok("DeleteCampaign", json!({ "campaignArn": campaign })).await;
    assert_eq!(
        app.refused("DeleteSolution", json!({ "solutionArn": solution })).await.0,
        "ResourceInUseException"
    );
    app.control.resources.delete(&campaign.parse().unwrap()).await.unwrap();
    app.ok("DeleteSolution", json!({ "solutionArn": solution })).await;
    app.ok("DeleteDataset", json!({ "datasetArn": dataset })).await;
    app.control.resources.delete(&solution.parse().unwrap()).await.unwrap();
    app.control.resources.delete(&dataset.parse().unwrap()).await.unwrap();
    app.ok("DeleteSchema", json!({ "schemaArn": schema })).await;
    app.ok("DeleteDatasetGroup", json!({ "datasetGroupArn": group })).await;
    let deleted = [&campaign, &solution, &dataset, &group].map(|arn| Job::Delete(arn.parse().unwrap()));
    assert_eq!(app.launched(), deleted);
}

#[tokio::test]
async fn a_delete_is_visible_until_it_is_done() {
    let app = App::start().await;
    let group = app.group("films").await;
    app.ok("DeleteDatasetGroup", json!({ "datasetGroupArn": group })).await;
    let described = app.ok("DescribeDatasetGroup", json!({ "datasetGroupArn": group })).await;
    assert_eq!(described["datasetGroup"]["status"], "DELETE PENDING");
    let (exception, message) = app.refused("DeleteDatasetGroup", json!({ "datasetGroupArn": group })).await;
    assert_eq!(exception, "ResourceInUseException");
    assert!(message.contains("DELETE PENDING"), "{message}");
}

#[tokio::test]
async fn a_schema_is_gone_at_once() {
    let app = App::start().await;
    let schema = app.schema("films").await;
    app.ok("DeleteSchema", json!({ "schemaArn": schema })).await;
    let (exception, _) = app.refused("DescribeSchema", json!({ "schemaArn": schema })).await;
    assert_eq!(exception, "ResourceNotFoundException");
    assert_eq!(app.launched(), vec![]);
}

#[tokio::test]
async fn work_in_progress_blocks_the_dataset_and_the_solution() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let dataset = group.replace("dataset-group/films", "dataset/films/INTERACTIONS");
    let import = json!({
        "jobName": "ratings", "datasetArn": dataset, "dataSource": { "dataLocation": "s3://films/ratings.csv" }
    });
    let job = app.create("CreateDatasetImportJob", import).await;
    let (_, message) = app.refused("DeleteDataset", json!({ "datasetArn": dataset })).await;
    assert!(message.contains(&job), "{message}");
    app.set_status(&job, Status::CreateFailed).await;
    let export = json!({
        "jobName": "all", "datasetArn": dataset, "roleArn": ROLE,
        "jobOutput": { "s3DataDestination": { "path": "s3://films/out/" } },
    });
    let job = app.create("CreateDatasetExportJob", export).await;
    let (_, message) = app.refused("DeleteDataset", json!({ "datasetArn": dataset })).await;
    assert!(message.contains(&job), "{message}");
    app.set_status(&job, Status::Active).await;

    let solution = app.solution(&group, "films", POPULARITY).await;
    let version = app.create("CreateSolutionVersion", json!({ "solutionArn": solution })).await;
    app.set_status(&version, Status::CreateInProgress).await;
    for (operation, request) in [
        ("DeleteDataset", json!({ "datasetArn": dataset })),
        ("DeleteSolution", json!({ "solutionArn": solution })),
    ] {
        let (exception, message) = app.refused(operation, request).await;
        assert_eq!(exception, "ResourceInUseException");
        assert!(message.contains(&version), "{message}");
    }
    app.set_status(&version, Status::CreateStopped).await;
    app.ok("DeleteDataset", json!({ "datasetArn": dataset })).await;
    app.ok("DeleteSolution", json!({ "solutionArn": solution })).await;
}

#[tokio::test]
async fn a_delete_that_cannot_be_launched_has_not_begun() {
    let app = App::start().await;
    let group = app.group("films").await;
    app.refuse_to_launch(true);
    let (exception, _) = app.refused("DeleteDatasetGroup", json!({ "datasetGroupArn": group })).await;
    assert_eq!(exception, "InternalFailure");
    let described = app.ok("DescribeDatasetGroup", json!({ "datasetGroupArn": group })).await;
    assert_eq!(described["datasetGroup"]["status"], "ACTIVE");
    app.refuse_to_launch(false);
    app.ok("DeleteDatasetGroup", json!({ "datasetGroupArn": group })).await;
}

/// However a create and a delete of its parent interleave, no child is left without its parent.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_create_and_a_delete_of_its_parent_at_the_same_moment() {
    let app = Arc::new(
        App::with_quotas(domain::limits::Quotas { dataset_groups: 100, ..Default::default() }).await,
    );
    let schema = app.schema("films").await;
    let (mut created, mut deleted) = (0, 0);
    for round in 0..40 {
        let group = app.group(&format!("films-{round}")).await;
        let dataset = json!({
            "name": "d", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Interactions"
        });
        let (one, two) = (app.clone(), app.clone());
        let delete = json!({ "datasetGroupArn": group });
        let create = tokio::spawn(async move { call(&one, "CreateDataset", dataset).await });
        let delete = tokio::spawn(async move { call(&two, "DeleteDatasetGroup", delete).await });
        let (create, delete) = (create.await.unwrap(), delete.await.unwrap());
        let group: Arn = group.parse().unwrap();
        let children = app.control.resources.list_all(ResourceKind::Dataset, Some(&group)).await.unwrap();
        assert_eq!(children.len(), usize::from(create), "round {round}");
        assert!(!(create && delete), "round {round}: a dataset in a group that is being deleted");
        created += usize::from(create);
        deleted += usize::from(delete);
    }
    assert!(created + deleted > 0);
}

/// Whether a request succeeded; it may fail with nothing but `ResourceInUse`.
async fn call(app: &App, operation: &str, request: serde_json::Value) -> bool {
    let target = format!("AmazonPersonalize.{operation}");
    let reply = control::handle(&app.control, Some(&target), request.to_string().as_bytes()).await;
    let body = String::from_utf8(reply.body).unwrap();
    assert!(reply.status == 200 || body.contains("ResourceInUseException"), "{operation}: {body}");
    reply.status == 200
}
