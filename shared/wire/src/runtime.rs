//! The runtime: requests for recommendations, and the answers, written without a detour.

use std::collections::BTreeMap;

use domain::limits::{
    ACTION_RESULTS_DEFAULT, ACTION_RESULTS_MAX, FILTER_PARAMETERS_MAX, ID_CHARS_MAX, INPUT_LIST_MAX,
    METADATA_COLUMNS_MAX, NUM_RESULTS_DEFAULT, NUM_RESULTS_MAX, RESULTS_WITH_METADATA_MAX,
};
use domain::{ApiError, Arn, ResourceKind, recommendation_id};

use crate::members::{Document, Member, Members, violated};

const CONTEXT_ENTRIES_MAX: usize = 150;
const CONTEXT_NAME_CHARS_MAX: usize = 150;
const CONTEXT_VALUE_CHARS_MAX: usize = 1_000;
const FILTER_NAME_CHARS_MAX: usize = 50;
const FILTER_VALUE_CHARS_MAX: usize = 1_000;
const COLUMN_CHARS_MAX: usize = 150;
/// A key of `context` that asks for reasons, for clients that send no members but those of their model.
const EXPLAIN: &str = "OSUSUME_EXPLAIN";
const REASON_CHARS_MAX: usize = 256;

/// A filter that a request names, and the values of its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedFilter {
    /// The filter.
    pub arn: Arn,
    /// `filterValues` as they were given.
    pub values: BTreeMap<String, String>,
}

/// A share of the answer that goes to items of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// Marks the items that it brought in, where it has one.
    pub name: Option<String>,
    /// Share of the answer in percent, 1 to 100.
    pub percent: usize,
    /// Which items it promotes.
    pub filter: RequestedFilter,
}

impl Promotion {
    /// How many of `wanted` items are promoted, if there are as many: a part of an item counts as one.
    pub fn places(&self, wanted: usize) -> usize {
        (wanted * self.percent).div_ceil(100)
    }
}

/// `POST /recommendations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetRecommendations {
    /// Who answers: a campaign, or a recommender.
    pub campaign: Arn,
    /// For whom.
    pub user_id: Option<String>,
    /// Related to what.
    pub item_id: Option<String>,
    /// How many, 0 to 500.
    pub num_results: usize,
    /// The context of the request: values by names of columns of Interactions.
    pub context: BTreeMap<String, String>,
    /// Which items may be answered, where they are not promoted.
    pub filter: Option<RequestedFilter>,
    /// What is promoted.
    pub promotion: Option<Promotion>,
    /// Columns of Items that the answer shows, as the request spells them.
    pub metadata_columns: Vec<String>,
    /// Whether each item comes with the reason why it is there: `explain` of the request, or
    /// `OSUSUME_EXPLAIN` of its context.
    pub explain: bool,
}

impl GetRecommendations {
    /// Checks the request.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let document = Document::parse(body)?;
        let members = document.members();
        let campaign = match members.get("recommenderArn") {
            Some(_) if members.get("campaignArn").is_some() => {
                return Err(ApiError::invalid(
                    "Both 'campaignArn' and 'recommenderArn' are set: give the one that should answer.",
                ));
            }
            Some(_) => answering(&members, "recommenderArn", ResourceKind::Recommender)?,
            None => campaign(&members)?,
        };
        let user_id = members.optional("userId", id)?;
        let item_id = members.optional("itemId", id)?;
        let most = NUM_RESULTS_MAX as i64;
        let num_results = members.optional("numResults", |m| m.integer(0, most))?;
        let mut context = context(&members)?;
        let explain = match context.remove(EXPLAIN).as_deref() {
            None | Some("false") => members.optional("explain", Member::flag)?.unwrap_or(false),
            Some("true") => true,
            Some(other) => {
                let rule = "Member must satisfy enum value set: [true, false]";
                return Err(violated(&format!("context.{EXPLAIN}"), other, rule));
            }
        };
        let filter = filter(&members)?;
        let promotion = promotion(&members)?;
        let num_results = num_results.map_or(NUM_RESULTS_DEFAULT, |n| n as usize);
        let metadata_columns = metadata_columns(&members)?;
        few_enough(&metadata_columns, "numResults", num_results)?;
        Ok(Self {
            campaign,
            user_id,
            item_id,
            num_results,
            context,
            filter,
            promotion,
            metadata_columns,
            explain,
        })
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
    /// Columns of Items that the answer shows, as the request spells them.
    pub metadata_columns: Vec<String>,
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
        let input_list = input_list.iter().map(id).collect::<Result<Vec<_>, _>>()?;
        let user_id = members.required("userId", id)?;
        let context = context(&members)?;
        let filter = filter(&members)?;
        let metadata_columns = metadata_columns(&members)?;
        few_enough(&metadata_columns, "inputList", input_list.len())?;
        Ok(Self { campaign, user_id, input_list, context, filter, metadata_columns })
    }
}

