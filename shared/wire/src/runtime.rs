//! The runtime: requests for recommendations, and the answers, written without a detour.

use std::collections::BTreeMap;

use domain::limits::{
    FILTER_PARAMETERS_MAX, ID_CHARS_MAX, INPUT_LIST_MAX, NUM_RESULTS_DEFAULT, NUM_RESULTS_MAX,
};
use domain::{ApiError, Arn, ResourceKind};

use crate::members::{Document, Member, Members, violated};

const CONTEXT_ENTRIES_MAX: usize = 150;
const CONTEXT_VALUE_CHARS_MAX: usize = 1_000;
const ACTION_RESULTS_MAX: i64 = 100;
const FILTER_NAME_CHARS_MAX: usize = 50;
const FILTER_VALUE_CHARS_MAX: usize = 1_000;

/// A filter that a request names, and the values of its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedFilter {
    /// The filter.
    pub arn: Arn,
    /// `filterValues` as they were given.
    pub values: BTreeMap<String, String>,
}

/// `POST /recommendations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetRecommendations {
    /// Who answers.
    pub campaign: Arn,
    /// For whom.
    pub user_id: Option<String>,
    /// Related to what.
    pub item_id: Option<String>,
    /// How many, 0 to 500.
    pub num_results: usize,
    /// The context of the request: values by names of columns of Interactions.
    pub context: BTreeMap<String, String>,
    /// Which items may be answered.
    pub filter: Option<RequestedFilter>,
}

impl GetRecommendations {
    /// Checks the request.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let document = Document::parse(body)?;
        let members = document.members();
        if let Some(recommender) = members.optional("recommenderArn", Member::arn)? {
            if members.get("campaignArn").is_some() {
                return Err(ApiError::invalid(
                    "Both 'campaignArn' and 'recommenderArn' are set: give the one that should answer.",
                ));
            }
            return Err(ApiError::not_found(&recommender));
        }
        let campaign = campaign(&members)?;
        let user_id = members.optional("userId", id)?;
        let item_id = members.optional("itemId", id)?;
        let most = NUM_RESULTS_MAX as i64;
        let num_results = members.optional("numResults", |m| m.integer(0, most))?;
        members.not_available("promotions", "promoting of items")?;
        members.not_available("metadataColumns", "metadata in recommendations")?;
        let context = context(&members)?;
        let filter = filter(&members)?;
        let num_results = num_results.map_or(NUM_RESULTS_DEFAULT, |n| n as usize);
        Ok(Self { campaign, user_id, item_id, num_results, context, filter })
    }
}

/// `POST /personalize-ranking`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetPersonalizedRanking {
    /// Who answers.
    pub campaign: Arn,
    /// For whom.
    pub user_id: String,
    /// What to put in order.
    pub input_list: Vec<String>,
    /// The context of the request.
    pub context: BTreeMap<String, String>,
    /// Which items may be answered.
    pub filter: Option<RequestedFilter>,
}

impl GetPersonalizedRanking {
    /// Checks the request.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let document = Document::parse(body)?;
        let members = document.members();
        let campaign = campaign(&members)?;
        let input_list = members.required("inputList", Member::list)?;
        if input_list.len() > INPUT_LIST_MAX {
            return Err(ApiError::invalid(format!(
                "'inputList' has {} items; at most {INPUT_LIST_MAX} can be ranked in one request.",
                input_list.len()
            )));
        }
        let input_list = input_list.iter().map(id).collect::<Result<_, _>>()?;
        let user_id = members.required("userId", id)?;
        members.not_available("metadataColumns", "metadata in rankings")?;
        let context = context(&members)?;
        let filter = filter(&members)?;
        Ok(Self { campaign, user_id, input_list, context, filter })
    }
}

/// `POST /action-recommendations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetActionRecommendations {
    /// Who answers.
    pub campaign: Arn,
}

impl GetActionRecommendations {
    /// Checks the request.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let document = Document::parse(body)?;
        let members = document.members();
        let campaign = campaign(&members)?;
        members.optional("userId", id)?;
        members.optional("numResults", |m| m.integer(0, ACTION_RESULTS_MAX))?;
        filter(&members)?;
        Ok(Self { campaign })
    }
}

/// Any ARN that is not a campaign's is an invalid campaign ARN, in the hosted service's words.
fn campaign(members: &Members<'_>) -> Result<Arn, ApiError> {
    let text = members.required("campaignArn", Member::text)?;
    text.parse::<Arn>().ok().filter(|arn| arn.kind() == ResourceKind::Campaign).ok_or_else(|| {
        let shown: String = text.chars().take(domain::arn::ARN_CHARS_MAX).collect();
        ApiError::invalid(format!("The given campaign ARN is invalid: {shown}"))
    })
}

