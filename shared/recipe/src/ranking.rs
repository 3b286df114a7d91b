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

    /// How many items the model knows.
    fn items(&self) -> usize;
}
