//! Items or users with their columns, in a form that tests all rows at once.
//!
//! Texts are codes into a dictionary of cells, and cells lists of atoms (`Drama|Comedy` has two), so a test
//! looks at each distinct cell once and then at one number for each row.

use dataset::schema::{Field, FieldType};
use dataset::typed::{NULL, TypedColumn};
use dataset::{IdTable, ReadError, Schema};
use domain::event::Record;
use hashbrown::HashMap;

use crate::bits::Bits;

/// What one row has in one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// The values between bars; a column that is not categorical has one.
    Texts(Vec<Box<str>>),
    /// A whole number.
    Whole(i64),
    /// A 32-bit number.
    Single(f32),
    /// A 64-bit number.
    Double(f64),
}

impl Cell {
    /// A text of a column.
    pub fn text(text: &str, categorical: bool) -> Self {
        Self::Texts(atoms(text, categorical).map(Into::into).collect())
    }

    /// What a CSV would hold in a column of the schema; nothing where it does not fit, or cannot be tested.
    pub fn read(field: &Field, text: &str) -> Option<Self> {
        match field.kind {
            FieldType::String => Some(Self::text(text, field.categorical)),
            FieldType::Long | FieldType::Int => text.parse().ok().map(Self::Whole),
            FieldType::Float => text.parse().ok().map(Self::Single),
            FieldType::Double => text.parse().ok().map(Self::Double),
            FieldType::Boolean => None,
        }
    }
}

/// The values of a text: those between bars where the column holds categories. Empty ones are none.
fn atoms(text: &str, categorical: bool) -> impl Iterator<Item = &str> {
    let end = if categorical { usize::MAX } else { 1 };
    text.splitn(end, '|').filter(|atom| !atom.is_empty())
}

/// Rows of Items or Users by id.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    ids: IdTable,
    columns: Vec<Column>,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    cells: Cells,
}

#[derive(Clone, Debug)]
pub(crate) enum Cells {
    Text(Texts),
    Whole { values: Vec<i64>, present: Bits },
    // NaN is null: no comparison with it holds.
    Single(Vec<f32>),
    Double(Vec<f64>),
}

/// A column of strings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    categorical: bool,
    /// A cell for each row, or [`NULL`].
    codes: Vec<u32>,
    cells: HashMap<Box<str>, u32>,
    atoms: IdTable,
    /// One more than there are cells.
    offsets: Vec<u32>,
    /// Atoms of cells, cell after cell.
    of_cell: Vec<u32>,
}

impl Texts {
    fn new(categorical: bool) -> Self {
        Self { categorical, offsets: vec![0], ..Self::default() }
    }

    fn cell(&mut self, text: &str) -> u32 {
        if let Some(&cell) = self.cells.get(text) {
            return cell;
        }
        let cell = self.cells.len() as u32;
        self.cells.insert(text.into(), cell);
        for atom in atoms(text, self.categorical) {
            self.of_cell.push(self.atoms.intern(atom));
        }
        self.offsets.push(self.of_cell.len() as u32);
        cell
    }

    fn atoms_of(&self, cell: u32) -> &[u32] {
        &self.of_cell[self.offsets[cell as usize] as usize..self.offsets[cell as usize + 1] as usize]
    }

    /// The rows below `codes.len()` with a value that is, or with `negated` is not, among `wanted`.
    pub fn among(&self, wanted: &[Box<str>], negated: bool, len: usize) -> Bits {
        let mut is_wanted = vec![false; self.atoms.len()];
        for atom in wanted.iter().filter_map(|text| self.atoms.get(text)) {
            is_wanted[atom as usize] = true;
        }
        let pass: Vec<bool> = (0..self.cells.len() as u32)
            .map(|cell| {
                let atoms = self.atoms_of(cell);
                !atoms.is_empty() && atoms.iter().any(|&atom| is_wanted[atom as usize]) != negated
            })
            .collect();
        Bits::passing(len, self.codes.len(), |row| {
            pass.get(self.codes[row] as usize).is_some_and(|&pass| pass)
        })
    }
}

impl Catalogue {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The number of an id.
    pub fn number(&self, id: &str) -> Option<u32> {
        self.ids.get(id)
    }

