//! The events API: requests of `PutEvents`, `PutItems`, `PutUsers`, `PutActions` and `PutActionInteractions`.
//!
//! What a property means depends on the dataset's schema, so properties stay JSON here.

use domain::limits::{
    ACTION_PROPERTIES_CHARS_MAX, EVENT_BYTES_MAX, EVENT_PROPERTIES_CHARS_MAX, ID_CHARS_MAX,
    ITEM_PROPERTIES_CHARS_MAX, RECORDS_PER_CALL_MAX, USER_PROPERTIES_CHARS_MAX,
};
use domain::{ApiError, Arn, EpochMillis};
use serde_json::{Map, Value};

use crate::members::{Document, Member, Members, no_zero_in, violated};

const EVENT_TYPE_CHARS_MAX: usize = 256;
const RECOMMENDATION_ID_CHARS_MAX: usize = 40;
const IMPRESSION_ITEMS_MAX: usize = 25;
const ATTRIBUTION_CHARS_MAX: usize = 1_024;
/// 2100-01-01T00:00:00Z, where imports end too. Beyond it a time is in milliseconds, or wrong.
const SENT_AT_END_S: f64 = 4_102_444_800.0;

/// Members of an event that `properties` may not hold too.
const NOT_PROPERTIES: [&str; 6] =
    ["userId", "sessionId", "eventType", "timestamp", "recommendationId", "impression"];

/// `POST /events`.
#[derive(Clone, Debug, PartialEq)]
pub struct PutEvents {
    /// Which tracker.
    pub tracking_id: String,
    /// Whose events they are, where that is known.
    pub user_id: Option<String>,
    /// The visit that they belong to.
    pub session_id: String,
    /// What happened, in the order of the request.
    pub events: Vec<PutEvent>,
}

/// One event of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct PutEvent {
    /// Tells it from every other event.
    pub event_id: Option<String>,
    /// What kind of thing happened.
    pub event_type: String,
    /// For example a rating or a share watched.
    pub event_value: Option<f64>,
    /// With which item.
    pub item_id: Option<String>,
    /// When.
    pub sent_at: EpochMillis,
    /// Further columns, by names that are compared with those of the schema.
    pub properties: Map<String, Value>,
    /// The answer that led to it.
    pub recommendation_id: Option<String>,
    /// Items that were shown.
    pub impression: Vec<String>,
    /// Whom it is attributed to.
    pub attribution: Option<String>,
    /// Where it stands in the request, for messages.
    pub path: String,
}

impl PutEvents {
    /// Checks the request.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let document = Document::parse(body)?.without_zeros()?;
        let members = document.members();
        Ok(Self {
            tracking_id: members.required("trackingId", |m| m.sized_text(1, 256))?,
            user_id: members.optional("userId", id)?,
            session_id: members.required("sessionId", id)?,
            events: members.required("eventList", |m| each(m, event))?,
        })
    }
}

/// `POST /action-interactions`.
#[derive(Clone, Debug, PartialEq)]
pub struct PutActionInteractions {
    /// Of which dataset, or tracker.
    pub tracking_id: String,
    /// What happened, in the order of the request.
    pub interactions: Vec<PutActionInteraction>,
}

/// One interaction of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct PutActionInteraction {
    /// Whose it is, where that is known.
    pub user_id: Option<String>,
    /// The visit that it belongs to.
    pub session_id: String,
    /// The rest; its item is the action.
    pub event: PutEvent,
}

impl PutActionInteractions {
    /// Checks the request.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let document = Document::parse(body)?.without_zeros()?;
        let members = document.members();
        Ok(Self {
            tracking_id: members.required("trackingId", |m| m.sized_text(1, 256))?,
            interactions: members.required("actionInteractions", |m| each(m, action_interaction))?,
        })
    }
}