fn id(member: &Member<'_>) -> Result<String, ApiError> {
    member.sized_text(1, ID_CHARS_MAX)
}

/// `filterArn` and `filterValues`. Values without a filter are refused: whoever sends them believes that
/// something is filtered.
fn filter(members: &Members<'_>) -> Result<Option<RequestedFilter>, ApiError> {
    let values = members.optional("filterValues", Member::strings)?.unwrap_or_default();
    if values.len() > FILTER_PARAMETERS_MAX {
        let rule = format!("Member must have length less than or equal to {FILTER_PARAMETERS_MAX}");
        return Err(violated("filterValues", &format!("{} entries", values.len()), &rule));
    }
    for (name, value) in &values {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(word) {
            let rule = "Map keys must satisfy regular expression pattern: [A-Za-z0-9_]+";
            return Err(violated("filterValues", name, rule));
        }
        for (text, most) in [(name, FILTER_NAME_CHARS_MAX), (value, FILTER_VALUE_CHARS_MAX)] {
            if text.chars().count() > most {
                let rule = format!("Member must have length less than or equal to {most}");
                return Err(violated(&format!("filterValues.{name}"), text, &rule));
            }
        }
    }
    match members.optional("filterArn", Member::arn)? {
        Some(arn) => Ok(Some(RequestedFilter { arn, values })),
        None if values.is_empty() => Ok(None),
        None => Err(ApiError::invalid(
            "'filterValues' are given without 'filterArn': name the filter that they are for.",
        )),
    }
}

fn context(members: &Members<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    let Some(context) = members.optional("context", Member::strings)? else { return Ok(BTreeMap::new()) };
    let too_many = context.len() > CONTEXT_ENTRIES_MAX;
    let too_long = context.values().find(|value| value.chars().count() > CONTEXT_VALUE_CHARS_MAX);
    if too_many || too_long.is_some() {
        return Err(ApiError::invalid(format!(
            "'context' may hold {CONTEXT_ENTRIES_MAX} entries of {CONTEXT_VALUE_CHARS_MAX} characters each."
        )));
    }
    Ok(context)
}

/// The body of a `GetRecommendations` answer. `scores` has one entry per item, or none at all for
/// recipes that have no scores.
pub fn recommendations<'a>(items: impl Iterator<Item = &'a str>, scores: &[f32]) -> Vec<u8> {
    scored_items("itemList", items, scores)
}

/// The body of a `GetPersonalizedRanking` answer. Items past the end of `scores` have none.
pub fn ranking<'a>(items: impl Iterator<Item = &'a str>, scores: &[f32]) -> Vec<u8> {
    scored_items("personalizedRanking", items, scores)
}

fn scored_items<'a>(member: &str, items: impl Iterator<Item = &'a str>, scores: &[f32]) -> Vec<u8> {
    let mut body = Vec::with_capacity(64 + 48 * items.size_hint().0);
    body.extend_from_slice(b"{\"");
    body.extend_from_slice(member.as_bytes());
    body.extend_from_slice(b"\":[");
    for (position, item) in items.enumerate() {
        if position > 0 {
            body.push(b',');
        }
        body.extend_from_slice(b"{\"itemId\":");
        write_json(&mut body, item);
        if let Some(&score) = scores.get(position) {
            body.extend_from_slice(b",\"score\":");
            write_json(&mut body, &seven_decimals(score));
        }
        body.push(b'}');
    }
    body.extend_from_slice(b"],\"recommendationId\":\"RID-");
    body.extend_from_slice(uuid::Uuid::new_v4().hyphenated().encode_lower(&mut [0; 36]).as_bytes());
    body.extend_from_slice(b"\"}");
    body
}

/// Strings and finite numbers always serialise, and a `Vec` takes every byte.
fn write_json(body: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    serde_json::to_writer(body, value).expect("a string or a number is written to memory");
}

