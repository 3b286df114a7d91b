//! What users did, as far as filters look: the latest 100 interactions of each type, 300 with actions.

use dataset::schema::{Field, FieldType};
use dataset::typed::{NULL, TypedColumn};
use dataset::{IdTable, ReadError, Schema};
use domain::event::Event;
use domain::limits::{FILTER_ACTION_EVENTS_PER_TYPE, FILTER_EVENTS_PER_TYPE};
use hashbrown::HashMap;

use crate::catalogue::{Cell, damaged};

/// Columns that every [`UserEvent`] has by itself.
const ALWAYS: [&str; 3] = ["ITEM_ID", "TIMESTAMP", "EVENT_TYPE"];

/// One interaction of a user.
#[derive(Clone, Debug, PartialEq)]
pub struct UserEvent {
    /// With what.
    pub item: Box<str>,
    /// `EVENT_TYPE`, where there is one.
    pub event_type: Option<Box<str>>,
    /// Epoch seconds.
    pub timestamp: i64,
    /// Other columns by the names of the schema; what is not there is null.
    pub cells: Vec<(Box<str>, Cell)>,
}

impl UserEvent {
    /// An event of a user that came in live, beside the imported ones; nothing where it names no item.
    pub fn told(user: &str, event: &Event, schema: &Schema) -> Option<Self> {
        let cell = |field: &Field| {
            let cell = match field.name.as_str() {
                "USER_ID" => Cell::text(user, field.categorical),
                name => Cell::read(field, &event.column(name)?)?,
            };
            Some((field.name.as_str().into(), cell))
        };
        let others = schema.fields.iter().filter(|field| !ALWAYS.contains(&field.name.as_str()));
        Some(Self {
            item: event.item.as_deref()?.into(),
            event_type: Some(event.event_type.as_str().into()),
            timestamp: event.timestamp(),
            cells: others.filter_map(cell).collect(),
        })
    }

    /// What it has in a column.
    pub fn cell(&self, column: &str) -> Option<Cell> {
        match column {
            "ITEM_ID" => Some(Cell::Texts(vec![self.item.clone()])),
            "EVENT_TYPE" => {
                let event_type = self.event_type.as_ref().filter(|text| !text.is_empty());
                event_type.map(|text| Cell::Texts(vec![text.clone()]))
            }
            "TIMESTAMP" => Some(Cell::Whole(self.timestamp)),
            _ => {
                let found = self.cells.iter().find(|(name, _)| **name == *column);
                // What a live interaction with an action is with; of an imported one it is among the cells.
                let with = || (column == "ACTION_ID").then(|| Cell::Texts(vec![self.item.clone()]));
                found.map(|(_, cell)| cell.clone()).or_else(with)
            }
        }
    }
}

/// The latest `most` of each event type, oldest first. Types are told apart without case; events without a
/// type are a type of their own. Of equal times the later one in `events` is the newer.
pub fn latest(mut events: Vec<UserEvent>, most: usize) -> Vec<UserEvent> {
    events.sort_by_key(|event| event.timestamp);
    let mut counts: HashMap<Option<String>, usize> = HashMap::new();
    let mut keep = vec![false; events.len()];
    for (event, keep) in events.iter().zip(&mut keep).rev() {
        let count = counts.entry(event.event_type.as_ref().map(|text| text.to_lowercase())).or_default();
        *count += 1;
        *keep = *count <= most;
    }
    let mut keep = keep.into_iter();
    events.retain(|_| keep.next().unwrap_or(false));
    events
}

/// The interactions of a snapshot by user: those that filters look at, with the columns that they test.
#[derive(Clone, Debug, Default)]
pub struct EventIndex {
    /// Of each type.
    most: usize,
    users: IdTable,
    /// One more than there are users.
    offsets: Vec<usize>,
    items: IdTable,
    item: Vec<u32>,
    timestamp: Vec<i64>,
    types: IdTable,
    event_type: Vec<u32>,
    columns: Vec<EventColumn>,
}

#[derive(Clone, Debug)]
struct EventColumn {
    name: String,
    cells: Vec<Option<Cell>>,
}

impl EventIndex {
    /// The columns beside user, item, time and type.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Rows that are kept.
    pub fn len(&self) -> usize {
        self.item.len()
    }

    /// Whether nobody did anything.
    pub fn is_empty(&self) -> bool {
        self.item.is_empty()
    }

    /// How many interactions of each type are looked at.
    pub fn most(&self) -> usize {
        self.most
    }