    /// The id behind a number.
    pub fn id(&self, number: u32) -> &str {
        self.ids.id(number)
    }

    pub(crate) fn cells(&self, column: &str) -> Option<&Cells> {
        self.columns.iter().find(|known| known.name == column).map(|column| &column.cells)
    }

    /// What a row has in a column; nothing where it is null or there is no such column.
    pub fn cell(&self, row: u32, column: &str) -> Option<Cell> {
        let at = row as usize;
        match self.cells(column)? {
            Cells::Text(texts) => {
                let cell = *texts.codes.get(at)?;
                if cell == NULL {
                    return None;
                }
                let atoms = texts.atoms_of(cell).iter().map(|&atom| texts.atoms.id(atom).into());
                Some(Cell::Texts(atoms.collect()))
            }
            Cells::Whole { values, present } => present.has(at).then(|| Cell::Whole(values[at])),
            Cells::Single(values) => values.get(at).filter(|v| !v.is_nan()).map(|&v| Cell::Single(v)),
            Cells::Double(values) => values.get(at).filter(|v| !v.is_nan()).map(|&v| Cell::Double(v)),
        }
    }
}

/// Puts a catalogue together from the parts of a dataset.
#[derive(Clone, Debug)]
pub struct CatalogueBuilder {
    ids: IdTable,
    key: &'static str,
    columns: Vec<Building>,
}

#[derive(Clone, Debug)]
struct Building {
    name: String,
    texts: Texts,
    numbers: Numbers,
}

#[derive(Clone, Debug)]
enum Numbers {
    None,
    Whole(Vec<Option<i64>>),
    Single(Vec<f32>),
    Double(Vec<f64>),
}

/// Whether filters can test a column at all.
fn can_be_tested(field: &Field) -> bool {
    field.kind != FieldType::Boolean && !field.textual
}

impl CatalogueBuilder {
    /// Rows of a schema whose ids stand in `key`, `ITEM_ID`, `USER_ID` or `ACTION_ID`. `ids` get the first numbers,
    /// whether a row for them comes or not.
    pub fn new<'a>(schema: Option<&Schema>, key: &'static str, ids: impl Iterator<Item = &'a str>) -> Self {
        let mut table = IdTable::default();
        for id in ids {
            table.intern(id);
        }
        let building = |field: &Field| Building {
            name: field.name.clone(),
            texts: Texts::new(field.categorical),
            numbers: match field.kind {
                FieldType::Long | FieldType::Int => Numbers::Whole(vec![]),
                FieldType::Float => Numbers::Single(vec![]),
                FieldType::Double => Numbers::Double(vec![]),
                FieldType::String | FieldType::Boolean => Numbers::None,
            },
        };
        let fields = schema.map(|schema| schema.fields.as_slice()).unwrap_or_default();
        let columns = fields.iter().filter(|field| can_be_tested(field)).map(building).collect();
        Self { ids: table, key, columns }
    }

    /// Adds the next part of the dataset. A row replaces an earlier one of the same id.
    pub fn push(&mut self, part: impl Into<bytes::Bytes>) -> Result<(), ReadError> {
        let names = self.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for group in dataset::typed::read_typed(part, &names)? {
            self.push_columns(&group)?;
        }
        Ok(())
    }

    /// Adds a row that was put by itself. It replaces an earlier one of the same id: a column that it lacks
    /// is null.
    pub fn push_record(&mut self, record: &Record) {
        let row = self.ids.intern(&record.id) as usize;
        let len = self.ids.len();
        for building in &mut self.columns {
            let text = match building.name == self.key {
                true => Some(&record.id),
                false => record.columns.get(&building.name),
            };
            building.set(row, len, text.map(String::as_str).filter(|text| !text.is_empty()));
        }
    }

    /// The columns that are wanted, the ids first.
    pub fn names(&self) -> Vec<String> {
        let columns = self.columns.iter().map(|column| column.name.clone());
        std::iter::once(self.key.to_owned()).chain(columns).collect()
    }

    /// Adds rows whose columns stand in the order of [`names`](Self::names).
    pub fn push_columns(&mut self, columns: &[TypedColumn]) -> Result<(), ReadError> {
        let [ids, columns @ ..] = columns else { return Ok(()) };
        let rows = ids.numbers(&mut self.ids)?;
        for (building, column) in self.columns.iter_mut().zip(columns) {
            building.push(&rows, self.ids.len(), column)?;
        }
        Ok(())
    }

    /// What was pushed.
    pub fn finish(self) -> Catalogue {
        let len = self.ids.len();
        let column = |building: Building| {
            let Building { name, mut texts, numbers } = building;
            let cells = match numbers {
                Numbers::None => {
                    texts.codes.resize(len, NULL);
                    Cells::Text(texts)
                }
                Numbers::Whole(mut values) => {
                    values.resize(len, None);
                    let present = Bits::passing(len, len, |row| values[row].is_some());
                    Cells::Whole {
                        values: values.into_iter().map(Option::unwrap_or_default).collect(),
                        present,
                    }
                }
                Numbers::Single(mut values) => {
                    values.resize(len, f32::NAN);
                    Cells::Single(values)
                }
                Numbers::Double(mut values) => {
                    values.resize(len, f64::NAN);
                    Cells::Double(values)
                }
            };
            Column { name, cells }
        };
        Catalogue { ids: self.ids, columns: self.columns.into_iter().map(column).collect() }
    }
}

