//! Lists of actions: ranked, explored, and each entry with the time in which it may be answered.

use std::ops::Range;

use dataset::{ActionEvent, History, Interactions, Outcome};
use domain::action::Offer;
use recipe::actions::{NextBestAction, explore};
use recipe::{Query, RankedList, Recommender, precompute};
use store::StoredList;

const DAY: i64 = 86_400;

/// A model of actions with the histories that it was trained on.
#[derive(Clone, Copy)]
pub(crate) struct ServedActions<'a> {
    pub model: &'a NextBestAction,
    pub data: &'a Interactions,
    /// The action optimization period, in seconds.
    pub period: i64,
    /// The epoch second that lists are made for. Of a list that is stored it is when the version was created,
    /// and no clock, so that repeating gives the same.
    pub now: i64,
    /// Of exploration.
    pub seed: u64,
}

impl<'a> ServedActions<'a> {
    /// The list for a user with this history, of the actions that pass.
    pub fn for_history(
        self,
        user: &str,
        history: History<'_>,
        k: usize,
        passes: impl Fn(u32) -> bool,
    ) -> StoredList {
        let all = self.model.items();
        let mut list = self.model.recommend(&[Query::User(history)], all, false).pop().unwrap_or_default();
        let kept = list.items.iter().zip(&list.scores).filter(|(action, _)| passes(**action));
        let (items, scores) = kept.unzip();
        list = RankedList { items, scores };
        self.offered(user, list, history.about.actions, k)
    }

    /// A range of users with their lists.
    pub fn for_users(self, users: Range<u32>, k: usize) -> impl Iterator<Item = (&'a str, StoredList)> {
        let lists = precompute::user_lists(self.model, self.data, users, self.model.items(), false);
        lists.map(move |(user, list)| {
            let (id, past) = (self.data.users.id(user), self.data.history(user).about.actions);
            (id, self.offered(id, list, past, k))
        })
    }

    /// The list with explored actions and the times of each entry, cut where `k` may be answered at once.
    fn offered(self, user: &str, list: RankedList, past: &[ActionEvent], k: usize) -> StoredList {
        let RankedList { items, scores } = explore::mixed(self.model, list, self.seed, user);
        let mut offered = StoredList::default();
        let mut open = 0;
        for (action, score) in items.into_iter().zip(scores) {
            if open == k {
                break;
            }
            let offer = self.offer(action, past);
            if offer.until.is_some_and(|until| until <= self.now) {
                continue;
            }
            open += usize::from(offer.is_open(self.now));
            offered.items.push(offer.to_text());
            offered.scores.push(score);
        }
        offered
    }

    /// An action that was taken may be repeated after its `REPEAT_FREQUENCY`, and without one after the period
    /// that its probability is about.
    fn offer(self, action: u32, past: &[ActionEvent]) -> Offer {
        let found = &self.model.actions[action as usize];
        let taken = past.iter().filter(|event| event.action == action && event.outcome == Outcome::Taken);
        let wait = found.repeat_days.map_or(self.period, |days| days.saturating_mul(DAY));
        let from = taken.map(|event| event.timestamp.saturating_add(wait)).max();
        Offer { id: found.id.clone(), from, until: found.expires }
    }
}
