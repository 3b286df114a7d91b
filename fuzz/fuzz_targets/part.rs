//! Any bytes are a Parquet part or an error.
#![no_main]

use dataset::{EventFilter, read_columns, read_interactions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = read_interactions([data.to_vec()], &EventFilter::default());
    let filter = EventFilter { event_type: Some("Watch".into()), value_threshold: Some(3.0), ..EventFilter::default() };
    let _ = read_interactions([data.to_vec()], &filter);
    let _ = read_columns(data.to_vec(), &["ITEM_ID", "TITLE"]);
});
