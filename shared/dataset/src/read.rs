//! Parquet parts to what models and answers need: histories, and columns of metadata.

use std::sync::Arc;

use bytes::Bytes;

use hashbrown::HashMap;

use crate::event_filter::{EventFilter, Verdict};
use crate::interactions::{IdTable, Interactions};
use crate::metadata::{Cells, Column as Described, ColumnReader, feature_fields};
use crate::parquet_io::read::{Column, Group, NULL, Part, TextColumn};
use crate::schema::{DatasetType, Schema};

/// Why parts could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes are not what an import wrote.
    #[error("part {part} of the data is damaged: {source}. Import the data again.")]
    Damaged {
        /// Which part, counted from zero.
        part: usize,
        /// What the decoder said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The data has no such column.
    #[error("The data has no column {column}; its columns are [{found}]. {mend}")]
    NoColumn {
        /// What was asked for.
        column: String,
        /// What there is.
        found: String,
        /// How to mend it.
        mend: String,
    },
    /// More rows or ids than can be numbered.
    #[error("The data has more than {max} rows. Train on fewer interactions, for example by an event type.")]
    TooLarge {
        /// The limit.
        max: usize,
    },
}

/// Reads interactions part by part: for callers whose parts arrive one at a time.
#[derive(Debug)]
pub struct InteractionsReader {
    filter: EventFilter,
    users: IdTable,
    items: IdTable,
    user: Vec<u32>,
    item: Vec<u32>,
    timestamp: Vec<i64>,
    /// What each event weighs; nothing where the filter weighs none.
    weight: Vec<f32>,
    context: ColumnReader,
    /// How often each item was shown; nothing where that is not asked for.
    shown: Option<HashMap<Box<str>, u32>>,
    parts: usize,
}

impl InteractionsReader {
    /// A reader that keeps the events that pass the filter.
    pub fn new(filter: EventFilter) -> Self {
        Self {
            filter,
            users: IdTable::default(),
            items: IdTable::default(),
            user: vec![],
            item: vec![],
            timestamp: vec![],
            weight: vec![],
            context: ColumnReader::new(&[]),
            shown: None,
            parts: 0,
        }
    }

    /// The same with the columns that describe events, and with the impressions of all events: who was
    /// shown an item and did something else instead says something too.
    pub fn with_context(filter: EventFilter, schema: &Schema) -> Self {
        let context = ColumnReader::new(&feature_fields(schema, DatasetType::Interactions));
        Self { context, shown: Some(HashMap::new()), ..Self::new(filter) }
    }

    /// Numbers items as `items` does, whichever come first: rows may be gone since it was made.
    pub fn numbering(self, items: IdTable) -> Self {
        Self { items, ..self }
    }

    /// Makes room for this many rows, so that columns need not grow, which takes more memory for a while.
    pub fn expecting(mut self, rows: usize) -> Self {
        self.user.reserve_exact(rows);
        self.item.reserve_exact(rows);
        self.timestamp.reserve_exact(rows);
        self
    }

    /// Adds the next part. Parts must come in their order: it decides between equal timestamps.
    pub fn push(&mut self, part: impl Into<Bytes>) -> Result<(), ReadError> {
        let number = self.parts;
        self.parts += 1;
        let damaged = |source: parquet::errors::ParquetError| ReadError::Damaged {
            part: number,
            source: source.into(),
        };
        let part = Part::open(part.into()).map_err(damaged)?;
        let columns = Columns {
            user: position(&part, "USER_ID", "Import an Interactions dataset.")?,
            item: position(&part, "ITEM_ID", "Import an Interactions dataset.")?,
            timestamp: position(&part, "TIMESTAMP", "Import an Interactions dataset.")?,
            event_type: asked_for(&part, "EVENT_TYPE", self.filter.by_type())?,
            event_value: asked_for(&part, "EVENT_VALUE", self.filter.by_value())?,
        };
        let context = self.context.positions(&part)?;
        let impression = self.shown.as_ref().and_then(|_| part.position(IMPRESSION));
        for group in part.row_groups() {
            let group = group.map_err(damaged)?;
            self.group(&group, &columns, &context)
                .and_then(|()| self.count_shown(&group, impression))
                .map_err(|source| ReadError::Damaged { part: number, source })?;
        }
        // Rows are numbered with 32 bits while they are sorted.
        let max = u32::MAX as usize;
        if self.user.len() > max { Err(ReadError::TooLarge { max }) } else { Ok(()) }
    }

    fn group(
        &mut self,
        group: &Group<'_>,
        columns: &Columns,
        context: &[Option<usize>],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let users = group.text(columns.user)?;
        let items = group.text(columns.item)?;
        let times = group.longs(columns.timestamp)?;
        let Verdict { keep, weights } = self.judge(group, columns)?;
        self.weight.extend(weights.into_iter().flatten());
        let kept = |row: &usize| keep.as_ref().is_none_or(|keep| keep[*row]);
        let rows: usize = keep.as_ref().map_or(times.len(), |keep| keep.iter().filter(|&&k| k).count());
        self.user.reserve(rows);
        self.item.reserve(rows);
        self.timestamp.reserve(rows);
        number(&users, &mut self.users, &mut self.user, &kept)?;
        number(&items, &mut self.items, &mut self.item, &kept)?;
        match &keep {
            None => self.timestamp.extend_from_slice(&times),
            Some(keep) => {
                self.timestamp
                    .extend(times.iter().zip(keep).filter(|(_, keep)| **keep).map(|(time, _)| *time));
            }
        }
        self.context.push(group, context, keep.as_deref())
    }