/// `POST /action-recommendations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetActionRecommendations {
    /// Who answers.
    pub campaign: Arn,
    /// For whom.
    pub user_id: Option<String>,
    /// How many, 0 to 100.
    pub num_results: usize,
    /// Which actions may be answered.
    pub filter: Option<RequestedFilter>,
}

impl GetActionRecommendations {
    /// Checks the request.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let document = Document::parse(body)?;
        let members = document.members();
        let campaign = campaign(&members)?;
        let user_id = members.optional("userId", id)?;
        let num_results = members.optional("numResults", |m| m.integer(0, ACTION_RESULTS_MAX as i64))?;
        let filter = filter(&members)?;
        let num_results = num_results.map_or(ACTION_RESULTS_DEFAULT, |n| n as usize);
        Ok(Self { campaign, user_id, num_results, filter })
    }
}

fn campaign(members: &Members<'_>) -> Result<Arn, ApiError> {
    answering(members, "campaignArn", ResourceKind::Campaign)
}

/// Any ARN that is not a campaign's is an invalid campaign ARN, in the hosted service's words; the same of
/// recommenders.
fn answering(members: &Members<'_>, name: &str, kind: ResourceKind) -> Result<Arn, ApiError> {
    let text = members.required(name, Member::text)?;
    text.parse::<Arn>().ok().filter(|arn| arn.kind() == kind).ok_or_else(|| {
        let shown: String = text.chars().take(domain::arn::ARN_CHARS_MAX).collect();
        ApiError::invalid(format!("The given {} ARN is invalid: {shown}", kind.segment()))
    })
}

fn id(member: &Member<'_>) -> Result<String, ApiError> {
    member.sized_text(1, ID_CHARS_MAX)
}

/// `filterArn` and `filterValues`. Values without a filter are refused: whoever sends them believes that
/// something is filtered.
fn filter(members: &Members<'_>) -> Result<Option<RequestedFilter>, ApiError> {
    let values = members.optional("filterValues", Member::strings)?.unwrap_or_default();
    let path = members.path_of("filterValues");
    if values.len() > FILTER_PARAMETERS_MAX {
        let rule = format!("Member must have length less than or equal to {FILTER_PARAMETERS_MAX}");
        return Err(violated(&path, &format!("{} entries", values.len()), &rule));
    }
    for (name, value) in &values {
        map_key(&path, name, FILTER_NAME_CHARS_MAX)?;
        if value.chars().count() > FILTER_VALUE_CHARS_MAX {
            let rule = format!("Member must have length less than or equal to {FILTER_VALUE_CHARS_MAX}");
            return Err(violated(&format!("{path}.{name}"), value, &rule));
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

/// `promotions`, of which there is at most one.
fn promotion(members: &Members<'_>) -> Result<Option<Promotion>, ApiError> {
    let list = members.optional("promotions", Member::list)?.unwrap_or_default();
    if list.len() > 1 {
        let rule = "Member must have length less than or equal to 1";
        return Err(violated("promotions", &format!("{} elements", list.len()), rule));
    }
    let Some(member) = list.first() else { return Ok(None) };
    let members = member.object()?;
    let name = members.optional("name", Member::name)?;
    let filter = filter(&members)?;
    let percent = members.required("percentPromotedItems", |m| m.integer(1, 100))? as usize;
    let filter = filter.ok_or_else(|| {
        ApiError::invalid(format!(
            "'{}' has no 'filterArn': name the filter that says which items are promoted.",
            member.path
        ))
    })?;
    Ok(Some(Promotion { name, percent, filter }))
}

/// The columns of `metadataColumns`, which are those of Items.
fn metadata_columns(members: &Members<'_>) -> Result<Vec<String>, ApiError> {
    let Some(member) = members.get("metadataColumns") else { return Ok(vec![]) };
    let types = member.object()?;
    let mut columns = vec![];
    for name in types.names() {
        if !name.eq_ignore_ascii_case("ITEMS") {
            let rule = "Member must satisfy enum value set: [ITEMS]";
            return Err(violated(&member.path, name, rule));
        }
        for column in types.optional(name, Member::list)?.unwrap_or_default() {
            columns.push(column.sized_text(1, COLUMN_CHARS_MAX)?);
        }
    }
    if columns.len() > METADATA_COLUMNS_MAX {
        let rule = format!("Member must have length less than or equal to {METADATA_COLUMNS_MAX}");
        return Err(violated("metadataColumns.ITEMS", &format!("{} columns", columns.len()), &rule));
    }
    Ok(columns)
}

/// Answers with metadata are shorter.
fn few_enough(columns: &[String], member: &str, items: usize) -> Result<(), ApiError> {
    if columns.is_empty() || items <= RESULTS_WITH_METADATA_MAX {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "'{member}' asks for {items} items with 'metadataColumns'; at most {RESULTS_WITH_METADATA_MAX} come with metadata."
    )))
}

/// A key of a map: letters, digits and underscores, `most` of them.
fn map_key(map: &str, key: &str, most: usize) -> Result<(), ApiError> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if key.is_empty() || !key.chars().all(word) {
        return Err(violated(map, key, "Map keys must satisfy regular expression pattern: [A-Za-z0-9_]+"));
    }
    if key.len() > most {
        let rule = format!("Map keys must have length less than or equal to {most}");
        return Err(violated(map, key, &rule));
    }
    Ok(())
}

