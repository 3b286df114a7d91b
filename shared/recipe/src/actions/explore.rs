//! Showing actions without a probability to some users, so that they get outcomes.
//!
//! Each place of a list goes to one of them with probability [`SHARE`], by a draw that depends on version,
//! user and place alone; which one is another draw, so that each is shown to about as many users.

use super::NextBestAction;
use crate::random::{self, SplitMix};
use crate::ranking::RankedList;

/// Share of the places that explored actions get, while there are any: that of items, where a campaign says
/// nothing else.
pub const SHARE: f64 = 0.3;

/// The list of a user with explored actions among the others, and then whatever is left.
pub fn mixed(model: &NextBestAction, list: RankedList, seed: u64, user: &str) -> RankedList {
    let (mut known, mut cold): (Vec<_>, Vec<_>) =
        list.items.into_iter().zip(list.scores).partition(|&(action, _)| model.is_scored(action));
    if cold.is_empty() {
        return unzipped(known);
    }
    let seed = random::hash(seed, user);
    cold.sort_by_key(|&(action, _)| (random::hash(seed, &model.actions[action as usize].id), action));
    let mut draws = SplitMix::new(seed);
    let mut places = Vec::with_capacity(known.len() + cold.len());
    let (mut known, mut cold) = (known.drain(..), cold.drain(..));
    while known.len() + cold.len() > 0 {
        let explored = draws.uniform() < SHARE;
        let next = if explored {
            cold.next().or_else(|| known.next())
        } else {
            known.next().or_else(|| cold.next())
        };
        places.extend(next);
    }
    unzipped(places)
}

fn unzipped(places: Vec<(u32, f32)>) -> RankedList {
    let (items, scores) = places.into_iter().unzip();
    RankedList { items, scores }
}
