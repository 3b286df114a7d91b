//! Actions in memory: what users can be asked to do, and what they did when they were.

use std::ops::Range;

use bytes::Bytes;
use domain::limits::ACTIONS_MAX;
use serde::{Deserialize, Serialize};

use crate::interactions::IdTable;
use crate::read::ReadError;
use crate::typed::{NULL, TypedColumn, read_typed};

/// An action of the Actions dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// `ACTION_ID`.
    pub id: String,
    /// `CREATION_TIMESTAMP`, in epoch seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// `VALUE`: of two that a user takes as likely, the one of greater value comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
    /// `ACTION_EXPIRATION_TIMESTAMP`, in epoch seconds: it is not recommended from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// `REPEAT_FREQUENCY`: for so many days after a user took it, it is not recommended to that user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_days: Option<i64>,
}

/// What a user did with an action: its `EVENT_TYPE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Saw it.
    Viewed,
    /// Declined it.
    NotTaken,
    /// Did it.
    Taken,
}

impl Outcome {
    /// Reads an `EVENT_TYPE`, in any case and with or without what stands between the words, as samples
    /// differ; other types say nothing about an action.
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase());
        match bare.collect::<String>().as_str() {
            "viewed" => Some(Self::Viewed),
            "nottaken" => Some(Self::NotTaken),
            "taken" => Some(Self::Taken),
            _ => None,
        }
    }
}

/// One action interaction of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionEvent {
    /// Number of the action.
    pub action: u32,
    /// Epoch seconds.
    pub timestamp: i64,
    /// What came of it.
    pub outcome: Outcome,
}

/// The actions, numbered, and everybody's history with them.
#[derive(Clone, Debug, Default)]
pub struct Actions {
    /// By number.
    pub actions: Vec<Action>,
    spans: Vec<Range<u32>>,
    events: Vec<ActionEvent>,
}

impl PartialEq for Actions {
    fn eq(&self, other: &Self) -> bool {
        (&self.actions, &self.spans, &self.events) == (&other.actions, &other.spans, &other.events)
    }
}

impl Actions {
    /// What a user did, oldest first.
    pub fn of(&self, user: u32) -> &[ActionEvent] {
        let span = self.spans.get(user as usize);
        span.map_or(&[], |span| &self.events[span.start as usize..span.end as usize])
    }

    /// Users with a history, or numbers below theirs.
    pub fn users(&self) -> u32 {
        self.spans.len() as u32
    }

    /// The newest interaction with any action.
    pub fn latest(&self) -> Option<i64> {
        self.spans.iter().flat_map(|span| self.of_span(span)).map(|event| event.timestamp).max()
    }

    fn of_span(&self, span: &Range<u32>) -> &[ActionEvent] {
        &self.events[span.start as usize..span.end as usize]
    }

    /// The same without the histories of some users.
    pub fn without(&self, left_out: impl Fn(u32) -> bool) -> Self {
        let mut same = self.clone();
        for (user, span) in same.spans.iter_mut().enumerate() {
            if left_out(user as u32) {
                span.end = span.start;
            }
        }
        same
    }
}

/// Reads an Actions dataset part by part.
#[derive(Debug, Default)]
pub struct ActionsReader {
    ids: IdTable,
    actions: Vec<Action>,
}

impl ActionsReader {
    /// Adds the next part. A row replaces an earlier one of the same id.
    pub fn push(&mut self, part: impl Into<Bytes>) -> Result<(), ReadError> {
        let names =
            ["ACTION_ID", "CREATION_TIMESTAMP", "VALUE", "ACTION_EXPIRATION_TIMESTAMP", "REPEAT_FREQUENCY"];
        for group in read_typed(part, &names)? {
            let [ids, created, value, expires, repeat] = group.as_slice() else { continue };
            for (row, id) in texts(ids)?.into_iter().enumerate() {
                let id = id.ok_or_else(|| damaged("an id is null"))?;
                let action = Action {
                    id: id.to_owned(),
                    created: whole(created, row),
                    value: whole(value, row),
                    expires: whole(expires, row),
                    repeat_days: whole(repeat, row),
                };
                let number = self.ids.intern(id) as usize;
                match self.actions.get_mut(number) {
                    Some(known) => *known = action,
                    None => self.actions.push(action),
                }
            }
        }
        Ok(())
    }