fn action_interaction(member: &Member<'_>) -> Result<PutActionInteraction, ApiError> {
    member.at_most_bytes(EVENT_BYTES_MAX)?;
    let members = member.object()?;
    let properties = properties(&members, EVENT_PROPERTIES_CHARS_MAX)?;
    refuse_members(&properties, member)?;
    let event = PutEvent {
        event_id: members.optional("eventId", id)?,
        event_type: members.required("eventType", |m| m.sized_text(1, EVENT_TYPE_CHARS_MAX))?,
        event_value: None,
        item_id: Some(members.required("actionId", id)?),
        sent_at: members.required("timestamp", sent_at)?,
        properties,
        recommendation_id: members
            .optional("recommendationId", |m| m.sized_text(1, RECOMMENDATION_ID_CHARS_MAX))?,
        impression: members.optional("impression", impression)?.unwrap_or_default(),
        attribution: None,
        path: member.path.clone(),
    };
    Ok(PutActionInteraction {
        user_id: members.optional("userId", id)?,
        session_id: members.required("sessionId", id)?,
        event,
    })
}

fn bare(name: &str) -> String {
    name.replace('_', "").to_ascii_lowercase()
}

/// What has a member of its own may not stand in the properties too.
fn refuse_members(properties: &Map<String, Value>, member: &Member<'_>) -> Result<(), ApiError> {
    let is_member = |name: &&String| NOT_PROPERTIES.iter().any(|member| bare(member) == bare(name));
    match properties.keys().find(is_member) {
        None => Ok(()),
        Some(name) => Err(ApiError::invalid(format!(
            "'{}.properties' holds {name}, which belongs beside the properties and not into them.",
            member.path
        ))),
    }
}

/// `POST /items`, `POST /users` or `POST /actions`.
#[derive(Clone, Debug, PartialEq)]
pub struct PutRecords {
    /// Where they go.
    pub dataset: Arn,
    /// The rows, in the order of the request.
    pub records: Vec<PutRecord>,
}

/// One item, user or action of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct PutRecord {
    /// Which one.
    pub id: String,
    /// Its columns, by names that are compared with those of the schema.
    pub properties: Map<String, Value>,
    /// Where it stands in the request, for messages.
    pub path: String,
}

impl PutRecords {
    /// Checks a `PutItems` request.
    pub fn parse_items(body: &[u8]) -> Result<Self, ApiError> {
        Self::parse(body, "items", "itemId", ITEM_PROPERTIES_CHARS_MAX)
    }

    /// Checks a `PutActions` request.
    pub fn parse_actions(body: &[u8]) -> Result<Self, ApiError> {
        Self::parse(body, "actions", "actionId", ACTION_PROPERTIES_CHARS_MAX)
    }

    /// Checks a `PutUsers` request.
    pub fn parse_users(body: &[u8]) -> Result<Self, ApiError> {
        Self::parse(body, "users", "userId", USER_PROPERTIES_CHARS_MAX)
    }

    fn parse(body: &[u8], list: &str, key: &str, properties_max: usize) -> Result<Self, ApiError> {
        let document = Document::parse(body)?.without_zeros()?;
        let members = document.members();
        let record = |member: &Member<'_>| {
            let members = member.object()?;
            Ok(PutRecord {
                id: members.required(key, id)?,
                properties: properties(&members, properties_max)?,
                path: member.path.clone(),
            })
        };
        Ok(Self {
            dataset: members.required("datasetArn", Member::arn)?,
            records: members.required(list, |m| each(m, record))?,
        })
    }
}

fn event(member: &Member<'_>) -> Result<PutEvent, ApiError> {
    member.at_most_bytes(EVENT_BYTES_MAX)?;
    let members = member.object()?;
    let mut properties = properties(&members, EVENT_PROPERTIES_CHARS_MAX)?;
    refuse_members(&properties, member)?;
    // Both may stand inside (guide, "PutEvents"); what stands outside goes before it.
    let mut inside = |wanted: &str| {
        let name = properties.keys().find(|name| bare(name) == wanted)?.clone();
        properties.remove(&name).filter(|value| !value.is_null())
    };
    let (item_inside, value_inside) = (inside("itemid"), inside("eventvalue"));
    let refused = |name: &str, value: &Value, rule: &str| {
        ApiError::invalid(format!("'{}.properties.{name}' must be {rule}, not {value}.", member.path))
    };
    let item_id = match (members.optional("itemId", id)?, item_inside) {
        (None, Some(Value::String(item))) if (1..=ID_CHARS_MAX).contains(&item.chars().count()) => Some(item),
        (None, Some(other)) => return Err(refused("itemId", &other, "a text of 1 to 256 characters")),
        (outside, _) => outside,
    };
    let event_value = match (members.optional("eventValue", Member::number)?, value_inside) {
        (None, Some(value)) => match value.as_f64() {
            Some(number) => Some(number),
            None => return Err(refused("eventValue", &value, "a number")),
        },
        (outside, _) => outside,
    };
    Ok(PutEvent {
        event_id: members.optional("eventId", id)?,
        event_type: members.required("eventType", |m| m.sized_text(1, EVENT_TYPE_CHARS_MAX))?,
        event_value,
        item_id,
        sent_at: members.required("sentAt", sent_at)?,
        properties,
        recommendation_id: members
            .optional("recommendationId", |m| m.sized_text(1, RECOMMENDATION_ID_CHARS_MAX))?,
        impression: members.optional("impression", impression)?.unwrap_or_default(),
        attribution: members.optional("metricAttribution", attribution)?,
        path: member.path.clone(),
    })
}

