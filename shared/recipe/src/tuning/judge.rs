//! Judging a trial on validation users.
//!
//! The test users of the reported metrics are set aside first, as ever; the validation users are cut
//! out of those that remain, in the same way, so that what is chosen is chosen without a look at what
//! is reported. A tenth of a small data set is a few dozen users, whose metrics are mostly noise, so
//! up to three tenths are taken until there are [`USERS_ENOUGH`].

use dataset::Interactions;
use domain::resource::Metric;

use super::Trial;
use crate::evaluation::{self, Split};
use crate::model::{self, OnProgress, TrainError, TrainOptions};

/// Validation users beyond a tenth are taken up to this number.
const USERS_ENOUGH: usize = 300;

/// Makes the validation users others than the test users.
const SEED: u64 = 0x7661_6c69_6461_7465;

/// The validation cut of the training part of [`evaluation::split`] with the same seed. It has no
/// users where nobody has interactions enough.
pub fn validation(data: &Interactions, seed: u64) -> Split {
    let reported = evaluation::split(data, seed);
    evaluation::split_some(&reported.train, seed ^ SEED, |eligible| {
        eligible.div_ceil(10).max(USERS_ENOUGH.min(eligible * 3 / 10))
    })
}

/// Trains a trial on a split and measures the objective on its held-out users.
///
/// The inner error is a training that cannot succeed with these values, for example because its loss
/// is no number; the outer one ends the search.
pub fn judge(
    trial: &Trial,
    split: &Split,
    objective: &str,
    options: &TrainOptions,
    progress: OnProgress<'_>,
) -> Result<Result<Metric, String>, TrainError> {
    let recipe = trial.recipe;
    if split.test_users() == 0 {
        let needed = evaluation::TEST_INTERACTIONS_MIN;
        return Ok(Err(format!("there is nobody to validate on: no user has {needed} interactions")));
    }
    let options = TrainOptions { effort: trial.effort, ..options.clone() };
    let trained = match model::train(recipe, &trial.parameters, &split.train, &options, progress) {
        Ok(trained) => trained,
        Err(error @ TrainError::Hrnn(_)) => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    let catalogue = options.catalogue_items.unwrap_or(split.train.items.len());
    let evaluation =
        evaluation::evaluate(&trained.model, recipe.recipe_type, split, catalogue, options.exclude_seen);
    let metrics = evaluation.metrics(options.seed);
    metrics
        .get(objective)
        .copied()
        .map(Ok)
        .ok_or_else(|| TrainError::Unknown(format!("there is no metric {objective}")))
}
