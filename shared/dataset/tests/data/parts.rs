//! Parts: the same rows wherever the file is cut, the same bytes whoever cuts it, no panic on anything.

use std::io::{Cursor, Read};

use dataset::{ImportOptions, MemorySink, NamedInput, import_csv};
use proptest::prelude::*;

use crate::helpers::*;

const ITEMS: &str = r#"{"type": "record", "name": "Items", "fields": [
    {"name": "ITEM_ID", "type": "string"}, {"name": "TITLE", "type": ["null", "string"]},
    {"name": "PRICE", "type": ["null", "double"]}], "version": "1.0"}"#;

/// A reader that gives as many bytes at a time as it likes.
struct Trickle {
    bytes: Cursor<Vec<u8>>,
    sizes: Vec<usize>,
    next: usize,
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.sizes[self.next % self.sizes.len()].min(buffer.len());
        self.next += 1;
        self.bytes.read(&mut buffer[..size])
    }
}

fn import_with(csv: &[u8], options: &ImportOptions, sizes: Vec<usize>) -> MemorySink {
    let mut sink = MemorySink::default();
    let reader = Trickle { bytes: Cursor::new(csv.to_vec()), sizes, next: 0 };
    import_csv([NamedInput::new("data.csv", reader)], &schema(ITEMS), options, &mut sink, &|_| ())
        .unwrap_or_else(|failure| panic!("{failure}"));
    sink
}

/// How a value may be written.
fn write_value(value: &str, style: u8, out: &mut String) {
    let must_quote = value.starts_with('"') || value.contains([',', '\n', '\r']);
    match (must_quote, style % 3) {
        (false, 0) => out.push_str(value),
        (_, 1) => {
            // Backslashes that would escape what follows have to be escaped themselves.
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            *out += &format!("\"{escaped}\"");
        }
        _ => {
            let escaped = value.replace('\\', "\\\\").replace('"', "\"\"");
            *out += &format!("\"{escaped}\"");
        }
    }
}

/// Text with more of what is hard: quotes, commas, line ends, backslashes, long and wide characters.
fn value() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z0-9]{1,6}",
        1 => Just("\"".to_owned()),
        1 => Just(",".to_owned()),
        1 => Just("\n".to_owned()),
        1 => Just("\r\n".to_owned()),
        1 => Just("\\".to_owned()),
        1 => Just("é漢🎬".to_owned()),
        1 => Just(" ".to_owned()),
    ];
    proptest::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

type Row = (String, Option<String>, Option<f64>, u8);

fn table() -> impl Strategy<Value = Vec<Row>> {
    let number = proptest::option::of(-1e9..1e9f64);
    proptest::collection::vec((value(), proptest::option::of(value()), number, any::<u8>()), 1..60)
}

fn write_table(table: &[Row], crlf: bool) -> String {
    let end = if crlf { "\r\n" } else { "\n" };
    let mut csv = format!("ITEM_ID,TITLE,PRICE{end}");
    for (id, title, price, style) in table {
        write_value(id, *style, &mut csv);
        csv.push(',');
        write_value(title.as_deref().unwrap_or(""), style / 3, &mut csv);
        csv += &format!(",{}{end}", price.map(|price| price.to_string()).unwrap_or_default());
    }
    csv
}

fn expected(table: &[Row]) -> Vec<Vec<Option<String>>> {
    table
        .iter()
        .map(|(id, title, price, _)| vec![Some(id.clone()), title.clone(), price.map(|p| p.to_string())])
        .collect()
}

