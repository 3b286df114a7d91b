//! Bad input: each file is refused with its name, line, column, value, and the way to mend it.

use crate::helpers::*;

const HEADER: &str = "USER_ID,ITEM_ID,TIMESTAMP\n";

/// Asserts that every piece occurs in the message.
#[track_caller]
fn assert_says(message: &str, pieces: &[&str]) {
    for piece in pieces {
        assert!(message.contains(piece), "no {piece:?} in: {message}");
    }
}

#[test]
fn rows_are_refused_with_place_value_and_cure() {
    let long_id = "x".repeat(257);
    let cases: &[(&[u8], &[&str])] = &[
        (
            b"u1,i1,1700000000\nu2,i2,soon\n",
            &["line 3, column TIMESTAMP", "\"soon\"", "whole number", "epoch seconds"],
        ),
        (
            b"u1,i1,1700000000000\n",
            &["line 2, column TIMESTAMP", "\"1700000000000\"", "milliseconds", "Divide the column by 1000."],
        ),
        (b"u1,i1,1700000000000000\n", &["microseconds", "Divide the column by 1000000."]),
        (b"u1,i1,-1\n", &["line 2, column TIMESTAMP", "\"-1\"", "before 1970"]),
        (b"u1,i1,99999999999\n", &["\"99999999999\"", "after the year 2099", "right column"]),
        (b"u1,i1,2024-01-31 10:00:00\n", &["is a date", "seconds since 1970-01-01"]),
        (b"u1,i1,1700000000.5\n", &["\"1700000000.5\"", "without fraction"]),
        (b"u1,i1, 1700000000\n", &["\" 1700000000\"", "Remove the spaces"]),
        (b"u1,i1,99999999999999999999\n", &["is not a whole number"]),
        (b"u1,i1,\n", &["line 2, column TIMESTAMP", "is empty", "Give every row the time"]),
        (b",i1,1700000000\n", &["line 2, column USER_ID", "is empty", "Give every row an id"]),
        (b"u1,\"\",1700000000\n", &["column ITEM_ID", "is empty"]),
        (
            format!("u1,{long_id},1\n").leak().as_bytes(),
            &["column ITEM_ID", "257 characters", "at most 256", "Shorten it", "xxx\u{2026}"],
        ),
        (
            b"u1,caf\xe9,1\n",
            &["line 2, column ITEM_ID", "\"caf\\xe9\"", "not valid UTF-8", "Save the file as UTF-8"],
        ),
        (b"u\0,i1,1\n", &["line 2, column USER_ID", "\"u\\0\"", "NUL byte", "Remove"]),
        (b"u1,i1\n", &["line 2: ", "has 2 fields where the header has 3", "Add the missing fields"]),
        (b"u1,i1,1,5\n", &["line 2: ", "has 4 fields where the header has 3", "double quotes"]),
        (b"u1\n", &["has 1 field where the header has 3"]),
        (b"u1,\"i\"1,1\n", &["line 2: ", "text after the closing quote of column ITEM_ID", "\"\""]),
        (
            b"u1,i1,1\nu1,\"i2,1\nu2,i3,2\n",
            &[
                "line 3: ",
                "opens a quote in column ITEM_ID that is never closed",
                "run to line 4",
                "Close the quote",
            ],
        ),
    ];
    for (rows, pieces) in cases {
        let message = refusal([HEADER.as_bytes(), rows].concat(), INTERACTIONS);
        assert!(message.starts_with("data.csv, line "), "{message}");
        assert_says(&message, pieces);
    }
}

