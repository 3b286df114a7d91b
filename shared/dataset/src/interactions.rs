//! Interactions in memory: interned ids and one time-ordered history per user.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::actions::{Action, ActionEvents};
use crate::metadata::{About, Cells, Column, Metadata, Table};

/// Ids as dense numbers, in order of first appearance: their text, 8 bytes and some 6 for each in the index.
#[derive(Clone, Debug, Default)]
pub struct IdTable {
    // All ids, one after the other, and where each ends.
    text: String,
    ends: Vec<usize>,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl IdTable {
    /// The number of `id`; a new id gets the next number.
    pub fn intern(&mut self, id: &str) -> u32 {
        if let Some(number) = self.get(id) {
            return number;
        }
        let number = self.ends.len() as u32;
        self.text.push_str(id);
        self.ends.push(self.text.len());
        let Self { text, ends, numbers, hasher } = self;
        let hash_of = |&number: &u32| hasher.hash_one(part(text, ends, number));
        numbers.insert_unique(hasher.hash_one(id), number, hash_of);
        number
    }

    /// The number of `id`, if it was interned.
    pub fn get(&self, id: &str) -> Option<u32> {
        self.numbers.find(self.hasher.hash_one(id), |&number| self.id(number) == id).copied()
    }

    /// The id behind a number that this table gave out.
    pub fn id(&self, number: u32) -> &str {
        part(&self.text, &self.ends, number)
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no id was interned.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All ids in the order of their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len() as u32).map(|number| self.id(number))
    }
}

/// The text of a number.
fn part<'a>(text: &'a str, ends: &[usize], number: u32) -> &'a str {
    let start = if number == 0 { 0 } else { ends[number as usize - 1] };
    &text[start..ends[number as usize]]
}

/// Who interacted with what, when: 12 bytes per interaction, besides the ids and 8 bytes for each user.
///
/// A user's history is ordered by timestamp; equal timestamps keep the order of the file. Clones and parts
/// ([`Interactions::part`]) share ids and columns: what is held out of a training is not copied.
#[derive(Clone, Debug, Default)]
pub struct Interactions {
    /// Users in order of first appearance.
    pub users: Arc<IdTable>,
    /// Items in order of first appearance.
    pub items: Arc<IdTable>,
    spans: Vec<Range<u32>>,
    len: usize,
    item: Arc<Vec<u32>>,
    timestamp: Arc<Vec<i64>>,
    weight: Option<Arc<Vec<f32>>>,
    /// What else is known of items, users and interactions; nothing unless it was asked for.
    pub metadata: Metadata,
}

/// The rows of a span as indices.
fn rows(span: &Range<u32>) -> Range<usize> {
    span.start as usize..span.end as usize
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
        Self { items, timestamps, about: About { user: None, events: None, request: None, actions: &[] } }
    }
}

impl Interactions {
    /// Builds histories from rows in the order of the file: user number, item number, epoch seconds.
    ///
    /// The numbers must come from `users` and `items`.
    pub fn from_rows(users: IdTable, items: IdTable, user: &[u32], item: &[u32], timestamp: &[i64]) -> Self {
        Self::from_events(users, items, user.to_vec(), item.to_vec(), timestamp.to_vec(), vec![])
    }

    /// The same, in the memory of the columns, with columns that describe the rows. Panics where they have
    /// more than 2³² − 1 rows.
    pub fn from_events(
        users: IdTable,
        items: IdTable,
        user: Vec<u32>,
        mut item: Vec<u32>,
        mut timestamp: Vec<i64>,
        context: Vec<Column>,
    ) -> Self {
        assert!(user.len() <= u32::MAX as usize, "rows are numbered with 32 bits");
        let mut spans = vec![0..0; users.len()];
        for &u in &user {
            spans[u as usize].end += 1;
        }
        let mut next = 0;
        for span in &mut spans {
            let count = span.end;
            *span = next..next;
            next += count;
        }
        // The column of users becomes that of places: rows of a user stay in the order of the file.
        let mut place = user;
        for place in &mut place {
            let span = &mut spans[*place as usize];
            *place = span.end;
            span.end += 1;
        }
        // Columns that describe the rows are rare, and are brought into the new order as a whole.
        let mut order: Vec<u32> = if context.is_empty() { vec![] } else { (0..place.len() as u32).collect() };
        // Every swap brings one row to its place.
        for row in 0..place.len() {
            while place[row] as usize != row {
                let to = place[row] as usize;
                item.swap(row, to);
                timestamp.swap(row, to);
                place.swap(row, to);
                if !order.is_empty() {
                    order.swap(row, to);
                }
            }
        }
        drop(place);
        let mut sorted: Vec<(i64, u32, u32)> = vec![];
        for span in &spans {
            let (items, times) = (&mut item[rows(span)], &mut timestamp[rows(span)]);
            if times.is_sorted() {
                continue;
            }
            let numbers = order.get(rows(span)).unwrap_or_default();
            sorted.clear();
            sorted.extend(
                (0..times.len()).map(|at| (times[at], items[at], numbers.get(at).copied().unwrap_or(0))),
            );
            // Stable: rows of equal time stay in the order of the file.
            sorted.sort_by_key(|&(time, ..)| time);
            for (at, &(time, id, number)) in sorted.iter().enumerate() {
                (times[at], items[at]) = (time, id);
                if let Some(to) = order.get_mut(span.start as usize + at) {
                    *to = number;
                }
            }
        }
        Self {
            users: Arc::new(users),
            items: Arc::new(items),
            spans,
            len: item.len(),
            item: Arc::new(item),
            timestamp: Arc::new(timestamp),
            weight: None,
            metadata: Metadata {
                events: Arc::new(
                    context
                        .iter()
                        .map(|column| column.select(order.iter().map(|&row| Some(row as usize))))
                        .collect(),
                ),
                ..Metadata::default()
            },
        }
    }

