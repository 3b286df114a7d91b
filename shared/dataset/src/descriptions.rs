//! What items are, in the columns that an answer shows: any column of the schema, as text.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::event::Record;

use crate::interactions::IdTable;
use crate::read::ReadError;
use crate::typed::{NULL, TypedColumn, read_typed};

/// Some columns of a dataset with one row for each id. A value is the text that a CSV would hold; equal
/// values are held once.
#[derive(Clone, Debug)]
pub struct Descriptions {
    key: &'static str,
    rows: IdTable,
    columns: Vec<Described>,
}

#[derive(Clone, Debug)]
struct Described {
    name: String,
    texts: IdTable,
    /// The text of each row, or [`NULL`].
    cells: Vec<u32>,
}

impl Described {
    fn text(&self, row: u32) -> Option<&str> {
        let cell = self.cells.get(row as usize).copied().filter(|&cell| cell != NULL)?;
        Some(self.texts.id(cell))
    }

    fn set(&mut self, row: u32, text: Option<&str>) {
        let row = row as usize;
        if self.cells.len() <= row {
            self.cells.resize(row + 1, NULL);
        }
        self.cells[row] = text.map_or(NULL, |text| self.texts.intern(text));
    }
}

impl Descriptions {
    /// No rows yet, of columns that are named as the schema names them; ids stand in `key`.
    pub fn new(key: &'static str, columns: Vec<String>) -> Self {
        let column = |name| Described { name, texts: IdTable::default(), cells: vec![] };
        Self { key, rows: IdTable::default(), columns: columns.into_iter().map(column).collect() }
    }

    /// Adds the next part of the dataset. A row replaces an earlier one of the same id; a column that came
    /// into the schema after the part was written is null.
    pub fn push(&mut self, part: impl Into<Bytes>) -> Result<(), ReadError> {
        let names = std::iter::once(self.key).chain(self.columns.iter().map(|column| column.name.as_str()));
        let names: Vec<&str> = names.collect();
        for group in read_typed(part, &names)? {
            let [ids, columns @ ..] = group.as_slice() else { continue };
            let rows = ids.numbers(&mut self.rows)?;
            for (own, column) in self.columns.iter_mut().zip(columns) {
                own.extend(&rows, column);
            }
        }
        Ok(())
    }

    /// Adds a row that was put by itself, in place of an earlier one of the same id.
    pub fn push_record(&mut self, record: &Record) {
        let row = self.rows.intern(&record.id);
        for column in &mut self.columns {
            let text = match column.name == self.key {
                true => Some(record.id.as_str()),
                false => record.columns.get(&column.name).map(String::as_str),
            };
            column.set(row, text.filter(|text| !text.is_empty()));
        }
    }

    /// The ids, in the order of their rows.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rows.iter()
    }

    /// The value of an id in one column, by its name; nothing where it is null.
    pub fn value(&self, id: &str, column: &str) -> Option<&str> {
        let row = self.rows.get(id)?;
        self.columns.iter().find(|known| known.name == column)?.text(row)
    }

    /// The values of an id by the names of their columns; those that are null are left out.
    pub fn of(&self, id: &str) -> BTreeMap<&str, &str> {
        let Some(row) = self.rows.get(id) else { return BTreeMap::new() };
        let shown = self.columns.iter().filter_map(|column| Some((column.name.as_str(), column.text(row)?)));
        shown.collect()
    }
}

impl Described {
    fn extend(&mut self, rows: &[u32], column: &TypedColumn) {
        match column {
            TypedColumn::Text { distinct, codes } => {
                for (&row, &code) in rows.iter().zip(codes) {
                    self.set(row, distinct.get(code as usize).map(|text| &**text));
                }
            }
            TypedColumn::Long(values) => self.numbers(rows, values),
            TypedColumn::Float(values) => self.numbers(rows, values),
            TypedColumn::Double(values) => self.numbers(rows, values),
            TypedColumn::Boolean(values) => self.numbers(rows, values),
            TypedColumn::Missing(_) => rows.iter().for_each(|&row| self.set(row, None)),
        }
    }

    fn numbers<T: ToString>(&mut self, rows: &[u32], values: &[Option<T>]) {
        for (&row, value) in rows.iter().zip(values) {
            self.set(row, value.as_ref().map(T::to_string).as_deref());
        }
    }
}
