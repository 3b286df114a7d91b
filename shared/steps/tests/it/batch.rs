//! Batch inference in stages.

use domain::resource::{BatchInferenceJob, Job};
use domain::{Arn, Status};

use crate::app::{App, caller, internal};

/// What the stages leave for each other.
const LEFT: &str = "_osusume/batch-inference-job/";

async fn inputs(app: &App) {
    app.put("in/a.json", "{\"userId\": \"user-1\"}\n{\"userId\": \"nobody\"}\r\n\n{\"itemId\": \"item-1\"}")
        .await;
    app.put("in/b.json", "this is not JSON\n{\"userId\": \"user-59\", \"more\": 1}\n").await;
    app.put("in/c.json", "").await;
}

async fn status(app: &App, job: &Arn) -> Status {
    app.get::<BatchInferenceJob>(job).await.unwrap().lifecycle.status
}

async fn begin(app: &App, job: &Arn) {
    assert!(app.steps.begin_job(&Job::BatchInference(job.clone())).await.unwrap());
}

#[tokio::test]
async fn shards_give_the_bytes_that_one_process_gives() {
    let app = App::start().await;
    let version = app.trained("aws-hrnn").await;
    inputs(&app).await;
    let whole = app.batch("whole", &version, "in/").await;
    app.steps.run(&Job::BatchInference(whole.clone())).await.unwrap();
    assert_eq!(status(&app, &whole).await, Status::Active);

    let staged = app.batch("staged", &version, "in/").await;
    begin(&app, &staged).await;
    assert_eq!(app.steps.plan_batch(&staged).await.unwrap(), 3);
    // Whatever comes later changes nothing.
    app.put("in/aa.json", "{\"userId\": \"user-2\"}").await;
    for shard in [2, 0, 1, 0] {
        app.another_process().answer_shard(&staged, shard).await.unwrap();
    }
    assert_eq!(status(&app, &staged).await, Status::CreateInProgress);
    app.steps.finish_batch(&staged).await.unwrap();
    assert_eq!(status(&app, &staged).await, Status::Active);

    let names = ["_CHECK", "a.json.out", "b.json.out", "c.json.out"];
    for job in ["whole", "staged"] {
        let expected = names.map(|name| format!("answers/{job}/{name}"));
        assert_eq!(app.keys(&format!("answers/{job}/")).await, expected);
    }
    for name in names {
        let read = async |job: &str| app.read(&format!("answers/{job}/{name}")).await;
        assert_eq!(read("staged").await, read("whole").await, "{name}");
    }
    assert_eq!(app.read("answers/whole/a.json.out").await.lines().count(), 3);
    assert_eq!(app.keys(LEFT).await, Vec::<String>::new());
    // A stage that comes late finds nothing to do.
    app.steps.answer_shard(&staged, 0).await.unwrap();
    app.steps.finish_batch(&staged).await.unwrap();
    assert_eq!(app.steps.plan_batch(&staged).await.unwrap(), 0);
    assert_eq!(app.keys(LEFT).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_job_ends_when_every_file_is_answered() {
    let app = App::start().await;
    let version = app.trained("aws-popularity-count").await;
    inputs(&app).await;
    let job = app.batch("job", &version, "in/").await;
    begin(&app, &job).await;
    app.steps.plan_batch(&job).await.unwrap();
    for shard in [0, 1] {
        app.steps.answer_shard(&job, shard).await.unwrap();
    }
    let refused = internal(app.steps.finish_batch(&job).await);
    assert!(refused.contains("shard 2 of 3"), "{refused}");
    assert_eq!(status(&app, &job).await, Status::CreateInProgress);
    assert!(!app.keys("answers/job/").await.contains(&"answers/job/_CHECK".to_owned()));
    assert!(internal(app.steps.answer_shard(&job, 3).await).contains("there are 3 input files"));

    // A file that is gone fails its shard, and names itself.
    app.steps.objects.delete(&app.steps.objects.at("in/c.json")).await.unwrap();
    let refused = internal(app.steps.answer_shard(&job, 2).await);
    assert!(refused.contains("s3://osusume/in/c.json"), "{refused}");
}

#[tokio::test]
async fn a_job_that_is_deleted_in_the_middle_is_a_clean_end() {
    let app = App::start().await;
    let version = app.trained("aws-popularity-count").await;
    inputs(&app).await;
    let job = app.batch("job", &version, "in/").await;
    begin(&app, &job).await;
    app.steps.plan_batch(&job).await.unwrap();
    app.steps.resources.delete(&job).await.unwrap();
    app.steps.answer_shard(&job, 0).await.unwrap();
    app.steps.finish_batch(&job).await.unwrap();
    assert_eq!(app.keys("answers/").await, Vec::<String>::new());
    assert_eq!(app.keys(LEFT).await, Vec::<String>::new());
}

#[tokio::test]
async fn paths_that_cannot_work_are_the_callers_to_mend() {
    let app = App::start().await;
    let version = app.trained("aws-popularity-count").await;
    app.put("twice/a/users.json", "").await;
    app.put("twice/b/users.json", "").await;
    for (name, input, words) in [
        ("none", "nothing/", "There is no object under s3://osusume/nothing/"),
        ("missing", "nothing.json", "s3://osusume/nothing.json does not exist"),
        ("twice", "twice/", "s3://osusume/twice/a/users.json and s3://osusume/twice/b/users.json"),
    ] {
        let job = app.batch(name, &version, input).await;
        begin(&app, &job).await;
        let refused = caller(app.steps.plan_batch(&job).await);
        assert!(refused.starts_with("Invalid S3 input path. ") && refused.contains(words), "{refused}");
    }
}
