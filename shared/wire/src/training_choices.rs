//! What a training looks at, in requests and answers: botocore's `EventsConfig`, `TrainingDataConfig` and
//! `OptimizationObjective`.

use domain::ApiError;
use domain::events_config::{EVENT_TYPES_MAX, EventParameters, EventsConfig};
use domain::objective::{OptimizationObjective, Sensitivity};
use domain::training_columns::{COLUMNS_MAX, Columns, DATASETS_MAX, TrainingDataConfig};
use serde_json::Value;

use crate::members::{Member, violated};
use crate::shape::Shape;

pub(crate) const EVENT_TYPE_CHARS_MAX: usize = 256;
const DATASET_TYPE_CHARS_MAX: usize = 256;
const ITEM_ATTRIBUTE_CHARS_MAX: usize = 150;

/// `eventsConfig`; nothing where its list is empty.
pub(crate) fn events_config(member: &Member<'_>) -> Result<Option<EventsConfig>, ApiError> {
    let list = member.object()?.optional("eventParametersList", event_parameters)?.unwrap_or_default();
    if list.is_empty() {
        return Ok(None);
    }
    let config = EventsConfig { event_parameters_list: list };
    config.check()?;
    Ok(Some(config))
}

fn event_parameters(member: &Member<'_>) -> Result<Vec<EventParameters>, ApiError> {
    let list = member.list()?;
    if list.len() > EVENT_TYPES_MAX {
        let rule = format!("Member must have length less than or equal to {EVENT_TYPES_MAX}");
        return Err(violated(&member.path, &format!("{} elements", list.len()), &rule));
    }
    list.iter().map(one_type).collect()
}

fn one_type(member: &Member<'_>) -> Result<EventParameters, ApiError> {
    let members = member.object()?;
    let event_type = members.optional("eventType", |m| m.sized_text(0, EVENT_TYPE_CHARS_MAX))?;
    let event_value_threshold = members.optional("eventValueThreshold", |m| m.real(0.0, f64::MAX))?;
    let weight = members.optional("weight", |m| m.real(0.0, 1.0))?;
    let Some(event_type) = event_type.filter(|text| !text.is_empty()) else {
        return Err(ApiError::invalid(format!(
            "'{}.eventType' is missing: say which events the threshold and the weight are for.",
            member.path
        )));
    };
    Ok(EventParameters { event_type, event_value_threshold, weight })
}

/// `eventsConfig` as it was given.
pub(crate) fn events_value(config: &EventsConfig) -> Value {
    let one = |one: &EventParameters| {
        Shape::new()
            .with("eventType", one.event_type.as_str())
            .with_some("eventValueThreshold", one.event_value_threshold)
            .with_some("weight", one.weight)
            .into()
    };
    let list: Vec<Value> = config.event_parameters_list.iter().map(one).collect();
    Shape::new().with("eventParametersList", list).into()
}

/// `trainingDataConfig`; nothing where both maps are empty. Whether there are such columns is for the caller to
/// see.
pub(crate) fn training_data_config(member: &Member<'_>) -> Result<Option<TrainingDataConfig>, ApiError> {
    let members = member.object()?;
    let map = |name| Ok::<_, ApiError>(members.optional(name, columns)?.unwrap_or_default());
    let config = TrainingDataConfig {
        excluded_dataset_columns: map("excludedDatasetColumns")?,
        included_dataset_columns: map("includedDatasetColumns")?,
    };
    Ok(Some(config).filter(|config| !config.is_empty()))
}

fn columns(member: &Member<'_>) -> Result<Columns, ApiError> {
    let members = member.object()?;
    let mut found = Columns::new();
    for name in members.names() {
        let entry = members.path_of(name);
        if name.chars().count() > DATASET_TYPE_CHARS_MAX {
            let rule = format!("Member must have length less than or equal to {DATASET_TYPE_CHARS_MAX}");
            return Err(violated(&entry, name, &rule));
        }
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphabetic() || c == '_') {
            let rule = "Member must satisfy regular expression pattern: ^[A-Za-z_]+$";
            return Err(violated(&entry, name, rule));
        }
        if let Some(list) = members.optional(name, column_names)? {
            found.insert(name.to_owned(), list);
        }
    }
    if found.len() > DATASETS_MAX {
        let rule = format!("Member must have length less than or equal to {DATASETS_MAX}");
        return Err(violated(&member.path, &format!("{} entries", found.len()), &rule));
    }
    Ok(found)
}

fn column_names(member: &Member<'_>) -> Result<Vec<String>, ApiError> {
    let list = member.list()?;
    if list.len() > COLUMNS_MAX {
        let rule = format!("Member must have length less than or equal to {COLUMNS_MAX}");
        return Err(violated(&member.path, &format!("{} elements", list.len()), &rule));
    }
    list.iter().map(Member::column_name).collect()
}

/// `trainingDataConfig` as it was given.
pub(crate) fn columns_value(config: &TrainingDataConfig) -> Value {
    let map = |columns: &Columns| {
        let entries = columns.iter().map(|(kind, names)| (kind.clone(), Value::from(names.clone())));
        (!columns.is_empty()).then(|| Value::Object(entries.collect()))
    };
    Shape::new()
        .with_some("excludedDatasetColumns", map(&config.excluded_dataset_columns))
        .with_some("includedDatasetColumns", map(&config.included_dataset_columns))
        .into()
}

/// `optimizationObjective`; nothing where it is empty.
pub(crate) fn objective(member: &Member<'_>) -> Result<Option<OptimizationObjective>, ApiError> {
    let members = member.object()?;
    let words = Sensitivity::ALL.map(Sensitivity::as_str);
    let word = members.optional("objectiveSensitivity", |m| m.word(&words))?;
    let objective = OptimizationObjective {
        item_attribute: members.optional("itemAttribute", |m| m.sized_text(1, ITEM_ATTRIBUTE_CHARS_MAX))?,
        objective_sensitivity: word
            .and_then(|word| Sensitivity::ALL.into_iter().find(|one| one.as_str() == word)),
    };
    if objective.item_attribute.is_none() && objective.sensitivity() != Sensitivity::Off {
        return Err(ApiError::invalid(format!(
            "'{}.objectiveSensitivity' is {}, but 'itemAttribute' is missing: name the column of the Items dataset \
             that is to be maximized.",
            member.path,
            objective.sensitivity().as_str()
        )));
    }
    Ok(Some(objective).filter(|objective| *objective != OptimizationObjective::default()))
}

/// `optimizationObjective` as it was given.
pub(crate) fn objective_value(objective: &OptimizationObjective) -> Value {
    Shape::new()
        .with_some("itemAttribute", objective.item_attribute.as_deref())
        .with_some("objectiveSensitivity", objective.objective_sensitivity.map(Sensitivity::as_str))
        .into()
}
