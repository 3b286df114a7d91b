//! How much arithmetic a training is, before it is begun.

use domain::hyperparameters::Hyperparameters;
use domain::recipes::{Algorithm, Recipe};

use crate::hrnn::Config;

/// Multiply-adds of the matrix products of a training and of the one on the split before it.
///
/// Counted for each event of each pass: the gates' products with input and state, the query, and the
/// scores of the negatives, each once forward and twice back. Counting recipes are not worth a
/// number: they are through in seconds.
pub fn multiply_adds(recipe: &Recipe, parameters: &Hyperparameters, interactions: u64) -> u64 {
    match recipe.algorithm {
        Algorithm::PopularityCount | Algorithm::Sims | Algorithm::TrendingNow => interactions,
        // Products with both vectors, there and back in each iteration.
        Algorithm::SimilarItems => interactions * 20 * parameters.integer("item_id_hidden_dim") as u64,
        Algorithm::Hrnn
        | Algorithm::ItemAffinity
        | Algorithm::ItemAttributeAffinity
        | Algorithm::NextBestAction => {
            let config = match recipe.algorithm {
                // What is fitted on top of the network is little beside it.
                Algorithm::NextBestAction => Config::default(),
                Algorithm::Hrnn => Config::from_hyperparameters(parameters, 0, 0),
                _ => Config::for_segments(parameters, 0, 0),
            };
            // The catalogue is not known yet; a large one is the dearer case.
            let plan = config.plan(usize::try_from(interactions).unwrap_or(usize::MAX), usize::MAX);
            let (e, h, s) = (config.embedding as u64, config.hidden_dimension as u64, plan.negatives as u64);
            let per_event = 3 * (3 * h * e + 3 * h * h + h * e + 2 * e * e + s * e);
            2 * u64::from(plan.epochs) * interactions * per_event
        }
    }
}

/// The same of one trial of a search, which is a single training on fewer users.
pub fn trial_multiply_adds(
    recipe: &Recipe,
    parameters: &Hyperparameters,
    interactions: u64,
    effort: f64,
) -> u64 {
    (multiply_adds(recipe, parameters, interactions) as f64 / 2.0 * effort) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(recipe: &str, interactions: u64) -> u64 {
        let recipe = domain::recipes::find_by_name(recipe).unwrap();
        let arn = recipe.algorithm_arn();
        let defaults = Hyperparameters::resolve(recipe.hyperparameters, &Default::default(), arn.as_str());
        multiply_adds(recipe, &defaults.unwrap(), interactions)
    }

    #[test]
    fn movielens_is_minutes_and_counting_is_nothing() {
        // 100,000 interactions: 9 passes' worth of 850,000 events at 0.6 million multiply-adds, twice.
        let small = work("aws-hrnn", 100_000);
        assert!((200_000_000_000..3_000_000_000_000).contains(&small), "{small}");
        assert!(work("aws-hrnn", 20_000_000) > 30 * small);
        assert_eq!(work("aws-popularity-count", 100_000), 100_000);
    }
}
