//! What every model that answers with items has to pass. A recipe that joins the catalogue is in here
//! by itself; those for segments are in `segments.rs`, that for actions in `actions.rs`.
//!
//! After the shared tests of `implicit`: on a checkerboard, user u has every item of the same parity
//! except item u, so a model that learns anything recommends u item u.

use std::collections::{BTreeMap, HashSet};

use dataset::{History, IdTable, Interactions};
use domain::hyperparameters::Hyperparameters;
use domain::recipes::{Algorithm, CATALOGUE, Recipe, RecipeType};
use recipe::artifact::{Origin, from_artifact, to_artifact};
use recipe::{Model, Query, Recommender, TrainOptions, TrainedVersion, precompute, train_and_evaluate};

/// Users and items of the checkerboard.
const SIDE: u32 = 60;

/// Everything that the battery trains, once with one thread and once with three.
struct Candidate {
    recipe: &'static Recipe,
    parameters: Hyperparameters,
    data: Interactions,
    version: TrainedVersion,
    by_three_threads: TrainedVersion,
}

impl Candidate {
    fn model(&self) -> &Model {
        &self.version.model
    }

    fn artifact(&self, version: &TrainedVersion) -> recipe::Artifact {
        let origin = Origin {
            recipe: self.recipe,
            parameters: &self.parameters,
            seed: 7,
            snapshot: "checkerboard",
            items_snapshot: None,
            users_snapshot: None,
            actions_snapshots: [None, None],
        };
        to_artifact(version, &self.data, origin).unwrap()
    }
}

fn candidates() -> &'static [Candidate] {
    static ALL: std::sync::OnceLock<Vec<Candidate>> = std::sync::OnceLock::new();
    let answers_with_items = |recipe: &&Recipe| {
        !matches!(recipe.recipe_type, RecipeType::UserSegmentation | RecipeType::PersonalizedActions)
    };
    ALL.get_or_init(|| CATALOGUE.iter().filter(answers_with_items).map(train).collect())
}

fn train(recipe: &'static Recipe) -> Candidate {
    let data = checkerboard();
    // The smaller default for all: a large state learns no more here and takes its time.
    let hidden = recipe.hyperparameters.iter().find(|parameter| parameter.name == "hidden_dimension");
    let given = hidden.map(|parameter| (parameter.name.to_owned(), "43".to_owned())).into_iter().collect();
    let parameters = recipe.resolve(&given, &BTreeMap::new()).unwrap();
    let version = |threads| {
        let options = TrainOptions { seed: 7, threads, exclude_seen: true, ..TrainOptions::default() };
        train_and_evaluate(recipe, &parameters, &data, &options, &|_, _| ()).unwrap()
    };
    let (version, by_three_threads) = (version(1), version(3));
    Candidate { recipe, parameters, data, version, by_three_threads }
}

/// Every user meets the items in a shuffled order of its own, so that parity is all there is to learn:
/// a model of sequences would rather learn any order that users share.
fn checkerboard() -> Interactions {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    (0..SIDE).for_each(|number| {
        users.intern(&format!("user {number}"));
        items.intern(&format!("item {number}"));
    });
    let mut state = 1u64;
    // Knuth's linear congruence; its high bits are good.
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    for u in 0..SIDE {
        let mut walk: Vec<u32> = (0..SIDE).filter(|&i| i != u && i % 2 == u % 2).collect();
        for last in (1..walk.len()).rev() {
            walk.swap(last, random(last as u64 + 1) as usize);
        }
        for (at, i) in walk.into_iter().enumerate() {
            user.push(u);
            item.push(i);
            time.push(1_600_000_000 + at as i64 * 60);
        }
    }
    Interactions::from_rows(users, items, &user, &item, &time)
}

fn histories(data: &Interactions) -> Vec<Query<'_>> {
    (0..data.users.len() as u32).map(|user| Query::User(data.history(user))).collect()
}

const NEW_USER: Query<'static> = Query::User(History::new(&[], &[]));

