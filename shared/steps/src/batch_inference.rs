//! Batch inference: a file of users or items in, a file of recommendations out.
//!
//! Formats: developer guide, "Preparing input data for batch recommendations": JSON Lines
//! `{"userId": "…"}` or `{"itemId": "…"}` in, `{"input": …, "output": …, "error": …}` out, in
//! `<input name>.out` below the output path. A line that cannot be answered carries its error and
//! the others are answered.

use std::sync::Arc;

use bytes::Bytes;
use domain::limits::NUM_RESULTS_DEFAULT;
use domain::recipes::{Recipe, RecipeType};
use domain::resource::{BatchInferenceJob, SolutionVersion};
use serde_json::{Value, json};
use store::{ObjectError, S3Location};

use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::models::ServedModel;
use crate::progress::Progress;

/// Object that tells that all outputs are whole, as the hosted service writes it.
const CHECK: &str = "_CHECK";

/// Answers every line of every input file.
pub(crate) async fn answer(steps: &Steps, job: &BatchInferenceJob) -> Result<BatchInferenceJob, Failure> {
    let version = steps.existing::<SolutionVersion>(&job.solution_version).await?;
    let recipe = domain::recipes::find(&version.recipe)
        .ok_or_else(|| Failure::caller(format!("There is no recipe {}.", version.recipe)))?;
    let output = location(&job.output_path, "Invalid S3 output path")?;
    let inputs = inputs(steps, &job.input_path).await?;
    let model = Arc::new(steps.served_model(&version).await?);
    let k = job.num_results.map_or(NUM_RESULTS_DEFAULT, |k| k as usize);
    let total = inputs.len() as u64;
    for (done, input) in inputs.iter().enumerate() {
        let bytes = steps.objects.get(input).await.doing(|| format!("reading {input}"))?;
        let answered = {
            let model = model.clone();
            tokio::task::spawn_blocking(move || answer_lines(&model, recipe, &bytes, k))
                .await
                .doing(|| format!("answering {input}"))?
        };
        let at = output.with_key(format!("{}{}.out", output.key, input.file_name()));
        steps.objects.put(&at, answered).await.map_err(|error| writing(&at, error))?;
        steps.observer.progress(Progress {
            arn: job.arn.clone(),
            stage: "batch inference",
            done: done as u64 + 1,
            total,
            unit: "files",
            note: String::new(),
        });
    }
    let check = output.with_key(format!("{}{CHECK}", output.key));
    steps.objects.put(&check, Bytes::new()).await.map_err(|error| writing(&check, error))?;
    Ok(job.clone())
}

/// The input objects: one, or everything under a prefix.
async fn inputs(steps: &Steps, path: &str) -> Result<Vec<S3Location>, Failure> {
    let at = location(path, "Invalid S3 input path")?;
    let nothing = |why: String| Failure::caller(format!("Invalid S3 input path. {why}"));
    if !at.is_prefix() {
        return match steps.objects.head(&at).await {
            Ok(Some(_)) => Ok(vec![at]),
            Ok(None) => Err(nothing(format!("{at} does not exist."))),
            Err(error) if error.is_not_found() => Err(nothing(format!("{error}."))),
            Err(error) => Err(error).doing(|| format!("reading {at}")),
        };
    }
    match steps.objects.list(&at.bucket, &at.key).await {
        Ok(objects) => {
            let found: Vec<_> =
                objects.iter().filter(|o| !o.key.ends_with('/')).map(|o| at.with_key(&o.key)).collect();
            if found.is_empty() { Err(nothing(format!("There is no object under {at}."))) } else { Ok(found) }
        }
        Err(error) if error.is_not_found() => Err(nothing(format!("{error}."))),
        Err(error) => Err(error).doing(|| format!("listing {at}")),
    }
}

fn location(path: &str, problem: &str) -> Result<S3Location, Failure> {
    path.parse().map_err(|error| Failure::caller(format!("{problem}. {error}.")))
}

fn writing(at: &S3Location, error: ObjectError) -> Failure {
    if error.is_not_found() {
        return Failure::caller(format!("Invalid S3 output path. {error}."));
    }
    Failure::Internal { doing: format!("writing {at}"), cause: error.into() }
}

/// One output line for each input line that is not blank, in the same order.
fn answer_lines(model: &ServedModel, recipe: &Recipe, input: &[u8], k: usize) -> Vec<u8> {
    let mut output = Vec::with_capacity(input.len() * 8);
    for line in input.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        // Writing into a vector does not fail.
        let _ = serde_json::to_writer(&mut output, &answer_line(model, recipe, line, k));
        output.push(b'\n');
    }
    output
}

fn answer_line(model: &ServedModel, recipe: &Recipe, line: &[u8], k: usize) -> Value {
    let input: Value = match serde_json::from_slice(line) {
        Ok(input) => input,
        Err(error) => {
            return failed(
                Value::String(String::from_utf8_lossy(line).into_owned()),
                format!("the line is not JSON: {error}"),
            );
        }
    };
    if input.get("filterValues").is_some() {
        return failed(input, "filterValues are given and filters are not available yet".into());
    }
    let member = match recipe.recipe_type {
        RecipeType::UserPersonalization => "userId",
        RecipeType::RelatedItems => "itemId",
    };
    let list = match (input.get(member), recipe.recipe_type) {
        (Some(Value::String(user)), RecipeType::UserPersonalization) => model.for_user(user, k, false),
        (Some(Value::String(item)), RecipeType::RelatedItems) => model.for_item(item, k),
        (Some(_), _) => return failed(input, format!("{member} must be a string")),
        (None, _) => return failed(input, format!("Required fields for the provided recipe are {member}")),
    };
    let mut output = json!({ "recommendedItems": list.items });
    if recipe.scored && !list.scores.is_empty() {
        output["scores"] = list.scores.iter().map(|&score| json!(seven_decimals(score))).collect();
    }
    json!({ "input": input, "output": output, "error": null })
}

fn failed(input: Value, error: String) -> Value {
    json!({ "input": input, "output": { "recommendedItems": [] }, "error": format!("User error: {error}") })
}

/// Scores carry seven decimals, as GetRecommendations writes them.
fn seven_decimals(score: f32) -> f64 {
    (f64::from(score) * 1e7).round() / 1e7
}
