//! Batch inference: lines in, lines out. A line that cannot be answered carries its error.

use domain::limits::INPUT_LIST_MAX;
use domain::recipes::{Recipe, RecipeType};
use recipe::exploration::Explorer;
use serde_json::{Value, json};

use super::Answers;
use crate::models::ServedModel;

/// Member of an output with its answer.
const ANSWER: &str = "recommendedItems";

/// One output line for each input line that is not blank, in the same order.
pub(super) fn answer(
    model: &ServedModel,
    recipe: &Recipe,
    explorer: Option<&Explorer>,
    input: &[u8],
    k: usize,
) -> Answers {
    let mut output = Answers { bytes: Vec::with_capacity(input.len() * 8), lines: 0 };
    for line in lines(input) {
        // Writing into a vector does not fail.
        let _ = serde_json::to_writer(&mut output.bytes, &answer_line(model, recipe, explorer, line, k));
        output.bytes.push(b'\n');
        output.lines += 1;
    }
    output
}

/// The lines of a file that are not blank.
pub(super) fn lines(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    input
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.iter().all(u8::is_ascii_whitespace))
}

fn answer_line(
    model: &ServedModel,
    recipe: &Recipe,
    explorer: Option<&Explorer>,
    line: &[u8],
    k: usize,
) -> Value {
    let input = match read(line) {
        Ok(input) => input,
        Err((input, error)) => return failed(input, ANSWER, &error),
    };
    let member = match recipe.recipe_type {
        RecipeType::RelatedItems => "itemId",
        _ => "userId",
    };
    let list = match (input.get(member), recipe.recipe_type) {
        (Some(Value::String(item)), RecipeType::RelatedItems) => model.for_item(item, k),
        (Some(Value::String(user)), RecipeType::PersonalizedRanking) => match input_list(&input) {
            Ok(items) => model.ranked(model.history(user), &items),
            Err(error) => return failed(input, ANSWER, &error),
        },
        (Some(Value::String(user)), _) => model.for_history(user, model.history(user), k, explorer),
        (Some(_), _) => return failed(input, ANSWER, &format!("{member} must be a string")),
        (None, _) => {
            let error = format!("Required fields for the provided recipe are {member}");
            return failed(input, ANSWER, &error);
        }
    };
    let mut output = json!({ ANSWER: list.items });
    if recipe.scored && !list.scores.is_empty() {
        output["scores"] = list.scores.iter().map(|&score| json!(seven_decimals(score))).collect();
    }
    json!({ "input": input, "output": output, "error": null })
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

/// A line as JSON; where it is not, or asks for what is not there yet, what stands for it in the output
/// and why.
pub(super) fn read(line: &[u8]) -> Result<Value, (Value, String)> {
    let input: Value = serde_json::from_slice(line).map_err(|error| {
        (Value::String(String::from_utf8_lossy(line).into_owned()), format!("the line is not JSON: {error}"))
    })?;
    match input.get("filterValues") {
        Some(_) => Err((input, "filterValues are given and filters are not available yet".to_owned())),
        None => Ok(input),
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
