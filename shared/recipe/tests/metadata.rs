//! What recipes with metadata promise: columns of Items, Users and Interactions change answers.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use dataset::{Cells, Column, History, IdTable, Interactions, Table};
use domain::RankingInfluence;
use domain::hyperparameters::{Hyperparameters, Value};
use domain::recipes;
use recipe::artifact::{Origin, from_artifact, to_artifact};
use recipe::exploration::{Explorer, Freshness};
use recipe::hrnn::{Config, HrnnModel, Start, train, train_from};
use recipe::influence::{Lift, Lifted};
use recipe::{Query, RankedList, Recommender, TrainOptions, train_and_evaluate};

const USERS: usize = 80;
const EACH: usize = 16;
/// Items of each genre that users meet; and as many that only Items knows.
const GENRE: u32 = 30;
const NEW: u32 = 3;

fn column(name: &str, cells: impl Iterator<Item = String>) -> Column {
    let (mut ids, mut codes) = (IdTable::default(), vec![]);
    cells.for_each(|cell| codes.push(ids.intern(&cell)));
    Column { name: name.into(), cells: Cells::Text { distinct: ids.iter().map(Into::into).collect(), codes } }
}

/// Users of cities A and B like genres A and B; in the evening everybody meets the first ten items of
/// the own genre, at other times the others. Which of them is a matter of chance.
fn data() -> Interactions {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    for number in 0..2 * GENRE {
        items.intern(&format!("{}{}", if number < GENRE { "A" } else { "B" }, number % GENRE));
    }
    let mut state = 7u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut user, mut item, mut time, mut moments) = (vec![], vec![], vec![], vec![]);
    for u in 0..USERS {
        let number = users.intern(&format!("user {u}"));
        for step in 0..EACH {
            let evening = random(2) == 0;
            let within = if evening { random(10) } else { 10 + random(20) };
            user.push(number);
            item.push((u as u32 % 2) * GENRE + within as u32);
            time.push(1_600_000_000 + step as i64 * 600);
            moments.push(if evening { "evening" } else { "day" }.to_owned());
        }
    }
    let moments = column("MOMENT", moments.into_iter());
    let mut data = Interactions::from_events(users, items, user, item, time, vec![moments]);
    let (mut films, mut genres) = (IdTable::default(), vec![]);
    for genre in ["A", "B"] {
        for number in 0..GENRE + NEW {
            films.intern(&format!("{genre}{number}"));
            genres.push(format!("{genre}|Film"));
        }
    }
    let films = Table { ids: films, columns: vec![column("GENRES", genres.into_iter())], created: vec![] };
    let mut people = IdTable::default();
    (0..USERS).for_each(|u| _ = people.intern(&format!("user {u}")));
    // Two who have just joined.
    people.intern("new A");
    people.intern("new B");
    let cities = (0..USERS + 2).map(|u| if u % 2 == 0 { "A" } else { "B" }.to_owned());
    let people = Table { ids: people, columns: vec![column("CITY", cities)], created: vec![] };
    data.describe(Some(&films), Some(&people));
    data
}

fn config(threads: usize) -> Config {
    Config {
        hidden_dimension: 32,
        embedding: 32,
        epochs: Some(60),
        lanes: Some(8),
        metadata: true,
        seed: 3,
        threads,
        ..Config::default()
    }
}

fn model() -> &'static (Interactions, HrnnModel) {
    static MODEL: std::sync::OnceLock<(Interactions, HrnnModel)> = std::sync::OnceLock::new();
    MODEL.get_or_init(|| {
        let data = data();
        let model = train(&data, &config(2), &|_| ControlFlow::Continue(())).unwrap().0;
        (data, model)
    })
}

fn history(user: &str) -> History<'static> {
    let data = &model().0;
    data.history(data.users.get(user).unwrap())
}

/// Places of items in a user's list of everything.
fn places(history: History<'_>) -> Vec<usize> {
    let list = model().1.recommend(&[Query::User(history)], 1000, false).remove(0);
    let mut places = vec![0; list.items.len()];
    list.items.iter().enumerate().for_each(|(place, &item)| places[item as usize] = place);
    places
}

