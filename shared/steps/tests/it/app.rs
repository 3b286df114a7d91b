//! Resources as the control plane would have written them, and jobs run on them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use domain::hyperparameters::Hyperparameters;
use domain::resource::{
    BatchInferenceJob, BatchOrder, BatchSegmentJob, Campaign, CampaignUpdate, Dataset, DatasetImportJob,
    DatasetType, Filter, ImportMode, Job, Schema, Solution, SolutionVersion, TrainingMode, TrainingType,
};
use domain::{
    Arn, EpochMillis, Lifecycle, Resource, ResourceKind, Scope, Slot, Slots, Status, TrainingData, recipes,
};
use embedded::Embedded;
use steps::progress::Silent;
use steps::{Failure, ModelCache, Settings, Steps, failure};
use store::tables::{EVENTS, PREFIX_DEFAULT, RECOMMENDATIONS, RESOURCES};
use store::{Events, ListKey, Lists, Objects, Resources, Shelf, StoredList};

pub const USERS: usize = 60;
pub const ITEMS: usize = 40;
/// Lists in a shard: three shards of users, two of items.
pub const SHARD_LISTS: u32 = 25;

const SCHEMA: &str = r#"{"type":"record","name":"Interactions","fields":[
    {"name":"USER_ID","type":"string"},{"name":"ITEM_ID","type":"string"},{"name":"TIMESTAMP","type":"long"}]}"#;

/// The steps over empty services with one imported dataset.
pub struct App {
    pub steps: Steps,
    _embedded: Embedded,
}

pub fn user(n: usize) -> String {
    format!("user-{n}")
}

pub fn item(n: usize) -> String {
    format!("item-{n}")
}

pub fn arn(kind: ResourceKind, tail: &str) -> Arn {
    Scope { region: "us-east-1".into(), account: "000000000000".into() }.arn(kind, tail)
}

/// Walks through the items, each user from a place and with a step of an own.
pub fn csv() -> String {
    let mut csv = "USER_ID,ITEM_ID,TIMESTAMP\n".to_owned();
    for u in 0..USERS {
        for n in 0..20 + u % 15 {
            let i = (u * 7 + n * (1 + u % 3)) % ITEMS;
            writeln!(csv, "{},{},{}", user(u), item(i), 1_600_000_000 + n * 60).unwrap();
        }
    }
    csv
}

/// Five answers for each line of an input, below a folder.
fn order(name: &str, version: &Arn, input: &str, folder: &str) -> BatchOrder {
    BatchOrder {
        job_name: name.into(),
        solution_version: version.clone(),
        num_results: Some(5),
        input_path: format!("s3://osusume/{input}"),
        input_kms_key: None,
        output_path: format!("s3://osusume/{folder}/{name}/"),
        output_kms_key: None,
        role_arn: "arn:aws:iam::000000000000:role/PersonalizeRole".into(),
        filter: None,
    }
}

impl App {
    pub async fn start() -> Self {
        let embedded = Embedded::in_memory().await.unwrap();
        let steps = Steps {
            resources: Resources::new(embedded.dynamodb.client(), RESOURCES.name(PREFIX_DEFAULT)),
            lists: Lists::new(embedded.dynamodb.client(), RECOMMENDATIONS.name(PREFIX_DEFAULT)),
            events: Events::new(embedded.dynamodb.client(), EVENTS.name(PREFIX_DEFAULT)),
            objects: Objects::new(embedded.s3.client(), "osusume"),
            observer: Arc::new(Silent),
            settings: Settings { threads: 2, shard_lists: SHARD_LISTS, ..Settings::default() },
            models: ModelCache::default(),
        };
        steps.objects.create_bucket_if_missing().await.unwrap();
        let app = Self { steps, _embedded: embedded };
        app.import().await;
        app
    }

    /// Another process over the same services.
    pub fn another_process(&self) -> Steps {
        Steps { models: ModelCache::default(), ..self.steps.clone() }
    }

    pub async fn create(&self, resource: impl Into<Resource>) {
        self.steps.resources.create(&resource.into()).await.unwrap();
    }

    pub async fn get<R: TryFrom<Resource>>(&self, arn: &Arn) -> Option<R> {
        self.steps.resources.get_as::<R>(arn).await.unwrap().map(|revised| revised.value)
    }

    pub async fn change<R>(&self, arn: &Arn, mut change: impl FnMut(&mut R) + Send)
    where
        R: TryFrom<Resource> + Into<Resource> + Clone,
    {
        let change = |resource: &mut R| {
            change(resource);
            Ok::<_, std::convert::Infallible>(())
        };
        self.steps.resources.update(arn, change).await.unwrap().expect("it exists");
    }

