//! The documented offline evaluation: hold users out, ask for their future, judge the answers.
//!
//! 90 % of the users train the model. Of each held-out user the oldest 90 % of interactions are the
//! query and the newest 10 %, at least one, are the truth (rounded down, so ten interactions have a
//! truth of one). The guide counts users with ten interactions or more, so the 10 % are drawn among
//! those; users with fewer always train. Which users are held out depends on the seed and their ids
//! only, not on the order of the data, so that models on the same data meet the same users.
//!
//! Lists are drawn from the full catalogue, ties go as [`Recommender`] says.

use std::collections::BTreeMap;

use dataset::Interactions;
use domain::recipes::RecipeType;
use domain::resource::Metric;

use crate::featurization::subset;
use crate::metrics::{self, COUNT, COVERAGE, DEPTH, NAMES};
use crate::ranking::{Query, Recommender};
use crate::{intervals, random};

/// Fewest interactions of a user that is held out (guide: "at least 10 datapoints").
pub const TEST_INTERACTIONS_MIN: usize = 10;

/// Test users asked at a time; bounds the memory of the answers.
const USERS_AT_ONCE: usize = 1024;

/// Data parted by users. All parts number users and items as the whole does, and share its memory.
#[derive(Clone, Debug)]
pub struct Split {
    /// Histories of the users that train.
    pub train: Interactions,
    /// Known parts of the histories of the held-out users.
    pub known: Interactions,
    /// The held-out users, ascending.
    pub test: Vec<u32>,
    /// What each of them did next, in the order of `test`: distinct items, ascending.
    pub truths: Vec<Vec<u32>>,
    /// What the events behind `truths` weigh, the heaviest of an item; nothing where nothing is weighed.
    pub gains: Option<Vec<Vec<f32>>>,
}

impl Split {
    /// Users that metrics are means over.
    pub fn test_users(&self) -> usize {
        self.truths.len()
    }

    /// The question that a recipe of this type is asked for a held-out user: the known history, or
    /// for related items its last item.
    pub fn query(&self, test_user: u32, recipe_type: RecipeType) -> Query<'_> {
        let history = self.known.history(self.test[test_user as usize]);
        match (recipe_type, history.items.last()) {
            (RecipeType::RelatedItems, Some(&item)) => Query::Item(item),
            _ => Query::User(history),
        }
    }
}

/// Parts the data. There are no test users where nobody has ten interactions, else at least one.
pub fn split(data: &Interactions, seed: u64) -> Split {
    split_some(data, seed, |eligible| eligible.div_ceil(10))
}

/// The same with another number of held-out users, out of the number of those that count.
pub(crate) fn split_some(data: &Interactions, seed: u64, held_out: impl Fn(usize) -> usize) -> Split {
    let eligible =
        (0..data.users.len() as u32).filter(|&user| data.history(user).items.len() >= TEST_INTERACTIONS_MIN);
    let mut drawn: Vec<(u64, u32)> =
        eligible.map(|user| (random::hash(seed, data.users.id(user)), user)).collect();
    // The id decides between equal hashes; a number would depend on the order of the data.
    drawn.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| data.users.id(a.1).cmp(data.users.id(b.1))));
    drawn.truncate(held_out(drawn.len()));
    let mut held_out = vec![false; data.users.len()];
    drawn.iter().for_each(|&(_, user)| held_out[user as usize] = true);

    let future = |length: usize| (length / 10).max(1);
    let (test, train): (Vec<u32>, Vec<u32>) =
        (0..data.users.len() as u32).partition(|&user| held_out[user as usize]);
    let known =
        data.part(|user, length| 0..if held_out[user as usize] { length - future(length) } else { 0 });
    let truth = |&user: &u32| {
        let items = data.history(user).items;
        let mut truth = items[items.len() - future(items.len())..].to_vec();
        truth.sort_unstable();
        truth.dedup();
        truth
    };
    let truths: Vec<Vec<u32>> = test.iter().map(truth).collect();
    let gains = data.weights().map(|weights| {
        let of_user = |(&user, truth): (&u32, &Vec<u32>)| {
            let (items, span) = (data.history(user).items, &data.spans()[user as usize]);
            let first = items.len() - future(items.len());
            let mut gains = vec![0f32; truth.len()];
            for (at, item) in items.iter().enumerate().skip(first) {
                let place = truth.binary_search(item).expect("the truth is made of these items");
                gains[place] = gains[place].max(weights[span.start as usize + at]);
            }
            gains
        };
        test.iter().zip(&truths).map(of_user).collect()
    });
    Split { train: subset(data, &train), known, test, truths, gains }
}

