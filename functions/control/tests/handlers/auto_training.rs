//! Automatic training: asking for it, changing it, and campaigns that follow their solution.

use domain::resource::{Campaign, Job, Solution, SolutionVersion};
use domain::{Arn, Lifecycle, ResourceKind, Status};
use serde_json::{Value, json};

use crate::app::{App, POPULARITY};

fn request(group: &str, name: &str) -> Value {
    json!({ "name": name, "datasetGroupArn": group, "recipeArn": POPULARITY, "performAutoTraining": true })
}

async fn described(app: &App, solution: &str) -> Value {
    app.ok("DescribeSolution", json!({ "solutionArn": solution })).await["solution"].clone()
}

async fn versions(app: &App, solution: &str) -> Vec<SolutionVersion> {
    let solution: Arn = solution.parse().unwrap();
    let found = app.control.resources.list_all(ResourceKind::SolutionVersion, Some(&solution)).await.unwrap();
    found.into_iter().map(|version| version.try_into().unwrap()).collect()
}

#[tokio::test]
async fn the_first_training_begins_with_the_solution_where_there_is_data() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    app.launched();
    let solution = app.create("CreateSolution", request(&group, "films")).await;
    let [version] = versions(&app, &solution).await.try_into().unwrap();
    assert_eq!(app.launched(), [Job::Train(version.arn.clone())]);
    let version = json!({ "solutionVersionArn": version.arn });
    let version = app.ok("DescribeSolutionVersion", version).await["solutionVersion"].clone();
    assert_eq!((&version["trainingType"], &version["trainingMode"]), (&json!("AUTOMATIC"), &json!("FULL")));
    let listed = app.ok("ListSolutionVersions", json!({ "solutionArn": solution })).await;
    assert_eq!(listed["solutionVersions"][0]["trainingType"], "AUTOMATIC");

    let empty = app.group("empty").await;
    let solution = app.create("CreateSolution", request(&empty, "empty")).await;
    assert!(versions(&app, &solution).await.is_empty());
    assert_eq!(described(&app, &solution).await["performAutoTraining"], true);
}

#[tokio::test]
async fn a_training_that_cannot_be_launched_fails_nothing_and_waits() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    app.refuse_to_launch(true);
    let solution = app.create("CreateSolution", request(&group, "films")).await;
    app.refuse_to_launch(false);
    let [version] = versions(&app, &solution).await.try_into().unwrap();
    assert_eq!(version.lifecycle.status, Status::CreatePending);
    app.launched();
    app.ok("UpdateSolution", json!({ "solutionArn": solution, "performAutoTraining": true })).await;
    assert_eq!(app.launched(), [Job::Train(version.arn)]);
    assert_eq!(versions(&app, &solution).await.len(), 1);
}

#[tokio::test]
async fn how_often_is_kept_shown_and_has_a_default() {
    let app = App::start().await;
    let group = app.group("films").await;
    let weekly = app.create("CreateSolution", request(&group, "weekly")).await;
    let schedule = |days: &str| json!({ "autoTrainingConfig": { "schedulingExpression": days } });
    assert_eq!(described(&app, &weekly).await["solutionConfig"], schedule("rate(7 days)"));
    let mut daily = request(&group, "daily");
    daily["solutionConfig"] = schedule("rate(1 day)");
    let daily = app.create("CreateSolution", daily).await;
    assert_eq!(described(&app, &daily).await["solutionConfig"], schedule("rate(1 day)"));

    // A frequency alone would be accepted and ignored.
    let mut alone = request(&group, "alone");
    alone["solutionConfig"] = schedule("rate(1 day)");
    alone.as_object_mut().unwrap().remove("performAutoTraining");
    let (exception, message) = app.refused("CreateSolution", alone.clone()).await;
    assert_eq!(exception, "InvalidInputException");
    assert!(message.contains("performAutoTraining"), "{message}");
    alone["performAutoTraining"] = json!(false);
    let alone = app.create("CreateSolution", alone).await;
    assert_eq!(described(&app, &alone).await["solutionConfig"], schedule("rate(1 day)"));
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_shows_as_the_latest() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    assert_eq!(described(&app, &solution).await.get("latestSolutionUpdate"), None);
    app.launched();

    let on = json!({
        "solutionArn": solution, "performAutoTraining": true,
        "solutionUpdateConfig": { "autoTrainingConfig": { "schedulingExpression": "rate(3 days)" } },
    });
    assert_eq!(app.create("UpdateSolution", on.clone()).await, solution);
    // Turned on with data that no version was trained on.
    let [version] = versions(&app, &solution).await.try_into().unwrap();
    assert_eq!(app.launched(), [Job::Train(version.arn)]);
    let shown = described(&app, &solution).await;
    assert_eq!(shown["performAutoTraining"], true);
    assert_eq!(shown["solutionConfig"]["autoTrainingConfig"]["schedulingExpression"], "rate(3 days)");
    let update = &shown["latestSolutionUpdate"];
    assert_eq!((&update["status"], &update["performAutoTraining"]), (&json!("ACTIVE"), &json!(true)));
    assert_eq!(update["solutionUpdateConfig"], on["solutionUpdateConfig"]);

    let off = json!({ "solutionArn": solution, "performAutoTraining": false });
    app.ok("UpdateSolution", off).await;
    let shown = described(&app, &solution).await;
    assert_eq!(shown["performAutoTraining"], false);
    assert_eq!(shown["solutionConfig"]["autoTrainingConfig"]["schedulingExpression"], "rate(3 days)");
    assert_eq!(shown["latestSolutionUpdate"].get("solutionUpdateConfig"), None);
}

