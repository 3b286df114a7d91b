//! What the model of actions has to pass: the battery of `battery.rs`, asked about actions.
//!
//! Users like items of one parity. An action of the same parity is taken by three in four of those who are
//! shown it, one of the other by one in ten, so whoever learns from items tells them apart, and an action's
//! own popularity tells nothing.

use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;

use dataset::{Action, ActionEvents, History, IdTable, Interactions, Outcome};
use domain::recipes::Recipe;
use recipe::actions::{NextBestAction, explore};
use recipe::artifact::{Origin, from_artifact, to_artifact};
use recipe::{Query, RankedList, Recommender, TrainOptions, TrainedVersion, precompute, train_and_evaluate};

const USERS: u32 = 240;
const ITEMS: u32 = 40;
/// The last two were never shown to anybody.
const ACTIONS: u32 = 8;
const SHOWN: u32 = 6;
const START: i64 = 1_600_000_000;

struct Draws(u64);

impl Draws {
    fn below(&mut self, below: u32) -> u32 {
        // Knuth's linear congruence; its high bits are good.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32 % below
    }
}

fn recipe() -> &'static Recipe {
    domain::recipes::find_by_name("aws-next-best-action").unwrap()
}

fn actions() -> Vec<Action> {
    let action =
        |n: u32| Action { id: format!("action {n}"), value: Some(i64::from(n)), ..Action::default() };
    (0..ACTIONS).map(action).collect()
}

/// Everybody walks through items, and is then shown every action that anybody is shown.
fn data() -> Interactions {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    (0..ITEMS).for_each(|item| _ = items.intern(&format!("item {item}")));
    let mut draws = Draws(1);
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    let mut events = ActionEvents::default();
    for u in 0..USERS {
        let name = format!("user {u}");
        users.intern(&name);
        for at in 0..12 {
            user.push(u);
            item.push(draws.below(ITEMS / 2) * 2 + u % 2);
            time.push(START + at * 60);
        }
        for a in 0..SHOWN {
            let at = START + 10_000 + i64::from(a) * 60;
            let taken = draws.below(20) < if a % 2 == u % 2 { 15 } else { 2 };
            events.add(&name, &format!("action {a}"), at, Outcome::Viewed);
            events.add(
                &name,
                &format!("action {a}"),
                at + 5,
                if taken { Outcome::Taken } else { Outcome::NotTaken },
            );
        }
    }
    let mut data = Interactions::from_rows(users, items, &user, &item, &time);
    data.describe_actions(actions(), events);
    data
}

fn trained(threads: usize) -> TrainedVersion {
    // Parity is learnt in a few passes.
    let options = TrainOptions { seed: 7, threads, epochs: Some(12), ..TrainOptions::default() };
    train_and_evaluate(recipe(), &recipe().defaults(), &data(), &options, &|_, _| ()).unwrap()
}

/// One for all tests.
fn version() -> &'static (Interactions, TrainedVersion) {
    static ONE: OnceLock<(Interactions, TrainedVersion)> = OnceLock::new();
    ONE.get_or_init(|| (data(), trained(1)))
}

fn model() -> &'static NextBestAction {
    version().1.model.actions().unwrap()
}

fn artifact(version: &TrainedVersion) -> recipe::Artifact {
    let parameters = recipe().defaults();
    let origin = Origin {
        recipe: recipe(),
        parameters: &parameters,
        seed: 7,
        snapshot: "tastes",
        items_snapshot: None,
        users_snapshot: None,
        actions_snapshots: [Some("actions"), Some("outcomes")],
    };
    to_artifact(version, &data(), origin).unwrap()
}

/// What is known of the users before they were shown anything.
fn before(data: &Interactions) -> Vec<Query<'_>> {
    (0..USERS)
        .map(|user| {
            let history = data.history(user);
            Query::User(History::new(history.items, history.timestamps))
        })
        .collect()
}

const NEW_USER: Query<'static> = Query::User(History::new(&[], &[]));

