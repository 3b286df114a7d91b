use domain::tuning::{Choices, Dimension, OBJECTIVES};

use super::*;

fn recipe(name: &str) -> &'static Recipe {
    domain::recipes::find_by_name(name).unwrap()
}

fn defaults(recipe: &Recipe) -> Hyperparameters {
    recipe.defaults()
}

fn candidate(name: &str) -> Candidate {
    let recipe = recipe(name);
    // A recipe without anything to tune has nothing to search.
    let space = domain::tuning::search_space(recipe, &BTreeMap::new(), None).unwrap_or_default();
    Candidate { recipe, space }
}

/// Carries a search out with a function instead of trainings.
fn search(plan: &Plan, value: impl Fn(&Trial) -> Option<f64>) -> (Vec<Trial>, Outcomes) {
    let mut outcomes = Outcomes::new();
    loop {
        let decided = plan.decided(&outcomes);
        if decided.open.is_empty() {
            return (decided.trials, outcomes);
        }
        for number in decided.open {
            outcomes.insert(number, value(&decided.trials[number as usize]));
        }
    }
}

fn hidden(trial: &Trial) -> f64 {
    trial.parameters.integer("hidden_dimension") as f64
}

#[test]
fn a_search_finds_a_known_optimum_and_beats_chance() {
    // Popularity's discount and the least count as a plane with its top at (0.8, 2).
    let top = |trial: &Trial| {
        let x = trial.parameters.real("popularity_discount_factor") - 0.8;
        let y = (trial.parameters.integer("min_cointeraction_count") as f64 - 2.0) / 10.0;
        Some(-(x * x + y * y))
    };
    let (mut found, mut chance) = (0.0, 0.0);
    for seed in 0..20 {
        let plan = Plan::new(&[candidate("aws-sims")], defaults, 40, seed);
        let (trials, outcomes) = search(&plan, top);
        assert_eq!(trials.len(), 40);
        let best = best(&trials, &outcomes).unwrap();
        found += outcomes[&(best as u32)].unwrap();
        // As many points by a Latin hypercube alone: the first round of a search of twice the size.
        let mut random = crate::random::SplitMix::new(seed);
        let space = space::Space::new(&candidate("aws-sims").space);
        let points = (0..40).map(|_| vec![random.uniform(), random.uniform()]);
        let value = |point: Vec<f64>| {
            let parameters = space.at(&point, &defaults(recipe("aws-sims")));
            top(&Trial { recipe: recipe("aws-sims"), parameters, effort: 1.0 }).unwrap()
        };
        chance += points.map(value).fold(f64::MIN, f64::max);
    }
    (found, chance) = (-found / 20.0, -chance / 20.0);
    assert!(found < 0.001, "mean distance from the top: {found}");
    assert!(found < chance / 2.0, "{found} against {chance} by chance");
}

#[test]
fn the_same_seed_searches_alike_and_another_one_elsewhere() {
    let run = |seed| {
        let plan = Plan::new(&[candidate("aws-hrnn")], defaults, 20, seed);
        search(&plan, |trial| Some(-hidden(trial)))
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).0, run(8).0);
    let (trials, outcomes) = run(7);
    let chosen = &trials[best(&trials, &outcomes).unwrap()];
    assert!(hidden(chosen) < 43.0, "small was good: {chosen:?}");
}

#[test]
fn the_values_without_a_search_are_the_first_trial_and_trained_whole() {
    for jobs in 1..=40 {
        let plan = Plan::new(&[candidate("aws-hrnn")], defaults, jobs, 3);
        let (trials, outcomes) = search(&plan, |trial| Some(hidden(trial)));
        assert!(trials.len() <= jobs as usize);
        let start = defaults(recipe("aws-hrnn"));
        assert_eq!(trials[0].parameters, start);
        let whole = |trial: &&Trial| trial.effort == 1.0 && trial.parameters == start;
        assert_eq!(trials.iter().filter(whole).count(), 1);
        assert_eq!(trials[best(&trials, &outcomes).unwrap()].effort, 1.0);
    }
}

#[test]
fn equal_trials_and_failed_ones_change_nothing() {
    let plan = Plan::new(&[candidate("aws-hrnn")], defaults, 20, 3);
    let (trials, outcomes) = search(&plan, |_| Some(0.5));
    assert_eq!(trials[best(&trials, &outcomes).unwrap()].parameters, defaults(recipe("aws-hrnn")));
    let (trials, outcomes) = search(&plan, |_| None);
    assert_eq!(best(&trials, &outcomes), None);
    // Those that failed are not promoted: the values without a search are all that is left.
    assert_eq!(trials.iter().filter(|trial| trial.effort == 1.0).count(), 1);
}

#[test]
fn a_space_of_few_values_is_not_searched_twice() {
    let words = Choices::Categorical(vec!["true".into(), "false".into()]);
    let space = vec![Dimension { name: "recency_mask".into(), choices: words }];
    let plan = Plan::new(&[Candidate { recipe: recipe("aws-hrnn"), space }], defaults, 20, 3);
    let (trials, _) = search(&plan, |trial| Some(f64::from(u8::from(trial.parameters.flag("recency_mask")))));
    let short = trials.iter().filter(|trial| trial.effort < 1.0).count();
    assert_eq!((short, trials.len()), (2, 4));
}

#[test]
fn rounds_are_decided_by_the_outcomes_before_them_alone() {
    let plan = Plan::new(&[candidate("aws-hrnn"), candidate("aws-popularity-count")], defaults, 21, 3);
    assert_eq!(plan.jobs(), 21);
    let (trials, outcomes) = search(&plan, |trial| Some(trial.parameters.0.len() as f64));
    assert_eq!(trials.iter().filter(|trial| trial.recipe.name == "aws-popularity-count").count(), 1);
    // Whatever of a round is known already, its trials are the same.
    let first = plan.decided(&Outcomes::new());
    assert_eq!(first.trials[..], trials[..first.trials.len()]);
    let some = Outcomes::from([(1, outcomes[&1]), (4, outcomes[&4])]);
    let again = plan.decided(&some);
    assert_eq!(again.trials, first.trials);
    assert_eq!(again.open.len(), first.open.len() - 2);
}

#[test]
fn every_objective_is_a_metric() {
    for objective in OBJECTIVES {
        assert!(crate::metrics::NAMES.contains(&objective), "{objective}");
    }
}

#[test]
fn validation_users_are_no_test_users() {
    let data = crate::testing::walks(200, 12, 50);
    let reported = crate::evaluation::split(&data, 5);
    let validation = validation(&data, 5);
    assert_eq!((reported.test_users(), validation.test_users()), (20, 54));
    for &user in &validation.test {
        assert!(!reported.test.contains(&user) && validation.train.history(user).items.is_empty());
    }
    let trains = validation.train.histories().filter(|history| !history.items.is_empty());
    assert_eq!(trains.count(), 200 - 20 - 54);
}
