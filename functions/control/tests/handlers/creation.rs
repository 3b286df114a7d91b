//! What has to be there before something is created, and what is launched then.

use domain::Status;
use domain::limits::Quotas;
use domain::resource::Job;
use serde_json::{Value, json};

use crate::app::{App, HRNN, POPULARITY, ROLE};

const AFFINITY: &str = "arn:aws:personalize:::recipe/aws-item-affinity";

fn import(dataset: &str, name: &str) -> Value {
    json!({ "jobName": name, "datasetArn": dataset, "dataSource": { "dataLocation": "s3://films/ratings.csv" } })
}

fn batch(version: &str, name: &str) -> Value {
    json!({
        "jobName": name,
        "solutionVersionArn": version,
        "jobInput": { "s3DataSource": { "path": "s3://films/users.json" } },
        "jobOutput": { "s3DataDestination": { "path": "s3://films/out/" } },
        "roleArn": ROLE,
    })
}

fn export(dataset: &str, name: &str) -> Value {
    json!({
        "jobName": name,
        "datasetArn": dataset,
        "jobOutput": { "s3DataDestination": { "path": "s3://films/out/" } },
        "roleArn": ROLE,
    })
}

#[tokio::test]
async fn what_needs_no_work_is_active_at_once() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    for (operation, wrapper, member, arn) in [
        ("DescribeDatasetGroup", "datasetGroup", "datasetGroupArn", &group),
        ("DescribeSolution", "solution", "solutionArn", &solution),
    ] {
        let body = app.ok(operation, json!({ member: arn })).await;
        assert_eq!(body[wrapper]["status"], "ACTIVE");
    }
    assert_eq!(app.launched(), vec![]);
}

#[tokio::test]
async fn what_needs_work_is_pending_and_its_work_is_launched() {
    let app = App::start().await;
    let (group, schema) = (app.group("films").await, app.schema("films").await);
    let dataset = app.dataset(&group, &schema).await;
    let job = app.create("CreateDatasetImportJob", import(&dataset, "ratings")).await;
    assert_eq!(app.launched(), vec![Job::Import(job.parse().unwrap())]);
    let described = app.ok("DescribeDatasetImportJob", json!({ "datasetImportJobArn": job })).await;
    assert_eq!(described["datasetImportJob"]["status"], "CREATE PENDING");

    app.fill(&dataset).await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    let version = app.trained(&solution).await;
    assert_eq!(app.launched(), vec![Job::Train(version.parse().unwrap())]);
    let campaign = app.campaign("films", &version).await;
    assert_eq!(app.launched(), vec![Job::Deploy(campaign.parse().unwrap())]);
    let batch = app.create("CreateBatchInferenceJob", batch(&version, "users")).await;
    assert_eq!(app.launched(), vec![Job::BatchInference(batch.parse().unwrap())]);
    let export = app.create("CreateDatasetExportJob", export(&dataset, "all")).await;
    assert_eq!(app.launched(), vec![Job::Export(export.parse().unwrap())]);
    let described = app.ok("DescribeDatasetExportJob", json!({ "datasetExportJobArn": export })).await;
    let job = &described["datasetExportJob"];
    // What came by PutEvents and the like, unless something else is asked for.
    assert_eq!((&job["status"], &job["ingestionMode"]), (&json!("CREATE PENDING"), &json!("PUT")));
    assert_eq!(job["jobOutput"]["s3DataDestination"]["path"], "s3://films/out/");
    let listed = app.ok("ListDatasetExportJobs", json!({ "datasetArn": dataset })).await;
    assert_eq!(listed["datasetExportJobs"][0]["datasetExportJobArn"], export);
}

/// A trained version that finds users.
async fn segments(app: &App) -> String {
    let group = app.filled_group("segments").await;
    let solution = app.solution(&group, "segments", AFFINITY).await;
    app.trained(&solution).await
}