#[test]
fn actions_follow_from_items_better_than_from_their_popularity() {
    let report = &version().1.report;
    assert_eq!(report.test_users, 24);
    let names: Vec<&str> = report.metrics.keys().map(String::as_str).collect();
    assert_eq!(names, ["area_under_the_curve", "coverage", "precision", "recall"]);
    for metrics in [&report.metrics, &report.baseline] {
        for (name, metric) in metrics {
            let sound = 0.0 <= metric.low && metric.low <= metric.value && metric.value <= metric.high;
            assert!(sound && metric.high <= 1.0, "{name}: {metric:?}");
        }
    }
    // Who knows the parity has 0.83; who knows the action alone, a half.
    let area = |of: &BTreeMap<String, domain::resource::Metric>| of["area_under_the_curve"].value;
    assert!(area(&report.metrics) > 0.75, "{:?}", report.metrics);
    assert!(area(&report.baseline) < 0.62, "{:?}", report.baseline);
    assert!(report.advantage["area_under_the_curve"].low > 0.0, "{:?}", report.advantage);
    assert!(report.verdict().contains("beats how often an action is taken"), "{}", report.verdict());
}

#[test]
fn probabilities_are_calibrated() {
    let (data, _) = version();
    let lists = model().recommend(&before(data), ACTIONS as usize, false);
    let mut told = [vec![], vec![]];
    for (user, list) in lists.iter().enumerate() {
        for (&action, &score) in list.items.iter().zip(&list.scores).filter(|(action, _)| **action < SHOWN) {
            told[usize::from(action as usize % 2 == user % 2)].push(f64::from(score));
        }
    }
    let [other, same] = told.map(|told| told.iter().sum::<f64>() / told.len() as f64);
    assert!((0.65..0.85).contains(&same), "three in four, told {same}");
    assert!((0.03..0.2).contains(&other), "one in ten, told {other}");
}

#[test]
fn everybody_gets_actions_of_their_parity_first() {
    let (data, _) = version();
    let right = |(user, list): (usize, RankedList)| {
        list.items.iter().filter(|&&action| action as usize % 2 == user % 2).count()
    };
    let lists = model().recommend(&before(data), 3, false).into_iter();
    let right: usize = lists.enumerate().map(right).sum();
    assert!(right * 100 > 90 * 3 * USERS as usize, "{right} of {}", 3 * USERS);
}

#[test]
fn actions_without_outcomes_come_last_by_value_and_are_explored() {
    let (data, _) = version();
    let query = before(data)[0];
    let list = model().recommend(&[query], ACTIONS as usize, false).remove(0);
    assert_eq!(&list.items[SHOWN as usize..], [7, 6], "the greater value first");
    assert_eq!(&list.scores[SHOWN as usize..], [0.0, 0.0]);
    assert!(list.scores[..SHOWN as usize].iter().all(|&p| 0.0 < p && p <= 1.0));
    let mut first = [0; 2];
    for user in 0..1_000 {
        let mixed = explore::mixed(model(), list.clone(), 5, &format!("user {user}"));
        assert_eq!(mixed, explore::mixed(model(), list.clone(), 5, &format!("user {user}")));
        assert_eq!(mixed.items.iter().collect::<HashSet<_>>().len(), ACTIONS as usize);
        let known: Vec<u32> = mixed.items.iter().copied().filter(|&action| action < SHOWN).collect();
        assert_eq!(known, &list.items[..SHOWN as usize], "the others keep their order");
        if mixed.items[0] >= SHOWN {
            first[mixed.items[0] as usize - SHOWN as usize] += 1;
            assert_eq!(mixed.scores[0], 0.0);
        }
    }
    assert!(
        first.iter().all(|&times| (100..200).contains(&times)),
        "three in ten share the first place: {first:?}"
    );
}

#[test]
fn no_answers_asked_none_given_and_more_than_there_are_are_all() {
    assert_eq!(model().recommend(&[], 5, true), []);
    for query in [NEW_USER, before(&version().0)[3], Query::Item(1), Query::Item(u32::MAX)] {
        assert!(model().recommend(&[query], 0, false).remove(0).items.is_empty());
        let list = model().recommend(&[query], 100, false).remove(0);
        assert_eq!(list.items.iter().collect::<HashSet<_>>().len(), ACTIONS as usize);
        assert_eq!(list.items.len(), list.scores.len());
        assert!(list.scores.is_sorted_by(|a, b| a >= b), "{:?}", list.scores);
    }
    assert_eq!(model().items(), ACTIONS as usize);
}

