//! Training: from the active snapshot to a measured model in S3.

use futures::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::objective::{OptimizationObjective, Sensitivity};
use domain::resource::{DatasetType, SolutionVersion, TrainedModel};
use domain::{Arn, Status};
use recipe::artifact::{self, Origin};
use recipe::model::Start;
use recipe::version::Stage;
use recipe::{DeviceChoice, TrainError, TrainOptions};

use crate::checkpoints::Saved;
use crate::failure::{Doing, Failure};
use crate::models::recipe_of;
use crate::progress::Progress;
use crate::training_data::Snapshots;
use crate::{Steps, models};

/// How often a training looks whether it was asked to stop.
const STOP_CHECK: Duration = Duration::from_millis(500);

/// Trains a solution version and writes its artifact.
pub(crate) async fn train(steps: &Steps, version: &SolutionVersion) -> Result<SolutionVersion, Failure> {
    let version = &steps.searched(version).await?;
    let started = Instant::now();
    // Before anything is read: what is imported meanwhile must not seem to have been trained on.
    let imported = lifecycle::version::training_data(&steps.resources, &version.dataset_group)
        .await
        .doing(|| format!("reading what there is in {}", version.dataset_group))?;
    let start = match &version.updates {
        Some(before) => Some(Arc::new(start(steps, before).await?)),
        None => None,
    };
    let recipe = recipe_of(version)?;
    let saved = Saved::find(steps, version, &imported).await?;
    let (data_read, snapshots) = match saved.reading() {
        // An attempt that was cut off read the same imports, and what had come in live until then.
        Some(reading) => (reading.data.clone(), reading.snapshots.clone()),
        None => {
            let live = steps.live(&version.dataset_group).await?;
            let read =
                live.identities().into_iter().fold(imported, |data, (source, id)| data.with(source, id));
            (read, Snapshots::for_training(steps, version, &[recipe], &live).await?)
        }
    };
    let data = steps.training_data(version, recipe, &snapshots).await?;
    let (users, items) = (data.users.len() as u64, data.items.len() as u64);

    let saved = saved.open(steps, version, &data_read, &snapshots);
    let stop = Arc::new(AtomicBool::new(false));
    let work = {
        let checkpoints = Some(saved.checkpoints.clone());
        let (steps, version, stop) = (steps.clone(), version.clone(), stop.clone());
        let parameters = version.hyperparameters.clone();
        tokio::task::spawn_blocking(move || {
            let options = TrainOptions {
                seed: steps.settings.seed,
                threads: steps.settings.threads,
                event_type: models::event_types(&version),
                device: steps.settings.device,
                stop: Some(stop),
                start,
                sensitivity: sensitivity(&version),
                checkpoints,
                ..TrainOptions::default()
            };
            if options.device != DeviceChoice::Cpu && recipe::trains_network(recipe) {
                steps.observer.notice(&version.arn, &options.device.explain()?);
            }
            let observe = |stage: Stage, p: recipe::Progress| {
                steps.observer.progress(Progress {
                    arn: version.arn.clone(),
                    stage: label(stage),
                    done: p.done,
                    total: p.total,
                    unit: p.unit,
                    loss: p.loss,
                    note: String::new(),
                });
            };
            let trained = recipe::train_and_evaluate(recipe, &parameters, &data, &options, &observe)?;
            let origin = Origin {
                recipe,
                parameters: &parameters,
                seed: options.seed,
                snapshot: &snapshots.interactions,
                items_snapshot: snapshots.items.as_deref(),
                users_snapshot: snapshots.users.as_deref(),
                actions_snapshots: [snapshots.actions.as_deref(), snapshots.action_interactions.as_deref()],
            };
            let files = artifact::to_artifact(&trained, &data, origin);
            Ok::<_, TrainError>((trained.report, files))
        })
    };
    let trained = watched(steps, version, stop, work).await;
    saved.settle().await?;
    let (report, files) = trained?;
    let files = files.doing(|| format!("packing the model of {}", version.arn))?;
    let artifact_prefix = steps.save(&version.arn, files).await?;
    Ok(SolutionVersion {
        data: data_read,
        training_hours: Some(hours(version, started.elapsed())),
        model: Some(TrainedModel {
            artifact_prefix,
            metrics: report.metrics,
            baseline: report.baseline,
            advantage: report.advantage,
            no_metrics: report.no_metrics,
            test_users: report.test_users as u64,
            users,
            items,
        }),
        ..version.clone()
    })
}

