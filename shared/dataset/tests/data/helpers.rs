//! Importing strings.

use std::io::{Cursor, Write};

use dataset::{
    ImportFailure, ImportOptions, ImportSummary, MemorySink, NamedInput, Schema, import_csv, read_columns,
};

pub const INTERACTIONS: &str = r#"{"type": "record", "name": "Interactions", "fields": [
    {"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"}], "version": "1.0"}"#;

/// Every type, nullable.
pub const TYPES: &str = r#"{"type": "record", "name": "Items", "fields": [
    {"name": "ITEM_ID", "type": "string"},
    {"name": "GENRES", "type": ["null", "string"], "categorical": true},
    {"name": "TITLE", "type": ["string", "null"]},
    {"name": "COUNT", "type": ["null", "int"]},
    {"name": "VIEWS", "type": ["null", "long"]},
    {"name": "PRICE", "type": ["null", "float"]},
    {"name": "WEIGHT", "type": ["null", "double"]},
    {"name": "NEW", "type": ["null", "boolean"]},
    {"name": "CREATION_TIMESTAMP", "type": ["null", "long"]}], "version": "1.0"}"#;

pub fn schema(text: &str) -> Schema {
    Schema::parse(text).unwrap()
}

pub fn options(bad_rows_allowed: u64) -> ImportOptions {
    ImportOptions { bad_rows_allowed, threads: 2, ..ImportOptions::default() }
}

pub fn import_files(
    files: &[(&str, &[u8])],
    schema_text: &str,
    options: &ImportOptions,
) -> (Result<ImportSummary, ImportFailure>, MemorySink) {
    let inputs: Vec<NamedInput> =
        files.iter().map(|(name, bytes)| NamedInput::new(*name, Cursor::new(bytes.to_vec()))).collect();
    let mut sink = MemorySink::default();
    let outcome = import_csv(inputs, &schema(schema_text), options, &mut sink, &|_| ());
    (outcome, sink)
}

/// Imports one file that must be accepted.
pub fn import(csv: impl AsRef<[u8]>, schema_text: &str) -> (ImportSummary, MemorySink) {
    let (outcome, sink) = import_files(&[("data.csv", csv.as_ref())], schema_text, &options(0));
    (outcome.unwrap_or_else(|failure| panic!("{failure}")), sink)
}

/// Imports one file that must be refused, and says why it was.
pub fn refusal(csv: impl AsRef<[u8]>, schema_text: &str) -> String {
    let (outcome, _) = import_files(&[("data.csv", csv.as_ref())], schema_text, &options(0));
    let failure = outcome.expect_err("the file should be refused");
    assert!(failure.is_data(), "{failure}");
    failure.to_string()
}

/// All rows of all parts as text.
pub fn rows(sink: &MemorySink, columns: &[&str]) -> Vec<Vec<Option<String>>> {
    let mut rows = vec![];
    for part in &sink.parts {
        let read = read_columns(part.data.clone(), columns).unwrap();
        let before = rows.len();
        rows.resize(before + part.rows as usize, vec![]);
        for column in read {
            assert_eq!(column.len() as u64, part.rows);
            for (row, value) in rows[before..].iter_mut().zip(column) {
                row.push(value);
            }
        }
    }
    rows
}

pub fn texts(values: &[&str]) -> Vec<Option<String>> {
    values.iter().map(|value| Some(value.to_string())).collect()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
