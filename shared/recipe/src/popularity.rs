//! `aws-popularity-count`: the items that most users interacted with, the same list for everybody.
//!
//! The developer guide describes the recipe twice, as "most interactions" (2023) and by the number
//! of distinct users (2025). The newer wording holds here: one user who plays a song a thousand
//! times does not make it popular. Where nobody repeats an item the two are the same.

use dataset::Interactions;

use crate::ranking::{Query, RankedList, Recommender};
use crate::seen::Seen;

/// Items in order of popularity.
#[derive(Clone, Debug, PartialEq)]
pub struct PopularityCount {
    /// Items that anybody interacted with, most users first, ties by the lower number.
    order: Vec<u32>,
    /// Users of each item in `order`.
    users: Vec<u32>,
    /// I, which counts the items without interactions too.
    items: usize,
}

impl PopularityCount {
    /// Counts the distinct users of every item. Where event types have weights, a user counts as much as
    /// the heaviest event that the user has with the item.
    pub fn train(data: &Interactions) -> Self {
        let counts = distinct_users(data);
        let weighed = match data.weights() {
            Some(weights) => weighed_users(data, weights),
            None => counts.iter().map(|&users| f64::from(users)).collect(),
        };
        let mut order: Vec<u32> =
            (0..counts.len() as u32).filter(|&item| weighed[item as usize] > 0.0).collect();
        order.sort_by(|&a, &b| weighed[b as usize].total_cmp(&weighed[a as usize]).then(a.cmp(&b)));
        let users = order.iter().map(|&item| counts[item as usize]).collect();
        Self { order, users, items: counts.len() }
    }

    /// Puts a model together from its parts, as an artifact holds them.
    ///
    /// `None` when the parts contradict each other: different lengths, an item number that is not
    /// below `items`, or an item that occurs twice.
    pub fn from_parts(order: Vec<u32>, users: Vec<u32>, items: usize) -> Option<Self> {
        let mut seen = Seen::new(items);
        let sound = order.len() == users.len() && order.iter().all(|&item| seen.insert(item));
        sound.then_some(Self { order, users, items })
    }

    /// Items in order of popularity; those without any interaction are left out.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Distinct users of each item in [`order`](Self::order).
    pub fn users(&self) -> &[u32] {
        &self.users
    }

    /// Adds popular items that `seen` lacks until `list` holds `k`.
    pub(crate) fn fill(&self, list: &mut Vec<u32>, k: usize, seen: &mut Seen) {
        let missing = k.saturating_sub(list.len());
        list.extend(self.order.iter().copied().filter(|&item| seen.insert(item)).take(missing));
    }
}

impl Recommender for PopularityCount {
    fn recommend(&self, queries: &[Query<'_>], k: usize, exclude_seen: bool) -> Vec<RankedList> {
        let mut seen = Seen::new(self.items);
        let answer = |query: &Query<'_>| {
            seen.clear();
            match query {
                Query::User(history) if exclude_seen => seen.extend(history.items),
                Query::User(_) => {}
                Query::Item(item) => seen.extend(&[*item]),
            }
            let mut items = Vec::with_capacity(k.min(self.order.len()));
            self.fill(&mut items, k, &mut seen);
            RankedList { items, scores: Vec::new() }
        };
        queries.iter().map(answer).collect()
    }

    fn items(&self) -> usize {
        self.items
    }
}

/// For every item the sum over its users of the heaviest event that each has with it (I).
fn weighed_users(data: &Interactions, weights: &[f32]) -> Vec<f64> {
    let mut sums = vec![0.0; data.items.len()];
    let mut own: Vec<(u32, f32)> = vec![];
    for (history, span) in data.histories().zip(data.spans()) {
        let weights = &weights[span.start as usize..span.end as usize];
        own.clear();
        own.extend(history.items.iter().copied().zip(weights.iter().copied()));
        own.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        own.dedup_by_key(|(item, _)| *item);
        own.iter().for_each(|&(item, weight)| sums[item as usize] += f64::from(weight));
    }
    sums
}

/// Distinct users of every item (I).
pub(crate) fn distinct_users(data: &Interactions) -> Vec<u32> {
    let mut users = vec![0u32; data.items.len()];
    let mut seen = Seen::new(data.items.len());
    for user in 0..data.users.len() as u32 {
        seen.clear();
        for &item in data.history(user).items {
            users[item as usize] += u32::from(seen.insert(item));
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::interactions;

    #[test]
    fn users_are_counted_rather_than_plays_and_ties_go_to_the_lower_number() {
        // In order of first appearance: a is 0, b 1, c 2, d 3.
        let data = interactions(&[("u", "aaaab"), ("v", "bcd"), ("w", "cdb")]);
        let model = PopularityCount::train(&data);
        assert_eq!((model.order(), model.users()), (&[1, 2, 3, 0][..], &[3, 2, 2, 1][..]));
    }

    #[test]
    fn an_item_that_few_bought_goes_before_one_that_many_looked_at() {
        // Three looked at b, two bought a, of whom one looked at it as well; c was looked at by nobody who counts.
        let plain = interactions(&[("u", "aab"), ("v", "ab"), ("w", "bc")]);
        assert_eq!(PopularityCount::train(&plain).order(), [1, 0, 2]);
        let weighed = plain.clone().with_weights(vec![0.1, 1.0, 0.1, 1.0, 0.1, 0.1, 0.0]);
        let model = PopularityCount::train(&weighed);
        assert_eq!((model.order(), model.users()), (&[0, 1][..], &[2, 3][..]));
        let alike = plain.clone().with_weights(vec![1.0; 7]);
        assert_eq!(PopularityCount::train(&alike), PopularityCount::train(&plain));
    }

    #[test]
    fn items_without_interactions_are_not_popular() {
        let data = crate::featurization::subset(&interactions(&[("u", "ab"), ("v", "c")]), &[1]);
        let model = PopularityCount::train(&data);
        assert_eq!((model.order(), model.items()), (&[2][..], 3));
    }

    #[test]
    fn parts_that_contradict_each_other_are_refused() {
        assert!(PopularityCount::from_parts(vec![1, 0], vec![2, 1], 2).is_some());
        for (order, users, items) in
            [(vec![1, 0], vec![2], 2), (vec![1, 1], vec![2, 1], 2), (vec![2], vec![1], 2)]
        {
            assert_eq!(PopularityCount::from_parts(order, users, items), None);
        }
    }
}
