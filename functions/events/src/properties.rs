//! Properties of events, items and users, held to the columns of a dataset.
//!
//! Callers write columns in camel case (`numRatings` for `NUM_RATINGS`); names are compared without case
//! and underscores, in which a schema's names are distinct. Values become the text that a CSV would have.

use std::collections::BTreeMap;

use dataset::Schema;
use dataset::schema::{Field, FieldType};
use domain::ApiError;
use domain::limits::CATEGORICAL_CHARS_MAX;
use serde_json::{Map, Value};

/// The columns that `properties` name.
///
/// `reserved` says which columns the rest of the request fills; `path` is where the properties belong.
/// Fails with `InvalidInput` for a name that is no column, a value that does not fit its column, and a
/// column without null that is left out.
pub(crate) fn columns(
    schema: &Schema,
    reserved: impl Fn(&str) -> bool,
    properties: &Map<String, Value>,
    path: &str,
) -> Result<BTreeMap<String, String>, ApiError> {
    let free = || schema.fields.iter().filter(|field| !reserved(&field.name));
    let mut columns = BTreeMap::new();
    for (name, value) in properties {
        let field = free().find(|field| bare(&field.name) == bare(name)).ok_or_else(|| {
            let names: Vec<&str> = free().map(|field| field.name.as_str()).collect();
            ApiError::invalid(format!(
                "'{path}.properties' holds {name}, which is no column of the dataset that properties fill; \
                 those are [{}].",
                names.join(", ")
            ))
        })?;
        let text = text(field, value).map_err(|must| {
            let shown: String = value.to_string().chars().take(80).collect();
            ApiError::invalid(format!("'{path}.properties.{name}' is {shown}; it must be {must}."))
        })?;
        if let Some(text) = text {
            columns.insert(field.name.clone(), text);
        }
    }
    let missing: Vec<&str> = free()
        .filter(|field| !field.nullable && !columns.contains_key(&field.name))
        .map(|field| field.name.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(ApiError::invalid(format!(
            "'{path}.properties' lacks {}, which the schema of the dataset does not let be null.",
            missing.join(", ")
        )));
    }
    Ok(columns)
}

fn bare(name: &str) -> String {
    name.replace('_', "").to_ascii_lowercase()
}

/// A value as text, nothing for null; fails with what it must be.
fn text(field: &Field, value: &Value) -> Result<Option<String>, String> {
    let text = match (field.kind, value) {
        (_, Value::Null) if field.nullable => return Ok(None),
        (FieldType::String, Value::String(text)) => categories(field, text.clone())?,
        // Several categories, as AWS's examples send them too.
        (FieldType::String, Value::Array(list)) if field.categorical => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            categories(field, texts.ok_or("a list of strings")?.join("|"))?
        }
        (FieldType::Boolean, Value::Bool(flag)) => flag.to_string(),
        (FieldType::Long, Value::Number(number)) => whole(number).ok_or("a whole number")?.to_string(),
        (FieldType::Int, Value::Number(number)) => {
            let number = whole(number).and_then(|number| i32::try_from(number).ok());
            number.ok_or("a whole number of 32 bits")?.to_string()
        }
        (FieldType::Float | FieldType::Double, Value::Number(number)) => number.to_string(),
        _ => return Err(must(field)),
    };
    // An empty text is null in a CSV, where the schema has null.
    Ok((!text.is_empty() || !field.nullable).then_some(text))
}

fn must(field: &Field) -> String {
    let what = match field.kind {
        FieldType::String => "a string",
        FieldType::Boolean => "true or false",
        FieldType::Long | FieldType::Int => "a whole number",
        FieldType::Float | FieldType::Double => "a number",
    };
    if field.nullable { format!("{what} or null") } else { what.to_owned() }
}

fn categories(field: &Field, text: String) -> Result<String, String> {
    let long =
        field.categorical && text.split('|').any(|category| category.chars().count() > CATEGORICAL_CHARS_MAX);
    if long {
        return Err(format!("categories of at most {CATEGORICAL_CHARS_MAX} characters"));
    }
    if text.is_empty() && !field.nullable {
        return Err("a string that is not empty".to_owned());
    }
    Ok(text)
}

/// `5.0` is whole: not every client keeps whole numbers apart.
fn whole(number: &serde_json::Number) -> Option<i64> {
    let near = |number: f64| (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64);
    number.as_i64().or_else(|| near(number.as_f64()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let text = json!({ "type": "record", "name": "Items", "fields": [
            { "name": "ITEM_ID", "type": "string" },
            { "name": "GENRES", "type": ["null", "string"], "categorical": true },
            { "name": "NUM_RATINGS", "type": "int" },
            { "name": "CREATION_TIMESTAMP", "type": ["null", "long"] },
            { "name": "PRICE", "type": ["null", "float"] },
            { "name": "IS_NEW", "type": ["null", "boolean"] },
        ], "version": "1.0" });
        Schema::parse(&text.to_string()).unwrap()
    }

    fn read(properties: Value) -> Result<BTreeMap<String, String>, String> {
        let properties = properties.as_object().unwrap();
        columns(&schema(), |name| name == "ITEM_ID", properties, "items[0]").map_err(|error| error.message)
    }

    #[test]
    fn names_in_camel_case_are_the_columns_of_the_schema() {
        let properties = json!({ "genres": ["Drama", "War"], "numRatings": 5.0, "creation_timestamp": 7,
            "PRICE": 1.5, "isNew": false });
        let expected = [
            ("CREATION_TIMESTAMP", "7"),
            ("GENRES", "Drama|War"),
            ("IS_NEW", "false"),
            ("NUM_RATINGS", "5"),
            ("PRICE", "1.5"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(properties).unwrap(), BTreeMap::from(expected));
        let nulls = json!({ "numRatings": 1, "genres": null, "price": null });
        assert_eq!(read(nulls).unwrap().len(), 1);
    }

    #[test]
    fn what_does_not_fit_the_schema_is_refused_with_where_and_why() {
        for (properties, words) in [
            (json!({ "numRatings": 1, "director": "x" }), "items[0].properties' holds director"),
            (json!({ "numRatings": 1, "itemId": "x" }), "holds itemId"),
            (json!({ "numRatings": "1" }), "a whole number"),
            (json!({ "numRatings": 1.5 }), "32 bits"),
            (json!({ "numRatings": 3_000_000_000_i64 }), "32 bits"),
            (json!({ "numRatings": null }), "a whole number"),
            (json!({ "genres": "x" }), "lacks NUM_RATINGS"),
            (json!({ "numRatings": 1, "genres": "x".repeat(1_001) }), "1000 characters"),
            (json!({ "numRatings": 1, "genres": [1] }), "a list of strings"),
            (json!({ "numRatings": 1, "isNew": "yes" }), "true or false or null"),
            (json!({ "numRatings": 1, "price": true }), "a number or null"),
        ] {
            let message = read(properties.clone()).unwrap_err();
            assert!(message.contains(words), "{properties}: {message}");
        }
    }
}
