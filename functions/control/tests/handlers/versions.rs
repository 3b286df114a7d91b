//! Solutions and their versions.

use domain::resource::SolutionVersion;
use domain::{Arn, Status};
use serde_json::json;

use crate::app::{App, HRNN, POPULARITY};

async fn stored(app: &App, arn: &str) -> SolutionVersion {
    let arn: Arn = arn.parse().unwrap();
    app.control.resources.get_as(&arn).await.unwrap().unwrap().value
}

#[tokio::test]
async fn a_version_keeps_what_its_solution_said() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let request = json!({
        "name": "films", "datasetGroupArn": group, "recipeArn": HRNN, "eventType": "watch",
        "solutionConfig": { "eventValueThreshold": "3.5", "algorithmHyperParameters": { "bptt": "16" } },
    });
    let solution = app.create("CreateSolution", request).await;
    let version = app.create("CreateSolutionVersion", json!({ "solutionArn": solution })).await;
    let kept = stored(&app, &version).await;
    assert_eq!(kept.event_type.as_deref(), Some("watch"));
    assert_eq!(kept.config.as_ref().unwrap().event_value_threshold.as_deref(), Some("3.5"));
    // Given, defaulted, and from the feature transformation.
    assert_eq!(kept.hyperparameters.integer("bptt"), 16);
    assert_eq!(kept.hyperparameters.integer("hidden_dimension"), 43);
    assert_eq!(kept.hyperparameters.real("max_user_history_length_percentile"), 0.99);

    let described = app.ok("DescribeSolutionVersion", json!({ "solutionVersionArn": version })).await;
    let described = &described["solutionVersion"];
    assert_eq!(described["name"], version.split_once(":solution/").unwrap().1);
    assert_eq!(described["solutionConfig"]["algorithmHyperParameters"], json!({ "bptt": "16" }));
    assert_eq!(described.get("trainingHours"), None);
}

#[tokio::test]
async fn percentiles_that_leave_nothing_are_refused() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let request = json!({
        "name": "films", "datasetGroupArn": group, "recipeArn": HRNN,
        "solutionConfig": { "featureTransformationParameters": {
            "min_user_history_length_percentile": "0.9", "max_user_history_length_percentile": "0.5" } },
    });
    let (exception, message) = app.refused("CreateSolution", request).await;
    assert_eq!(exception, "InvalidInputException");
    assert!(message.contains("min_user_history_length_percentile is 0.9"), "{message}");
}

#[tokio::test]
async fn stopping_depends_on_how_far_the_training_is() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    for (before, after) in [
        (Status::CreatePending, Some(Status::CreateStopped)),
        (Status::CreateInProgress, Some(Status::CreateStopping)),
        (Status::CreateStopping, Some(Status::CreateStopping)),
        (Status::Active, None),
        (Status::CreateFailed, None),
        (Status::CreateStopped, None),
    ] {
        let version = app.create("CreateSolutionVersion", json!({ "solutionArn": solution })).await;
        app.set_status(&version, before).await;
        let request = json!({ "solutionVersionArn": version });
        match after {
            Some(after) => {
                assert!(app.ok("StopSolutionVersionCreation", request).await.is_null());
                assert_eq!(stored(&app, &version).await.lifecycle.status, after);
            }
            None => {
                let (exception, message) = app.refused("StopSolutionVersionCreation", request).await;
                assert_eq!(exception, "ResourceInUseException");
                assert!(message.contains(before.as_str()), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn metrics_have_four_decimals() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    let version = app.trained(&solution).await;
    let answer = app.ok("GetSolutionMetrics", json!({ "solutionVersionArn": version })).await;
    assert_eq!(answer, json!({ "solutionVersionArn": version, "metrics": { "coverage": 0.1235 } }));
}

#[tokio::test]
async fn a_solution_shows_its_newest_version() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    let described = app.ok("DescribeSolution", json!({ "solutionArn": solution })).await;
    assert_eq!(described["solution"].get("latestSolutionVersion"), None);
    app.trained(&solution).await;
    let newest = app.create("CreateSolutionVersion", json!({ "solutionArn": solution })).await;
    let described = app.ok("DescribeSolution", json!({ "solutionArn": solution })).await;
    assert_eq!(described["solution"]["latestSolutionVersion"]["solutionVersionArn"], newest.as_str());
    assert_eq!(described["solution"]["performAutoTraining"], false);
}
