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
