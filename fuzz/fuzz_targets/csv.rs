//! Any bytes are imported or refused: no panic, every row accounted for, and the same rows wherever
//! the file is cut.
#![no_main]

use std::io::Cursor;

use dataset::{
    ImportFailure, ImportOptions, ImportSummary, MemorySink, NamedInput, Schema, import_csv, read_columns,
};
use libfuzzer_sys::fuzz_target;

const SCHEMA: &str = r#"{"type": "record", "name": "Items", "fields": [
    {"name": "ITEM_ID", "type": "string"}, {"name": "TITLE", "type": ["null", "string"]},
    {"name": "PRICE", "type": ["null", "double"]}, {"name": "CREATION_TIMESTAMP", "type": ["null", "long"]}]}"#;
const COLUMNS: [&str; 4] = ["ITEM_ID", "TITLE", "PRICE", "CREATION_TIMESTAMP"];

fn import(
    csv: &[u8],
    part_bytes: usize,
    bad_rows_allowed: u64,
) -> (Result<ImportSummary, ImportFailure>, MemorySink) {
    let schema = Schema::parse(SCHEMA).expect("the schema is valid");
    let options = ImportOptions { bad_rows_allowed, threads: 1, part_bytes };
    let mut sink = MemorySink::default();
    let input = NamedInput::new("fuzz.csv", Cursor::new(csv.to_vec()));
    (import_csv([input], &schema, &options, &mut sink, &|_| ()), sink)
}

fn rows(sink: MemorySink) -> Vec<Vec<Option<String>>> {
    let mut columns = vec![vec![]; COLUMNS.len()];
    for part in sink.parts {
        let read = read_columns(part.data, &COLUMNS).expect("what was written can be read");
        columns.iter_mut().zip(read).for_each(|(column, more)| column.extend(more));
    }
    columns
}

fuzz_target!(|data: &[u8]| {
    let Some((&knob, body)) = data.split_first() else { return };
    // With a header the rows are reached; without one the header and gzip are.
    let csv = match knob & 1 {
        0 => [b"ITEM_ID,TITLE,PRICE,CREATION_TIMESTAMP\n".as_slice(), body].concat(),
        _ => body.to_vec(),
    };
    let part_bytes = usize::from(knob >> 2) + 1;
    let allowed = if knob & 2 == 0 { 0 } else { u64::MAX };
    let (whole, whole_sink) = import(&csv, 1 << 20, allowed);
    let (cut, cut_sink) = import(&csv, part_bytes, allowed);
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            assert_eq!((whole.rows, whole.quarantined), (cut.rows, cut.quarantined));
            assert_eq!(whole_sink.quarantine, cut_sink.quarantine);
            assert_eq!(rows(whole_sink), rows(cut_sink));
        }
        (Err(whole), Err(cut)) => assert_eq!(whole.to_string(), cut.to_string()),
        (whole, cut) => panic!("{whole:?} against {cut:?}"),
    }
});