#[test]
fn items_and_users_without_interactions_join_the_catalogue() {
    let (data, model) = model();
    assert_eq!((data.items.len(), data.users.len()), (2 * (GENRE + NEW) as usize, USERS + 2));
    assert_eq!(model.items(), data.items.len());
    assert!(data.history(USERS as u32).items.is_empty());
}

#[test]
fn an_item_that_nobody_met_is_scored_by_what_it_is() {
    for (user, own, other) in [("user 0", "A", "B"), ("user 1", "B", "A")] {
        let places = places(history(user));
        for new in GENRE..GENRE + NEW {
            let place = |genre: &str| places[model().0.items.get(&format!("{genre}{new}")).unwrap() as usize];
            assert!(place(own) < place(other), "{user}, {new}: {} {}", place(own), place(other));
        }
    }
}

#[test]
fn a_training_that_goes_on_keeps_what_metadata_told() {
    let (data, before) = model();
    let go_on = |rate| {
        let config = Config { rate, epochs: Some(1), ..config(2) };
        let start = Start { model: before, items: &data.items };
        train_from(data, &config, Some(start), &|_| ControlFlow::Continue(())).unwrap().0
    };
    // Nothing is learnt, so nothing may be lost: only own rows of items count a second time as trusted.
    let after = go_on(0.0);
    let (sides, known) = (after.sides.as_ref().unwrap(), before.sides.as_ref().unwrap());
    assert_eq!(sides, known);
    for item in 0..2 * NEW {
        let item = 2 * GENRE as usize + item as usize;
        let far =
            (&after.items.row(item) - &before.items.row(item)).iter().fold(0.0f32, |a, x| a.max(x.abs()));
        assert!(far < 1e-5, "an item that nobody met is its metadata: {far}");
    }
    let list = go_on(0.001).recommend(&[Query::User(history("user 0"))], 1000, false).remove(0);
    let place = |id: &str| list.items.iter().position(|&item| data.items.id(item) == id);
    assert!(place("A31") < place("B31"), "{list:?}");
}

#[test]
fn a_new_user_is_known_by_where_they_live() {
    for (user, from) in [("new A", 0), ("new B", GENRE)] {
        let list = model().1.recommend(&[Query::User(history(user))], 10, false).remove(0);
        let own = list.items.iter().filter(|&&item| (from..from + GENRE).contains(&item)).count();
        assert!(own >= 9, "{user}: {list:?}");
    }
}

#[test]
fn the_context_of_a_request_changes_the_answer() {
    let evening = |history: History<'_>| {
        let list = model().1.recommend(&[Query::User(history)], 10, false).remove(0);
        list.items.iter().filter(|&&item| item % GENRE < 10).count()
    };
    for user in ["user 0", "user 1"] {
        let mut asked = history(user);
        let of = |moment: &str| BTreeMap::from([("MOMENT".to_owned(), moment.to_owned())]);
        let (at_night, at_day, other) =
            (of("evening"), of("day"), BTreeMap::from([("X".into(), "y".into())]));
        asked.about.request = Some(&at_night);
        assert!(evening(asked) >= 8, "{user}: {}", evening(asked));
        asked.about.request = Some(&at_day);
        assert!(evening(asked) <= 2, "{user}: {}", evening(asked));
        asked.about.request = Some(&other);
        assert_eq!(places(asked), places(history(user)), "what no column is called is ignored");
    }
}

#[test]
fn the_plain_forward_pass_agrees_with_the_one_for_many_users() {
    let (data, model) = model();
    let histories: Vec<_> = (0..USERS as u32).map(|user| data.history(user)).collect();
    let states = model.states(&histories);
    for (user, history) in histories.iter().enumerate() {
        let state = model.state(history).unwrap();
        let far = (&states.row(user) - &state).iter().fold(0.0f32, |far, x| far.max(x.abs()));
        assert!(far < 1e-4, "user {user} is {far} apart");
    }
}

