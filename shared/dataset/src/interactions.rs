//! Interactions in memory: interned ids and one time-ordered history per user.

use hashbrown::HashMap;

use crate::metadata::{About, Column, Metadata, Table};

/// Ids as dense numbers, in order of first appearance.
#[derive(Clone, Debug, Default)]
pub struct IdTable {
    ids: Vec<Box<str>>,
    index: HashMap<Box<str>, u32>,
}

impl IdTable {
    /// The number of `id`; a new id gets the next number.
    pub fn intern(&mut self, id: &str) -> u32 {
        if let Some(&number) = self.index.get(id) {
            return number;
        }
        let number = self.ids.len() as u32;
        self.ids.push(id.into());
        self.index.insert(id.into(), number);
        number
    }

    /// The number of `id`, if it was interned.
    pub fn get(&self, id: &str) -> Option<u32> {
        self.index.get(id).copied()
    }

    /// The id behind a number that this table gave out.
    pub fn id(&self, number: u32) -> &str {
        &self.ids[number as usize]
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether no id was interned.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// All ids in the order of their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.ids.iter().map(|id| &**id)
    }
}

/// Who interacted with what, when: 12 bytes per interaction besides the ids.
///
/// A user's history is ordered by timestamp; equal timestamps keep the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Interactions {
    /// Users in order of first appearance.
    pub users: IdTable,
    /// Items in order of first appearance.
    pub items: IdTable,
    /// `users.len() + 1` offsets into `item` and `timestamp`.
    pub offsets: Vec<usize>,
    /// Item numbers, user after user.
    pub item: Vec<u32>,
    /// Epoch seconds, user after user.
    pub timestamp: Vec<i64>,
    /// What else is known of items, users and interactions; nothing unless it was asked for.
    pub metadata: Metadata,
}

/// One user's interactions, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// Item numbers.
    pub items: &'a [u32],
    /// Epoch seconds.
    pub timestamps: &'a [i64],
    /// What else is known of the user and the events.
    pub about: About<'a>,
}

impl<'a> History<'a> {
    /// A history of which nothing else is known.
    pub const fn new(items: &'a [u32], timestamps: &'a [i64]) -> Self {
        Self { items, timestamps, about: About { user: None, events: None, request: None } }
    }
}

impl Interactions {
    /// Builds histories from rows in the order of the file: user number, item number, epoch seconds.
    ///
    /// The numbers must come from `users` and `items`.
    pub fn from_rows(users: IdTable, items: IdTable, user: &[u32], item: &[u32], timestamp: &[i64]) -> Self {
        Self::from_events(users, items, user, item, timestamp, vec![])
    }

    /// The same with columns that describe the rows.
    pub fn from_events(
        users: IdTable,
        items: IdTable,
        user: &[u32],
        item: &[u32],
        timestamp: &[i64],
        context: Vec<Column>,
    ) -> Self {
        let mut offsets = vec![0usize; users.len() + 1];
        for &u in user {
            offsets[u as usize + 1] += 1;
        }
        for u in 0..users.len() {
            offsets[u + 1] += offsets[u];
        }
        let mut next = offsets.clone();
        let mut row_of = vec![0u32; user.len()];
        for (row, &u) in user.iter().enumerate() {
            row_of[next[u as usize]] = row as u32;
            next[u as usize] += 1;
        }
        for u in 0..users.len() {
            // Stable: rows of equal time stay in the order of the file.
            row_of[offsets[u]..offsets[u + 1]].sort_by_key(|&row| timestamp[row as usize]);
        }
        Self {
            users,
            items,
            offsets,
            item: row_of.iter().map(|&row| item[row as usize]).collect(),
            timestamp: row_of.iter().map(|&row| timestamp[row as usize]).collect(),
            metadata: Metadata {
                events: context
                    .iter()
                    .map(|column| column.select(row_of.iter().map(|&row| Some(row as usize))))
                    .collect(),
                ..Metadata::default()
            },
        }
    }

    /// Adds what Items and Users datasets know. Items and users that have no interactions join the others,
    /// after them: the catalogue is the union of both.
    pub fn describe(&mut self, items: Option<&Table>, users: Option<&Table>) {
        if let Some(table) = items {
            self.metadata.items = joined(&mut self.items, table);
            if !table.created.is_empty() {
                let created = |id| table.ids.get(id).and_then(|row| table.created[row as usize]);
                self.metadata.created = self.items.iter().map(created).collect();
            }
        }
        if let Some(table) = users {
            self.metadata.users = joined(&mut self.users, table);
            self.offsets.resize(self.users.len() + 1, self.item.len());
        }
    }

    /// How many interactions there are.
    pub fn len(&self) -> usize {
        self.item.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.item.is_empty()
    }

    /// One user's history.
    pub fn history(&self, user: u32) -> History<'_> {
        let range = self.offsets[user as usize]..self.offsets[user as usize + 1];
        let (metadata, row) = (&self.metadata, user as usize);
        let about = About {
            request: None,
            user: (!metadata.users.is_empty()).then_some((metadata.users.as_slice(), row)),
            events: (!metadata.events.is_empty()).then_some((metadata.events.as_slice(), range.start)),
        };
        History { items: &self.item[range.clone()], timestamps: &self.timestamp[range], about }
    }
}

/// The columns of a table with a row for each of `ids`, which get those of the table that they lack.
fn joined(ids: &mut IdTable, table: &Table) -> Vec<Column> {
    for id in table.ids.iter() {
        ids.intern(id);
    }
    let row = |id: &str| table.ids.get(id).map(|row| row as usize);
    table.columns.iter().map(|column| column.select(ids.iter().map(row))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_timestamps_keep_the_order_of_the_file() {
        let (mut users, mut items) = (IdTable::default(), IdTable::default());
        let rows = [("u", "late", 9), ("u", "b", 5), ("v", "x", 1), ("u", "a", 5), ("u", "first", 1)];
        let (mut u, mut i, mut t) = (vec![], vec![], vec![]);
        for (user, item, time) in rows {
            u.push(users.intern(user));
            i.push(items.intern(item));
            t.push(time);
        }
        let data = Interactions::from_rows(users, items, &u, &i, &t);
        let names: Vec<_> = data.history(0).items.iter().map(|&n| data.items.id(n)).collect();
        assert_eq!(names, ["first", "b", "a", "late"]);
        assert_eq!(data.history(1).timestamps, [1]);
    }
}
