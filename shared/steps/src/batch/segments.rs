//! Batch segments: all lines of a file are answered together, in one walk over the users.

use domain::limits::{SEGMENT_ATTRIBUTE_QUERIES_MAX, SEGMENT_ITEM_QUERIES_MAX};
use domain::recipes::{Algorithm, Recipe};
use recipe::Model;
use recipe::segments::attributes;
use recipe::segments::{Segment, segments_within};
use serde_json::{Value, json};

use super::Answers;
use super::lines::{failed, lines, read};
use super::passing::LineFilter;
use crate::models::ServedModel;

/// Member of an output with its answer.
const ANSWER: &str = "recommendedUsers";

/// A line that was read: what it asks for, or why it cannot be answered.
struct Question {
    input: Value,
    items: Result<Vec<u32>, String>,
    /// The users that pass the filter of the job, where it has one.
    allowed: Option<Vec<u64>>,
}

/// One output line for each input line that is not blank, in the same order.
///
/// Fails with a sentence for the caller when there are more lines than the recipe answers at a time.
pub(super) fn answer(
    model: &ServedModel,
    recipe: &Recipe,
    input: &[u8],
    k: usize,
    threads: usize,
    filter: Option<&LineFilter>,
) -> Result<Answers, String> {
    let Model::Hrnn(network) = &model.loaded.model else {
        return Err(format!("The recipe {} finds no segments.", recipe.arn()));
    };
    let by_attribute = recipe.algorithm == Algorithm::ItemAttributeAffinity;
    let questions: Vec<Question> =
        lines(input).map(|line| question(model, by_attribute, line, filter)).collect();
    let most = if by_attribute { SEGMENT_ATTRIBUTE_QUERIES_MAX } else { SEGMENT_ITEM_QUERIES_MAX };
    if questions.len() > most {
        return Err(format!(
            "It has {} lines; a segment job of the recipe {} answers at most {most} lines of a file. Put the rest \
             into other files, and name their folder as the input.",
            questions.len(),
            recipe.arn()
        ));
    }
    let answered = || questions.iter().filter(|question| question.items.is_ok());
    let asked: Vec<Vec<u32>> = answered().filter_map(|question| question.items.clone().ok()).collect();
    let allowed: Vec<Vec<u64>> = answered().filter_map(|question| question.allowed.clone()).collect();
    let mut found = segments_within(network, &model.data, &asked, &allowed, k, threads).into_iter();
    let mut output = Answers { bytes: Vec::new(), lines: 0 };
    for Question { input, items, .. } in questions {
        let line = match items {
            Ok(_) => segment(model, input, &found.next().unwrap_or_default()),
            Err(error) => failed(input, ANSWER, &error),
        };
        // Writing into a vector does not fail.
        let _ = serde_json::to_writer(&mut output.bytes, &line);
        output.bytes.push(b'\n');
        output.lines += 1;
    }
    Ok(output)
}

fn question(model: &ServedModel, by_attribute: bool, line: &[u8], filter: Option<&LineFilter>) -> Question {
    let input = match read(line, filter.is_some()) {
        Ok(input) => input,
        Err((input, error)) => return Question { input, items: Err(error), allowed: None },
    };
    let items = if by_attribute { with_attributes(model, &input) } else { item(model, &input) };
    match filter.map(|filter| filter.passing(&input).map(|passing| passing.words().to_vec())).transpose() {
        Ok(allowed) => Question { input, items, allowed },
        Err(error) => Question { input, items: Err(error), allowed: None },
    }
}

fn item(model: &ServedModel, input: &Value) -> Result<Vec<u32>, String> {
    match input.get("itemId") {
        Some(Value::String(id)) => match model.loaded.items.get(id) {
            Some(item) => Ok(vec![item]),
            None => Err(format!(
                "the model does not know the item '{id}': nobody interacted with it before training"
            )),
        },
        Some(_) => Err("itemId must be a string".to_owned()),
        None => Err("Required fields for the provided recipe are itemId".to_owned()),
    }
}

fn with_attributes(model: &ServedModel, input: &Value) -> Result<Vec<u32>, String> {
    match input.get("itemAttributes") {
        Some(Value::String(text)) => {
            attributes::items_with(&attributes::parse(text)?, &model.data.metadata.items)
        }
        Some(_) => Err("itemAttributes must be a string".to_owned()),
        None => Err("Required fields for the provided recipe are itemAttributes".to_owned()),
    }
}

fn segment(model: &ServedModel, input: Value, segment: &Segment) -> Value {
    let users: Vec<&str> = segment.users.iter().map(|&user| model.data.users.id(user)).collect();
    json!({ "input": input, "output": { ANSWER: users }, "error": null })
}