    /// Adds what Items and Users datasets know. Items and users that have no interactions join the others,
    /// after them: the catalogue is the union of both.
    pub fn describe(&mut self, items: Option<&Table>, users: Option<&Table>) {
        if let Some(table) = items {
            self.metadata.items = Arc::new(joined(Arc::make_mut(&mut self.items), table));
            if !table.created.is_empty() {
                let created = |id| table.ids.get(id).and_then(|row| table.created[row as usize]);
                self.metadata.created = Arc::new(self.items.iter().map(created).collect());
            }
        }
        if let Some(table) = users {
            self.metadata.users = Arc::new(joined(Arc::make_mut(&mut self.users), table));
            let end = self.item.len() as u32;
            self.spans.resize(self.users.len(), end..end);
        }
    }

    /// Takes a column of items, in any case of its name, for what an objective gives. It goes on describing the
    /// items where it `teaches`.
    ///
    /// Fails with a sentence where there is no such column of numbers.
    pub fn take_rewards(&mut self, column: &str, teaches: bool) -> Result<(), String> {
        let found = self.metadata.items.iter().position(|found| found.name.eq_ignore_ascii_case(column));
        let Some((at, Cells::Number(values))) = found.map(|at| (at, &self.metadata.items[at].cells)) else {
            return Err(format!(
                "The Items dataset has no column of numbers named {column}, which the optimization objective of the \
                 solution is about: import one, or create a solution with another objective."
            ));
        };
        self.metadata.rewards = Arc::new(values.clone());
        if !teaches {
            Arc::make_mut(&mut self.metadata.items).remove(at);
        }
        Ok(())
    }

    /// Adds the actions, and what users did with them. Users who did nothing else join the others, after them;
    /// what was done with an action that is not among `actions` is left out.
    pub fn describe_actions(&mut self, actions: Vec<Action>, events: ActionEvents) {
        let found = events.joined(actions, Arc::make_mut(&mut self.users));
        self.metadata.actions = Arc::new(found);
        let end = self.item.len() as u32;
        self.spans.resize(self.users.len(), end..end);
    }

    /// Of each user a part of the history, the oldest interaction being 0: what `of` says of the user's
    /// number and the length of the history. Users, items and rows keep their numbers; a user may be left
    /// with nothing.
    pub fn part(&self, of: impl Fn(u32, usize) -> Range<usize>) -> Self {
        let cut = |(user, span): (usize, &Range<u32>)| {
            let kept = of(user as u32, span.len());
            assert!(
                kept.start <= kept.end && kept.end <= span.len(),
                "{kept:?} of {} interactions",
                span.len()
            );
            span.start + kept.start as u32..span.start + kept.end as u32
        };
        let spans: Vec<Range<u32>> = self.spans.iter().enumerate().map(cut).collect();
        let len = spans.iter().map(|span| span.len()).sum();
        Self { spans, len, ..self.clone() }
    }

