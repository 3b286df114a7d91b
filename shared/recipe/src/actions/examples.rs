//! What is learnt from: times at which a user could take an action, and whether the user did.
//!
//! The first interaction with an action opens a window as long as the action optimization period, and the
//! example is taken if one of those in the window is Taken. The next interaction after its end opens another
//! one. What is known at an example is what happened before it: not at the same second, because an item that
//! is bought is often itself what takes an action.

use dataset::{History, Interactions};
use hashbrown::HashMap;

/// One time at which a user met an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Example {
    pub user: u32,
    pub action: u32,
    pub timestamp: i64,
    /// Interactions with items before it.
    pub items: u32,
    /// Interactions with actions before it.
    pub actions: u32,
    pub taken: bool,
}

impl Example {
    /// What was known of the user then.
    pub fn history<'a>(&self, data: &'a Interactions) -> History<'a> {
        let whole = data.history(self.user);
        let mut known =
            History::new(&whole.items[..self.items as usize], &whole.timestamps[..self.items as usize]);
        known.about.actions = &data.metadata.actions.of(self.user)[..self.actions as usize];
        known
    }
}

/// The examples of some users, user after user.
pub(super) fn examples(data: &Interactions, period: i64, of: impl Fn(u32) -> bool) -> Vec<Example> {
    let mut examples: Vec<Example> = vec![];
    for user in (0..data.metadata.actions.users()).filter(|&user| of(user)) {
        let events = data.metadata.actions.of(user);
        let times = data.history(user).timestamps;
        // Where the window of an action is that was opened last.
        let mut open: HashMap<u32, usize> = HashMap::new();
        for event in events {
            let taken = event.outcome == dataset::Outcome::Taken;
            match open.get(&event.action) {
                Some(&at) if event.timestamp < examples[at].timestamp.saturating_add(period) => {
                    examples[at].taken |= taken;
                }
                _ => {
                    open.insert(event.action, examples.len());
                    examples.push(Example {
                        user,
                        action: event.action,
                        timestamp: event.timestamp,
                        items: times.partition_point(|&time| time < event.timestamp) as u32,
                        actions: events.partition_point(|e| e.timestamp < event.timestamp) as u32,
                        taken,
                    });
                }
            }
        }
    }
    examples
}

#[cfg(test)]
mod tests {
    use dataset::{Action, ActionEvents, Outcome};

    use super::*;
    use crate::testing::interactions;

    #[test]
    fn a_window_is_one_example_and_knows_what_came_before_it() {
        let mut data = interactions(&[("u", "abc"), ("v", "a")]);
        let start = data.history(0).timestamps[0];
        let mut events = ActionEvents::default();
        for (at, outcome) in [(60, Outcome::Viewed), (90, Outcome::Taken), (1_000, Outcome::NotTaken)] {
            events.add("u", "join", start + at, outcome);
        }
        events.add("w", "join", start, Outcome::Taken);
        data.describe_actions(vec![Action { id: "join".into(), ..Action::default() }], events);
        let found = examples(&data, 600, |_| true);
        let of = |e: &Example| (e.user, e.timestamp - start, e.items, e.actions, e.taken);
        // The second item came at the very second of the view.
        let expected = [(0, 60, 1, 0, true), (0, 1_000, 3, 2, false), (2, 0, 0, 0, true)];
        assert_eq!(found.iter().map(of).collect::<Vec<_>>(), expected);
        assert_eq!(found[1].history(&data).items, [0, 1, 2]);
        assert!(found[2].history(&data).items.is_empty());
        assert_eq!(examples(&data, 600, |user| user != 0).len(), 1);
        assert_eq!(examples(&data, 10_000, |_| true).len(), 2);
    }
}
