//! Schemas: what passes, and what each mistake is told.

use dataset::{Schema, schema::FieldType};
use domain::resource::DatasetType;
use proptest::prelude::*;

fn with_fields(name: &str, fields: &[&str]) -> String {
    format!(r#"{{"type": "record", "name": "{name}", "fields": [{}], "version": "1.0"}}"#, fields.join(", "))
}

const USER: &str = r#"{"name": "USER_ID", "type": "string"}"#;
const ITEM: &str = r#"{"name": "ITEM_ID", "type": "string"}"#;
const TIME: &str = r#"{"name": "TIMESTAMP", "type": "long"}"#;

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|i| format!(r#"{{"name": "M{i}", "type": "float"}}"#)).collect()
}

#[test]
fn the_documented_schemas_pass() {
    let schema = Schema::parse(&with_fields(
        "Interactions",
        &[
            USER,
            ITEM,
            TIME,
            r#"{"name": "EVENT_TYPE", "type": "string"}"#,
            r#"{"name": "EVENT_VALUE", "type": ["float", "null"]}"#,
            r#"{"name": "IMPRESSION", "type": ["null", "string"]}"#,
            r#"{"name": "DEVICE", "type": ["string"], "categorical": true}"#,
        ],
    ))
    .unwrap();
    assert_eq!(schema.dataset_type, Some(DatasetType::Interactions));
    let value = schema.field("EVENT_VALUE").unwrap();
    assert_eq!((value.kind, value.nullable), (FieldType::Float, true));
    let device = schema.field("DEVICE").unwrap();
    assert!(device.categorical && !device.nullable);

    // The name need not tell the type; then the check waits for the dataset.
    let schema = Schema::parse(&with_fields("MyThings", &[ITEM])).unwrap();
    assert_eq!(schema.dataset_type, None);
    let error = schema.check_for(DatasetType::Interactions).unwrap_err().to_string();
    assert!(error.contains("required fields USER_ID, TIMESTAMP"), "{error}");
    assert!(
        schema.check_for(DatasetType::Items).unwrap_err().to_string().contains("at least one metadata field")
    );
}

#[test]
fn every_mistake_is_named_with_its_cure() {
    let text_event = r#"{"name": "EVENT_VALUE", "type": "string"}"#;
    let many: Vec<String> = [USER, ITEM, TIME].iter().map(|f| f.to_string()).chain(numbered(6)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let cases: Vec<(String, Vec<&str>)> = vec![
        (String::new(), vec!["empty", "Avro record"]),
        ("[1]".into(), vec!["top level is an array"]),
        (
            "{\"type\": \"record\",\n \"name\": \"Items\"\n \"fields\": []}".into(),
            vec!["not valid JSON", "line 3, column 2", "near", "commas"],
        ),
        ("{\"type\": \"record\"".into(), vec!["not valid JSON", "line 1"]),
        (
            r#"{"type": "enum", "name": "Items", "fields": []}"#.into(),
            vec!["\"type\" is \"enum\", not \"record\""],
        ),
        (r#"{"type": "record", "fields": []}"#.into(), vec!["\"name\" is missing"]),
        (with_fields("Items", &[]), vec!["\"fields\" is empty"]),
        (r#"{"type": "record", "name": "Items"}"#.into(), vec!["\"fields\" is missing"]),
        (with_fields("Items", &["7"]), vec!["Field 1", "is a number", "\"name\": \"ITEM_ID\""]),
        (with_fields("Items", &[r#"{"type": "string"}"#]), vec!["Field 1", "has no name"]),
        (with_fields("Items", &[r#"{"name": "A"}"#]), vec!["Field \"A\"", "has no type"]),
        (
            with_fields("X", &[r#"{"name": "A", "type": {"type": "array", "items": "string"}}"#]),
            vec!["Field \"A\"", "nested type", "\"items\"", "separated by \"|\""],
        ),
        (
            with_fields("X", &[r#"{"name": "A", "type": ["null", {"type": "map", "values": "int"}]}"#]),
            vec!["nested type"],
        ),
        (with_fields("X", &[r#"{"name": "A", "type": "record"}"#]), vec!["nested type"]),
        (
            with_fields("X", &[r#"{"name": "A", "type": "bytes"}"#]),
            vec!["unsupported type \"bytes\"", "float, double, int, long, string or boolean"],
        ),
        (
            with_fields("X", &[r#"{"name": "A", "type": ["int", "string"]}"#]),
            vec!["unsupported type [\"int\",\"string\"]"],
        ),
        (with_fields("X", &[r#"{"name": "A", "type": "null"}"#]), vec!["unsupported type \"null\""]),
        (
            with_fields("X", &[r#"{"name": "PRICE (EUR)", "type": "float"}"#]),
            vec!["\"PRICE (EUR)\"", "not allowed", "\"PRICE__EUR\""],
        ),
        (with_fields("X", &[r#"{"name": "2ND", "type": "float"}"#]), vec!["\"FIELD_2ND\""]),
        (
            with_fields(
                "X",
                &[r#"{"name": "GENRES_1", "type": "string"}"#, r#"{"name": "GENRES1", "type": "string"}"#],
            ),
            vec!["\"GENRES_1\" and \"GENRES1\"", "clash"],
        ),
        (
            with_fields("X", &[r#"{"name": "A", "type": "int", "categorical": true}"#]),
            vec!["\"categorical\"", "field \"A\"", "needs the type string"],
        ),
        (with_fields("X", &[r#"{"name": "A", "type": "string", "categorical": 1}"#]), vec!["true or false"]),
        (
            with_fields("X", &[r#"{"name": "A", "type": "string", "categorical": true, "textual": true}"#]),
            vec!["cannot stand beside"],
        ),
        (
            with_fields("Interactions", &[USER, ITEM]),
            vec!["required field TIMESTAMP", r#"{"name": "TIMESTAMP", "type": "long"}"#],
        ),
        (with_fields("Interactions", &[USER]), vec!["required fields ITEM_ID, TIMESTAMP"]),
        (
            with_fields("Interactions", &[USER, r#"{"name": "itemId", "type": "string"}"#, TIME]),
            vec!["required field ITEM_ID", "\"itemId\" is spelled differently"],
        ),
        (
            with_fields("interactions", &[USER, ITEM, r#"{"name": "TIMESTAMP", "type": "string"}"#]),
            vec!["\"TIMESTAMP\"", "must have the type long, not string"],
        ),
        (
            with_fields("Interactions", &[USER, ITEM, TIME, text_event]),
            vec!["\"EVENT_VALUE\"", "type float, not string", "[\"null\", \"float\"]"],
        ),
        (
            with_fields("Interactions", &[r#"{"name": "USER_ID", "type": ["null", "string"]}"#, ITEM, TIME]),
            vec!["\"USER_ID\"", "may not be null"],
        ),
        (with_fields("Interactions", &many), vec!["6 metadata columns", "at most 5", "Remove 1"]),
        (with_fields("Users", &[USER]), vec!["at least one metadata field besides USER_ID"]),
        (
            with_fields("Users", &[USER, r#"{"name": "BIO", "type": "string", "textual": true}"#]),
            vec!["\"textual\"", "\"BIO\"", "Items schemas only"],
        ),
        (
            with_fields(
                "Items",
                &[
                    ITEM,
                    r#"{"name": "A", "type": "string", "textual": true}"#,
                    r#"{"name": "B", "type": "string", "textual": true}"#,
                ],
            ),
            vec!["2 textual columns", "at most 1"],
        ),
        (" ".repeat(3) + &"x".repeat(20_000), vec!["20003 characters", "at most 20000"]),
    ];
    for (text, pieces) in cases {
        let message = Schema::parse(&text).expect_err(&text).to_string();
        for piece in pieces {
            assert!(message.contains(piece), "no {piece:?} in: {message}");
        }
    }
}

#[test]
fn domain_groups_want_more() {
    let interactions = Schema::parse(&with_fields("Interactions", &[USER, ITEM, TIME])).unwrap();
    interactions.check_for_domain(DatasetType::Interactions, None).unwrap();
    for domain in ["ECOMMERCE", "VIDEO_ON_DEMAND"] {
        let error = interactions.check_for_domain(DatasetType::Interactions, Some(domain)).unwrap_err();
        assert!(error.to_string().contains("EVENT_TYPE"), "{error}");
    }
    let items =
        Schema::parse(&with_fields("Items", &[ITEM, r#"{"name": "TITLE", "type": "string"}"#])).unwrap();
    let shop = items.check_for_domain(DatasetType::Items, Some("ECOMMERCE")).unwrap_err().to_string();
    assert!(shop.contains("PRICE, CATEGORY_L1"), "{shop}");
    let video = items.check_for_domain(DatasetType::Items, Some("VIDEO_ON_DEMAND")).unwrap_err().to_string();
    assert!(video.contains("GENRES, CREATION_TIMESTAMP"), "{video}");
    let unknown = items.check_for_domain(DatasetType::Items, Some("GAMES")).unwrap_err().to_string();
    assert!(unknown.contains("\"GAMES\"") && unknown.contains("ECOMMERCE"), "{unknown}");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = Schema::parse(&text);
    }

    #[test]
    fn no_json_panics(
        name in "\\PC{0,12}", kind in "(\"(string|long|float|null|bytes|[a-z]*)\"|[0-9]|\\[\"null\", ?\"[a-z]*\"\\]|\\{\\})",
        dataset in "(Items|Users|Interactions|X)",
    ) {
        let name = serde_json::to_string(&name).unwrap();
        let text = with_fields(&dataset, &[ITEM, &format!(r#"{{"name": {name}, "type": {kind}}}"#)]);
        let _ = Schema::parse(&text);
    }
}
