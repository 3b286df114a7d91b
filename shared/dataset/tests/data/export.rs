//! Parts to CSV and back.

use dataset::export::{CsvExport, Share};
use dataset::schema::DatasetType;
use dataset::{MemorySink, TableReader};

use crate::helpers::{INTERACTIONS, TYPES, import, rows, schema, texts};

const ALL: Share = Share { index: 0, count: 1 };

fn export(sinks: &[&MemorySink], schema_text: &str, kind: DatasetType, share: Share) -> String {
    let mut export = CsvExport::new(&schema(schema_text), kind, share);
    for part in sinks.iter().flat_map(|sink| &sink.parts) {
        export.push(part.data.clone()).unwrap();
    }
    let written = export.rows();
    let file = String::from_utf8(export.finish()).unwrap();
    if !file.contains('"') {
        assert_eq!(file.lines().count() as u64, written + 1);
    }
    file
}

#[test]
fn every_type_comes_back_as_it_was_imported() {
    let csv = "ITEM_ID,GENRES,TITLE,COUNT,VIEWS,PRICE,WEIGHT,NEW,CREATION_TIMESTAMP\n\
               i1,Drama|Comedy,\"say \"\"hi\"\", \\\\\",-3,5000000000,0.1,0.30000000000000004,true,1600000000\n\
               i2,,,,,,,,\n\
               i3,\"a,b\",\"two\nlines\",0,0,1e30,-1e-7,false,0\n";
    let (_, first) = import(csv, TYPES);
    let exported = export(&[&first], TYPES, DatasetType::Items, ALL);
    assert!(
        exported.starts_with("ITEM_ID,GENRES,TITLE,COUNT,VIEWS,PRICE,WEIGHT,NEW,CREATION_TIMESTAMP\ni1,")
    );
    assert!(exported.contains("\ni2,,,,,,,,\n"), "{exported}");
    let (_, again) = import(&exported, TYPES);
    let columns =
        ["ITEM_ID", "GENRES", "TITLE", "COUNT", "VIEWS", "PRICE", "WEIGHT", "NEW", "CREATION_TIMESTAMP"];
    assert_eq!(rows(&again, &columns), rows(&first, &columns));
    assert_eq!(rows(&first, &columns).len(), 3);
    // The same data gives the same bytes.
    assert_eq!(export(&[&again], TYPES, DatasetType::Items, ALL), exported);
}

#[test]
fn rows_that_are_equal_become_one_and_others_keep_their_order() {
    let csv = "USER_ID,ITEM_ID,TIMESTAMP\nu1,i1,5\nu2,i1,5\nu1,i1,5\nu1,i1,4\n";
    let (_, first) = import(csv, INTERACTIONS);
    let (_, second) = import("ITEM_ID,USER_ID,TIMESTAMP\ni1,u2,5\ni2,u2,5\n", INTERACTIONS);
    let exported = export(&[&first, &second], INTERACTIONS, DatasetType::Interactions, ALL);
    assert_eq!(exported, "USER_ID,ITEM_ID,TIMESTAMP\nu1,i1,5\nu2,i1,5\nu1,i1,4\nu2,i2,5\n");
}

const ITEMS: &str = r#"{"type": "record", "name": "Items", "fields": [
    {"name": "ITEM_ID", "type": "string"}, {"name": "YEAR", "type": "int"}], "version": "1.0"}"#;
const ITEMS_LATER: &str = r#"{"type": "record", "name": "Items", "fields": [
    {"name": "ITEM_ID", "type": "string"},
    {"name": "GENRE", "type": ["null", "string"], "categorical": true},
    {"name": "CREATION_TIMESTAMP", "type": ["null", "long"]},
    {"name": "YEAR", "type": "int"},
    {"name": "PRICE", "type": ["null", "float"]}], "version": "1.0"}"#;

#[test]
fn the_latest_row_of_an_id_stands_for_it() {
    let (_, first) = import("ITEM_ID,YEAR\ni1,1990\ni2,1991\ni1,1992\n", ITEMS);
    let (_, second) = import("ITEM_ID,YEAR\ni2,1993\ni3,1994\n", ITEMS);
    let exported = export(&[&first, &second], ITEMS, DatasetType::Items, ALL);
    assert_eq!(exported, "ITEM_ID,YEAR\ni1,1992\ni2,1993\ni3,1994\n");
}

#[test]
fn shares_are_every_row_once() {
    let mut csv = String::from("USER_ID,ITEM_ID,TIMESTAMP\n");
    for row in 0..500 {
        csv.push_str(&format!("u{},i{},{}\n", row % 50, row % 7, 1000 + row));
    }
    let (_, sink) = import(&csv, INTERACTIONS);
    let shares: Vec<String> = (0..4)
        .map(|index| export(&[&sink], INTERACTIONS, DatasetType::Interactions, Share { index, count: 4 }))
        .collect();
    let mut lines: Vec<&str> = shares.iter().flat_map(|share| share.lines().skip(1)).collect();
    lines.sort_unstable();
    let mut whole: Vec<&str> = csv.lines().skip(1).collect();
    whole.sort_unstable();
    assert_eq!(lines, whole);
    // No share is empty, and no user is in two.
    for share in &shares {
        let user = share.lines().nth(1).expect("rows").split(',').next().unwrap();
        assert_eq!(share.lines().filter(|line| line.starts_with(&format!("{user},"))).count(), 10);
    }
}

#[test]
fn parts_from_before_a_column_was_added_are_read_under_the_new_schema() {
    let (_, before) = import("ITEM_ID,YEAR\ni1,1990\ni2,1991\n", ITEMS);
    let (_, after) =
        import("YEAR,ITEM_ID,GENRE,PRICE,CREATION_TIMESTAMP\n1992,i2,Drama,2.5,1600000000\n", ITEMS_LATER);
    schema(ITEMS_LATER).check_replaces(&schema(ITEMS)).unwrap();
    let exported = export(&[&before, &after], ITEMS_LATER, DatasetType::Items, ALL);
    assert_eq!(
        exported,
        "ITEM_ID,GENRE,CREATION_TIMESTAMP,YEAR,PRICE\ni1,,,1990,\ni2,Drama,1600000000,1992,2.5\n"
    );
    let read = |sinks: &[&MemorySink], schema_text: &str| {
        let mut reader = TableReader::new(&schema(schema_text), DatasetType::Items);
        for part in sinks.iter().flat_map(|sink| &sink.parts) {
            reader.push(part.data.clone()).unwrap();
        }
        reader.finish()
    };
    // What is read from both is what is read from one import of everything.
    let (_, whole) = import(&exported, ITEMS_LATER);
    let (mixed, whole) = (read(&[&before, &after], ITEMS_LATER), read(&[&whole], ITEMS_LATER));
    assert_eq!(mixed.ids.iter().collect::<Vec<_>>(), ["i1", "i2"]);
    assert_eq!(mixed.created, [None, Some(1_600_000_000)]);
    assert_eq!(format!("{:?}", mixed.columns), format!("{:?}", whole.columns));
    // A column that takes no null must be there.
    let mut reader = TableReader::new(&schema(ITEMS), DatasetType::Items);
    let (_, other) =
        import("ITEM_ID,COUNT,GENRES,TITLE,VIEWS,PRICE,WEIGHT,NEW,CREATION_TIMESTAMP\ni1,1,,,,,,,\n", TYPES);
    let error = reader.push(other.parts[0].data.clone()).unwrap_err().to_string();
    assert!(error.contains("YEAR"), "{error}");
    assert_eq!(rows(&other, &["ITEM_ID", "COUNT"]), [texts(&["i1", "1"])]);
}
