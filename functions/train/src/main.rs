//! The trainer of large data: one solution version in a container of AWS Batch.
//!
//! `train --arn <solution version>` does what the workflow function's step `Train` does, with more
//! time and other hardware; with `--trial <number>` what its step `Trial` does. The container is started by `infra/train.asl.json`, may be killed and
//! started again, and writes model and status itself. It ends with 0 when the resource is at rest
//! (`ACTIVE`, or `CREATE FAILED` with a reason that the caller can mend), and with 1 when it is not.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use clap::Parser;
use domain::Arn;
use domain::resource::Job;
use lambda_kit::clients::{Aws, Patience};
use lambda_kit::config::{Stack, number};
use steps::{DeviceChoice, Failure, ModelCache, Settings, Steps};

mod progress;

/// Trains a solution version to its end. Settings come from the environment that the job definition
/// sets: `ACCOUNT_ID`, `AWS_REGION`, `TABLE_PREFIX`, `BUCKET`.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// ARN of the solution version.
    #[arg(long)]
    arn: Arn,
    /// Number of a trial of the version's search, to carry out that alone.
    #[arg(long)]
    trial: Option<u32>,
    /// Threads [default: all cores]. The result does not depend on it.
    #[arg(long)]
    threads: Option<std::num::NonZeroUsize>,
    /// Where networks are trained: auto, cpu or cuda. auto takes the GPU where one can be used.
    #[arg(long, default_value_t = DeviceChoice::Auto, env = "DEVICE")]
    device: DeviceChoice,
}

#[tokio::main]
async fn main() -> ExitCode {
    lambda_kit::log::init();
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> anyhow::Result<()> {
    if options.device == DeviceChoice::Cuda {
        options.device.explain()?;
    }
    let steps = connect(options).await?;
    let job = Job::Train(options.arn.clone());
    let done = match options.trial {
        Some(number) => steps.trial(&options.arn, number).await,
        None => steps.train_begun(&options.arn).await,
    };
    match done {
        Ok(()) | Err(Failure::Stopped) => Ok(()),
        Err(Failure::Caller(reason)) => {
            Ok(steps.end_as_failed(&job, &reason).await.context("cannot write the reason down")?)
        }
        Err(failure @ Failure::Internal { .. }) => Err(failure).context("the training was cut off"),
    }
}

/// The stores of the stack. A container's credentials come from its task role, are renewed while it
/// runs, and are found by the general chain.
async fn connect(options: &Options) -> anyhow::Result<Steps> {
    let stack = Stack::from_env()?;
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let chain = aws_config::defaults(aws_config::BehaviorVersion::latest()).http_client(http).load().await;
    let credentials = chain.credentials_provider().context("there are no AWS credentials")?;
    // Asked for once here, so that a container without a role says so at once.
    credentials.provide_credentials().await.context("there are no AWS credentials")?;
    let aws = Aws::new(stack.scope.region.clone(), credentials, Patience::WORKING);
    let default = Settings::default();
    let settings = Settings {
        threads: options.threads.map_or(default.threads, usize::from),
        device: options.device,
        seed: number("SEED", default.seed)?,
        checkpoint_every: Duration::from_secs(number(
            "CHECKPOINT_SECONDS",
            default.checkpoint_every.as_secs(),
        )?),
        ..default
    };
    Ok(Steps {
        resources: aws.resources(&stack),
        lists: aws.lists(&stack),
        events: aws.events(&stack),
        objects: aws.objects(&stack),
        observer: Arc::new(progress::Lines::default()),
        settings,
        models: ModelCache::default(),
    })
}
