//! A training that dies goes on from its checkpoints, and ends with the same bytes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Arn;
use domain::resource::{Job, SolutionVersion};
use steps::{Observer, Progress, keys};

use crate::app::{App, at_rest};
use crate::follow_up::imported;

/// Dies at the nth report of a stage, once for each entry of a list, and remembers the stages of each attempt
/// with what was done at their first report.
struct Dies {
    at: Mutex<VecDeque<(&'static str, usize)>>,
    attempts: Mutex<Vec<Vec<(&'static str, u64)>>>,
    reports: Mutex<usize>,
    notices: Mutex<Vec<String>>,
}

impl Dies {
    fn at(stages: &[(&'static str, usize)]) -> Arc<Self> {
        Arc::new(Self {
            at: Mutex::new(stages.iter().copied().collect()),
            attempts: Mutex::new(vec![vec![]]),
            reports: Mutex::new(0),
            notices: Mutex::new(vec![]),
        })
    }

    fn attempts(&self) -> Vec<Vec<&'static str>> {
        let attempts = self.attempts.lock().unwrap();
        attempts.iter().map(|stages| stages.iter().map(|&(stage, _)| stage).collect()).collect()
    }

    fn notices(&self) -> Vec<String> {
        self.notices.lock().unwrap().clone()
    }
}

impl Observer for Dies {
    fn progress(&self, progress: Progress) {
        if progress.stage == "import" {
            return;
        }
        let (mut attempts, mut reports) = (self.attempts.lock().unwrap(), self.reports.lock().unwrap());
        let stages = attempts.last_mut().expect("begins with one attempt");
        if stages.last().is_none_or(|&(stage, _)| stage != progress.stage) {
            stages.push((progress.stage, progress.done));
            *reports = 0;
        }
        *reports += 1;
        let mut at = self.at.lock().unwrap();
        if at.front() == Some(&(progress.stage, *reports)) {
            at.pop_front();
            attempts.push(vec![]);
            drop((at, reports, attempts));
            panic!("the process dies");
        }
    }

    fn notice(&self, _: &Arn, text: &str) {
        self.notices.lock().unwrap().push(text.to_owned());
    }
}

/// Steps that save after every training step.
async fn saving(observer: &Arc<Dies>) -> App {
    let mut app = App::start().await;
    app.steps.observer = observer.clone();
    app.steps.settings.checkpoint_every = Duration::ZERO;
    app.steps.settings.threads = 1;
    app
}

/// A version whose training died while it trained on everything, and its checkpoints.
async fn died(app: &App) -> (Arn, Vec<String>) {
    let version = app.version("aws-hrnn", |_| ()).await;
    assert!(app.steps.begin_job(&Job::Train(version.clone())).await.unwrap());
    app.steps.train_begun(&version).await.unwrap_err();
    let left = app.keys(&keys::training_prefix(&version)).await;
    assert_eq!(left, keys::checkpoints(&version));
    (version, left)
}

/// The training of a version to its end, and the files of its model.
async fn ended(app: &App, version: &Arn) -> BTreeMap<String, Vec<u8>> {
    app.steps.run(&Job::Train(version.clone())).await.unwrap();
    at_rest(&app.get::<SolutionVersion>(version).await.unwrap().lifecycle);
    let left = app.keys(&keys::training_prefix(version)).await;
    assert_eq!(left, Vec::<String>::new(), "checkpoints are removed");
    let mut files = BTreeMap::new();
    for key in app.keys(&keys::model_prefix(version)).await {
        let bytes = app.steps.objects.get(&app.steps.objects.at(&key)).await.unwrap();
        files.insert(key, bytes.to_vec());
    }
    assert_eq!(files.len(), 3);
    files
}

async fn never_cut_off() -> (App, Arn, BTreeMap<String, Vec<u8>>) {
    let app = App::start().await;
    let version = app.version("aws-hrnn", |_| ()).await;
    let files = ended(&app, &version).await;
    (app, version, files)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_that_dies_in_every_stage_goes_on_and_leaves_the_same_bytes() {
    let (plain, version, whole) = never_cut_off().await;

    // More often than a job may fail: getting on takes the earlier attempts back.
    let observer =
        Dies::at(&[("train on 90 %", 5), ("evaluate", 1), ("train on all", 5), ("train on all", 5)]);
    let app = saving(&observer).await;
    app.version("aws-hrnn", |_| ()).await;
    assert!(ended(&app, &version).await == whole);

    let expected: [&[&str]; 5] = [
        &["train on 90 %"],
        &["train on 90 %", "evaluate"],
        &["evaluate", "train on all"],
        &["train on all"],
        &["train on all"],
    ];
    assert_eq!(observer.attempts(), expected);
    // Within a stage, too, nothing that was saved is done again.
    let first = |attempt: usize, stage: usize| observer.attempts.lock().unwrap()[attempt][stage].1;
    assert!(first(0, 0) < first(1, 0), "{} {}", first(0, 0), first(1, 0));
    assert!(first(2, 1) < first(3, 0) && first(3, 0) < first(4, 0));
    let notices = observer.notices();
    assert_eq!(notices.len(), 4);
    assert!(notices[0].ends_with("goes on from a checkpoint: training on 90 % of users."), "{notices:?}");
    let model = async |app: &App| app.get::<SolutionVersion>(&version).await.unwrap().model.unwrap();
    assert_eq!(model(&app).await, model(&plain).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_from_another_seed_or_a_torn_one_is_ignored() {
    let (_, _, whole) = never_cut_off().await;
    for torn in [false, true] {
        let observer = Dies::at(&[("train on all", 5)]);
        let mut app = saving(&observer).await;
        if !torn {
            app.steps.settings.seed = 2;
        }
        let (version, left) = died(&app).await;
        app.steps.settings.seed = 1;
        for key in left.iter().filter(|_| torn) {
            let at = app.steps.objects.at(key);
            let bytes = app.steps.objects.get(&at).await.unwrap();
            let middle = bytes.len() / 2;
            // One byte of the state is another; what stands beside it is whole.
            let damaged = [&bytes[..middle], &[!bytes[middle]], &bytes[middle + 1..]].concat();
            app.steps.objects.put(&at, damaged).await.unwrap();
        }
        assert!(ended(&app, &version).await == whole);
        assert_eq!(observer.notices(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_another_import_a_training_begins_anew() {
    let observer = Dies::at(&[("train on all", 5)]);
    let app = saving(&observer).await;
    let (version, _) = died(&app).await;
    imported(&app, "again").await;
    let files = ended(&app, &version).await;
    let description =
        String::from_utf8(files[&(keys::model_prefix(&version) + "model.json")].clone()).unwrap();
    assert!(description.contains("datasets/films/INTERACTIONS/again/manifest.json"), "{description}");
    assert_eq!(observer.attempts()[1], ["train on 90 %", "evaluate", "train on all"]);
    assert_eq!(observer.notices(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_that_is_given_up_leaves_no_checkpoint() {
    let observer = Dies::at(&[("train on all", 5)]);
    let app = saving(&observer).await;
    let (version, _) = died(&app).await;
    app.steps.end_as_failed(&Job::Train(version.clone()), "The container ended.").await.unwrap();
    assert_eq!(app.keys(&keys::training_prefix(&version)).await, Vec::<String>::new());
}
