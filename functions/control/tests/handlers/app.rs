//! A control plane over empty tables, which records the work that it would start.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use control::{BoxError, BoxFuture, Control, Launch};
use domain::limits::Quotas;
use domain::resource::{Campaign, Dataset, Job, Metric, Snapshot, SolutionVersion, TrainedModel};
use domain::{Arn, EpochMillis, Lifecycle, Resource, Scope, Status};
use embedded::Embedded;
use serde_json::{Value, json};
use store::{Resources, tables};

pub const POPULARITY: &str = "arn:aws:personalize:::recipe/aws-popularity-count";
pub const HRNN: &str = "arn:aws:personalize:::recipe/aws-hrnn";
pub const ROLE: &str = "arn:aws:iam::000000000000:role/PersonalizeRole";
pub const SCHEMA: &str = r#"{"type":"record","name":"Interactions","fields":[
    {"name":"USER_ID","type":"string"},{"name":"ITEM_ID","type":"string"},{"name":"TIMESTAMP","type":"long"}]}"#;

/// Remembers what was launched, or refuses to launch.
#[derive(Default)]
pub struct Recorder {
    jobs: Mutex<Vec<Job>>,
    refuse: AtomicBool,
}

impl Launch for Recorder {
    fn launch(&self, job: Job) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            if self.refuse.load(Ordering::SeqCst) {
                return Err("no launcher today".into());
            }
            self.jobs.lock().unwrap().push(job);
            Ok(())
        })
    }
}

pub struct App {
    pub control: Control,
    recorder: Arc<Recorder>,
    _embedded: Embedded,
}

/// Every reading is a millisecond later, so that the order of creation is certain.
fn clock() -> EpochMillis {
    static NOW: AtomicI64 = AtomicI64::new(1_700_000_000_000);
    EpochMillis(NOW.fetch_add(1, Ordering::SeqCst))
}

fn version_id() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0x0a1b_2c00);
    NEXT.fetch_add(1, Ordering::SeqCst)
}

impl App {
    pub async fn start() -> Self {
        Self::with_quotas(Quotas::default()).await
    }

    pub async fn with_quotas(quotas: Quotas) -> Self {
        let embedded = Embedded::in_memory().await.unwrap();
        let table = tables::RESOURCES.name(tables::PREFIX_DEFAULT);
        let recorder = Arc::new(Recorder::default());
        let control = Control {
            resources: Resources::new(embedded.dynamodb.client(), table),
            launcher: recorder.clone(),
            scope: Scope { region: "us-east-1".into(), account: "000000000000".into() },
            quotas,
            bad_rows_allowed: 0,
            has_kms: true,
            clock,
            version_id,
        };
        Self { control, recorder, _embedded: embedded }
    }

    async fn call(&self, operation: &str, request: Value) -> (u16, Value) {
        let target = format!("AmazonPersonalize.{operation}");
        let reply = control::handle(&self.control, Some(&target), request.to_string().as_bytes()).await;
        let body =
            if reply.body.is_empty() { Value::Null } else { serde_json::from_slice(&reply.body).unwrap() };
        (reply.status, body)
    }

    /// The answer of a request that must succeed.
    pub async fn ok(&self, operation: &str, request: Value) -> Value {
        let (status, body) = self.call(operation, request.clone()).await;
        assert_eq!(status, 200, "{operation} {request}: {body}");
        body
    }

    /// The exception and message of a request that must fail.
    pub async fn refused(&self, operation: &str, request: Value) -> (String, String) {
        let (status, body) = self.call(operation, request.clone()).await;
        assert_ne!(status, 200, "{operation} {request}: {body}");
        (body["__type"].as_str().unwrap().to_owned(), body["message"].as_str().unwrap().to_owned())
    }

