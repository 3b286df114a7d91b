//! Reading a request: each member by name, each refusal naming the member, the value and the rule.
//!
//! Members that are unknown are ignored and `null` is the same as absent, as the hosted service has
//! it. A wrong JSON type is a `SerializationException`, a broken constraint an
//! `InvalidInputException`.

use std::collections::BTreeMap;

use domain::{ApiError, ErrorKind};
use serde_json::{Map, Value};

/// The body of a request: a JSON object.
#[derive(Clone, Debug)]
pub struct Document(Map<String, Value>);

impl Document {
    /// Reads a body; an empty one is an empty object.
    ///
    /// Fails with `SerializationException` when it is not JSON or not an object.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(other) => Err(malformed(format!("The body must be a JSON object, not {}.", describe(&other)))),
            Err(error) => Err(malformed(format!("The body is not JSON: {error}."))),
        }
    }

    /// Fails with `InvalidInput` when a text of the body holds a zero character, which no file of rows may
    /// hold either.
    pub fn without_zeros(self) -> Result<Self, ApiError> {
        no_zero_in("", &self.0).map(|()| self)
    }

    /// Its members.
    pub fn members(&self) -> Members<'_> {
        Members { map: &self.0, path: String::new() }
    }
}

/// Fails with `InvalidInput` when a value of an object that stands at `path` holds a zero character.
pub(crate) fn no_zero_in(path: &str, object: &Map<String, Value>) -> Result<(), ApiError> {
    let under = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
    match object.iter().find_map(|(name, value)| zero_in(under(name), value)) {
        None => Ok(()),
        Some(path) => Err(ApiError::invalid(format!(
            "'{path}' holds a zero character (U+0000), which ids and values cannot; leave it out."
        ))),
    }
}

/// Where a zero character is, in a value that stands at `path`.
fn zero_in(path: String, value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then_some(path),
        Value::Array(values) => {
            values.iter().enumerate().find_map(|(index, value)| zero_in(format!("{path}[{index}]"), value))
        }
        Value::Object(map) => map.iter().find_map(|(name, value)| zero_in(format!("{path}.{name}"), value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The members of a JSON object, at some path of the request.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Members<'a> {
    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The member, if it is there and not null.
    pub fn get(&self, name: &str) -> Option<Member<'a>> {
        let value = self.map.get(name).filter(|value| !value.is_null())?;
        Some(Member { path: self.path_of(name), value })
    }

    /// Reads a member that may be absent.
    pub fn optional<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Member<'a>) -> Result<T, ApiError>,
    ) -> Result<Option<T>, ApiError> {
        self.get(name).map(|member| read(&member)).transpose()
    }

    /// Reads a member that must be there.
    pub fn required<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Member<'a>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        match self.get(name) {
            Some(member) => read(&member),
            None => Err(violated(&self.path_of(name), "null", "Member must not be null")),
        }
    }

    /// The names of all members, also of those that are null.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.map.keys().map(String::as_str)
    }

    /// Refuses an option that is not built here, so that nobody believes it was honoured.
    ///
    /// `what` says in words what the option would do. Absent, `false` and empty values pass.
    pub fn not_available(&self, name: &str, what: &str) -> Result<(), ApiError> {
        let is_set = match self.map.get(name) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Object(map)) => !map.is_empty(),
            Some(Value::Array(list)) => !list.is_empty(),
            Some(_) => true,
        };
        if !is_set {
            return Ok(());
        }
        Err(ApiError::invalid(format!(
            "'{}' is set, but {what} is not available in Osusume yet: leave it out.",
            self.path_of(name)
        )))
    }
}

/// One member with its value.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// Where it stands in the request, for example `dataSource.dataLocation`.
    pub path: String,
    value: &'a Value,
}

impl<'a> Member<'a> {
    fn wrong_type(&self, expected: &str) -> ApiError {
        malformed(format!("'{}' must be {expected}, not {}.", self.path, describe(self.value)))
    }