/// Scores are given with seven decimals, as the hosted service does; what is no number is 0.
fn seven_decimals(score: f32) -> f64 {
    if score.is_finite() { crate::solution_version::rounded(f64::from(score), 7) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const CAMPAIGN: &str = "arn:aws:personalize:us-east-1:000000000000:campaign/films";
    const FILTER: &str = "arn:aws:personalize:us-east-1:000000000000:filter/unseen";

    fn get(extra: Value) -> Result<GetRecommendations, ApiError> {
        let mut request = json!({ "campaignArn": CAMPAIGN, "userId": "1" });
        request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        GetRecommendations::parse(request.to_string().as_bytes())
    }

    #[test]
    fn twenty_five_answers_unless_asked_otherwise() {
        assert_eq!(get(json!({})).unwrap().num_results, 25);
        assert_eq!(get(json!({ "numResults": 0 })).unwrap().num_results, 0);
        assert_eq!(get(json!({ "numResults": 500 })).unwrap().num_results, 500);
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for (extra, exception, word) in [
            (json!({ "numResults": 501 }), "InvalidInputException", "numResults"),
            (json!({ "numResults": -1 }), "InvalidInputException", "numResults"),
            (json!({ "numResults": "5" }), "SerializationException", "numResults"),
            (json!({ "userId": "x".repeat(257) }), "InvalidInputException", "userId"),
            (json!({ "userId": 1 }), "SerializationException", "userId"),
            (json!({ "filterArn": "films" }), "InvalidInputException", "filterArn"),
            (json!({ "filterValues": { "A": "1" } }), "InvalidInputException", "without 'filterArn'"),
            (
                json!({ "filterArn": FILTER, "filterValues": { "A": 1 } }),
                "SerializationException",
                "filterValues.A",
            ),
            (json!({ "filterArn": FILTER, "filterValues": { "a-b": "1" } }), "InvalidInputException", "a-b"),
            (
                json!({ "filterArn": FILTER, "filterValues": { "A": "x".repeat(1_001) } }),
                "InvalidInputException",
                "filterValues.A",
            ),
            (
                json!({ "filterArn": FILTER, "filterValues": (0..26).map(|n| (n.to_string(), "1".to_owned())).collect::<BTreeMap<_, _>>() }),
                "InvalidInputException",
                "26 entries",
            ),
            (json!({ "promotions": [{ "name": "p" }] }), "InvalidInputException", "promotions"),
            (
                json!({ "metadataColumns": { "ITEMS": ["GENRES"] } }),
                "InvalidInputException",
                "metadataColumns",
            ),
            (json!({ "context": { "A": "x".repeat(1_001) } }), "InvalidInputException", "context"),
            (
                json!({ "campaignArn": FILTER }),
                "InvalidInputException",
                "The given campaign ARN is invalid: arn",
            ),
            (
                json!({ "campaignArn": "films" }),
                "InvalidInputException",
                "The given campaign ARN is invalid: films",
            ),
            (json!({ "campaignArn": null }), "InvalidInputException", "campaignArn"),
            (json!({ "recommenderArn": CAMPAIGN }), "InvalidInputException", "recommenderArn"),
        ] {
            let error = get(extra.clone()).unwrap_err();
            assert_eq!(error.kind.exception(), exception, "{extra}");
            assert!(error.message.contains(word), "{extra}: {}", error.message);
        }
        assert!(get(json!({ "context": { "DEVICE": "phone" }, "unknownMember": 1 })).is_ok());
    }

    #[test]
    fn a_filter_comes_with_its_values() {
        let filter =
            get(json!({ "filterArn": FILTER, "filterValues": { "A": "\"x\"" } })).unwrap().filter.unwrap();
        assert_eq!(filter.arn.as_str(), FILTER);
        assert_eq!(filter.values["A"], "\"x\"");
        assert_eq!(get(json!({ "filterValues": {} })).unwrap().filter, None);
    }

    #[test]
    fn a_ranking_takes_at_most_500_items() {
        let parse = |n: usize| {
            let list: Vec<String> = (0..n).map(|i| i.to_string()).collect();
            let body = json!({ "campaignArn": CAMPAIGN, "userId": "1", "inputList": list });
            GetPersonalizedRanking::parse(body.to_string().as_bytes())
        };
        assert!(parse(500).is_ok());
        assert!(parse(501).is_err());
    }

    #[test]
    fn scores_have_seven_decimals_and_only_scored_recipes_have_them() {
        let body = recommendations(["a\"b", "c"].into_iter(), &[0.123_456_78, f32::NAN]);
        let value: Value = serde_json::from_slice(&body).unwrap();
        let expected = json!([{ "itemId": "a\"b", "score": 0.1234568 }, { "itemId": "c", "score": 0.0 }]);
        assert_eq!(value["itemList"], expected);
        let id = value["recommendationId"].as_str().unwrap();
        assert!(id.starts_with("RID-") && id.len() == 40, "{id}");

        let body = recommendations(["a"].into_iter(), &[]);
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["itemList"], json!([{ "itemId": "a" }]));
    }

    proptest! {
        #[test]
        fn any_item_ids_come_back_as_they_are(ids in proptest::collection::vec("\\PC{1,20}", 0..20)) {
            let body = recommendations(ids.iter().map(String::as_str), &[]);
            let value: Value = serde_json::from_slice(&body).unwrap();
            let read: Vec<String> = value["itemList"].as_array().unwrap().iter()
                .map(|item| item["itemId"].as_str().unwrap().to_owned()).collect();
            prop_assert_eq!(read, ids);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = GetRecommendations::parse(&body);
            let _ = GetPersonalizedRanking::parse(&body);
            let _ = GetActionRecommendations::parse(&body);
        }
    }
}
