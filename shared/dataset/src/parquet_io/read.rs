//! Parts back to columns, strings as codes.

use bytes::Bytes;
use parquet::basic::{Encoding, Repetition, Type as Physical};
use parquet::column::page::Page;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{BoolType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};

use super::hybrid;

/// Strings of one row group: distinct values and a code per row.
pub(crate) struct TextColumn {
    /// Distinct values.
    pub values: Vec<Bytes>,
    /// For each row the index of its value; [`NULL`] where there is none.
    pub codes: Vec<u32>,
}

/// More rows than any part can have: a row takes at least two bytes of text.
const ROWS_MAX: usize = crate::csv::PART_BYTES_MAX;

/// Room made before a value has been seen: a damaged footer cannot make the program run out of memory.
const RESERVE_MAX: usize = 1 << 22;

/// The code of a row without a value.
pub(crate) const NULL: u32 = u32::MAX;

/// A column of one row group, a value or nothing for each row.
pub(crate) enum Column {
    Text(TextColumn),
    Long(Vec<Option<i64>>),
    Int(Vec<Option<i32>>),
    Float(Vec<Option<f32>>),
    Double(Vec<Option<f64>>),
    Boolean(Vec<Option<bool>>),
}

/// An opened part.
pub(crate) struct Part {
    reader: SerializedFileReader<Bytes>,
}

fn broken(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

impl Part {
    /// Checks the footer; the pages are checked when they are read.
    pub fn open(data: Bytes) -> Result<Self> {
        let size = data.len() as i64;
        let reader = SerializedFileReader::new(data)?;
        // The crate panics on some of what a damaged footer may say.
        for group in reader.metadata().row_groups() {
            for column in group.columns() {
                let offsets = [Some(column.data_page_offset()), column.dictionary_page_offset()];
                let (start, length) = (offsets.into_iter().flatten().min(), column.compressed_size());
                let inside = start.is_some_and(|start| {
                    start >= 0 && length >= 0 && start.checked_add(length).is_some_and(|end| end <= size)
                });
                if !inside {
                    return Err(broken("a column lies outside the file"));
                }
            }
        }
        Ok(Self { reader })
    }

    /// Where a column stands, if the part has it.
    pub fn position(&self, name: &str) -> Option<usize> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        schema.columns().iter().position(|column| column.name() == name)
    }

    /// Names of all columns.
    pub fn names(&self) -> Vec<String> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        schema.columns().iter().map(|column| column.name().to_owned()).collect()
    }

    /// The row groups in order.
    pub fn row_groups(&self) -> impl Iterator<Item = Result<Group<'_>>> {
        (0..self.reader.num_row_groups()).map(|i| Ok(Group { reader: self.reader.get_row_group(i)? }))
    }
}

/// Definition levels, one per row, of a nullable column.
type Levels = Option<Vec<i16>>;

/// One row group.
pub(crate) struct Group<'a> {
    reader: Box<dyn RowGroupReader + 'a>,
}