    /// What was read, in the order in which the ids came up first.
    pub fn finish(self) -> Vec<Action> {
        self.actions
    }
}

/// Reads an Action_Interactions dataset part by part.
#[derive(Debug, Default)]
pub struct ActionEventsReader {
    events: ActionEvents,
}

/// Rows of an Action_Interactions dataset in the order of the files.
#[derive(Debug, Default)]
pub struct ActionEvents {
    users: IdTable,
    actions: IdTable,
    user: Vec<u32>,
    events: Vec<ActionEvent>,
}

impl ActionEventsReader {
    /// Adds the next part. Rows of other event types say nothing and are passed over.
    pub fn push(&mut self, part: impl Into<Bytes>) -> Result<(), ReadError> {
        let to = &mut self.events;
        for group in read_typed(part, &["USER_ID", "ACTION_ID", "EVENT_TYPE", "TIMESTAMP"])? {
            let [users, actions, types, times] = group.as_slice() else { continue };
            let rows = texts(users)?.into_iter().zip(texts(actions)?).zip(texts(types)?);
            for (row, ((user, action), event_type)) in rows.enumerate() {
                let Some(outcome) = event_type.and_then(Outcome::parse) else { continue };
                let missing = || damaged("an id or a time is null");
                let (user, action) = (user.ok_or_else(missing)?, action.ok_or_else(missing)?);
                let timestamp = whole(times, row).ok_or_else(missing)?;
                to.user.push(to.users.intern(user));
                to.events.push(ActionEvent { action: to.actions.intern(action), timestamp, outcome });
            }
        }
        Ok(())
    }

    /// What was read.
    pub fn finish(self) -> ActionEvents {
        self.events
    }
}

impl ActionEvents {
    /// Adds a row.
    pub fn add(&mut self, user: &str, action: &str, timestamp: i64, outcome: Outcome) {
        self.user.push(self.users.intern(user));
        self.events.push(ActionEvent { action: self.actions.intern(action), timestamp, outcome });
    }

    /// The rows by users that `all` numbers, and by the actions that a training knows.
    pub(crate) fn joined(self, actions: Vec<Action>, all: &mut IdTable) -> Actions {
        let actions = self.newest(actions);
        let mut ids = IdTable::default();
        actions.iter().for_each(|action| _ = ids.intern(&action.id));
        let number: Vec<Option<u32>> = self.actions.iter().map(|id| ids.get(id)).collect();
        let mut rows: Vec<(u32, ActionEvent)> = vec![];
        for (&user, event) in self.user.iter().zip(&self.events) {
            if let Some(action) = number[event.action as usize] {
                rows.push((all.intern(self.users.id(user)), ActionEvent { action, ..*event }));
            }
        }
        // Stable: rows of equal time stay in the order of the files.
        rows.sort_by_key(|(user, event)| (*user, event.timestamp));
        let mut spans = vec![0..0; all.len()];
        let mut next = 0;
        for rows in rows.chunk_by(|a, b| a.0 == b.0) {
            spans[rows[0].0 as usize] = next..next + rows.len() as u32;
            next += rows.len() as u32;
        }
        Actions { actions, spans, events: rows.into_iter().map(|(_, event)| event).collect() }
    }