#[test]
fn every_type_names_what_it_wants() {
    let header = "ITEM_ID,GENRES,TITLE,COUNT,VIEWS,PRICE,WEIGHT,NEW,CREATION_TIMESTAMP\n";
    let categories = "c".repeat(1_001);
    let cases = [
        ("i,g,t,1.5,,,,,", vec!["column COUNT", "\"1.5\"", "(int)"]),
        ("i,g,t,3000000000,,,,,", vec!["column COUNT", "2147483647"]),
        ("i,g,t,,x,,,,", vec!["column VIEWS", "(long)", "digits only"]),
        ("i,g,t,,,free,,,", vec!["column PRICE", "\"free\"", "not a number", "4.5"]),
        ("i,g,t,,,NaN,,,", vec!["column PRICE", "Leave the field empty"]),
        ("i,g,t,,,1e39,,,", vec!["column PRICE", "too large", "double"]),
        ("i,g,t,,,,\"1,5\",,", vec!["column WEIGHT", "point"]),
        ("i,g,t,,,,,yes,", vec!["column NEW", "\"yes\"", "true or false"]),
        ("i,g,t,,,,,,1700000000000", vec!["column CREATION_TIMESTAMP", "milliseconds"]),
        (&format!("i,{categories},t,,,,,,"), vec!["column GENRES", "1001 characters", "at most 1000"]),
    ];
    for (row, pieces) in cases {
        assert_says(&refusal(format!("{header}{row}\n"), TYPES), &pieces);
    }
}

#[test]
fn a_value_is_required_where_the_schema_does_not_allow_null() {
    let schema = TYPES.replace("[\"null\", \"float\"]", "\"float\"");
    let message =
        refusal("ITEM_ID,GENRES,TITLE,COUNT,VIEWS,PRICE,WEIGHT,NEW,CREATION_TIMESTAMP\ni,,,,,,,,\n", &schema);
    assert_says(&message, &["line 2, column PRICE", "is empty", "allow null", "[\"null\", \"string\"]"]);
}

#[test]
fn missing_columns_are_listed_in_the_words_of_the_hosted_service() {
    let cases = [
        (
            "USER_ID,PRICE\nu,1\n",
            "Input CSV is missing the following columns: [ITEM_ID, TIMESTAMP].",
            "[USER_ID, PRICE]",
        ),
        (
            "a;b;c\n1;2;3\n",
            "Input CSV is missing the following columns: [USER_ID, ITEM_ID, TIMESTAMP].",
            "semicolons",
        ),
        ("USER_ID\tITEM_ID\tTIMESTAMP\n1\t2\t3\n", "Input CSV is missing the following columns: [", "tabs"),
        ("1::2::3::4\n", "Input CSV is missing the following columns: [", "\"::\""),
        ("1,2,978300760\n", "Input CSV is missing the following columns: [", "first line looks like data"),
    ];
    for (csv, start, piece) in cases {
        let message = refusal(csv, INTERACTIONS);
        assert!(message.starts_with(start), "{message}");
        assert_says(&message, &["data.csv, line 1", piece]);
    }
}

#[test]
fn files_that_are_no_csv_are_refused() {
    let cases: &[(&[u8], &[&str])] = &[
        (b"", &["data.csv: is empty", "header line and rows"]),
        (b"\xEF\xBB\xBF", &["is empty"]),
        (b"\n\n", &["is empty"]),
        (b"USER_ID,ITEM_ID,TIMESTAMP", &["data.csv has no rows below the header", "at least one row"]),
        (b"USER_ID,ITEM_ID,TIMESTAMP\n\n", &["no rows below the header"]),
        (b"PK\x03\x04....", &["ZIP archive or an Excel workbook", "Save it as CSV"]),
        (b"PAR1....", &["Parquet"]),
        (b"\xFF\xFEU\0S\0E\0R\0", &["UTF-16", "UTF-8"]),
        (b"\x28\xB5\x2F\xFDxxxx", &["zstd", "gzip"]),
        (b"USER\0ID,\x01\x02\n", &["line 1", "NUL bytes", "not a text file"]),
        (b"USER_ID,ITEM_ID,TIMESTAMP\xff\n1,2,3\n", &["line 1", "not UTF-8", "\\xff"]),
        (b"USER_ID,ITEM_ID,TIMESTAMP\ru,i,1", &["carriage return alone"]),
        (b"USER_ID,ITEM_ID,TIMESTAMP\ru,i,1\rv,j,2\r", &["carriage return alone", "LF or CRLF"]),
        (
            b"USER_ID,USER_ID,ITEM_ID,TIMESTAMP\n1,2,3,4\n",
            &["line 1", "two columns named USER_ID", "Remove or rename"],
        ),
        (b"\"USER_ID,ITEM_ID,TIMESTAMP\n1,2,3\n", &["line 1", "quotes of the header"]),
    ];
    for (bytes, pieces) in cases {
        assert_says(&refusal(bytes, INTERACTIONS), pieces);
    }
}