#[tokio::test]
async fn segments_come_from_segment_jobs_and_from_nothing_else() {
    let app = App::start().await;
    let segments = segments(&app).await;
    let items = app.trained(&app.solution(&app.filled_group("films").await, "films", POPULARITY).await).await;
    let trending = "arn:aws:personalize:::recipe/aws-trending-now";
    let trending = app.trained(&app.solution(&app.filled_group("news").await, "news", trending).await).await;
    app.launched();
    let job = app.create("CreateBatchSegmentJob", batch(&segments, "viewers")).await;
    assert_eq!(app.launched(), vec![Job::BatchSegment(job.parse().unwrap())]);
    for (operation, request, words) in [
        ("CreateBatchSegmentJob", batch(&items, "x"), "USER_SEGMENTATION"),
        ("CreateBatchInferenceJob", batch(&segments, "x"), "CreateBatchSegmentJob"),
        ("CreateBatchInferenceJob", batch(&trending, "x"), "GetRecommendations"),
        ("CreateCampaign", json!({ "name": "x", "solutionVersionArn": segments }), "CreateBatchSegmentJob"),
    ] {
        let (exception, message) = app.refused(operation, request).await;
        assert_eq!(exception, "InvalidInputException", "{operation}: {message}");
        assert!(message.contains(words), "{operation}: {message}");
    }
    app.campaign("news", &trending).await;
}

#[tokio::test]
async fn a_parent_that_is_not_active_is_in_use() {
    let app = App::start().await;
    let (group, schema) = (app.group("films").await, app.schema("films").await);
    let dataset = app.dataset(&group, &schema).await;
    app.fill(&dataset).await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    let version = app.trained(&solution).await;
    let create_dataset = json!({
        "name": "users", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Users"
    });
    let create_solution = json!({ "name": "more", "datasetGroupArn": group, "recipeArn": POPULARITY });
    for (parent, status, operation, request) in [
        (&group, Status::DeletePending, "CreateDataset", create_dataset),
        (&group, Status::CreateFailed, "CreateSolution", create_solution),
        (&dataset, Status::DeleteInProgress, "CreateDatasetImportJob", import(&dataset, "ratings")),
        (&dataset, Status::DeletePending, "CreateDatasetExportJob", export(&dataset, "all")),
        (&dataset, Status::DeletePending, "CreateSolutionVersion", json!({ "solutionArn": solution })),
        (&solution, Status::DeletePending, "CreateSolutionVersion", json!({ "solutionArn": solution })),
        (
            &version,
            Status::CreatePending,
            "CreateCampaign",
            json!({ "name": "c", "solutionVersionArn": version }),
        ),
        (&version, Status::CreateInProgress, "CreateBatchInferenceJob", batch(&version, "b")),
        (&version, Status::CreateFailed, "GetSolutionMetrics", json!({ "solutionVersionArn": version })),
        (
            &solution,
            Status::DeletePending,
            "CreateCampaign",
            json!({ "name": "c", "solutionVersionArn": version }),
        ),
        (&solution, Status::DeletePending, "CreateBatchInferenceJob", batch(&version, "b")),
    ] {
        app.set_status(parent, status).await;
        let (exception, message) = app.refused(operation, request).await;
        assert_eq!(exception, "ResourceInUseException", "{operation}: {message}");
        assert!(message.contains(parent.as_str()) && message.contains(status.as_str()), "{message}");
        app.set_status(parent, Status::Active).await;
    }
}

#[tokio::test]
async fn work_that_cannot_be_launched_leaves_the_name_free() {
    let app = App::start().await;
    let (group, schema) = (app.group("films").await, app.schema("films").await);
    let dataset = app.dataset(&group, &schema).await;
    app.refuse_to_launch(true);
    let (exception, message) = app.refused("CreateDatasetImportJob", import(&dataset, "ratings")).await;
    assert_eq!(exception, "InternalFailure");
    assert!(!message.contains("no launcher today"), "the cause is for the log: {message}");
    app.refuse_to_launch(false);
    app.create("CreateDatasetImportJob", import(&dataset, "ratings")).await;
}

#[tokio::test]
async fn names_are_taken_once() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let (exception, message) = app.refused("CreateDatasetGroup", json!({ "name": "films" })).await;
    assert_eq!(exception, "ResourceAlreadyExistsException");
    assert_eq!(message, format!("Another resource with Arn {group} already exists."));
    let another = app.schema("another").await;
    let request = json!({
        "name": "second", "schemaArn": another, "datasetGroupArn": group, "datasetType": "INTERACTIONS"
    });
    assert_eq!(app.refused("CreateDataset", request).await.0, "ResourceAlreadyExistsException");
}