#[test]
fn the_withheld_diagonal_comes_first() {
    for candidate in candidates().iter().filter(|c| !c.recipe.one_for_all()) {
        let lists = candidate.model().recommend(&histories(&candidate.data), 3, true);
        for (user, list) in lists.iter().enumerate() {
            assert_eq!(list.items[0], user as u32, "{} for user {user}: {list:?}", candidate.recipe.name);
        }
    }
}

#[test]
fn related_items_share_the_parity_and_never_name_the_item_itself() {
    for candidate in candidates() {
        let queries: Vec<_> = (0..SIDE).map(Query::Item).collect();
        for (item, list) in candidate.model().recommend(&queries, 10, false).iter().enumerate() {
            assert_eq!(list.items.len(), 10);
            assert!(!list.items.contains(&(item as u32)), "{}: {list:?}", candidate.recipe.name);
            if candidate.recipe.algorithm == Algorithm::Sims {
                assert!(list.items.iter().all(|other| *other as usize % 2 == item % 2), "{list:?}");
            }
        }
    }
}

#[test]
fn the_best_of_a_set_are_those_of_the_whole_list_that_are_in_it() {
    // Items 0, 3, 6, …, and none beyond the first word.
    let allowed = [(0..64).step_by(3).map(|item| 1u64 << item).sum::<u64>()];
    for candidate in candidates() {
        for query in [NEW_USER, histories(&candidate.data)[4], Query::Item(5)] {
            let mut whole = candidate.model().recommend(&[query], SIDE as usize, false).remove(0);
            let kept: Vec<bool> = whole.items.iter().map(|item| item % 3 == 0).collect();
            let (mut of_items, mut of_scores) = (kept.iter(), kept.iter());
            whole.items.retain(|_| *of_items.next().unwrap());
            whole.scores.retain(|_| *of_scores.next().unwrap());
            assert!(whole.items.len() >= SIDE as usize / 3 - 1);
            for k in [0, 1, 7, SIDE as usize] {
                let among = candidate.model().recommend_within(query, k, &allowed);
                let k = k.min(whole.items.len());
                assert_eq!(among.items, whole.items[..k], "{}", candidate.recipe.name);
                assert_eq!(
                    among.scores,
                    whole.scores[..k.min(whole.scores.len())],
                    "{}",
                    candidate.recipe.name
                );
            }
            assert_eq!(candidate.model().recommend_within(query, 5, &[0]).items, [0u32; 0]);
            assert_eq!(candidate.model().recommend_within(query, 5, &[]).items, [0u32; 0]);
        }
    }
}

#[test]
fn more_answers_than_items_are_all_items() {
    for candidate in candidates() {
        for query in [NEW_USER, histories(&candidate.data)[3]] {
            let list = candidate.model().recommend(&[query], 10 * SIDE as usize, false).remove(0);
            let distinct: HashSet<_> = list.items.iter().collect();
            assert_eq!((list.items.len(), distinct.len()), (SIDE as usize, SIDE as usize));
        }
    }
}

#[test]
fn no_answers_asked_none_given() {
    for candidate in candidates() {
        assert_eq!(candidate.model().recommend(&[], 5, true), []);
        for list in candidate.model().recommend(&[NEW_USER, Query::Item(1)], 0, true) {
            assert!(list.items.is_empty() && list.scores.is_empty());
        }
    }
}

#[test]
fn new_users_and_unknown_items_get_a_full_list() {
    for candidate in candidates() {
        let unknown = [NEW_USER, Query::Item(SIDE), Query::Item(u32::MAX)];
        for list in candidate.model().recommend(&unknown, 20, true) {
            assert_eq!(list.items.len(), 20, "{}", candidate.recipe.name);
        }
    }
}

#[test]
fn seen_items_are_left_out_when_asked_and_only_then() {
    for candidate in candidates() {
        let queries = histories(&candidate.data);
        let (all, unseen) = (SIDE as usize, SIDE as usize / 2 + 1);
        for (user, list) in candidate.model().recommend(&queries, all, true).iter().enumerate() {
            let seen = candidate.data.history(user as u32).items;
            assert!(list.items.iter().all(|item| !seen.contains(item)), "{}", candidate.recipe.name);
            assert_eq!(list.items.len(), unseen);
        }
        assert!(candidate.model().recommend(&queries, all, false).iter().all(|list| list.items.len() == all));
    }
}

