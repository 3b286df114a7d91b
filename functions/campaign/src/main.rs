//! The campaign function: `GetRecommendations` behind API Gateway. Reads one list for each request.

use std::sync::Arc;

use campaign::{BoxError, BoxFuture, Campaign, LiveScorer, Question, Shown};
use domain::{ApiError, Arn, Steering};
use lambda_kit::clients::{Aws, Patience};
use lambda_kit::config::{Stack, required};
use lambda_kit::gate::Gate;
use lambda_kit::http::Request;
use lambda_kit::invoke::invoke;
use lambda_kit::log::Metric;
use lambda_kit::run::{self, Answered};
use serde_json::{Value, json};
use store::StoredList;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_kit::log::init();
    let stack = Stack::from_env()?;
    let aws = Aws::from_env(Patience::SERVING)?;
    let gate = Gate::from_env(&aws, &stack)?;
    // A model takes longer to load than a list to read.
    let live =
        Arc::new(Live { aws: Aws::from_env(Patience::WORKING)?, function: required("WORKFLOW_FUNCTION")? });
    let campaign = Campaign::new(aws.resources(&stack), aws.lists(&stack), live);
    let (campaign, stack) = (&campaign, &stack);
    run::http("campaign", gate, |request, body| answer(campaign, stack, request, body)).await
}

async fn answer(campaign: &Campaign, stack: &Stack, request: Request, body: Vec<u8>) -> Answered {
    let (operation, resource, reply) = match request.method() {
        "GET" => {
            let (path, query) = (&request.raw_path, &request.raw_query_string);
            ("GET", None, campaign::handle_get(campaign, &stack.scope, path, query).await)
        }
        _ => {
            let arn = serde_json::from_slice::<Value>(&body).ok().and_then(|body| {
                let named = body["campaignArn"].as_str().or(body["recommenderArn"].as_str());
                named.map(str::to_owned)
            });
            (request.raw_path.as_str(), arn, campaign::handle(campaign, &request.raw_path, &body).await)
        }
    };
    let failed = if reply.status >= 500 { 1.0 } else { 0.0 };
    let metrics =
        vec![Metric::count("Failures", failed), Metric::count("Fallbacks", campaign.take_fallbacks() as f64)];
    Answered { reply, operation: operation.to_owned(), resource, metrics }
}

/// Answers that no stored list can give are computed by the workflow function, which can
/// hold a model.
struct Live {
    aws: Aws,
    function: String,
}

impl LiveScorer for Live {
    fn answer<'a>(
        &'a self,
        version: &'a Arn,
        question: Question<'a>,
    ) -> BoxFuture<'a, Result<StoredList, ApiError>> {
        Box::pin(async move {
            let mut asked = json!({
                "userId": question.user_id,
                "itemId": question.item_id,
                "numResults": question.num_results,
                "context": question.context,
                "exploration": question.steering.exploration,
                "inputList": question.input_list,
                "filter": question.filter,
            });
            weigh(&mut asked, question.steering);
            let payload = json!({ "step": "Score", "arn": version, "question": asked });
            let answer = invoke(&self.aws, &self.function, &payload).await.map_err(ApiError::internal)?;
            told(&answer, "items")?;
            list(&answer).map_err(ApiError::internal)
        })
    }

    fn describe<'a>(
        &'a self,
        group: &'a Arn,
        items: &'a [String],
        columns: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Shown>, ApiError>> {
        Box::pin(async move {
            let asked = json!({ "items": items, "columns": columns });
            let payload = json!({ "step": "Describe", "arn": group, "asked": asked });
            let answer = invoke(&self.aws, &self.function, &payload).await.map_err(ApiError::internal)?;
            serde_json::from_value(told(&answer, "shown")?.clone()).map_err(ApiError::internal)
        })
    }

    fn explain<'a>(
        &'a self,
        version: &'a Arn,
        steering: &'a Steering,
        user: &'a str,
        items: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<String>>, ApiError>> {
        Box::pin(async move {
            let mut payload = json!({ "step": "Explain", "arn": version, "user": user, "items": items });
            weigh(&mut payload, steering);
            let answer = invoke(&self.aws, &self.function, &payload).await.map_err(ApiError::internal)?;
            serde_json::from_value(answer["reasons"].clone()).map_err(ApiError::internal)
        })
    }
}

/// Says what popularity and freshness weigh, where they do; while a stack is being updated, functions from
/// before there was such a thing understand everything else.
fn weigh(asked: &mut Value, steering: &Steering) {
    if !steering.influence.is_neutral() {
        asked["influence"] = json!(steering.influence);
    }
}

/// The part of an answer that was asked for; what the caller has to mend is an error.
fn told<'a>(answer: &'a Value, member: &str) -> Result<&'a Value, ApiError> {
    answer["refused"].as_str().map_or(Ok(&answer[member]), |why| Err(ApiError::invalid(why)))
}

fn list(answer: &Value) -> Result<StoredList, BoxError> {
    Ok(StoredList {
        items: serde_json::from_value(answer["items"].clone())?,
        scores: serde_json::from_value(answer["scores"].clone())?,
    })
}
