//! Failures as names that state machines retry and catch by, and back into reasons.
//!
//! `Caller` is the caller's to mend and is never retried. `Internal` is the service's own trouble and
//! is retried by the state machine. `BadInput` is a call that no state machine makes.

use lambda_kit::log::Metric;
use lambda_kit::run::Failed;
use serde_json::Value;
use steps::Failure;
use steps::failure::chain;

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
/// words where it said any, or how the job of AWS Batch ended.
pub fn reason(error: &str, cause: &str) -> String {
    let said: Option<Value> = serde_json::from_str(cause).ok();
    let message = said.as_ref().and_then(|said| said["errorMessage"].as_str());
    if let Some(ended) = said.as_ref().and_then(job_of_batch) {
        return format!("The service failed while working on this: {ended}.");
    }
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

/// How a job of AWS Batch ended, if this is what DescribeJobs says of one. The whole of it is long, and
/// what matters may stand anywhere in it.
fn job_of_batch(said: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let (name, id) = (text(&said["JobName"])?, text(&said["JobId"])?);
    let mut ended = format!("the AWS Batch job {name} ({id}) failed");
    let container = &said["Container"];
    if let Some(code) = container["ExitCode"].as_i64() {
        ended.push_str(&format!(" with exit code {code}"));
    }
    let why: Vec<String> =
        [&said["StatusReason"], &container["Reason"]].into_iter().filter_map(text).collect();
    if !why.is_empty() {
        ended.push_str(&format!(": {}", why.join("; ")));
    }
    if let Some(stream) = text(&container["LogStreamName"]) {
        ended.push_str(&format!(" (log stream {stream})"));
    }
    Some(ended)
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

    #[test]
    fn a_job_of_batch_that_failed_is_named_with_its_exit_code() {
        let said = r#"{"Attempts":[],"Container":{"Command":["--arn","a"],"ExitCode":137,
            "LogStreamName":"train/default/1","Reason":"OutOfMemoryError: Container killed due to memory usage"},
            "JobId":"7f-1","JobName":"osusume-train","Status":"FAILED",
            "StatusReason":"Essential container in task exited"}"#;
        assert_eq!(
            reason("States.TaskFailed", said),
            "The service failed while working on this: the AWS Batch job osusume-train (7f-1) failed with exit \
             code 137: Essential container in task exited; OutOfMemoryError: Container killed due to memory \
             usage (log stream train/default/1)."
        );
        // One that never got an instance has neither an exit code nor a log.
        let said =
            r#"{"Container":{},"JobId":"7f-1","JobName":"osusume-train","StatusReason":"no capacity"}"#;
        assert!(reason("States.TaskFailed", said).ends_with("(7f-1) failed: no capacity."));
    }
}
