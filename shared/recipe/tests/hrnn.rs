//! What `aws-hrnn` promises beyond the shared battery.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use dataset::{History, IdTable, Interactions};
use domain::hyperparameters::Hyperparameters;
use domain::recipes;
use recipe::hrnn::{Config, HrnnModel, Progress, Start, TensorError, TrainError, train, train_from};
use recipe::{Query, Recommender};

const ITEMS: u32 = 40;

/// Users who walk through the items in circles, each from a place of its own; `lengths` says how far.
fn walks(lengths: &[usize]) -> Interactions {
    walks_to(lengths, None)
}

/// The same, where everybody's last item is `last`.
fn walks_to(lengths: &[usize], last: Option<u32>) -> Interactions {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    (0..ITEMS).for_each(|item| {
        items.intern(&format!("item {item}"));
    });
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    for (number, &length) in lengths.iter().enumerate() {
        let u = users.intern(&format!("user {number}"));
        for step in 0..length {
            user.push(u);
            // The last two items are nobody's.
            let next = (number * 7 + step) as u32 % (ITEMS - 2);
            item.push(last.filter(|_| step + 1 == length).unwrap_or(next));
            time.push(1_600_000_000 + step as i64 * 100);
        }
    }
    Interactions::from_rows(users, items, &user, &item, &time)
}

/// Many ordinary users, one that never stops, one with a single event and one that did nothing.
fn data() -> Interactions {
    let mut lengths = vec![9; 60];
    lengths.extend([700, 1, 2, 0]);
    walks(&lengths)
}

fn config(threads: usize) -> Config {
    Config { hidden_dimension: 33, embedding: 32, epochs: Some(25), seed: 5, threads, ..Config::default() }
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn model() -> &'static HrnnModel {
    static MODEL: std::sync::OnceLock<HrnnModel> = std::sync::OnceLock::new();
    MODEL.get_or_init(|| train(&data(), &config(2), &go_on).unwrap().0)
}

#[test]
fn the_documented_hyperparameters_reach_the_config() {
    let recipe = recipes::find_by_name("aws-hrnn").unwrap();
    let arn = recipe.algorithm_arn();
    let given = [("hidden_dimension", "64"), ("bptt", "7"), ("recency_mask", "false")];
    let given: BTreeMap<String, String> = given.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let resolve = |given| Hyperparameters::resolve(recipe.hyperparameters, given, arn.as_str()).unwrap();
    let config = Config::from_hyperparameters(&resolve(&given), 3, 2);
    assert_eq!((config.hidden_dimension, config.bptt, config.recency_mask), (64, 7, false));
    assert_eq!((config.seed, config.threads), (3, 2));
    assert_eq!(Config::from_hyperparameters(&resolve(&BTreeMap::new()), 1, 0), Config::default());
}

#[test]
fn what_comes_next_is_learnt() {
    for start in [0u32, 11, 20] {
        let items: Vec<u32> = (start..start + 5).collect();
        let times: Vec<i64> = (0..5).map(|step| step * 100).collect();
        let query = Query::User(History::new(&items, &times));
        let list = model().recommend(&[query], 3, true).remove(0);
        assert_eq!(list.items[0], start + 5, "after {items:?}: {list:?}");
    }
}

/// Users by what they did: items with the seconds since the one before.
fn told(stories: &[Vec<(u32, i64)>]) -> Interactions {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    (0..ITEMS).for_each(|item| {
        items.intern(&format!("item {item}"));
    });
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    for (number, story) in stories.iter().enumerate() {
        let u = users.intern(&format!("user {number}"));
        let mut now = 1_600_000_000;
        for &(what, pause) in story {
            now += pause;
            user.push(u);
            item.push(what);
            time.push(now);
        }
    }
    Interactions::from_rows(users, items, &user, &item, &time)
}

/// What a model puts first after a story, whether or not it was there before.
fn first_after(model: &HrnnModel, story: &[(u32, i64)]) -> u32 {
    let items: Vec<u32> = story.iter().map(|&(item, _)| item).collect();
    let pauses = story.iter().scan(0, |now, &(_, pause)| {
        *now += pause;
        Some(*now)
    });
    let times: Vec<i64> = pauses.collect();
    model.recommend(&[Query::User(History::new(&items, &times))], 1, false)[0].items[0]
}

