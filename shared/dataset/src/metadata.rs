//! What is known of items, users and events besides who met whom: columns in memory.
//!
//! Categories are kept as codes of whole cells (`Drama|Comedy` is one cell), numbers as 32-bit floats.
//! Which columns count says [`feature_fields`].

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;

use crate::actions::{ActionEvent, Actions};
use crate::interactions::IdTable;
use crate::parquet_io::read::{self as parts, Group, NULL, Part};
use crate::read::ReadError;
use crate::schema::{DatasetType, Field, FieldType, Schema, rules};

/// The code of a cell without a value.
pub const NO_VALUE: u32 = u32::MAX;

/// One column, a cell for each row.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// As the schema names it.
    pub name: String,
    /// Its cells.
    pub cells: Cells,
}

/// The cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Distinct texts and for each row the number of its text, or [`NO_VALUE`].
    Text {
        /// In order of first appearance.
        distinct: Vec<Box<str>>,
        /// One for each row.
        codes: Vec<u32>,
    },
    /// Numbers; NaN where there is none.
    Number(Vec<f32>),
}

impl Column {
    /// How many rows.
    pub fn len(&self) -> usize {
        match &self.cells {
            Cells::Text { codes, .. } => codes.len(),
            Cells::Number(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Some rows in a new order; `None` for a row without a value.
    pub fn select(&self, rows: impl Iterator<Item = Option<usize>>) -> Self {
        let cells = match &self.cells {
            Cells::Text { distinct, codes } => Cells::Text {
                distinct: distinct.clone(),
                codes: rows.map(|row| row.map_or(NO_VALUE, |row| codes[row])).collect(),
            },
            Cells::Number(values) => {
                Cells::Number(rows.map(|row| row.map_or(f32::NAN, |row| values[row])).collect())
            }
        };
        Self { name: self.name.clone(), cells }
    }

    /// Adds rows without a value.
    fn push_nothing(&mut self, rows: usize) {
        match &mut self.cells {
            Cells::Text { codes, .. } => codes.extend(std::iter::repeat_n(NO_VALUE, rows)),
            Cells::Number(values) => values.extend(std::iter::repeat_n(f32::NAN, rows)),
        }
    }
}

/// What is known of everything in some [`crate::Interactions`]; no columns where nothing is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// A row for each item.
    pub items: Arc<Vec<Column>>,
    /// A row for each user.
    pub users: Arc<Vec<Column>>,
    /// A row for each interaction, in the order of the histories.
    pub events: Arc<Vec<Column>>,
    /// When each item was created, in epoch seconds; empty where no item says.
    pub created: Arc<Vec<Option<i64>>>,
    /// What an objective beside relevance gives for each item, NaN where an item lacks it; empty without one.
    pub rewards: Arc<Vec<f32>>,
    /// How often each item was shown to somebody, by its id, as impressions tell; empty where none do.
    pub shown: Arc<HashMap<Box<str>, u32>>,
    /// Actions, and who took them.
    pub actions: Arc<Actions>,
}

/// What is known of one history.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// Columns of users, and the user's row.
    pub user: Option<(&'a [Column], usize)>,
    /// Columns of events, and the row of the first event.
    pub events: Option<(&'a [Column], usize)>,
    /// The context of the question itself: values by the names of columns of events.
    pub request: Option<&'a BTreeMap<String, String>>,
    /// What the user did with actions, oldest first.
    pub actions: &'a [ActionEvent],
}

/// The columns that describe a row, by the schema: categories, truth values and numbers that have no
/// other meaning. Free text and plain strings tell a model nothing.
pub fn feature_fields(schema: &Schema, dataset_type: DatasetType) -> Vec<&Field> {
    let has_other_meaning = |name: &str| match dataset_type {
        // Genres, price and the like have a meaning in a domain, and describe the item.
        DatasetType::Items => matches!(name, "ITEM_ID" | "CREATION_TIMESTAMP"),
        _ => rules::is_reserved(dataset_type, name),
    };
    let describes = |field: &&Field| {
        !has_other_meaning(&field.name)
            && !field.textual
            && (field.kind != FieldType::String || field.categorical)
    };
    schema.fields.iter().filter(describes).collect()
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

/// Collects the cells of some columns from row groups.
#[derive(Debug)]
pub(crate) struct ColumnReader {
    columns: Vec<Column>,
    // For each column whether parts may lack it: they were imported before it was added to the schema.
    optional: Vec<bool>,
    // Numbers of the distinct texts of each column.
    numbers: Vec<HashMap<Box<str>, u32>>,
}

impl ColumnReader {
    pub(crate) fn new(fields: &[&Field]) -> Self {
        let cells = |field: &Field| match field.kind {
            FieldType::String | FieldType::Boolean => Cells::Text { distinct: vec![], codes: vec![] },
            _ => Cells::Number(vec![]),
        };
        let columns = fields.iter().map(|field| Column { name: field.name.clone(), cells: cells(field) });
        Self {
            columns: columns.collect(),
            optional: fields.iter().map(|field| field.nullable).collect(),
            numbers: vec![HashMap::new(); fields.len()],
        }
    }

    /// Where the columns stand in a part; nothing for one that the part lacks and may lack.
    pub(crate) fn positions(&self, part: &Part) -> Result<Vec<Option<usize>>, ReadError> {
        let position = |(column, &optional): (&Column, &bool)| match part.position(&column.name) {
            None if optional => Ok(None),
            _ => {
                crate::read::position(part, &column.name, "Add it to the schema and import again.").map(Some)
            }
        };
        self.columns.iter().zip(&self.optional).map(position).collect()
    }

    /// Adds the rows of a group that `keep` keeps; all without it.
    pub(crate) fn push(
        &mut self,
        group: &Group<'_>,
        positions: &[Option<usize>],
        keep: Option<&[bool]>,
    ) -> Result<(), Broken> {
        let kept = |row: usize| keep.is_none_or(|keep| keep[row]);
        for ((column, numbers), &at) in self.columns.iter_mut().zip(&mut self.numbers).zip(positions) {
            let Some(at) = at else {
                let rows = match keep {
                    Some(keep) => keep.iter().filter(|&&keep| keep).count(),
                    None => group.rows()?,
                };
                column.push_nothing(rows);
                continue;
            };
            match (&mut column.cells, group.column(at)?) {
                (Cells::Text { distinct, codes }, parts::Column::Text(text)) => {
                    let mut known = vec![NO_VALUE; text.values.len()];
                    for (_, &code) in text.codes.iter().enumerate().filter(|(row, _)| kept(*row)) {
                        if code == NULL {
                            codes.push(NO_VALUE);
                            continue;
                        }
                        let number = &mut known[code as usize];
                        if *number == NO_VALUE {
                            *number =
                                intern(distinct, numbers, std::str::from_utf8(&text.values[code as usize])?);
                        }
                        codes.push(*number);
                    }
                }
                (Cells::Text { distinct, codes }, parts::Column::Boolean(values)) => {
                    for value in filtered(values, kept) {
                        codes.push(match value {
                            Some(value) => intern(distinct, numbers, if value { "true" } else { "false" }),
                            None => NO_VALUE,
                        });
                    }
                }
                (Cells::Number(out), parts::Column::Long(values)) => {
                    out.extend(filtered(values, kept).map(|value| value.map_or(f32::NAN, |v| v as f32)));
                }
                (Cells::Number(out), parts::Column::Int(values)) => {
                    out.extend(filtered(values, kept).map(|value| value.map_or(f32::NAN, |v| v as f32)));
                }
                (Cells::Number(out), parts::Column::Float(values)) => {
                    out.extend(filtered(values, kept).map(|value| value.unwrap_or(f32::NAN)));
                }
                (Cells::Number(out), parts::Column::Double(values)) => {
                    out.extend(filtered(values, kept).map(|value| value.map_or(f32::NAN, |v| v as f32)));
                }
                _ => return Err(format!("column {} has another type than its schema", column.name).into()),
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Vec<Column> {
        self.columns
    }
}

fn filtered<T>(values: Vec<Option<T>>, kept: impl Fn(usize) -> bool) -> impl Iterator<Item = Option<T>> {
    values.into_iter().enumerate().filter(move |(row, _)| kept(*row)).map(|(_, value)| value)
}

fn intern(distinct: &mut Vec<Box<str>>, numbers: &mut HashMap<Box<str>, u32>, text: &str) -> u32 {
    if let Some(&number) = numbers.get(text) {
        return number;
    }
    let number = distinct.len() as u32;
    distinct.push(text.into());
    numbers.insert(text.into(), number);
    number
}

/// The rows of an Items or Users dataset.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The ids, one for each row.
    pub ids: IdTable,
    /// What describes them.
    pub columns: Vec<Column>,
    /// `CREATION_TIMESTAMP` in epoch seconds; empty without such a column.
    pub created: Vec<Option<i64>>,
}

/// Reads an Items or Users dataset part by part.
#[derive(Debug)]
pub struct TableReader {
    id: &'static str,
    has_created: bool,
    // Whether parts may lack `CREATION_TIMESTAMP`.
    created_optional: bool,
    ids: IdTable,
    // The latest row of each id.
    rows: Vec<usize>,
    read: usize,
    columns: ColumnReader,
    created: Vec<Option<i64>>,
    parts: usize,
}

impl TableReader {
    /// A reader of the columns that describe items or users.
    pub fn new(schema: &Schema, dataset_type: DatasetType) -> Self {
        let created = schema.field("CREATION_TIMESTAMP").filter(|_| dataset_type == DatasetType::Items);
        Self {
            id: if dataset_type == DatasetType::Items { "ITEM_ID" } else { "USER_ID" },
            has_created: created.is_some(),
            created_optional: created.is_some_and(|field| field.nullable),
            ids: IdTable::default(),
            rows: vec![],
            read: 0,
            columns: ColumnReader::new(&feature_fields(schema, dataset_type)),
            created: vec![],
            parts: 0,
        }
    }

    /// Adds the next part. A row replaces earlier ones of the same id.
    pub fn push(&mut self, part: impl Into<Bytes>) -> Result<(), ReadError> {
        let number = self.parts;
        self.parts += 1;
        let damaged = |source: Broken| ReadError::Damaged { part: number, source };
        let part = Part::open(part.into()).map_err(|error| damaged(error.into()))?;
        let id = crate::read::position(&part, self.id, "Import the dataset again.")?;
        let positions = self.columns.positions(&part)?;
        let created = match (self.has_created, part.position("CREATION_TIMESTAMP")) {
            (false, _) => None,
            (true, None) if self.created_optional => None,
            (true, _) => {
                Some(crate::read::position(&part, "CREATION_TIMESTAMP", "Import the dataset again.")?)
            }
        };
        for group in part.row_groups() {
            let group = group.map_err(|error| damaged(error.into()))?;
            self.group(&group, id, &positions, created).map_err(damaged)?;
        }
        Ok(())
    }

    fn group(
        &mut self,
        group: &Group<'_>,
        id: usize,
        positions: &[Option<usize>],
        created: Option<usize>,
    ) -> Result<(), Broken> {
        let ids = group.text(id)?;
        for &code in &ids.codes {
            let text = ids.values.get(code as usize).ok_or("an id is null")?;
            let number = self.ids.intern(std::str::from_utf8(text)?) as usize;
            if number == self.rows.len() {
                self.rows.push(self.read);
            } else {
                self.rows[number] = self.read;
            }
            self.read += 1;
        }
        match created.map(|at| group.column(at)).transpose()? {
            Some(parts::Column::Long(values)) => self.created.extend(values),
            Some(_) => return Err("CREATION_TIMESTAMP is not a whole number".into()),
            None if self.has_created => self.created.extend(std::iter::repeat_n(None, group.rows()?)),
            None => {}
        }
        self.columns.push(group, positions, None)
    }

    /// What was read.
    pub fn finish(self) -> Table {
        let latest = |column: Column| column.select(self.rows.iter().map(|&row| Some(row)));
        let columns = self.columns.finish().into_iter().map(latest).collect();
        let created = match self.has_created {
            true => self.rows.iter().map(|&row| self.created[row]).collect(),
            false => vec![],
        };
        Table { ids: self.ids, columns, created }
    }
}
