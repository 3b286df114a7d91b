//! Lists for everybody, block after block, so that memory does not grow with the users.

use std::ops::Range;

use dataset::Interactions;

use crate::exploration::Explorer;
use crate::influence::Lifted;
use crate::ranking::{Query, RankedList, Recommender};

/// Queries that a model is asked at a time: enough to keep many threads busy and to lay the items out
/// seldom, little memory.
pub const QUERIES_AT_ONCE: usize = 3072;

/// The list of every user in the range, in the order of the numbers. Shards of one job give
/// neighbouring ranges; answers do not depend on how users are cut into ranges or blocks.
pub fn user_lists<'a>(
    model: impl Recommender + 'a,
    data: &'a Interactions,
    users: Range<u32>,
    k: usize,
    exclude_seen: bool,
) -> impl Iterator<Item = (u32, RankedList)> + 'a {
    blocks(model, users, |user| Query::User(data.history(user)), k, exclude_seen)
}

/// As [`user_lists`], with explored items among the others.
pub fn explored_lists<'a>(
    model: Lifted<'a>,
    explorer: &'a Explorer,
    data: &'a Interactions,
    users: Range<u32>,
    k: usize,
    exclude_seen: bool,
) -> impl Iterator<Item = (u32, RankedList)> + 'a {
    cut(users).flat_map(move |block| {
        let queries: Vec<_> = block.iter().map(|&user| Query::User(data.history(user))).collect();
        let names: Vec<_> = block.iter().map(|&user| data.users.id(user)).collect();
        let lists = explorer.recommend(model, &queries, &names, k, exclude_seen);
        block.into_iter().zip(lists)
    })
}

/// The related items of every item in the range, in the order of the numbers.
pub fn item_lists(
    model: &dyn Recommender,
    items: Range<u32>,
    k: usize,
) -> impl Iterator<Item = (u32, RankedList)> + '_ {
    blocks(model, items, Query::Item, k, false)
}

fn blocks<'a>(
    model: impl Recommender + 'a,
    numbers: Range<u32>,
    query: impl Fn(u32) -> Query<'a> + 'a,
    k: usize,
    exclude_seen: bool,
) -> impl Iterator<Item = (u32, RankedList)> + 'a {
    cut(numbers).flat_map(move |block| {
        let queries: Vec<_> = block.iter().map(|&number| query(number)).collect();
        block.into_iter().zip(model.recommend(&queries, k, exclude_seen))
    })
}

/// Numbers in blocks.
fn cut(numbers: Range<u32>) -> impl Iterator<Item = Vec<u32>> {
    let end = numbers.end;
    numbers
        .step_by(QUERIES_AT_ONCE)
        .map(move |start| (start..end.min(start.saturating_add(QUERIES_AT_ONCE as u32))).collect())
}