#[tokio::test]
async fn quotas_have_the_messages_of_the_hosted_service() {
    let app = App::with_quotas(Quotas {
        schemas: 2,
        dataset_groups: 2,
        solutions_per_group: 2,
        campaigns_per_group: 1,
        imports_in_flight: 1,
        solution_versions_in_flight: 1,
        batch_inference_in_flight: 1,
        batch_segment_in_flight: 1,
        exports_in_flight: 1,
        deletions_in_flight: 1,
        filters_per_group: 1,
        filter_fields_per_group: 1,
        recommenders_per_group: 1,
    })
    .await;
    let group = app.filled_group("films").await;
    let dataset = group.replace("dataset-group/films", "dataset/films/INTERACTIONS");
    app.create("CreateDatasetImportJob", import(&dataset, "first")).await;
    let (one, two) = (app.solution(&group, "one", POPULARITY).await, app.solution(&group, "two", HRNN).await);
    let version = app.trained(&one).await;
    let segments = segments(&app).await;
    app.create("CreateSolutionVersion", json!({ "solutionArn": two })).await;
    app.campaign("films", &version).await;
    app.create("CreateBatchInferenceJob", batch(&version, "first")).await;
    app.create("CreateBatchSegmentJob", batch(&segments, "first")).await;
    app.create("CreateDatasetExportJob", export(&dataset, "first")).await;
    let solution = json!({ "name": "three", "datasetGroupArn": group, "recipeArn": HRNN });
    for (operation, request, text) in [
        ("CreateDatasetGroup", json!({ "name": "more" }), "Cannot create a dataset group. More than 2"),
        (
            "CreateSchema",
            json!({ "name": "more", "schema": crate::app::SCHEMA }),
            "Cannot create a schema. More than 2",
        ),
        ("CreateSolution", solution, "Cannot create a solution. More than 2"),
        (
            "CreateCampaign",
            json!({ "name": "more", "solutionVersionArn": version }),
            "Cannot create a campaign. More than 1 resources in ACTIVE state. Please delete some and try again.",
        ),
        (
            "CreateDatasetImportJob",
            import(&dataset, "second"),
            "More than 1 resources with PENDING or IN_PROGRESS status",
        ),
        ("CreateSolutionVersion", json!({ "solutionArn": two }), "More than 1 resources with PENDING"),
        ("CreateBatchInferenceJob", batch(&version, "second"), "More than 1 resources with PENDING"),
        ("CreateBatchSegmentJob", batch(&segments, "second"), "More than 1 resources with PENDING"),
        ("CreateDatasetExportJob", export(&dataset, "second"), "More than 1 resources with PENDING"),
    ] {
        let (exception, message) = app.refused(operation, request).await;
        assert_eq!(exception, "LimitExceededException", "{operation}: {message}");
        assert!(message.starts_with(text), "{message}");
    }
}

#[tokio::test]
async fn users_are_deleted_beside_few_other_jobs_and_no_import() {
    let app = App::with_quotas(Quotas { deletions_in_flight: 1, ..Quotas::default() }).await;
    let group = app.filled_group("films").await;
    let other = app.filled_group("books").await;
    let dataset = group.replace("dataset-group/films", "dataset/films/INTERACTIONS");
    let deletion = |group: &str, name: &str| {
        json!({
            "jobName": name,
            "datasetGroupArn": group,
            "dataSource": { "dataLocation": "s3://films/gone.csv" },
            "roleArn": ROLE,
        })
    };
    for work in [
        app.create("CreateDatasetImportJob", import(&dataset, "first")).await,
        app.create("CreateDatasetExportJob", export(&dataset, "first")).await,
    ] {
        let (exception, message) = app.refused("CreateDataDeletionJob", deletion(&group, "gone")).await;
        assert_eq!(exception, "ResourceInUseException");
        assert!(message.contains(&work), "{message}");
        app.set_status(&work, Status::Active).await;
    }
    app.launched();
    let job = app.create("CreateDataDeletionJob", deletion(&group, "gone")).await;
    assert_eq!(app.launched(), [Job::DataDeletion(job.parse().unwrap())]);
    let (exception, message) = app.refused("CreateDataDeletionJob", deletion(&group, "more")).await;
    assert_eq!(exception, "LimitExceededException");
    assert!(message.starts_with("More than 1 resources with PENDING"), "{message}");
    // Each group has its own.
    app.create("CreateDataDeletionJob", deletion(&other, "others")).await;
    let (exception, message) = app.refused("DeleteDataset", json!({ "datasetArn": dataset })).await;
    assert_eq!(exception, "ResourceInUseException");
    assert!(message.contains(&job), "{message}");
    app.set_status(&job, Status::Active).await;
    app.create("CreateDataDeletionJob", deletion(&group, "more")).await;
}