#[test]
fn actions_that_were_taken_are_left_out_when_asked_and_only_then() {
    let (data, _) = version();
    for user in 0..USERS {
        let query = [Query::User(data.history(user))];
        let took: HashSet<u32> = data
            .metadata
            .actions
            .of(user)
            .iter()
            .filter(|event| event.outcome == Outcome::Taken)
            .map(|event| event.action)
            .collect();
        let list = model().recommend(&query, 100, true).remove(0);
        assert!(list.items.iter().all(|action| !took.contains(action)));
        assert_eq!(list.items.len(), ACTIONS as usize - took.len());
        assert_eq!(model().recommend(&query, 100, false)[0].items.len(), ACTIONS as usize);
    }
}

#[test]
fn the_best_of_a_set_are_those_of_the_whole_list_that_are_in_it() {
    let query = before(&version().0)[4];
    let whole = model().recommend(&[query], 100, false).remove(0);
    let among = model().recommend_within(query, 2, &[0b1010_0100]);
    let expected: Vec<u32> =
        whole.items.iter().copied().filter(|action| [2, 5, 7].contains(action)).collect();
    assert_eq!(among.items, expected[..2]);
}

#[test]
fn a_batch_answers_as_its_queries_do_one_by_one_however_it_is_cut() {
    let (data, _) = version();
    let mut queries: Vec<_> = (0..USERS).map(|user| Query::User(data.history(user))).collect();
    let whole: Vec<_> =
        precompute::user_lists(model(), data, 0..USERS, 5, false).map(|(_, list)| list).collect();
    let parts = [0..1, 1..77, 77..USERS].into_iter();
    let parts: Vec<_> =
        parts.flat_map(|part| precompute::user_lists(model(), data, part, 5, false)).collect();
    assert!(parts.iter().map(|(_, list)| list).eq(&whole));
    assert_eq!(model().recommend(&queries, 5, false), whole);
    queries.push(NEW_USER);
    for query in queries.iter().step_by(7) {
        let alone = model().recommend(&[*query], 5, false);
        let at = queries.iter().position(|other| std::ptr::eq(other, query)).unwrap();
        assert_eq!(model().recommend(&queries, 5, false)[at], alone[0]);
        if at > 40 {
            break;
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes_and_they_are_read_back() {
    let one = artifact(&version().1);
    assert!(one == artifact(&trained(3)));
    let loaded = from_artifact(&one).unwrap();
    assert_eq!(loaded.model, version().1.model);
    assert_eq!(loaded.description.data.actions_snapshot.as_deref(), Some("actions"));
    let mut broken = one.clone();
    broken.files.remove("actions.json");
    assert!(from_artifact(&broken).unwrap_err().to_string().contains("actions.json"));
}

#[test]
fn without_outcomes_every_score_is_zero_and_there_are_no_metrics() {
    let mut data = data();
    let mut few = ActionEvents::default();
    (0..40).for_each(|user| few.add(&format!("user {user}"), "action 0", START, Outcome::Taken));
    data.describe_actions(actions(), few);
    let options = TrainOptions { seed: 7, threads: 1, epochs: Some(2), ..TrainOptions::default() };
    let version = train_and_evaluate(recipe(), &recipe().defaults(), &data, &options, &|_, _| ()).unwrap();
    assert!(version.report.metrics.is_empty());
    assert!(version.report.verdict().contains("at least 50"), "{}", version.report.verdict());
    let list = version.model.recommend(&[Query::User(data.history(0))], 100, false).remove(0);
    assert_eq!(list.items, (0..ACTIONS).rev().collect::<Vec<_>>(), "by value");
    assert!(list.scores.iter().all(|&score| score == 0.0));
    data.describe_actions(vec![], ActionEvents::default());
    let error = train_and_evaluate(recipe(), &recipe().defaults(), &data, &options, &|_, _| ()).unwrap_err();
    assert!(error.to_string().contains("Actions dataset"), "{error}");
}
