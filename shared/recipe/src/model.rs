//! All recipes behind one interface: the one place that knows which model stands behind which name.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dataset::{IdTable, Interactions};
use domain::hyperparameters::Hyperparameters;
use domain::objective::Sensitivity;
use domain::recipes::{Algorithm, Recipe};
use training::DeviceChoice;
use training::device::DeviceError;

use crate::actions::{self, NextBestAction};
use crate::checkpoint::{Checkpoints, StageCheckpoints};
use crate::featurization::{self, TooSmall};
use crate::hrnn::{self, HrnnModel};
use crate::objective;
use crate::popularity::PopularityCount;
use crate::ranking::{Query, RankedList, Recommender};
use crate::similar::{self, SimilarItems};
use crate::sims::{self, Sims};
use crate::trending::{self, TrendingNow};

/// A trained model of any recipe.
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    /// `aws-hrnn`, and the recipes for segments, which ask the same network about users side by side.
    Hrnn(Box<HrnnModel>),
    /// `aws-popularity-count`.
    PopularityCount(PopularityCount),
    /// `aws-sims`.
    Sims(Sims),
    /// `aws-similar-items`.
    SimilarItems(SimilarItems),
    /// `aws-trending-now`.
    TrendingNow(TrendingNow),
    /// `aws-next-best-action`, whose answers are actions and no items.
    NextBestAction(Box<NextBestAction>),
}

impl Model {
    /// The model as what it answers.
    pub fn recommender(&self) -> &dyn Recommender {
        match self {
            Self::Hrnn(model) => &**model,
            Self::PopularityCount(model) => model,
            Self::Sims(model) => model,
            Self::SimilarItems(model) => model,
            Self::TrendingNow(model) => model,
            Self::NextBestAction(model) => &**model,
        }
    }
}

impl Model {
    /// The model of actions, for the recipe that has one.
    pub fn actions(&self) -> Option<&NextBestAction> {
        match self {
            Self::NextBestAction(model) => Some(model),
            _ => None,
        }
    }

    /// The network that recommends items, for the recipes that have one.
    pub fn network(&self) -> Option<&HrnnModel> {
        match self {
            Self::Hrnn(model) => Some(model),
            _ => None,
        }
    }
}

impl Recommender for Model {
    fn recommend(&self, queries: &[Query<'_>], k: usize, exclude_seen: bool) -> Vec<RankedList> {
        self.recommender().recommend(queries, k, exclude_seen)
    }

    fn recommend_within(&self, query: Query<'_>, k: usize, allowed: &[u64]) -> RankedList {
        self.recommender().recommend_within(query, k, allowed)
    }

    fn items(&self) -> usize {
        self.recommender().items()
    }
}

/// How to train, besides what the recipe declares.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Decides the split, the start of the weights and every draw.
    pub seed: u64,
    /// Threads to use; the result does not depend on it.
    pub threads: usize,
    /// Where networks are trained. A GPU rounds otherwise than the CPU.
    pub device: DeviceChoice,
    /// Passes over the data for the recipes that learn; they choose by themselves without it.
    pub epochs: Option<u32>,
    /// Share of the passes that a recipe which learns would choose; 1 is a whole training.
    pub effort: f64,
    /// Weights to go on from, of the same recipe and parameters, instead of random ones. Recipes that
    /// count do not look at it.
    pub start: Option<Arc<Start>>,
    /// How much what [`dataset::Metadata::rewards`] hold weighs beside relevance.
    pub sensitivity: Sensitivity,
    /// The event type that `data` was filtered by; only for the words of an error.
    pub event_type: Option<String>,
    /// Distinct items of the Interactions and Items datasets, what coverage is a share of. Those of
    /// `data` without it.
    pub catalogue_items: Option<usize>,
    /// Whether metrics are measured on lists without what the user already had, as the lists will
    /// be served.
    pub exclude_seen: bool,
    /// Where [`crate::train_and_evaluate`] saves how far it is, and what it goes on from.
    pub checkpoints: Option<Arc<Checkpoints>>,
    /// Set by somebody who wants the training to end; it then fails with [`TrainError::Stopped`].
    pub stop: Option<Arc<AtomicBool>>,
}

