//! Any text is an expression that reads back from what it prints, or an error that says where. The fuzz
//! target of the same name as the crate asks the same for longer.

use filter::Expression;
use proptest::prelude::*;

/// What expressions are made of, and what comes close to it.
const PIECES: &[&str] = &[
    "INCLUDE",
    "exclude",
    "ItemID",
    "UserID",
    "WHERE",
    "IF",
    "AND",
    "OR",
    "NOT",
    "IN",
    "Items",
    "Interactions",
    "Users",
    "CurrentUser",
    "CurrentItem",
    ".",
    "GENRES",
    "EVENT_TYPE",
    "(",
    ")",
    ",",
    "|",
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "!",
    "$P",
    "$",
    "*",
    "\"*\"",
    "\"a\"",
    "\"é \\\" \\\\\"",
    "\"",
    "1",
    "-2.5e3",
    "9e999",
    "1x",
    "\n",
];

/// Most of a good expression, so that many texts get far.
const START: &str = "INCLUDE ItemID WHERE Items.GENRES IN (\"a\", $P) ";

fn check(text: &str) {
    match Expression::parse(text) {
        Err(error) => {
            assert!((1..=text.chars().count() + 1).contains(&error.at), "{text:?}: {error}");
            assert!(error.to_string().starts_with("Invalid Expression at character "), "{text:?}: {error}");
        }
        Ok(read) => {
            let printed = read.to_string();
            match Expression::parse(&printed) {
                Ok(again) => assert_eq!(again, read, "{text:?} printed as {printed}"),
                // Quotes and spaces can make it longer than an expression may be.
                Err(error) => assert!(error.problem.contains("characters"), "{printed}: {error}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_characters(text in ".{0,60}") {
        check(&text);
    }

    #[test]
    fn any_pieces(
        started in any::<bool>(),
        pieces in prop::collection::vec((prop::sample::select(PIECES), any::<bool>()), 0..24),
    ) {
        let mut text = if started { START.to_owned() } else { String::new() };
        for (piece, space) in pieces {
            text.push_str(piece);
            text.push_str(if space { " " } else { "" });
        }
        check(&text);
    }
}
