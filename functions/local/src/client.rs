//! The commands' way to the service: the same API calls that a remote client makes, in process.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use crate::app::App;

/// An exception that the API answered with.
#[derive(Debug, thiserror::Error)]
#[error("{message} ({exception})")]
pub struct Refused {
    /// The exception's name, for example `ResourceNotFoundException`.
    pub exception: String,
    /// The API's message.
    pub message: String,
}

impl Refused {
    /// Whether nothing answers to the name or ARN that was given.
    pub fn is_not_found(&self) -> bool {
        self.exception == "ResourceNotFoundException"
    }
}

/// Calls a control-plane operation.
pub async fn call(app: &App, operation: &str, input: Value) -> anyhow::Result<Value> {
    let target = format!("AmazonPersonalize.{operation}");
    let reply = control::handle(&app.control, Some(&target), input.to_string().as_bytes()).await;
    read(operation, reply)
}

/// Calls an operation of the runtime API by its path.
pub async fn ask(app: &App, path: &str, input: Value) -> anyhow::Result<Value> {
    read(path, campaign::handle(&app.campaign, path, input.to_string().as_bytes()).await)
}

fn read(what: &str, reply: wire::HttpReply) -> anyhow::Result<Value> {
    let body: Value = if reply.body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&reply.body).with_context(|| format!("{what} answered with broken JSON"))?
    };
    if reply.status == 200 {
        return Ok(body);
    }
    let exception = reply
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-amzn-errortype"))
        .map(|(_, value)| value.clone())
        .or_else(|| body["__type"].as_str().map(str::to_owned))
        .unwrap_or_else(|| reply.status.to_string());
    let message = body["message"].as_str().unwrap_or("no message").to_owned();
    Err(Refused { exception, message }.into())
}

/// Creates something, or finds that its name is taken and says so with `false`.
pub async fn create(app: &App, operation: &str, input: Value) -> anyhow::Result<bool> {
    match call(app, operation, input).await {
        Ok(_) => Ok(true),
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused) if refused.exception == "ResourceAlreadyExistsException" => Ok(false),
            _ => Err(error),
        },
    }
}

/// Describes a resource: `kind` is the operation's noun, for example `SolutionVersion`.
pub async fn describe(app: &App, kind: &str, arn: &str) -> anyhow::Result<Value> {
    let noun = lower_first(kind);
    let arn_member = format!("{noun}Arn");
    let mut answer = call(app, &format!("Describe{kind}"), json!({ arn_member: arn })).await?;
    Ok(answer[&noun].take())
}

/// Waits until a resource is at rest and returns its description.
///
/// Fails with its `failureReason` when it ends as anything but `ACTIVE`.
pub async fn wait(app: &App, kind: &str, arn: &str) -> anyhow::Result<Value> {
    let mut ended = app.launcher.ended();
    loop {
        ended.mark_unchanged();
        let description = describe(app, kind, arn).await?;
        let update = &description["latestCampaignUpdate"]["status"];
        let status = match (description["status"].as_str(), update.as_str()) {
            (Some("ACTIVE"), Some(update)) => update,
            (status, _) => status.unwrap_or_default(),
        };
        match status {
            "ACTIVE" => return Ok(description),
            "CREATE FAILED" => {
                let reason = description["failureReason"]
                    .as_str()
                    .or_else(|| description["latestCampaignUpdate"]["failureReason"].as_str())
                    .unwrap_or("no reason given");
                anyhow::bail!("{arn} ended as CREATE FAILED: {reason}");
            }
            "CREATE STOPPED" => anyhow::bail!("{arn} was stopped"),
            _ => {}
        }
        // A job's end wakes at once; the timer covers jobs that some other process runs.
        let _ = tokio::time::timeout(Duration::from_millis(500), ended.changed()).await;
    }
}

fn lower_first(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}
