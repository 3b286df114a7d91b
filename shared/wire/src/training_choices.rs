//! What a training looks at, in requests and answers: botocore's `EventsConfig`.

use domain::ApiError;
use domain::events_config::{EVENT_TYPES_MAX, EventParameters, EventsConfig};
use serde_json::Value;

use crate::members::{Member, violated};
use crate::shape::Shape;

pub(crate) const EVENT_TYPE_CHARS_MAX: usize = 256;

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
    let event_value_threshold = members.optional("eventValueThreshold", Member::number)?;
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
