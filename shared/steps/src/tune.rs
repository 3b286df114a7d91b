//! Searching hyperparameters and recipes: each trial is a unit of work that leaves a receipt in S3.
//!
//! [`recipe::tuning`] says which trials there are, given the outcomes of those before. Any process
//! may carry out any trial of the running round, in any order and more than once; a search that was
//! cut off goes on with the receipts that lie there. When no trial is open any more, the values found
//! are written into the version, which is then trained like any other.
//!
//! The receipts belong to one snapshot of the data and one seed, which `plan.json` beside them names.

use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use domain::recipes::Recipe;
use domain::resource::{DatasetType, SolutionVersion};
use domain::tuning::{self, Tuned, TunedTrial};
use domain::{Arn, Status};
use futures::{StreamExt, TryStreamExt, stream};
use recipe::evaluation::Split;
use recipe::tuning::{Decided, Outcomes, Plan, Trial};
use recipe::{TrainOptions, featurization};
use serde::{Deserialize, Serialize};
use store::S3Location;

use crate::failure::{Doing, Failure};
use crate::models::{event_types, recipe_of};
use crate::progress::Progress;
use crate::train::watched;
use crate::training_data::Snapshots;
use crate::{Steps, keys};

const PLAN: &str = "plan.json";
/// Receipts read at a time.
const READS_AT_ONCE: usize = 16;

/// What all trials of a search have in common. Receipts of another plan are worth nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pinned {
    /// Manifest of what was imported, if anything was.
    imported: Option<String>,
    /// Manifests of the data, with what had come in live when the search began.
    #[serde(flatten)]
    snapshots: Snapshots,
    /// Interactions in it.
    rows: u64,
    seed: u64,
    code_version: String,
}

/// A search as its receipts show it.
struct State {
    pinned: Pinned,
    plan: Plan,
    decided: Decided,
    receipts: BTreeMap<u32, TunedTrial>,
    /// Trials at one time.
    parallel: u32,
}

/// The trials that a state machine spreads over machines.
#[derive(Clone, Debug, PartialEq)]
pub struct Trials {
    /// Number and multiply-adds of each trial that can be carried out now. When there are none, the
    /// search is over and the version has its values.
    pub open: Vec<(u32, u64)>,
    /// How many of them at one time.
    pub parallel: u32,
}

impl Steps {
    /// The version with its search done, in this process; at once where there is none to do.
    pub(crate) async fn searched(&self, version: &SolutionVersion) -> Result<SolutionVersion, Failure> {
        if !awaits_search(version) {
            return Ok(version.clone());
        }
        self.pin(version).await?;
        let mut data = None;
        loop {
            let state = self.search(version).await?;
            if state.decided.open.is_empty() {
                return self.choose(version, &state).await;
            }
            let split = match &data {
                Some(split) => Arc::clone(split),
                None => Arc::clone(data.insert(self.validation(version, &state.pinned).await?)),
            };
            self.round(version, &state, split).await?;
        }
    }

    /// The trials of a version's running round, for machines to share; nothing when the version is at
    /// rest or gone. A search that is over is ended here, and so is a version that shall stop.
    pub async fn next_trials(&self, version: &Arn) -> Result<Option<Trials>, Failure> {
        let Some(version) = self.under_way::<SolutionVersion>(version).await? else { return Ok(None) };
        if version.lifecycle.status == Status::CreateStopping {
            self.end_as_stopped::<SolutionVersion>(&version.arn).await?;
            return Ok(None);
        }
        if !awaits_search(&version) {
            return Ok(Some(Trials { open: Vec::new(), parallel: 1 }));
        }
        self.pin(&version).await?;
        let state = self.search(&version).await?;
        if state.decided.open.is_empty() {
            self.choose(&version, &state).await?;
        }
        let work = |&number: &u32| {
            let trial = &state.decided.trials[number as usize];
            let rows = state.pinned.rows;
            (number, recipe::work::trial_multiply_adds(trial.recipe, &trial.parameters, rows, trial.effort))
        };
        let open = state.decided.open.iter().map(work).collect();
        Ok(Some(Trials { open, parallel: state.parallel }))
    }

