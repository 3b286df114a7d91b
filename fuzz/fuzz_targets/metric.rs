//! Any text is the expression of a metric that reads back from what it prints, or an error that says where;
//! and any expression fits the datasets or says why not.
#![no_main]

use dataset::Schema;
use dataset::attribution::{Expression, Schemas};
use libfuzzer_sys::fuzz_target;

const ITEMS: &str = r#"{"type":"record","name":"Items","fields":[{"name":"ITEM_ID","type":"string"},
    {"name":"PRICE","type":"double"},{"name":"GENRES","type":"string","categorical":true}]}"#;

fuzz_target!(|text: &str| {
    match Expression::parse(text) {
        Err(error) => {
            assert!((1..=text.chars().count() + 1).contains(&error.at), "{error}");
            assert!(error.to_string().starts_with("Invalid Expression"));
        }
        Ok(read) => {
            let printed = read.to_string();
            let again = Expression::parse(&printed).expect("what it prints is one");
            // Only places differ: spaces are not printed.
            assert_eq!(again.to_string(), printed);
            assert_eq!(again.function(), read.function());
            let items = Schema::parse(ITEMS).expect("the schema is valid");
            for items in [None, Some(&items)] {
                let fits = read.check(&Schemas { interactions: None, items });
                let sums_the_price = printed.eq_ignore_ascii_case("SUM(Items.PRICE)") && items.is_some();
                assert_eq!(fits.is_ok(), sums_the_price || printed == "SAMPLECOUNT()", "{printed}: {fits:?}");
            }
        }
    }
});
