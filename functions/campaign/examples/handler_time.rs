//! How long the handler takes for one request, against the embedded DynamoDB; prints one JSON line.
//!
//! `cargo run --release -p campaign --example handler_time`
//!
//! 10,000 users with 100 recommendations each, asked for 25 of them one after the other at 1,000
//! requests a second, over tables in a directory of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError as SdkError;
use campaign::{BoxFuture, Campaign, LiveScorer, Question, Shown};
use domain::hyperparameters::Hyperparameters;
use domain::resource::{self, SolutionVersion, TrainingMode, TrainingType};
use domain::{
    ApiError, Arn, EpochMillis, Lifecycle, ResourceKind, Scope, Slots, Status, Steering, TrainingData,
};
use embedded::Embedded;
use futures::stream;
use serde_json::json;
use store::{ListKey, ListRow, Lists, Resources, Shelf, StoredList, tables};

const USERS: usize = 10_000;
const REQUESTS: usize = 10_000;
const REQUESTS_PER_SECOND: u32 = 1_000;

/// Counts the calls of a client.
#[derive(Clone, Debug, Default)]
struct Calls(Arc<AtomicU64>);

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), SdkError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// No request here asks for more than a list holds.
struct NoModel;

impl LiveScorer for NoModel {
    fn answer<'a>(&'a self, _: &'a Arn, _: Question<'a>) -> BoxFuture<'a, Result<StoredList, ApiError>> {
        Box::pin(async { Err(ApiError::internal("no model is needed")) })
    }

    fn describe<'a>(
        &'a self,
        _: &'a Arn,
        _: &'a [String],
        _: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Shown>, ApiError>> {
        Box::pin(async { Err(ApiError::internal("no columns are needed")) })
    }

    fn explain<'a>(
        &'a self,
        _: &'a Arn,
        _: &'a Steering,
        _: &'a str,
        _: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<String>>, ApiError>> {
        Box::pin(async { Err(ApiError::internal("no reasons are needed")) })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let embedded = Embedded::open(directory.path()).await?;
    let calls = Calls::default();
    let counted = embedded.dynamodb.client().config().to_builder().interceptor(calls.clone()).build();
    let client = aws_sdk_dynamodb::Client::from_conf(counted);
    let name = |table: tables::Table| table.name(tables::PREFIX_DEFAULT);
    let resources = Resources::new(client.clone(), name(tables::RESOURCES));
    let lists = Lists::new(client, name(tables::RECOMMENDATIONS));
    let arn = deployed(&resources, &lists).await?;
    let campaign = Campaign::new(resources, lists, Arc::new(NoModel));

    let mut micros = Vec::with_capacity(REQUESTS);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / REQUESTS_PER_SECOND);
    calls.0.store(0, Ordering::Relaxed);
    for request in 0..REQUESTS {
        ticks.tick().await;
        let user = (request * 7_919 % USERS).to_string();
        let body = json!({ "campaignArn": arn, "userId": user }).to_string();
        let started = Instant::now();
        let reply = campaign::handle(&campaign, "/recommendations", body.as_bytes()).await;
        micros.push(started.elapsed().as_micros() as f64);
        assert_eq!(reply.status, 200);
    }
    micros.sort_by(f64::total_cmp);
    let at = |share: f64| micros[(micros.len() as f64 * share) as usize] / 1e3;
    let reads = calls.0.load(Ordering::Relaxed) as f64 / REQUESTS as f64;
    println!(
        "{{\"requests\": {REQUESTS}, \"p50_ms\": {:.3}, \"p99_ms\": {:.3}, \"reads_per_request\": {reads:.3}}}",
        at(0.5),
        at(0.99)
    );
    Ok(())
}

/// A campaign with a list for every user.
async fn deployed(resources: &Resources, lists: &Lists) -> Result<Arn, Box<dyn std::error::Error>> {
    let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
    let now = EpochMillis::now();
    let mut active = Lifecycle::pending(now);
    active.advance(Status::CreateInProgress, now)?;
    active.advance(Status::Active, now)?;
    let version = scope.arn(ResourceKind::SolutionVersion, "films/0a1b2c3d");
    let row = SolutionVersion {
        arn: version.clone(),
        name: "films".into(),
        solution: version.solution(),
        dataset_group: scope.arn(ResourceKind::DatasetGroup, "films"),
        recipe: Arn::service_owned(ResourceKind::Recipe, "aws-hrnn"),
        search: Default::default(),
        tuned: None,
        updates: None,
        event_type: None,
        config: None,
        hyperparameters: Hyperparameters::default(),
        training_mode: TrainingMode::Full,
        perform_incremental_update: false,
        training_type: TrainingType::Manual,
        data: TrainingData::default(),
        training_hours: None,
        model: None,
        attempts: 0,
        lifecycle: active.clone(),
    };
    resources.create(&row.into()).await?;
    let campaign = resource::Campaign {
        arn: scope.arn(ResourceKind::Campaign, "films"),
        name: "films".into(),
        solution_version: version.clone(),
        slots: Slots::default(),
        min_provisioned_tps: None,
        config: None,
        latest_update: None,
        attempts: 0,
        lifecycle: active,
    };
    let arn = campaign.arn.clone();
    resources.create(&campaign.into()).await?;
    let list = StoredList {
        items: (0..100).map(|i| format!("{:08}", i * 7_919)).collect(),
        scores: (0..100).map(|i| 0.04 * (-(i as f32) * 0.06).exp()).collect(),
    };
    let rows = (0..USERS).map(|u| ListRow::new(ListKey::User(&u.to_string()), &list).expect("a valid list"));
    let shelf = Shelf::new(&arn, Slots::default().serving);
    lists.publish(shelf, &version, stream::iter(rows), |_| {}).await?;
    Ok(arn)
}
