//! The frame around a function: every event is timed, answered and logged in one place.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use domain::ApiError;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use wire::{HttpReply, aws_json};

use crate::gate::Gate;
use crate::http::{Request, Response};
use crate::log::{Line, Metric};

/// What a handler of HTTP requests gives back.
pub struct Answered {
    /// What the caller gets.
    pub reply: HttpReply,
    /// The operation, for the log.
    pub operation: String,
    /// The resource that it was about, for the log.
    pub resource: Option<String>,
    /// Numbers for CloudWatch.
    pub metrics: Vec<Metric>,
}

/// Answers requests from API Gateway for as long as the sandbox lives; whoever `gate` does not let
/// in gets its exception. The handler is given the request and its body.
pub async fn http<H, F>(function: &'static str, gate: Gate, handler: H) -> Result<(), Error>
where
    H: Fn(Request, Vec<u8>) -> F,
    F: Future<Output = Answered>,
{
    let handler = Arc::new((gate, handler));
    let cold = Arc::new(AtomicBool::new(true));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Request>| {
        let (handler, cold) = (handler.clone(), cold.clone());
        erased(async move {
            let started = Instant::now();
            let (gate, handler) = &*handler;
            let answered = match enter(gate, &event.payload).await {
                Ok(body) => handler(event.payload, body).await,
                Err(denied) => denied,
            };
            Line {
                function,
                request_id: &event.context.request_id,
                cold_start: cold.swap(false, Ordering::Relaxed),
                operation: &answered.operation,
                resource: answered.resource.as_deref(),
                outcome: &answered.reply.status.to_string(),
                reason: None,
                duration: started.elapsed(),
                metrics: &answered.metrics,
            }
            .write();
            Ok::<_, Error>(Response::from(answered.reply))
        })
    }))
    .await
}

/// A future without its type, which for SDK calls inside the layers of the runtime is deeper than
/// the compiler goes.
fn erased<'a, T>(future: impl Future<Output = T> + 'a) -> Pin<Box<dyn Future<Output = T> + 'a>> {
    Box::pin(future)
}

/// The body of a request that may come in.
async fn enter(gate: &Gate, request: &Request) -> Result<Vec<u8>, Answered> {
    let refused = |error: ApiError| Answered {
        reply: aws_json::error(&error),
        operation: "none".to_owned(),
        resource: None,
        metrics: vec![Metric::count("Denied", 1.0)],
    };
    let body = request.body().map_err(|error| refused(ApiError::invalid(error.to_string())))?;
    gate.check(request, &body).await.map_err(|reply| Answered { reply, ..refused(ApiError::invalid("")) })?;
    Ok(body)
}

/// What a handler of plain events gives back.
pub struct Done {
    /// What whoever called the function gets.
    pub value: Value,
    /// The step, for the log.
    pub operation: String,
    /// The resource that it was about, for the log.
    pub resource: Option<String>,
    /// Numbers for CloudWatch.
    pub metrics: Vec<Metric>,
}

/// Why an event was not handled. Its name is what a state machine retries or catches by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The step, for the log.
    pub operation: String,
    /// The resource that it was about, for the log.
    pub resource: Option<String>,
    /// Name of the error, for example `Internal`.
    pub name: &'static str,
    /// What went wrong.
    pub message: String,
}

impl From<Failed> for Diagnostic {
    fn from(failed: Failed) -> Self {
        Diagnostic { error_type: failed.name.to_owned(), error_message: failed.message }
    }
}

/// Handles events of any shape for as long as the sandbox lives.
pub async fn events<H, F>(function: &'static str, handler: H) -> Result<(), Error>
where
    H: Fn(Value) -> F,
    F: Future<Output = Result<Done, Failed>>,
{
    let handler = Arc::new(handler);
    let cold = Arc::new(AtomicBool::new(true));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let (handler, cold) = (handler.clone(), cold.clone());
        erased(async move {
            let started = Instant::now();
            let outcome = handler(event.payload).await;
            let (operation, resource, metrics, reason) = match &outcome {
                Ok(done) => (&done.operation, &done.resource, done.metrics.as_slice(), None),
                Err(failed) => (&failed.operation, &failed.resource, &[][..], Some(failed.message.as_str())),
            };
            Line {
                function,
                request_id: &event.context.request_id,
                cold_start: cold.swap(false, Ordering::Relaxed),
                operation,
                resource: resource.as_deref(),
                outcome: if outcome.is_ok() { "ok" } else { "failed" },
                reason,
                duration: started.elapsed(),
                metrics,
            }
            .write();
            outcome.map(|done| done.value)
        })
    }))
    .await
}
