//! The whole service in one process: embedded storage under the same handlers that the cloud runs.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use campaign::{BoxError, BoxFuture, Campaign, LiveScorer, Shown};
use control::Control;
use domain::limits::Quotas;
use domain::{ApiError, Arn, EpochMillis, Scope, Steering};
use embedded::Embedded;
use embedded::s3::ObjectCreated;
use events::{Events, Refresh};
use ingest::Outcome;
use steps::described::Described;
use steps::live::{LiveModels, Question};
use steps::{Failure, ModelCache, Observer, Settings, Steps};
use store::tables::{EVENTS, PREFIX_DEFAULT, RECOMMENDATIONS, RESOURCES};
use store::{Lists, Objects, Resources, StoredList, Who};
use tokio::sync::{Mutex, mpsc};

use crate::launcher::Launcher;

/// The bucket of the local deployment.
pub const BUCKET: &str = "osusume";

/// Region and account of local ARNs; those that other local AWS stand-ins use.
pub fn scope() -> Scope {
    Scope { region: "us-east-1".into(), account: "000000000000".into() }
}

/// Everything that a command or the server needs.
pub struct App {
    /// The control plane.
    pub control: Control,
    /// The runtime API.
    pub campaign: Campaign,
    /// The events API.
    pub events: Events,
    /// The steps, for what the API does not offer.
    pub steps: Steps,
    /// Runs jobs.
    pub launcher: Launcher,
    /// S3 and DynamoDB.
    pub embedded: Embedded,
    /// Events of objects that were put into any bucket.
    uploads: Mutex<mpsc::UnboundedReceiver<ObjectCreated>>,
}

/// How many of each kind of resource there may be, unless `serve` is told otherwise.
pub const QUOTA_DEFAULT: usize = 10_000;

/// Scores with models that are loaded on demand.
struct Live(LiveModels);

impl LiveScorer for Live {
    fn answer<'a>(
        &'a self,
        version: &'a Arn,
        question: campaign::Question<'a>,
    ) -> BoxFuture<'a, Result<StoredList, ApiError>> {
        let filtered = question.filter.is_some();
        let question = Question {
            user_id: question.user_id.map(str::to_owned),
            item_id: question.item_id.map(str::to_owned),
            num_results: question.num_results,
            context: question.context.clone(),
            exploration: question.steering.exploration.clone(),
            influence: question.steering.influence,
            input_list: question.input_list.map(<[String]>::to_vec),
            filter: question.filter.cloned(),
        };
        Box::pin(async move {
            self.0.answer(version, question).await.map_err(|failure| match failure {
                Failure::Caller(why) if filtered => ApiError::invalid(why),
                failure => ApiError::internal(failure),
            })
        })
    }

    fn describe<'a>(
        &'a self,
        group: &'a Arn,
        items: &'a [String],
        columns: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Shown>, ApiError>> {
        let asked = Described { items: items.to_vec(), columns: columns.to_vec() };
        Box::pin(async move {
            self.0.describe(group, &asked).await.map_err(|failure| match failure {
                Failure::Caller(why) => ApiError::invalid(why),
                failure => ApiError::internal(failure),
            })
        })
    }

    fn explain<'a>(
        &'a self,
        version: &'a Arn,
        steering: &'a Steering,
        user: &'a str,
        items: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<String>>, ApiError>> {
        let influence = steering.influence;
        Box::pin(
            async move { self.0.explain(version, influence, user, items).await.map_err(ApiError::internal) },
        )
    }
}

impl Refresh for Live {
    fn refresh<'a>(&'a self, group: &'a Arn, who: Who<'a>) -> events::BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move { Ok(self.0.refresh(group, who).await.map(drop)?) })
    }
}

impl App {
    /// Opens the service over `data`, creating what is missing. Imports may set aside
    /// `bad_rows_allowed` rows.
    ///
    /// Fails when another process has the folder open.
    pub async fn open(
        data: &Path,
        observer: Arc<dyn Observer>,
        settings: Settings,
        bad_rows_allowed: u64,
    ) -> anyhow::Result<Self> {
        let embedded = Embedded::open(data).await?;
        let uploads = embedded.s3.object_created();
        let resources = Resources::new(embedded.dynamodb.client(), RESOURCES.name(PREFIX_DEFAULT));
        let lists = Lists::new(embedded.dynamodb.client(), RECOMMENDATIONS.name(PREFIX_DEFAULT));
        let told = store::Events::new(embedded.dynamodb.client(), EVENTS.name(PREFIX_DEFAULT));
        let objects = Objects::new(embedded.s3.client(), BUCKET);
        objects.create_bucket_if_missing().await?;
        let steps = Steps {
            resources: resources.clone(),
            lists: lists.clone(),
            events: told.clone(),
            objects,
            observer,
            settings,
            models: ModelCache::default(),
        };
        let launcher = Launcher::new(steps.clone());
        let control = Control {
            resources: resources.clone(),
            launcher: Arc::new(launcher.clone()),
            scope: scope(),
            quotas: Quotas::each(QUOTA_DEFAULT),
            bad_rows_allowed,
            // The embedded S3 has no keys.
            has_kms: false,
            clock: EpochMillis::now,
            version_id: control::random_version_id,
        };
        // One for both, so that a model is loaded once.
        let live = Arc::new(Live(LiveModels::new(steps.clone())));
        let campaign = Campaign::new(resources.clone(), lists, live.clone());
        let events = Events::new(resources, told, scope(), live);
        Ok(Self { control, campaign, events, steps, launcher, embedded, uploads: Mutex::new(uploads) })
    }

    /// Puts a file into the deployment's bucket, as a client would.
    pub async fn upload_file(&self, key: &str, path: &Path) -> anyhow::Result<()> {
        let at = self.steps.objects.at(key);
        self.steps.objects.put_file(&at, path).await?;
        Ok(())
    }

    /// Puts bytes into the deployment's bucket, as a client would.
    pub async fn upload_bytes(&self, key: &str, bytes: Vec<u8>) -> anyhow::Result<()> {
        self.steps.objects.put(&self.steps.objects.at(key), bytes).await?;
        Ok(())
    }

    /// Waits for the next event of an upload and lets the ingest handler act on it.
    pub async fn next_upload(&self) -> anyhow::Result<Vec<Outcome>> {
        let event = self.uploads.lock().await.recv().await.context("the embedded S3 has stopped")?;
        Ok(ingest::handle(&self.control, BUCKET, event.to_json().to_string().as_bytes()).await?)
    }

    /// Imports uploads as they come, for as long as the service runs.
    pub async fn import_uploads(&self) {
        loop {
            match self.next_upload().await {
                Ok(outcomes) => {
                    outcomes.iter().for_each(|outcome| tracing::info!(?outcome, "an object was put"))
                }
                Err(error) => {
                    tracing::error!("{error:#}");
                    return;
                }
            }
        }
    }
}
