//! A part without the rows of some users.

use std::collections::HashSet;

use bytes::Bytes;

use crate::csv::EncodedPart;
use crate::parquet_io::columns::Values;
use crate::parquet_io::dictionary::Dictionary;
use crate::parquet_io::read::{Column, Group, NULL, Part};
use crate::parquet_io::{ColumnBuilder, encode};
use crate::read::{ReadError, position};

type Broken = Box<dyn std::error::Error + Send + Sync>;

/// What became of a part.
#[derive(Clone, Debug)]
pub struct Erased {
    /// Rows that it had.
    pub scanned: u64,
    /// How many of them were of the users.
    pub removed: u64,
    /// The rows that are left, in their order, where any were removed and any are left. Its name is empty.
    pub rest: Option<EncodedPart>,
}

/// Takes the rows of `users` out of a part: those whose `USER_ID` is one of them. Columns, their types and
/// the order of the rows stay. A part without such rows is not written anew.
///
/// Fails where the part is damaged or has no such column.
pub fn erase(part: impl Into<Bytes>, users: &HashSet<String>) -> Result<Erased, ReadError> {
    let damaged = |source: Broken| ReadError::Damaged { part: 0, source };
    let part = Part::open(part.into()).map_err(|error| damaged(error.into()))?;
    let key = position(&part, "USER_ID", "Import the dataset again.")?;
    let names = part.names();
    let (mut scanned, mut removed) = (0, 0);
    let mut kept: Vec<Vec<bool>> = vec![];
    for group in part.row_groups() {
        let group = group.map_err(|error| damaged(error.into()))?;
        let keep = keep(&group, key, users).map_err(damaged)?;
        scanned += keep.len() as u64;
        removed += keep.iter().filter(|&&keep| !keep).count() as u64;
        kept.push(keep);
    }
    if removed == 0 || removed == scanned {
        return Ok(Erased { scanned, removed, rest: None });
    }
    let mut columns: Vec<ColumnBuilder> = vec![];
    for (group, keep) in part.row_groups().zip(&kept) {
        let group = group.map_err(|error| damaged(error.into()))?;
        for (at, name) in names.iter().enumerate() {
            let column = group.column(at).map_err(|error| damaged(error.into()))?;
            if columns.len() == at {
                let nullable = group.is_nullable(at).map_err(|error| damaged(error.into()))?;
                columns.push(empty(name, &column, nullable));
            }
            append(&mut columns[at], column, keep).map_err(damaged)?;
        }
    }
    let rows = scanned - removed;
    let data = encode(&columns, rows as usize).map_err(|error| damaged(error.into()))?;
    let crc32 = crc32fast::hash(&data);
    Ok(Erased { scanned, removed, rest: Some(EncodedPart { name: String::new(), rows, crc32, data }) })
}

/// For each row whether it stays.
fn keep(group: &Group<'_>, key: usize, users: &HashSet<String>) -> Result<Vec<bool>, Broken> {
    let keys = group.text(key)?;
    let stays = |id: &Bytes| Ok(!users.contains(std::str::from_utf8(id)?));
    let stays = keys.values.iter().map(stays).collect::<Result<Vec<bool>, Broken>>()?;
    let of_row = |&code: &u32| stays.get(code as usize).copied().ok_or("an id is null");
    Ok(keys.codes.iter().map(of_row).collect::<Result<_, _>>()?)
}

fn empty(name: &str, column: &Column, nullable: bool) -> ColumnBuilder {
    let values = match column {
        Column::Text(_) => Values::Text { dictionary: Dictionary::default(), codes: vec![] },
        Column::Long(_) => Values::Long(vec![]),
        Column::Int(_) => Values::Int(vec![]),
        Column::Float(_) => Values::Float(vec![]),
        Column::Double(_) => Values::Double(vec![]),
        Column::Boolean(_) => Values::Boolean(vec![]),
    };
    ColumnBuilder { name: name.to_owned(), values, present: nullable.then(Vec::new) }
}

fn append(to: &mut ColumnBuilder, column: Column, keep: &[bool]) -> Result<(), Broken> {
    fn put<T>(
        present: &mut Option<Vec<bool>>,
        into: &mut Vec<T>,
        values: Vec<Option<T>>,
        keep: &[bool],
    ) -> Result<(), Broken> {
        for (value, _) in values.into_iter().zip(keep).filter(|(_, keep)| **keep) {
            match present {
                Some(present) => present.push(value.is_some()),
                None if value.is_none() => return Err("a value is null where the column has none".into()),
                None => {}
            }
            into.extend(value);
        }
        Ok(())
    }
    let present = &mut to.present;
    match (&mut to.values, column) {
        (Values::Text { dictionary, codes }, Column::Text(text)) => {
            // Interned only where the row stays: what the others hold is not in the new part at all.
            let mut kept = Vec::with_capacity(keep.len());
            for (&code, &keep) in text.codes.iter().zip(keep) {
                kept.push(match code {
                    NULL => None,
                    code if keep => Some(dictionary.intern(&text.values[code as usize])),
                    _ => Some(0),
                });
            }
            put(present, codes, kept, keep)
        }
        (Values::Long(into), Column::Long(values)) => put(present, into, values, keep),
        (Values::Int(into), Column::Int(values)) => put(present, into, values, keep),
        (Values::Float(into), Column::Float(values)) => put(present, into, values, keep),
        (Values::Double(into), Column::Double(values)) => put(present, into, values, keep),
        (Values::Boolean(into), Column::Boolean(values)) => put(present, into, values, keep),
        _ => Err("the row groups differ in the type of a column".into()),
    }
}
