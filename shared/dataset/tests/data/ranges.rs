//! Ranges: the same parts, manifest, quarantine file and words of failure as one process gives,
//! wherever the files are cut and whichever range is imported first.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use dataset::csv::is_gzip;
use dataset::manifest::ManifestPart;
use dataset::{
    Assembled, Assembly, AssemblyError, EncodedPart, FileRange, ImportFailure, ImportOptions, RangeFile,
    RangeOutcome, import_range,
};
use proptest::prelude::*;

use crate::helpers::*;

const ITEMS: &str = r#"{"type": "record", "name": "Items", "fields": [
    {"name": "ITEM_ID", "type": "string"}, {"name": "TITLE", "type": ["null", "string"]},
    {"name": "PRICE", "type": ["null", "double"]}], "version": "1.0"}"#;

struct File<'a>(&'a str, &'a [u8]);

impl RangeFile for File<'_> {
    fn name(&self) -> &str {
        self.0
    }

    fn read_from(&self, offset: u64, _: u64) -> Box<dyn Read + Send> {
        Box::new(Cursor::new(self.1[self.1.len().min(offset as usize)..].to_vec()))
    }
}

/// What an import by ranges left behind.
#[derive(Default)]
struct Imported {
    /// As the manifest would name them.
    parts: Vec<ManifestPart>,
    data: BTreeMap<String, Vec<u8>>,
    /// Ranges that were imported a second time, because they had begun within quotes.
    again: usize,
}

impl Imported {
    fn range(
        &mut self,
        (name, bytes): (&str, &[u8]),
        range: FileRange,
        start: Option<u64>,
        options: &ImportOptions,
    ) -> RangeOutcome {
        let mut put = |part: EncodedPart| {
            self.data.insert(part.name, part.data);
            Ok(())
        };
        let outcome = import_range(&File(name, bytes), range, start, &schema(ITEMS), options, &mut put);
        // Outcomes travel as JSON.
        let json = serde_json::to_string(&outcome.expect("neither reading nor writing fails")).unwrap();
        serde_json::from_str(&json).unwrap()
    }
}

/// The ranges of a file that is cut at some of the ends of its parts.
fn cut(number: usize, bytes: &[u8], part_bytes: usize, is_cut: impl Fn(usize) -> bool) -> Vec<FileRange> {
    if is_gzip(bytes) {
        return vec![FileRange::whole(number)];
    }
    let parts = bytes.len().div_ceil(part_bytes);
    let ends: Vec<u64> = (1..parts).filter(|i| is_cut(*i)).map(|i| (i * part_bytes) as u64).collect();
    let begins = [0].into_iter().chain(ends.iter().copied());
    let ends = ends.iter().copied().map(Some).chain([None]);
    begins.zip(ends).map(|(begin, end)| FileRange { file: number, begin, end }).collect()
}

fn import_by_ranges(
    files: &[(&str, &[u8])],
    options: &ImportOptions,
    is_cut: impl Fn(usize) -> bool,
) -> (Result<Assembled, ImportFailure>, Imported) {
    let mut imported = Imported::default();
    let ranges = files.iter().enumerate();
    let ranges: Vec<FileRange> =
        ranges.flat_map(|(i, (_, bytes))| cut(i, bytes, options.part_bytes, &is_cut)).collect();
    // The last first: no range may need another.
    let mut outcomes: Vec<(FileRange, RangeOutcome)> = ranges
        .iter()
        .rev()
        .map(|range| (*range, imported.range(files[range.file], *range, None, options)))
        .collect();
    let mut assembly = Assembly::new(options.bad_rows_allowed);
    for (number, (name, bytes)) in files.iter().enumerate() {
        while let Some((range, outcome)) = outcomes.pop_if(|(range, _)| range.file == number) {
            let added = match assembly.add(outcome) {
                Err(AssemblyError::Seam { start }) => {
                    imported.again += 1;
                    assembly.add(imported.range((name, bytes), range, Some(start), options))
                }
                added => added,
            };
            match added {
                Ok(parts) => imported.parts.extend(parts),
                Err(AssemblyError::Failed(failure)) => return (Err(failure), imported),
                Err(seam) => panic!("{range:?} imported from where it begins: {seam}"),
            }
        }
        assembly.end_file(*name, bytes.len() as u64);
    }
    (assembly.finish(), imported)
}