#[test]
fn a_pause_decides_what_comes_next() {
    const DOOR: u32 = 0;
    let (soon, late) = (60, 10 * 86_400);
    // Behind the door is item 1 for who came at once, and item 2 for who took days.
    let story = |number: u32| -> Vec<(u32, i64)> {
        let visits = (0..6).flat_map(|visit| {
            let at_once = (number / 4 + visit + number * visit).is_multiple_of(2);
            let (pause, behind) = if at_once { (soon, 1) } else { (late, 2) };
            [(3 + (number * 5 + visit * 11) % (ITEMS - 3), soon), (DOOR, pause), (behind, soon)]
        });
        visits.collect()
    };
    let stories: Vec<_> = (0..80).map(story).collect();
    let (model, _) = train(&told(&stories), &Config { epochs: Some(60), ..config(2) }, &go_on).unwrap();
    for before in [5, 17, 30] {
        assert_eq!(first_after(&model, &[(before, soon), (DOOR, soon)]), 1, "item {before}, then at once");
        assert_eq!(first_after(&model, &[(before, soon), (DOOR, late)]), 2, "item {before}, then days");
    }
}

#[test]
fn who_repeats_is_told_from_who_does_not() {
    // Half stay with one item, the others walk on.
    let story = |number: u32| -> Vec<(u32, i64)> {
        let start = number / 2 % ITEMS;
        (0..8).map(|step| ((start + step * (number % 2)) % ITEMS, 100)).collect()
    };
    let stories: Vec<_> = (0..160).map(story).collect();
    let (model, _) = train(&told(&stories), &Config { epochs: Some(150), ..config(2) }, &go_on).unwrap();
    for item in [6, 21, 35] {
        assert_eq!(first_after(&model, &[(item, 100), (item, 100), (item, 100)]), item, "who stays");
        let walk = [(item - 3, 100), (item - 2, 100), (item - 1, 100), (item, 100)];
        assert_eq!(first_after(&model, &walk), item + 1, "who walks on");
    }
}

#[test]
fn recent_events_count_more_where_recency_mask_asks_for_it() {
    const OLD: u32 = 1;
    const NEW: u32 = 2;
    // More had the old one, long ago.
    let year = 365 * 86_400;
    let story = |number: u32| -> Vec<(u32, i64)> {
        let (item, begins) = if number < 40 { (OLD, 0) } else { (NEW, year) };
        vec![(3 + number % (ITEMS - 3), begins), (item, 100)]
    };
    let stories: Vec<_> = (0..70).map(story).collect();
    for (recency_mask, first) in [(true, NEW), (false, OLD)] {
        let config = Config { recency_mask, epochs: Some(1), ..config(1) };
        let (model, _) = train(&told(&stories), &config, &go_on).unwrap();
        let list = model.recommend(&[Query::User(History::new(&[], &[]))], 2, false).remove(0);
        assert_eq!(list.items[0], first, "recency_mask {recency_mask}: {list:?}");
    }
}

#[test]
fn one_and_two_threads_give_the_same_bytes() {
    let (one, report) = train(&data(), &config(1), &go_on).unwrap();
    assert!(one == *model());
    assert_eq!((report.epochs, report.events), (25, 60 * 8 + 699 + 1));
    assert!(report.loss.is_finite() && report.loss > 0.0);
}

#[test]
fn the_plain_forward_pass_agrees_with_the_one_for_many_users() {
    let (data, model) = (data(), model());
    let histories: Vec<_> = (0..data.users.len() as u32).map(|user| data.history(user)).collect();
    let states = model.states(&histories);
    let queries: Vec<_> = histories.iter().map(|history| Query::User(*history)).collect();
    let lists = model.recommend(&queries, ITEMS as usize, false);
    for (user, history) in histories.iter().enumerate() {
        let state = model.state(history);
        if let Some(state) = &state {
            let far = (&states.row(user) - state).iter().fold(0.0f32, |far, x| far.max(x.abs()));
            assert!(far < 1e-4, "user {user} is {far} apart");
        }
        let scores = model.scores(state.as_ref().map(|state| state.view()));
        assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-4, "scores are shares of one");
        for (&item, &score) in lists[user].items.iter().zip(&lists[user].scores) {
            let plain = scores[item as usize];
            assert!(
                (score - plain).abs() <= 1e-4 * plain.max(1e-3),
                "user {user}, item {item}: {score} {plain}"
            );
        }
        assert!(lists[user].scores.is_sorted_by(|a, b| a >= b));
    }
}

