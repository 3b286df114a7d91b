//! Batch segments, as a whole and in stages.

use domain::resource::{BatchSegmentJob, Job};
use domain::{Arn, Status};
use serde_json::{Value, json};

use crate::app::{App, caller};

/// What the stages leave for each other.
const LEFT: &str = "_osusume/batch-segment-job/";

async fn job(app: &App, job: &Arn) -> BatchSegmentJob {
    app.get(job).await.unwrap()
}

async fn lines(app: &App, key: &str) -> Vec<Value> {
    app.read(key).await.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn shards_give_the_bytes_that_one_process_gives_and_errors_stay_with_their_lines() {
    let app = App::start().await;
    let version = app.trained("aws-item-affinity").await;
    app.put(
        "asked/a.json",
        "{\"itemId\": \"item-1\"}\nnot JSON\r\n\n{\"userId\": \"user-1\"}\n{\"itemId\": \"item-9\", \"more\": 1}",
    )
    .await;
    app.put("asked/b.json", "{\"itemId\": \"no such item\"}\n{\"itemId\": 7}\n").await;
    let whole = app.segments("whole", &version, "asked/").await;
    app.steps.run(&Job::BatchSegment(whole.clone())).await.unwrap();
    assert_eq!(job(&app, &whole).await.lifecycle.status, Status::Active);

    let answers = lines(&app, "segments/whole/a.json.out").await;
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0]["input"], json!({ "itemId": "item-1" }));
    assert_eq!(answers[0]["error"], Value::Null);
    let users = answers[0]["output"]["recommendedUsers"].as_array().unwrap();
    assert!(users.len() == 5 && users.iter().all(|user| user.as_str().unwrap().starts_with("user-")));
    assert_eq!(answers[3]["output"]["recommendedUsers"].as_array().unwrap().len(), 5);
    for (answer, words) in [
        (&answers[1], "the line is not JSON"),
        (&answers[2], "Required fields for the provided recipe are itemId"),
        (&lines(&app, "segments/whole/b.json.out").await[0], "no such item"),
        (&lines(&app, "segments/whole/b.json.out").await[1], "must be a string"),
    ] {
        assert!(answer["error"].as_str().unwrap().starts_with("User error: "), "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(words), "{answer}");
        assert_eq!(answer["output"], json!({ "recommendedUsers": [] }));
    }

    // A job of the other kind may have the same name.
    let staged = app.segments("staged", &version, "asked/").await;
    assert!(app.steps.begin_batch(&staged).await.unwrap());
    assert_eq!(app.steps.plan_batch(&staged).await.unwrap(), 2);
    for shard in [1, 0, 1] {
        app.another_process().answer_shard(&staged, shard).await.unwrap();
    }
    assert_eq!(job(&app, &staged).await.lifecycle.status, Status::CreateInProgress);
    app.steps.finish_batch(&staged).await.unwrap();
    assert_eq!(job(&app, &staged).await.lifecycle.status, Status::Active);
    for name in ["_CHECK", "a.json.out", "b.json.out"] {
        let read = async |job: &str| app.read(&format!("segments/{job}/{name}")).await;
        assert_eq!(read("staged").await, read("whole").await, "{name}");
    }
    assert_eq!(app.keys(LEFT).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_file_with_too_many_lines_and_a_model_without_segments_are_told() {
    let app = App::start().await;
    let version = app.trained("aws-item-affinity").await;
    app.put("asked/many.json", "{\"itemId\": \"item-1\"}\n".repeat(501)).await;
    let many = app.segments("many", &version, "asked/many.json").await;
    app.steps.run(&Job::BatchSegment(many.clone())).await.unwrap();
    let life = job(&app, &many).await.lifecycle;
    assert_eq!(life.status, Status::CreateFailed);
    let reason = life.failure_reason.unwrap();
    assert!(
        reason.contains("many.json") && reason.contains("501 lines") && reason.contains("500"),
        "{reason}"
    );

    let refused = caller(app.steps.plan_batch(&version).await);
    assert!(refused.contains("is not a batch job"), "{refused}");
}