    /// The ARN that a creation answers with.
    pub async fn create(&self, operation: &str, request: Value) -> String {
        let body = self.ok(operation, request).await;
        let arn = body.as_object().unwrap().iter().find(|(member, _)| member.ends_with("Arn"));
        arn.unwrap().1.as_str().unwrap().to_owned()
    }

    /// What was launched since the last time.
    pub fn launched(&self) -> Vec<Job> {
        std::mem::take(&mut self.recorder.jobs.lock().unwrap())
    }

    pub fn refuse_to_launch(&self, refuse: bool) {
        self.recorder.refuse.store(refuse, Ordering::SeqCst);
    }

    /// Does what the steps do to a resource, without asking whether they may.
    pub async fn change<R>(&self, arn: &str, mut change: impl FnMut(&mut R))
    where
        R: TryFrom<Resource> + Into<Resource> + Clone,
    {
        let change = |resource: &mut R| {
            change(resource);
            Ok::<_, std::convert::Infallible>(())
        };
        self.control.resources.update(&arn.parse().unwrap(), change).await.unwrap().expect("it exists");
    }

    /// Puts a resource of any kind into a status.
    pub async fn set_status(&self, arn: &str, status: Status) {
        let arn: Arn = arn.parse().unwrap();
        let mut row = self.control.resources.get(&arn).await.unwrap().expect("it exists");
        row.value.lifecycle_mut().unwrap().status = status;
        self.control.resources.replace(&row).await.unwrap();
    }

    pub async fn group(&self, name: &str) -> String {
        self.create("CreateDatasetGroup", json!({ "name": name })).await
    }

    pub async fn schema(&self, name: &str) -> String {
        self.create("CreateSchema", json!({ "name": name, "schema": SCHEMA })).await
    }

    /// An Interactions dataset.
    pub async fn dataset(&self, group: &str, schema: &str) -> String {
        let request = json!({
            "name": "interactions", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Interactions"
        });
        self.create("CreateDataset", request).await
    }

    /// As if an import had ended well.
    pub async fn fill(&self, dataset: &str) {
        let snapshot = Snapshot { manifest_key: "manifest.json".into(), rows: 1_200 };
        self.change::<Dataset>(dataset, |dataset| dataset.active = Some(snapshot.clone())).await;
    }

    pub async fn solution(&self, group: &str, name: &str, recipe: &str) -> String {
        let request = json!({ "name": name, "datasetGroupArn": group, "recipeArn": recipe });
        self.create("CreateSolution", request).await
    }

    /// A group with imported interactions.
    pub async fn filled_group(&self, name: &str) -> String {
        let (group, schema) = (self.group(name).await, self.schema(name).await);
        let dataset = self.dataset(&group, &schema).await;
        self.fill(&dataset).await;
        group
    }

    /// A trained version of a solution.
    pub async fn trained(&self, solution: &str) -> String {
        let arn = self.create("CreateSolutionVersion", json!({ "solutionArn": solution })).await;
        let metric = Metric { value: 0.123_456, low: 0.1, high: 0.2 };
        let model = TrainedModel {
            artifact_prefix: "models/".into(),
            metrics: [("coverage".to_owned(), metric)].into(),
            baseline: [].into(),
            advantage: [].into(),
            no_metrics: None,
            test_users: 10,
            users: 100,
            items: 50,
        };
        let train = |version: &mut SolutionVersion| {
            version.model = Some(model.clone());
            version.lifecycle = Lifecycle::active(version.lifecycle.created);
        };
        self.change(&arn, train).await;
        arn
    }

    pub async fn campaign(&self, name: &str, version: &str) -> String {
        self.create("CreateCampaign", json!({ "name": name, "solutionVersionArn": version })).await
    }

    /// A campaign that serves.
    pub async fn deployed(&self, name: &str, version: &str) -> String {
        let arn = self.campaign(name, version).await;
        self.change::<Campaign>(&arn, |c| c.lifecycle = Lifecycle::active(c.lifecycle.created)).await;
        arn
    }
}
