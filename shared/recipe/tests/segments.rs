//! The recipes for segments from the outside: what they learn, what is measured, what is written down.

use std::collections::BTreeMap;

use dataset::{Cells, Column, IdTable, Interactions};
use domain::recipes::{Recipe, find_by_name};
use recipe::artifact::{Origin, from_artifact, to_artifact};
use recipe::segments::{attributes, segments};
use recipe::{Model, TrainOptions, TrainedVersion, train_and_evaluate};

const USERS: u32 = 240;
/// Items of each taste.
const EACH: u32 = 12;

/// Four tastes. Everybody meets the items of one taste, again and again, in an order of an own; the
/// users of taste 0 do twice as much as the others, so that being active is not the same as liking.
fn tastes() -> Interactions {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    for u in 0..USERS {
        let taste = u % 4;
        for step in 0..if taste == 0 { 40 } else { 20 } {
            user.push(users.intern(&format!("user {u}")));
            let mixed = u.wrapping_mul(2_654_435_761).wrapping_add(step * 40_503) >> 7;
            item.push(items.intern(&format!("item {taste} {}", mixed % EACH)));
            time.push(1_600_000_000 + i64::from(step) * 60);
        }
    }
    Interactions::from_rows(users, items, &user, &item, &time)
}

/// Four colours, one for the items of each taste.
fn coloured() -> Interactions {
    let mut data = tastes();
    let colours = ["red", "green", "blue", "blue|grey"];
    let taste = |id: &str| id.split(' ').nth(1).unwrap().parse::<u32>().unwrap();
    let codes = data.items.iter().map(taste).collect();
    let cells = Cells::Text { distinct: colours.map(Into::into).into(), codes };
    data.metadata.items = vec![Column { name: "COLOUR".into(), cells }].into();
    data
}

fn trained(data: &Interactions, threads: usize) -> (&'static Recipe, TrainedVersion, recipe::Artifact) {
    trained_as("aws-item-affinity", data, threads)
}

fn trained_as(
    recipe: &str,
    data: &Interactions,
    threads: usize,
) -> (&'static Recipe, TrainedVersion, recipe::Artifact) {
    let recipe = find_by_name(recipe).unwrap();
    let hidden = BTreeMap::from([("hidden_dimension".to_owned(), "32".to_owned())]);
    let parameters = recipe.resolve(&hidden, &BTreeMap::new()).unwrap();
    let options = TrainOptions { threads, epochs: Some(12), ..TrainOptions::default() };
    let version = train_and_evaluate(recipe, &parameters, data, &options, &|_, _| ()).unwrap();
    let origin = Origin {
        recipe,
        parameters: &parameters,
        seed: 1,
        snapshot: "tastes",
        items_snapshot: None,
        users_snapshot: None,
        actions_snapshots: [None, None],
    };
    let artifact = to_artifact(&version, data, origin).unwrap();
    (recipe, version, artifact)
}

#[test]
fn users_of_a_taste_are_found_and_the_metrics_say_how_well() {
    let data = tastes();
    let (_, version, artifact) = trained(&data, 1);
    let loaded = from_artifact(&artifact).unwrap();
    let Model::Hrnn(network) = &loaded.model else { panic!("not a network") };
    for taste in 0..4 {
        let item = loaded.items.get(&format!("item {taste} 5")).unwrap();
        let segment = segments(network, &data, &[vec![item]], 20, 2).remove(0);
        assert!(segment.users.iter().all(|user| user % 4 == taste), "{taste}: {segment:?}");
        assert!(segment.probabilities.iter().all(|&p| p > 0.0 && p <= 1.0));
    }
    let report = &version.report;
    let names: Vec<_> = report.metrics.keys().map(String::as_str).collect();
    assert_eq!(names, ["coverage", "hits_at_1_percent", "recall_at_1_percent"]);
    assert_eq!(report.baseline.keys().collect::<Vec<_>>(), report.metrics.keys().collect::<Vec<_>>());
    assert_eq!(report.test_users, USERS as usize);
    let recall = |metrics: &BTreeMap<String, domain::resource::Metric>| metrics["recall_at_1_percent"].value;
    assert!(recall(&report.metrics) > recall(&report.baseline), "{report:?}");
    assert!(report.verdict().contains("naming the most active users: Recall at 1 %"), "{}", report.verdict());
    assert_eq!(loaded.description.metrics.len(), 3);
}

#[test]
fn users_of_an_attribute_are_found() {
    let data = coloured();
    let (_, version, artifact) = trained_as("aws-item-attribute-affinity", &data, 2);
    let loaded = from_artifact(&artifact).unwrap();
    let Model::Hrnn(network) = &loaded.model else { panic!("not a network") };
    for (question, tastes) in [
        ("ITEMS.colour = \"green\"", [1].as_slice()),
        ("ITEMS.colour = \"blue\"", &[2, 3]),
        ("ITEMS.colour = \"blue\" AND ITEMS.colour = \"grey\"", &[3]),
    ] {
        let items =
            attributes::items_with(&attributes::parse(question).unwrap(), &data.metadata.items).unwrap();
        let segment = segments(network, &data, &[items], 50, 2).remove(0);
        assert!(segment.users.iter().all(|user| tastes.contains(&(user % 4))), "{question}: {segment:?}");
    }
    let report = &version.report;
    assert!(
        report.metrics["recall_at_1_percent"].value > report.baseline["recall_at_1_percent"].value,
        "{report:?}"
    );

    let recipe = find_by_name("aws-item-attribute-affinity").unwrap();
    let parameters = recipe.defaults();
    let options = TrainOptions::default();
    let refused = train_and_evaluate(recipe, &parameters, &tastes(), &options, &|_, _| ()).unwrap_err();
    assert!(refused.to_string().contains("needs an Items dataset"), "{refused}");
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let data = tastes();
    let ((_, one, first), (_, three, second)) = (trained(&data, 1), trained(&data, 3));
    assert!(first == second);
    assert_eq!(one.report.metrics, three.report.metrics);
}

#[test]
fn histories_too_short_to_hide_anything_are_said_to_be() {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    for u in 0..300u32 {
        for step in 0..4 {
            user.push(users.intern(&u.to_string()));
            item.push(items.intern(&((u + step) % 50).to_string()));
            time.push(i64::from(step));
        }
    }
    let data = Interactions::from_rows(users, items, &user, &item, &time);
    let (_, version, _) = trained(&data, 2);
    assert!(version.report.metrics.is_empty());
    let reason = version.report.verdict();
    assert!(reason.contains("at least 5 interactions") && reason.contains("300 users"), "{reason}");
}