/// Imports both ways and compares everything; returns what came of it and how many ranges had to be
/// imported again.
fn compare(
    files: &[(&str, &[u8])],
    options: &ImportOptions,
    is_cut: impl Fn(usize) -> bool,
) -> (Result<u64, String>, usize) {
    let (whole, sink) = import_files(files, ITEMS, options);
    let (ranges, imported) = import_by_ranges(files, options, is_cut);
    match (whole, ranges) {
        (Ok(whole), Ok(ranges)) => {
            assert_eq!(ranges.summary, whole);
            assert_eq!(
                String::from_utf8(ranges.quarantine).unwrap(),
                String::from_utf8(sink.quarantine).unwrap()
            );
            let expected: Vec<ManifestPart> =
                sink.parts.iter().map(|part| ManifestPart::new(&part.name, part)).collect();
            assert_eq!(imported.parts, expected);
            for part in &sink.parts {
                assert!(imported.data[&part.name] == part.data, "{}", part.name);
            }
            (Ok(whole.rows), imported.again)
        }
        (Err(whole), Err(ranges)) => {
            assert_eq!(ranges.to_string(), whole.to_string());
            (Err(whole.to_string()), imported.again)
        }
        (whole, ranges) => panic!("{whole:?} against {ranges:?}"),
    }
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        30 => Just("ITEM_ID,TITLE,PRICE\n"),
        4 => Just("\u{feff}ITEM_ID,TITLE,PRICE\r\n"),
        4 => Just("\n\r\nitemId,\"TITLE\",PRICE\r\n"),
        4 => Just("\"ITEM_ID\",\"\n\nTITLE\n\",PRICE\n"),
        1 => Just("ITEM_ID,TITLE,PRICE"),
        1 => Just("ITEM_ID,PRICE\n"),
        1 => Just("PK\u{3}\u{4}"),
        1 => Just(""),
    ]
    .prop_map(|text| text.as_bytes().to_vec())
}