proptest! {
    #[test]
    fn what_is_written_by_the_rules_is_read_back(
        table in table(), crlf in any::<bool>(), part_bytes in 1usize..3_000, threads in 1usize..4,
    ) {
        let csv = write_table(&table, crlf);
        let options = ImportOptions { part_bytes, threads, bad_rows_allowed: 0 };
        let sink = import_with(csv.as_bytes(), &options, vec![usize::MAX]);
        prop_assert_eq!(rows(&sink, &["ITEM_ID", "TITLE", "PRICE"]), expected(&table));
    }

    #[test]
    fn neither_threads_nor_the_pace_of_reading_change_a_byte(
        table in table(), part_bytes in 1usize..500, sizes in proptest::collection::vec(1usize..50, 1..5),
    ) {
        let csv = write_table(&table, false);
        let one = ImportOptions { part_bytes, threads: 1, bad_rows_allowed: 0 };
        let three = ImportOptions { threads: 3, ..one.clone() };
        let whole = import_with(csv.as_bytes(), &one, vec![usize::MAX]);
        prop_assert_eq!(&import_with(csv.as_bytes(), &three, sizes.clone()), &whole);
        prop_assert_eq!(&import_with(&gzip(csv.as_bytes()), &three, sizes), &whole);
    }

    /// Part `k` holds the rows whose first byte lies in its range, so that parts can be made apart.
    #[test]
    fn a_part_holds_the_rows_that_begin_in_its_range(
        ids in proptest::collection::vec("[a-z]{1,40}", 1..80), part_bytes in 1usize..200,
    ) {
        let mut csv = "ITEM_ID,TITLE,PRICE\n".to_owned();
        let mut expected: std::collections::BTreeMap<String, Vec<String>> = Default::default();
        for id in &ids {
            let name = format!("part-00000-{:06}.parquet", csv.len() / part_bytes);
            expected.entry(name).or_default().push(id.clone());
            csv += &format!("{id},,\n");
        }
        let options = ImportOptions { part_bytes, threads: 2, bad_rows_allowed: 0 };
        let sink = import_with(csv.as_bytes(), &options, vec![usize::MAX]);
        let found: std::collections::BTreeMap<String, Vec<String>> = sink
            .parts
            .iter()
            .map(|part| {
                let ids = dataset::read_columns(part.data.clone(), &["ITEM_ID"]).unwrap().remove(0);
                (part.name.clone(), ids.into_iter().flatten().collect())
            })
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn any_bytes_are_imported_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..400), part_bytes in 1usize..100, allowed in 0u64..20,
    ) {
        let options = ImportOptions { part_bytes, threads: 2, bad_rows_allowed: allowed };
        let body = [b"ITEM_ID,TITLE,PRICE\n".as_slice(), &bytes].concat();
        for file in [bytes.clone(), body, [&[0x1F, 0x8B, 8, 0], bytes.as_slice()].concat()] {
            let (outcome, sink) = import_files(&[("data.csv", &file)], ITEMS, &options);
            if let Ok(summary) = outcome {
                prop_assert_eq!(summary.rows, sink.parts.iter().map(|part| part.rows).sum::<u64>());
            }
        }
    }

    /// CSV-like noise gets deeper than random bytes do: every row is imported or set aside, and
    /// cutting the file otherwise changes nothing about that.
    #[test]
    fn noise_of_quotes_and_commas_is_cut_the_same_way_everywhere(
        noise in proptest::collection::vec(prop_oneof!["[ab,\"\\\\\n\r]{1,8}", "a,b,1\n"], 0..60),
        part_bytes in 1usize..60,
    ) {
        let csv = format!("ITEM_ID,TITLE,PRICE\n{}", noise.concat());
        let options = |part_bytes| ImportOptions { part_bytes, threads: 2, bad_rows_allowed: 1_000 };
        let (whole, whole_sink) = import_files(&[("data.csv", csv.as_bytes())], ITEMS, &options(1 << 20));
        let (cut, cut_sink) = import_files(&[("data.csv", csv.as_bytes())], ITEMS, &options(part_bytes));
        match (whole, cut) {
            (Ok(whole), Ok(cut)) => {
                prop_assert_eq!((whole.rows, whole.quarantined), (cut.rows, cut.quarantined));
                let columns = ["ITEM_ID", "TITLE", "PRICE"];
                prop_assert_eq!(rows(&whole_sink, &columns), rows(&cut_sink, &columns));
                prop_assert_eq!(whole_sink.quarantine, cut_sink.quarantine);
            }
            (Err(whole), Err(cut)) => prop_assert_eq!(whole.to_string(), cut.to_string()),
            (whole, cut) => prop_assert!(false, "{whole:?} against {cut:?}"),
        }
    }
}

#[test]
fn the_earliest_problem_is_reported_whatever_finishes_first() {
    let mut csv = "ITEM_ID,TITLE,PRICE\n".to_owned();
    for row in 0..20_000 {
        csv += &format!("i{row},,{}\n", if row >= 7_000 { "x" } else { "1" });
    }
    for threads in [1, 2, 8] {
        let options = ImportOptions { part_bytes: 1_000, threads, bad_rows_allowed: 0 };
        let (outcome, _) = import_files(&[("data.csv", csv.as_bytes())], ITEMS, &options);
        let message = outcome.unwrap_err().to_string();
        assert!(message.starts_with("data.csv, line 7002, column PRICE"), "{message}");
    }
}

#[test]
fn a_sink_that_fails_ends_the_import() {
    struct Full;
    impl dataset::PartSink for Full {
        fn part(&mut self, _: dataset::EncodedPart) -> std::io::Result<()> {
            Err(std::io::Error::other("disk full"))
        }
        fn quarantine(&mut self, _: Vec<u8>) -> std::io::Result<()> {
            Ok(())
        }
    }
    let csv = format!("ITEM_ID,TITLE,PRICE\n{}", "i,,\n".repeat(100_000));
    let input = NamedInput::new("data.csv", Cursor::new(csv.into_bytes()));
    let options = ImportOptions { part_bytes: 1_000, threads: 2, bad_rows_allowed: 0 };
    let failure = import_csv([input], &schema(ITEMS), &options, &mut Full, &|_| ()).unwrap_err();
    assert!(!failure.is_data() && failure.to_string().contains("disk full"), "{failure}");
}