impl TrainOptions {
    /// Whether somebody wants the training to end.
    pub fn stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            device: DeviceChoice::Cpu,
            epochs: None,
            effort: 1.0,
            start: None,
            sensitivity: Sensitivity::Off,
            event_type: None,
            catalogue_items: None,
            exclude_seen: false,
            checkpoints: None,
            stop: None,
        }
    }
}

/// A trained model that another training goes on from.
#[derive(Debug)]
pub struct Start {
    /// The model.
    pub model: Model,
    /// Its items by number, as they are found again in other data.
    pub items: Arc<IdTable>,
}

/// Share of the passes of a whole training that a training takes which goes on from another one.
pub const UPDATE_EFFORT: f64 = 1.0 / 3.0;

/// How far a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Units of work done.
    pub done: u64,
    /// Units of work in all.
    pub total: u64,
    /// What a unit is, for example `events`.
    pub unit: &'static str,
    /// Mean training loss since the last report, for the recipes that learn.
    pub loss: Option<f64>,
}

/// Hears how far a training is. It is called often and must be quick.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Sync);

/// A model and how it came about.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// Passes over the data, for the recipes that learn.
    pub epochs: Option<u32>,
}

/// Whether a training of the recipe makes a network, which is what a device other than the CPU helps with.
pub fn trains_network(recipe: &Recipe) -> bool {
    match recipe.algorithm {
        Algorithm::Hrnn
        | Algorithm::ItemAffinity
        | Algorithm::ItemAttributeAffinity
        | Algorithm::NextBestAction => true,
        Algorithm::PopularityCount | Algorithm::Sims | Algorithm::SimilarItems | Algorithm::TrendingNow => {
            false
        }
    }
}

/// Why there is no model. The text is what a caller reads as `failureReason`.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Too few interactions or users.
    #[error(transparent)]
    TooSmall(#[from] TooSmall),
    /// There are no columns to ask about.
    #[error(
        "Create failed. aws-item-attribute-affinity needs an Items dataset with at least one column that is \
         categorical, a number or a truth value, beside ITEM_ID and CREATION_TIMESTAMP. Import one, with \
         \"categorical\": true at its columns of categories."
    )]
    NoAttributes,
    /// There are no actions to recommend.
    #[error(
        "Create failed. aws-next-best-action needs an Actions dataset with at least one action: create one with \
         CreateDataset, and import actions or put them with PutActions."
    )]
    NoActions,
    /// Somebody asked for it to end.
    #[error("the training was stopped")]
    Stopped,
    /// The network could not be trained.
    #[error("Create failed. {0}")]
    Hrnn(#[from] hrnn::TrainError),
    /// The device that trains is not there, or could not go on.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A defect of the service: what it asked for itself is not there.
    #[error("Create failed. {0}")]
    Unknown(String),
}

/// Trains one model on all of `data`.
///
/// `parameters` holds what the recipe declares, featurization included. The size of the data is not
/// checked here: see [`crate::featurization::check_size`].
pub fn train(
    recipe: &Recipe,
    parameters: &Hyperparameters,
    data: &Interactions,
    options: &TrainOptions,
    progress: OnProgress<'_>,
) -> Result<Trained, TrainError> {
    train_stage(recipe, parameters, data, options, None, progress)
}

