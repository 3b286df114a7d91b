//! What makes a solution version: measure the configuration on held-out users, then train the model
//! that is served on everything.
//!
//! The hosted service does not say whether its served model has seen the held-out users. Ours has:
//! the newest behaviour of a tenth of the users is worth more in the model than in a drawer, and the
//! metrics are labelled as those of the same configuration on the split.

use std::collections::BTreeMap;
use std::time::Instant;

use dataset::Interactions;
use domain::hyperparameters::Hyperparameters;
use domain::limits::{ACTION_OUTCOMES_DAYS, ACTION_OUTCOMES_MIN, NUM_RESULTS_MAX};
use domain::recipes::{Algorithm, Recipe, RecipeType};
use domain::resource::Metric;

use crate::evaluation::{self, TEST_INTERACTIONS_MIN};
use crate::featurization::check_size;
use crate::model::{self, Model, Progress, TrainError, TrainOptions, Trained};
use crate::popularity::PopularityCount;
use crate::{actions, segments, trending};

/// What is being done at the moment, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Training on the users that are not held out.
    TrainOnSplit,
    /// Asking for the future of the held-out users.
    Evaluate,
    /// Training on all users.
    TrainOnAll,
}

impl Stage {
    /// A few words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TrainOnSplit => "training on 90 % of users",
            Self::Evaluate => "evaluating on held-out users",
            Self::TrainOnAll => "training on all users",
        }
    }
}

/// A model with what is known about it.
#[derive(Clone, Debug)]
pub struct TrainedVersion {
    /// Trained on all data.
    pub model: Model,
    /// Numbers that stand beside the model.
    pub report: Report,
    /// The popular items, best first: what somebody unknown gets where a model has no better answer.
    pub popular: Vec<u32>,
}

/// How good a configuration is, and what it took. Metrics are named as GetSolutionMetrics names them.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Of the same configuration, trained on the split. Empty when nobody could be held out.
    pub metrics: BTreeMap<String, Metric>,
    /// Of `aws-popularity-count` on the same split; for segments of naming the most active users.
    pub baseline: BTreeMap<String, Metric>,
    /// Means of the differences between the two, user by user (without coverage).
    pub advantage: BTreeMap<String, Metric>,
    /// Users that the metrics are means over; for segments, those of whom something was hidden.
    pub test_users: usize,
    /// Why there are no metrics, where there are none.
    pub no_metrics: Option<String>,
    /// Passes over the data, for the recipes that learn; the run on the split chose it.
    pub epochs: Option<u32>,
    /// Wall-clock seconds of training on the split, evaluating, training on everything.
    pub seconds: [f64; 3],
}

/// The metric that [`Report::verdict`] looks at.
pub const HEADLINE: &str = "normalized_discounted_cumulative_gain_at_25";

impl Report {
    /// Of so many test users, of whom nothing is known yet.
    fn begun(test_users: usize, epochs: Option<u32>) -> Self {
        Self { test_users, no_metrics: None, ..Self::without_metrics(String::new(), epochs) }
    }

    fn without_metrics(why: String, epochs: Option<u32>) -> Self {
        Self {
            metrics: BTreeMap::new(),
            baseline: BTreeMap::new(),
            advantage: BTreeMap::new(),
            test_users: 0,
            no_metrics: Some(why),
            epochs,
            seconds: [0.0; 3],
        }
    }

    /// One sentence on how the model stands against the baseline.
    pub fn verdict(&self) -> String {
        let has = |name: &str| self.metrics.contains_key(name);
        let (headline, name, baseline) = match () {
            () if has(segments::evaluation::HEADLINE) => {
                (segments::evaluation::HEADLINE, "Recall at 1 %", "naming the most active users")
            }
            () if has(actions::evaluation::HEADLINE) => {
                (actions::evaluation::HEADLINE, "The area under the curve", "how often an action is taken")
            }
            () => (HEADLINE, "NDCG@25", "aws-popularity-count"),
        };
        let Some(advantage) = self.advantage.get(headline) else {
            return self.no_metrics.clone().unwrap_or_else(|| "There are no metrics.".to_owned());
        };
        let how = if advantage.low > 0.0 {
            "beats"
        } else if advantage.high < 0.0 {
            "does worse than"
        } else {
            "cannot be told apart from"
        };
        format!(
            "The model {how} {baseline}: {name} differs by {:+.4} (95 % interval {:+.4} to {:+.4}, \
             {} test users).",
            advantage.value, advantage.low, advantage.high, self.test_users
        )
    }
}

