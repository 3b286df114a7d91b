//! Calling another function of the stack, and waiting for its answer or not.

use serde_json::Value;

use crate::clients::Aws;
use crate::signed::{Call, CallError, Service};

const LAMBDA: Service = Service { name: "lambda", variable: "LAMBDA" };

/// A call that gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// Lambda could not be reached or refused.
    #[error("cannot call the function {function}")]
    Call {
        /// Its name.
        function: String,
        /// What happened.
        #[source]
        cause: CallError,
    },
    /// The function ran and failed.
    #[error("the function {function} failed: {answer}")]
    Failed {
        /// Its name.
        function: String,
        /// What it said.
        answer: String,
    },
}

/// Has `function` called with `payload` some time soon and waits for no answer. Lambda keeps the call and
/// tries it again should it fail.
pub async fn send(aws: &Aws, function: &str, payload: &Value) -> Result<(), InvokeError> {
    let path = format!("/2015-03-31/functions/{function}/invocations");
    let headers = &[("content-type", "application/json"), ("x-amz-invocation-type", "Event")];
    let call = Call { service: LAMBDA, path: &path, headers, body: payload.to_string() };
    let called = aws.caller().call(&call).await;
    called.map(drop).map_err(|cause| InvokeError::Call { function: function.to_owned(), cause })
}

/// Calls `function`, a name of letters, digits, `-` and `_`, with `payload` and returns its answer.
pub async fn invoke(aws: &Aws, function: &str, payload: &Value) -> Result<Value, InvokeError> {
    let path = format!("/2015-03-31/functions/{function}/invocations");
    let headers = &[("content-type", "application/json")];
    let call = Call { service: LAMBDA, path: &path, headers, body: payload.to_string() };
    let called = aws.caller().call(&call).await;
    let answer = called.map_err(|cause| InvokeError::Call { function: function.to_owned(), cause })?;
    let failed = || InvokeError::Failed {
        function: function.to_owned(),
        answer: String::from_utf8_lossy(&answer.body).chars().take(1_000).collect(),
    };
    let value: Value = serde_json::from_slice(&answer.body).map_err(|_| failed())?;
    // Some stand-ins for Lambda report a failed function in the body alone.
    match answer.function_error || value.get("errorType").is_some() {
        true => Err(failed()),
        false => Ok(value),
    }
}
