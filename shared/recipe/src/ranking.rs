//! What every model answers: ranked lists.

use dataset::History;

/// The best items for one query, best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankedList {
    /// Item numbers, no duplicates.
    pub items: Vec<u32>,
    /// One score per item, or empty for recipes that have none.
    pub scores: Vec<f32>,
}

/// What a list is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Query<'a> {
    /// Items for a user with this history; an empty history is a new user.
    User(History<'a>),
    /// Items related to this item.
    Item(u32),
}

/// Whether an item is in a set of [`Recommender::recommend_within`].
pub fn is_within(allowed: &[u64], item: u32) -> bool {
    allowed.get(item as usize / 64).is_some_and(|word| word >> (item % 64) & 1 == 1)
}

/// A trained model.
///
/// The numbers of items are those of the data that the model was trained on; ties in score are
/// broken by the lower item number, so that an answer never depends on threads or batch sizes.
pub trait Recommender: Send + Sync {
    /// The `k` best items for each query, in the order of the queries.
    ///
    /// With `exclude_seen` the items of a user's own history (or the query item itself, which is
    /// always left out of a related-items answer) do not appear. A list is shorter than `k` only
    /// where the model has nothing else to offer.
    fn recommend(&self, queries: &[Query<'_>], k: usize, exclude_seen: bool) -> Vec<RankedList>;

    /// The `k` best items for one query among those in `allowed`, with the scores that they have in a list of
    /// all; item i is bit i % 64 of word i / 64, and one beyond the last word is not in the set.
    ///
    /// Shorter than `k` only where the model has nothing else to offer of the set.
    fn recommend_within(&self, query: Query<'_>, k: usize, allowed: &[u64]) -> RankedList {
        let mut list = self.recommend(&[query], self.items(), false).pop().unwrap_or_default();
        let mut keep =
            list.items.iter().map(|&item| is_within(allowed, item)).collect::<Vec<_>>().into_iter();
        list.scores.retain(|_| keep.next().unwrap_or(false));
        list.items.retain(|&item| is_within(allowed, item));
        list.items.truncate(k);
        list.scores.truncate(k);
        list
    }

    /// How many items the model knows.
    fn items(&self) -> usize;
}

impl<R: Recommender + ?Sized> Recommender for &R {
    fn recommend(&self, queries: &[Query<'_>], k: usize, exclude_seen: bool) -> Vec<RankedList> {
        (**self).recommend(queries, k, exclude_seen)
    }

    fn recommend_within(&self, query: Query<'_>, k: usize, allowed: &[u64]) -> RankedList {
        (**self).recommend_within(query, k, allowed)
    }

    fn items(&self) -> usize {
        (**self).items()
    }
}