pub(crate) fn damaged(problem: &str) -> ReadError {
    ReadError::Damaged { part: 0, source: problem.to_owned().into() }
}

impl Building {
    /// What a CSV would hold in a row; what does not fit the column is null.
    fn set(&mut self, row: usize, len: usize, text: Option<&str>) {
        match &mut self.numbers {
            Numbers::None => {
                let cell = text.map(|text| self.texts.cell(text));
                put(&mut self.texts.codes, row, len, NULL, cell);
            }
            Numbers::Whole(out) => put(out, row, len, None, text.map(|text| text.parse().ok())),
            Numbers::Single(out) => put(out, row, len, f32::NAN, text.and_then(|text| text.parse().ok())),
            Numbers::Double(out) => put(out, row, len, f64::NAN, text.and_then(|text| text.parse().ok())),
        }
    }

    fn push(&mut self, rows: &[u32], len: usize, column: &TypedColumn) -> Result<(), ReadError> {
        if let TypedColumn::Missing(_) = column {
            rows.iter().for_each(|&row| self.set(row as usize, len, None));
            return Ok(());
        }
        match (&mut self.numbers, column) {
            (Numbers::None, TypedColumn::Text { distinct, codes }) => {
                self.texts.codes.resize(len, NULL);
                // Cells are numbered as they come up, so that texts of no row take no place.
                let mut known = vec![NULL; distinct.len()];
                for (&row, &code) in rows.iter().zip(codes) {
                    let cell = match known.get_mut(code as usize) {
                        None => NULL,
                        Some(cell) => {
                            if *cell == NULL {
                                *cell = self.texts.cell(&distinct[code as usize]);
                            }
                            *cell
                        }
                    };
                    self.texts.codes[row as usize] = cell;
                }
            }
            (Numbers::Whole(out), TypedColumn::Long(values)) => {
                place(out, rows, len, None, values.iter().copied())
            }
            (Numbers::Single(out), TypedColumn::Float(values)) => {
                place(out, rows, len, f32::NAN, values.iter().map(|v| v.unwrap_or(f32::NAN)));
            }
            (Numbers::Double(out), TypedColumn::Double(values)) => {
                place(out, rows, len, f64::NAN, values.iter().map(|v| v.unwrap_or(f64::NAN)));
            }
            _ => return Err(damaged(&format!("column {} has another type than its schema", self.name))),
        }
        Ok(())
    }
}

fn put<T: Copy>(out: &mut Vec<T>, row: usize, len: usize, null: T, value: Option<T>) {
    out.resize(len, null);
    out[row] = value.unwrap_or(null);
}

fn place<T: Copy>(out: &mut Vec<T>, rows: &[u32], len: usize, null: T, values: impl Iterator<Item = T>) {
    out.resize(len, null);
    for (&row, value) in rows.iter().zip(values) {
        out[row as usize] = value;
    }
}