#[tokio::test]
async fn only_a_solution_that_stays_is_updated() {
    let app = App::start().await;
    let group = app.group("films").await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    let update = |solution: &str| json!({ "solutionArn": solution, "performAutoTraining": true });
    app.set_status(&solution, Status::DeletePending).await;
    let (exception, message) = app.refused("UpdateSolution", update(&solution)).await;
    assert_eq!(exception, "ResourceInUseException");
    assert!(message.contains("DELETE PENDING"), "{message}");
    for gone in [solution.replace("films", "nothing"), group] {
        assert_eq!(app.refused("UpdateSolution", update(&gone)).await.0, "ResourceNotFoundException");
    }
}

#[tokio::test]
async fn a_solution_from_before_there_were_updates_is_read() {
    let row = json!({
        "arn": "arn:aws:personalize:us-east-1:000000000000:solution/films",
        "name": "films",
        "dataset_group": "arn:aws:personalize:us-east-1:000000000000:dataset-group/films",
        "recipe": POPULARITY,
        "config": { "algorithmHyperParameters": { "a": "1" } },
        "perform_auto_training": false,
        "lifecycle": { "status": "ACTIVE", "created": 0, "updated": 0 },
    });
    let solution: Solution = serde_json::from_value(row).unwrap();
    assert_eq!((solution.latest_update.is_none(), solution.schedule()), (true, None));
}

#[tokio::test]
async fn a_campaign_follows_its_solution_by_name_only() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    let first = app.trained(&solution).await;
    let latest = format!("{solution}/$LATEST");
    let sync = json!({ "syncWithLatestSolutionVersion": true });
    let create =
        |version: &str| json!({ "name": "films", "solutionVersionArn": version, "campaignConfig": sync });
    let (exception, message) = app.refused("CreateCampaign", create(&first)).await;
    assert_eq!(exception, "InvalidInputException");
    assert!(message.contains("$LATEST"), "{message}");
    let campaign = app.create("CreateCampaign", create(&latest)).await;
    app.change::<Campaign>(&campaign, |c| c.lifecycle = Lifecycle::active(c.lifecycle.created)).await;
    let shown = app.ok("DescribeCampaign", json!({ "campaignArn": campaign })).await["campaign"].clone();
    assert_eq!((&shown["campaignConfig"], &shown["solutionVersionArn"]), (&sync, &json!(first)));

    let update = |more: Value| {
        let mut request = json!({ "campaignArn": campaign });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    // It would leave that version at once.
    let (exception, message) =
        app.refused("UpdateCampaign", update(json!({ "solutionVersionArn": first }))).await;
    assert_eq!(exception, "InvalidInputException");
    assert!(message.contains("syncWithLatestSolutionVersion"), "{message}");
    let (exception, _) = app.refused("UpdateCampaign", update(json!({ "campaignConfig": sync }))).await;
    assert_eq!(exception, "InvalidInputException");
    let fixed = json!({
        "solutionVersionArn": first, "campaignConfig": { "syncWithLatestSolutionVersion": false }
    });
    app.ok("UpdateCampaign", update(fixed)).await;
}
