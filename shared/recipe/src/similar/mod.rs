//! `aws-similar-items`: items that are alike in who meets them and in what they are.
//!
//! Every item has two vectors of length one: u from who interacted with it, of `item_id_hidden_dim`
//! numbers, and m from its columns in the Items dataset, of `item_metadata_hidden_dim`. Both come from
//! a truncated singular value decomposition ([`spectral`]), of the matrix of items and users with
//! 1 / √(n(item) · n(user)) where they met, and of that of items and categories ([`tokens`]). Then
//!
//! ```text
//! e(i)        = n(i) / (n(i) + 5)                       how far an item's company is to be trusted
//! w(i, j)     = √(e(i) · e(j))
//! score(i, j) = w · u[i]·u[j] + (1 − w) · (a + b · m[i]·m[j])
//! ```
//!
//! with n the distinct users of an item. a + b · x is the regression of u[i]·u[j] on m[i]·m[j] over
//! pairs of items that are known well: what company to expect of two items that are alike that much. So
//! an item that nobody met yet is similar to those that it resembles, an item with a long history to
//! those that it is met with, and a new item gets into an old one's list when its kin belongs there.
//! The guide names the two sizes and says that the recipe combines both kinds of data; the rest is ours.
//!
//! Ties go to the item with more users. An item of which nothing is known gets popular items.

mod spectral;
pub mod tokens;

use dataset::Interactions;
use domain::hyperparameters::Hyperparameters;
use ndarray::{Array2, Axis};

use crate::popularity::{PopularityCount, distinct_users};
use crate::random::SplitMix;
use crate::ranking::{Query, RankedList, Recommender};
use crate::seen::Seen;
use spectral::{Sparse, row_vectors};

/// Users of an item that weigh as much as its metadata: the guide calls items with fewer than five
/// interactions new.
const TRUSTED_USERS: f32 = 5.0;
/// Pairs that the regression looks at.
const PAIRS: usize = 50_000;
/// Queries that one thread answers at a time.
const QUERIES_AT_ONCE: usize = 32;

/// What training needs besides the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Numbers of u.
    pub id_dimension: usize,
    /// Numbers of m.
    pub metadata_dimension: usize,
    /// Decides where the decompositions start and which pairs are looked at.
    pub seed: u64,
    /// Threads to work with; the result does not depend on it.
    pub threads: usize,
}

impl Config {
    /// Reads the recipe's checked parameters.
    pub fn from_hyperparameters(parameters: &Hyperparameters, seed: u64, threads: usize) -> Self {
        Self {
            id_dimension: parameters.integer("item_id_hidden_dim") as usize,
            metadata_dimension: parameters.integer("item_metadata_hidden_dim") as usize,
            seed,
            threads,
        }
    }
}

/// A trained model.
#[derive(Clone, Debug, PartialEq)]
pub struct SimilarItems {
    /// √e(i) · u(i), a row for each item (I × `item_id_hidden_dim`).
    pub(crate) company: Array2<f32>,
    /// m(i), a row for each item (I × `item_metadata_hidden_dim`); zero for an item without metadata.
    pub(crate) kind: Array2<f32>,
    /// √e(i) (I).
    pub(crate) trust: Vec<f32>,
    /// a and b.
    pub(crate) expected: [f32; 2],
    pub(crate) popular: PopularityCount,
}

impl SimilarItems {
    /// Learns both kinds of vectors. Items without interactions take part with their metadata.
    ///
    /// Time and memory grow with the interactions and the cells of metadata, times the sizes of the
    /// vectors.
    pub fn train(data: &Interactions, config: &Config) -> Self {
        let users_of = distinct_users(data);
        let trust: Vec<f32> =
            users_of.iter().map(|&n| (n as f32 / (n as f32 + TRUSTED_USERS)).sqrt()).collect();
        let mut company =
            row_vectors(&met(data, &users_of), config.id_dimension, config.seed, config.threads);
        let tokens = tokens::matrix(&data.metadata.items, data.items.len());
        let mut kind = row_vectors(&tokens, config.metadata_dimension, config.seed, config.threads);
        normalise(&mut company);
        normalise(&mut kind);
        let expected = regression(&company, &kind, &users_of, config.seed);
        for (mut row, &trust) in company.rows_mut().into_iter().zip(&trust) {
            row.mapv_inplace(|value| value * trust);
        }
        Self { company, kind, trust, expected, popular: PopularityCount::train(data) }
    }

