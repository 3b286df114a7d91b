//! Which version a solution gets by itself, from values alone.

use domain::resource::{
    AutoTrainingConfig, Solution, SolutionConfig, SolutionVersion, TrainingMode, TrainingType,
};
use domain::training_columns::TrainingDataConfig;
use domain::{Arn, EpochMillis, Lifecycle, ResourceKind, Scope, Status, TrainingData, recipes};
use lifecycle::auto_training::{Next, Occasion, goes_on_from, next};
use lifecycle::version::{self, Asked};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const NOW: EpochMillis = EpochMillis(100 * DAY_MS);

fn arn(kind: ResourceKind, tail: &str) -> Arn {
    Scope { region: "us-east-1".into(), account: "000000000000".into() }.arn(kind, tail)
}

fn solution() -> Solution {
    Solution {
        arn: arn(ResourceKind::Solution, "films"),
        name: "films".into(),
        dataset_group: arn(ResourceKind::DatasetGroup, "films"),
        recipe: Some(recipes::find_by_name("aws-popularity-count").unwrap().arn()),
        search: Default::default(),
        event_type: None,
        config: None,
        perform_auto_training: true,
        perform_incremental_update: false,
        latest_update: None,
        lifecycle: Lifecycle::active(EpochMillis(0)),
    }
}

fn data(interactions: &str) -> TrainingData {
    TrainingData::default().with("INTERACTIONS", interactions.into())
}

/// A version that was asked for so many days ago and has come to a status.
fn of(solution: &Solution, id: u32, data: &TrainingData, days: i64, status: Status) -> SolutionVersion {
    let asked = Asked {
        id,
        name: None,
        training_type: TrainingType::Automatic,
        data: data.clone(),
        now: EpochMillis(NOW.0 - days * DAY_MS),
    };
    let mut version = version::pending(solution, asked).unwrap();
    version.lifecycle.status = status;
    version
}