impl Group<'_> {
    pub fn rows(&self) -> Result<usize> {
        let rows = usize::try_from(self.reader.metadata().num_rows()).unwrap_or(usize::MAX);
        if rows > ROWS_MAX { Err(broken("the number of rows makes no sense")) } else { Ok(rows) }
    }

    /// A column of any type.
    pub fn column(&self, at: usize) -> Result<Column> {
        Ok(match self.reader.metadata().column(at).column_type() {
            Physical::BYTE_ARRAY => Column::Text(self.text(at)?),
            Physical::INT64 => Column::Long(self.numbers::<Int64Type>(at)?),
            Physical::INT32 => Column::Int(self.numbers::<Int32Type>(at)?),
            Physical::FLOAT => Column::Float(self.numbers::<FloatType>(at)?),
            Physical::DOUBLE => Column::Double(self.numbers::<DoubleType>(at)?),
            Physical::BOOLEAN => Column::Boolean(self.numbers::<BoolType>(at)?),
            other => return Err(broken(&format!("unexpected column type {other}"))),
        })
    }

    /// A column of 64-bit integers without nulls.
    pub fn longs(&self, at: usize) -> Result<Vec<i64>> {
        if self.reader.metadata().column(at).column_type() != Physical::INT64 {
            return Err(broken("a column of 64-bit integers was expected"));
        }
        let (values, levels) = self.values::<Int64Type>(at)?;
        if levels.is_some_and(|levels| levels.contains(&0)) {
            return Err(broken("a column without nulls was expected"));
        }
        Ok(values)
    }

    fn values<T: DataType>(&self, at: usize) -> Result<(Vec<T::T>, Levels)> {
        let rows = self.rows()?;
        let nullable = self.is_nullable(at)?;
        let mut reader = get_typed_column_reader::<T>(self.reader.get_column_reader(at)?);
        let mut values = Vec::with_capacity(rows.min(RESERVE_MAX));
        let mut levels = nullable.then(|| Vec::with_capacity(rows.min(RESERVE_MAX)));
        let mut done = 0;
        while done < rows {
            let (records, _, _) = reader.read_records(rows - done, levels.as_mut(), None, &mut values)?;
            if records == 0 {
                return Err(broken("a column ends early"));
            }
            done += records;
        }
        Ok((values, levels))
    }

    fn numbers<T: DataType>(&self, at: usize) -> Result<Vec<Option<T::T>>> {
        let (values, levels) = self.values::<T>(at)?;
        let Some(levels) = levels else { return Ok(values.into_iter().map(Some).collect()) };
        let mut values = values.into_iter();
        Ok(levels.into_iter().map(|level| if level > 0 { values.next() } else { None }).collect())
    }

    /// Whether a column may have nulls.
    pub fn is_nullable(&self, at: usize) -> Result<bool> {
        let column = self.reader.metadata().column(at).column_descr_ptr();
        match (column.max_def_level(), column.max_rep_level()) {
            (0, 0) => Ok(false),
            (1, 0) => Ok(column.self_type().get_basic_info().repetition() == Repetition::OPTIONAL),
            _ => Err(broken("nested columns are not supported")),
        }
    }

    /// A column of strings, without a string per row.
    pub fn text(&self, at: usize) -> Result<TextColumn> {
        if self.reader.metadata().column(at).column_type() != Physical::BYTE_ARRAY {
            return Err(broken("a column of strings was expected"));
        }
        let nullable = self.is_nullable(at)?;
        let rows = self.rows()?;
        let mut column = TextColumn { values: vec![], codes: Vec::with_capacity(rows.min(RESERVE_MAX)) };
        let mut dictionary = 0;
        for page in self.reader.get_column_page_reader(at)? {
            let page = page?;
            if page.is_data_page() && page.num_values() as usize > rows - column.codes.len() {
                return Err(broken("a column has another number of rows than its file"));
            }
            match page {
                Page::DictionaryPage { buf, num_values, .. } => {
                    column.values = plain(&buf, num_values as usize)?;
                    dictionary = column.values.len() as u32;
                }
                Page::DataPage { buf, num_values, encoding, .. } => {
                    let (levels, body) = split_levels(&buf, nullable, num_values as usize)?;
                    column.append(body, encoding, levels, num_values as usize, dictionary)?;
                }
                Page::DataPageV2 {
                    buf,
                    num_values,
                    encoding,
                    def_levels_byte_len,
                    rep_levels_byte_len,
                    ..
                } => {
                    let at = (def_levels_byte_len as usize).saturating_add(rep_levels_byte_len as usize);
                    if at > buf.len() {
                        return Err(broken("levels reach beyond their page"));
                    }
                    let levels = nullable
                        .then(|| decode(&buf[rep_levels_byte_len as usize..at], 1, num_values as usize))
                        .transpose()?;
                    column.append(buf.slice(at..), encoding, levels, num_values as usize, dictionary)?;
                }
            }
        }
        if column.codes.len() != rows {
            return Err(broken("a column has another number of rows than its file"));
        }
        Ok(column)
    }
}

fn decode(bytes: &[u8], width: u8, count: usize) -> Result<Vec<u32>> {
    hybrid::decode(bytes, width, count).ok_or_else(|| broken("a page ends early"))
}

/// Definition levels of a version 1 page, and what follows them.
fn split_levels(page: &Bytes, nullable: bool, count: usize) -> Result<(Option<Vec<u32>>, Bytes)> {
    if !nullable {
        return Ok((None, page.clone()));
    }
    let size = page.get(..4).ok_or_else(|| broken("a page ends early"))?;
    let size = u32::from_le_bytes(size.try_into().expect("four bytes")) as usize;
    let levels = page.get(4..4 + size).ok_or_else(|| broken("a page ends early"))?;
    Ok((Some(decode(levels, 1, count)?), page.slice(4 + size..)))
}

/// Strings in PLAIN encoding.
fn plain(page: &Bytes, count: usize) -> Result<Vec<Bytes>> {
    let mut values = Vec::with_capacity(count.min(page.len()));
    let mut at = 0usize;
    for _ in 0..count {
        let size = page.get(at..at + 4).ok_or_else(|| broken("a page ends early"))?;
        let size = u32::from_le_bytes(size.try_into().expect("four bytes")) as usize;
        let end = at + 4 + size;
        if end > page.len() {
            return Err(broken("a string reaches beyond its page"));
        }
        values.push(page.slice(at + 4..end));
        at = end;
    }
    Ok(values)
}

impl TextColumn {
    /// Adds one data page; codes below `dictionary` are those of the dictionary page.
    fn append(
        &mut self,
        body: Bytes,
        encoding: Encoding,
        levels: Option<Vec<u32>>,
        count: usize,
        dictionary: u32,
    ) -> Result<()> {
        let present = match &levels {
            Some(levels) => levels.iter().filter(|&&level| level > 0).count(),
            None => count,
        };
        let codes = match encoding {
            #[allow(deprecated)]
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                let codes = match body.split_first() {
                    Some((&width, packed)) => decode(packed, width, present)?,
                    None if present == 0 => vec![],
                    None => return Err(broken("a page ends early")),
                };
                if codes.iter().any(|&code| code >= dictionary) {
                    return Err(broken("a code lies outside the dictionary"));
                }
                codes
            }
            // Other writers fall back to PLAIN when a dictionary grows; each value gets its own code.
            Encoding::PLAIN => {
                let first = self.values.len() as u32;
                self.values.extend(plain(&body, present)?);
                (first..self.values.len() as u32).collect()
            }
            other => return Err(broken(&format!("strings in the encoding {other} are not supported"))),
        };
        match levels {
            None => self.codes.extend(codes),
            Some(levels) => {
                let mut codes = codes.into_iter();
                self.codes.extend(
                    levels.iter().map(|&level| if level > 0 { codes.next().unwrap_or(NULL) } else { NULL }),
                );
            }
        }
        Ok(())
    }
}
