//! Input that is a little unusual and means something all the same.

use crate::helpers::*;

fn interactions(csv: impl AsRef<[u8]>) -> (Vec<String>, Vec<Vec<Option<String>>>) {
    let (summary, sink) = import(csv, INTERACTIONS);
    (summary.notices, rows(&sink, &["USER_ID", "ITEM_ID", "TIMESTAMP"]))
}

#[test]
fn spellings_of_the_same_file_give_the_same_rows() {
    let plain = "USER_ID,ITEM_ID,TIMESTAMP\nu,i,1\nv,j,2\n";
    let expected = vec![texts(&["u", "i", "1"]), texts(&["v", "j", "2"])];
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("plain", plain.into()),
        ("no line end at the end", plain.trim_end().into()),
        ("CRLF", plain.replace('\n', "\r\n").into()),
        ("byte order mark", ["\u{feff}", plain].concat().into()),
        ("byte order mark and CRLF", ["\u{feff}", &plain.replace('\n', "\r\n")].concat().into()),
        ("blank lines", plain.replace('\n', "\n\n").into()),
        ("other order", "TIMESTAMP,USER_ID,ITEM_ID\n1,u,i\n2,v,j\n".into()),
        ("surplus columns", "USER_ID,X,ITEM_ID,TIMESTAMP,Y\nu,?,i,1,\nv,,j,2,\"a,b\"\n".into()),
        ("quoted values", "USER_ID,ITEM_ID,TIMESTAMP\n\"u\",\"i\",\"1\"\r\n\"v\",\"j\",\"2\"".into()),
        ("quoted header", "\"USER_ID\",\"ITEM_ID\",\"TIMESTAMP\"\nu,i,1\nv,j,2\n".into()),
        ("spaces in the header", "USER_ID, ITEM_ID , TIMESTAMP\nu,i,1\nv,j,2\n".into()),
        ("camel case", "userId,itemId,timestamp\nu,i,1\nv,j,2\n".into()),
        ("aliases", "user,movieId,ts\nu,i,1\nv,j,2\n".into()),
        ("gzip", gzip(plain.as_bytes())),
        ("gzip of two members", [gzip(&plain.as_bytes()[..30]), gzip(&plain.as_bytes()[30..])].concat()),
    ];
    for (name, csv) in cases {
        assert_eq!(interactions(csv).1, expected, "{name}");
    }
}

#[test]
fn what_was_renamed_or_ignored_is_told() {
    let (notices, _) = interactions("userId,movieId,rating,timestamp\n1,2,4.5,3\n");
    assert_eq!(
        notices,
        [
            "column userId read as USER_ID",
            "column movieId read as ITEM_ID",
            "column timestamp read as TIMESTAMP",
            "column not in the schema ignored: rating",
        ]
    );
    let (notices, _) = interactions("\"USER_ID\",\"ITEM_ID\",\"TIMESTAMP\"\n1,2,3\n");
    assert_eq!(notices, ["the header is in quotes; they were removed"]);
    assert!(interactions("USER_ID,ITEM_ID,TIMESTAMP\n1,2,3\n").0.is_empty());
}

#[test]
fn quotes_commas_and_line_ends_in_values_are_kept() {
    let cases = [
        (r#""a,b""#, "a,b"),
        (r#""say ""hi""""#, "say \"hi\""),
        (r#""say \"hi\"""#, "say \"hi\""),
        (r#""back\\slash""#, "back\\slash"),
        (r#""AC\DC""#, "AC\\DC"),
        ("\"two\nlines\"", "two\nlines"),
        ("\"two\r\nlines\"", "two\r\nlines"),
        ("5\" disc", "5\" disc"),
        ("back\\slash", "back\\slash"),
        (" padded ", " padded "),
        ("おすすめ", "おすすめ"),
        ("\"\"\"\"", "\""),
    ];
    for (written, value) in cases {
        let csv = format!("USER_ID,ITEM_ID,TIMESTAMP\nu,{written},1\nv,j,2\n");
        assert_eq!(interactions(csv).1, [texts(&["u", value, "1"]), texts(&["v", "j", "2"])], "{written}");
    }
}

#[test]
fn every_type_comes_back_and_empty_fields_are_null() {
    let columns =
        ["ITEM_ID", "GENRES", "TITLE", "COUNT", "VIEWS", "PRICE", "WEIGHT", "NEW", "CREATION_TIMESTAMP"];
    let csv = format!(
        "{}\na,X|Y,\"T, t\",-5,9000000000,4.5,0.1,TRUE,-86400\nb,,,,,,,,\nc,X|Y,,7,,,1e300,false,\n",
        columns.join(",")
    );
    let (_, sink) = import(csv, TYPES);
    let some = |text: &str| Some(text.to_owned());
    let expected = vec![
        texts(&["a", "X|Y", "T, t", "-5", "9000000000", "4.5", "0.1", "true", "-86400"]),
        vec![some("b"), None, None, None, None, None, None, None, None],
        vec![
            some("c"),
            some("X|Y"),
            None,
            some("7"),
            None,
            None,
            some(&format!("{}", 1e300)),
            some("false"),
            None,
        ],
    ];
    assert_eq!(rows(&sink, &columns), expected);
}

#[test]
fn ids_and_categories_may_be_as_long_as_allowed() {
    let id = "é".repeat(256);
    assert_eq!(interactions(format!("USER_ID,ITEM_ID,TIMESTAMP\n{id},i,1\n")).1, [texts(&[&id, "i", "1"])]);
}

#[test]
fn files_of_a_folder_follow_each_other_whatever_their_column_order() {
    let files: [(&str, &[u8]); 3] = [
        ("a.csv", b"USER_ID,ITEM_ID,TIMESTAMP\nu,i,1\n"),
        ("b.csv", b"USER_ID,ITEM_ID,TIMESTAMP\n"),
        ("c.csv", b"timestamp,item,user\n2,j,v\n"),
    ];
    let (outcome, sink) = import_files(&files, INTERACTIONS, &options(0));
    let summary = outcome.unwrap();
    assert_eq!(
        summary.files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["a.csv", "b.csv", "c.csv"]
    );
    assert_eq!(summary.bytes_read, files.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>());
    assert_eq!(rows(&sink, &["USER_ID", "ITEM_ID"]), [texts(&["u", "i"]), texts(&["v", "j"])]);
    let names: Vec<&str> = sink.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["part-00000-000000.parquet", "part-00002-000000.parquet"]);
}

#[test]
fn progress_reaches_the_end() {
    let csv = format!("USER_ID,ITEM_ID,TIMESTAMP\n{}", "u,i,1\n".repeat(5_000));
    let input = dataset::NamedInput::new("data.csv", std::io::Cursor::new(csv.clone().into_bytes()));
    let seen = std::sync::Mutex::new(vec![]);
    let options = dataset::ImportOptions { part_bytes: 4_096, ..options(0) };
    let mut sink = dataset::MemorySink::default();
    dataset::import_csv([input], &schema(INTERACTIONS), &options, &mut sink, &|p| {
        seen.lock().unwrap().push(p)
    })
    .unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(seen.windows(2).all(|w| w[0].rows <= w[1].rows && w[0].bytes_read <= w[1].bytes_read));
    let last = seen.last().unwrap();
    assert_eq!((last.rows, last.bytes_read, last.parts), (5_000, csv.len() as u64, sink.parts.len() as u64));
}