#[test]
fn a_user_without_a_known_past_gets_what_is_popular() {
    let mut lengths = vec![3; 30];
    lengths[0] = 4;
    let data = walks_to(&lengths, Some(5));
    let (model, _) = train(&data, &Config { epochs: Some(2), ..config(1) }, &go_on).unwrap();
    let unknown = [1_000_000, u32::MAX];
    let pasts = [History::new(&[], &[]), History::new(&unknown, &[1, 2])];
    let lists = model.recommend(&pasts.map(Query::User), 10, true);
    assert_eq!(lists[0].items[0], 5);
    assert_eq!(lists[0], lists[1]);
}

#[test]
fn answers_do_not_depend_on_who_else_asks() {
    let data = data();
    let queries: Vec<_> = (0..data.users.len() as u32).map(|user| Query::User(data.history(user))).collect();
    let together: Vec<_> = queries.iter().cycle().take(200).copied().collect();
    let lists = model().recommend(&together, 7, true);
    for user in [0, 33, 60, 61, 63] {
        assert_eq!(model().recommend(&queries[user..=user], 7, true)[0], lists[user], "user {user}");
    }
}

#[test]
fn tensors_hold_the_whole_model_and_bad_ones_are_refused() {
    let tensors = model().to_tensors();
    // Shape and values; false takes the tensor out.
    type Change<'a> = &'a dyn Fn(&str, &mut (Vec<usize>, Vec<f32>)) -> bool;
    let read = |change: Change<'_>| {
        HrnnModel::from_tensors(|name| {
            let tensor = tensors.iter().find(|tensor| tensor.name == name)?;
            let mut parts = (tensor.shape.clone(), tensor.values.clone());
            change(name, &mut parts).then_some(parts)
        })
    };
    assert!(read(&|_, _| true).unwrap() == *model());
    assert_eq!(read(&|name, _| name != "query.last").unwrap_err(), TensorError::Missing("query.last"));
    let cut = read(&|name, parts| {
        if name == "bias" {
            *parts = (vec![3], vec![0.0; 3]);
        }
        true
    });
    assert_eq!(
        cut.unwrap_err(),
        TensorError::Shape { name: "bias", found: vec![3], expected: vec![ITEMS as usize] }
    );
    let not_a_number = read(&|name, parts| {
        if name == "gaps" {
            parts.1[3] = f32::NAN;
        }
        true
    });
    assert_eq!(not_a_number.unwrap_err(), TensorError::NotFinite("gaps"));
}

#[test]
fn progress_grows_to_the_end_and_can_stop_the_training() {
    let seen = std::cell::RefCell::new(vec![]);
    let tell = |p: Progress| {
        seen.borrow_mut().push((p.epoch, p.done, p.total));
        ControlFlow::Continue(())
    };
    train(&data(), &Config { epochs: Some(3), ..config(1) }, &tell).unwrap();
    let seen = seen.into_inner();
    assert!(seen.is_sorted_by_key(|report| report.1));
    let &(epoch, done, total) = seen.last().unwrap();
    assert_eq!((epoch, done), (3, total));
    let stopped = train(&data(), &config(1), &|_| ControlFlow::Break(()));
    assert_eq!(stopped.unwrap_err(), TrainError::Stopped);
}

#[test]
fn training_that_cannot_work_says_why() {
    let lonely = walks(&[1; 20]);
    assert_eq!(train(&lonely, &config(1), &go_on).unwrap_err(), TrainError::NoSequences);
    // Steps so large that the weights leave the range of floats, at once or after a few.
    for rate in [f32::INFINITY, 1e30, 1e15] {
        let error = train(&data(), &Config { rate, ..config(1) }, &go_on).unwrap_err();
        let TrainError::NotFinite { epoch, batch, .. } = error else { panic!("{error:?}") };
        // What a caller reads as the reason of CREATE FAILED.
        let reason = recipe::TrainError::from(error).to_string();
        assert!(reason.starts_with("Create failed. The loss became "), "{reason}");
        assert!(
            reason.contains(&format!("in epoch {epoch}, batch {batch}: the steps were too large")),
            "{reason}"
        );
        assert!(reason.contains("smaller hidden_dimension or bptt"), "{reason}");
    }
}

