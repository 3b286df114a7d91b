//! From parts to histories.

use dataset::{EventFilter, Manifest, MemorySink, TypeRule, read_columns, read_interactions};
use domain::resource::DatasetType;

use crate::helpers::*;

const EVENTS: &str = r#"{"type": "record", "name": "Interactions", "fields": [
    {"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"}, {"name": "EVENT_TYPE", "type": ["null", "string"]},
    {"name": "EVENT_VALUE", "type": ["null", "float"]}], "version": "1.0"}"#;

fn parts(sink: &MemorySink) -> Vec<Vec<u8>> {
    sink.parts.iter().map(|part| part.data.clone()).collect()
}

/// Histories as (user, [(item, time)]).
fn histories(sink: &MemorySink, filter: &EventFilter) -> Vec<(String, Vec<(String, i64)>)> {
    let data = read_interactions(parts(sink), filter).unwrap();
    (0..data.users.len() as u32)
        .map(|user| {
            let history = data.history(user);
            let events = history.items.iter().zip(history.timestamps);
            (
                data.users.id(user).to_owned(),
                events.map(|(&i, &t)| (data.items.id(i).to_owned(), t)).collect(),
            )
        })
        .collect()
}

fn events() -> MemorySink {
    let csv = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\n\
               hidden,nobody,9,Click,\n\
               u,late,50,Watch,5\n\
               v,x,10,Watch,2.5\n\
               u,b,20,Watch,3\n\
               u,a,20,watch,4\n\
               u,c,20,Click,4\n\
               v,y,5,,4\n\
               u,b,20,Watch,\n";
    let options = dataset::ImportOptions { part_bytes: 40, ..options(0) };
    let (outcome, sink) = import_files(&[("data.csv", csv.as_bytes())], EVENTS, &options);
    assert_eq!(outcome.unwrap().rows, 8);
    assert!(sink.parts.len() > 3, "the ties should span parts");
    sink
}

fn named(events: &[(&str, i64)]) -> Vec<(String, i64)> {
    events.iter().map(|(item, time)| (item.to_string(), *time)).collect()
}

#[test]
fn equal_times_keep_the_order_of_the_file_across_parts() {
    assert_eq!(
        histories(&events(), &EventFilter::default()),
        [
            ("hidden".to_owned(), named(&[("nobody", 9)])),
            ("u".to_owned(), named(&[("b", 20), ("a", 20), ("c", 20), ("b", 20), ("late", 50)])),
            ("v".to_owned(), named(&[("y", 5), ("x", 10)])),
        ]
    );
}

#[test]
fn filters_keep_what_passes_and_ids_of_nothing_else() {
    let watch =
        EventFilter { event_type: Some("watch".into()), value_threshold: None, ..EventFilter::default() };
    assert_eq!(
        histories(&events(), &watch),
        [
            ("u".to_owned(), named(&[("b", 20), ("a", 20), ("b", 20), ("late", 50)])),
            ("v".to_owned(), named(&[("x", 10)])),
        ]
    );
    let good = EventFilter { event_type: None, value_threshold: Some(4.0), ..EventFilter::default() };
    assert_eq!(
        histories(&events(), &good),
        [
            ("u".to_owned(), named(&[("a", 20), ("c", 20), ("late", 50)])),
            ("v".to_owned(), named(&[("y", 5)])),
        ]
    );
    let both = EventFilter {
        event_type: Some("Watch".into()),
        value_threshold: Some(4.0),
        ..EventFilter::default()
    };
    assert_eq!(histories(&events(), &both), [("u".to_owned(), named(&[("a", 20), ("late", 50)]))]);
    let none =
        EventFilter { event_type: Some("Buy".into()), value_threshold: None, ..EventFilter::default() };
    let data = read_interactions(parts(&events()), &none).unwrap();
    assert!(data.is_empty() && data.users.is_empty() && data.items.is_empty());
}