#[test]
fn broken_gzip_is_told_from_broken_reading() {
    let whole = gzip(format!("{HEADER}{}", "u,i,1\n".repeat(50_000)).as_bytes());
    for cut in [1, 8, whole.len() / 2] {
        let message = refusal(&whole[..whole.len() - cut], INTERACTIONS);
        assert_says(&message, &["data.csv: ", "gzip file that is cut off", "gzip -t"]);
    }
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 40].fill(0x55);
    assert_says(&refusal(&damaged, INTERACTIONS), &["gzip file with an error in its data"]);

    let (outcome, _) = import_files(&[("x.csv.gz", b"USER_ID\n")], INTERACTIONS, &options(0));
    assert_says(&outcome.unwrap_err().to_string(), &["x.csv.gz", "named .gz", "remove .gz from its name"]);

    /// A connection that breaks.
    struct Breaks;
    impl std::io::Read for Breaks {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "connection reset"))
        }
    }
    let start = std::io::Cursor::new(whole[..100].to_vec());
    let input = dataset::NamedInput::new("far.csv.gz", std::io::Read::chain(start, Breaks));
    let mut sink = dataset::MemorySink::default();
    let failure =
        dataset::import_csv([input], &schema(INTERACTIONS), &options(0), &mut sink, &|_| ()).unwrap_err();
    assert!(!failure.is_data(), "{failure}");
    assert_says(&failure.to_string(), &["far.csv.gz", "connection reset"]);
}

#[test]
fn a_quote_that_is_never_closed_does_not_eat_memory() {
    let mut csv = format!("{HEADER}u,i,1\nu,\"i,1\n").into_bytes();
    csv.resize(dataset::csv::RECORD_BYTES_MAX + (32 << 20), b'x');
    let message = refusal(&csv, INTERACTIONS);
    assert_says(&message, &["data.csv, line 3", "quote", "not closed within 4 MiB"]);

    let mut csv = HEADER.as_bytes().to_vec();
    csv.resize(dataset::csv::RECORD_BYTES_MAX + (32 << 20), b'x');
    assert_says(&refusal(&csv, INTERACTIONS), &["data.csv, line 2", "longer than 4 MiB"]);
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    // Blank lines, line feeds inside quotes and CRLF all count.
    let csv = "\n\nUSER_ID,ITEM_ID,TIMESTAMP\r\n\r\nu,\"two\r\nlines\",1\r\nu,i,x\r\n";
    assert_says(&refusal(csv, INTERACTIONS), &["data.csv, line 7, column TIMESTAMP", "\"x\""]);
}

#[test]
fn a_renamed_column_is_called_by_both_names() {
    let message = refusal("userId,movieId,timestamp\n1,2,x\n", INTERACTIONS);
    assert_says(&message, &["column timestamp (read as TIMESTAMP)"]);
}

#[test]
fn of_several_files_the_one_at_fault_is_named() {
    let good = format!("{HEADER}u,i,1\n");
    for (bad, pieces) in [
        ("USER_ID,ITEM_ID\nu,i\n", ["missing the following columns: [TIMESTAMP]", "b.csv, line 1"]),
        ("USER_ID,ITEM_ID,TIMESTAMP\nu,i,x\n", ["b.csv, line 2", "column TIMESTAMP"]),
        ("", ["b.csv: is empty", "Upload"]),
    ] {
        let files = [("a.csv", good.as_bytes()), ("b.csv", bad.as_bytes()), ("c.csv", good.as_bytes())];
        let (outcome, _) = import_files(&files, INTERACTIONS, &options(0));
        assert_says(&outcome.unwrap_err().to_string(), &pieces);
    }
    let (outcome, _) = import_files(&[], INTERACTIONS, &options(0));
    assert_says(&outcome.unwrap_err().to_string(), &["no files to import", "ends in /"]);
}

