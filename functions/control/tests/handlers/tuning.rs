//! Hyperparameter optimization, AutoML, and training that goes on from an earlier version.

use domain::resource::{SolutionVersion, TrainingMode};
use domain::tuning::Tuned;
use domain::{Arn, Status};
use serde_json::{Value, json};

use crate::app::{App, HRNN, POPULARITY};

const SIMS: &str = "arn:aws:personalize:::recipe/aws-sims";

fn ranges() -> Value {
    json!({
        "integerHyperParameterRanges": [{ "name": "bptt", "minValue": 4, "maxValue": 8 }],
        "categoricalHyperParameterRanges": [{ "name": "recency_mask", "values": ["true", "false"] }],
    })
}

async fn stored(app: &App, arn: &str) -> SolutionVersion {
    let arn: Arn = arn.parse().unwrap();
    app.control.resources.get_as(&arn).await.unwrap().unwrap().value
}

#[tokio::test]
async fn what_shall_be_searched_comes_back_with_the_objective_that_is_used() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let request = json!({
        "name": "films", "datasetGroupArn": group, "recipeArn": HRNN, "performHPO": true,
        "solutionConfig": { "hpoConfig": {
            "hpoObjective": { "type": "Minimize", "metricName": "loss", "metricRegex": ".*" },
            "hpoResourceConfig": { "maxNumberOfTrainingJobs": "4", "maxParallelTrainingJobs": "2" },
            "algorithmHyperParameterRanges": ranges(),
        } },
    });
    let solution = app.create("CreateSolution", request).await;
    let version = app.create("CreateSolutionVersion", json!({ "solutionArn": solution })).await;
    let expected = json!({ "hpoConfig": {
        "hpoObjective": { "type": "Maximize", "metricName": "normalized_discounted_cumulative_gain_at_25" },
        "hpoResourceConfig": { "maxNumberOfTrainingJobs": "4", "maxParallelTrainingJobs": "2" },
        "algorithmHyperParameterRanges": ranges(),
    } });
    let described = app.ok("DescribeSolution", json!({ "solutionArn": solution })).await;
    assert_eq!(described["solution"]["solutionConfig"], expected);
    assert_eq!(described["solution"]["performHPO"], true);
    let described = app.ok("DescribeSolutionVersion", json!({ "solutionVersionArn": version })).await;
    assert_eq!(described["solutionVersion"]["solutionConfig"], expected);
    assert_eq!(described["solutionVersion"]["performHPO"], true);
    assert_eq!(described["solutionVersion"].get("tunedHPOParams"), None);

    app.change::<SolutionVersion>(&version, |version| {
        version.hyperparameters.0.insert("bptt".into(), domain::hyperparameters::Value::Integer(5));
        version.tuned = Some(Tuned { objective: "x".into(), trials: vec![], best: None });
    })
    .await;
    let described = app.ok("DescribeSolutionVersion", json!({ "solutionVersionArn": version })).await;
    assert_eq!(
        described["solutionVersion"]["tunedHPOParams"],
        json!({ "algorithmHyperParameters": { "bptt": "5", "hidden_dimension": "43", "recency_mask": "true" } })
    );
}

#[tokio::test]
async fn each_broken_rule_of_a_search_is_told() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let hpo = |config: Value| json!({ "performHPO": true, "solutionConfig": { "hpoConfig": config } });
    let jobs = |name: &str, value: Value| hpo(json!({ "hpoResourceConfig": { name: value } }));
    let range = |kind: &str, range: Value| hpo(json!({ "algorithmHyperParameterRanges": { kind: [range] } }));
    let integer = |name: &str, low: i64, high: i64| {
        range("integerHyperParameterRanges", json!({ "name": name, "minValue": low, "maxValue": high }))
    };
    for (recipe, members, text) in [
        (HRNN, jobs("maxNumberOfTrainingJobs", json!("41")), "from 1 to 40"),
        (HRNN, jobs("maxNumberOfTrainingJobs", json!("none")), "'none'"),
        (HRNN, jobs("maxParallelTrainingJobs", json!("11")), "from 1 to 10"),
        (HRNN, integer("bptt", 1, 8), "bptt is 1 to 8; it must lie within 2 to 32"),
        (HRNN, integer("bptt", 8, 4), "minValue must not be above maxValue"),
        (HRNN, integer("bptt", -1_000_001, 4), "greater than or equal to -1000000"),
        (HRNN, integer("layers", 1, 2), "algorithm/aws-hrnn ('layers' is not"),
        (HRNN, integer("recency_mask", 0, 1), "categoricalHyperParameterRanges"),
        (
            HRNN,
            range("categoricalHyperParameterRanges", json!({ "name": "recency_mask", "values": ["no"] })),
            "'no'; choose among true, false",
        ),
        (
            SIMS,
            range(
                "continuousHyperParameterRanges",
                json!({ "name": "popularity_discount_factor", "minValue": 0.5, "maxValue": 1.5 }),
            ),
            "within 0 to 1",
        ),
        (
            HRNN,
            hpo(
                json!({ "algorithmHyperParameterRanges": { "integerHyperParameterRanges": [{ "name": "bptt" }] } }),
            ),
            "integerHyperParameterRanges[0].minValue",
        ),
        (POPULARITY, json!({ "performHPO": true }), "no hyperparameter that can be tuned"),
        (HRNN, json!({ "solutionConfig": { "hpoConfig": { "hpoResourceConfig": {} } } }), "set performHPO"),
        (
            HRNN,
            json!({ "solutionConfig": { "autoMLConfig": { "recipeList": [HRNN] } } }),
            "performAutoML is not true",
        ),
        (HRNN, json!({ "performAutoML": true }), "either name the recipe or let AutoML choose"),
        ("", json!({}), "'recipeArn' is missing"),
        (
            "",
            json!({ "performAutoML": true, "solutionConfig": { "autoMLConfig": { "metricName": "loss" } } }),
            "'loss' at 'solutionConfig.autoMLConfig.metricName'",
        ),
        (
            "",
            json!({ "performAutoML": true, "solutionConfig": { "autoMLConfig": { "recipeList": [SIMS] } } }),
            "aws-sims at 'solutionConfig.autoMLConfig.recipeList' is not a recipe that AutoML can compare",
        ),
        (
            "",
            json!({ "performAutoML": true, "solutionConfig": { "algorithmHyperParameters": { "bptt": "3" } } }),
            "belongs to one recipe",
        ),
    ] {
        let mut request = json!({ "name": "x", "datasetGroupArn": group });
        if !recipe.is_empty() {
            request["recipeArn"] = json!(recipe);
        }
        for (name, value) in members.as_object().unwrap() {
            request[name] = value.clone();
        }
        let (exception, message) = app.refused("CreateSolution", request).await;
        assert_eq!(exception, "InvalidInputException", "{members}: {message}");
        assert!(message.contains(text), "{members}: {message}");
    }
}

