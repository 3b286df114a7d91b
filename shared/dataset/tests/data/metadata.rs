//! Columns that describe items, users and events.

use dataset::{Cells, EventFilter, IdTable, Interactions, InteractionsReader, MemorySink, TableReader};
use domain::resource::DatasetType;

use crate::helpers::*;

const EVENTS: &str = r#"{"type": "record", "name": "Interactions", "fields": [
    {"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"}, {"name": "EVENT_TYPE", "type": "string"},
    {"name": "DEVICE", "type": ["null", "string"], "categorical": true},
    {"name": "SECONDS", "type": ["null", "float"]}, {"name": "NOTE", "type": "string"}], "version": "1.0"}"#;

/// Cells as text; nothing for none.
fn cells(cells: &Cells) -> Vec<Option<String>> {
    match cells {
        Cells::Text { distinct, codes } => {
            codes.iter().map(|&code| distinct.get(code as usize).map(|text| text.to_string())).collect()
        }
        Cells::Number(values) => {
            values.iter().map(|value| (!value.is_nan()).then(|| value.to_string())).collect()
        }
    }
}

fn some(values: &[&str]) -> Vec<Option<String>> {
    values.iter().map(|value| (!value.is_empty()).then(|| value.to_string())).collect()
}

fn items(sink: &MemorySink) -> dataset::Table {
    let mut reader = TableReader::new(&schema(TYPES), DatasetType::Items);
    sink.parts.iter().for_each(|part| reader.push(part.data.clone()).unwrap());
    reader.finish()
}

#[test]
fn a_later_row_replaces_an_earlier_one_across_parts() {
    let csv = "ITEM_ID,GENRES,TITLE,COUNT,VIEWS,PRICE,WEIGHT,NEW,CREATION_TIMESTAMP\n\
               a,Drama,first,1,2,3.5,4.5,true,100\n\
               b,Comedy|War,x,,,,,,\n\
               a,War,second,7,8,9.5,10.5,false,200\n\
               c,,x,1,1,1,1,true,\n";
    let options = dataset::ImportOptions { part_bytes: 40, ..options(0) };
    let (outcome, sink) = import_files(&[("data.csv", csv.as_bytes())], TYPES, &options);
    outcome.unwrap();
    assert!(sink.parts.len() > 1, "the rows should span parts");
    let table = items(&sink);
    assert!(table.ids.iter().eq(["a", "b", "c"]));
    let found: Vec<_> = table.columns.iter().map(|c| (c.name.as_str(), cells(&c.cells))).collect();
    assert_eq!(
        found,
        [
            ("GENRES", some(&["War", "Comedy|War", ""])),
            ("COUNT", some(&["7", "", "1"])),
            ("VIEWS", some(&["8", "", "1"])),
            ("PRICE", some(&["9.5", "", "1"])),
            ("WEIGHT", some(&["10.5", "", "1"])),
            ("NEW", some(&["false", "", "true"])),
        ],
        "plain text says nothing, and the date is no feature"
    );
    assert_eq!(table.created, [Some(200), None, None]);
}

#[test]
fn context_goes_with_its_event_through_filter_and_order() {
    let csv = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,DEVICE,SECONDS,NOTE\n\
               u,late,50,watch,tv,1.5,n\n\
               v,x,10,click,phone,9,n\n\
               u,early,20,watch,,,n\n\
               v,y,30,watch,phone,2,n\n";
    let (_, sink) = import(csv, EVENTS);
    let filter =
        EventFilter { event_type: Some("watch".into()), value_threshold: None, ..EventFilter::default() };
    let mut reader = InteractionsReader::with_context(filter, &schema(EVENTS));
    sink.parts.iter().for_each(|part| reader.push(part.data.clone()).unwrap());
    let data = reader.finish();
    let events: Vec<_> = data.metadata.events.iter().map(|c| (c.name.as_str(), cells(&c.cells))).collect();
    assert_eq!(events, [("DEVICE", some(&["", "tv", "phone"])), ("SECONDS", some(&["", "1.5", "2"]))]);
    let (columns, first) = data.history(1).about.events.unwrap();
    assert_eq!((columns.len(), first), (2, 2), "the second user's events begin at the third row");
}

#[test]
fn impressions_are_counted_whichever_events_are_trained_on() {
    let schema_text = EVENTS.replace(
        r#"{"name": "NOTE", "type": "string"}"#,
        r#"{"name": "IMPRESSION", "type": ["null", "string"]}"#,
    );
    let csv = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,DEVICE,SECONDS,IMPRESSION\n\
               u,a,1,watch,,,a|b\n\
               u,b,2,click,,,\n\
               v,a,3,click,,,a|b\n\
               v,c,4,click,,,b|c|ninth\n";
    let (_, sink) = import(csv, &schema_text);
    let filter =
        EventFilter { event_type: Some("watch".into()), value_threshold: None, ..EventFilter::default() };
    let mut reader = InteractionsReader::with_context(filter.clone(), &schema(&schema_text));
    sink.parts.iter().for_each(|part| reader.push(part.data.clone()).unwrap());
    let data = reader.finish();
    assert_eq!(data.len(), 1);
    let mut shown: Vec<_> = data.metadata.shown.iter().map(|(id, &times)| (&**id, times)).collect();
    shown.sort();
    assert_eq!(shown, [("a", 2), ("b", 3), ("c", 1), ("ninth", 1)]);

    let mut plain = InteractionsReader::new(filter);
    sink.parts.iter().for_each(|part| plain.push(part.data.clone()).unwrap());
    assert!(plain.finish().metadata.shown.is_empty());
}

#[test]
fn items_and_users_without_interactions_come_after_the_others() {
    let (mut users, mut ids) = (IdTable::default(), IdTable::default());
    users.intern("u");
    ids.intern("b");
    let mut data = Interactions::from_rows(users, ids, &[0], &[0], &[5]);
    let csv = "ITEM_ID,GENRES,TITLE,COUNT,VIEWS,PRICE,WEIGHT,NEW,CREATION_TIMESTAMP\n\
               a,Drama,t,1,1,1,1,true,100\n\
               b,War,t,2,1,1,1,true,\n";
    let table = items(&import(csv, TYPES).1);
    let mut people = dataset::Table::default();
    people.ids.intern("w");
    data.describe(Some(&table), Some(&people));
    assert!(data.items.iter().eq(["b", "a"]));
    assert_eq!(cells(&data.metadata.items[0].cells), some(&["War", "Drama"]));
    assert_eq!(*data.metadata.created, [None, Some(100)]);
    assert!(data.users.iter().eq(["u", "w"]));
    assert!(data.history(0).items.len() == 1 && data.history(1).items.is_empty());
}