#[test]
fn bad_rows_up_to_the_allowance_are_set_aside() {
    let csv = format!("{HEADER}u1,i1,1\nu2,i2,x\nu3,\"a \"\"b\"\", c\",1700000000000\nu4,i4,4\n");
    let (outcome, sink) = import_files(&[("data.csv", csv.as_bytes())], INTERACTIONS, &options(2));
    let summary = outcome.unwrap();
    assert_eq!((summary.rows, summary.quarantined), (2, 2));
    assert_eq!(rows(&sink, &["USER_ID"]), [texts(&["u1"]), texts(&["u4"])]);
    let quarantine = String::from_utf8(sink.quarantine).unwrap();
    let lines: Vec<&str> = quarantine.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0], "file,line,reason,row");
    assert!(
        lines[1].starts_with("\"data.csv\",3,\"column TIMESTAMP: value \"\"x\"\" is not"),
        "{}",
        lines[1]
    );
    assert!(lines[1].ends_with("\"u2,i2,x\""), "{}", lines[1]);
    assert!(lines[2].ends_with("\"u3,\"\"a \"\"\"\"b\"\"\"\", c\"\",1700000000000\""), "{}", lines[2]);

    let (outcome, _) = import_files(&[("data.csv", csv.as_bytes())], INTERACTIONS, &options(1));
    let message = outcome.unwrap_err().to_string();
    assert_says(
        &message,
        &["More than the 1 bad rows allowed", "data.csv, line 3", "\"x\"", "allow more bad rows"],
    );
}

#[test]
fn a_bad_row_leaves_no_trace_in_the_data() {
    // The ids of the bad row are read before its timestamp is found wrong.
    let csv = format!("{HEADER}ghost,phantom,x\nu,i,1\n");
    let (outcome, sink) = import_files(&[("data.csv", csv.as_bytes())], INTERACTIONS, &options(5));
    outcome.unwrap();
    let bytes = &sink.parts[0].data;
    assert!(!bytes.windows(5).any(|w| w == b"ghost") && !bytes.windows(7).any(|w| w == b"phantom"));
}

#[test]
fn an_allowance_does_not_cover_rows_of_uncertain_length() {
    // A stray quote could swallow any number of good rows.
    for csv in [
        format!("{HEADER}u,\"i,1\nv,j,2\nw,k,3\n"),
        format!("{HEADER}u,\"i,1\nv,\"j,2\nw,k,3\n"),
        format!("{HEADER}u,i,1,\"\nv,j,2\n\"\nw,k,3\n"),
    ] {
        let (outcome, _) = import_files(&[("data.csv", csv.as_bytes())], INTERACTIONS, &options(100));
        assert_says(&outcome.unwrap_err().to_string(), &["data.csv, line 2", "cannot be set aside"]);
    }
}

#[test]
fn nothing_but_bad_rows_is_a_failure_even_when_allowed() {
    let csv = format!("{HEADER}u,i,x\nu,i,y\n");
    let (outcome, _) = import_files(&[("data.csv", csv.as_bytes())], INTERACTIONS, &options(100));
    assert_says(&outcome.unwrap_err().to_string(), &["None of the 2 rows", "line 2"]);
}

#[test]
fn a_row_that_is_set_aside_is_not_said_to_be_impossible_to_set_aside() {
    let csv = [HEADER.as_bytes(), b"u,i,1,\"\xff\n\"\nu,i,1\n"].concat();
    let (outcome, sink) = import_files(&[("data.csv", &csv)], INTERACTIONS, &options(1));
    assert_eq!(outcome.unwrap().quarantined, 1);
    let quarantine = String::from_utf8(sink.quarantine).unwrap();
    assert!(
        quarantine.contains("is not valid UTF-8. Save") && !quarantine.contains("cannot be"),
        "{quarantine}"
    );
}
