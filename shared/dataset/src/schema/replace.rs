//! What a dataset's new schema may differ in from the one before.
//!
//! Source: developer guide, "Replacing a dataset's schema": the columns that there are stay as they are,
//! and further ones must take null, because rows that were imported before have no value for them.

use super::{Field, Schema, SchemaError};

pub(super) fn check(new: &Schema, old: &Schema) -> Result<(), SchemaError> {
    for before in &old.fields {
        match new.field(&before.name) {
            None => {
                return Err(SchemaError::Dropped { field: before.name.clone(), mend: written(before) });
            }
            Some(now) if now != before => {
                return Err(SchemaError::Changed { found: written(now), mend: written(before) });
            }
            Some(_) => {}
        }
    }
    match new.fields.iter().find(|field| old.field(&field.name).is_none() && !field.nullable) {
        None => Ok(()),
        Some(field) => Err(SchemaError::AddedWithoutNull {
            field: field.name.clone(),
            mend: written(&Field { nullable: true, ..field.clone() }),
        }),
    }
}

/// A field as a schema writes it.
fn written(field: &Field) -> String {
    let kind = match field.nullable {
        true => format!("[\"null\", \"{}\"]", field.kind.as_str()),
        false => format!("\"{}\"", field.kind.as_str()),
    };
    let attributes =
        [("categorical", field.categorical), ("textual", field.textual), ("itemName", field.item_name)];
    let set = attributes.into_iter().filter(|(_, set)| *set);
    let attributes: String = set.map(|(name, _)| format!(", \"{name}\": true")).collect();
    format!("{{\"name\": \"{}\", \"type\": {kind}{attributes}}}", field.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(fields: &str) -> Schema {
        let text = format!(
            r#"{{"type":"record","name":"Items","fields":[{{"name":"ITEM_ID","type":"string"}},{fields}]}}"#
        );
        Schema::parse(&text).unwrap()
    }

    #[test]
    fn columns_may_be_added_and_moved() {
        let old =
            schema(r#"{"name":"A","type":"int"},{"name":"B","type":["string","null"],"categorical":true}"#);
        let new = schema(
            r#"{"name":"C","type":["null","float"]},{"name":"B","type":["null","string"],"categorical":true},
               {"name":"A","type":"int"}"#,
        );
        new.check_replaces(&old).unwrap();
        old.check_replaces(&old).unwrap();
    }

    #[test]
    fn what_was_there_stays_as_it_is() {
        let old =
            schema(r#"{"name":"A","type":"int"},{"name":"B","type":["null","string"],"categorical":true}"#);
        let a = r#"{"name":"A","type":"int"}"#;
        for (fields, words) in [
            (
                a.to_owned(),
                vec!["lacks the field \"B\"", r#""type": ["null", "string"], "categorical": true}"#],
            ),
            (
                format!(r#"{a},{{"name":"B","type":"string","categorical":true}}"#),
                vec!["differently", "\"B\""],
            ),
            (format!(r#"{a},{{"name":"B","type":["null","string"]}}"#), vec!["categorical"]),
            (
                r#"{"name":"A","type":"long"},{"name":"B","type":["null","string"],"categorical":true}"#
                    .to_owned(),
                vec!["\"long\"", "\"int\""],
            ),
            (
                format!(
                    r#"{a},{{"name":"B","type":["null","string"],"categorical":true}},{{"name":"C","type":"float"}}"#
                ),
                vec!["\"C\"", r#"["null", "float"]"#],
            ),
        ] {
            let message = schema(&fields).check_replaces(&old).unwrap_err().to_string();
            for word in words {
                assert!(message.contains(word), "{message} lacks {word}");
            }
        }
    }
}