/// What a model did on a split.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// One row for each test user, in the order of [`NAMES`].
    pub users: Vec<[f64; COUNT]>,
    /// Metrics that belong to what the solution asks for, by name: a value for each test user that they can be
    /// told of.
    pub asked_for: BTreeMap<&'static str, Vec<f64>>,
    /// Distinct items recommended, over the catalogue.
    pub coverage: Metric,
}

/// Asks the model for the future of every test user and judges the answers.
///
/// `catalogue` is the number of distinct items in the Interactions and Items datasets, what
/// coverage is a share of. With `exclude_seen` the answers leave out the known part, which suits
/// data where nobody repeats an item.
pub fn evaluate(
    model: &dyn Recommender,
    recipe_type: RecipeType,
    split: &Split,
    catalogue: usize,
    exclude_seen: bool,
) -> Evaluation {
    let mut users = Vec::with_capacity(split.test_users());
    let mut asked_for: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    let rewards = &split.known.metadata.rewards;
    let mut reach = Reach::new(model.items(), split.test_users());
    let all: Vec<u32> = (0..split.test_users() as u32).collect();
    for block in all.chunks(USERS_AT_ONCE) {
        let queries: Vec<_> = block.iter().map(|&user| split.query(user, recipe_type)).collect();
        for (&user, list) in block.iter().zip(model.recommend(&queries, DEPTH, exclude_seen)) {
            let truth = &split.truths[user as usize];
            users.push(metrics::judge(&list.items, truth));
            if let Some(gains) = &split.gains {
                let value = metrics::weighted_ndcg(&list.items, truth, &gains[user as usize]);
                asked_for.entry(metrics::WEIGHTED_NDCG).or_default().extend(value);
            }
            if !rewards.is_empty() {
                let value = metrics::share_of_rewards(&list.items, truth, rewards);
                asked_for.entry(metrics::AVERAGE_REWARDS).or_default().extend(value);
            }
            reach.add(user, &list.items);
        }
    }
    Evaluation { users, asked_for, coverage: reach.coverage(catalogue.max(model.items())) }
}

impl Evaluation {
    /// Every metric by its API name; empty where there was no test user, because a number without
    /// users behind it would be invented.
    pub fn metrics(&self, seed: u64) -> BTreeMap<String, Metric> {
        if self.users.is_empty() {
            return BTreeMap::new();
        }
        let means = intervals::means(&self.users, (0.0, 1.0), seed);
        let named = NAMES.iter().zip(means).map(|(name, metric)| ((*name).to_owned(), metric));
        let mean = |values: &Vec<f64>| mean(values.iter().copied(), (0.0, 1.0), seed);
        let asked_for = self.asked_for.iter().filter(|(_, values)| !values.is_empty());
        let asked_for = asked_for.map(|(name, values)| ((*name).to_owned(), mean(values)));
        named.chain([(COVERAGE.to_owned(), self.coverage)]).chain(asked_for).collect()
    }

    /// By how much each mean is above the baseline's, with the interval of the difference over the
    /// same users: much narrower than the distance of two separate intervals. A model whose lower
    /// end is above zero beats the baseline.
    pub fn advantage_over(&self, baseline: &Self, seed: u64) -> BTreeMap<String, Metric> {
        if self.users.is_empty() || self.users.len() != baseline.users.len() {
            return BTreeMap::new();
        }
        let differences: Vec<[f64; COUNT]> = self
            .users
            .iter()
            .zip(&baseline.users)
            .map(|(own, other)| std::array::from_fn(|i| own[i] - other[i]))
            .collect();
        let means = intervals::means(&differences, (-1.0, 1.0), seed);
        // Both were told of the same users, because the truth decides of whom.
        let asked_for = self.asked_for.iter().filter_map(|(name, own)| {
            let other =
                baseline.asked_for.get(name).filter(|other| other.len() == own.len() && !own.is_empty())?;
            let differences = own.iter().zip(other).map(|(own, other)| own - other);
            Some(((*name).to_owned(), mean(differences, (-1.0, 1.0), seed)))
        });
        let named = NAMES.iter().zip(means).map(|(name, metric)| ((*name).to_owned(), metric));
        named.chain(asked_for).collect()
    }
}