/// Rows, and what is mistaken for rows.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![
        6 => "[a-z]{1,9},[a-z]{0,9},[0-9]{1,3}\n",
        1 => Just("é漢🎬,漢🎬é,\r\n".to_owned()),
        1 => Just("\n".to_owned()),
        1 => Just("\r\n\n".to_owned()),
        2 => Just("q,\"one\ntwo\n\nthree,1\n\",2\n".to_owned()),
        2 => Just("q,\"\"\"said\"\" \\\" he,\r\nthen,\",\r\n".to_owned()),
        1 => "[a-z]{150,400},,\n",
        1 => "a,\"([a-z\n]{0,9}x,y,1\n){1,40}\",2\n",
    ]
    .prop_map(String::into_bytes);
    let bad: [&[u8]; 7] = [
        b"too,few\n",
        b"a,b,not a number\r\n",
        b"a,\"broken \xff\n in two\",1\n",
        b"a,b\0c,1\n",
        b",no id,1\n",
        b"a,\"\n\"x,1\n",
        b"a,b,1,\"\xff\n\"\n",
    ];
    let bad = proptest::sample::select(bad.as_slice().to_vec()).prop_map(<[u8]>::to_vec);
    prop_oneof![
        150 => good,
        4 => bad,
        1 => "[ab,\"\\\\\n\r]{1,8}".prop_map(String::into_bytes),
    ]
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    (header(), proptest::collection::vec(piece(), 0..50), prop::bool::weighted(0.1)).prop_map(
        |(header, pieces, compressed)| {
            let csv = [header, pieces.concat()].concat();
            if compressed { gzip(&csv) } else { csv }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn ranges_give_what_one_process_gives(
        files in proptest::collection::vec(file(), 1..4),
        part_bytes in prop_oneof![1usize..40, 40usize..400],
        cuts in proptest::collection::vec(any::<bool>(), 1..20),
        bad_rows_allowed in prop_oneof![Just(0u64), 1u64..4, Just(1_000)],
    ) {
        let names: Vec<String> = (0..files.len()).map(|i| format!("data-{i}.csv")).collect();
        let files: Vec<(&str, &[u8])> =
            names.iter().map(String::as_str).zip(files.iter().map(Vec::as_slice)).collect();
        let options = ImportOptions { part_bytes, threads: 1, bad_rows_allowed };
        // `compare` panics on a difference, and the case is shrunk as it is on any failure.
        let _ = compare(&files, &options, |i| cuts[i % cuts.len()]);
    }
}

#[test]
fn plain_files_are_cut_at_multiples_of_the_range_size() {
    let cut = |size| FileRange::cut(2, size, 100).map(|r| (r.file, r.begin, r.end)).collect::<Vec<_>>();
    assert_eq!(cut(0), [(2, 0, None)]);
    assert_eq!(cut(100), [(2, 0, None)]);
    assert_eq!(cut(101), [(2, 0, Some(100)), (2, 100, None)]);
    assert_eq!(cut(300), [(2, 0, Some(100)), (2, 100, Some(200)), (2, 200, None)]);
}

#[test]
fn a_range_that_begins_within_quotes_is_imported_again() {
    let inside = "x,y,1\n".repeat(50);
    let csv = format!("ITEM_ID,TITLE,PRICE\na,,\nb,\"{inside}\",2\n{}", "c,,\n".repeat(100));
    let options = ImportOptions { part_bytes: 64, threads: 2, bad_rows_allowed: 0 };
    let (rows, again) = compare(&[("data.csv", csv.as_bytes())], &options, |i| i % 2 == 0);
    assert_eq!((rows, again), (Ok(102), 2));
    // Without line ends within quotes every guess is right.
    let csv = csv.replace(&inside, "x");
    assert_eq!(compare(&[("data.csv", csv.as_bytes())], &options, |_| true), (Ok(102), 0));
}

#[test]
fn lines_are_counted_from_the_beginning_of_the_file() {
    let mut csv = "ITEM_ID,TITLE,PRICE\n".to_owned();
    for row in 2..200 {
        csv += &format!("i{row},,{}\n", if row == 170 { "x" } else { "1" });
    }
    let options = ImportOptions { part_bytes: 100, threads: 2, bad_rows_allowed: 0 };
    let (failure, again) = compare(&[("data.csv", csv.as_bytes())], &options, |_| true);
    let failure = failure.unwrap_err();
    assert!(failure.starts_with("data.csv, line 170, column PRICE"), "{failure}");
    assert_eq!(again, 0);
    let unclosed = csv.replace("i150,,1", "i150,\",1");
    let (failure, _) = compare(&[("data.csv", unclosed.as_bytes())], &options, |_| true);
    let failure = failure.unwrap_err();
    assert!(failure.contains("line 150") && failure.contains("run to line 199"), "{failure}");
}

#[test]
fn a_record_without_end_is_told_by_its_line() {
    let endless = "x".repeat(dataset::csv::RECORD_BYTES_MAX + (1 << 20));
    let rows = "c,,\n".repeat(20_000);
    let options = ImportOptions { part_bytes: 1 << 20, threads: 2, bad_rows_allowed: 0 };
    for quote in ["", "\""] {
        let csv = format!("ITEM_ID,TITLE,PRICE\n{rows}d,{quote}{endless},\n{rows}");
        let (failure, _) = compare(&[("data.csv", csv.as_bytes())], &options, |_| true);
        let failure = failure.unwrap_err();
        assert!(failure.starts_with("data.csv, line 20002: "), "{failure}");
    }
    // The longest record that fits is not a matter of how the file happened to be read.
    for spare in [0, 1] {
        let before = "ITEM_ID,TITLE,PRICE\nd,";
        let end = (1 << 20) + dataset::csv::RECORD_BYTES_MAX;
        let csv = format!("{before}{},\n{rows}", "x".repeat(end - before.len() - 2 + spare));
        let (rows, _) = compare(&[("data.csv", csv.as_bytes())], &options, |_| true);
        assert_eq!(rows.is_ok(), spare == 0, "{rows:?}");
    }
}

#[test]
fn what_fails_to_be_read_or_written_is_no_outcome() {
    struct Broken;
    impl RangeFile for Broken {
        fn name(&self) -> &str {
            "broken.csv"
        }
        fn read_from(&self, offset: u64, _: u64) -> Box<dyn Read + Send> {
            match offset {
                0 => Box::new(Cursor::new(b"ITEM_ID,TITLE,PRICE\na,,\n".as_slice())),
                _ => Box::new(Failing),
            }
        }
    }
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the network is gone"))
        }
    }
    let options = ImportOptions { part_bytes: 100, threads: 1, bad_rows_allowed: 0 };
    let range = FileRange { file: 0, begin: 100, end: Some(200) };
    let failure = import_range(&Broken, range, None, &schema(ITEMS), &options, &mut |_| Ok(())).unwrap_err();
    assert!(!failure.is_data() && failure.to_string().contains("network"), "{failure}");
    let mut full = |_| Err(std::io::Error::other("disk full"));
    let file = File("data.csv", b"ITEM_ID,TITLE,PRICE\na,,\n");
    let failure =
        import_range(&file, FileRange::whole(0), None, &schema(ITEMS), &options, &mut full).unwrap_err();
    assert!(!failure.is_data() && failure.to_string().contains("disk full"), "{failure}");
}