#[test]
fn a_ranking_is_of_the_given_items_alone_and_sums_to_one() {
    let model = &model().1;
    let list = Lifted::plain(model).rank(history("user 0"), &[GENRE + 4, 3, 12, 3, 9_999]);
    assert_eq!(list.items.len(), 3);
    assert_eq!(list.items[2], GENRE + 4, "{list:?}");
    assert!((list.scores.iter().sum::<f32>() - 1.0).abs() < 1e-5 && list.scores.is_sorted_by(|a, b| a >= b));
    // Somebody unknown gets the order of popularity.
    let nobody = Lifted::plain(model).rank(History::new(&[], &[]), &[12, 3, GENRE + 4]);
    let prior = |item: u32| model.prior[item as usize];
    assert!(nobody.items.is_sorted_by(|&a, &b| prior(a) >= prior(b)), "{nobody:?}");
    assert!(Lifted::plain(model).rank(history("user 0"), &[]).items.is_empty());
}

#[test]
fn lists_are_the_more_popular_and_the_fresher_the_more_that_weighs() {
    let (data, model) = model();
    let mut dated = data.clone();
    // Items of high numbers are young, whatever their genre.
    let day = |item: u32| 1_500_000_000 + i64::from(item % GENRE) * 5 * 86_400;
    dated.metadata.created =
        (0..data.items.len() as u32).map(|item| Some(day(item))).collect::<Vec<_>>().into();
    let known = Freshness::of(&dated);
    let queries: Vec<_> = (0..USERS as u32).map(|user| Query::User(data.history(user))).collect();
    let lift = |popularity, freshness| {
        let influence = RankingInfluence { popularity: Some(popularity), freshness: Some(freshness) };
        Lift::of(&known, &influence)
    };
    let lists = |lift: Option<&Lift>| Lifted::new(model, lift).recommend(&queries, 10, false);
    let mean = |lists: &[RankedList], of: &dyn Fn(u32) -> f64| {
        lists.iter().flat_map(|list| &list.items).map(|&item| of(item)).sum::<f64>()
            / (lists.len() * 10) as f64
    };
    let (events, born) = (|item: u32| f64::from(known.events[item as usize]), |item: u32| day(item) as f64);
    let (mut popular, mut fresh) = (vec![], vec![]);
    for weight in [0.0, 0.25, 0.5, 1.0] {
        popular.push(mean(&lists(lift(weight, 0.0).as_ref()), &events));
        fresh.push(mean(&lists(lift(0.0, weight).as_ref()), &born));
    }
    assert!(popular.is_sorted_by(|a, b| a < b), "{popular:?}");
    assert!(fresh.is_sorted_by(|a, b| a < b), "{fresh:?}");
    assert_eq!(lists(lift(0.0, 0.0).as_ref()), model.recommend(&queries, 10, false));

    // Scores are shares of the catalogue again, and the odds of two items move by what their lifts differ.
    let lift = lift(0.4, 0.7);
    let lifted = Lifted::new(model, lift.as_ref());
    let values = lift.as_ref().unwrap().values();
    for query in [queries[0], queries[1], Query::User(History::new(&[], &[]))] {
        let share = |list: RankedList| {
            let mut shares = vec![0.0; data.items.len()];
            list.items.iter().zip(&list.scores).for_each(|(&item, &score)| shares[item as usize] = score);
            shares
        };
        let before = share(model.recommend(&[query], 1000, false).remove(0));
        let whole = lifted.recommend(&[query], 1000, false).remove(0);
        let after = share(whole.clone());
        assert!((after.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        for item in 1..after.len() {
            let moved = (after[item] / after[0]).ln() - (before[item] / before[0]).ln();
            assert!((moved - (values[item] - values[0])).abs() < 1e-3, "{item}: {moved}");
        }
        // Among some, an item has the very score that it has among all, and keeps its place.
        let allowed = vec![0x5555_5555_5555_5555; data.items.len().div_ceil(64)];
        let some = lifted.recommend_within(query, 1000, &allowed);
        let even = whole.items.iter().zip(&whole.scores).filter(|(item, _)| **item % 2 == 0);
        assert!(some.items.iter().zip(&some.scores).eq(even));
        // A ranking of given items has their order.
        let Query::User(history) = query else { unreachable!() };
        let ranked = lifted.rank(history, &[40, 8, 33, 9]);
        let places = |item: &u32| whole.items.iter().position(|other| other == item);
        assert!(ranked.items.is_sorted_by_key(places), "{ranked:?}");
    }
}

#[test]
fn exploration_gives_its_share_of_places_to_young_items() {
    let (data, model) = model();
    let explorer = |weight: f64| {
        let values = [("explorationWeight", weight), ("explorationItemAgeCutOff", 1.0)];
        let config = Hyperparameters(values.map(|(name, value)| (name.into(), Value::Real(value))).into());
        let mut data = data.clone();
        // Everything that was met is old.
        let old = |item| (item < 2 * GENRE).then_some(1_000_000_000);
        data.metadata.created = (0..data.items.len() as u32).map(old).collect::<Vec<_>>().into();
        Explorer::of_campaign(&Freshness::of(&data), &config, 5)
    };
    assert_eq!(explorer(0.0), None);
    let users: Vec<u32> = (0..USERS as u32).collect();
    let queries: Vec<_> = users.iter().map(|&user| Query::User(data.history(user))).collect();
    let names: Vec<_> = users.iter().map(|&user| data.users.id(user)).collect();
    let lists =
        |weight| explorer(weight).unwrap().recommend(Lifted::plain(model), &queries, &names, 10, false);
    let new = |items: &[u32]| items.iter().filter(|&&item| item >= 2 * GENRE).count();

    let all = lists(1.0);
    assert!(all.iter().all(|list| new(&list.items[..6]) == 6 && new(&list.items[6..]) == 0));
    let count = |lists: Vec<RankedList>| lists.iter().map(|list| new(&list.items)).sum::<usize>();
    let (some, expected) = (count(lists(0.3)), USERS * 3);
    // The places that are not explored may go to new items as well, where those suit a user.
    let unexplored = count(model.recommend(&queries, 10, false));
    let range = expected * 3 / 4..expected * 5 / 4 + unexplored;
    assert!(range.contains(&some), "{some} of about {expected}, {unexplored} without exploration");
    assert_eq!(lists(0.3), lists(0.3), "the same draws");
    // Among all items that is the same list; where only new ones pass, there is no other.
    let words = data.items.len().div_ceil(64);
    let within = |allowed: &[u64]| {
        explorer(0.3).unwrap().recommend_within(Lifted::plain(model), queries[0], names[0], 10, allowed)
    };
    assert_eq!(within(&vec![u64::MAX; words]), lists(0.3)[0]);
    let mut passing = vec![0; words];
    (2 * GENRE..data.items.len() as u32).for_each(|item| passing[item as usize / 64] |= 1u64 << (item % 64));
    let some = within(&passing);
    assert_eq!((some.items.len(), new(&some.items)), (6, 6), "{some:?}");
    let scores = model.recommend(&queries[..1], 1000, false).remove(0);
    for (item, score) in all[0].items.iter().zip(&all[0].scores) {
        let own = scores.scores[scores.items.iter().position(|other| other == item).unwrap()];
        assert!((score - own).abs() <= 1e-4 * own, "{item}: {score}, not {own}");
    }
}

#[test]
fn threads_change_nothing_and_a_written_model_answers_the_same() {
    let data = data();
    let recipe = recipes::find_by_name("aws-hrnn-metadata").unwrap();
    let given = BTreeMap::from([("hidden_dimension".to_owned(), "32".to_owned())]);
    let parameters = recipe.resolve(&given, &BTreeMap::new()).unwrap();
    let artifact = |threads| {
        let options = TrainOptions { seed: 7, threads, epochs: Some(5), ..TrainOptions::default() };
        let version = train_and_evaluate(recipe, &parameters, &data, &options, &|_, _| ()).unwrap();
        let origin = Origin {
            recipe,
            parameters: &parameters,
            seed: 7,
            snapshot: "i",
            items_snapshot: Some("films"),
            users_snapshot: Some("people"),
            actions_snapshots: [None, None],
        };
        (to_artifact(&version, &data, origin).unwrap(), version)
    };
    let (files, version) = artifact(1);
    assert!(files == artifact(3).0);
    let loaded = from_artifact(&files).unwrap();
    assert!(loaded.model == version.model);
    assert_eq!(loaded.description.data.items_snapshot.as_deref(), Some("films"));
    assert_eq!(loaded.description.data.users_snapshot.as_deref(), Some("people"));
    // Without columns there is nothing to read them by.
    let mut broken = files.clone();
    broken.files.insert("features.json".into(), b"{}".to_vec());
    assert!(from_artifact(&broken).unwrap_err().to_string().contains("features.json"));
}
