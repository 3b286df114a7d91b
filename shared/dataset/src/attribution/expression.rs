//! What a metric adds up: `SUM(Items.PRICE)`, `SUM(Interactions.EVENT_VALUE)` or `SAMPLECOUNT()`.
//!
//! Keywords, datasets and columns are read without regard to case, with spaces anywhere between them.

use std::fmt;

use domain::resource::DatasetType;

use crate::schema::{FieldType, Schema};

/// What a metric adds up over its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// The values of a column of numbers.
    Sum {
        /// Interactions or Items.
        dataset: DatasetType,
        /// The column, as the caller spelled it.
        column: String,
        /// Where the dataset begins, counted in characters from 1.
        at: usize,
    },
    /// One for each event.
    SampleCount,
}

/// An expression that says nothing, or nothing that the datasets can answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid Expression at character {at}: {problem}.")]
pub struct ExpressionError {
    /// Where, counted in characters from 1; one behind the last where something is missing at the end.
    pub at: usize,
    /// What was expected, and what stands there.
    pub problem: String,
}

/// The datasets that a metric may read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Schemas<'a> {
    /// Interactions.
    pub interactions: Option<&'a Schema>,
    /// Items.
    pub items: Option<&'a Schema>,
}

impl Expression {
    /// Reads an expression. Fails with where and why.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let chars: Vec<char> = text.chars().collect();
        let mut reader = Reader { chars: &chars, at: 0 };
        let start = reader.place();
        let function = reader.word();
        let expression = if function.eq_ignore_ascii_case("SAMPLECOUNT") {
            reader.sign('(', "'(' after SAMPLECOUNT")?;
            reader.sign(')', "')': SAMPLECOUNT() counts events and takes no column")?;
            Self::SampleCount
        } else if function.eq_ignore_ascii_case("SUM") {
            reader.sign('(', "'(' after SUM")?;
            let at = reader.place();
            let dataset = reader.word();
            let of = [DatasetType::Interactions, DatasetType::Items];
            let found = of.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(&dataset));
            let dataset = found
                .ok_or_else(|| reader.error(at, "expected the dataset Items or Interactions", &dataset))?;
            reader.sign('.', "'.' between the dataset and its column")?;
            let place = reader.place();
            let column = reader.word();
            if column.is_empty() {
                return Err(reader.error(place, "expected the name of a column", ""));
            }
            reader.sign(')', "')' after the column")?;
            Self::Sum { dataset, column, at }
        } else {
            return Err(reader.error(start, "expected SUM or SAMPLECOUNT", &function));
        };
        let end = reader.place();
        match reader.chars.get(reader.at) {
            None => Ok(expression),
            Some(_) => Err(reader.error(end, "expected the end", "")),
        }
    }

    /// The column that is summed must be one of numbers.
    pub fn check(&self, schemas: &Schemas<'_>) -> Result<(), ExpressionError> {
        let Self::Sum { dataset, column, at } = self else { return Ok(()) };
        let fail = |problem: String| Err(ExpressionError { at: *at, problem });
        let (name, schema) = match dataset {
            DatasetType::Items => ("Items", schemas.items),
            _ => ("Interactions", schemas.interactions),
        };
        let Some(schema) = schema else {
            return fail(format!(
                "{name}.{column} needs the dataset {name}, which the dataset group has not"
            ));
        };
        let numbers = || {
            let numbers = schema.fields.iter().filter(|field| is_number(field.kind));
            let names: Vec<&str> = numbers.map(|field| field.name.as_str()).collect();
            if names.is_empty() { "it has none".to_owned() } else { names.join(", ") }
        };
        match schema.fields.iter().find(|field| field.name.eq_ignore_ascii_case(column)) {
            Some(field) if is_number(field.kind) => Ok(()),
            Some(field) => fail(format!(
                "{name}.{} holds values of the type {}, and only numbers are summed; columns of numbers: {}",
                field.name,
                field.kind.as_str(),
                numbers()
            )),
            None => fail(format!("{name} has no column {column}; its columns of numbers: {}", numbers())),
        }
    }

    /// `sum` or `samplecount`, as reports name it.
    pub fn function(&self) -> &'static str {
        match self {
            Self::Sum { .. } => "sum",
            Self::SampleCount => "samplecount",
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SampleCount => f.write_str("SAMPLECOUNT()"),
            Self::Sum { dataset: DatasetType::Items, column, .. } => write!(f, "SUM(Items.{column})"),
            Self::Sum { column, .. } => write!(f, "SUM(Interactions.{column})"),
        }
    }
}

fn is_number(kind: FieldType) -> bool {
    matches!(kind, FieldType::Int | FieldType::Long | FieldType::Float | FieldType::Double)
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
}

