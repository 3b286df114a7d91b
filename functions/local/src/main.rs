//! `osusume`: the whole recommender service in one process, and a command line for it.
//!
//! Start reading at [`app`], which puts the service together, or at [`commands`], one file per
//! command.

mod app;
mod cli;
mod client;
mod commands;
mod console;
mod http;
mod launcher;
mod table;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use domain::limits::Quotas;
use steps::{DeviceChoice, Settings};
use tracing_subscriber::EnvFilter;

use app::App;
use cli::{Cli, Command, Common, FilterCommand};
use client::Refused;
use commands::{cost, demo, evaluate, filter, import, infer_schema, recommend, serve, train};
use console::Console;

/// The work failed.
const FAILED: u8 = 1;
/// There is nothing by that name.
const NOT_FOUND: u8 = 3;
/// Interrupted, as shells count it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env("OSUSUME_LOG").unwrap_or_else(|_| EnvFilter::new("warn")))
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("osusume: cannot start: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let serving = matches!(cli.command, Command::Serve(_));
    let outcome = runtime.block_on(async {
        if serving {
            // It waits for the interrupt itself.
            return Some(run(cli).await);
        }
        tokio::select! {
            outcome = run(cli) => Some(outcome),
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    // Training threads look for a stop only now and then; an interrupt does not wait for them.
    runtime.shutdown_background();
    match outcome {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("osusume: {error:#}");
            let not_found = error.downcast_ref::<Refused>().is_some_and(Refused::is_not_found);
            ExitCode::from(if not_found { NOT_FOUND } else { FAILED })
        }
        None => {
            eprintln!("osusume: interrupted; what was active before is unchanged");
            ExitCode::from(INTERRUPTED)
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let console = Arc::new(Console::default());
    match &cli.command {
        Command::Cost(options) => {
            cost::run(options);
            Ok(())
        }
        Command::InferSchema(options) => infer_schema::run(options),
        Command::Filter { command: FilterCommand::Explain(options) } => filter::explain(options),
        Command::Demo(options) => {
            insist(options.device)?;
            let home = demo::Home::open(options)?;
            let app = App::open(
                home.path(),
                console.clone(),
                settings(options.threads, options.device, steps::CHECKPOINT_EVERY),
                0,
            )
            .await?;
            demo::run(&app, &console, options).await
        }
        Command::Serve(options) => {
            insist(options.common.device)?;
            let observer: Arc<dyn steps::Observer> = Arc::new(steps::progress::Silent);
            let mut app = open(&options.common, observer, options.bad_rows_allowed).await?;
            app.control.quotas = Quotas::each(options.quotas);
            serve::run(app, options).await
        }
        Command::Import(options) => {
            let app = open(&options.common, console.clone(), options.bad_rows_allowed).await?;
            import::run(&app, &console, options).await
        }
        Command::Train(options) => {
            insist(options.common.device)?;
            let app = open(&options.common, console.clone(), 0).await?;
            train::run(&app, &console, options).await
        }
        Command::Recommend(options) => {
            let app = open(&options.common, console.clone(), 0).await?;
            recommend::run(&app, options).await
        }
        Command::Evaluate(options) => {
            let app = open(&options.common, console.clone(), 0).await?;
            evaluate::run(&app, options).await
        }
    }
}

async fn open(
    common: &Common,
    observer: Arc<dyn steps::Observer>,
    bad_rows_allowed: u64,
) -> anyhow::Result<App> {
    let every = Duration::from_secs(common.checkpoint_seconds);
    let settings = settings(common.threads, common.device, every);
    App::open(&common.data, observer, settings, bad_rows_allowed)
        .await
        .with_context(|| format!("cannot open the data folder {}", common.data.display()))
}

/// A GPU that was asked for and cannot be had is told at once, not when a training begins.
fn insist(device: DeviceChoice) -> anyhow::Result<()> {
    if device == DeviceChoice::Cuda {
        device.explain()?;
    }
    Ok(())
}

fn settings(
    threads: Option<std::num::NonZeroUsize>,
    device: DeviceChoice,
    checkpoint_every: Duration,
) -> Settings {
    let default = Settings::default();
    let threads = threads.map_or(default.threads, usize::from);
    Settings { threads, device, checkpoint_every, ..default }
}
