//! Parquet parts back to CSV: what an import of the same schema takes, and people read.
//!
//! Rows that are equal in every column become one. In Items and Users the latest row of an id stands for
//! it, where its first one stood (developer guide, "Exporting the training data in a dataset").

use std::fmt::Write;
use std::ops::Range;

use bytes::Bytes;
use domain::hash::fnv1a64;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::csv::write_field;
use crate::interactions::IdTable;
use crate::parquet_io::read::{Column, Group, NULL, Part, TextColumn};
use crate::read::{ReadError, position};
use crate::schema::{DatasetType, Field, Schema, rules};

/// One of several shares of a dataset, so that each can be written by itself and stays small. All rows of
/// one user, or of one item, fall into the same share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which one, from zero.
    pub index: u32,
    /// Of how many; at least one.
    pub count: u32,
}

impl Share {
    fn holds(self, key: &str) -> bool {
        self.count <= 1 || fnv1a64([key]) % u64::from(self.count) == u64::from(self.index)
    }
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

/// Writes one share of a dataset as CSV.
#[derive(Debug)]
pub struct CsvExport {
    fields: Vec<Field>,
    /// The column that says whose a row is.
    key: &'static str,
    share: Share,
    /// Text of all lines, those that were replaced later included.
    text: String,
    /// Where the lines that stand lie in the text, without their ends.
    lines: Vec<Range<usize>>,
    same: Same,
    parts: usize,
}

/// What makes a row stand for another one.
#[derive(Debug)]
enum Same {
    /// Equal in every column: numbers of lines by their text.
    Row(HashTable<u32>, DefaultHashBuilder),
    /// The same id: each has one line.
    Id(IdTable),
}

impl CsvExport {
    /// Nothing but the header yet: the columns of the schema in its order.
    pub fn new(schema: &Schema, dataset_type: DatasetType, share: Share) -> Self {
        let key = rules::key_column(dataset_type);
        Self {
            fields: schema.fields.clone(),
            key: key.unwrap_or("USER_ID"),
            share,
            text: String::new(),
            lines: vec![],
            same: match key {
                Some(_) => Same::Id(IdTable::default()),
                None => Same::Row(HashTable::new(), DefaultHashBuilder::default()),
            },
            parts: 0,
        }
    }

    /// Adds the rows of the next part that fall into the share. Parts must come in their order. A part
    /// from before a column was added to the schema has no value in it.
    pub fn push(&mut self, part: impl Into<Bytes>) -> Result<(), ReadError> {
        let number = self.parts;
        self.parts += 1;
        let damaged = |source: Broken| ReadError::Damaged { part: number, source };
        let part = Part::open(part.into()).map_err(|error| damaged(error.into()))?;
        let key = position(&part, self.key, "Import the dataset again.")?;
        let places = |field: &Field| match part.position(&field.name) {
            None if field.nullable => Ok(None),
            _ => position(&part, &field.name, "Import the dataset again.").map(Some),
        };
        let places = self.fields.iter().map(places).collect::<Result<Vec<_>, _>>()?;
        for group in part.row_groups() {
            let group = group.map_err(|error| damaged(error.into()))?;
            self.group(&group, key, &places).map_err(damaged)?;
        }
        // Lines are numbered with 32 bits.
        let max = u32::MAX as usize;
        if self.lines.len() > max { Err(ReadError::TooLarge { max }) } else { Ok(()) }
    }

