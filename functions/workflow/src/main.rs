//! The workflow function: each call is one step of a state machine in `infra/`. Start reading at
//! `stage.rs`.

mod outcome;
mod stage;

use std::sync::Arc;
use std::time::Duration;

use lambda_kit::clients::{Aws, Patience};
use lambda_kit::config::{Stack, number};
use lambda_kit::launch::StateMachines;
use lambda_kit::log::AttributedLine;
use lambda_kit::run;
use steps::live::LiveModels;
use steps::progress::{Attributed, Observer, Progress};
use steps::{ModelCache, Settings, Steps};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_kit::log::init();
    let stack = Stack::from_env()?;
    let aws = Aws::from_env(Patience::WORKING)?;
    let default = Settings::default();
    let steps = Steps {
        resources: aws.resources(&stack),
        lists: aws.lists(&stack),
        events: aws.events(&stack),
        objects: aws.objects(&stack),
        observer: Arc::new(Measures),
        settings: Settings {
            seed: number("SEED", default.seed)?,
            checkpoint_every: Duration::from_secs(number(
                "CHECKPOINT_SECONDS",
                default.checkpoint_every.as_secs(),
            )?),
            ..default
        },
        models: ModelCache::default(),
    };
    let workflow = stage::Workflow {
        live: LiveModels::new(steps.clone()),
        steps,
        machines: StateMachines::from_env(&aws)?,
        small_training_max: number("SMALL_TRAINING_MAX", stage::SMALL_TRAINING_MAX)?,
    };
    let workflow = &workflow;
    run::events("workflow", |event| workflow.handle(event)).await
}

/// Tells CloudWatch what metric attribution finds; nobody watches anything else here.
struct Measures;

impl Observer for Measures {
    fn progress(&self, _: Progress) {}

    fn notice(&self, _: &domain::Arn, _: &str) {}

    fn measured(&self, found: &Attributed<'_>) {
        let line = AttributedLine {
            metric: found.metric,
            event_type: found.event_type,
            dataset_group: found.dataset_group.as_str(),
            source: found.source,
            period: found.period,
            value: found.value,
        };
        line.write();
    }
}
