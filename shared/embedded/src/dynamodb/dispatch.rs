//! From an AWS JSON 1.0 request to a method of the database, and back.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use dynoxide::{Database, DynoxideError};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::Databases;
use crate::connector::BoxError;

/// What stands before the operation in `X-Amz-Target`.
const TARGET_PREFIX: &str = "DynamoDB_20120810.";

/// Answers one request. SQLite blocks, so the work is done off the runtime's own threads.
pub(super) async fn answer(
    databases: Arc<Databases>,
    request: Request<SdkBody>,
) -> Result<Response<SdkBody>, BoxError> {
    let (parts, body) = request.into_parts();
    let target = parts.headers.get("x-amz-target").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let operation = target.strip_prefix(TARGET_PREFIX).unwrap_or(target).to_owned();
    let body = match body.bytes() {
        Some(bytes) => Bytes::copy_from_slice(bytes),
        None => body.collect().await?.to_bytes(),
    };
    let answered = tokio::task::spawn_blocking(move || {
        let body =
            std::str::from_utf8(&body).map_err(|e| DynoxideError::SerializationException(e.to_string()))?;
        call(databases.of(&table(body)?, &operation), &operation, body)
    });
    let (status, json) = match answered.await? {
        Ok(json) => (StatusCode::OK, json),
        Err(error) => (StatusCode::from_u16(error.status_code())?, error.to_json()),
    };
    let response = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
    Ok(response.body(SdkBody::from(json))?)
}

/// The operations that the store uses. Another one is a clear error instead of a half-tested path.
fn call(database: &Database, operation: &str, body: &str) -> Result<String, DynoxideError> {
    match operation {
        "GetItem" => run(body, |request| database.get_item(request)),
        "BatchWriteItem" => run(body, |request| database.batch_write_item(request)),
        "Query" => run(body, |request| database.query(request)),
        "PutItem" => run(body, |request| database.put_item(request)),
        "DeleteItem" => run(body, |request| database.delete_item(request)),
        "CreateTable" => run(body, |request| database.create_table(request)),
        "UpdateTimeToLive" => run(body, |request| database.update_time_to_live(request)),
        "DescribeTable" => run(body, |request| database.describe_table(request)),
        other => Err(DynoxideError::UnsupportedCapability(other.to_owned())),
    }
}

fn run<Q: DeserializeOwned, A: Serialize>(
    body: &str,
    method: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<String, DynoxideError> {
    let answer = method(parse(body)?)?;
    serde_json::to_string(&answer).map_err(|e| DynoxideError::InternalServerError(e.to_string()))
}

fn parse<'a, Q: Deserialize<'a>>(body: &'a str) -> Result<Q, DynoxideError> {
    serde_json::from_str(body).map_err(|error| {
        // dynoxide marks what DynamoDB would call a validation error in the text of its own
        // deserialisation errors.
        let text = error.to_string();
        match text.split_once("VALIDATION") {
            Some(("", rest)) => {
                let message = rest.split_once(':').map_or(rest, |(_, message)| message);
                DynoxideError::ValidationException(message.to_owned())
            }
            _ => DynoxideError::SerializationException(text),
        }
    })
}

/// The table that a request is about. A batch over several tables never leaves the store.
fn table(body: &str) -> Result<Cow<'_, str>, DynoxideError> {
    #[derive(Deserialize)]
    struct Names<'a> {
        #[serde(rename = "TableName", borrow)]
        table: Option<Cow<'a, str>>,
        #[serde(rename = "RequestItems", borrow, default)]
        batch: HashMap<Cow<'a, str>, IgnoredAny>,
    }
    let names: Names<'_> = parse(body)?;
    names
        .table
        .or_else(|| names.batch.into_keys().next())
        .ok_or_else(|| DynoxideError::ValidationException("the request names no table".to_owned()))
}