    fn group(&mut self, group: &Group<'_>, key: usize, places: &[Option<usize>]) -> Result<(), Broken> {
        let keys = group.text(key)?;
        let holds = |key: &Bytes| Ok(self.share.holds(std::str::from_utf8(key)?));
        let held = keys.values.iter().map(holds).collect::<Result<Vec<bool>, Broken>>()?;
        if !held.contains(&true) {
            return Ok(());
        }
        let column = |place: &Option<usize>| place.map(|at| Cells::of(group.column(at)?)).transpose();
        let columns = places.iter().map(column).collect::<Result<Vec<_>, Broken>>()?;
        for (row, &code) in keys.codes.iter().enumerate() {
            if !*held.get(code as usize).ok_or("an id is null")? {
                continue;
            }
            let start = self.text.len();
            for (number, column) in columns.iter().enumerate() {
                if number > 0 {
                    self.text.push(',');
                }
                if let Some(column) = column {
                    column.write(row, &mut self.text);
                }
            }
            // It was checked above, as one of `held`.
            self.keep(start, std::str::from_utf8(&keys.values[code as usize])?);
        }
        Ok(())
    }

    /// The line from `start` to the end of the text becomes one of the export's, unless it is there.
    fn keep(&mut self, start: usize, key: &str) {
        let line = start..self.text.len();
        match &mut self.same {
            Same::Id(ids) => {
                let number = ids.intern(key) as usize;
                if number == self.lines.len() {
                    self.lines.push(line);
                } else {
                    self.lines[number] = line;
                }
            }
            Same::Row(known, hasher) => {
                use std::hash::BuildHasher;
                let (text, lines) = (&self.text, &self.lines);
                let of = |line: &Range<usize>| hasher.hash_one(&text[line.clone()]);
                let equal = |&other: &u32| text[lines[other as usize].clone()] == text[line.clone()];
                let hash = of(&line);
                if known.find(hash, equal).is_some() {
                    return self.text.truncate(start);
                }
                known.insert_unique(hash, lines.len() as u32, |&other| of(&lines[other as usize]));
                self.lines.push(line);
            }
        }
    }

    /// How many rows there are so far.
    pub fn rows(&self) -> u64 {
        self.lines.len() as u64
    }

    /// The file: the header, and a line for each row.
    pub fn finish(self) -> Vec<u8> {
        let names: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
        let size: usize = self.lines.iter().map(|line| line.len() + 1).sum();
        let mut file = Vec::with_capacity(size + 1024);
        file.extend_from_slice(names.join(",").as_bytes());
        file.push(b'\n');
        for line in self.lines {
            file.extend_from_slice(self.text[line].as_bytes());
            file.push(b'\n');
        }
        file
    }
}

/// The cells of a column, ready to be written.
enum Cells {
    /// Distinct texts as CSV, and their numbers.
    Text(Vec<String>, Vec<u32>),
    Other(Column),
}

impl Cells {
    fn of(column: Column) -> Result<Self, Broken> {
        let TextColumn { values, codes } = match column {
            Column::Text(text) => text,
            other => return Ok(Self::Other(other)),
        };
        let written = |value: Bytes| {
            let mut written = String::with_capacity(value.len());
            write_field(&mut written, std::str::from_utf8(&value)?);
            Ok(written)
        };
        Ok(Self::Text(values.into_iter().map(written).collect::<Result<_, Broken>>()?, codes))
    }

    /// Numbers are written as Rust writes them: `1995`, `4.5`, with as many digits as are read back to
    /// the same number. Nothing is written where there is no value.
    fn write(&self, row: usize, text: &mut String) {
        fn put<T: std::fmt::Display>(text: &mut String, value: Option<T>) {
            if let Some(value) = value {
                write!(text, "{value}").expect("text takes everything");
            }
        }
        match self {
            Self::Text(distinct, codes) => match codes[row] {
                NULL => {}
                code => text.push_str(&distinct[code as usize]),
            },
            Self::Other(Column::Long(values)) => put(text, values[row]),
            Self::Other(Column::Int(values)) => put(text, values[row]),
            Self::Other(Column::Float(values)) => put(text, values[row]),
            Self::Other(Column::Double(values)) => put(text, values[row]),
            Self::Other(Column::Boolean(values)) => put(text, values[row]),
            Self::Other(Column::Text(_)) => unreachable!("texts are written above"),
        }
    }
}