    /// Carries out one trial of the running round. May be repeated; one that has its receipt, or whose
    /// version is at rest, is done already.
    pub fn trial<'a>(&'a self, version: &'a Arn, number: u32) -> BoxFuture<'a, Result<(), Failure>> {
        // Boxed, so that it is compiled here and in no binary again.
        Box::pin(self.carry_out_trial(version, number))
    }

    async fn carry_out_trial(&self, version: &Arn, number: u32) -> Result<(), Failure> {
        let Some(version) = self.under_way::<SolutionVersion>(version).await? else { return Ok(()) };
        if !awaits_search(&version) {
            return Ok(());
        }
        let state = self.search(&version).await?;
        let Some(trial) = state.decided.trials.get(number as usize) else {
            return Err(Failure::Internal {
                doing: format!("carrying out trial {number} of {}", version.arn),
                cause: format!("there are {} trials, the first is 0", state.decided.trials.len()).into(),
            });
        };
        if !state.decided.open.contains(&number) {
            return Ok(());
        }
        let split = self.validation(&version, &state.pinned).await?;
        self.carry_out(&version, number, trial, split, self.settings.threads).await
    }

    /// The open trials in this process: as many at a time as the caller allows and there are cores for,
    /// which share the threads. The outcome of a trial does not depend on its threads.
    async fn round(
        &self,
        version: &SolutionVersion,
        state: &State,
        split: Arc<Split>,
    ) -> Result<(), Failure> {
        let open = &state.decided.open;
        let at_once = (state.parallel as usize).min(self.settings.threads).min(open.len()).max(1);
        let threads = (self.settings.threads / at_once).max(1);
        let done = AtomicU64::new((state.decided.trials.len() - open.len()) as u64);
        let total = u64::from(state.plan.jobs());
        let tell = |done| {
            self.observer.progress(Progress {
                arn: version.arn.clone(),
                stage: "search",
                done,
                total,
                unit: "trials",
                loss: None,
                note: String::new(),
            });
        };
        tell(done.load(Ordering::Relaxed));
        stream::iter(open.iter().map(Ok))
            .try_for_each_concurrent(at_once, |&number| {
                let (split, done, tell) = (Arc::clone(&split), &done, &tell);
                async move {
                    let trial = &state.decided.trials[number as usize];
                    self.carry_out(version, number, trial, split, threads).await?;
                    tell(done.fetch_add(1, Ordering::Relaxed) + 1);
                    Ok(())
                }
            })
            .await
    }

    /// Trains, judges, and leaves the receipt.
    async fn carry_out(
        &self,
        version: &SolutionVersion,
        number: u32,
        trial: &Trial,
        split: Arc<Split>,
        threads: usize,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let stop = Arc::new(AtomicBool::new(false));
        // A training does not end by itself when nobody waits for it any more.
        let _guard = StopOnDrop(Arc::clone(&stop));
        let work = {
            let (trial, stop) = (trial.clone(), Arc::clone(&stop));
            let objective = tuning::objective(version.config.as_ref()).to_owned();
            let (seed, device) = (self.settings.seed, self.settings.device);
            tokio::task::spawn_blocking(move || {
                let options =
                    TrainOptions { seed, threads, device, stop: Some(stop), ..TrainOptions::default() };
                recipe::tuning::judge(&trial, &split, &objective, &options, &|_| ())
            })
        };
        let judged = watched(self, version, stop, work).await?;
        let (objective, failure) = match judged {
            Ok(metric) => (Some(metric), None),
            Err(reason) => (None, Some(reason)),
        };
        let receipt = TunedTrial {
            recipe: trial.recipe.arn(),
            hyperparameters: trial.parameters.clone(),
            effort: trial.effort,
            objective,
            failure,
            seconds: started.elapsed().as_secs_f64(),
        };
        let at = self.objects.at(format!("{}{number:08}.json", keys::trials_prefix(&version.arn)));
        let bytes = serde_json::to_vec(&receipt).doing(|| format!("writing {at}"))?;
        self.objects.put(&at, bytes).await.doing(|| format!("writing {at}"))?;
        Ok(())
    }