    /// A string.
    pub fn text(&self) -> Result<&'a str, ApiError> {
        self.value.as_str().ok_or_else(|| self.wrong_type("a string"))
    }

    /// `true` or `false`.
    pub fn flag(&self) -> Result<bool, ApiError> {
        self.value.as_bool().ok_or_else(|| self.wrong_type("true or false"))
    }

    /// A whole number from `min` to `max`.
    pub fn integer(&self, min: i64, max: i64) -> Result<i64, ApiError> {
        let whole = |number: f64| number.fract() == 0.0 && number.abs() < 9e15;
        let value = match self.value {
            Value::Number(n) => n.as_i64().or_else(|| n.as_f64().filter(|n| whole(*n)).map(|n| n as i64)),
            _ => None,
        }
        .ok_or_else(|| self.wrong_type("a whole number"))?;
        if value < min {
            let rule = format!("Member must have value greater than or equal to {min}");
            return Err(violated(&self.path, &value.to_string(), &rule));
        }
        if value > max {
            let rule = format!("Member must have value less than or equal to {max}");
            return Err(violated(&self.path, &value.to_string(), &rule));
        }
        Ok(value)
    }

    /// A number, whole or not.
    pub fn number(&self) -> Result<f64, ApiError> {
        let number = self.value.as_f64().filter(|number| number.is_finite());
        number.ok_or_else(|| self.wrong_type("a number"))
    }

    /// Refuses a value that takes more than `max` bytes as JSON.
    pub(crate) fn at_most_bytes(&self, max: usize) -> Result<(), ApiError> {
        let bytes = self.value.to_string().len();
        if bytes <= max {
            return Ok(());
        }
        Err(ApiError::invalid(format!("'{}' has {bytes} bytes; at most {max} are taken.", self.path)))
    }

    /// An object that was written into a string of at most `max` characters, as SDKs send the properties
    /// of events; the object itself is taken too, as the CLI's users write it.
    pub(crate) fn json_object(&self, max: usize) -> Result<Map<String, Value>, ApiError> {
        let text = match self.value {
            Value::Object(map) => {
                self.at_most_bytes(4 * max)?;
                return Ok(map.clone());
            }
            _ => self.sized_text(1, max)?,
        };
        match serde_json::from_str(&text) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(other) => Err(ApiError::invalid(format!(
                "'{}' must hold a JSON object, not {}.",
                self.path,
                describe(&other)
            ))),
            Err(error) => Err(ApiError::invalid(format!("'{}' is not JSON: {error}.", self.path))),
        }
    }

    /// A number from `min` to `max`.
    pub fn real(&self, min: f64, max: f64) -> Result<f64, ApiError> {
        let value = self.value.as_f64().ok_or_else(|| self.wrong_type("a number"))?;
        if value < min {
            let rule = format!("Member must have value greater than or equal to {min}");
            return Err(violated(&self.path, &value.to_string(), &rule));
        }
        if value > max {
            let rule = format!("Member must have value less than or equal to {max}");
            return Err(violated(&self.path, &value.to_string(), &rule));
        }
        Ok(value)
    }

    /// An object.
    pub fn object(&self) -> Result<Members<'a>, ApiError> {
        let map = self.value.as_object().ok_or_else(|| self.wrong_type("an object"))?;
        Ok(Members { map, path: self.path.clone() })
    }

    /// The elements of a list.
    pub fn list(&self) -> Result<Vec<Member<'a>>, ApiError> {
        let list = self.value.as_array().ok_or_else(|| self.wrong_type("a list"))?;
        let element = |(index, value)| Member { path: format!("{}[{index}]", self.path), value };
        Ok(list.iter().enumerate().map(element).collect())
    }

    /// A map of strings to strings.
    pub fn strings(&self) -> Result<BTreeMap<String, String>, ApiError> {
        let members = self.object()?;
        let entries = members.map.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| {
            let member = Member { path: members.path_of(key), value };
            Ok((key.clone(), member.text()?.to_owned()))
        });
        entries.collect()
    }
}

/// A constraint of the model that a value breaks, in the words that AWS services use for it.
pub(crate) fn violated(member: &str, value: &str, rule: &str) -> ApiError {
    let value: String = if value.chars().count() > 80 {
        value.chars().take(80).chain("…".chars()).collect()
    } else {
        value.to_owned()
    };
    ApiError::invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
    ))
}

fn malformed(message: String) -> ApiError {
    ApiError::new(ErrorKind::Malformed, message)
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(b) => format!("the truth value {b}"),
        Value::Number(n) => format!("the number {n}"),
        Value::String(s) => format!("the string '{}'", s.chars().take(80).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(body: &str) -> Document {
        Document::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn a_body_that_is_no_object_is_malformed() {
        for body in ["[1]", "\"x\"", "{", "{\"a\":1}x", "\u{0}"] {
            let error = Document::parse(body.as_bytes()).unwrap_err();
            assert_eq!(error.kind.exception(), "SerializationException", "{body}");
        }
        assert!(Document::parse(b" \n").unwrap().members().get("name").is_none());
    }

    #[test]
    fn a_wrong_type_names_the_member_and_what_came() {
        let document = document(r#"{"dataSource":{"dataLocation":5}}"#);
        let source = document.members().required("dataSource", Member::object).unwrap();
        let error = source.required("dataLocation", Member::text).unwrap_err();
        assert_eq!(error.message, "'dataSource.dataLocation' must be a string, not the number 5.");
    }

    #[test]
    fn null_is_absent() {
        let document = document(r#"{"name":null}"#);
        assert_eq!(document.members().optional("name", Member::text).unwrap(), None);
        let error = document.members().required("name", Member::text).unwrap_err();
        assert!(error.message.contains("'name'"), "{}", error.message);
    }

    #[test]
    fn whole_numbers_stay_within_their_bounds() {
        for (json, ok) in [
            ("1", true),
            ("100", true),
            ("5.0", true),
            ("0", false),
            ("101", false),
            ("1.5", false),
            ("\"5\"", false),
        ] {
            let document = document(&format!("{{\"n\":{json}}}"));
            assert_eq!(document.members().required("n", |m| m.integer(1, 100)).is_ok(), ok, "{json}");
        }
    }

    #[test]
    fn an_option_that_is_not_built_is_refused_only_when_it_is_set() {
        let document = document(r#"{"a":true,"b":false,"c":{},"d":[],"e":null,"f":{"x":1}}"#);
        let members = document.members();
        for (name, refused) in
            [("a", true), ("b", false), ("c", false), ("d", false), ("e", false), ("f", true), ("g", false)]
        {
            assert_eq!(members.not_available(name, "it").is_err(), refused, "{name}");
        }
    }
}
