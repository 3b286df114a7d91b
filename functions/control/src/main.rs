//! The control function: the Personalize control plane behind API Gateway.

use control::{Control, lambda};
use lambda_kit::clients::{Aws, Patience};
use lambda_kit::config::Stack;
use lambda_kit::gate::Gate;
use lambda_kit::http::Request;
use lambda_kit::log::Metric;
use lambda_kit::run::{self, Answered};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_kit::log::init();
    let stack = Stack::from_env()?;
    let aws = Aws::from_env(Patience::SERVING)?;
    let gate = Gate::from_env(&aws, &stack)?;
    let control = lambda::from_env(&aws, &stack)?;
    let control = &control;
    run::http("control", gate, |request, body| answer(control, request, body)).await
}

async fn answer(control: &Control, request: Request, body: Vec<u8>) -> Answered {
    let target = request.header("x-amz-target");
    let reply = control::handle(control, target, &body).await;
    let operation = target.and_then(|target| target.split('.').next_back()).unwrap_or("none").to_owned();
    let failed = if reply.status >= 500 { 1.0 } else { 0.0 };
    let resource = first_arn(&reply.body).or_else(|| first_arn(&body));
    Answered { reply, operation, resource, metrics: vec![Metric::count("Failures", failed)] }
}

/// The first ARN among the members of a JSON object: what a call created, or what it was about.
fn first_arn(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let arns = body.as_object()?.iter().filter(|(name, _)| name.ends_with("Arn") && *name != "roleArn");
    arns.filter_map(|(_, value)| value.as_str()).map(str::to_owned).next()
}
