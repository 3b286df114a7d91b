//! One part's columns while its rows are being parsed.

use crate::schema::{Field, FieldType};

use super::dictionary::Dictionary;

/// The values of one column that are not null, in the order of the rows.
pub(crate) enum Values {
    Text { dictionary: Dictionary, codes: Vec<u32> },
    Long(Vec<i64>),
    Int(Vec<i32>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
}

/// A column being built.
pub(crate) struct ColumnBuilder {
    pub name: String,
    pub values: Values,
    /// For each row whether it has a value; only in nullable columns.
    pub present: Option<Vec<bool>>,
}

impl ColumnBuilder {
    pub fn new(field: &Field) -> Self {
        let values = match field.kind {
            FieldType::String => Values::Text { dictionary: Dictionary::default(), codes: vec![] },
            FieldType::Long => Values::Long(vec![]),
            FieldType::Int => Values::Int(vec![]),
            FieldType::Float => Values::Float(vec![]),
            FieldType::Double => Values::Double(vec![]),
            FieldType::Boolean => Values::Boolean(vec![]),
        };
        Self { name: field.name.clone(), values, present: field.nullable.then(Vec::new) }
    }
}
