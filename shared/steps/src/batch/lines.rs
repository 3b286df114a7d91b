//! Batch inference: lines in, lines out. A line that cannot be answered carries its error.

use std::sync::Arc;

use domain::limits::INPUT_LIST_MAX;
use domain::recipes::{Recipe, RecipeType};
use recipe::themes::{Theme, Themes};
use serde_json::{Value, json};
use store::StoredList;

use super::Answers;
use super::passing::{LineFilter, VALUES};
use crate::models::{ServedModel, Steer};

/// Member of an output with its answer.
const ANSWER: &str = "recommendedItems";

/// What every line is answered with.
pub(super) struct Asked<'a> {
    pub model: &'a ServedModel,
    pub recipe: &'a Recipe,
    pub steer: Steer,
    /// Answers for a line.
    pub k: usize,
    pub filter: Option<Arc<LineFilter>>,
    /// What lists may have in common, where a line tells it.
    pub themes: Option<Arc<Themes>>,
}

/// One output line for each input line that is not blank, in the same order.
pub(super) fn answer(asked: &Asked<'_>, input: &[u8]) -> Answers {
    let mut output = Answers { bytes: Vec::with_capacity(input.len() * 8), lines: 0 };
    for line in lines(input) {
        // Writing into a vector does not fail.
        let _ = serde_json::to_writer(&mut output.bytes, &answer_line(asked, line));
        output.bytes.push(b'\n');
        output.lines += 1;
    }
    output
}

/// The lines of a file that are not blank, without the byte order mark that some editors begin a file with.
pub(super) fn lines(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    input
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(input)
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.iter().all(u8::is_ascii_whitespace))
}

fn answer_line(asked: &Asked<'_>, line: &[u8]) -> Value {
    let recipe = asked.recipe;
    let input = match read(line, asked.filter.is_some()) {
        Ok(input) => input,
        Err((input, error)) => return failed(input, ANSWER, &error),
    };
    let list = match list(asked, &input) {
        Ok(list) => list,
        Err(error) => return failed(input, ANSWER, &error),
    };
    if let Some(themes) = &asked.themes {
        let of = input.get("itemId").and_then(Value::as_str).unwrap_or_default();
        let output = themed(themes, of, list.items);
        return json!({ "input": input, "output": output, "error": null });
    }
    let mut output = json!({ ANSWER: list.items });
    if recipe.scored && !list.scores.is_empty() {
        output["scores"] = list.scores.iter().map(|&score| json!(seven_decimals(score))).collect();
    }
    json!({ "input": input, "output": output, "error": null })
}

/// Items with the theme of them all, those that it fits best first; among equals the most similar ones.
fn themed(themes: &Themes, of: &str, items: Vec<String>) -> Value {
    let Theme { name, relevance } = themes.theme(of, &items);
    let mut told: Vec<(String, f64)> = items.into_iter().zip(relevance).collect();
    told.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let (items, relevance): (Vec<String>, Vec<f64>) = told.into_iter().unzip();
    let relevance: Vec<f64> = relevance.into_iter().map(|score| seven_decimals(score as f32)).collect();
    json!({ ANSWER: items, "theme": name, "itemsThemeRelevanceScores": relevance })
}

/// The items of a line that are to be put in order.
fn input_list(input: &Value) -> Result<Vec<String>, String> {
    let items = input.get("itemList").and_then(Value::as_array);
    let items = items.ok_or("Required fields for the provided recipe are itemList, a list of item ids")?;
    if items.len() > INPUT_LIST_MAX {
        return Err(format!("itemList has {} items; at most {INPUT_LIST_MAX} can be ranked", items.len()));
    }
    let ids = items.iter().map(|item| item.as_str().map(str::to_owned));
    ids.collect::<Option<_>>().ok_or_else(|| "itemList must hold strings".to_owned())
}

fn list(asked: &Asked<'_>, input: &Value) -> Result<StoredList, String> {
    let Asked { model, recipe, k, .. } = *asked;
    let member = match recipe.recipe_type {
        RecipeType::RelatedItems => "itemId",
        _ => "userId",
    };
    let id = match input.get(member) {
        Some(Value::String(id)) => id,
        Some(_) => return Err(format!("{member} must be a string")),
        None => return Err(format!("Required fields for the provided recipe are {member}")),
    };
    let steer = &asked.steer;
    let passing = asked.filter.as_ref().map(|filter| filter.passing(input)).transpose()?;
    Ok(match (recipe.recipe_type, &passing) {
        (RecipeType::RelatedItems, None) => model.for_item(id, k),
        (RecipeType::RelatedItems, Some(passing)) => model.for_item_within(id, k, passing.words()),
        (RecipeType::PersonalizedRanking, passing) => {
            let mut items = input_list(input)?;
            items.retain(|id| passing.as_ref().is_none_or(|passing| passing.has_id(id)));
            model.ranked(model.history(id), &items, steer)
        }
        (_, None) => model.for_history(id, model.history(id), k, steer),
        (_, Some(passing)) => model.for_history_within(id, model.history(id), k, steer, passing.words()),
    })
}

/// A line as JSON; where it is not, or has values for a filter that the job lacks, what stands for it in
/// the output and why.
pub(super) fn read(line: &[u8], filtered: bool) -> Result<Value, (Value, String)> {
    let input: Value = serde_json::from_slice(line).map_err(|error| {
        (Value::String(String::from_utf8_lossy(line).into_owned()), format!("the line is not JSON: {error}"))
    })?;
    match input.get(VALUES) {
        Some(values) if !filtered && !values.is_null() => {
            Err((input, format!("{VALUES} are given and the job has no filterArn")))
        }
        _ => Ok(input),
    }
}

/// The output line of an input line that could not be answered; `answer` is the member that is empty.
pub(super) fn failed(input: Value, answer: &str, error: &str) -> Value {
    json!({ "input": input, "output": { answer: [] }, "error": format!("User error: {error}") })
}

/// Scores carry seven decimals, as GetRecommendations writes them.
fn seven_decimals(score: f32) -> f64 {
    (f64::from(score) * 1e7).round() / 1e7
}
