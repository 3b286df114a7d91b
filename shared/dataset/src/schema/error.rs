//! What can be wrong with a schema, and how to mend it.

/// Why a schema was refused. The message says what is wrong, where, and what to write instead.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum SchemaError {
    #[error("The schema is empty. Give an Avro record, for example {EXAMPLE}.")]
    Empty,
    #[error(
        "The schema has {chars} characters; at most {max} are allowed. \
         Remove documentation attributes or columns that are not used."
    )]
    TooLong { chars: usize, max: usize },
    #[error(
        "The schema is not valid JSON: {detail} at line {line}, column {column}{excerpt}. \
         Check the commas, quotes and brackets there."
    )]
    Json { line: usize, column: usize, detail: String, excerpt: String },
    #[error("The schema's {what}. Give an Avro record, for example {EXAMPLE}.")]
    NotARecord { what: String },
    #[error(
        "Field {at} of the schema {what}. \
         Write each field as {{\"name\": \"ITEM_ID\", \"type\": \"string\"}}."
    )]
    MalformedField { at: String, what: String },
    #[error(
        "Field {field:?} of the schema has the nested type {found}. Schemas are flat: use float, \
         double, int, long, string or boolean, and put several values into one string separated by \"|\"."
    )]
    Nested { field: String, found: String },
    #[error(
        "Field {field:?} of the schema has the unsupported type {found}. Use float, double, int, long, \
         string or boolean, or a union of one of them with null such as [\"null\", \"string\"]."
    )]
    UnsupportedType { field: String, found: String },
    #[error(
        "Field name {field:?} of the schema is not allowed: names are letters, digits and underscores, \
         begin with a letter or underscore, and have at most {max} characters. \
         Rename it, for example to {suggestion:?}."
    )]
    BadName { field: String, max: usize, suggestion: String },
    #[error(
        "Field names {first:?} and {second:?} of the schema clash: names must differ after underscores \
         are removed. Rename one of them."
    )]
    Clash { first: String, second: String },
    #[error("Attribute {attribute:?} of field {field:?} {problem}.")]
    Attribute { field: String, attribute: &'static str, problem: String },
    #[error("The {dataset} schema needs the required field{plural} {missing}{near}. Add {mend}.")]
    Missing { dataset: String, missing: String, near: String, plural: &'static str, mend: String },
    #[error(
        "Field {field:?} of the {dataset} schema must have the type {expected}, not {found}. \
         Write \"type\": {mend}."
    )]
    WrongType { dataset: String, field: String, expected: String, found: String, mend: String },
    #[error(
        "Field {field:?} of the {dataset} schema is required and may not be null. Write \"type\": {mend}."
    )]
    RequiredNull { dataset: String, field: String, mend: String },
    #[error(
        "The {dataset} schema needs at least one metadata field besides {key}. Add one, for example \
         {{\"name\": \"GENRES\", \"type\": [\"null\", \"string\"], \"categorical\": true}}."
    )]
    NoMetadata { dataset: String, key: &'static str },
    #[error(
        "The {dataset} schema has {count} {what}; at most {max} are allowed. Remove {surplus} of them: {names}."
    )]
    TooMany { dataset: String, what: &'static str, count: usize, max: usize, surplus: usize, names: String },
    #[error("The new schema lacks the field {field:?}: what is imported has it, so it stays. Add {mend}.")]
    Dropped { field: String, mend: String },
    #[error(
        "The new schema has {found} differently: a field that is there keeps its type and attributes. Write \
         {mend}."
    )]
    Changed { found: String, mend: String },
    #[error(
        "The new schema adds the field {field:?}, which takes no null: rows that are imported already have no \
         value for it. Write {mend}."
    )]
    AddedWithoutNull { field: String, mend: String },
    #[error("The domain {found:?} is not known. Use ECOMMERCE or VIDEO_ON_DEMAND, or leave it out.")]
    UnknownDomain { found: String },
}

pub(super) const EXAMPLE: &str = r#"{"type": "record", "name": "Interactions", "namespace": "com.amazonaws.personalize.schema", "fields": [{"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"}, {"name": "TIMESTAMP", "type": "long"}], "version": "1.0"}"#;