/// How much a version is to look at its objective. The trials of a search look at relevance alone.
fn sensitivity(version: &SolutionVersion) -> Sensitivity {
    let objective = version.config.as_ref().and_then(|config| config.optimization_objective.as_ref());
    objective.map(OptimizationObjective::sensitivity).unwrap_or_default()
}

/// Hours of a version's trainings, rounded up to three decimals: with all of its own search.
fn hours(version: &SolutionVersion, last: Duration) -> f64 {
    let own = version.tuned.iter().filter(|_| version.updates.is_none());
    let trials: f64 = own.flat_map(|tuned| &tuned.trials).map(|trial| trial.seconds).sum();
    ((trials + last.as_secs_f64()) / 3.6).ceil() / 1000.0
}

/// The model that an UPDATE goes on from.
async fn start(steps: &Steps, before: &Arn) -> Result<Start, Failure> {
    let before = steps.existing::<SolutionVersion>(before).await?;
    let loaded = steps.load(&models::trained(&before)?.artifact_prefix).await?;
    Ok(Start { model: loaded.model, items: loaded.items })
}

impl Steps {
    /// How much arithmetic a training is, in multiply-adds; what decides where it runs.
    pub async fn training_work(&self, version: &Arn) -> Result<u64, Failure> {
        let version = self.existing::<SolutionVersion>(version).await?;
        let dataset = self.dataset(&version.dataset_group, DatasetType::Interactions).await?;
        let rows = dataset.and_then(|dataset| dataset.active).map_or(0, |snapshot| snapshot.rows);
        let recipe = recipe_of(&version)?;
        Ok(recipe::work::multiply_adds(recipe, &version.hyperparameters, rows))
    }

    /// Trains a version whose job has been begun, and makes it `ACTIVE`, or `CREATE STOPPED` when
    /// somebody asked for that; the latter is told as [`Failure::Stopped`].
    pub fn train_begun<'a>(&'a self, arn: &'a Arn) -> BoxFuture<'a, Result<(), Failure>> {
        // Boxed, so that it is compiled here and in no binary again.
        Box::pin(self.train_to_the_end(arn))
    }

    async fn train_to_the_end(&self, arn: &Arn) -> Result<(), Failure> {
        let version = self.existing::<SolutionVersion>(arn).await?;
        if version.lifecycle.status.is_at_rest() {
            // Another attempt has brought it to its end.
            return Ok(());
        }
        match train(self, &version).await {
            Ok(finished) => self.finish(arn, finished).await,
            Err(Failure::Stopped) => {
                self.end_as_stopped::<SolutionVersion>(arn).await?;
                Err(Failure::Stopped)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Waits for a training while looking whether somebody asked it to stop.
pub(crate) async fn watched<T>(
    steps: &Steps,
    version: &SolutionVersion,
    stop: Arc<AtomicBool>,
    mut work: tokio::task::JoinHandle<Result<T, TrainError>>,
) -> Result<T, Failure> {
    loop {
        match tokio::time::timeout(STOP_CHECK, &mut work).await {
            Ok(ended) => {
                return match ended.doing(|| format!("training {}", version.arn))? {
                    Ok(trained) => Ok(trained),
                    Err(TrainError::Stopped) => Err(Failure::Stopped),
                    // Nothing that the caller could mend; another attempt goes on from the last checkpoint.
                    Err(TrainError::Device(error)) => {
                        Err(error).doing(|| format!("training {}", version.arn))
                    }
                    Err(error) => Err(Failure::caller(crate::failure::chain(&error))),
                };
            }
            Err(_) => {
                let now = steps.resources.get_as::<SolutionVersion>(&version.arn).await;
                let asked = match now {
                    Ok(Some(found)) => found.value.lifecycle.status == Status::CreateStopping,
                    // Deleted meanwhile: nobody waits for the model any more.
                    Ok(None) => true,
                    Err(_) => false,
                };
                if asked {
                    stop.store(true, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Short enough for a progress bar.
fn label(stage: Stage) -> &'static str {
    match stage {
        Stage::TrainOnSplit => "train on 90 %",
        Stage::Evaluate => "evaluate",
        Stage::TrainOnAll => "train on all",
    }
}