#[tokio::test]
async fn auto_ml_shows_its_choice_once_a_version_is_active() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let request = json!({
        "name": "films", "datasetGroupArn": group, "performAutoML": true,
        "solutionConfig": { "autoMLConfig": { "metricName": "precision_at_10", "recipeList": [POPULARITY, HRNN] } },
    });
    let solution = app.create("CreateSolution", request).await;
    let version = app.create("CreateSolutionVersion", json!({ "solutionArn": solution })).await;
    let describe = async || {
        let solution = app.ok("DescribeSolution", json!({ "solutionArn": solution })).await;
        let version = app.ok("DescribeSolutionVersion", json!({ "solutionVersionArn": version })).await;
        (solution["solution"].clone(), version["solutionVersion"].clone())
    };
    let (shown, trained) = describe().await;
    assert_eq!(shown["performAutoML"], true);
    assert_eq!(shown["solutionConfig"]["autoMLConfig"]["recipeList"], json!([POPULARITY, HRNN]));
    for member in ["recipeArn", "autoMLResult"] {
        assert_eq!((shown.get(member), trained.get(member)), (None, None));
    }
    app.change::<SolutionVersion>(&version, |version| {
        version.recipe = HRNN.parse().unwrap();
        version.tuned = Some(Tuned { objective: "precision_at_10".into(), trials: vec![], best: None });
    })
    .await;
    app.set_status(&version, Status::Active).await;
    let (shown, trained) = describe().await;
    assert_eq!(shown["autoMLResult"], json!({ "bestRecipeArn": HRNN }));
    assert_eq!(trained["recipeArn"], HRNN);
}

#[tokio::test]
async fn an_update_goes_on_from_the_newest_version_of_the_solution() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let (hrnn, popularity) =
        (app.solution(&group, "films", HRNN).await, app.solution(&group, "popular", POPULARITY).await);
    let update = |solution: &str| json!({ "solutionArn": solution, "trainingMode": "UPDATE" });
    let (exception, message) = app.refused("CreateSolutionVersion", update(&popularity)).await;
    assert_eq!(exception, "InvalidInputException");
    assert!(message.contains("aws-popularity-count has no weights to go on from"), "{message}");
    app.create("CreateSolutionVersion", json!({ "solutionArn": hrnn })).await;
    let (exception, message) = app.refused("CreateSolutionVersion", update(&hrnn)).await;
    assert_eq!(exception, "InvalidInputException");
    assert!(message.contains("no ACTIVE solution version that was trained with FULL"), "{message}");

    let full = app.trained(&hrnn).await;
    let tuned = domain::hyperparameters::Value::Integer(64);
    app.change::<SolutionVersion>(&full, |version| {
        version.hyperparameters.0.insert("hidden_dimension".into(), tuned.clone());
    })
    .await;
    let updated = app.create("CreateSolutionVersion", update(&hrnn)).await;
    let kept = stored(&app, &updated).await;
    assert_eq!((kept.training_mode, kept.updates), (TrainingMode::Update, Some(full.parse().unwrap())));
    assert_eq!(kept.hyperparameters.integer("hidden_dimension"), 64);
    let described = app.ok("DescribeSolutionVersion", json!({ "solutionVersionArn": updated })).await;
    assert_eq!(described["solutionVersion"]["trainingMode"], "UPDATE");
}
