//! Users leave a part.

use std::collections::HashSet;

use dataset::{MemorySink, erase};

use crate::helpers::{TYPES, import, rows, texts};

const SCHEMA: &str = r#"{"type": "record", "name": "Interactions", "fields": [
    {"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"},
    {"name": "EVENT_TYPE", "type": ["null", "string"]},
    {"name": "EVENT_VALUE", "type": ["null", "float"]},
    {"name": "WEIGHT", "type": ["null", "double"]},
    {"name": "PLACE", "type": ["null", "int"]},
    {"name": "AGAIN", "type": ["null", "boolean"]}], "version": "1.0"}"#;
const COLUMNS: [&str; 8] =
    ["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE", "WEIGHT", "PLACE", "AGAIN"];
const HEADER: &str = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,WEIGHT,PLACE,AGAIN\n";
const ANNA: &str = "anna,secret,1,only-hers,1.5,0.1,1,true\n";
const BERT: &str = "bert,i1,2,,,,,\nbert,i2,3,Watch,2.5,0.30000000000000004,-7,false\n";
const CARL: &str = "carl,i1,4,Watch,,1e-7,,true\n";

fn part(csv: &str) -> Vec<u8> {
    let (_, mut sink) = import(csv, SCHEMA);
    sink.parts.remove(0).data
}

fn users(ids: &[&str]) -> HashSet<String> {
    ids.iter().map(|id| id.to_string()).collect()
}

#[test]
fn the_rows_of_others_stay_as_they_were_in_their_order() {
    let before = part(&format!("{HEADER}{BERT}{ANNA}{CARL}{ANNA}"));
    let erased = erase(before, &users(&["anna", "nobody"])).unwrap();
    assert_eq!((erased.scanned, erased.removed), (5, 2));
    let rest = erased.rest.unwrap();
    assert_eq!((rest.rows, rest.crc32), (3, crc32fast::hash(&rest.data)));
    // Byte for byte what an import of the other rows writes, so nothing of hers is in it anywhere.
    assert_eq!(rest.data, part(&format!("{HEADER}{BERT}{CARL}")));
    let sink = MemorySink { parts: vec![rest], ..MemorySink::default() };
    let rows = rows(&sink, &COLUMNS);
    assert_eq!(rows[0][..3], texts(&["bert", "i1", "2"]));
    assert_eq!(rows[0][3..], vec![None; 5]);
    assert_eq!(rows[1], texts(&["bert", "i2", "3", "Watch", "2.5", "0.30000000000000004", "-7", "false"]));
    assert_eq!(rows.len(), 3);
}

#[test]
fn a_part_without_the_users_or_with_nobody_else_is_not_written_anew() {
    let before = part(&format!("{HEADER}{BERT}{CARL}"));
    for (ids, removed) in [(&["anna"][..], 0), (&["bert", "carl"], 3)] {
        let erased = erase(before.clone(), &users(ids)).unwrap();
        assert_eq!((erased.scanned, erased.removed), (3, removed));
        assert!(erased.rest.is_none(), "{ids:?}");
    }
}

#[test]
fn what_is_no_part_or_has_no_users_is_refused() {
    assert!(erase(vec![1, 2, 3], &users(&["anna"])).unwrap_err().to_string().contains("damaged"));
    let csv = "ITEM_ID,GENRES,TITLE,COUNT,VIEWS,PRICE,WEIGHT,NEW,CREATION_TIMESTAMP\ni1,,,,,,,,\n";
    let (_, mut items) = import(csv, TYPES);
    let error = erase(items.parts.remove(0).data, &users(&["anna"])).unwrap_err();
    assert!(error.to_string().contains("USER_ID"), "{error}");
}