    /// Says what the trials are trained on. Receipts of something else go.
    async fn pin(&self, version: &SolutionVersion) -> Result<(), Failure> {
        let dataset = self.dataset(&version.dataset_group, DatasetType::Interactions).await?;
        let imported = dataset.and_then(|dataset| dataset.active).map(|snapshot| snapshot.manifest_key);
        let (seed, code_version) = (self.settings.seed, env!("CARGO_PKG_VERSION").to_owned());
        // What comes in live during a search does not begin it anew.
        let goes_on = |pinned: Pinned| {
            (pinned.imported, pinned.seed, pinned.code_version)
                == (imported.clone(), seed, code_version.clone())
        };
        if self.pinned(&version.arn).await?.is_some_and(goes_on) {
            return Ok(());
        }
        let live = self.live(&version.dataset_group).await?;
        let snapshots = Snapshots::for_training(self, version, &searched_recipes(version)?, &live).await?;
        let rows = self.manifest(&snapshots.interactions).await?.rows;
        let pinned = Pinned { imported, snapshots, rows, seed, code_version };
        self.clear(keys::trials_prefix(&version.arn)).await?;
        let at = self.plan_at(&version.arn);
        let bytes = serde_json::to_vec(&pinned).doing(|| format!("writing {at}"))?;
        self.objects.put(&at, bytes).await.doing(|| format!("writing {at}"))?;
        Ok(())
    }

    fn plan_at(&self, version: &Arn) -> S3Location {
        self.objects.at(format!("{}{PLAN}", keys::trials_prefix(version)))
    }

    async fn pinned(&self, version: &Arn) -> Result<Option<Pinned>, Failure> {
        let at = self.plan_at(version);
        let reading = || format!("reading {at}");
        match self.objects.get(&at).await {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).doing(reading),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error).doing(reading),
        }
    }

    /// How far the search of a version is.
    async fn search(&self, version: &SolutionVersion) -> Result<State, Failure> {
        let pinned = self.pinned(&version.arn).await?.ok_or_else(|| Failure::Internal {
            doing: format!("searching for {}", version.arn),
            cause: format!("there is no {PLAN} below {}", keys::trials_prefix(&version.arn)).into(),
        })?;
        let receipts = self.receipts(&version.arn).await?;
        let refused = |error: domain::ApiError| Failure::caller(error.message);
        let config = version.config.as_ref();
        let recipe = recipe_of(version)?;
        let candidates = tuning::candidates(version.search, recipe, config).map_err(refused)?;
        let (jobs, parallel) = tuning::training_jobs(config);
        let start = |candidate: &Recipe| {
            if candidate == recipe { version.hyperparameters.clone() } else { candidate.defaults() }
        };
        let plan = Plan::new(&candidates, start, jobs, pinned.seed);
        let outcomes: Outcomes = receipts
            .iter()
            .map(|(&number, receipt)| (number, receipt.objective.map(|metric| metric.value)))
            .collect();
        let decided = plan.decided(&outcomes);
        Ok(State { pinned, plan, decided, receipts, parallel })
    }

    async fn receipts(&self, version: &Arn) -> Result<BTreeMap<u32, TunedTrial>, Failure> {
        let prefix = keys::trials_prefix(version);
        let objects = self.objects.list(self.objects.bucket(), &prefix).await;
        let numbered = objects.doing(|| format!("listing {prefix}"))?.into_iter().filter_map(|object| {
            let number = object.key.strip_prefix(&prefix)?.strip_suffix(".json")?.parse().ok()?;
            Some((number, object.key))
        });
        stream::iter(numbered)
            .map(|(number, key): (u32, String)| async move {
                let at = self.objects.at(&key);
                let bytes = self.objects.get(&at).await.doing(|| format!("reading {at}"))?;
                let receipt = serde_json::from_slice(&bytes).doing(|| format!("reading {at}"))?;
                Ok((number, receipt))
            })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await
    }

    /// Histories to train trials on, and the users to validate them on.
    async fn validation(&self, version: &SolutionVersion, pinned: &Pinned) -> Result<Arc<Split>, Failure> {
        // Recipes that know no context leave it aside.
        let recipes = searched_recipes(version)?;
        let recipe = match recipes.iter().find(|recipe| recipe.metadata) {
            Some(recipe) => recipe,
            None => recipe_of(version)?,
        };
        let data = self.training_data(version, recipe, &pinned.snapshots).await?;
        featurization::check_size(&data, event_types(version).as_deref())
            .map_err(|error| Failure::caller(error.to_string()))?;
        let seed = pinned.seed;
        let split = tokio::task::spawn_blocking(move || recipe::tuning::validation(&data, seed)).await;
        Ok(Arc::new(split.doing(|| format!("holding out validation users for {}", version.arn))?))
    }

    /// Ends the search: the version is trained with the best values, in the best recipe.
    async fn choose(&self, version: &SolutionVersion, state: &State) -> Result<SolutionVersion, Failure> {
        let outcomes = state.receipts.iter().map(|(&n, r)| (n, r.objective.map(|m| m.value))).collect();
        let best = recipe::tuning::best(&state.decided.trials, &outcomes);
        let trials = (0..state.decided.trials.len() as u32).map(|number| state.receipts[&number].clone());
        let tuned = Tuned {
            objective: tuning::objective(version.config.as_ref()).to_owned(),
            trials: trials.collect(),
            best,
        };
        self.observer.notice(&version.arn, &verdict(&tuned));
        // Without anything that could be judged, as without a search.
        let chosen = tuned.trials[best.unwrap_or(0)].clone();
        let changed = self
            .change::<SolutionVersion>(&version.arn, |version| {
                if awaits_search(version) {
                    version.recipe = chosen.recipe.clone();
                    version.hyperparameters = chosen.hyperparameters.clone();
                    version.tuned = Some(tuned.clone());
                }
                Ok(())
            })
            .await?;
        self.clear(keys::trials_prefix(&version.arn)).await?;
        changed.ok_or_else(|| Failure::caller(format!("{} does not exist.", version.arn)))
    }
}