fn context(members: &Members<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    let Some(context) = members.optional("context", Member::strings)? else { return Ok(BTreeMap::new()) };
    for name in context.keys() {
        map_key("context", name, CONTEXT_NAME_CHARS_MAX)?;
    }
    let too_many = context.len() > CONTEXT_ENTRIES_MAX;
    let too_long = context.values().find(|value| value.chars().count() > CONTEXT_VALUE_CHARS_MAX);
    if too_many || too_long.is_some() {
        return Err(ApiError::invalid(format!(
            "'context' may hold {CONTEXT_ENTRIES_MAX} entries of {CONTEXT_VALUE_CHARS_MAX} characters each."
        )));
    }
    Ok(context)
}

/// An item of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Predicted<'a> {
    /// The item.
    pub id: &'a str,
    /// Where the recipe has scores, and one for this item.
    pub score: Option<f32>,
    /// The promotion that brought it in, where that has a name.
    pub promotion: Option<&'a str>,
    /// Values by names of columns, where the request asks for some.
    pub metadata: Option<&'a BTreeMap<String, String>>,
    /// Why it is there, where the request asks and there is something to say.
    pub reason: Option<&'a str>,
}

/// The body of a `GetRecommendations` answer, whose id says that it is of `answered`.
pub fn recommendations<'a>(answered: &Arn, items: impl Iterator<Item = Predicted<'a>>) -> Vec<u8> {
    predicted_items(answered, "itemList", items)
}

/// The body of a `GetPersonalizedRanking` answer.
pub fn ranking<'a>(answered: &Arn, items: impl Iterator<Item = Predicted<'a>>) -> Vec<u8> {
    predicted_items(answered, "personalizedRanking", items)
}

/// The body of a `GetActionRecommendations` answer: ids with their scores.
pub fn actions<'a>(answered: &Arn, actions: impl Iterator<Item = (&'a str, f32)>) -> Vec<u8> {
    let list: Vec<serde_json::Value> = actions
        .map(|(id, score)| serde_json::json!({ "actionId": id, "score": seven_decimals(score) }))
        .collect();
    let id = recommendation_id::of(answered, uuid::Uuid::new_v4().as_u128());
    serde_json::json!({ "actionList": list, "recommendationId": id }).to_string().into_bytes()
}

