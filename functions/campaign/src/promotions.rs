//! Promoted items among the others: they keep their order and take random places.

use std::collections::HashSet;

use store::StoredList;

/// An item of an answer, before it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Answered<'a> {
    pub id: &'a str,
    pub score: Option<f32>,
    pub promoted: bool,
}

/// The items of a list, from the first on.
pub(crate) fn plain(list: &StoredList, wanted: usize) -> Vec<Answered<'_>> {
    items(list, false).take(wanted).collect()
}

fn items(list: &StoredList, promoted: bool) -> impl Iterator<Item = Answered<'_>> {
    let score = |place: usize| list.scores.get(place).copied();
    list.items.iter().enumerate().map(move |(place, id)| Answered { id, score: score(place), promoted })
}

/// `wanted` items: first of all those that are promoted, and of the list what is not among them. The
/// promoted ones stand at random places; `draw(n)` is a number below n.
///
/// Where fewer items qualify for a promotion than it has places, the list fills them.
pub(crate) fn mixed<'a>(
    list: &'a StoredList,
    promoted: &'a StoredList,
    wanted: usize,
    mut draw: impl FnMut(usize) -> usize,
) -> Vec<Answered<'a>> {
    let promoted: Vec<Answered<'_>> = items(promoted, true).take(wanted).collect();
    let among: HashSet<&str> = promoted.iter().map(|item| item.id).collect();
    let others = items(list, false).filter(|item| !among.contains(item.id));
    let others: Vec<Answered<'_>> = others.take(wanted - promoted.len()).collect();
    // Of all arrangements that keep both orders, each is as likely: the next item comes from either side
    // in proportion to what is left there.
    let (mut promoted, mut others) = (promoted.into_iter(), others.into_iter());
    let mut answer = Vec::with_capacity(promoted.len() + others.len());
    while promoted.len() + others.len() > 0 {
        let from_promoted = draw(promoted.len() + others.len()) < promoted.len();
        let next = if from_promoted { promoted.next() } else { others.next() };
        answer.extend(next);
    }
    answer
}

/// A number below `n` that nobody can guess.
pub(crate) fn draw(n: usize) -> usize {
    // The last 62 bits of a random UUID are random.
    let bits = uuid::Uuid::new_v4().as_u64_pair().1 & (u64::MAX >> 2);
    (bits % n.max(1) as u64) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(items: &[u32]) -> StoredList {
        let scores = items.iter().map(|&item| 1.0 / (1.0 + item as f32)).collect();
        StoredList { items: items.iter().map(u32::to_string).collect(), scores }
    }

    proptest! {
        #[test]
        fn both_keep_their_order_and_nothing_comes_twice(
            order in Just((0u32..40).collect::<Vec<_>>()).prop_shuffle(),
            (listed, chosen) in (0usize..40, 0usize..10),
            wanted in 0usize..30,
            draws in proptest::collection::vec(0usize..1000, 60),
        ) {
            let promoted = list(&order[40 - chosen..]);
            let list = list(&order[..listed]);
            let mut draws = draws.into_iter();
            let answer = mixed(&list, &promoted, wanted, |n| draws.next().unwrap() % n);
            let ids = |from: bool| -> Vec<&str> {
                answer.iter().filter(|item| item.promoted == from).map(|item| item.id).collect()
            };
            let first = chosen.min(wanted);
            prop_assert_eq!(ids(true), promoted.items[..first].iter().map(String::as_str).collect::<Vec<_>>());
            let rest: Vec<&str> =
                list.items.iter().map(String::as_str).filter(|id| !ids(true).contains(id)).collect();
            prop_assert_eq!(ids(false), rest[..rest.len().min(wanted - first)].to_vec());
            for item in &answer {
                prop_assert_eq!(item.score, Some(1.0 / (1.0 + item.id.parse::<f32>().unwrap())));
            }
        }
    }

    #[test]
    fn every_place_is_as_likely() {
        let (list, promoted) = (list(&[0, 1, 2, 3]), list(&[9]));
        let mut at = [0; 4];
        for _ in 0..8_000 {
            let answer = mixed(&list, &promoted, 4, draw);
            at[answer.iter().position(|item| item.promoted).unwrap()] += 1;
        }
        // Six standard deviations of a binomial with p = 1/4.
        assert!(at.iter().all(|&count| (1_768..2_233).contains(&count)), "{at:?}");
    }

    #[test]
    fn without_a_promotion_the_list_stands() {
        let list = list(&[3, 1]);
        let ids: Vec<&str> = plain(&list, 5).iter().map(|item| item.id).collect();
        assert_eq!(ids, ["3", "1"]);
        assert!(plain(&list, 0).is_empty());
    }
}
