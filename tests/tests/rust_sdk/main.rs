//! The official Rust SDK against `osusume serve`: the main job, and errors as types.

mod plain_http;
mod server;

use std::time::{Duration, Instant};

use aws_sdk_personalize::types::{BatchInferenceJobInput, BatchInferenceJobOutput, DataSource, S3DataConfig};
use server::Server;

const RECIPE: &str = "arn:aws:personalize:::recipe/aws-popularity-count";
const ROLE: &str = "arn:aws:iam::000000000000:role/PersonalizeRole";
const SCHEMA: &str = r#"{"type":"record","name":"Interactions","namespace":"com.amazonaws.personalize.schema",
    "fields":[{"name":"USER_ID","type":"string"},{"name":"ITEM_ID","type":"string"},
    {"name":"TIMESTAMP","type":"long"}],"version":"1.0"}"#;
const DEADLINE: Duration = Duration::from_secs(120);

/// 1,200 interactions of 60 users: item 0 with everybody, and 19 more with each.
fn interactions() -> String {
    let row = |n: u32| {
        let (user, step) = (n / 20, n % 20);
        let item = if step == 0 { 0 } else { 1 + (user + step) % 40 };
        format!("u{user},i{item},{}\n", 1_600_000_000 + n)
    };
    "USER_ID,ITEM_ID,TIMESTAMP\n"
        .chars()
        .chain((0..1_200).flat_map(|n| row(n).chars().collect::<Vec<_>>()))
        .collect()
}