fn predicted_items<'a>(answered: &Arn, member: &str, items: impl Iterator<Item = Predicted<'a>>) -> Vec<u8> {
    let mut body = Vec::with_capacity(64 + 48 * items.size_hint().0);
    body.extend_from_slice(b"{\"");
    body.extend_from_slice(member.as_bytes());
    body.extend_from_slice(b"\":[");
    for (position, item) in items.enumerate() {
        if position > 0 {
            body.push(b',');
        }
        body.extend_from_slice(b"{\"itemId\":");
        write_json(&mut body, item.id);
        if let Some(score) = item.score {
            body.extend_from_slice(b",\"score\":");
            write_json(&mut body, &seven_decimals(score));
        }
        if let Some(name) = item.promotion {
            body.extend_from_slice(b",\"promotionName\":");
            write_json(&mut body, name);
        }
        if let Some(metadata) = item.metadata {
            body.extend_from_slice(b",\"metadata\":");
            write_json(&mut body, metadata);
        }
        if let Some(reason) = item.reason {
            body.extend_from_slice(b",\"reason\":");
            write_json(&mut body, &[shortened(reason)]);
        }
        body.push(b'}');
    }
    body.extend_from_slice(b"],\"recommendationId\":\"");
    body.extend_from_slice(recommendation_id::of(answered, uuid::Uuid::new_v4().as_u128()).as_bytes());
    body.extend_from_slice(b"\"}");
    body
}