fn id(member: &Member<'_>) -> Result<String, ApiError> {
    member.sized_text(1, ID_CHARS_MAX)
}

/// One to ten elements.
fn each<T>(
    member: &Member<'_>,
    read: impl Fn(&Member<'_>) -> Result<T, ApiError>,
) -> Result<Vec<T>, ApiError> {
    let list = sized_list(member, RECORDS_PER_CALL_MAX)?;
    list.iter().map(read).collect()
}

fn sized_list<'a>(member: &Member<'a>, max: usize) -> Result<Vec<Member<'a>>, ApiError> {
    let list = member.list()?;
    let rule = match list.len() {
        0 => "Member must have length greater than or equal to 1".to_owned(),
        length if length > max => format!("Member must have length less than or equal to {max}"),
        _ => return Ok(list),
    };
    Err(violated(&member.path, &format!("a list of {}", list.len()), &rule))
}

fn properties(members: &Members<'_>, max: usize) -> Result<Map<String, Value>, ApiError> {
    let read = |member: &Member<'_>| {
        let properties = member.json_object(max)?;
        no_zero_in(&member.path, &properties).map(|()| properties)
    };
    Ok(members.optional("properties", read)?.unwrap_or_default())
}

/// Epoch seconds, with or without a fraction.
fn sent_at(member: &Member<'_>) -> Result<EpochMillis, ApiError> {
    let seconds = member.number()?;
    let why = match seconds {
        s if s < 0.0 => "lies before 1970",
        s if s >= 100_000_000_000.0 => "looks like milliseconds; divide it by 1000",
        s if s >= SENT_AT_END_S => "lies after the year 2099",
        _ => return Ok(EpochMillis((seconds * 1000.0).round() as i64)),
    };
    Err(ApiError::invalid(format!("'{seconds}' at '{}' {why}: give epoch seconds.", member.path)))
}

fn impression(member: &Member<'_>) -> Result<Vec<String>, ApiError> {
    sized_list(member, IMPRESSION_ITEMS_MAX)?.iter().map(id).collect()
}