    async fn import(&self) {
        let now = EpochMillis::now();
        let schema = arn(ResourceKind::Schema, "films");
        self.create(Schema {
            arn: schema.clone(),
            name: "films".into(),
            schema: SCHEMA.into(),
            domain: None,
            created: now,
        })
        .await;
        let dataset = arn(ResourceKind::Dataset, "films/INTERACTIONS");
        self.create(Dataset {
            arn: dataset.clone(),
            name: "films".into(),
            dataset_group: arn(ResourceKind::DatasetGroup, "films"),
            dataset_type: DatasetType::Interactions,
            schema,
            active: None,
            tracking_id: None,
            latest_update: None,
            lifecycle: Lifecycle::active(now),
        })
        .await;
        self.put("films.csv", csv()).await;
        let job = arn(ResourceKind::DatasetImportJob, "films");
        self.create(DatasetImportJob {
            arn: job.clone(),
            job_name: "films".into(),
            dataset,
            data_location: "s3://osusume/films.csv".into(),
            role_arn: None,
            import_mode: ImportMode::Full,
            publish_attribution: false,
            bad_rows_allowed: 0,
            outcome: None,
            attempts: 0,
            lifecycle: Lifecycle::pending(now),
        })
        .await;
        self.steps.run(&Job::Import(job.clone())).await.unwrap();
        at_rest(&self.get::<DatasetImportJob>(&job).await.unwrap().lifecycle);
    }

    /// A trained version of a solution with the recipe's name.
    pub async fn trained(&self, recipe: &str) -> Arn {
        let version = self.version(recipe, |_| ()).await;
        self.steps.run(&Job::Train(version.clone())).await.unwrap();
        at_rest(&self.get::<SolutionVersion>(&version).await.unwrap().lifecycle);
        version
    }

    /// A version that was just asked for.
    pub async fn version(&self, recipe: &str, with: impl FnOnce(&mut SolutionVersion)) -> Arn {
        let recipe = recipes::find_by_name(recipe).unwrap();
        let version = arn(ResourceKind::SolutionVersion, &format!("{}/00000001", recipe.name));
        let resolve = |declared| {
            Hyperparameters::resolve(declared, &BTreeMap::new(), recipe.algorithm_arn().as_str()).unwrap()
        };
        let mut hyperparameters = resolve(recipe.hyperparameters);
        hyperparameters.0.extend(resolve(recipe.feature_parameters).0);
        let mut row = SolutionVersion {
            arn: version.clone(),
            name: version.tail().into(),
            solution: version.solution(),
            dataset_group: arn(ResourceKind::DatasetGroup, "films"),
            recipe: recipe.arn(),
            search: Default::default(),
            tuned: None,
            updates: None,
            event_type: None,
            config: None,
            hyperparameters,
            training_mode: TrainingMode::Full,
            perform_incremental_update: false,
            training_type: TrainingType::Manual,
            data: TrainingData::default(),
            training_hours: None,
            model: None,
            attempts: 0,
            lifecycle: Lifecycle::pending(EpochMillis::now()),
        };
        with(&mut row);
        if self.get::<Solution>(&row.solution).await.is_none() {
            self.create(solution(&row)).await;
        }
        let version = row.arn.clone();
        self.create(row).await;
        version
    }

    /// Another version with the same model, the second or a later one.
    pub async fn copy_of(&self, version: &Arn, number: usize) -> Arn {
        let mut copy = self.get::<SolutionVersion>(version).await.unwrap();
        let tail = format!("{}/{number:08}", version.solution().tail());
        copy.arn = arn(ResourceKind::SolutionVersion, &tail);
        self.create(copy.clone()).await;
        copy.arn
    }

    /// A campaign that was just asked for.
    pub async fn campaign(&self, name: &str, version: &Arn) -> Arn {
        let campaign = Campaign {
            arn: arn(ResourceKind::Campaign, name),
            name: name.into(),
            solution_version: version.clone(),
            slots: Slots::default(),
            min_provisioned_tps: None,
            config: None,
            latest_update: None,
            attempts: 0,
            lifecycle: Lifecycle::pending(EpochMillis::now()),
        };
        let arn = campaign.arn.clone();
        self.create(campaign).await;
        arn
    }

    /// A campaign that was just asked for, with its job begun.
    pub async fn begun(&self, name: &str, version: &Arn) -> Arn {
        let campaign = self.campaign(name, version).await;
        assert!(self.steps.begin_job(&Job::Deploy(campaign.clone())).await.unwrap());
        campaign
    }

    /// A campaign that serves, deployed by the job as a whole.
    pub async fn deployed(&self, name: &str, version: &Arn) -> Arn {
        let campaign = self.campaign(name, version).await;
        self.steps.run(&Job::Deploy(campaign.clone())).await.unwrap();
        at_rest(&self.get::<Campaign>(&campaign).await.unwrap().lifecycle);
        campaign
    }

    /// Asks for an update, and begins its job.
    pub async fn begin_update(&self, campaign: &Arn, version: &Arn) {
        self.ask_for_update(campaign, version).await;
        assert!(self.steps.begin_job(&Job::Deploy(campaign.clone())).await.unwrap());
    }

    /// Asks for an update and carries it out as a whole; answers with what it has become.
    pub async fn updated(&self, campaign: &Arn, version: &Arn) -> Campaign {
        self.ask_for_update(campaign, version).await;
        self.steps.run(&Job::Deploy(campaign.clone())).await.unwrap();
        let found = self.get::<Campaign>(campaign).await.unwrap();
        at_rest(&found.latest_update.as_ref().unwrap().lifecycle);
        assert_eq!(&found.solution_version, version);
        found
    }