#[test]
fn a_last_step_that_goes_wrong_is_noticed_too() {
    // One step in all: its own loss is still a number.
    let data = walks(&[3; 30]);
    let wild = Config { rate: f32::INFINITY, epochs: Some(1), ..config(1) };
    let error = train(&data, &wild, &go_on).unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { epoch: 1, batch: 1, .. }), "{error:?}");
}

/// The users of `data`, and as many again who walk through items that are new, too.
fn grown() -> Interactions {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    // New items come first, so that every known item has another number than before.
    (0..5).for_each(|item| {
        items.intern(&format!("new {item}"));
    });
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    for number in 0..120usize {
        let u = users.intern(&format!("user {number}"));
        for step in 0..9 {
            let id = match (number * 7 + step) % 43 {
                new @ 38.. => format!("new {}", new - 38),
                known => format!("item {known}"),
            };
            user.push(u);
            item.push(items.intern(&id));
            time.push(1_600_000_000 + step as i64 * 100);
        }
    }
    Interactions::from_rows(users, items, &user, &item, &time)
}

#[test]
fn going_on_from_a_model_reaches_a_lower_loss_than_from_scratch_in_as_many_passes() {
    let known = data();
    let start = Start { model: model(), items: &known.items };
    for (what, data) in [("the same data", &known), ("more users and items", &grown())] {
        let config = Config { epochs: Some(3), ..config(2) };
        let (_, scratch) = train(data, &config, &go_on).unwrap();
        let (updated, report) = train_from(data, &config, Some(start), &go_on).unwrap();
        assert_eq!(report.epochs, scratch.epochs);
        assert!(report.loss < 0.8 * scratch.loss, "{what}: {} against {}", report.loss, scratch.loss);
        assert_eq!(updated.items(), data.items.len());
    }
}

#[test]
fn a_model_comes_back_as_it_was_from_a_training_that_changes_nothing() {
    let (known, grown) = (data(), grown());
    let still = Config { epochs: Some(1), rate: 0.0, ..config(2) };
    let start = Start { model: model(), items: &known.items };
    let (same, _) = train_from(&known, &still, Some(start), &go_on).unwrap();
    let mut expected = model().clone();
    for nobodys in ITEMS as usize - 2..ITEMS as usize {
        // What was never had was never learnt, and begins as new.
        expected.bias[nobodys] = same.prior[nobodys];
    }
    assert!(same == expected);
    let (moved, _) = train_from(&grown, &still, Some(start), &go_on).unwrap();
    for item in 0..ITEMS - 2 {
        let now = grown.items.get(&format!("item {item}")).unwrap() as usize;
        assert_ne!(now, item as usize);
        assert_eq!(moved.items.row(now), model().items.row(item as usize));
        assert_eq!(moved.bias[now], model().bias[item as usize]);
    }
    // New ones begin where those of a training from scratch do.
    let (scratch, _) = train(&grown, &still, &go_on).unwrap();
    assert_eq!(moved.items.row(0), scratch.items.row(0));
    assert_eq!(moved.bias[0], scratch.bias[0]);
}

#[test]
fn a_model_of_other_sizes_is_refused() {
    let known = data();
    let start = Start { model: model(), items: &known.items };
    let other = Config { hidden_dimension: 40, ..config(1) };
    let error = train_from(&known, &other, Some(start), &go_on).unwrap_err();
    assert_eq!(error, TrainError::OtherSizes { what: "hidden_dimension", found: 33, expected: 40 });
    assert!(error.to_string().contains("trainingMode FULL"));
}

#[test]
fn effort_is_a_share_of_the_passes() {
    let passes = |effort, events| Config { effort, ..Config::default() }.plan(events, 10).epochs;
    assert_eq!([passes(1.0, 5_000), passes(1.0 / 3.0, 5_000), passes(0.001, 5_000)], [60, 20, 2]);
    let given = Config { effort: 0.5, epochs: Some(7), ..Config::default() };
    assert_eq!(given.plan(5_000, 10).epochs, 7);
}