    /// Puts a model together from its parts, as an artifact holds them. `None` when they contradict
    /// each other.
    pub(crate) fn from_parts(
        company: Array2<f32>,
        kind: Array2<f32>,
        trust: Vec<f32>,
        expected: [f32; 2],
        popular: PopularityCount,
    ) -> Option<Self> {
        let items = popular.items();
        let finite =
            company.iter().chain(&kind).chain(&trust).chain(&expected).all(|value| value.is_finite());
        let sound = finite && company.nrows() == items && kind.nrows() == items && trust.len() == items;
        sound.then_some(Self { company, kind, trust, expected, popular })
    }

    /// Whether anything is known of an item: its company or its kind.
    fn is_known(&self, item: u32) -> bool {
        let item = item as usize;
        item < self.items()
            && (self.trust[item] > 0.0 || self.kind.row(item).iter().any(|&value| value != 0.0))
    }

    /// The item that a query is about; none when nothing is known of any.
    fn subject(&self, query: &Query<'_>) -> Option<u32> {
        match query {
            Query::Item(item) => self.is_known(*item).then_some(*item),
            Query::User(history) => history.items.iter().rev().copied().find(|&item| self.is_known(item)),
        }
    }

    /// Answers for some queries with the order of popularity of every item.
    fn answer(
        &self,
        queries: &[Query<'_>],
        k: usize,
        exclude_seen: bool,
        known: &[bool],
        popularity: &[u32],
    ) -> Vec<RankedList> {
        let subjects: Vec<Option<u32>> = queries.iter().map(|query| self.subject(query)).collect();
        let asked: Vec<usize> = subjects.iter().flatten().map(|&item| item as usize).collect();
        let mut scores = self.company.select(Axis(0), &asked).dot(&self.company.t());
        let alike = self.kind.select(Axis(0), &asked).dot(&self.kind.t());
        let [a, b] = self.expected;
        for ((mut scores, alike), &item) in scores.rows_mut().into_iter().zip(alike.rows()).zip(&asked) {
            let own = self.trust[item];
            for ((score, &alike), &trust) in scores.iter_mut().zip(alike).zip(&self.trust) {
                *score += (1.0 - own * trust) * (a + b * alike);
            }
        }
        let mut rows = scores.rows().into_iter();
        let mut seen = Seen::new(self.items());
        let list = |(query, subject): (&Query<'_>, &Option<u32>)| {
            seen.clear();
            match query {
                Query::User(history) if exclude_seen => seen.extend(history.items),
                Query::User(_) => {}
                Query::Item(item) => seen.extend(&[*item]),
            }
            let mut items = Vec::new();
            if subject.is_some()
                && let Some(scores) = rows.next()
            {
                let mut best: Vec<u32> = (0..self.items() as u32)
                    .filter(|&item| known[item as usize] && seen.insert(item))
                    .collect();
                let order = |a: &u32, b: &u32| {
                    let (a, b) = (*a as usize, *b as usize);
                    scores[b].total_cmp(&scores[a]).then(popularity[a].cmp(&popularity[b]))
                };
                if k > 0 && k < best.len() {
                    best.select_nth_unstable_by(k - 1, order);
                }
                best.truncate(k);
                best.sort_unstable_by(order);
                items = best;
            }
            self.popular.fill(&mut items, k, &mut seen);
            RankedList { items, scores: Vec::new() }
        };
        queries.iter().zip(&subjects).map(list).collect()
    }
}

impl Recommender for SimilarItems {
    fn recommend(&self, queries: &[Query<'_>], k: usize, exclude_seen: bool) -> Vec<RankedList> {
        let known: Vec<bool> = (0..self.items() as u32).map(|item| self.is_known(item)).collect();
        // Places in the order of popularity; items without users keep the order of their numbers.
        let mut popularity: Vec<u32> =
            (0..self.items() as u32).map(|item| self.items() as u32 + item).collect();
        for (place, &item) in self.popular.order().iter().enumerate() {
            popularity[item as usize] = place as u32;
        }
        let chunks: Vec<&[Query<'_>]> = queries.chunks(QUERIES_AT_ONCE).collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(chunks.len());
        let next = std::sync::atomic::AtomicUsize::new(0);
        let work = || {
            let mut own = vec![];
            loop {
                let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some(chunk) = chunks.get(at) else { return own };
                own.push((at, self.answer(chunk, k, exclude_seen, &known, &popularity)));
            }
        };
        let mut answers = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut answers = work();
            for other in others {
                answers.extend(other.join().expect("answering does not panic"));
            }
            answers
        });
        answers.sort_unstable_by_key(|(at, _)| *at);
        answers.into_iter().flat_map(|(_, lists)| lists).collect()
    }