/// The mean of one value for each user.
fn mean(values: impl Iterator<Item = f64>, range: (f64, f64), seed: u64) -> Metric {
    let rows: Vec<[f64; 1]> = values.map(|value| [value]).collect();
    let [mean] = intervals::means(&rows, range, seed);
    mean
}

/// Which items were recommended, and to whom alone.
struct Reach {
    /// For each item nobody, one test user, or several.
    by: Vec<u32>,
    users: usize,
}

const NOBODY: u32 = u32::MAX;
const SEVERAL: u32 = u32::MAX - 1;

impl Reach {
    fn new(items: usize, users: usize) -> Self {
        Self { by: vec![NOBODY; items], users }
    }

    fn add(&mut self, user: u32, list: &[u32]) {
        for &item in list {
            let by = &mut self.by[item as usize];
            *by = if *by == NOBODY { user } else { SEVERAL };
        }
    }

    fn coverage(&self, catalogue: usize) -> Metric {
        let mut only = vec![0usize; self.users];
        let mut covered = 0;
        for &by in self.by.iter().filter(|&&by| by != NOBODY) {
            covered += 1;
            if by != SEVERAL {
                only[by as usize] += 1;
            }
        }
        intervals::coverage(covered, &only, catalogue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranking::RankedList;
    use crate::testing::{interactions, walks, walks_of};

    #[test]
    fn a_tenth_of_the_users_that_count_is_held_out() {
        for (users, length, expected) in
            [(100, 10, 10), (101, 10, 11), (1, 10, 1), (9, 25, 1), (50, 9, 0), (0, 10, 0)]
        {
            let split = split(&walks(users, length, 50), 3);
            assert_eq!(split.test_users(), expected, "{users} users with {length}");
            let with_history =
                |data: &Interactions| data.spans().iter().filter(|span| !span.is_empty()).count();
            assert_eq!(with_history(&split.train) + with_history(&split.known), users);
            assert_eq!(split.train.items.len(), 50);
        }
    }

    #[test]
    fn the_newest_tenth_is_the_truth() {
        for (length, known) in [(10, 9), (19, 18), (20, 18), (25, 23), (30, 27)] {
            let data = walks(20, length, 50);
            let split = split(&data, 3);
            for user in 0..split.test_users() as u32 {
                let number = split.test[user as usize];
                let (query, future) = data.history(number).items.split_at(known);
                assert_eq!(split.known.history(number).items, query);
                assert_eq!(split.known.history(number).timestamps.len(), query.len());
                let mut truth = future.to_vec();
                truth.sort_unstable();
                assert_eq!(split.truths[user as usize], truth);
            }
        }
    }

    #[test]
    fn the_heaviest_event_of_an_item_is_its_gain() {
        let data = interactions(&[("u", "abcdefghijklmnopqrxyx")]);
        let mut weights = vec![0.1; 21];
        (weights[18], weights[20]) = (0.2, 1.0);
        let split = split(&data.with_weights(weights), 1);
        // The newest two of 21: y and x again.
        assert_eq!((split.truths, split.gains), (vec![vec![18, 19]], Some(vec![vec![1.0, 0.1]])));
    }

    #[test]
    fn repeats_count_once_in_the_truth() {
        let split = split(&interactions(&[("u", "abcdefghijklmnopqrxx")]), 1);
        assert_eq!(split.truths, [vec![18]]);
    }

    #[test]
    fn the_same_users_are_held_out_whatever_the_order_of_the_data() {
        let (data, backwards) = (walks(200, 12, 50), walks_of((0..200).rev(), 12, 50));
        let ids = |data: &Interactions, seed| {
            let mut ids: Vec<_> =
                split(data, seed).test.iter().map(|&user| data.users.id(user).to_owned()).collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(ids(&data, 1), ids(&backwards, 1));
        assert_ne!(ids(&data, 1), ids(&data, 2));
    }

    #[test]
    fn related_items_are_asked_for_the_last_known_item() {
        let data = walks(10, 10, 50);
        let split = split(&data, 1);
        let last = split.known.history(split.test[0]).items[8];
        assert!(matches!(split.query(0, RecipeType::RelatedItems), Query::Item(item) if item == last));
        let Query::User(history) = split.query(0, RecipeType::UserPersonalization) else { panic!() };
        assert_eq!(history.items.len(), 9);
    }

    /// Answers the nth user with the nth list.
    struct Script(Vec<Vec<u32>>);

    impl Recommender for Script {
        fn recommend(&self, queries: &[Query<'_>], k: usize, _: bool) -> Vec<RankedList> {
            assert_eq!(queries.len(), self.0.len());
            let lists = self.0.iter().map(|list| list.iter().copied().take(k).collect());
            lists.map(|items| RankedList { items, scores: Vec::new() }).collect()
        }
        fn items(&self) -> usize {
            10
        }
    }

    fn two_users(truths: [Vec<u32>; 2]) -> Split {
        let whole = walks(2, 10, 10);
        let train = subset(&whole, &[]);
        Split { train, known: whole, test: vec![0, 1], truths: truths.to_vec(), gains: None }
    }

    #[test]
    fn metrics_are_means_over_users() {
        // The first user is the guide's example; the second is hit at rank 1 of a truth of two.
        let split = two_users([vec![1, 4], vec![0, 9]]);
        let model = Script(vec![vec![0, 1, 2, 3, 4], vec![9, 2]]);
        let evaluation = evaluate(&model, RecipeType::UserPersonalization, &split, 20, false);
        let metrics = evaluation.metrics(1);
        let second_ndcg = 1.0 / (1.0 + 1.0 / 3f64.log2());
        for (name, expected) in [
            ("mean_reciprocal_rank_at_25", 0.75),
            ("precision_at_5", 0.3),
            ("precision_at_10", 0.15),
            ("precision_at_25", 0.06),
            ("normalized_discounted_cumulative_gain_at_5", (0.6241 + second_ndcg) / 2.0),
            ("normalized_discounted_cumulative_gain_at_25", (0.6241 + second_ndcg) / 2.0),
            // Items 0 to 4 and 9 of twenty.
            ("coverage", 0.3),
        ] {
            assert!((metrics[name].value - expected).abs() < 5e-5, "{name}: {:?}", metrics[name]);
        }
        assert_eq!(metrics.len(), 8);
        // The first user alone has 0, 1, 3, 4; the second 9: mean 2.5, squares 4.5, n - 1 over n = 1/2.
        let half = 1.959_964 * (0.5f64 * 4.5).sqrt() / 20.0;
        assert!((metrics["coverage"].high - 0.3 - half).abs() < 1e-6, "{:?}", metrics["coverage"]);
    }

    #[test]
    fn an_advantage_is_the_mean_of_differences() {
        let split = two_users([vec![1], vec![2]]);
        let judge = |lists| evaluate(&Script(lists), RecipeType::UserPersonalization, &split, 10, false);
        let better = judge(vec![vec![1], vec![2]]);
        let worse = judge(vec![vec![0, 1], vec![0, 2]]);
        let advantage = better.advantage_over(&worse, 1);
        // Both users gain exactly a half, so the interval has no width.
        assert_eq!(advantage["mean_reciprocal_rank_at_25"], Metric { value: 0.5, low: 0.5, high: 0.5 });
        assert!(!advantage.contains_key(COVERAGE));
        assert_eq!(worse.advantage_over(&better, 1)["precision_at_5"].value, 0.0);
    }

    #[test]
    fn without_test_users_there_are_no_numbers() {
        let split = split(&walks(50, 9, 50), 1);
        let evaluation = evaluate(&Script(vec![]), RecipeType::UserPersonalization, &split, 10, false);
        assert!(evaluation.metrics(1).is_empty());
        assert!(evaluation.advantage_over(&evaluation, 1).is_empty());
    }
}