/// Hears how far the work is; see [`crate::model::OnProgress`].
pub type OnStage<'a> = &'a (dyn Fn(Stage, Progress) + Sync);

/// The whole training of a solution version, over values. With [`TrainOptions::checkpoints`] it goes on where
/// an earlier attempt was cut off, and repeats nothing that was done.
///
/// Fails with the reason that a caller reads when the data is too small or training goes wrong.
pub fn train_and_evaluate(
    recipe: &Recipe,
    parameters: &Hyperparameters,
    data: &Interactions,
    options: &TrainOptions,
    progress: OnStage<'_>,
) -> Result<TrainedVersion, TrainError> {
    check_size(data, options.event_type.as_deref())?;
    let checkpoints = options.checkpoints.as_deref();
    let mut report = match checkpoints.and_then(|checkpoints| checkpoints.report()) {
        Some(report) => report.clone(),
        None => {
            let report = measure(recipe, parameters, data, options, progress)?;
            if let Some(checkpoints) = checkpoints {
                checkpoints.evaluated(&report);
            }
            report
        }
    };
    let started = Instant::now();
    let options = TrainOptions { epochs: report.epochs, ..options.clone() };
    let saved = checkpoints.map(|checkpoints| checkpoints.stage(Stage::TrainOnAll, Some(&report)));
    let tell = |p| progress(Stage::TrainOnAll, p);
    let trained = model::train_stage(recipe, parameters, data, &options, saved, &tell)?;
    report.epochs = trained.epochs;
    report.seconds[2] = started.elapsed().as_secs_f64();
    let mut popular = PopularityCount::train(data).order().to_vec();
    popular.truncate(NUM_RESULTS_MAX);
    Ok(TrainedVersion { model: trained.model, report, popular })
}

/// Trains on the split and judges. Without anybody to hold out there is nothing to train for here.
fn measure(
    recipe: &Recipe,
    parameters: &Hyperparameters,
    data: &Interactions,
    options: &TrainOptions,
    progress: OnStage<'_>,
) -> Result<Report, TrainError> {
    if options.start.is_some() {
        return Ok(Report::without_metrics(
            "There are no metrics: the weights that this UPDATE went on from have been trained on the users who would \
             be held out, so any number would flatter. A training with FULL is measured."
                .to_owned(),
            options.epochs,
        ));
    }
    if recipe.recipe_type == RecipeType::UserSegmentation {
        return measure_segments(recipe, parameters, data, options, progress);
    }
    if recipe.recipe_type == RecipeType::PersonalizedActions {
        return measure_actions(recipe, parameters, data, options, progress);
    }
    let split = evaluation::split(data, options.seed);
    let test_users = split.test_users();
    if test_users == 0 {
        return Ok(Report::without_metrics(
            format!(
                "There are no metrics: they need users with at least {TEST_INTERACTIONS_MIN} interactions to hold out, \
                 and none of the {} users has as many.",
                data.users.len()
            ),
            options.epochs,
        ));
    }
    let catalogue = options.catalogue_items.unwrap_or(data.items.len());
    on_split(recipe, parameters, &split.train, test_users, options, progress, |model, report| {
        let judge =
            |model, asked| evaluation::evaluate(model, asked, &split, catalogue, options.exclude_seen);
        let own = judge(model.recommender(), recipe.recipe_type);
        // The baseline is asked for users beside any model, as its own recipe is: on one split its
        // numbers are the same whatever they stand beside.
        let baseline = judge(&PopularityCount::train(&split.train), RecipeType::UserPersonalization);
        report.metrics = own.metrics(options.seed);
        report.baseline = baseline.metrics(options.seed);
        report.advantage = own.advantage_over(&baseline, options.seed);
        if recipe.algorithm == Algorithm::TrendingNow
            && let Some([own, popular]) =
                trending::prediction_accuracy(data, trending::interval(parameters), options.seed)
        {
            report.metrics.insert(trending::ACCURACY.to_owned(), own);
            report.baseline.insert(trending::ACCURACY.to_owned(), popular);
        }
    })
}