    /// How many interactions there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One user's history.
    pub fn history(&self, user: u32) -> History<'_> {
        let rows = rows(&self.spans[user as usize]);
        let (metadata, row) = (&self.metadata, user as usize);
        let about = About {
            request: None,
            actions: metadata.actions.of(user),
            user: (!metadata.users.is_empty()).then_some((metadata.users.as_slice(), row)),
            events: (!metadata.events.is_empty()).then_some((metadata.events.as_slice(), rows.start)),
        };
        History { items: &self.item[rows.clone()], timestamps: &self.timestamp[rows], about }
    }

    /// Everybody's history, in the order of the users' numbers.
    pub fn histories(&self) -> impl ExactSizeIterator<Item = History<'_>> {
        (0..self.spans.len() as u32).map(|user| self.history(user))
    }

    /// When everything happened, user after user.
    pub fn times(&self) -> impl Iterator<Item = i64> {
        self.histories().flat_map(|history| history.timestamps.iter().copied())
    }

    /// Where each user's history lies in [`Interactions::item_column`].
    pub fn spans(&self) -> &[Range<u32>] {
        &self.spans
    }

    /// What each row of [`Interactions::item_column`] counts; nothing where event types have no weights.
    pub fn weights(&self) -> Option<&[f32]> {
        self.weight.as_deref().map(Vec::as_slice)
    }

    /// The same interactions with what each row of [`Interactions::item_column`] counts.
    pub fn with_weights(self, weights: Vec<f32>) -> Self {
        assert_eq!(weights.len(), self.item.len(), "every row has a weight");
        Self { weight: Some(Arc::new(weights)), ..self }
    }

    /// Takes the last of the columns that describe events for what each row counts.
    pub(crate) fn weigh_by_last_column(&mut self) {
        let last = Arc::make_mut(&mut self.metadata.events).pop();
        if let Some(Column { cells: Cells::Number(weights), .. }) = last {
            self.weight = Some(Arc::new(weights));
        }
    }

    /// Item numbers, user after user. In a part, rows of no span belong to the whole.
    pub fn item_column(&self) -> &[u32] {
        &self.item
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
    fn ids_have_the_numbers_of_their_first_appearance() {
        let mut table = IdTable::default();
        let ids: Vec<String> = (0..5_000).map(|n| format!("{}", n * 7 % 3_000)).collect();
        let numbers: Vec<u32> = ids.iter().map(|id| table.intern(id)).collect();
        assert_eq!((table.len(), numbers[0], numbers[2_999], numbers[3_000]), (3_000, 0, 2_999, 0));
        assert!(
            ids.iter()
                .zip(&numbers)
                .all(|(id, &number)| table.id(number) == id && table.get(id) == Some(number))
        );
        assert_eq!((table.get("3000"), table.get("")), (None, None));
        assert_eq!((table.intern(""), table.get("")), (3_000, Some(3_000)));
        assert!(table.iter().zip(&ids).take(3_000).all(|(id, own)| id == own));
    }

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

    #[test]
    fn rows_in_any_order_are_sorted_as_plain_sorting_does() {
        let (mut users, mut items) = (IdTable::default(), IdTable::default());
        (0..7).for_each(|id| _ = users.intern(&id.to_string()));
        (0..50).for_each(|id| _ = items.intern(&id.to_string()));
        let scrambled = |row: u32| row.wrapping_mul(2_654_435_761) >> 8;
        // User 3 has nothing.
        let user: Vec<u32> = (0..500).map(|row| [0, 1, 2, 4, 5, 6][scrambled(row) as usize % 6]).collect();
        let item: Vec<u32> = (0..500).map(|row| scrambled(row + 1_000) % 50).collect();
        let time: Vec<i64> = (0..500).map(|row| i64::from(scrambled(row + 2_000) % 20)).collect();
        let data = Interactions::from_rows(users, items, &user, &item, &time);
        for (number, history) in data.histories().enumerate() {
            let mut plain: Vec<(i64, u32)> = (0..500)
                .filter(|&row| user[row] as usize == number)
                .map(|row| (time[row], item[row]))
                .collect();
            plain.sort_by_key(|&(time, _)| time);
            let found: Vec<_> =
                history.timestamps.iter().copied().zip(history.items.iter().copied()).collect();
            assert_eq!(found, plain, "user {number}");
        }
        assert!(data.history(3).items.is_empty() && data.len() == 500);
    }

    #[test]
    fn a_part_shares_the_columns_of_the_whole() {
        let (mut users, mut items) = (IdTable::default(), IdTable::default());
        ["u", "v"].iter().for_each(|id| _ = users.intern(id));
        ["a", "b", "c"].iter().for_each(|id| _ = items.intern(id));
        let data = Interactions::from_rows(users, items, &[0, 0, 0, 1], &[0, 1, 2, 0], &[1, 2, 3, 4]);
        let part = data.part(|user, length| 0..if user == 0 { length - 1 } else { 0 });
        assert_eq!((part.history(0).items, part.history(1).items), (&[0, 1][..], &[][..]));
        assert_eq!((part.len(), data.len()), (2, 4));
        assert!(std::ptr::eq(part.item_column(), data.item_column()));
        let newest = data.part(|_, length| length - 1..length);
        assert_eq!((newest.history(0).items, newest.history(1).items), (&[2][..], &[0][..]));
        assert!(Arc::ptr_eq(&part.users, &data.users));
    }
}