/// Polls a described status as clients do, until the resource is at rest.
macro_rules! wait {
    ($describe:expr, $resource:ident) => {{
        let begun = Instant::now();
        loop {
            let resource = $describe.send().await.unwrap().$resource.unwrap();
            match resource.status() {
                Some("ACTIVE") => break resource,
                Some("CREATE FAILED") => panic!("{resource:?}"),
                status => assert!(begun.elapsed() < DEADLINE, "still {status:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }};
}

#[tokio::test]
async fn the_main_job() {
    let server = Server::start();
    let (p, runtime, s3) = (server.personalize(), server.runtime(), server.s3());
    s3.create_bucket().bucket("films").send().await.unwrap();
    s3.put_object()
        .bucket("films")
        .key("ratings.csv")
        .body(interactions().into_bytes().into())
        .send()
        .await
        .unwrap();

    let schema = p.create_schema().name("films").schema(SCHEMA).send().await.unwrap().schema_arn.unwrap();
    let group = p.create_dataset_group().name("films").send().await.unwrap().dataset_group_arn.unwrap();
    let dataset = p.create_dataset().name("films").schema_arn(&schema).dataset_group_arn(&group);
    let dataset = dataset.dataset_type("Interactions").send().await.unwrap().dataset_arn.unwrap();
    let source = DataSource::builder().data_location("s3://films/ratings.csv").build();
    let job = p.create_dataset_import_job().job_name("films").dataset_arn(&dataset).data_source(source);
    let job = job.role_arn(ROLE).send().await.unwrap().dataset_import_job_arn.unwrap();
    wait!(p.describe_dataset_import_job().dataset_import_job_arn(&job), dataset_import_job);

    let solution = p.create_solution().name("films").dataset_group_arn(&group).recipe_arn(RECIPE);
    let solution = solution.send().await.unwrap().solution_arn.unwrap();
    let version = p.create_solution_version().solution_arn(&solution);
    let version = version.send().await.unwrap().solution_version_arn.unwrap();
    let trained = wait!(p.describe_solution_version().solution_version_arn(&version), solution_version);
    assert_eq!(trained.training_mode().map(|mode| mode.as_str()), Some("FULL"));
    assert!(trained.creation_date_time().unwrap() <= trained.last_updated_date_time().unwrap());
    let metrics =
        p.get_solution_metrics().solution_version_arn(&version).send().await.unwrap().metrics.unwrap();
    assert!(metrics.contains_key("normalized_discounted_cumulative_gain_at_25"), "{metrics:?}");

    let campaign = p.create_campaign().name("films").solution_version_arn(&version);
    let campaign = campaign.send().await.unwrap().campaign_arn.unwrap();
    wait!(p.describe_campaign().campaign_arn(&campaign), campaign);
    let answer = runtime.get_recommendations().campaign_arn(&campaign).user_id("u1").num_results(3);
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.item_list().len(), 3);
    assert_eq!(answer.item_list()[0].item_id(), Some("i0"), "everybody has item 0");
    assert!(answer.recommendation_id().unwrap().starts_with("RID-"));

    batch(&p, &s3, &version).await;
    let listed = p.list_solution_versions().solution_arn(&solution).send().await.unwrap();
    assert_eq!(listed.solution_versions()[0].solution_version_arn(), Some(version.as_str()));

    let blocked = p.delete_solution().solution_arn(&solution).send().await.unwrap_err().into_service_error();
    assert!(blocked.is_resource_in_use_exception(), "{blocked:?}");
    p.delete_campaign().campaign_arn(&campaign).send().await.unwrap();
    let begun = Instant::now();
    loop {
        match p.describe_campaign().campaign_arn(&campaign).send().await {
            Ok(_) => assert!(begun.elapsed() < DEADLINE, "the campaign is still there"),
            Err(error) => {
                assert!(error.into_service_error().is_resource_not_found_exception());
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    p.delete_solution().solution_arn(&solution).send().await.unwrap();
}

async fn batch(p: &aws_sdk_personalize::Client, s3: &aws_sdk_s3::Client, version: &str) {
    let users = b"{\"userId\":\"u1\"}\n".to_vec();
    s3.put_object().bucket("films").key("users.json").body(users.into()).send().await.unwrap();
    let place = |path: &str| S3DataConfig::builder().path(path).build().unwrap();
    let input = BatchInferenceJobInput::builder().s3_data_source(place("s3://films/users.json")).build();
    let output = BatchInferenceJobOutput::builder().s3_data_destination(place("s3://films/out/")).build();
    let job = p.create_batch_inference_job().job_name("films").solution_version_arn(version).role_arn(ROLE);
    let job = job.job_input(input).job_output(output).num_results(2).send().await.unwrap();
    let job = job.batch_inference_job_arn.unwrap();
    wait!(p.describe_batch_inference_job().batch_inference_job_arn(&job), batch_inference_job);
    let written = s3.get_object().bucket("films").key("out/users.json.out").send().await.unwrap();
    let written = written.body.collect().await.unwrap().into_bytes();
    let line: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(line["input"], serde_json::json!({ "userId": "u1" }));
    assert_eq!(line["error"], serde_json::Value::Null);
    assert_eq!(line["output"]["recommendedItems"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn errors_are_types() {
    let server = Server::start();
    let (p, runtime) = (server.personalize(), server.runtime());
    let bad = p.create_dataset_group().name("-").send().await.unwrap_err().into_service_error();
    assert!(bad.is_invalid_input_exception(), "{bad:?}");
    p.create_dataset_group().name("films").send().await.unwrap();
    let taken = p.create_dataset_group().name("films").send().await.unwrap_err().into_service_error();
    assert!(taken.is_resource_already_exists_exception(), "{taken:?}");
    let token = p.list_schemas().next_token("nonsense").send().await.unwrap_err().into_service_error();
    assert!(token.is_invalid_next_token_exception(), "{token:?}");

    let unknown = "arn:aws:personalize:us-east-1:000000000000:campaign/unknown";
    let nothing = runtime.get_recommendations().campaign_arn(unknown).user_id("1");
    let nothing = nothing.send().await.unwrap_err().into_service_error();
    assert!(nothing.is_resource_not_found_exception(), "{nothing:?}");
    let bad = runtime.get_recommendations().campaign_arn("films").user_id("1").send().await;
    let bad = bad.unwrap_err().into_service_error();
    assert!(bad.is_invalid_input_exception(), "{bad:?}");
    assert_eq!(bad.meta().message(), Some("The given campaign ARN is invalid: films"));
}