/// The same as a stage of a version's training, which may have been cut off before.
pub(crate) fn train_stage(
    recipe: &Recipe,
    parameters: &Hyperparameters,
    data: &Interactions,
    options: &TrainOptions,
    checkpoints: Option<StageCheckpoints<'_>>,
    progress: OnProgress<'_>,
) -> Result<Trained, TrainError> {
    if options.stopped() {
        return Err(TrainError::Stopped);
    }
    match recipe.algorithm {
        Algorithm::Hrnn => {
            let (low, high) = featurization::user_percentiles(parameters);
            let kept = featurization::users_within(data, low, high);
            let mut config = hrnn::Config::from_hyperparameters(parameters, options.seed, options.threads);
            config.metadata = recipe.metadata;
            if kept.len() == data.users.len() {
                train_hrnn(config, data, options, checkpoints, progress)
            } else {
                train_hrnn(config, &featurization::subset(data, &kept), options, checkpoints, progress)
            }
        }
        Algorithm::ItemAffinity | Algorithm::ItemAttributeAffinity => {
            if recipe.algorithm == Algorithm::ItemAttributeAffinity && data.metadata.items.is_empty() {
                return Err(TrainError::NoAttributes);
            }
            let config = hrnn::Config::for_segments(parameters, options.seed, options.threads);
            train_hrnn(config, data, options, checkpoints, progress)
        }
        Algorithm::NextBestAction => {
            if data.metadata.actions.actions.is_empty() {
                return Err(TrainError::NoActions);
            }
            let (seed, threads) = (options.seed, options.threads);
            let config = hrnn::Config { seed, threads, ..hrnn::Config::default() };
            let trained = train_hrnn(config, data, options, checkpoints, progress)?;
            let Model::Hrnn(network) = trained.model else {
                return Err(TrainError::Unknown("The network is another model.".to_owned()));
            };
            let period = actions::period(parameters);
            let model = NextBestAction::train(*network, data, period, seed, threads);
            Ok(Trained { model: Model::NextBestAction(Box::new(model)), epochs: trained.epochs })
        }
        Algorithm::PopularityCount => {
            Ok(counted(data, progress, || Model::PopularityCount(PopularityCount::train(data))))
        }
        Algorithm::Sims => {
            let config = sims::Config::from_hyperparameters(parameters, options.threads);
            Ok(counted(data, progress, || Model::Sims(Sims::train(data, &config))))
        }
        Algorithm::SimilarItems => {
            let config = similar::Config::from_hyperparameters(parameters, options.seed, options.threads);
            Ok(counted(data, progress, || Model::SimilarItems(SimilarItems::train(data, &config))))
        }
        Algorithm::TrendingNow => {
            let interval = trending::interval(parameters);
            Ok(counted(data, progress, || Model::TrendingNow(TrendingNow::train(data, interval))))
        }
    }
}

fn train_hrnn(
    mut config: hrnn::Config,
    data: &Interactions,
    options: &TrainOptions,
    checkpoints: Option<StageCheckpoints<'_>>,
    progress: OnProgress<'_>,
) -> Result<Trained, TrainError> {
    config.device = options.device;
    config.epochs = options.epochs;
    config.effort = options.effort;
    let start = match options.start.as_deref() {
        Some(Start { model: Model::Hrnn(model), items }) => {
            config.effort *= UPDATE_EFFORT;
            Some(hrnn::Start { model, items })
        }
        _ => None,
    };
    let tell = |p: hrnn::Progress| {
        progress(Progress { done: p.done, total: p.total, unit: "events", loss: Some(p.loss) });
        if options.stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let trained = hrnn::fit::train_resumable(data, &config, start, checkpoints, &tell);
    let (mut model, report) = trained.map_err(|error| match error {
        hrnn::TrainError::Stopped => TrainError::Stopped,
        hrnn::TrainError::Device(error) => TrainError::Device(error),
        error => TrainError::Hrnn(error),
    })?;
    if !data.metadata.rewards.is_empty() {
        objective::tilt(&mut model, &data.metadata.rewards, options.sensitivity);
    }
    Ok(Trained { model: Model::Hrnn(Box::new(model)), epochs: Some(report.epochs) })
}

/// A model that is counted rather than learnt: it is there at once, and has no passes to tell about.
fn counted(data: &Interactions, progress: OnProgress<'_>, train: impl FnOnce() -> Model) -> Trained {
    let total = data.len() as u64;
    let tell = |done| progress(Progress { done, total, unit: "interactions", loss: None });
    tell(0);
    let model = train();
    tell(total);
    Trained { model, epochs: None }
}
