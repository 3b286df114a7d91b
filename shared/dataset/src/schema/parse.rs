//! JSON to fields; what a dataset needs is checked elsewhere.

use domain::limits::SCHEMA_CHARS_MAX;
use domain::resource::DatasetType;
use serde_json::{Map, Value};

use super::{Field, FieldType, Schema, SchemaError};

/// Longest field name, in characters. Keeps messages and Parquet footers small; no real schema is near it.
const NAME_CHARS_MAX: usize = 128;

pub(super) fn parse(text: &str) -> Result<Schema, SchemaError> {
    if text.trim().is_empty() {
        return Err(SchemaError::Empty);
    }
    let chars = text.chars().count();
    if chars > SCHEMA_CHARS_MAX {
        return Err(SchemaError::TooLong { chars, max: SCHEMA_CHARS_MAX });
    }
    let json: Value = serde_json::from_str(text).map_err(|error| json_error(text, &error))?;
    let Value::Object(record) = &json else {
        return Err(SchemaError::NotARecord {
            what: format!("top level is {}, not an object", kind_of(&json)),
        });
    };
    match record.get("type") {
        Some(Value::String(kind)) if kind == "record" => {}
        Some(other) => {
            return Err(SchemaError::NotARecord { what: format!("\"type\" is {other}, not \"record\"") });
        }
        None => return Err(SchemaError::NotARecord { what: "\"type\" is missing".into() }),
    }
    let Some(name) = record.get("name").and_then(Value::as_str) else {
        return Err(SchemaError::NotARecord { what: "\"name\" is missing or not a string".into() });
    };
    let fields = match record.get("fields") {
        Some(Value::Array(fields)) if !fields.is_empty() => fields,
        Some(Value::Array(_)) => return Err(SchemaError::NotARecord { what: "\"fields\" is empty".into() }),
        Some(_) => return Err(SchemaError::NotARecord { what: "\"fields\" is not an array".into() }),
        None => return Err(SchemaError::NotARecord { what: "\"fields\" is missing".into() }),
    };
    let fields = fields.iter().enumerate().map(|(at, f)| field(at, f)).collect::<Result<Vec<_>, _>>()?;
    check_names(&fields)?;
    // Samples write it without the underscore.
    let dataset_type = match name.eq_ignore_ascii_case("ActionInteractions") {
        true => Some(DatasetType::ActionInteractions),
        false => DatasetType::parse(name),
    };
    Ok(Schema { dataset_type, fields, text: text.to_owned() })
}

fn json_error(text: &str, error: &serde_json::Error) -> SchemaError {
    let (line, column) = (error.line(), error.column());
    let full = error.to_string();
    let detail = full.split(" at line ").next().unwrap_or(&full).to_owned();
    let excerpt = text
        .lines()
        .nth(line.saturating_sub(1))
        .map(|line| {
            let near: String = line.chars().skip(column.saturating_sub(20)).take(40).collect();
            format!(", near `{}`", near.trim())
        })
        .unwrap_or_default();
    SchemaError::Json { line, column, detail, excerpt }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn field(at: usize, value: &Value) -> Result<Field, SchemaError> {
    let malformed = |at: String, what: String| SchemaError::MalformedField { at, what };
    let Value::Object(object) = value else {
        return Err(malformed(format!("{}", at + 1), format!("is {}, not an object", kind_of(value))));
    };
    let name = match object.get("name") {
        Some(Value::String(name)) => name.clone(),
        Some(other) => {
            return Err(malformed(format!("{}", at + 1), format!("has {} as its name", kind_of(other))));
        }
        None => return Err(malformed(format!("{}", at + 1), "has no name".into())),
    };
    let Some(kind) = object.get("type") else {
        return Err(malformed(format!("{name:?}"), "has no type".into()));
    };
    let (kind, nullable) = field_type(&name, kind)?;
    let field = Field {
        categorical: flag(object, &name, "categorical")?,
        textual: flag(object, &name, "textual")?,
        item_name: flag(object, &name, "itemName")?,
        name,
        kind,
        nullable,
    };
    for (set, attribute) in
        [(field.categorical, "categorical"), (field.textual, "textual"), (field.item_name, "itemName")]
    {
        if set && field.kind != FieldType::String {
            let problem = format!(
                "needs the type string, not {}: write \"type\": \"string\" or remove the attribute",
                field.kind.as_str()
            );
            return Err(SchemaError::Attribute { field: field.name, attribute, problem });
        }
    }
    if field.categorical && field.textual {
        let problem = "cannot stand beside \"textual\": keep one of the two".into();
        return Err(SchemaError::Attribute { field: field.name, attribute: "categorical", problem });
    }
    Ok(field)
}

/// A boolean attribute; the string spellings occur in samples.
fn flag(object: &Map<String, Value>, field: &str, attribute: &'static str) -> Result<bool, SchemaError> {
    match object.get(attribute) {
        None => Ok(false),
        Some(Value::Bool(set)) => Ok(*set),
        Some(Value::String(set)) if set.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(set)) if set.eq_ignore_ascii_case("false") => Ok(false),
        Some(other) => Err(SchemaError::Attribute {
            field: field.to_owned(),
            attribute,
            problem: format!("is {other}: write true or false"),
        }),
    }
}

