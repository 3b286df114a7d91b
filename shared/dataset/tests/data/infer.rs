//! Schemas for files that have none. What is inferred must import.

use std::io::Cursor;

use dataset::{Inferred, infer_schema};
use domain::resource::DatasetType;

use crate::helpers::*;

fn inferred(csv: &str) -> Inferred {
    infer_schema("data.csv", Cursor::new(csv.to_owned().into_bytes()), None).unwrap_or_else(|e| panic!("{e}"))
}

fn fields(inferred: &Inferred) -> Vec<String> {
    inferred
        .schema
        .fields
        .iter()
        .map(|field| {
            let null = if field.nullable { "?" } else { "" };
            let tag = if field.categorical {
                " categorical"
            } else if field.textual {
                " textual"
            } else {
                ""
            };
            format!("{} {}{null}{tag}", field.name, field.kind.as_str())
        })
        .collect()
}

#[test]
fn movielens_files_are_understood_as_they_are() {
    let ratings =
        "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,3,4.5,964981247\n2,1,3.0,964982224\n";
    let found = inferred(ratings);
    assert_eq!(found.dataset_type, DatasetType::Interactions);
    assert_eq!(fields(&found), ["USER_ID string", "ITEM_ID string", "TIMESTAMP long", "EVENT_VALUE float"]);
    assert_eq!(found.columns[1], ("movieId".to_owned(), "ITEM_ID".to_owned()));
    assert_eq!((found.rows_seen, found.whole_file, found.warnings.len()), (3, true, 0));
    assert_eq!(import(ratings, &found.schema.text).0.rows, 3);

    let movies = "movieId,title,genres\n1,Toy Story (1995),Adventure|Animation\n2,\"American President, The\",Comedy\n";
    let found = inferred(movies);
    assert_eq!(found.dataset_type, DatasetType::Items);
    assert_eq!(fields(&found), ["ITEM_ID string", "TITLE string", "GENRES string categorical"]);
    let (_, sink) = import(movies, &found.schema.text);
    assert_eq!(rows(&sink, &["TITLE"])[1], texts(&["American President, The"]));
}

#[test]
fn types_follow_from_the_values() {
    let mut csv = "sku,Price,releaseYear,colour,in stock,Blurb,ean,empty\n".to_owned();
    for i in 0..40 {
        let blurb = format!("\"{i}: {}\"", "a long description, of many words ".repeat(5));
        let price = if i == 7 { String::new() } else { format!("{i}.5") };
        csv += &format!(
            "s{i},{price},{},{},{},{blurb},code-{i},\n",
            1990 + i,
            ["red", "blue"][i % 2],
            i % 3 == 0
        );
    }
    let found = inferred(&csv);
    assert_eq!(
        fields(&found),
        [
            "ITEM_ID string",
            "PRICE float?",
            "RELEASE_YEAR long",
            "COLOUR string categorical",
            "IN_STOCK string categorical",
            "BLURB string textual",
            "EAN string",
        ]
    );
    assert_eq!(found.warnings, ["column \"empty\" is left out: it has no values"]);
    assert_eq!(import(&csv, &found.schema.text).0.rows, 40);
}

#[test]
fn what_would_fail_the_import_is_warned_of() {
    for (csv, piece) in [
        ("user,item,ts\n1,2,1700000000000\n", "divide the column by 1000"),
        ("user,item,ts\n1,2,2024-01-01\n", "not whole numbers"),
        ("user,item,ts\n1,,1700000000\n", "empty in 1 rows"),
        ("user,item,ts\n1,2\n1,2,3\n", "1 rows have another number of fields"),
        ("user,item,ts\n", "no rows below its header"),
        ("user,item,ts,rating\n1,2,3,good\n", "EVENT_VALUE is a number"),
        ("user,item,ts,a,b,c,d,e,f\n1,2,3,1,1,1,1,1,1\n", "only 5 metadata columns"),
        ("user,item,ts,Land,land\n1,2,3,x,y\n", "already used as LAND"),
        ("user,item,ts,題名\n1,2,3,x\n", "rename it"),
    ] {
        let found = inferred(csv);
        assert!(
            found.warnings.iter().any(|warning| warning.contains(piece)),
            "{piece}: {:?}",
            found.warnings
        );
    }
}

#[test]
fn what_cannot_be_inferred_is_explained() {
    for (csv, hint, pieces) in [
        ("a,b\n1,2\n", None, ["columns [a, b]", "userId"]),
        ("user,item\n1,2\n", None, ["required field TIMESTAMP", "data.csv"]),
        ("id,age\n1,2\n", Some(DatasetType::Items), ["", ""]),
        ("id\n1\n", Some(DatasetType::Users), ["at least one metadata field", "USER_ID"]),
        ("", None, ["empty", "data.csv"]),
    ] {
        let outcome = infer_schema("data.csv", Cursor::new(csv.to_owned().into_bytes()), hint);
        match outcome {
            Ok(found) => assert_eq!(found.columns[0], ("id".to_owned(), "ITEM_ID".to_owned())),
            Err(error) => {
                let message = error.to_string();
                assert!(pieces.iter().all(|piece| message.contains(piece)), "{message}");
            }
        }
    }
}

#[test]
fn compressed_files_are_read_too() {
    let csv = gzip(b"\xEF\xBB\xBFuser,item,ts\r\n1,2,1700000000\r\n");
    let found = infer_schema("data.csv.gz", Cursor::new(csv), None).unwrap();
    assert_eq!((found.dataset_type, found.rows_seen), (DatasetType::Interactions, 1));
}
