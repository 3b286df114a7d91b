//! Which fields each dataset type needs, and how many it may have.
//!
//! Source: Amazon Personalize developer guide, "Schemas" and "Domain datasets and schemas"; column
//! limits from "Endpoints and quotas" (2025 numbers, the larger ones).

use domain::resource::DatasetType;

use super::{Field, FieldType, Schema, SchemaError};

/// The domains that dataset groups may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// `ECOMMERCE`.
    Ecommerce,
    /// `VIDEO_ON_DEMAND`.
    VideoOnDemand,
}

impl Domain {
    /// Reads the API's spelling.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        match text {
            "ECOMMERCE" => Ok(Self::Ecommerce),
            "VIDEO_ON_DEMAND" => Ok(Self::VideoOnDemand),
            _ => Err(SchemaError::UnknownDomain { found: text.to_owned() }),
        }
    }
}

/// A field whose name has a meaning.
struct Reserved {
    name: &'static str,
    types: &'static [FieldType],
    /// The domain group that the rule belongs to; `None` is every group.
    domain: Option<Domain>,
    required: bool,
    /// The type as it should be written, for messages.
    write: &'static str,
}

const fn reserved(
    name: &'static str,
    types: &'static [FieldType],
    domain: Option<Domain>,
    required: bool,
    write: &'static str,
) -> Reserved {
    Reserved { name, types, domain, required, write }
}

const TEXT: &[FieldType] = &[FieldType::String];
const WHOLE: &[FieldType] = &[FieldType::Long];
const NUMBER: &[FieldType] = &[FieldType::Float, FieldType::Double];
const STRING: &str = "\"string\"";
const STRING_OR_NULL: &str = "[\"null\", \"string\"]";
const LONG: &str = "\"long\"";
const LONG_OR_NULL: &str = "[\"null\", \"long\"]";
const FLOAT: &str = "\"float\"";
const FLOAT_OR_NULL: &str = "[\"null\", \"float\"]";
const SHOP: Option<Domain> = Some(Domain::Ecommerce);
const VIDEO: Option<Domain> = Some(Domain::VideoOnDemand);

// Where a field stands twice the row with `required` counts for its domain.
const INTERACTIONS: &[Reserved] = &[
    reserved("USER_ID", TEXT, None, true, STRING),
    reserved("ITEM_ID", TEXT, None, true, STRING),
    reserved("TIMESTAMP", WHOLE, None, true, LONG),
    reserved("EVENT_TYPE", TEXT, SHOP, true, STRING),
    reserved("EVENT_TYPE", TEXT, VIDEO, true, STRING),
    reserved("EVENT_TYPE", TEXT, None, false, STRING),
    reserved("EVENT_VALUE", NUMBER, None, false, FLOAT_OR_NULL),
    reserved("IMPRESSION", TEXT, None, false, STRING_OR_NULL),
    reserved("RECOMMENDATION_ID", TEXT, None, false, STRING_OR_NULL),
    reserved("EVENT_ATTRIBUTION_SOURCE", TEXT, None, false, STRING_OR_NULL),
];

const ITEMS: &[Reserved] = &[
    reserved("ITEM_ID", TEXT, None, true, STRING),
    reserved("PRICE", NUMBER, SHOP, true, FLOAT),
    reserved("CATEGORY_L1", TEXT, SHOP, true, STRING),
    reserved("GENRES", TEXT, VIDEO, true, STRING),
    reserved("CREATION_TIMESTAMP", WHOLE, VIDEO, true, LONG),
    // The guide says float in one place and long in another for shops; both are accepted there.
    reserved(
        "CREATION_TIMESTAMP",
        &[FieldType::Long, FieldType::Float, FieldType::Double],
        SHOP,
        false,
        LONG,
    ),
    reserved("CREATION_TIMESTAMP", WHOLE, None, false, LONG),
    reserved("PRODUCT_DESCRIPTION", TEXT, None, false, STRING_OR_NULL),
];

const USERS: &[Reserved] = &[reserved("USER_ID", TEXT, None, true, STRING)];

