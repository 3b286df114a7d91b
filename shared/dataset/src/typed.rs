//! Columns of a part with their types, for those who test values rather than learn from them.

use bytes::Bytes;

use crate::interactions::IdTable;
use crate::parquet_io::read::{Column, Part, TextColumn};
use crate::read::ReadError;

/// The code of a row without a value.
pub const NULL: u32 = crate::parquet_io::read::NULL;

/// A column of one row group, a value or nothing for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum TypedColumn {
    /// Distinct texts, and for each row the number of its text or [`NULL`].
    Text {
        /// In no particular order.
        distinct: Vec<Box<str>>,
        /// One for each row.
        codes: Vec<u32>,
    },
    /// `long`, and `int` widened.
    Long(Vec<Option<i64>>),
    /// `float`.
    Float(Vec<Option<f32>>),
    /// `double`.
    Double(Vec<Option<f64>>),
    /// `boolean`.
    Boolean(Vec<Option<bool>>),
    /// A column that came into the schema after the part was written, for so many rows.
    Missing(usize),
}

impl TypedColumn {
    /// The number of each row's id, where the column holds ids; those that are new to `ids` get the next ones.
    ///
    /// Fails when an id is missing or no text.
    pub fn numbers(&self, ids: &mut IdTable) -> Result<Vec<u32>, ReadError> {
        let broken = || ReadError::Damaged { part: 0, source: "an id is missing or no text".into() };
        let Self::Text { distinct, codes } = self else { return Err(broken()) };
        let mut known = vec![NULL; distinct.len()];
        let mut rows = Vec::with_capacity(codes.len());
        for &code in codes {
            let number = known.get_mut(code as usize).ok_or_else(broken)?;
            if *number == NULL {
                *number = ids.intern(&distinct[code as usize]);
            }
            rows.push(*number);
        }
        Ok(rows)
    }
}

/// Reads columns of one part: for each row group the columns in the order of `names`. The part may have been
/// written before a column came into the schema.
pub fn read_typed(part: impl Into<Bytes>, names: &[&str]) -> Result<Vec<Vec<TypedColumn>>, ReadError> {
    let damaged = |source: Box<dyn std::error::Error + Send + Sync>| ReadError::Damaged { part: 0, source };
    let part = Part::open(part.into()).map_err(|error| damaged(error.into()))?;
    let positions: Vec<Option<usize>> = names.iter().map(|name| part.position(name)).collect();
    let mut groups = vec![];
    for group in part.row_groups() {
        let group = group.map_err(|error| damaged(error.into()))?;
        let mut columns = Vec::with_capacity(positions.len());
        for &at in &positions {
            columns.push(match at {
                Some(at) => {
                    typed(group.column(at).map_err(|error| damaged(error.into()))?).map_err(damaged)?
                }
                None => TypedColumn::Missing(group.rows().map_err(|error| damaged(error.into()))?),
            });
        }
        groups.push(columns);
    }
    Ok(groups)
}

fn typed(column: Column) -> Result<TypedColumn, Box<dyn std::error::Error + Send + Sync>> {
    Ok(match column {
        Column::Text(TextColumn { values, codes }) => {
            let distinct = values.iter().map(|value| Ok(std::str::from_utf8(value)?.into()));
            TypedColumn::Text { distinct: distinct.collect::<Result<_, std::str::Utf8Error>>()?, codes }
        }
        Column::Long(values) => TypedColumn::Long(values),
        Column::Int(values) => TypedColumn::Long(values.into_iter().map(|v| v.map(i64::from)).collect()),
        Column::Float(values) => TypedColumn::Float(values),
        Column::Double(values) => TypedColumn::Double(values),
        Column::Boolean(values) => TypedColumn::Boolean(values),
    })
}
