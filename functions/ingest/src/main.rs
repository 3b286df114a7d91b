//! The ingest function: object-created events of the stack's bucket become import jobs.
//!
//! An upload that no dataset takes is an error, so that Lambda tries it again and then puts it, with
//! the reason, into the dead-letter queue: an upload never disappears in silence.

use control::{Control, lambda};
use ingest::Outcome;
use lambda_kit::clients::{Aws, Patience};
use lambda_kit::config::Stack;
use lambda_kit::log::Metric;
use lambda_kit::run::{self, Done, Failed};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_kit::log::init();
    let stack = Stack::from_env()?;
    let control = lambda::from_env(&Aws::from_env(Patience::WORKING)?, &stack)?;
    let (control, bucket) = (&control, stack.bucket.as_str());
    run::events("ingest", |event| handle(control, bucket, event)).await
}

async fn handle(control: &Control, bucket: &str, event: Value) -> Result<Done, Failed> {
    let failed =
        |name, resource, message| Failed { operation: "ObjectCreated".to_owned(), resource, name, message };
    let outcomes = ingest::handle(control, bucket, event.to_string().as_bytes())
        .await
        .map_err(|error| failed("NotAnS3Event", None, domain::error::chain(&error)))?;
    let mut jobs = Vec::new();
    let mut refused = Vec::new();
    for outcome in &outcomes {
        match outcome {
            Outcome::Importing(job) | Outcome::Seen(job) => jobs.push(job.as_str().to_owned()),
            Outcome::Ignored(reason) => tracing::info!(%reason, "an object is left alone"),
            Outcome::Refused { key, message } => refused.push(format!("s3://{bucket}/{key}: {message}")),
        }
    }
    if !refused.is_empty() {
        return Err(failed("UploadRefused", jobs.into_iter().next(), refused.join("\n")));
    }
    let metrics = vec![Metric::count("Uploads", jobs.len() as f64)];
    let resource = jobs.first().cloned();
    Ok(Done { value: json!({ "jobs": jobs }), operation: "ObjectCreated".to_owned(), resource, metrics })
}