const ACTIONS: &[Reserved] = &[
    reserved("ACTION_ID", TEXT, None, true, STRING),
    reserved("CREATION_TIMESTAMP", WHOLE, None, false, LONG),
    reserved("VALUE", WHOLE, None, false, LONG_OR_NULL),
    reserved("TYPE", TEXT, None, false, STRING_OR_NULL),
    reserved("ACTION_EXPIRATION_TIMESTAMP", WHOLE, None, false, LONG_OR_NULL),
    reserved("REPEAT_FREQUENCY", WHOLE, None, false, LONG_OR_NULL),
];

const ACTION_INTERACTIONS: &[Reserved] = &[
    reserved("USER_ID", TEXT, None, true, STRING),
    reserved("ACTION_ID", TEXT, None, true, STRING),
    reserved("EVENT_TYPE", TEXT, None, true, STRING),
    reserved("TIMESTAMP", WHOLE, None, true, LONG),
    reserved("RECOMMENDATION_ID", TEXT, None, false, STRING_OR_NULL),
    reserved("IMPRESSION", TEXT, None, false, STRING_OR_NULL),
];

/// Metadata columns an Interactions dataset may have besides the reserved ones.
pub const INTERACTIONS_METADATA_MAX: usize = 5;
/// Reserved optional and metadata columns of Interactions together; the guide counts event types in.
pub const INTERACTIONS_OPTIONAL_MAX: usize = 10;
/// Metadata columns an Items dataset may have.
pub const ITEMS_METADATA_MAX: usize = 100;
/// Metadata columns a Users dataset may have.
pub const USERS_METADATA_MAX: usize = 25;
/// Metadata columns an Actions dataset may have, and an Action_Interactions dataset besides the reserved ones.
pub const ACTIONS_METADATA_MAX: usize = 10;
/// Columns with `"textual": true` an Items dataset may have.
pub const ITEMS_TEXTUAL_MAX: usize = 1;

/// The column that names a row's subject: rows with the same key replace each other in Items, Users and Actions.
pub fn key_column(dataset_type: DatasetType) -> Option<&'static str> {
    match dataset_type {
        DatasetType::Interactions | DatasetType::ActionInteractions => None,
        DatasetType::Items => Some("ITEM_ID"),
        DatasetType::Users => Some("USER_ID"),
        DatasetType::Actions => Some("ACTION_ID"),
    }
}

/// Whether the name has a meaning of its own in a dataset of that type, in any domain.
pub fn is_reserved(dataset_type: DatasetType, name: &str) -> bool {
    table(dataset_type).iter().any(|field| field.name == name)
}

/// Whether every dataset of that type has the column, whatever its domain.
pub fn is_always_required(dataset_type: DatasetType, name: &str) -> bool {
    table(dataset_type).iter().any(|field| field.name == name && field.required && field.domain.is_none())
}

/// Whether the column holds ids of users, items or actions.
pub fn is_id(name: &str) -> bool {
    matches!(name, "USER_ID" | "ITEM_ID" | "ACTION_ID")
}

fn table(dataset_type: DatasetType) -> &'static [Reserved] {
    match dataset_type {
        DatasetType::Interactions => INTERACTIONS,
        DatasetType::Items => ITEMS,
        DatasetType::Users => USERS,
        DatasetType::Actions => ACTIONS,
        DatasetType::ActionInteractions => ACTION_INTERACTIONS,
    }
}

fn label(dataset_type: DatasetType) -> String {
    match dataset_type {
        DatasetType::Interactions => "Interactions".into(),
        DatasetType::Items => "Items".into(),
        DatasetType::Users => "Users".into(),
        DatasetType::Actions => "Actions".into(),
        DatasetType::ActionInteractions => "Action_Interactions".into(),
    }
}

pub(super) fn check(
    schema: &Schema,
    dataset_type: DatasetType,
    domain: Option<Domain>,
) -> Result<(), SchemaError> {
    let rules: Vec<&Reserved> =
        table(dataset_type).iter().filter(|rule| rule.domain.is_none() || rule.domain == domain).collect();
    check_present(schema, dataset_type, &rules)?;
    for field in &schema.fields {
        if let Some(rule) = rules.iter().find(|rule| rule.name == field.name) {
            check_reserved(field, rule, dataset_type)?;
        }
        if field.textual && dataset_type != DatasetType::Items {
            let problem =
                format!("is for Items schemas only: remove it from this {} schema", label(dataset_type));
            return Err(SchemaError::Attribute { field: field.name.clone(), attribute: "textual", problem });
        }
    }
    check_counts(schema, dataset_type, &rules)
}