    fn items(&self) -> usize {
        self.popular.items()
    }
}

/// Items by users, each pair once.
fn met(data: &Interactions, users_of: &[u32]) -> Sparse {
    let mut rows: Vec<Vec<(u32, f32)>> = users_of.iter().map(|&n| Vec::with_capacity(n as usize)).collect();
    let mut distinct = Vec::new();
    for user in 0..data.users.len() as u32 {
        distinct.clear();
        distinct.extend_from_slice(data.history(user).items);
        distinct.sort_unstable();
        distinct.dedup();
        for &item in &distinct {
            let weight = (users_of[item as usize] as f32 * distinct.len() as f32).sqrt().recip();
            rows[item as usize].push((user, weight));
        }
    }
    Sparse::from_rows(data.users.len(), rows.into_iter())
}

/// Gives every row length one; a row of zeros stays.
fn normalise(vectors: &mut Array2<f32>) {
    for mut row in vectors.rows_mut() {
        let length = row.dot(&row).sqrt();
        if length > 1e-6 {
            row.mapv_inplace(|value| value / length);
        } else {
            row.fill(0.0);
        }
    }
}

/// a and b: least squares over random pairs of items that more than [`TRUSTED_USERS`] met. Being alike
/// never counts against an item, and where no item is known well nothing is expected but likeness itself.
fn regression(company: &Array2<f32>, kind: &Array2<f32>, users_of: &[u32], seed: u64) -> [f32; 2] {
    let trusted: Vec<usize> =
        (0..users_of.len()).filter(|&item| users_of[item] as f32 > TRUSTED_USERS).collect();
    if trusted.len() < 2 {
        return [0.0, 1.0];
    }
    let mut random = SplitMix::new(seed);
    let [mut n, mut x, mut y, mut xx, mut xy] = [0.0f64; 5];
    for _ in 0..PAIRS {
        let (i, j) = (trusted[random.below(trusted.len())], trusted[random.below(trusted.len())]);
        if i != j {
            let alike = f64::from(kind.row(i).dot(&kind.row(j)));
            let together = f64::from(company.row(i).dot(&company.row(j)));
            n += 1.0;
            (x, y, xx, xy) = (x + alike, y + together, xx + alike * alike, xy + alike * together);
        }
    }
    if n == 0.0 {
        return [0.0, 1.0];
    }
    let spread = xx - x * x / n;
    // Without spread (no metadata) the mean is all that can be expected. A slope that is not there in the
    // data still leaves an order among items of which nothing but their kind is known.
    let b = if spread > 1e-9 { ((xy - x * y / n) / spread).max(1e-3) } else { 1e-3 };
    [(y / n - b * x / n) as f32, b as f32]
}

#[cfg(test)]
mod tests {
    use dataset::metadata::{Cells, Column, NO_VALUE};

    use super::*;
    use crate::testing::interactions;

    fn config() -> Config {
        Config { id_dimension: 30, metadata_dimension: 30, seed: 1, threads: 2 }
    }

