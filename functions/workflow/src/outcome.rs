//! Failures as names that state machines retry and catch by, and back into reasons.
//!
//! `Caller` is the caller's to mend and is never retried. `Internal` is the service's own trouble and
//! is retried by the state machine. `BadInput` is a call that no state machine makes.

use lambda_kit::log::{Metric, chain};
use lambda_kit::run::Failed;
use serde_json::Value;
use steps::Failure;

/// Name of a failure that the caller can mend.
pub const CALLER: &str = "Caller";
/// Name of a failure that may be over when the step is tried again.
pub const INTERNAL: &str = "Internal";
/// Name of the failure of a call with the wrong members.
pub const BAD_INPUT: &str = "BadInput";

/// A failure under its name.
pub fn failed(operation: String, resource: Option<String>, failure: &Failure) -> Failed {
    let (name, message) = match failure {
        Failure::Caller(reason) => (CALLER, reason.clone()),
        Failure::Stopped => (CALLER, "stopped on request".to_owned()),
        Failure::Internal { .. } => (INTERNAL, chain(failure)),
    };
    Failed { operation, resource, name, message }
}

/// Whether a training was stopped, which is no failure.
pub struct Stopped(pub bool);

/// Tells a stop from success and failure.
pub fn stopped(outcome: Result<(), Failure>) -> Result<Stopped, Failure> {
    match outcome {
        Ok(()) => Ok(Stopped(false)),
        Err(Failure::Stopped) => Ok(Stopped(true)),
        Err(failure) => Err(failure),
    }
}

/// The reason that a caller reads, from what a Catch of a state machine was given: the function's own
/// words where it said any.
pub fn reason(error: &str, cause: &str) -> String {
    let said: Option<Value> = serde_json::from_str(cause).ok();
    let message = said.as_ref().and_then(|said| said["errorMessage"].as_str());
    match (error, message) {
        (CALLER, Some(message)) => message.to_owned(),
        (_, Some(message)) => format!("The service failed while working on this: {message}."),
        (_, None) if cause.is_empty() => format!("The service failed while working on this: {error}."),
        (_, None) => {
            let cause: String = cause.chars().take(500).collect();
            format!("The service failed while working on this: {error}: {cause}.")
        }
    }
}

/// What publishing came to, for CloudWatch.
pub fn published(published: &store::Published) -> Vec<Metric> {
    vec![
        Metric::count("ListsPublished", published.written as f64),
        Metric::count("WriteUnits", published.write_units),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caught_failure_becomes_the_functions_own_words() {
        let said = r#"{"errorType":"Caller","errorMessage":"line 3, column TIMESTAMP"}"#;
        assert_eq!(reason(CALLER, said), "line 3, column TIMESTAMP");
        let said = r#"{"errorType":"Internal","errorMessage":"reading x: refused"}"#;
        assert!(reason(INTERNAL, said).contains("reading x: refused"));
        assert!(reason("Lambda.Unknown", "exit status 137").contains("Lambda.Unknown: exit status 137"));
        assert!(reason("States.Timeout", "").contains("States.Timeout"));
    }
}