/// Trains on a part of the data and has the model judged, whose numbers go into the report.
fn on_split(
    recipe: &Recipe,
    parameters: &Hyperparameters,
    train: &Interactions,
    test_users: usize,
    options: &TrainOptions,
    progress: OnStage<'_>,
    judge: impl FnOnce(&Model, &mut Report),
) -> Result<Report, TrainError> {
    let mut report = Report::begun(test_users, options.epochs);
    let started = Instant::now();
    let trained = match train_on_split(recipe, parameters, train, options, progress) {
        // All that weighs may lie with users who are held out.
        Err(TrainError::Hrnn(crate::hrnn::TrainError::NoWeight)) => {
            let why = "There are no metrics: without the users who are held out, no event that follows another \
                       one weighs anything by eventsConfig.";
            return Ok(Report::without_metrics(why.to_owned(), options.epochs));
        }
        trained => trained?,
    };
    report.seconds[0] = started.elapsed().as_secs_f64();
    report.epochs = trained.epochs;

    let started = Instant::now();
    let total = test_users as u64;
    let told = |done| progress(Stage::Evaluate, Progress { done, total, unit: "users", loss: None });
    told(0);
    judge(&trained.model, &mut report);
    report.seconds[1] = started.elapsed().as_secs_f64();
    told(total);
    Ok(report)
}

fn train_on_split(
    recipe: &Recipe,
    parameters: &Hyperparameters,
    data: &Interactions,
    options: &TrainOptions,
    progress: OnStage<'_>,
) -> Result<Trained, TrainError> {
    let saved = options.checkpoints.as_ref().map(|checkpoints| checkpoints.stage(Stage::TrainOnSplit, None));
    model::train_stage(recipe, parameters, data, options, saved, &|p| progress(Stage::TrainOnSplit, p))
}

/// The same for segments, whose split hides the newest fifth of every user instead of a tenth of the
/// users.
fn measure_segments(
    recipe: &Recipe,
    parameters: &Hyperparameters,
    data: &Interactions,
    options: &TrainOptions,
    progress: OnStage<'_>,
) -> Result<Report, TrainError> {
    let split = segments::evaluation::split(data);
    let test_users = split.test_users();
    if test_users == 0 {
        return Ok(Report::without_metrics(
            format!(
                "There are no metrics: they need users with at least 5 interactions, to hide the newest fifth of, and \
                 none of the {} users has as many.",
                data.users.len()
            ),
            options.epochs,
        ));
    }
    on_split(recipe, parameters, &split.train, test_users, options, progress, |model, report| {
        let Model::Hrnn(network) = model else { return };
        let questions = match recipe.algorithm {
            Algorithm::ItemAttributeAffinity => segments::attributes::questions(&data.metadata.items),
            _ => segments::evaluation::items(data),
        };
        let found = segments::evaluation::evaluate(network, &split, questions, options.seed, options.threads);
        (report.metrics, report.baseline, report.advantage) =
            (found.metrics, found.baseline, found.advantage);
    })
}

/// The same for actions: how well a probability tells who takes an action.
fn measure_actions(
    recipe: &Recipe,
    parameters: &Hyperparameters,
    data: &Interactions,
    options: &TrainOptions,
    progress: OnStage<'_>,
) -> Result<Report, TrainError> {
    let split = actions::evaluation::split(data, options.seed);
    let test_users = split.test.len();
    let too_few = || {
        format!(
            "There are no metrics: they need actions with at least {ACTION_OUTCOMES_MIN} interactions that are Taken, and \
             as many that are Not Taken or Viewed, of the last {} weeks, and held-out users who both took and left \
             one. Until then every score is 0.",
            ACTION_OUTCOMES_DAYS / 7
        )
    };
    if test_users == 0 {
        return Ok(Report::without_metrics(too_few(), options.epochs));
    }
    on_split(recipe, parameters, &split.train, test_users, options, progress, |model, report| {
        let Model::NextBestAction(model) = model else { return };
        let period = actions::period(parameters);
        match actions::evaluation::evaluate(model, data, &split, period, options.seed) {
            Some(found) => {
                (report.metrics, report.baseline, report.advantage) =
                    (found.metrics, found.baseline, found.advantage);
            }
            None => report.no_metrics = Some(too_few()),
        }
    })
}
