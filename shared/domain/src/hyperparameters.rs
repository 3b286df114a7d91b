//! Hyperparameters: what a recipe declares, and the checked values a solution trains with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// What values a hyperparameter may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// Whole numbers, both ends included.
    Integer(i64, i64),
    /// Real numbers, both ends included.
    Continuous(f64, f64),
    /// One of these words.
    Categorical(&'static [&'static str]),
}

/// One hyperparameter of a recipe, as the developer guide documents it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hyperparameter {
    /// The documented name.
    pub name: &'static str,
    /// The documented default, as the API writes it.
    pub default: &'static str,
    /// The documented range.
    pub range: Range,
    /// Whether hyperparameter optimization may search over it.
    pub tunable: bool,
}

impl Hyperparameter {
    /// Reads a value as the API carries it, a string.
    ///
    /// Fails with `InvalidInput` when the text is not of the type or outside of the range.
    pub fn parse(&self, text: &str) -> Result<Value, ApiError> {
        let refuse = |expected: String| {
            ApiError::invalid(format!(
                "Hyperparameter {} has the value '{text}'; it must be {expected}. Its default is {}.",
                self.name, self.default
            ))
        };
        match self.range {
            Range::Integer(min, max) => text
                .trim()
                .parse::<i64>()
                .ok()
                .filter(|value| (min..=max).contains(value))
                .map(Value::Integer)
                .ok_or_else(|| refuse(format!("a whole number from {min} to {max}"))),
            Range::Continuous(min, max) => text
                .trim()
                .parse::<f64>()
                .ok()
                .filter(|value| (min..=max).contains(value))
                .map(Value::Real)
                .ok_or_else(|| refuse(format!("a number from {min} to {max}"))),
            Range::Categorical(words) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text.trim()))
                .map(|word| Value::Word((*word).to_owned()))
                .ok_or_else(|| refuse(format!("one of {}", words.join(", ")))),
        }
    }
}

/// A checked hyperparameter value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// A real number.
    Real(f64),
    /// One of the declared words; booleans are the words `true` and `false`.
    Word(String),
}

impl std::fmt::Display for Value {
    /// As the API carries it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Real(value) => write!(f, "{value:?}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// Every hyperparameter of a recipe with the value that training uses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hyperparameters(pub BTreeMap<String, Value>);

impl Hyperparameters {
    /// Fills in defaults for what `given` leaves out and checks what it holds.
    ///
    /// Fails with `InvalidInput` for a name that `declared` lacks (the text ends in `algorithm`, the
    /// ARN that callers know from the hosted service's message) and for a value out of range.
    pub fn resolve(
        declared: &[Hyperparameter],
        given: &BTreeMap<String, String>,
        algorithm: &str,
    ) -> Result<Self, ApiError> {
        if let Some(unknown) = given.keys().find(|name| declared.iter().all(|d| d.name != **name)) {
            let known: Vec<_> = declared.iter().map(|d| d.name).collect();
            return Err(ApiError::invalid(format!(
                "Provide a hyperparameter that is used in the algorithm: {algorithm} ('{unknown}' is not; it uses {})",
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            )));
        }
        let values = declared.iter().map(|d| {
            let text = given.get(d.name).map_or(d.default, String::as_str);
            Ok((d.name.to_owned(), d.parse(text)?))
        });
        Ok(Self(values.collect::<Result<_, ApiError>>()?))
    }

    /// A whole number. The name is one that the recipe declares as such.
    pub fn integer(&self, name: &str) -> i64 {
        match self.0.get(name) {
            Some(Value::Integer(value)) => *value,
            other => panic!("hyperparameter {name} is declared as an integer, found {other:?}"),
        }
    }

    /// A real number. The name is one that the recipe declares as such.
    pub fn real(&self, name: &str) -> f64 {
        match self.0.get(name) {
            Some(Value::Real(value)) => *value,
            // serde reads `1` for a stored `1.0`.
            Some(Value::Integer(value)) => *value as f64,
            other => panic!("hyperparameter {name} is declared as a number, found {other:?}"),
        }
    }

    /// One of the declared words. The name is one that the recipe declares as such.
    pub fn word(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(Value::Word(word)) => word,
            other => panic!("hyperparameter {name} is declared as a word, found {other:?}"),
        }
    }

    /// A truth value. The name is one that the recipe declares as `true` or `false`.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Value::Word(word)) if word == "true")
    }
}