    fn count_shown(
        &mut self,
        group: &Group<'_>,
        impression: Option<usize>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let (Some(shown), Some(at)) = (&mut self.shown, impression) else { return Ok(()) };
        let column = group.text(at)?;
        let mut times = vec![0; column.values.len()];
        column.codes.iter().filter(|&&code| code != NULL).for_each(|&code| times[code as usize] += 1);
        for (list, times) in column.values.iter().zip(times) {
            for item in std::str::from_utf8(list)?.split('|') {
                let count: &mut u32 = shown.entry_ref(item).or_default();
                *count = count.saturating_add(times);
            }
        }
        Ok(())
    }

    /// What the filter says of the rows of a group.
    fn judge(
        &self,
        group: &Group<'_>,
        columns: &Columns,
    ) -> Result<Verdict, Box<dyn std::error::Error + Send + Sync>> {
        let types = columns.event_type.map(|at| group.text(at)).transpose()?;
        let values = columns.event_value.map(|at| group.column(at)).transpose()?;
        Ok(self.filter.judge(types.as_ref(), values.as_ref())?)
    }

    /// Histories of everything that was pushed.
    pub fn finish(self) -> Interactions {
        let Self { filter, users, items, user, mut item, mut timestamp, weight, context, shown, .. } = self;
        item.shrink_to_fit();
        timestamp.shrink_to_fit();
        let mut context = context.finish();
        if !filter.types.is_empty() {
            // Among the columns it is brought into the order of the histories.
            context.push(Described { name: String::new(), cells: Cells::Number(weight) });
        }
        let mut data = Interactions::from_events(users, items, user, item, timestamp, context);
        if !filter.types.is_empty() {
            data.weigh_by_last_column();
        }
        data.metadata.shown = Arc::new(shown.unwrap_or_default());
        data
    }
}

/// The column with the items that were shown together, joined by `|`.
const IMPRESSION: &str = "IMPRESSION";

struct Columns {
    user: usize,
    item: usize,
    timestamp: usize,
    event_type: Option<usize>,
    event_value: Option<usize>,
}

/// A column that a setting of the solution needs, if there is one.
fn asked_for(part: &Part, column: &str, setting: Option<&str>) -> Result<Option<usize>, ReadError> {
    let mend = |setting| format!("Leave {setting} out, or add the column to the schema and import again.");
    setting.map(|setting| position(part, column, &mend(setting))).transpose()
}

pub(crate) fn position(part: &Part, column: &str, mend: &str) -> Result<usize, ReadError> {
    part.position(column).ok_or_else(|| ReadError::NoColumn {
        column: column.to_owned(),
        found: part.names().join(", "),
        mend: mend.to_owned(),
    })
}

/// Turns a part's codes into the numbers of a table; ids enter it in order of first kept appearance.
fn number(
    column: &TextColumn,
    table: &mut IdTable,
    out: &mut Vec<u32>,
    kept: &impl Fn(&usize) -> bool,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    const UNKNOWN: u32 = u32::MAX;
    let mut numbers = vec![UNKNOWN; column.values.len()];
    for (_, &code) in column.codes.iter().enumerate().filter(|(row, _)| kept(row)) {
        let slot = numbers.get_mut(code as usize).ok_or("an id is null")?;
        if *slot == UNKNOWN {
            *slot = table.intern(std::str::from_utf8(&column.values[code as usize])?);
        }
        out.push(*slot);
    }
    Ok(())
}

/// Reads the parts of an Interactions dataset, in order.
///
/// Users and items are numbered in order of first appearance among the events that pass the filter;
/// a user's history is ordered by time, equal times in the order of the file.
pub fn read_interactions<I>(parts: I, filter: &EventFilter) -> Result<Interactions, ReadError>
where
    I: IntoIterator,
    I::Item: Into<Bytes>,
{
    let mut reader = InteractionsReader::new(filter.clone());
    for part in parts {
        reader.push(part)?;
    }
    Ok(reader.finish())
}

/// Reads columns of one part as text: for each name the values of all rows, nothing where null.
///
/// Numbers are written as Rust writes them: `1995`, `4.5`.
pub fn read_columns(part: impl Into<Bytes>, names: &[&str]) -> Result<Vec<Vec<Option<String>>>, ReadError> {
    let damaged = |source: Box<dyn std::error::Error + Send + Sync>| ReadError::Damaged { part: 0, source };
    let part = Part::open(part.into()).map_err(|error| damaged(error.into()))?;
    let positions = names
        .iter()
        .map(|name| position(&part, name, "Add it to the schema and import again."))
        .collect::<Result<Vec<_>, _>>()?;
    let mut columns = vec![Vec::new(); names.len()];
    for group in part.row_groups() {
        let group = group.map_err(|error| damaged(error.into()))?;
        for (column, &at) in columns.iter_mut().zip(&positions) {
            let values = group.column(at).map_err(|error| damaged(error.into()))?;
            append(column, values).map_err(damaged)?;
        }
    }
    Ok(columns)
}

fn append(
    out: &mut Vec<Option<String>>,
    column: Column,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    fn texts<T: ToString>(values: Vec<Option<T>>) -> impl Iterator<Item = Option<String>> {
        values.into_iter().map(|value| value.map(|value| value.to_string()))
    }
    match column {
        Column::Text(TextColumn { values, codes }) => {
            for code in codes {
                out.push(match code {
                    NULL => None,
                    code => Some(std::str::from_utf8(&values[code as usize])?.to_owned()),
                });
            }
        }
        Column::Long(values) => out.extend(texts(values)),
        Column::Int(values) => out.extend(texts(values)),
        Column::Float(values) => out.extend(texts(values)),
        Column::Double(values) => out.extend(texts(values)),
        Column::Boolean(values) => out.extend(texts(values)),
    }
    Ok(())
}