    /// The latest interactions of a user, oldest first; none of somebody unknown.
    pub fn of(&self, user: &str) -> Vec<UserEvent> {
        let Some(user) = self.users.get(user) else { return vec![] };
        let rows = self.offsets[user as usize]..self.offsets[user as usize + 1];
        rows.map(|row| UserEvent {
            item: self.items.id(self.item[row]).into(),
            event_type: (self.event_type[row] != NULL).then(|| self.types.id(self.event_type[row]).into()),
            timestamp: self.timestamp[row],
            cells: self
                .columns
                .iter()
                .filter_map(|column| Some((column.name.as_str().into(), column.cells[row].clone()?)))
                .collect(),
        })
        .collect()
    }
}

/// Collects an [`EventIndex`] from the parts of an Interactions dataset.
#[derive(Clone, Debug)]
pub struct EventIndexBuilder {
    index: EventIndex,
    user: Vec<u32>,
    /// Column of what the interactions are with.
    with: &'static str,
    has_type: bool,
    fields: Vec<Field>,
}

impl EventIndexBuilder {
    /// An index with these columns of the schema, beside those that it always has.
    pub fn new(schema: &Schema, columns: &[&str]) -> Self {
        let asked =
            |field: &&Field| columns.contains(&field.name.as_str()) && !ALWAYS.contains(&field.name.as_str());
        let fields: Vec<Field> = schema.fields.iter().filter(asked).cloned().collect();
        let empty = |field: &Field| EventColumn { name: field.name.clone(), cells: vec![] };
        // Interactions with actions have no items.
        let of_actions = schema.field("ACTION_ID").is_some() && schema.field("ITEM_ID").is_none();
        let (with, most) = match of_actions {
            true => ("ACTION_ID", FILTER_ACTION_EVENTS_PER_TYPE),
            false => ("ITEM_ID", FILTER_EVENTS_PER_TYPE),
        };
        let columns = fields.iter().map(empty).collect();
        let index = EventIndex { most, columns, ..EventIndex::default() };
        Self { index, user: vec![], with, has_type: schema.field("EVENT_TYPE").is_some(), fields }
    }

    /// Adds the next part, in the order of the manifest.
    pub fn push(&mut self, part: impl Into<bytes::Bytes>) -> Result<(), ReadError> {
        let names = self.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for group in dataset::typed::read_typed(part, &names)? {
            self.push_columns(&group)?;
        }
        Ok(())
    }

    /// The columns that are wanted.
    pub fn names(&self) -> Vec<String> {
        let mut names = vec!["USER_ID", self.with, "TIMESTAMP"];
        names.extend(self.has_type.then_some("EVENT_TYPE"));
        names.extend(self.fields.iter().map(|field| field.name.as_str()));
        names.into_iter().map(str::to_owned).collect()
    }

    /// Adds rows whose columns stand in the order of [`names`](Self::names).
    pub fn push_columns(&mut self, columns: &[TypedColumn]) -> Result<(), ReadError> {
        let own = 3 + usize::from(self.has_type);
        let [users, items, times, ..] = columns else { return Ok(()) };
        let index = &mut self.index;
        intern(users, &mut index.users, &mut self.user, false)?;
        intern(items, &mut index.items, &mut index.item, false)?;
        let TypedColumn::Long(times) = times else { return Err(damaged("TIMESTAMP is no whole number")) };
        index.timestamp.extend(times.iter().map(|time| time.unwrap_or_default()));
        match self.has_type {
            true => intern(&columns[3], &mut index.types, &mut index.event_type, true)?,
            false => index.event_type.resize(index.timestamp.len(), NULL),
        }
        for ((column, field), values) in index.columns.iter_mut().zip(&self.fields).zip(&columns[own..]) {
            column.cells.extend(cells(values, field));
        }
        Ok(())
    }

    /// The index, cut to what filters look at.
    pub fn finish(self) -> EventIndex {
        let Self { mut index, user, .. } = self;
        let mut order: Vec<u32> = (0..user.len() as u32).collect();
        // Stable: rows of equal time stay in the order of the file.
        order.sort_by_key(|&row| (user[row as usize], index.timestamp[row as usize]));
        // Types that differ in case are one.
        let mut lower = IdTable::default();
        let type_of: Vec<u32> = index.types.iter().map(|text| lower.intern(&text.to_lowercase())).collect();
        let mut kept = vec![];
        let mut offsets = vec![0];
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for rows in order.chunk_by(|&a, &b| user[a as usize] == user[b as usize]) {
            counts.clear();
            let start = kept.len();
            for &row in rows.iter().rev() {
                let code = index.event_type[row as usize];
                let count = counts.entry(type_of.get(code as usize).copied().unwrap_or(NULL)).or_default();
                *count += 1;
                if *count <= index.most {
                    kept.push(row as usize);
                }
            }
            kept[start..].reverse();
            offsets.push(kept.len());
        }
        index.offsets = offsets;
        index.item = kept.iter().map(|&row| index.item[row]).collect();
        index.timestamp = kept.iter().map(|&row| index.timestamp[row]).collect();
        index.event_type = kept.iter().map(|&row| index.event_type[row]).collect();
        for column in &mut index.columns {
            column.cells = kept.iter().map(|&row| column.cells[row].take()).collect();
        }
        index
    }
}

