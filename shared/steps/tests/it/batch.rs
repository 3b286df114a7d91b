//! Batch inference in stages.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::limits::ATTEMPTS_MAX;
use domain::resource::{BatchInferenceJob, Job};
use domain::{Arn, Status};
use steps::{Observer, Progress};

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

/// Dies as soon as a file was answered that none of its kind saw answered before.
struct DiesAfterEachFile(AtomicU64);

impl Observer for DiesAfterEachFile {
    fn progress(&self, progress: Progress) {
        if progress.stage == "batch" && self.0.fetch_max(progress.done, Ordering::SeqCst) < progress.done {
            panic!("the process dies");
        }
    }

    fn notice(&self, _: &Arn, _: &str) {}
}

#[tokio::test]
async fn a_job_that_dies_after_each_file_goes_on_behind_it() {
    let mut app = App::start().await;
    let version = app.trained("aws-popularity-count").await;
    let files = u64::from(ATTEMPTS_MAX) + 2;
    for file in 0..files {
        app.put(&format!("in/{file}.json"), "{\"userId\": \"user-1\"}").await;
    }
    let job = app.batch("job", &version, "in/").await;
    app.steps.observer = Arc::new(DiesAfterEachFile(AtomicU64::new(0)));
    for file in 0..files {
        let (steps, work) = (app.another_process(), Job::BatchInference(job.clone()));
        let died = tokio::spawn(async move { steps.run(&work).await }).await;
        assert!(died.is_err_and(|error| error.is_panic()), "file {file}");
        // Whoever writes it again would write over this.
        app.put(&format!("answers/job/{file}.json.out"), "answered").await;
        // It came too late.
        app.put("in/late.json", "{\"userId\": \"user-2\"}").await;
    }
    app.steps.run(&Job::BatchInference(job.clone())).await.unwrap();
    assert_eq!(status(&app, &job).await, Status::Active);
    let outputs = (0..files).map(|file| format!("answers/job/{file}.json.out"));
    let outputs: Vec<String> = outputs.collect();
    assert_eq!(app.keys("answers/job/").await, [&outputs[..], &["answers/job/_CHECK".to_owned()]].concat());
    for output in &outputs {
        assert_eq!(app.read(output).await, "answered", "{output}");
    }
    assert_eq!(app.keys(LEFT).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_byte_order_mark_is_no_part_of_a_line_and_a_compressed_file_says_so() {
    let app = App::start().await;
    let version = app.trained("aws-popularity-count").await;
    app.put("mark/a.json", "\u{feff}{\"userId\": \"user-1\"}\n").await;
    let job = app.batch("mark", &version, "mark/").await;
    app.steps.run(&Job::BatchInference(job.clone())).await.unwrap();
    let answer = app.read("answers/mark/a.json.out").await;
    assert!(answer.contains("recommendedItems") && answer.contains("\"error\":null"), "{answer}");

    let at = app.steps.objects.at("packed/a.json.gz");
    app.steps.objects.put(&at, b"\x1f\x8b\x08".to_vec()).await.unwrap();
    let job = app.batch("packed", &version, "packed/").await;
    app.steps.run(&Job::BatchInference(job.clone())).await.unwrap();
    let lifecycle = app.get::<BatchInferenceJob>(&job).await.unwrap().lifecycle;
    let reason = lifecycle.failure_reason.unwrap();
    assert!(reason.contains("s3://osusume/packed/a.json.gz. It is compressed by gzip"), "{reason}");
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
