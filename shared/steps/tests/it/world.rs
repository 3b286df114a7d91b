//! A deployment with one dataset, files to import, and a job that imports them.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use domain::resource::{Dataset, DatasetImportJob, DatasetType, ImportMode, Job, Schema};
use domain::{Arn, EpochMillis, Lifecycle, ResourceKind, Scope, Status};
use embedded::Embedded;
use steps::{Failure, Observer, Progress, Settings, Steps};
use store::{Events, Lists, Objects, Resources, tables};

const ITEMS: &str = r#"{"type": "record", "name": "Items", "fields": [
    {"name": "ITEM_ID", "type": "string"}, {"name": "TITLE", "type": ["null", "string"]}],
    "version": "1.0"}"#;
const INTERACTIONS: &str = r#"{"type": "record", "name": "Interactions", "fields": [
    {"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"}], "version": "1.0"}"#;

/// Keeps what a user would be told.
#[derive(Default)]
struct Notices(Mutex<Vec<String>>);

impl Observer for Notices {
    fn progress(&self, _: Progress) {}
    fn notice(&self, _: &Arn, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

pub struct World {
    _embedded: Embedded,
    pub steps: Steps,
    pub job: Arn,
    notices: Arc<Notices>,
}

/// What is left of an import: everything that a caller, or a training, could see of it.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub status: Status,
    pub reason: Option<String>,
    pub rows: Option<u64>,
    pub quarantined: Option<u64>,
    pub notices: Vec<String>,
    pub dataset_rows: Option<u64>,
    /// Keys and contents below the prefix of the dataset; nothing after a failure, since they are
    /// nothing to anybody then.
    pub objects: Vec<(String, Bytes)>,
}

impl World {
    /// Names are the same in every world, and so are keys.
    pub async fn new(dataset_type: DatasetType, files: &[(&str, &[u8])], bad_rows_allowed: u64) -> Self {
        let embedded = Embedded::in_memory().await.unwrap();
        let client = embedded.dynamodb.client();
        let notices = Arc::new(Notices::default());
        let steps = Steps {
            resources: Resources::new(client.clone(), tables::RESOURCES.name(tables::PREFIX_DEFAULT)),
            events: Events::new(client.clone(), tables::EVENTS.name(tables::PREFIX_DEFAULT)),
            lists: Lists::new(client, tables::RECOMMENDATIONS.name(tables::PREFIX_DEFAULT)),
            objects: Objects::new(embedded.s3.client(), "films"),
            observer: notices.clone(),
            settings: Settings { threads: 2, part_bytes: 1_000, parts_per_range: 3, ..Settings::default() },
            models: steps::ModelCache::default(),
        };
        steps.objects.create_bucket_if_missing().await.unwrap();
        for (key, bytes) in files {
            steps.objects.put(&steps.objects.at(*key), bytes.to_vec()).await.unwrap();
        }
        let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
        let now = EpochMillis(1);
        let (text, kind) = match dataset_type {
            DatasetType::Interactions => (INTERACTIONS, "INTERACTIONS"),
            _ => (ITEMS, "ITEMS"),
        };
        let schema = Schema {
            arn: scope.arn(ResourceKind::Schema, "schema"),
            name: "schema".into(),
            schema: text.into(),
            domain: None,
            created: now,
        };
        let dataset = Dataset {
            arn: scope.arn(ResourceKind::Dataset, &format!("group/{kind}")),
            name: "dataset".into(),
            dataset_group: scope.arn(ResourceKind::DatasetGroup, "group"),
            dataset_type,
            schema: schema.arn.clone(),
            active: None,
            tracking_id: None,
            latest_update: None,
            lifecycle: Lifecycle::active(now),
        };
        let world = Self { _embedded: embedded, steps, notices, job: dataset.arn.clone() };
        world.steps.resources.create(&schema.into()).await.unwrap();
        world.steps.resources.create(&dataset.into()).await.unwrap();
        world.with_job("job", "s3://films/in/", ImportMode::Full, bad_rows_allowed).await
    }

    /// Another job on the same dataset.
    pub async fn with_job(self, name: &str, location: &str, mode: ImportMode, bad_rows_allowed: u64) -> Self {
        let dataset = match self.try_job().await {
            Some(job) => job.dataset,
            None => self.job,
        };
        let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
        let job = DatasetImportJob {
            arn: scope.arn(ResourceKind::DatasetImportJob, name),
            job_name: name.into(),
            dataset,
            data_location: location.into(),
            role_arn: None,
            import_mode: mode,
            publish_attribution: false,
            bad_rows_allowed,
            outcome: None,
            attempts: 0,
            lifecycle: Lifecycle::pending(EpochMillis(1)),
        };
        self.steps.resources.create(&job.clone().into()).await.unwrap();
        Self { job: job.arn, ..self }
    }

    async fn try_job(&self) -> Option<DatasetImportJob> {
        Some(self.steps.resources.get_as::<DatasetImportJob>(&self.job).await.unwrap()?.value)
    }

    /// Everything in one process.
    pub async fn import(&self) -> Outcome {
        self.steps.run(&Job::Import(self.job.clone())).await.unwrap();
        self.outcome().await
    }

    /// As the state machine does it; `order` says which ranges are imported, and when.
    pub async fn import_by_ranges(&self, order: impl FnOnce(u32) -> Vec<u32>) -> Outcome {
        assert!(self.steps.begin_job(&Job::Import(self.job.clone())).await.unwrap());
        self.end(self.stages(order).await).await
    }

    async fn stages(&self, order: impl FnOnce(u32) -> Vec<u32>) -> Result<(), Failure> {
        for range in order(self.steps.plan_import(&self.job).await?) {
            self.steps.import_range(&self.job, range).await?;
        }
        self.steps.commit_import(&self.job).await
    }

    /// What the state machine does with a failure of a stage.
    pub async fn end(&self, stage: Result<(), Failure>) -> Outcome {
        match stage {
            Ok(()) => {}
            Err(Failure::Caller(reason)) => {
                self.steps.abandon(&Job::Import(self.job.clone()), &reason).await;
            }
            Err(failure) => panic!("{}", steps::failure::chain(&failure)),
        }
        self.outcome().await
    }

    pub async fn outcome(&self) -> Outcome {
        let job = self.try_job().await.unwrap();
        let dataset = self.steps.resources.get_as::<Dataset>(&job.dataset).await.unwrap().unwrap().value;
        assert_eq!(job.attempts, u32::from(!job.lifecycle.status.is_at_rest()));
        let mut objects = Vec::new();
        if job.lifecycle.status == Status::Active {
            objects = self.objects(&steps::keys::dataset_prefix(&dataset.arn)).await;
        }
        Outcome {
            status: job.lifecycle.status,
            reason: job.lifecycle.failure_reason,
            rows: job.outcome.as_ref().map(|outcome| outcome.rows),
            quarantined: job.outcome.as_ref().map(|outcome| outcome.quarantined),
            notices: self.notices.0.lock().unwrap().clone(),
            dataset_rows: dataset.active.map(|snapshot| snapshot.rows),
            objects,
        }
    }

    pub async fn objects(&self, prefix: &str) -> Vec<(String, Bytes)> {
        let mut objects = Vec::new();
        for object in self.steps.objects.list("films", prefix).await.unwrap() {
            let bytes = self.steps.objects.get(&self.steps.objects.at(&object.key)).await.unwrap();
            objects.push((object.key, bytes));
        }
        objects
    }

    pub async fn put(&self, key: &str, content: &str) {
        self.steps.objects.put(&self.steps.objects.at(key), content.to_owned()).await.unwrap();
    }
}