impl Reader<'_> {
    /// Passes over spaces; the place of what follows.
    fn place(&mut self) -> usize {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        self.at + 1
    }

    /// Letters, digits and underscores; empty where none are.
    fn word(&mut self) -> String {
        self.place();
        let rest = &self.chars[self.at..];
        let word: String = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').collect();
        self.at += word.len();
        word
    }

    fn sign(&mut self, sign: char, expected: &str) -> Result<(), ExpressionError> {
        let place = self.place();
        if self.chars.get(self.at) == Some(&sign) {
            self.at += 1;
            return Ok(());
        }
        Err(self.error(place, &format!("expected {expected}"), ""))
    }

    fn error(&self, at: usize, expected: &str, word: &str) -> ExpressionError {
        const SHOWN: usize = 40;
        let found = match self.chars.get(at - 1) {
            _ if !word.is_empty() => format!("'{}'", word.chars().take(SHOWN).collect::<String>()),
            Some(c) => format!("'{c}'"),
            None => "the end".to_owned(),
        };
        ExpressionError { at, problem: format!("{expected}, and found {found}") }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schema(name: &str, fields: &str) -> Schema {
        let text = format!(r#"{{"type":"record","name":"{name}","fields":[{fields}],"version":"1.0"}}"#);
        Schema::parse(&text).unwrap()
    }

    fn problem(text: &str) -> String {
        Expression::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn both_functions_are_read_in_any_case_with_spaces_anywhere() {
        let price = |at| Expression::Sum { dataset: DatasetType::Items, column: "PRICE".into(), at };
        assert_eq!(Expression::parse("SUM(Items.PRICE)").unwrap(), price(5));
        assert_eq!(Expression::parse(" sum ( ITEMS . PRICE ) ").unwrap(), price(8));
        assert_eq!(Expression::parse("SampleCount( )").unwrap(), Expression::SampleCount);
        let value = Expression::parse("SUM(interactions.EVENT_VALUE)").unwrap();
        assert_eq!(value.to_string(), "SUM(Interactions.EVENT_VALUE)");
        assert_eq!((value.function(), Expression::SampleCount.function()), ("sum", "samplecount"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, words) in [
            ("", "character 1: expected SUM or SAMPLECOUNT, and found the end"),
            ("AVG(Items.PRICE)", "character 1: expected SUM or SAMPLECOUNT, and found 'AVG'"),
            ("SUM", "character 4: expected '(' after SUM, and found the end"),
            ("SUM(Users.AGE)", "character 5: expected the dataset Items or Interactions, and found 'Users'"),
            ("SUM()", "character 5: expected the dataset Items or Interactions, and found ')'"),
            ("SUM(Items PRICE)", "character 11: expected '.'"),
            ("SUM(Items.)", "character 11: expected the name of a column, and found ')'"),
            ("SUM(Items.PRICE", "character 16: expected ')' after the column, and found the end"),
            ("SUM(Items.PRICE) x", "character 18: expected the end, and found 'x'"),
            ("SAMPLECOUNT(Items.PRICE)", "character 13: expected ')': SAMPLECOUNT() counts events"),
            ("SUMME(Items.PRICE)", "character 1: expected SUM or SAMPLECOUNT, and found 'SUMME'"),
            ("価格(Items.PRICE)", "character 1: expected SUM or SAMPLECOUNT, and found '価'"),
        ] {
            assert!(problem(text).contains(words), "{text}: {}", problem(text));
        }
    }

    #[test]
    fn the_column_must_be_one_of_numbers() {
        let items = schema(
            "Items",
            r#"{"name":"ITEM_ID","type":"string"},{"name":"PRICE","type":["null","float"]},
               {"name":"GENRES","type":"string","categorical":true}"#,
        );
        let schemas = Schemas { items: Some(&items), interactions: None };
        let check = |text: &str| Expression::parse(text).unwrap().check(&schemas);
        assert_eq!(check("SUM(Items.price)"), Ok(()));
        assert_eq!(check("SAMPLECOUNT()"), Ok(()));
        for (text, words) in [
            ("SUM(Items.GENRES)", "character 5: Items.GENRES holds values of the type string"),
            ("SUM(Items.COST)", "Items has no column COST; its columns of numbers: PRICE"),
            ("SUM(Interactions.EVENT_VALUE)", "needs the dataset Interactions"),
        ] {
            let error = check(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(
            items in any::<bool>(), column in "[A-Za-z_][A-Za-z0-9_]{0,20}", space in " {0,2}", upper in any::<bool>()
        ) {
            let dataset = if items { "Items" } else { "Interactions" };
            let text = format!("{space}SUM{space}({space}{dataset}{space}.{space}{column}{space}){space}");
            let text = if upper { text.replace(dataset, &dataset.to_uppercase()) } else { text };
            let read = Expression::parse(&text).unwrap();
            prop_assert_eq!(read.to_string(), format!("SUM({dataset}.{column})"));
            prop_assert_eq!(Expression::parse(&read.to_string()).unwrap().to_string(), read.to_string());
        }

        #[test]
        fn any_text_is_read_or_refused_at_a_place_within_it(text in "(SUM|SAMPLECOUNT|\\(|\\)|Items|\\.|\\PC| ){0,12}") {
            if let Err(error) = Expression::parse(&text) {
                prop_assert!(error.at >= 1 && error.at <= text.chars().count() + 1, "{text:?}: {error}");
            }
        }
    }
}
