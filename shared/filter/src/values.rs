//! `filterValues`: the values of parameters, as a request gives them.
//!
//! Each is one string of values with commas between, `"\"comedy\",\"drama\""`. A value stands in double
//! quotes, within which `\"` is a quote, or bare (`comedy,drama`, `18`).

use std::collections::BTreeMap;

use crate::ast::Expression;
use crate::error::RequestError;

/// The values of each parameter that was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<String, Vec<String>>);

impl Values {
    /// Reads the values for an expression.
    ///
    /// Fails for a parameter that the expression lacks, for one without a value, and when one that an
    /// INCLUDE needs is missing. Those of an EXCLUDE may be missing: what they stand in matches nothing.
    pub fn read(expression: &Expression, given: &BTreeMap<String, String>) -> Result<Self, RequestError> {
        let parameters = expression.parameters();
        let mut values = BTreeMap::new();
        for (name, text) in given {
            if !parameters.iter().any(|(known, _)| known == name) {
                let names: Vec<String> = parameters.iter().map(|(name, _)| format!("${name}")).collect();
                let has = if names.is_empty() { "no parameters".into() } else { names.join(", ") };
                return Err(RequestError::Values(format!(
                    "'filterValues.{name}' belongs to no parameter of the filter, which has {has}."
                )));
            }
            let list = split(text).map_err(|why| {
                RequestError::Values(format!("'filterValues.{name}' {why}; write \"\\\"a\\\",\\\"b\\\"\"."))
            })?;
            values.insert(name.clone(), list);
        }
        let missing: Vec<&str> = parameters
            .iter()
            .filter(|(name, required)| *required && !values.contains_key(*name))
            .map(|(name, _)| *name)
            .collect();
        if missing.is_empty() {
            return Ok(Self(values));
        }
        Err(RequestError::Values(format!(
            "'filterValues' lacks {}: an INCLUDE needs a value for each of its parameters.",
            missing.join(", ")
        )))
    }

    /// What was given for a parameter.
    pub fn of(&self, parameter: &str) -> Option<&[String]> {
        self.0.get(parameter).map(Vec::as_slice)
    }
}

/// The values of one string.
fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut values = vec![];
    let mut rest = text.trim();
    loop {
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (value, after) = unquoted(quoted)?;
                (value, after.trim_start())
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim_end().to_owned(), &rest[end..])
            }
        };
        if value.is_empty() {
            return Err("has an empty value");
        }
        values.push(value);
        match after.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None if after.is_empty() => return Ok(values),
            None => return Err("has something other than a comma behind a closing quote"),
        }
    }
}

/// The text up to the closing quote, and what follows.
fn unquoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' if matches!(chars.peek(), Some((_, '"' | '\\'))) => {
                value.extend(chars.next().map(|(_, escaped)| escaped));
            }
            c => value.push(c),
        }
    }
    Err("lacks a closing quote")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_or_bare() {
        for (text, expected) in [
            (r#""comedy","drama""#, &["comedy", "drama"][..]),
            (r#" "a, b" , c d ,18"#, &["a, b", "c d", "18"]),
            (r#""say \"x\"\\""#, &["say \"x\"\\"]),
            ("comedy", &["comedy"]),
        ] {
            assert_eq!(split(text).unwrap(), expected, "{text}");
        }
        for text in ["", " ", "a,", ",a", "\"\"", "\"a", "\"a\"b", "\"a\" \"b\""] {
            assert!(split(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        let read = |expression: &str, given: &[(&str, &str)]| {
            let given = given.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
            Values::read(&Expression::parse(expression).unwrap(), &given).map_err(|error| error.to_string())
        };
        let include = "INCLUDE ItemID WHERE Items.A IN ($G) AND Items.B < $N";
        let exclude = "EXCLUDE ItemID WHERE Items.A IN ($G)";
        assert!(read(include, &[("G", "x"), ("N", "\"2\"")]).is_ok());
        assert!(read(exclude, &[]).unwrap().of("G").is_none());
        assert!(read(include, &[("G", "x")]).unwrap_err().contains("lacks N"));
        assert!(read(exclude, &[("H", "x")]).unwrap_err().contains("which has $G"));
        assert!(read(exclude, &[("g", "x")]).unwrap_err().contains("'filterValues.g'"));
        assert!(read(exclude, &[("G", "")]).unwrap_err().contains("empty value"));
    }
}
