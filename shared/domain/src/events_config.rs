//! `eventsConfig`: which event types a solution learns from, and how much each of them counts.
//!
//! Source: the developer guide, "Optimizing a solution with events configuration". Only the ratio of the
//! weights matters.

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::recipes::Recipe;
use crate::resource::SolutionConfig;

/// Most event types of a solution (botocore `EventParametersList`).
pub const EVENT_TYPES_MAX: usize = 10;

/// `eventsConfig`, as the caller gave it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventsConfig {
    /// Events of other types are not trained on. Never empty, and no type is there twice.
    pub event_parameters_list: Vec<EventParameters>,
}

/// What counts of one event type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventParameters {
    /// Its name; the case does not matter.
    pub event_type: String,
    /// Keep only events whose `EVENT_VALUE` is at least this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_value_threshold: Option<f64>,
    /// How much an event counts beside those of the other types, 0 to 1. 1 where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
}

impl EventParameters {
    /// How much an event of the type counts.
    pub fn weight(&self) -> f64 {
        self.weight.unwrap_or(1.0)
    }
}

impl EventsConfig {
    /// Whether some event types count more than others.
    pub fn weighs(&self) -> bool {
        self.event_parameters_list.windows(2).any(|pair| pair[0].weight() != pair[1].weight())
    }

    /// The event types, for people.
    pub fn names(&self) -> String {
        let names: Vec<_> = self.event_parameters_list.iter().map(|one| one.event_type.as_str()).collect();
        names.join(", ")
    }

    /// Checks a list: a type once, and something that counts.
    pub fn check(&self) -> Result<(), ApiError> {
        let list = &self.event_parameters_list;
        for (at, one) in list.iter().enumerate() {
            if list[..at].iter().any(|other| other.event_type.eq_ignore_ascii_case(&one.event_type)) {
                return Err(ApiError::invalid(format!(
                    "'eventsConfig.eventParametersList' names the event type '{}' twice, and the case does not matter: \
                     say it once.",
                    one.event_type
                )));
            }
        }
        if list.iter().all(|one| one.weight() == 0.0) {
            return Err(ApiError::invalid(
                "Every 'weight' of 'eventsConfig.eventParametersList' is 0, so nothing would be learnt: give at least one \
                 event type a weight above 0.",
            ));
        }
        Ok(())
    }
}

/// Whether `eventsConfig` goes together with the rest of a solution. `recipes` are what it may train.
pub fn agree(
    event_type: Option<&str>,
    config: Option<&SolutionConfig>,
    recipes: &[&Recipe],
) -> Result<(), ApiError> {
    let Some(config) = config else { return Ok(()) };
    let Some(events) = &config.events_config else { return Ok(()) };
    let both = |member: &str, value: &str| {
        Err(ApiError::invalid(format!(
            "'{member}' is '{value}' and 'solutionConfig.eventsConfig' is given too: it names event types and thresholds \
             of its own. Leave one of the two out."
        )))
    };
    if let Some(event_type) = event_type {
        return both("eventType", event_type);
    }
    if let Some(threshold) = &config.event_value_threshold {
        return both("solutionConfig.eventValueThreshold", threshold);
    }
    match recipes.iter().find(|recipe| !recipe.weighs_events()) {
        Some(recipe) if events.weighs() => Err(ApiError::invalid(format!(
            "'solutionConfig.eventsConfig' gives event types different weights, and {} counts an interaction or does \
             not: give all of them the same weight, which chooses the types, or train a recipe that learns from \
             weights, for example arn:aws:personalize:::recipe/aws-user-personalization.",
            recipe.arn()
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::find_by_name;

    fn events(list: &[(&str, Option<f64>)]) -> EventsConfig {
        let one = |&(event_type, weight): &(&str, Option<f64>)| EventParameters {
            event_type: event_type.to_owned(),
            event_value_threshold: None,
            weight,
        };
        EventsConfig { event_parameters_list: list.iter().map(one).collect() }
    }

    #[test]
    fn a_type_stands_once_and_something_counts() {
        for (list, ok) in [
            (&[("Buy", Some(1.0)), ("View", Some(0.1))][..], true),
            (&[("Buy", None), ("View", Some(0.0))], true),
            (&[("Buy", None), ("buy", None)], false),
            (&[("Buy", Some(0.0)), ("View", Some(0.0))], false),
        ] {
            assert_eq!(events(list).check().is_ok(), ok, "{list:?}");
        }
    }

    #[test]
    fn weights_are_for_recipes_that_learn_from_them() {
        let both = [("Buy", Some(1.0)), ("View", Some(0.1))];
        let same = [("Buy", Some(0.4)), ("View", Some(0.4))];
        for (recipe, list, ok) in [
            ("aws-hrnn", both, true),
            ("aws-popularity-count", both, true),
            ("aws-sims", both, false),
            ("aws-sims", same, true),
            ("aws-trending-now", both, false),
        ] {
            let config = SolutionConfig { events_config: Some(events(&list)), ..SolutionConfig::default() };
            let agreed = agree(None, Some(&config), &[find_by_name(recipe).unwrap()]);
            assert_eq!(agreed.is_ok(), ok, "{recipe} {list:?}");
            assert!(agree(Some("Buy"), Some(&config), &[]).is_err(), "beside eventType");
        }
    }
}