/// A reason is cut where the model's limit is.
fn shortened(reason: &str) -> &str {
    reason.char_indices().nth(REASON_CHARS_MAX).map_or(reason, |(end, _)| &reason[..end])
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
    const RECOMMENDER: &str = "arn:aws:personalize:us-east-1:000000000000:recommender/films";
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
            (
                json!({ "promotions": [{ "name": "p", "filterArn": FILTER }] }),
                "InvalidInputException",
                "promotions[0].percentPromotedItems",
            ),
            (
                json!({ "promotions": [{ "percentPromotedItems": 101, "filterArn": FILTER }] }),
                "InvalidInputException",
                "promotions[0].percentPromotedItems",
            ),
            (json!({ "promotions": [{ "percentPromotedItems": 10 }] }), "InvalidInputException", "filterArn"),
            (
                json!({ "promotions": [{ "name": "a b", "percentPromotedItems": 10, "filterArn": FILTER }] }),
                "InvalidInputException",
                "promotions[0].name",
            ),
            (json!({ "promotions": [{}, {}] }), "InvalidInputException", "promotions"),
            (json!({ "promotions": {} }), "SerializationException", "promotions"),
            (json!({ "metadataColumns": { "USERS": ["AGE"] } }), "InvalidInputException", "metadataColumns"),
            (
                json!({ "metadataColumns": { "ITEMS": vec!["A"; 11] } }),
                "InvalidInputException",
                "metadataColumns.ITEMS",
            ),
            (
                json!({ "metadataColumns": { "ITEMS": ["A"] }, "numResults": 51 }),
                "InvalidInputException",
                "at most 50",
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
            (json!({ "recommenderArn": RECOMMENDER }), "InvalidInputException", "recommenderArn"),
            (
                json!({ "campaignArn": RECOMMENDER }),
                "InvalidInputException",
                "The given campaign ARN is invalid: arn",
            ),
            (
                json!({ "campaignArn": null, "recommenderArn": CAMPAIGN }),
                "InvalidInputException",
                "The given recommender ARN is invalid: arn",
            ),
        ] {
            let error = get(extra.clone()).unwrap_err();
            assert_eq!(error.kind.exception(), exception, "{extra}");
            assert!(error.message.contains(word), "{extra}: {}", error.message);
        }
        assert!(get(json!({ "context": { "DEVICE": "phone" }, "unknownMember": 1 })).is_ok());
    }

    #[test]
    fn a_recommender_answers_in_place_of_a_campaign() {
        let request = get(json!({ "campaignArn": null, "recommenderArn": RECOMMENDER })).unwrap();
        assert_eq!(request.campaign.as_str(), RECOMMENDER);
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
    fn a_promotion_gets_its_share_of_the_places_and_at_least_one() {
        let promotion = json!({ "name": "ours", "percentPromotedItems": 10, "filterArn": FILTER });
        let promotion = get(json!({ "promotions": [promotion] })).unwrap().promotion.unwrap();
        assert_eq!((promotion.name.as_deref(), promotion.filter.arn.as_str()), (Some("ours"), FILTER));
        for (wanted, promoted) in [(0, 0), (1, 1), (10, 1), (11, 2), (500, 50)] {
            assert_eq!(promotion.places(wanted), promoted, "{wanted}");
        }
        let everything = Promotion { percent: 100, ..promotion };
        assert_eq!(everything.places(25), 25);
    }

    #[test]
    fn reasons_are_asked_for_by_a_member_or_by_the_context() {
        assert!(!get(json!({})).unwrap().explain);
        assert!(get(json!({ "explain": true })).unwrap().explain);
        let asked = get(json!({ "context": { "OSUSUME_EXPLAIN": "true", "DEVICE": "phone" } })).unwrap();
        assert!(asked.explain && asked.context.len() == 1, "{asked:?}");
        assert!(get(json!({ "context": { "OSUSUME_EXPLAIN": "yes" } })).is_err());

        let long = "ぬ".repeat(300);
        let item = Predicted { id: "a", reason: Some(&long), ..Predicted::default() };
        let value: Value =
            serde_json::from_slice(&recommendations(&CAMPAIGN.parse().unwrap(), [item].into_iter())).unwrap();
        assert_eq!(value["itemList"][0]["reason"], json!(["ぬ".repeat(256)]));
    }

    #[test]
    fn columns_come_as_they_are_spelled() {
        let columns = |value| get(json!({ "metadataColumns": value })).unwrap().metadata_columns;
        assert_eq!(columns(json!({ "items": ["genres", "YEAR"] })), ["genres", "YEAR"]);
        assert!(columns(json!({})).is_empty() && columns(Value::Null).is_empty());
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
        let campaign: Arn = CAMPAIGN.parse().unwrap();
        let scored = |id, score| Predicted { id, score, ..Predicted::default() };
        let both = [scored("a\"b", Some(0.123_456_78)), scored("c", Some(f32::NAN))];
        let value: Value = serde_json::from_slice(&recommendations(&campaign, both.into_iter())).unwrap();
        let expected = json!([{ "itemId": "a\"b", "score": 0.1234568 }, { "itemId": "c", "score": 0.0 }]);
        assert_eq!(value["itemList"], expected);
        let id = value["recommendationId"].as_str().unwrap();
        assert!(id.starts_with("RID-") && id.len() == 40, "{id}");
        assert_eq!(recommendation_id::answered(id, [&campaign]), Some(&campaign));

        let value: Value =
            serde_json::from_slice(&recommendations(&campaign, [scored("a", None)].into_iter())).unwrap();
        assert_eq!(value["itemList"], json!([{ "itemId": "a" }]));
    }

    #[test]
    fn a_promoted_item_says_so_and_metadata_is_shown() {
        let metadata = BTreeMap::from([("GENRES".to_owned(), "Drama|\"Noir\"".to_owned())]);
        let item = Predicted {
            id: "a",
            score: None,
            promotion: Some("ours"),
            metadata: Some(&metadata),
            reason: None,
        };
        let value: Value =
            serde_json::from_slice(&ranking(&CAMPAIGN.parse().unwrap(), [item].into_iter())).unwrap();
        let shown =
            json!({ "itemId": "a", "promotionName": "ours", "metadata": { "GENRES": "Drama|\"Noir\"" } });
        assert_eq!(value["personalizedRanking"], json!([shown]));
    }

    #[test]
    fn five_actions_unless_asked_otherwise_and_a_hundred_at_most() {
        let parse = |n: Value| {
            let body = json!({ "campaignArn": CAMPAIGN, "userId": "1", "numResults": n });
            GetActionRecommendations::parse(body.to_string().as_bytes())
        };
        let parsed = parse(Value::Null).unwrap();
        assert_eq!((parsed.num_results, parsed.user_id.as_deref()), (5, Some("1")));
        assert_eq!(parse(json!(100)).unwrap().num_results, 100);
        assert!(parse(json!(101)).unwrap_err().message.contains("numResults"));
        let body: Value = serde_json::from_slice(&actions(
            &CAMPAIGN.parse().unwrap(),
            [("a", 0.25), ("b", 1e-30)].into_iter(),
        ))
        .unwrap();
        let expected = json!([{ "actionId": "a", "score": 0.25 }, { "actionId": "b", "score": 0.0 }]);
        assert_eq!(body["actionList"], expected);
        assert_eq!(body["recommendationId"].as_str().unwrap().len(), 40);
    }

    proptest! {
        #[test]
        fn any_item_ids_come_back_as_they_are(ids in proptest::collection::vec("\\PC{1,20}", 0..20)) {
            let items = ids.iter().map(|id| Predicted { id, ..Predicted::default() });
            let body = recommendations(&CAMPAIGN.parse().unwrap(), items);
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