/// The recipes that a search compares.
fn searched_recipes(version: &SolutionVersion) -> Result<Vec<&'static Recipe>, Failure> {
    let recipe = recipe_of(version)?;
    let candidates = tuning::candidates(version.search, recipe, version.config.as_ref());
    let candidates = candidates.map_err(|error| Failure::caller(error.message))?;
    Ok(candidates.iter().map(|candidate| candidate.recipe).collect())
}

/// Whether a search was asked for and has not ended.
fn awaits_search(version: &SolutionVersion) -> bool {
    version.search.any() && version.tuned.is_none()
}

/// A sentence on what the search brought, with the interval that tells luck from merit.
fn verdict(tuned: &Tuned) -> String {
    let of = |trial: &TunedTrial| {
        trial.objective.map_or_else(
            || "none".to_owned(),
            |m| format!("{:.4} (95 % interval {:.4} to {:.4})", m.value, m.low, m.high),
        )
    };
    let Some(best) = tuned.best else {
        let why = tuned.trials.iter().find_map(|trial| trial.failure.as_deref()).unwrap_or("no reason given");
        return format!("The search judged nothing, so values stay as they were: {why}.");
    };
    let (first, best) = (&tuned.trials[0], &tuned.trials[best]);
    let whole = |trial: &&TunedTrial| {
        trial.effort >= 1.0 && trial.recipe == first.recipe && trial.hyperparameters == first.hyperparameters
    };
    let start = tuned.trials.iter().find(whole).unwrap_or(first);
    let values = best.hyperparameters.0.iter().map(|(name, value)| format!("{name} {value}"));
    format!(
        "The search took {} with {} after {} trainings: {} {} on validation users, without a search {}.",
        best.recipe.tail(),
        values.collect::<Vec<_>>().join(", "),
        tuned.trials.len(),
        tuned.objective,
        of(best),
        of(start),
    )
}

/// Sets the flag when it is dropped.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