fn attribution(member: &Member<'_>) -> Result<String, ApiError> {
    member.object()?.required("eventAttributionSource", |m| {
        let text = m.sized_text(1, ATTRIBUTION_CHARS_MAX)?;
        if text.chars().all(|c| matches!(c, ' '..='~')) && !text.trim().is_empty() {
            return Ok(text);
        }
        Err(m.pattern(r"^[\x20-\x7E]*[\x21-\x7E]+[\x20-\x7E]*$"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const DATASET: &str = "arn:aws:personalize:us-east-1:000000000000:dataset/films/ITEMS";

    fn put(event: Value) -> Result<PutEvent, ApiError> {
        let mut whole = json!({ "eventType": "Watch", "sentAt": 1_700_000_000, "itemId": "1" });
        whole.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
        let body = json!({ "trackingId": "t", "sessionId": "s", "eventList": [whole] });
        PutEvents::parse(body.to_string().as_bytes()).map(|mut request| request.events.remove(0))
    }

    #[test]
    fn what_an_sdk_sends_is_read() {
        // botocore writes a datetime as whole seconds, the SDK for Rust with a fraction.
        let event = put(json!({
            "eventId": "e", "eventValue": 4.5, "sentAt": 1_700_000_000.25, "recommendationId": "RID-1",
            "properties": "{\"numRatings\": 12, \"item_id\": \"2\"}", "impression": ["1", "2"],
            "metricAttribution": { "eventAttributionSource": "mail" },
        }))
        .unwrap();
        assert_eq!((event.sent_at.0, event.event_value), (1_700_000_000_250, Some(4.5)));
        assert_eq!(event.item_id.as_deref(), Some("1"), "the member goes before the property");
        assert_eq!(Value::from(event.properties), json!({ "numRatings": 12 }));
        assert_eq!((event.impression.len(), event.attribution.as_deref()), (2, Some("mail")));
    }

    #[test]
    fn item_and_value_may_stand_in_the_properties() {
        let inside = json!({ "itemId": null, "properties": { "itemId": "7", "eventValue": 2 } });
        let event = put(inside).unwrap();
        assert_eq!((event.item_id.as_deref(), event.event_value), (Some("7"), Some(2.0)));
        assert!(event.properties.is_empty());
        for wrong in [json!({ "itemId": 7 }), json!({ "itemId": "" }), json!({ "eventValue": "x" })] {
            let name = wrong.as_object().unwrap().keys().next().unwrap().clone();
            let error = put(json!({ "itemId": null, "properties": wrong })).unwrap_err();
            assert!(error.message.contains(&format!("eventList[0].properties.{name}")), "{}", error.message);
        }
    }

    #[test]
    fn each_rule_of_an_event_is_kept() {
        for (event, word) in [
            (json!({ "eventType": null }), "eventType"),
            (json!({ "eventType": "x".repeat(257) }), "eventType"),
            (json!({ "sentAt": null }), "sentAt"),
            (json!({ "sentAt": 1_700_000_000_000_i64 }), "milliseconds"),
            (json!({ "sentAt": -1 }), "before 1970"),
            (json!({ "sentAt": "2024-01-01" }), "sentAt"),
            (json!({ "eventId": "" }), "eventId"),
            (json!({ "eventId": "x".repeat(257) }), "eventId"),
            (json!({ "itemId": "x".repeat(257) }), "itemId"),
            (json!({ "eventValue": "4" }), "eventValue"),
            (json!({ "properties": "{" }), "not JSON"),
            (json!({ "properties": "[1]" }), "JSON object"),
            (json!({ "properties": format!("{{\"a\":\"{}\"}}", "x".repeat(1_024)) }), "properties"),
            (json!({ "properties": { "USER_ID": "1" } }), "USER_ID"),
            (json!({ "properties": { "timestamp": 1 } }), "timestamp"),
            (json!({ "recommendationId": "x".repeat(41) }), "recommendationId"),
            (json!({ "impression": [] }), "impression"),
            (json!({ "impression": vec!["1"; 26] }), "impression"),
            (json!({ "metricAttribution": {} }), "eventAttributionSource"),
            (json!({ "metricAttribution": { "eventAttributionSource": "  " } }), "eventAttributionSource"),
            (json!({ "metricAttribution": { "eventAttributionSource": "mäil" } }), "eventAttributionSource"),
            (json!({ "impression": vec!["x".repeat(200); 25], "unknown": "x".repeat(6_000) }), "10240"),
        ] {
            let error = put(event.clone()).unwrap_err();
            assert!(error.message.contains(word), "{event}: {}", error.message);
        }
    }

    #[test]
    fn each_rule_of_a_call_is_kept() {
        let event = json!({ "eventType": "Watch", "sentAt": 1_700_000_000 });
        let whole = json!({ "trackingId": "t", "sessionId": "s", "eventList": vec![event.clone(); 10] });
        assert_eq!(PutEvents::parse(whole.to_string().as_bytes()).unwrap().events.len(), 10);
        for (member, value, word) in [
            ("trackingId", Value::Null, "trackingId"),
            ("sessionId", Value::Null, "sessionId"),
            ("sessionId", "".into(), "sessionId"),
            ("userId", "x".repeat(257).into(), "userId"),
            ("eventList", json!([]), "greater than or equal to 1"),
            ("eventList", Value::from(vec![event; 11]), "less than or equal to 10"),
            ("eventList", json!("x"), "eventList"),
        ] {
            let mut broken = whole.clone();
            broken[member] = value;
            let error = PutEvents::parse(broken.to_string().as_bytes()).unwrap_err();
            assert!(error.message.contains(word), "{member}: {}", error.message);
        }
    }

    #[test]
    fn each_rule_of_items_and_users_is_kept() {
        let parse = |items: Value| {
            let body = json!({ "datasetArn": DATASET, "items": items }).to_string();
            PutRecords::parse_items(body.as_bytes()).map_err(|error| error.message)
        };
        let item = json!({ "itemId": "1", "properties": "{\"genres\": \"Drama|War\"}" });
        let parsed = parse(json!([item])).unwrap();
        assert_eq!(parsed.records[0].properties["genres"], "Drama|War");
        assert!(parse(json!([])).is_err());
        assert!(parse(Value::from(vec![item; 11])).is_err());
        assert!(parse(json!([{ "properties": "{}" }])).unwrap_err().contains("items[0].itemId"));
        let long = |n: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(n));
        assert!(parse(json!([{ "itemId": "1", "properties": long(31_000) }])).is_ok());
        assert!(parse(json!([{ "itemId": "1", "properties": long(32_000) }])).is_err());
        let body = json!({ "datasetArn": DATASET, "users": [{ "userId": "1", "properties": long(24_000) }] });
        assert!(PutRecords::parse_users(body.to_string().as_bytes()).is_err());
    }

    #[test]
    fn each_rule_of_an_action_interaction_is_kept() {
        let whole = json!({ "actionId": "join", "userId": "u", "sessionId": "s", "timestamp": 1_700_000_000,
            "eventType": "Taken", "eventId": "e", "impression": ["join"], "properties": "{\"channel\": \"mail\"}" });
        let parse = |one: Value| {
            let body = json!({ "trackingId": "t", "actionInteractions": [one] });
            PutActionInteractions::parse(body.to_string().as_bytes())
        };
        let parsed = parse(whole.clone()).unwrap().interactions.remove(0);
        assert_eq!((parsed.user_id.as_deref(), parsed.session_id.as_str()), (Some("u"), "s"));
        assert_eq!(
            (parsed.event.item_id.as_deref(), parsed.event.sent_at.0),
            (Some("join"), 1_700_000_000_000)
        );
        for (member, value, word) in [
            ("actionId", Value::Null, "actionId"),
            ("actionId", "x".repeat(257).into(), "actionId"),
            ("sessionId", Value::Null, "sessionId"),
            ("eventType", Value::Null, "eventType"),
            ("timestamp", Value::Null, "timestamp"),
            ("timestamp", json!(1_700_000_000_000_i64), "milliseconds"),
            ("impression", json!([]), "impression"),
            ("properties", json!({ "sessionId": "x" }), "sessionId"),
        ] {
            let mut broken = whole.clone();
            broken[member] = value;
            let message = parse(broken).unwrap_err().message;
            assert!(message.contains(word), "{member}: {message}");
        }
        let body = json!({ "trackingId": "t", "actionInteractions": vec![whole; 11] }).to_string();
        assert!(PutActionInteractions::parse(body.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = PutEvents::parse(&body);
            let _ = PutRecords::parse_items(&body);
            let _ = PutRecords::parse_users(&body);
            let _ = PutRecords::parse_actions(&body);
            let _ = PutActionInteractions::parse(&body);
        }
    }

    #[test]
    fn no_text_holds_a_zero_character() {
        let event = |more: Value| {
            let mut event = json!({ "eventType": "Watch", "sentAt": 1_700_000_000, "itemId": "i" });
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({ "trackingId": "t", "sessionId": "s", "eventList": [event] })
        };
        assert!(PutEvents::parse(event(json!({})).to_string().as_bytes()).is_ok());
        for (more, path) in [
            (json!({ "itemId": "i\0" }), "eventList[0].itemId"),
            (json!({ "properties": "{\"DEVICE\": \"a\\u0000\"}" }), "eventList[0].properties.DEVICE"),
            (json!({ "impression": ["a", "\0b"] }), "eventList[0].impression[1]"),
        ] {
            let error = PutEvents::parse(event(more).to_string().as_bytes()).unwrap_err();
            let expected = format!("'{path}' holds a zero character");
            assert!(error.message.starts_with(&expected), "{}", error.message);
        }
        let items = json!({
            "datasetArn": "arn:aws:personalize:us-east-1:000000000000:dataset/g/ITEMS",
            "items": [{ "itemId": "a" }, { "itemId": "a\0" }],
        });
        let error = PutRecords::parse_items(items.to_string().as_bytes()).unwrap_err();
        assert!(error.message.starts_with("'items[1].itemId' holds a zero"), "{}", error.message);
    }
}