    /// Two circles of twelve users; a to f are met in one, g to l in the other. x, y and z are new.
    fn circles(genres: bool) -> Interactions {
        let mut histories: Vec<(String, String)> = Vec::new();
        for (circle, letters) in ["abcdef", "ghijkl"].iter().enumerate() {
            for user in 0..12 {
                let own = letters.chars().cycle().skip(user).take(5).collect();
                histories.push((format!("{circle}-{user}"), own));
            }
        }
        let named: Vec<_> = histories.iter().map(|(user, own)| (user.as_str(), own.as_str())).collect();
        let mut data = interactions(&named);
        for new in ["x", "y", "z"] {
            std::sync::Arc::make_mut(&mut data.items).intern(new);
        }
        if genres {
            let code = |id: &str| match id {
                "a" | "b" | "c" | "d" | "e" | "f" | "x" => 0,
                "y" => 2,
                "z" => NO_VALUE,
                _ => 1,
            };
            let cells = Cells::Text {
                distinct: ["Comedy", "Western", "Drama|Western"].map(Into::into).into(),
                codes: data.items.iter().map(code).collect(),
            };
            data.metadata.items = vec![Column { name: "GENRES".into(), cells }].into();
        }
        data
    }

    fn names(data: &Interactions, model: &SimilarItems, id: &str, k: usize) -> String {
        let item = data.items.get(id).unwrap();
        let list = model.recommend(&[Query::Item(item)], k, false).remove(0);
        assert!(!list.items.contains(&item));
        list.items.iter().map(|&item| data.items.id(item)).collect()
    }

    fn among(names: &str, letters: &str) -> bool {
        names.chars().all(|name| letters.contains(name))
    }

    #[test]
    fn items_that_are_met_together_are_similar_with_and_without_metadata() {
        for genres in [false, true] {
            let data = circles(genres);
            let model = SimilarItems::train(&data, &config());
            // With metadata the new ones belong to them as much.
            let (a, g) = (names(&data, &model, "a", 5), names(&data, &model, "g", 5));
            assert!(among(&a, if genres { "bcdefx" } else { "bcdef" }), "{a}");
            assert!(among(&g, if genres { "hijkly" } else { "hijkl" }), "{g}");
        }
    }

    #[test]
    fn a_new_item_is_similar_to_those_that_it_resembles_and_gets_into_their_lists() {
        let data = circles(true);
        let model = SimilarItems::train(&data, &config());
        assert!(among(&names(&data, &model, "x", 6), "abcdef"), "{}", names(&data, &model, "x", 6));
        assert!(among(&names(&data, &model, "y", 6), "ghijkl"), "{}", names(&data, &model, "y", 6));
        let of_b = names(&data, &model, "b", 6);
        assert!(of_b.contains('x') && among(&of_b, "acdefx"), "{of_b}");
        let [_, b] = model.expected;
        assert!(b > 0.3, "{:?}", model.expected);
    }

    #[test]
    fn of_whom_nothing_is_known_is_answered_with_what_is_popular() {
        let data = circles(true);
        let model = SimilarItems::train(&data, &config());
        let popular: String = model.popular.order().iter().take(4).map(|&item| data.items.id(item)).collect();
        assert_eq!(names(&data, &model, "z", 4), popular);
        let list = model.recommend(&[Query::Item(9_999)], 4, false).remove(0);
        assert_eq!(list.items, model.popular.order()[..4]);
        // And it is nobody's neighbour while there is another.
        assert!(!names(&data, &model, "a", 13).contains('z'));
    }

    #[test]
    fn a_user_is_answered_for_the_newest_item() {
        let data = circles(true);
        let model = SimilarItems::train(&data, &config());
        let user = data.users.get("1-3").unwrap();
        let history = data.history(user);
        let newest = *history.items.last().unwrap();
        let [own, of_item] = [Query::User(history), Query::Item(newest)]
            .map(|query| model.recommend(&[query], 30, true).remove(0).items);
        let unseen = of_item.into_iter().filter(|item| !history.items.contains(item));
        assert_eq!(own.iter().take(8).copied().collect::<Vec<_>>(), unseen.take(8).collect::<Vec<_>>());
    }
}
