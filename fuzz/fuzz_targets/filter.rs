//! Any text is a filter expression that reads back from what it prints, or an error that says where.
#![no_main]

use filter::Expression;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Expression::parse(text) {
        Err(error) => {
            assert!((1..=text.chars().count() + 1).contains(&error.at), "{error}");
            assert!(error.to_string().starts_with("Invalid Expression"));
        }
        Ok(read) => {
            let printed = read.to_string();
            match Expression::parse(&printed) {
                Ok(again) => assert_eq!(again, read, "{printed}"),
                // Quotes, spaces and exact numbers can make it longer than an expression may be.
                Err(error) => assert!(error.problem.contains("characters"), "{printed}: {error}"),
            }
            let _ = read.tree();
        }
    }
});
