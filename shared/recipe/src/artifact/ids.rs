//! Ids as a Parquet file of one column: row n holds the id of number n.

use std::sync::Arc;

use bytes::Bytes;
use dataset::IdTable;
use parquet::basic::Compression;
use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::ArtifactError;

/// Rows that are held as values at a time.
const ROWS_AT_ONCE: usize = 64 * 1024;

pub(super) fn write<'a>(
    file: &'static str,
    column: &str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<Vec<u8>, ArtifactError> {
    try_write(column, ids).map_err(|e| ArtifactError::format(file, e))
}

pub(super) fn read(file: &'static str, bytes: &[u8]) -> Result<IdTable, ArtifactError> {
    let (ids, rows) = try_read(bytes).map_err(|e| ArtifactError::format(file, e))?;
    if ids.len() != rows {
        let what = format!("{rows} rows hold {} different ids", ids.len());
        return Err(ArtifactError::inconsistent(file, what));
    }
    Ok(ids)
}

fn try_write<'a>(
    column: &str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<Vec<u8>, parquet::errors::ParquetError> {
    let schema = parse_message_type(&format!("message ids {{ REQUIRED BYTE_ARRAY {column} (UTF8); }}"))?;
    // Every id is different, so a dictionary would only hold all of them a second time.
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    if let Some(mut column) = group.next_column()? {
        let mut values = Vec::with_capacity(ROWS_AT_ONCE);
        let mut ids = ids.peekable();
        while ids.peek().is_some() {
            values.clear();
            values.extend(ids.by_ref().take(ROWS_AT_ONCE).map(ByteArray::from));
            column.typed::<ByteArrayType>().write_batch(&values, None, None)?;
        }
        column.close()?;
    }
    group.close()?;
    writer.into_inner()
}

/// The ids, and how many rows there are: fewer ids than rows when one occurs twice.
fn try_read(bytes: &[u8]) -> Result<(IdTable, usize), Box<dyn std::error::Error + Send + Sync>> {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes))?;
    let (mut ids, mut rows) = (IdTable::default(), 0);
    let mut values = Vec::new();
    for group in 0..reader.num_row_groups() {
        let ColumnReader::ByteArrayColumnReader(mut column) =
            reader.get_row_group(group)?.get_column_reader(0)?
        else {
            return Err("the first column holds no text".into());
        };
        loop {
            values.clear();
            let (_, read, _) = column.read_records(ROWS_AT_ONCE, None, None, &mut values)?;
            if read == 0 {
                break;
            }
            rows += read;
            for value in &values {
                ids.intern(std::str::from_utf8(value.data())?);
            }
        }
    }
    Ok((ids, rows))
}