    /// At most as many actions as a training knows: those that are new, or that somebody met lately.
    fn newest(&self, mut actions: Vec<Action>) -> Vec<Action> {
        if actions.len() <= ACTIONS_MAX {
            return actions;
        }
        let mut met = vec![i64::MIN; self.actions.len()];
        for event in &self.events {
            let latest = &mut met[event.action as usize];
            *latest = event.timestamp.max(*latest);
        }
        let age = |action: &Action| {
            let met = self.actions.get(&action.id).map(|number| met[number as usize]);
            std::cmp::Reverse(met.max(action.created))
        };
        let mut order: Vec<usize> = (0..actions.len()).collect();
        order.sort_by_key(|&at| age(&actions[at]));
        let mut kept = vec![false; actions.len()];
        order[..ACTIONS_MAX].iter().for_each(|&at| kept[at] = true);
        let mut kept = kept.into_iter();
        actions.retain(|_| kept.next().unwrap_or(false));
        actions
    }
}

fn damaged(problem: &str) -> ReadError {
    ReadError::Damaged { part: 0, source: problem.to_owned().into() }
}

/// The texts of a column; none where a row has none.
fn texts(column: &TypedColumn) -> Result<Vec<Option<&str>>, ReadError> {
    let TypedColumn::Text { distinct, codes } = column else {
        return Err(damaged("a column of texts is missing or of another type"));
    };
    let text = |&code: &u32| match code {
        NULL => Ok(None),
        code => distinct.get(code as usize).map(|text| Some(&**text)).ok_or_else(|| damaged("no such text")),
    };
    codes.iter().map(text).collect()
}

/// A whole number of a column; nothing where there is none.
fn whole(column: &TypedColumn, row: usize) -> Option<i64> {
    match column {
        TypedColumn::Long(values) => values.get(row).copied().flatten(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(id: &str) -> Action {
        Action { id: id.to_owned(), ..Action::default() }
    }

    #[test]
    fn outcomes_are_read_however_samples_write_them() {
        for text in ["Not Taken", "NOT_TAKEN", "not taken", "NotTaken"] {
            assert_eq!(Outcome::parse(text), Some(Outcome::NotTaken), "{text}");
        }
        assert_eq!(Outcome::parse("TAKEN"), Some(Outcome::Taken));
        assert_eq!(Outcome::parse("viewed"), Some(Outcome::Viewed));
        assert_eq!(Outcome::parse("Purchase"), None);
    }

    #[test]
    fn histories_are_by_user_and_time_and_unknown_actions_are_left_out() {
        let mut events = ActionEvents::default();
        events.add("v", "b", 9, Outcome::Taken);
        events.add("u", "a", 5, Outcome::Viewed);
        events.add("v", "gone", 6, Outcome::Taken);
        events.add("v", "a", 3, Outcome::NotTaken);
        let mut users = IdTable::default();
        users.intern("u");
        let found = events.joined(vec![action("a"), action("b")], &mut users);
        assert_eq!(users.len(), 2);
        assert_eq!(found.of(0), [ActionEvent { action: 0, timestamp: 5, outcome: Outcome::Viewed }]);
        assert_eq!(found.of(1).iter().map(|e| (e.action, e.timestamp)).collect::<Vec<_>>(), [(0, 3), (1, 9)]);
        assert_eq!((found.of(7), found.latest()), (&[][..], Some(9)));
        assert!(found.without(|user| user == 1).of(1).is_empty());
    }

    #[test]
    fn beyond_the_limit_the_newest_actions_stay() {
        let mut events = ActionEvents::default();
        events.add("u", "0", 1_000_000, Outcome::Viewed);
        let actions = (0..ACTIONS_MAX as i64 + 5)
            .map(|n| Action { created: Some(n), ..action(&n.to_string()) })
            .collect::<Vec<_>>();
        let found = events.joined(actions, &mut IdTable::default());
        assert_eq!(found.actions.len(), ACTIONS_MAX);
        // The first was met lately; the five oldest of the others are gone.
        assert_eq!([found.actions[0].id.as_str(), found.actions[1].id.as_str()], ["0", "6"]);
    }
}