#[test]
fn lists_have_no_duplicates_and_scores_that_fall() {
    for candidate in candidates() {
        for list in candidate.model().recommend(&histories(&candidate.data), 25, true) {
            assert_eq!(list.items.iter().collect::<HashSet<_>>().len(), list.items.len());
            assert!(list.items.iter().all(|&item| item < SIDE));
            let expected = if candidate.recipe.scored { list.items.len() } else { 0 };
            assert_eq!(list.scores.len(), expected, "{}", candidate.recipe.name);
            assert!(list.scores.is_sorted_by(|a, b| a >= b), "{:?}", list.scores);
        }
    }
}

#[test]
fn a_batch_answers_as_its_queries_do_one_by_one() {
    for candidate in candidates() {
        let mut queries = histories(&candidate.data);
        queries.extend([NEW_USER, Query::Item(2), NEW_USER]);
        let together = candidate.model().recommend(&queries, 25, true);
        for (query, list) in queries.iter().zip(together) {
            assert_eq!(candidate.model().recommend(&[*query], 25, true), [list], "{}", candidate.recipe.name);
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    for candidate in candidates() {
        let (one, three) =
            (candidate.artifact(&candidate.version), candidate.artifact(&candidate.by_three_threads));
        assert!(one == three, "{}", candidate.recipe.name);
    }
}

#[test]
fn a_model_that_was_written_and_read_answers_the_same() {
    for candidate in candidates() {
        let loaded = from_artifact(&candidate.artifact(&candidate.version)).unwrap();
        let queries = histories(&candidate.data);
        assert_eq!(
            loaded.model.recommend(&queries, 25, false),
            candidate.model().recommend(&queries, 25, false),
            "{}",
            candidate.recipe.name
        );
        assert_eq!(loaded.model.items(), SIDE as usize);
        assert!(loaded.items.iter().eq(candidate.data.items.iter()));
        assert_eq!(loaded.popular, candidate.version.popular);
        for (name, metric) in &candidate.version.report.metrics {
            // serde_json reads numbers of 17 digits to the last bit but one.
            assert!((loaded.description.metrics[name].high - metric.high).abs() < 1e-12, "{name}");
        }
        assert_eq!(loaded.description.hyperparameters, candidate.parameters);
    }
}

#[test]
fn precomputed_lists_are_the_models_answers_however_they_are_sharded() {
    for candidate in candidates() {
        let whole: Vec<_> =
            precompute::user_lists(candidate.model(), &candidate.data, 0..SIDE, 10, true).collect();
        let answers = candidate.model().recommend(&histories(&candidate.data), 10, true);
        assert!(whole.iter().map(|(user, _)| *user).eq(0..SIDE));
        assert!(whole.iter().map(|(_, list)| list).eq(&answers));
        let shards: Vec<_> = [0..1, 1..41, 41..SIDE]
            .into_iter()
            .flat_map(|shard| precompute::user_lists(candidate.model(), &candidate.data, shard, 10, true))
            .collect();
        assert_eq!(shards, whole);
    }
}

#[test]
fn versions_carry_the_eight_metrics_beside_the_baseline() {
    for candidate in candidates() {
        let report = &candidate.version.report;
        // Ten per cent of 60 users with 29 interactions each.
        assert_eq!(report.test_users, 6);
        for metrics in [&report.metrics, &report.baseline] {
            assert_eq!(metrics.len(), 8);
            for (name, metric) in metrics {
                let sound = 0.0 <= metric.low
                    && metric.low <= metric.value
                    && metric.value <= metric.high
                    && metric.high <= 1.0;
                assert!(sound, "{} {name}: {metric:?}", candidate.recipe.name);
            }
        }
    }
}
