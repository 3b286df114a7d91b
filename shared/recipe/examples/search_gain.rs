//! What a search of hyperparameters gains: the default values against the ones that it finds, on the
//! validation users that it looks at and on the test users that it does not.
//!
//! `cargo run --release -p recipe --example search_gain -- RATINGS.csv [--recipe aws-hrnn] [--jobs 20] [--seed 1]
//! [--threads N]`
//!
//! The CSV has a header; its first two columns are user and item, its last is the timestamp. Prints a
//! JSON line for each trial and one for the result.

mod support;

use std::collections::BTreeMap;
use std::time::Instant;

use domain::tuning::{Candidate, OBJECTIVE, search_space};
use recipe::evaluation::{self, Evaluation};
use recipe::tuning::{Outcomes, Plan, best, judge, validation};
use recipe::{TrainOptions, model};
use serde_json::json;

use support::{option, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: search_gain RATINGS.csv [--setting value …]")?;
    let name: String = option("--recipe", "aws-hrnn".to_owned())?;
    let (jobs, seed) = (option("--jobs", 20)?, option("--seed", 1)?);
    let recipe = domain::recipes::find_by_name(&name).ok_or("there is no such recipe")?;
    let data = read(&file)?;
    let defaults = TrainOptions::default();
    let options = TrainOptions { seed, threads: option("--threads", defaults.threads)?, ..defaults };
    let none = BTreeMap::new();
    let space = search_space(recipe, &none, None).map_err(|error| error.message)?;
    let start = recipe.defaults();
    let plan = Plan::new(&[Candidate { recipe, space }], |_| start.clone(), jobs, seed);

    let began = Instant::now();
    let split = validation(&data, seed);
    let (mut outcomes, mut metrics) = (Outcomes::new(), BTreeMap::new());
    let trials = loop {
        let decided = plan.decided(&outcomes);
        if decided.open.is_empty() {
            break decided.trials;
        }
        for number in decided.open {
            let trial = &decided.trials[number as usize];
            let began = Instant::now();
            let judged = judge(trial, &split, OBJECTIVE, &options, &|_| ())?;
            let seconds = began.elapsed().as_secs_f64();
            println!(
                "{}",
                json!({ "trial": number, "parameters": trial.parameters, "effort": trial.effort,
                        "validation": judged.as_ref().ok(), "failure": judged.as_ref().err(), "seconds": seconds })
            );
            outcomes.insert(number, judged.as_ref().ok().map(|metric| metric.value));
            metrics.insert(number, judged.ok());
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    let chosen = best(&trials, &outcomes).ok_or("nothing could be judged")?;
    let whole =
        |&number: &usize| trials[number].effort >= 1.0 && trials[number].parameters == trials[0].parameters;
    let default = (0..trials.len()).find(whole).ok_or("the defaults were not tried")?;

    let test = evaluation::split(&data, seed);
    let judge = |parameters| -> Result<(Evaluation, f64), recipe::TrainError> {
        let began = Instant::now();
        let trained = model::train(recipe, parameters, &test.train, &options, &|_| ())?;
        let evaluation =
            evaluation::evaluate(&trained.model, recipe.recipe_type, &test, data.items.len(), false);
        Ok((evaluation, began.elapsed().as_secs_f64()))
    };
    let (before, once) = judge(&trials[default].parameters)?;
    let (after, _) = judge(&trials[chosen].parameters)?;
    println!(
        "{}",
        json!({
            "objective": OBJECTIVE,
            "trials": trials.len(),
            "seconds": seconds,
            "seconds_of_one_training": once,
            "chosen": trials[chosen].parameters,
            "validation_users": split.test_users(),
            "validation": { "default": metrics[&(default as u32)], "tuned": metrics[&(chosen as u32)] },
            "test_users": test.test_users(),
            "test": {
                "default": before.metrics(seed)[OBJECTIVE],
                "tuned": after.metrics(seed)[OBJECTIVE],
                "gain": after.advantage_over(&before, seed)[OBJECTIVE],
            },
        })
    );
    Ok(())
}