/// Adds the numbers of a column's texts.
fn intern(
    column: &TypedColumn,
    table: &mut IdTable,
    out: &mut Vec<u32>,
    nullable: bool,
) -> Result<(), ReadError> {
    let (distinct, codes) = match column {
        TypedColumn::Text { distinct, codes } => (distinct, codes),
        TypedColumn::Missing(rows) if nullable => {
            out.resize(out.len() + rows, NULL);
            return Ok(());
        }
        _ => return Err(damaged("an id is no text")),
    };
    let mut known = vec![NULL; distinct.len()];
    for &code in codes {
        let number = match known.get_mut(code as usize) {
            Some(number) => {
                if *number == NULL {
                    *number = table.intern(&distinct[code as usize]);
                }
                *number
            }
            None if nullable => NULL,
            None => return Err(damaged("an id is null")),
        };
        out.push(number);
    }
    Ok(())
}

/// The cells of a column; nothing where it is null or cannot be tested.
fn cells<'a>(column: &'a TypedColumn, field: &'a Field) -> Vec<Option<Cell>> {
    match column {
        TypedColumn::Text { distinct, codes } => {
            let text = |code: &u32| {
                distinct
                    .get(*code as usize)
                    .map(|text| Cell::text(text, field.categorical && field.kind == FieldType::String))
            };
            codes.iter().map(text).collect()
        }
        TypedColumn::Long(values) => values.iter().map(|v| v.map(Cell::Whole)).collect(),
        TypedColumn::Float(values) => values.iter().map(|v| v.map(Cell::Single)).collect(),
        TypedColumn::Double(values) => values.iter().map(|v| v.map(Cell::Double)).collect(),
        TypedColumn::Boolean(values) => vec![None; values.len()],
        TypedColumn::Missing(rows) => vec![None; *rows],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who watched `watched` things one after the other, after buying three, sees this many of each.
    fn kept(with: &str, watched: usize) -> [usize; 2] {
        let field = |name: &str, kind: &str| format!(r#"{{"name":"{name}","type":"{kind}"}}"#);
        let fields = [field("USER_ID", "string"), field(with, "string"), field("TIMESTAMP", "long")];
        let fields = format!("{},{}", fields.join(","), field("EVENT_TYPE", "string"));
        let schema = format!(r#"{{"type":"record","name":"Events","fields":[{fields}]}}"#);
        let mut builder = EventIndexBuilder::new(&Schema::parse(&schema).unwrap(), &[]);
        let text = |distinct: &[&str], codes: Vec<u32>| TypedColumn::Text {
            distinct: distinct.iter().map(|&text| text.into()).collect(),
            codes,
        };
        let n = watched + 3;
        let things: Vec<String> = (0..n).map(|number| number.to_string()).collect();
        let things: Vec<&str> = things.iter().map(String::as_str).collect();
        let columns = [
            text(&["u"], vec![0; n]),
            text(&things, (0..n as u32).collect()),
            TypedColumn::Long((0..n).map(|time| Some(time as i64)).collect()),
            text(&["buy", "watch"], (0..n).map(|number| u32::from(number >= 3)).collect()),
        ];
        builder.push_columns(&columns).unwrap();
        let index = builder.finish();
        let events = index.of("u");
        // The latest are those with the highest numbers.
        let watched = events.iter().filter(|event| event.event_type.as_deref() == Some("watch"));
        let numbers: Vec<usize> = watched.map(|event| event.item.parse().unwrap()).collect();
        assert!(numbers.iter().rev().copied().eq((0..n).rev().take(numbers.len())), "{numbers:?}");
        assert_eq!(latest(events.clone(), index.most()), events);
        assert_eq!(latest(events.clone(), 2).len(), 4);
        [numbers.len(), events.len() - numbers.len()]
    }

    #[test]
    fn the_latest_hundred_of_each_type_count_and_three_hundred_with_actions() {
        assert_eq!(kept("ITEM_ID", 99), [99, 3]);
        assert_eq!(kept("ITEM_ID", 350), [100, 3]);
        assert_eq!(kept("ACTION_ID", 300), [300, 3]);
        assert_eq!(kept("ACTION_ID", 350), [300, 3]);
    }
}