/// The id that a solution without versions gets.
fn id(solution: &Solution, data: &TrainingData) -> u32 {
    match next(solution, &[], data, Occasion::Change, NOW) {
        Next::Create(id) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_id_is_the_same_for_the_same_data_and_solution_only() {
    let films = solution();
    let one = id(&films, &data("one"));
    assert_eq!(one, id(&films, &data("one")));
    let created_again = Solution { lifecycle: Lifecycle::active(EpochMillis(1)), ..solution() };
    let others = [
        id(&films, &data("two")),
        id(&films, &data("one").with("ITEMS", "one".into())),
        id(&created_again, &data("one")),
        id(&Solution { arn: arn(ResourceKind::Solution, "other"), ..solution() }, &data("one")),
    ];
    assert!(!others.contains(&one), "{one} in {others:?}");
}

#[test]
fn an_id_that_other_data_has_by_chance_is_passed_over() {
    let films = solution();
    let taken = id(&films, &data("two"));
    let versions = [of(&films, taken, &data("one"), 1, Status::Active)];
    let Next::Create(free) = next(&films, &versions, &data("two"), Occasion::Change, NOW) else { panic!() };
    assert_ne!(free, taken);
    // And found again.
    let waits = of(&films, free, &data("two"), 0, Status::CreatePending);
    let versions = [versions[0].clone(), waits.clone()];
    assert_eq!(next(&films, &versions, &data("two"), Occasion::Change, NOW), Next::Start(waits.arn));
}

#[test]
fn nothing_is_trained_without_data_nor_for_a_solution_that_goes() {
    let nothing = |solution: &Solution, data: &TrainingData| {
        assert_eq!(next(solution, &[], data, Occasion::Schedule, NOW), Next::Nothing);
    };
    nothing(&solution(), &TrainingData::default());
    nothing(&solution(), &TrainingData::default().with("ITEMS", "one".into()));
    nothing(&Solution { perform_auto_training: false, ..solution() }, &data("one"));
    let mut going = solution();
    going.lifecycle.status = Status::DeletePending;
    nothing(&going, &data("one"));
}

#[test]
fn the_schedule_is_the_solutions_own_and_any_changed_source_counts() {
    let every = |days: u32| {
        let expression = Some(format!("rate({days} days)"));
        let auto_training_config = Some(AutoTrainingConfig { scheduling_expression: expression });
        Solution { config: Some(SolutionConfig { auto_training_config, ..Default::default() }), ..solution() }
    };
    let known = data("one").with("ITEMS", "one".into());
    for changed in [known.clone().with("ITEMS", "two".into()), known.clone().with("EVENTS", "17".into())] {
        for (solution, due) in [(every(2), true), (every(3), true), (every(4), false), (solution(), false)] {
            let versions = [of(&solution, 1, &known, 3, Status::Active)];
            let found = next(&solution, &versions, &changed, Occasion::Schedule, NOW);
            assert_eq!(matches!(found, Next::Create(_)), due, "{:?} {found:?}", solution.schedule());
            assert_eq!(next(&solution, &versions, &changed, Occasion::Change, NOW), Next::Nothing);
        }
    }
}

#[test]
fn between_the_whole_trainings_of_the_schedule_a_version_goes_on_from_the_one_before() {
    let hrnn = recipes::find_by_name("aws-hrnn").unwrap().arn();
    let steps = Solution { recipe: Some(hrnn), perform_incremental_update: true, ..solution() };
    let full = |id, data: &str, days| of(&steps, id, &self::data(data), days, Status::Active);
    let update = |id, data: &str, days| SolutionVersion {
        training_mode: TrainingMode::Update,
        ..full(id, data, days)
    };
    let from = |versions: &[SolutionVersion]| goes_on_from(&steps, versions, NOW).map(|v| v.arn.clone());
    let next = |versions: &[SolutionVersion], data: &str, occasion| {
        matches!(next(&steps, versions, &self::data(data), occasion, NOW), Next::Create(_))
    };
    // There is nothing to go on from, and then there is.
    assert_eq!(from(&[]), None);
    let young = [full(1, "one", 3), update(2, "two", 2)];
    assert_eq!(from(&young), Some(young[1].arn.clone()));
    assert!(next(&young, "three", Occasion::Change));
    assert!(!next(&young, "two", Occasion::Schedule), "it has learnt that");
    // After the seven days of the schedule the whole of it is trained again, also what updates have learnt.
    let old = [full(1, "one", 8), update(2, "two", 2)];
    assert_eq!(from(&old), None);
    assert!(next(&old, "two", Occasion::Schedule));
    assert!(!next(&[full(1, "one", 8)], "one", Occasion::Schedule), "nothing has changed");
    // What has failed is nothing to go on from, and neither is what learnt from other columns.
    let failed = of(&steps, 3, &data("two"), 1, Status::CreateFailed);
    assert_eq!(from(&[young[0].clone(), failed]), Some(young[0].arn.clone()));
    let columns = TrainingDataConfig {
        excluded_dataset_columns: [("Items".to_owned(), vec!["GENRES".to_owned()])].into(),
        ..TrainingDataConfig::default()
    };
    let config = SolutionConfig { training_data_config: Some(columns), ..SolutionConfig::default() };
    let other = Solution { config: Some(config), ..steps.clone() };
    assert_eq!(goes_on_from(&other, &young, NOW), None);
    let found = lifecycle::auto_training::next(&other, &young, &data("two"), Occasion::Change, NOW);
    assert!(matches!(found, Next::Create(_)), "{found:?}");
}

#[test]
fn a_whole_training_that_is_under_way_or_has_failed_is_not_begun_again_before_its_time() {
    let hrnn = recipes::find_by_name("aws-hrnn").unwrap().arn();
    let steps = Solution { recipe: Some(hrnn), perform_incremental_update: true, ..solution() };
    let full = |id, data: &str, days, status| of(&steps, id, &self::data(data), days, status);
    let events = |count: &str| data("one").with("EVENTS", count.into());
    let next = |versions: &[SolutionVersion], days: i64| {
        next(&steps, versions, &events("9"), Occasion::Schedule, EpochMillis(NOW.0 + days * DAY_MS))
    };
    let old = full(1, "one", 9, Status::Active);
    for status in [Status::CreatePending, Status::CreateInProgress] {
        assert_eq!(next(&[old.clone(), full(2, "one", 0, status)], 0), Next::Nothing, "{status:?}");
    }
    // What has failed is tried again when the schedule says so, and meanwhile the one before is gone on from.
    let failed = [old, full(2, "one", 1, Status::CreateFailed)];
    assert!(goes_on_from(&steps, &failed, NOW).is_some_and(|before| before.arn == failed[0].arn));
    assert!(matches!(next(&failed, 0), Next::Create(_)));
    let version = goes_on_from(&steps, &failed, EpochMillis(NOW.0 + 6 * DAY_MS));
    assert_eq!(version, None, "the whole of it is due");
}

#[test]
fn choices_that_were_taken_back_are_learnt_anew_because_campaigns_never_move_back() {
    let columns = TrainingDataConfig {
        excluded_dataset_columns: [("Items".to_owned(), vec!["GENRES".to_owned()])].into(),
        ..TrainingDataConfig::default()
    };
    let config = SolutionConfig { training_data_config: Some(columns), ..SolutionConfig::default() };
    let (before, chosen) = (solution(), Solution { config: Some(config), ..solution() });
    let next = |versions: &[SolutionVersion]| next(&before, versions, &data("one"), Occasion::Change, NOW);
    let first = of(&before, id(&before, &data("one")), &data("one"), 3, Status::Active);
    for (status, again) in [
        (Status::CreatePending, true),
        (Status::CreateInProgress, true),
        (Status::Active, true),
        (Status::CreateFailed, false),
        (Status::CreateStopped, false),
    ] {
        let second = of(&chosen, 2, &data("one"), 2, status);
        let found = next(&[first.clone(), second.clone()]);
        assert_eq!(matches!(found, Next::Create(_)), again, "{status:?} {found:?}");
        if let Next::Create(id) = found {
            let third = of(&before, id, &data("one"), 1, Status::Active);
            assert_eq!(next(&[first.clone(), second, third]), Next::Nothing, "once is enough");
        }
    }
}
