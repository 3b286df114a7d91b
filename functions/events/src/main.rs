//! The events function: `PutEvents`, `PutItems` and `PutUsers` behind API Gateway.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use domain::recommender::Recommender;
use domain::resource::Solution;
use domain::{Arn, ResourceKind, recipes};
use events::{BoxError, BoxFuture, Events, Refresh};
use lambda_kit::clients::{Aws, Patience};
use lambda_kit::config::{Stack, required};
use lambda_kit::gate::Gate;
use lambda_kit::http::Request;
use lambda_kit::invoke::send;
use lambda_kit::log::Metric;
use lambda_kit::run::{self, Answered};
use serde_json::{Value, json};
use store::{Resources, Who};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_kit::log::init();
    let stack = Stack::from_env()?;
    let aws = Aws::from_env(Patience::SERVING)?;
    let gate = Gate::from_env(&aws, &stack)?;
    let resources = aws.resources(&stack);
    let function = required("WORKFLOW_FUNCTION")?;
    let refresh =
        Later { aws: aws.clone(), resources: resources.clone(), function, followed: Mutex::default() };
    let events = Events::new(resources, aws.events(&stack), stack.scope.clone(), Arc::new(refresh));
    let events = &events;
    run::http("events", gate, |request, body| answer(events, request, body)).await
}

async fn answer(events: &Events, request: Request, body: Vec<u8>) -> Answered {
    let resource = serde_json::from_slice::<Value>(&body)
        .ok()
        .and_then(|body| body["datasetArn"].as_str().map(str::to_owned));
    let reply = events::handle(events, &request.raw_path, &body).await;
    let failed = if reply.status >= 500 { 1.0 } else { 0.0 };
    let metrics = vec![
        Metric::count("Failures", failed),
        Metric::count("RowsTaken", events.take_taken() as f64),
        Metric::count("NotRefreshed", events.take_not_refreshed() as f64),
    ];
    Answered { reply, operation: request.raw_path, resource, metrics }
}

/// Has the workflow function write the lists soon, which can hold models. Nobody waits for it: the event
/// is kept, the first use of a model takes seconds to load it, and Lambda tries a call again that fails.
struct Later {
    aws: Aws,
    resources: Resources,
    function: String,
    /// Groups that were found to be followed. They stay so but for a deletion, after which the workflow
    /// function finds nothing to write.
    followed: Mutex<HashSet<Arn>>,
}

impl Later {
    /// Whether the group has a solution or recommender at all whose recipe follows events. Either is older
    /// than what it serves, so none is overlooked.
    async fn is_followed(&self, group: &Arn) -> Result<bool, BoxError> {
        if self.followed.lock().unwrap_or_else(PoisonError::into_inner).contains(group) {
            return Ok(true);
        }
        // An unknown recipe is somebody else's to judge.
        let follows = |recipe: &Arn| recipes::find(recipe).is_none_or(|r| r.algorithm.follows_events());
        let solutions = self.resources.list_all(ResourceKind::Solution, Some(group)).await?;
        let solutions = solutions.into_iter().filter_map(|solution| Solution::try_from(solution).ok());
        // What AutoML will choose is not known here.
        let mut followed = solutions.into_iter().any(|solution| solution.recipe.as_ref().is_none_or(follows));
        if !followed {
            let recommenders = self.resources.list_all(ResourceKind::Recommender, Some(group)).await?;
            let mut recommenders = recommenders.into_iter().filter_map(|one| Recommender::try_from(one).ok());
            followed = recommenders.any(|recommender| follows(&recommender.recipe));
        }
        if followed {
            self.followed.lock().unwrap_or_else(PoisonError::into_inner).insert(group.clone());
        }
        Ok(followed)
    }
}

impl Refresh for Later {
    fn refresh<'a>(&'a self, group: &'a Arn, who: Who<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            if !self.is_followed(group).await? {
                return Ok(());
            }
            let anonymous = matches!(who, Who::Session(_));
            let payload =
                json!({ "step": "Refresh", "arn": group, "userId": who.id(), "anonymous": anonymous });
            Ok(send(&self.aws, &self.function, &payload).await?)
        })
    }
}
