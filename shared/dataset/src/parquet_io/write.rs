//! Columns to the bytes of a Parquet file.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, LogicalType, Repetition, Type as Physical};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{BoolType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{
    SerializedFileWriter, SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite,
};
use parquet::schema::types::{ColumnDescPtr, ColumnPath, Type};

use super::columns::{ColumnBuilder, Values};
use super::dictionary::Dictionary;
use super::hybrid;

/// Writes one file with one row group. The same columns give the same bytes.
pub(crate) fn encode(columns: &[ColumnBuilder], rows: usize) -> Result<Vec<u8>> {
    let fields = columns.iter().map(field_type).collect::<Result<Vec<_>>>()?;
    let root = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(None)
        .set_offset_index_disabled(true);
    for column in columns {
        if matches!(column.values, Values::Long(_) | Values::Int(_)) {
            let path = ColumnPath::from(column.name.as_str());
            properties = properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    let mut file = SerializedFileWriter::new(Vec::new(), root, Arc::new(properties.build()))?;
    let descriptors = file.schema_descr().columns().to_vec();
    let mut group = file.next_row_group()?;
    for (column, descriptor) in columns.iter().zip(&descriptors) {
        let present = column.present.as_deref();
        match &column.values {
            Values::Text { dictionary, codes } => {
                text(&mut group, descriptor, dictionary, codes, present, rows)?;
            }
            Values::Long(values) => plain::<Int64Type>(&mut group, values, present)?,
            Values::Int(values) => plain::<Int32Type>(&mut group, values, present)?,
            Values::Float(values) => plain::<FloatType>(&mut group, values, present)?,
            Values::Double(values) => plain::<DoubleType>(&mut group, values, present)?,
            Values::Boolean(values) => plain::<BoolType>(&mut group, values, present)?,
        }
    }
    group.close()?;
    file.into_inner()
}

fn field_type(column: &ColumnBuilder) -> Result<Arc<Type>> {
    let (physical, logical) = match &column.values {
        Values::Text { .. } => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Values::Long(_) => (Physical::INT64, None),
        Values::Int(_) => (Physical::INT32, None),
        Values::Float(_) => (Physical::FLOAT, None),
        Values::Double(_) => (Physical::DOUBLE, None),
        Values::Boolean(_) => (Physical::BOOLEAN, None),
    };
    let repetition = if column.present.is_some() { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let field = Type::primitive_type_builder(&column.name, physical)
        .with_logical_type(logical)
        .with_repetition(repetition)
        .build()?;
    Ok(Arc::new(field))
}

fn plain<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    present: Option<&[bool]>,
) -> Result<()> {
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("more columns than the schema has".into()))?;
    let levels: Option<Vec<i16>> = present.map(|present| present.iter().map(|&p| i16::from(p)).collect());
    column.typed::<T>().write_batch(values, levels.as_deref(), None)?;
    column.close()
}

/// A dictionary page and one data page of codes.
fn text(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    descriptor: &ColumnDescPtr,
    dictionary: &Dictionary,
    codes: &[u32],
    present: Option<&[bool]>,
    rows: usize,
) -> Result<()> {
    let mut chunk = TrackedWrite::new(Vec::with_capacity(dictionary.plain().len() / 2 + codes.len() * 2));
    let (dictionary_spec, data_spec) = {
        let mut pages = SerializedPageWriter::new(&mut chunk);
        let page = |buf| Page::DictionaryPage {
            buf,
            num_values: dictionary.len(),
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let dictionary_spec = write_page(&mut pages, dictionary.plain(), page)?;
        let page = |buf| Page::DataPage {
            buf,
            num_values: rows as u32,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        (dictionary_spec, write_page(&mut pages, &data_page(dictionary, codes, present), page)?)
    };
    chunk.flush()?;
    let chunk = chunk.into_inner()?;
    let metadata = ColumnChunkMetaData::builder(descriptor.clone())
        .set_compression(Compression::SNAPPY)
        .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
        .set_total_compressed_size((dictionary_spec.compressed_size + data_spec.compressed_size) as i64)
        .set_total_uncompressed_size((dictionary_spec.uncompressed_size + data_spec.uncompressed_size) as i64)
        .set_num_values(rows as i64)
        .set_dictionary_page_offset(Some(dictionary_spec.offset as i64))
        .set_data_page_offset(data_spec.offset as i64)
        .build()?;
    let close = ColumnCloseResult {
        bytes_written: chunk.len() as u64,
        rows_written: rows as u64,
        metadata,
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    };
    group.append_column(&bytes::Bytes::from(chunk), close)
}

/// Definition levels where the column is nullable, then the codes.
fn data_page(dictionary: &Dictionary, codes: &[u32], present: Option<&[bool]>) -> Vec<u8> {
    let width = hybrid::width_of(dictionary.len().saturating_sub(1));
    let mut page = Vec::with_capacity(codes.len() * usize::from(width) / 8 + 64);
    if let Some(present) = present {
        let levels: Vec<u32> = present.iter().map(|&p| u32::from(p)).collect();
        page.extend_from_slice(&[0; 4]);
        hybrid::encode(&levels, 1, &mut page);
        let len = (page.len() - 4) as u32;
        page[..4].copy_from_slice(&len.to_le_bytes());
    }
    page.push(width);
    hybrid::encode(codes, width, &mut page);
    page
}

fn write_page(
    pages: &mut impl PageWriter,
    payload: &[u8],
    page: impl FnOnce(bytes::Bytes) -> Page,
) -> Result<PageWriteSpec> {
    let compressed = snap::raw::Encoder::new()
        .compress_vec(payload)
        .map_err(|error| ParquetError::External(Box::new(error)))?;
    pages.write_page(CompressedPage::new(page(compressed.into()), payload.len()))
}