    pub async fn ask_for_update(&self, campaign: &Arn, version: &Arn) {
        self.change::<Campaign>(campaign, |campaign| {
            campaign.latest_update = Some(CampaignUpdate {
                solution_version: version.clone(),
                min_provisioned_tps: Some(7),
                config: None,
                lifecycle: Lifecycle::pending(EpochMillis::now()),
            });
        })
        .await;
    }

    /// A batch inference job that was just asked for.
    pub async fn batch(&self, name: &str, version: &Arn, input: &str) -> Arn {
        self.filtered_batch(name, version, input, None).await
    }

    /// A filter of the items that a group's users are recommended.
    pub async fn filter(&self, name: &str, group: &str, expression: &str) -> Arn {
        let filter = Filter {
            arn: arn(ResourceKind::Filter, name),
            name: name.into(),
            dataset_group: arn(ResourceKind::DatasetGroup, group),
            expression: expression.into(),
            lifecycle: Lifecycle::active(EpochMillis::now()),
        };
        let arn = filter.arn.clone();
        self.create(filter).await;
        arn
    }

    /// A batch inference job with a filter.
    pub async fn filtered_batch(&self, name: &str, version: &Arn, input: &str, filter: Option<Arn>) -> Arn {
        let job = BatchInferenceJob {
            item_exploration_config: Default::default(),
            ranking_influence: Default::default(),
            theme_item_name: None,
            arn: arn(ResourceKind::BatchInferenceJob, name),
            order: BatchOrder { filter, ..order(name, version, input, "answers") },
            attempts: 0,
            lifecycle: Lifecycle::pending(EpochMillis::now()),
        };
        let arn = job.arn.clone();
        self.create(job).await;
        arn
    }

    /// A batch segment job that was just asked for.
    pub async fn segments(&self, name: &str, version: &Arn, input: &str) -> Arn {
        self.filtered_segments(name, version, input, None).await
    }

    /// A batch segment job with a filter.
    pub async fn filtered_segments(
        &self,
        name: &str,
        version: &Arn,
        input: &str,
        filter: Option<Arn>,
    ) -> Arn {
        let job = BatchSegmentJob {
            arn: arn(ResourceKind::BatchSegmentJob, name),
            order: BatchOrder { filter, ..order(name, version, input, "segments") },
            attempts: 0,
            lifecycle: Lifecycle::pending(EpochMillis::now()),
        };
        let arn = job.arn.clone();
        self.create(job).await;
        arn
    }

    /// Every list that a campaign would answer with.
    pub async fn served(&self, campaign: &Arn) -> BTreeMap<String, StoredList> {
        let found = self.get::<Campaign>(campaign).await.unwrap();
        self.lists(campaign, found.slots.serving, &found.solution_version).await
    }

    /// Every list of a version that there is in a slot.
    pub async fn lists(&self, campaign: &Arn, slot: Slot, version: &Arn) -> BTreeMap<String, StoredList> {
        let names: Vec<String> = (0..USERS).map(user).chain((0..ITEMS).map(item)).collect();
        let keys = names.iter().flat_map(|name| [ListKey::User(name), ListKey::Item(name)]);
        let mut lists = BTreeMap::new();
        for key in keys.chain([ListKey::Cold]) {
            let found = self.steps.lists.get(Shelf::new(campaign, slot), version, &key).await.unwrap();
            if let Some(list) = found.list() {
                lists.insert(key.to_string(), list);
            }
        }
        lists
    }

    pub async fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.steps.objects.put(&self.steps.objects.at(key), bytes.into()).await.unwrap();
    }

    pub async fn read(&self, key: &str) -> String {
        let bytes = self.steps.objects.get(&self.steps.objects.at(key)).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// Keys of objects below a prefix.
    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        let objects = self.steps.objects.list("osusume", prefix).await.unwrap();
        objects.into_iter().map(|object| object.key).collect()
    }
}

pub fn at_rest(life: &Lifecycle) {
    assert_eq!((life.status, &life.failure_reason), (Status::Active, &None));
}

/// The reason of a failure of the caller's making.
pub fn caller<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
    match result {
        Err(Failure::Caller(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// The whole text of a failure of the service's own.
pub fn internal<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
    match result {
        Err(error @ Failure::Internal { .. }) => failure::chain(&error),
        other => panic!("{other:?}"),
    }
}

/// The solution that a version is of.
fn solution(version: &SolutionVersion) -> Solution {
    Solution {
        arn: version.solution.clone(),
        name: version.solution.tail().into(),
        dataset_group: version.dataset_group.clone(),
        recipe: Some(version.recipe.clone()),
        search: version.search,
        event_type: version.event_type.clone(),
        config: version.config.clone(),
        perform_auto_training: false,
        perform_incremental_update: false,
        latest_update: None,
        lifecycle: Lifecycle::active(EpochMillis::now()),
    }
}