fn check_present(schema: &Schema, dataset_type: DatasetType, rules: &[&Reserved]) -> Result<(), SchemaError> {
    let missing: Vec<&&Reserved> =
        rules.iter().filter(|rule| rule.required && schema.field(rule.name).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let bare = |name: &str| name.replace('_', "").to_ascii_uppercase();
    let near: Vec<String> = missing
        .iter()
        .filter_map(|rule| schema.fields.iter().find(|field| bare(&field.name) == bare(rule.name)))
        .map(|field| format!("{:?}", field.name))
        .collect();
    let near = if near.is_empty() {
        String::new()
    } else {
        format!(" ({} is spelled differently; spell it exactly so)", near.join(", "))
    };
    let mend: Vec<String> = missing
        .iter()
        .map(|rule| format!("{{\"name\": \"{}\", \"type\": {}}}", rule.name, rule.write))
        .collect();
    Err(SchemaError::Missing {
        dataset: label(dataset_type),
        missing: missing.iter().map(|rule| rule.name).collect::<Vec<_>>().join(", "),
        near,
        plural: if missing.len() == 1 { "" } else { "s" },
        mend: mend.join(" and "),
    })
}

fn check_reserved(field: &Field, rule: &Reserved, dataset_type: DatasetType) -> Result<(), SchemaError> {
    let dataset = label(dataset_type);
    if !rule.types.contains(&field.kind) {
        return Err(SchemaError::WrongType {
            dataset,
            field: field.name.clone(),
            expected: rule.types[0].as_str().to_owned(),
            found: field.kind.as_str().to_owned(),
            mend: rule.write.to_owned(),
        });
    }
    if rule.required && field.nullable {
        return Err(SchemaError::RequiredNull {
            dataset,
            field: field.name.clone(),
            mend: rule.write.to_owned(),
        });
    }
    Ok(())
}

fn check_counts(schema: &Schema, dataset_type: DatasetType, rules: &[&Reserved]) -> Result<(), SchemaError> {
    let reserved = |field: &Field| rules.iter().any(|rule| rule.name == field.name);
    let required = |field: &Field| rules.iter().any(|rule| rule.name == field.name && rule.required);
    let metadata = |field: &Field| match dataset_type {
        DatasetType::Interactions | DatasetType::ActionInteractions => !reserved(field),
        // Everything but the key tells something about an item, user or action.
        DatasetType::Items | DatasetType::Users | DatasetType::Actions => {
            Some(field.name.as_str()) != key_column(dataset_type)
        }
    };
    let at_most = |what: &'static str, max: usize, names: Vec<&str>| {
        if names.len() <= max {
            return Ok(());
        }
        Err(SchemaError::TooMany {
            dataset: label(dataset_type),
            what,
            count: names.len(),
            max,
            surplus: names.len() - max,
            names: names.iter().take(20).copied().collect::<Vec<_>>().join(", "),
        })
    };
    let names = |keep: &dyn Fn(&Field) -> bool| -> Vec<&str> {
        schema.fields.iter().filter(|field| keep(field)).map(|field| field.name.as_str()).collect()
    };
    let columns = names(&metadata);
    let max = match dataset_type {
        DatasetType::Interactions => INTERACTIONS_METADATA_MAX,
        DatasetType::Items => ITEMS_METADATA_MAX,
        DatasetType::Users => USERS_METADATA_MAX,
        DatasetType::Actions | DatasetType::ActionInteractions => ACTIONS_METADATA_MAX,
    };
    if let (Some(key), true) = (key_column(dataset_type), columns.is_empty()) {
        return Err(SchemaError::NoMetadata { dataset: label(dataset_type), key });
    }
    at_most("metadata columns", max, columns)?;
    if dataset_type == DatasetType::Interactions {
        at_most("optional columns", INTERACTIONS_OPTIONAL_MAX, names(&|field| !required(field)))?;
    }
    at_most("textual columns", ITEMS_TEXTUAL_MAX, names(&|field| field.textual))
}