#[test]
fn each_event_type_has_a_threshold_and_a_weight_of_its_own() {
    let rule = |event_type: &str, value_threshold, weight| TypeRule {
        event_type: event_type.into(),
        value_threshold,
        weight,
    };
    let types = vec![rule("watch", Some(4.0), 1.0), rule("Click", None, 0.25)];
    let filter = EventFilter { types, ..EventFilter::default() };
    let data = read_interactions(parts(&events()), &filter).unwrap();
    let found: Vec<_> = data
        .histories()
        .zip(data.spans())
        .map(|(history, span)| {
            let weights = &data.weights().unwrap()[span.start as usize..span.end as usize];
            let names = history.items.iter().map(|&item| data.items.id(item));
            names.zip(weights.iter().copied()).collect::<Vec<_>>()
        })
        .collect();
    // What has no type, or no value where one is asked for, does not count; weights follow the times.
    assert_eq!(found, [vec![("nobody", 0.25)], vec![("a", 1.0), ("c", 0.25), ("late", 1.0)]]);
    for (event_type, value, kept) in [
        ("WATCH", Some(4.0), true),
        ("watch", Some(3.9), false),
        ("watch", None, false),
        ("click", None, true),
        ("buy", Some(9.0), false),
    ] {
        assert_eq!(filter.keeps(event_type, value), kept, "{event_type} {value:?}");
    }
}

#[test]
fn a_threshold_as_it_is_written_reaches_the_same_number_in_a_column_of_32_bits() {
    let csv = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\nu,i,1,Watch,0.7\nu,j,2,Watch,0.69\n";
    let (outcome, sink) = import_files(&[("data.csv", csv.as_bytes())], EVENTS, &options(0));
    outcome.unwrap();
    let rule = TypeRule { event_type: "Watch".into(), value_threshold: Some(0.7), weight: 1.0 };
    let filter = EventFilter { types: vec![rule], ..EventFilter::default() };
    assert_eq!(histories(&sink, &filter), [("u".to_owned(), named(&[("i", 1)]))]);
}

#[test]
fn a_filter_on_a_column_that_is_not_there_says_so() {
    let (_, sink) = import("USER_ID,ITEM_ID,TIMESTAMP\nu,i,1\n", INTERACTIONS);
    let filter =
        EventFilter { event_type: Some("Watch".into()), value_threshold: None, ..EventFilter::default() };
    let message = read_interactions(parts(&sink), &filter).unwrap_err().to_string();
    assert!(
        message.contains("no column EVENT_TYPE") && message.contains("[USER_ID, ITEM_ID, TIMESTAMP]"),
        "{message}"
    );
    assert!(message.contains("Leave eventType out"), "{message}");
    let message = read_columns(parts(&sink).remove(0), &["TITLE"]).unwrap_err().to_string();
    assert!(message.contains("no column TITLE"), "{message}");
}

#[test]
fn damaged_parts_are_refused_without_panic() {
    let part = parts(&events()).remove(0);
    for at in 0..part.len() {
        for bit in [0x01, 0x80] {
            let mut damaged = part.clone();
            damaged[at] ^= bit;
            // A flipped bit in a value cannot be seen here; the manifest's checksum is for that.
            let _ = read_interactions([damaged], &EventFilter::default());
        }
    }
    for end in [0, 4, part.len() / 2, part.len() - 1] {
        let error = read_interactions([part[..end].to_vec()], &EventFilter::default()).unwrap_err();
        assert!(error.to_string().contains("part 0 of the data is damaged"), "{error}");
    }
}

#[test]
fn a_manifest_knows_its_parts_again() {
    let sink = events();
    let mut manifest = Manifest::new(DatasetType::Interactions, &schema(EVENTS));
    for part in &sink.parts {
        manifest.push(format!("datasets/g/{}", part.name), part);
    }
    manifest.push_source("s3://b/data.csv", Some("\"etag\"".into()), 123);
    let again = Manifest::from_json(manifest.to_json().as_bytes()).unwrap();
    assert_eq!(again, manifest);
    assert_eq!((again.rows, again.parts.len()), (8, sink.parts.len()));
    again.parts[0].verify(&sink.parts[0].data).unwrap();
    let message = again.parts[0].verify(&sink.parts[1].data).unwrap_err().to_string();
    assert!(
        message.contains("datasets/g/part-00000-") && message.contains("Import the data again"),
        "{message}"
    );

    let grown = manifest.clone().append_to(&manifest);
    assert_eq!((grown.rows, grown.parts.len(), grown.sources.len()), (16, 2 * sink.parts.len(), 2));

    let newer = manifest.to_json().replace("\"format_version\": 1", "\"format_version\": 2");
    assert!(Manifest::from_json(newer.as_bytes()).unwrap_err().to_string().contains("version 2"));
    assert!(Manifest::from_json(b"{}").unwrap_err().to_string().contains("cannot be read"));
}