fn field_type(name: &str, value: &Value) -> Result<(FieldType, bool), SchemaError> {
    let unsupported = |found: String| SchemaError::UnsupportedType { field: name.to_owned(), found };
    let nested = |found: &Value| SchemaError::Nested { field: name.to_owned(), found: short(found) };
    let branches = match value {
        Value::String(_) => std::slice::from_ref(value),
        Value::Array(branches) => branches.as_slice(),
        Value::Object(_) => return Err(nested(value)),
        other => return Err(unsupported(short(other))),
    };
    let (mut kind, mut nullable) = (None, false);
    for branch in branches {
        match branch {
            Value::String(text) if text == "null" => nullable = true,
            Value::String(text) if matches!(text.as_str(), "array" | "map" | "record" | "enum" | "fixed") => {
                return Err(nested(branch));
            }
            Value::String(text) => match FieldType::parse(text) {
                Some(parsed) if kind.is_none() || kind == Some(parsed) => kind = Some(parsed),
                Some(_) => return Err(unsupported(short(value))),
                None => return Err(unsupported(short(branch))),
            },
            Value::Object(_) | Value::Array(_) => return Err(nested(branch)),
            other => return Err(unsupported(short(other))),
        }
    }
    kind.map(|kind| (kind, nullable)).ok_or_else(|| unsupported(short(value)))
}

/// The JSON, cut to a length that fits a message.
fn short(value: &Value) -> String {
    let full = value.to_string();
    if full.chars().count() <= 60 { full } else { full.chars().take(57).collect::<String>() + "..." }
}

fn check_names(fields: &[Field]) -> Result<(), SchemaError> {
    let mut seen: std::collections::BTreeMap<String, &str> = Default::default();
    for field in fields {
        let name = &field.name;
        let legal = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && name.bytes().any(|b| b.is_ascii_alphanumeric())
            && !name.as_bytes()[0].is_ascii_digit()
            && name.len() <= NAME_CHARS_MAX;
        if !legal {
            let kept: String = name
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
                .take(NAME_CHARS_MAX - 6)
                .collect();
            let kept = kept.trim_matches('_');
            let suggestion = match kept.bytes().next() {
                None => "COLUMN".to_owned(),
                Some(b) if b.is_ascii_digit() => format!("FIELD_{kept}"),
                Some(_) => kept.to_owned(),
            };
            let field = name.chars().take(80).collect();
            return Err(SchemaError::BadName { field, max: NAME_CHARS_MAX, suggestion });
        }
        // Columns of one Parquet file are told apart without regard to case by some engines.
        let bare = name.replace('_', "").to_ascii_uppercase();
        if let Some(first) = seen.insert(bare, name) {
            return Err(SchemaError::Clash { first: first.to_owned(), second: name.clone() });
        }
    }
    Ok(())
}
