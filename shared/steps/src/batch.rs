//! Batch jobs: a file of users or items in, a file of recommendations or of users out.
//!
//! Formats: developer guide, "Preparing input data for batch recommendations" and "… for user
//! segments": JSON Lines in, `{"input": …, "output": …, "error": …}` out, in `<input name>.out` below
//! the output path. A line that cannot be answered carries its error and the others are answered.
//!
//! Batch inference ([`lines`]) and batch segments ([`segments`]) differ in how a file is answered; where
//! files come from, go to and how they are shared among processes is one for both.

mod lines;
mod passing;
mod segments;
mod shards;
mod themes;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use domain::limits::NUM_RESULTS_DEFAULT;
use domain::recipes::{Recipe, RecipeType};
use domain::resource::{BatchInferenceJob, BatchOrder, BatchSegmentJob, Filter, SolutionVersion};
use domain::{Arn, Steering};
use recipe::themes::Themes;
use store::{ObjectError, S3Location};
use tokio::sync::OnceCell;

use self::passing::LineFilter;
use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::models::{ServedModel, Steer, recipe_of};
use crate::progress::Progress;
use crate::run::Work;
use crate::stages::Receipt;

/// Object that tells that all outputs are whole, as the hosted service writes it.
const CHECK: &str = "_CHECK";

/// What a compressed file begins with, and no JSON does.
const GZIP: &[u8] = b"\x1f\x8b";

/// A job that answers files.
pub(crate) trait BatchJob: Work {
    /// Its own ARN.
    fn arn(&self) -> &Arn;
    /// What it is asked for.
    fn order(&self) -> &BatchOrder;
    /// What weighs in its answers besides the version, for the jobs that may have such a thing.
    fn steering(&self) -> Option<Steering> {
        None
    }
    /// The column with the names of items, for a job that finds the themes of its lists.
    fn theme_item_name(&self) -> Option<&str> {
        None
    }
}

impl BatchJob for BatchInferenceJob {
    fn arn(&self) -> &Arn {
        &self.arn
    }

    fn order(&self) -> &BatchOrder {
        &self.order
    }

    fn steering(&self) -> Option<Steering> {
        let (exploration, influence) = (self.item_exploration_config.clone(), self.ranking_influence);
        Some(Steering { exploration, influence })
    }

    fn theme_item_name(&self) -> Option<&str> {
        self.theme_item_name.as_deref()
    }
}

impl BatchJob for BatchSegmentJob {
    fn arn(&self) -> &Arn {
        &self.arn
    }

    fn order(&self) -> &BatchOrder {
        &self.order
    }
}

/// Lines of an output file.
struct Answers {
    /// The file.
    bytes: Vec<u8>,
    /// Lines in it.
    lines: u64,
}

/// Answers every line of every input file that no attempt before has answered.
pub(crate) async fn answer<J: BatchJob>(steps: &Steps, job: &J) -> Result<J, Failure> {
    let mut batch = Batch::of(steps, job.clone()).await?;
    let again = *batch.job.attempts() > 1;
    let inputs = shards::planned(steps, &batch, again).await?;
    let receipts = shards::receipts(steps, job.arn());
    let model = Arc::new(steps.served_model(&batch.version).await?);
    for (shard, input) in (0..).zip(&inputs) {
        if !again || !receipts.has(shard).await? {
            let done = batch.answer(steps, model.clone(), input).await?;
            receipts.leave(&Receipt { shard, done, write_units: 0.0 }).await?;
            if again {
                steps.forgive::<J>(job.arn()).await;
            }
        }
        batch.tell(steps, shard as usize + 1, inputs.len());
    }
    batch.check(steps).await?;
    Ok(batch.job)
}

/// A job with what its answers need.
struct Batch<J> {
    job: J,
    version: SolutionVersion,
    recipe: &'static Recipe,
    output: S3Location,
    /// What the job's filter looks at, which is read once; nothing where it has none.
    filter: OnceCell<Option<Arc<LineFilter>>>,
    /// What its lists may have in common, which is read once; nothing where it is not asked.
    themes: OnceCell<Option<Arc<Themes>>>,
}

impl<J: BatchJob> Batch<J> {
    async fn of(steps: &Steps, job: J) -> Result<Self, Failure> {
        let order = job.order();
        let version = steps.existing::<SolutionVersion>(&order.solution_version).await?;
        let recipe = recipe_of(&version)?;
        let output = location(&order.output_path, "Invalid S3 output path")?;
        Ok(Self { job, version, recipe, output, filter: OnceCell::new(), themes: OnceCell::new() })
    }

    async fn filter(&self, steps: &Steps, model: &ServedModel) -> Result<Option<Arc<LineFilter>>, Failure> {
        let read = async || {
            let Some(arn) = &self.job.order().filter else { return Ok(None) };
            let filter = steps.existing::<Filter>(arn).await?;
            LineFilter::read(steps, &filter, &self.version.arn, self.recipe, model)
                .await
                .map(|filter| Some(Arc::new(filter)))
        };
        self.filter.get_or_try_init(read).await.cloned()
    }

    async fn themes(&self, steps: &Steps) -> Result<Option<Arc<Themes>>, Failure> {
        let read = async || {
            let Some(name) = self.job.theme_item_name() else { return Ok(None) };
            themes::read(steps, &self.version.dataset_group, name).await.map(|themes| Some(Arc::new(themes)))
        };
        self.themes.get_or_try_init(read).await.cloned()
    }

    /// Answers one file; returns the number of its lines.
    async fn answer(
        &self,
        steps: &Steps,
        model: Arc<ServedModel>,
        input: &S3Location,
    ) -> Result<u64, Failure> {
        let bytes = steps.objects.get(input).await.doing(|| format!("reading {input}"))?;
        if bytes.starts_with(GZIP) {
            let reason = "It is compressed by gzip, and the input of a batch job is plain JSON Lines.";
            return Err(Failure::caller(format!("Invalid input file {input}. {reason}")));
        }
        let (recipe, threads) = (self.recipe, steps.settings.threads);
        let k = self.job.order().num_results.map_or(NUM_RESULTS_DEFAULT, |k| k as usize);
        let steer = match self.job.steering() {
            Some(steering) => model.steer(&steering)?,
            None => Steer::default(),
        };
        let (filter, themes) = (self.filter(steps, &model).await?, self.themes(steps).await?);
        let answers = tokio::task::spawn_blocking(move || match recipe.recipe_type {
            RecipeType::UserSegmentation => {
                segments::answer(&model, recipe, &bytes, k, threads, filter.as_deref())
            }
            _ => Ok(lines::answer(&lines::Asked { model: &model, recipe, steer, k, filter, themes }, &bytes)),
        });
        let answers = answers
            .await
            .doing(|| format!("answering {input}"))?
            .map_err(|reason| Failure::caller(format!("Invalid input file {input}. {reason}")))?;
        self.write(steps, &format!("{}.out", input.file_name()), answers.bytes).await?;
        Ok(answers.lines)
    }

    /// Tells that all outputs are whole.
    async fn check(&self, steps: &Steps) -> Result<(), Failure> {
        self.write(steps, CHECK, Bytes::new()).await
    }

    async fn write(&self, steps: &Steps, name: &str, bytes: impl Into<Bytes>) -> Result<(), Failure> {
        let at = self.output.with_key(format!("{}{name}", self.output.key));
        write_for_caller(steps, &at, bytes.into(), self.job.order().output_kms_key.as_deref()).await
    }

    fn tell(&self, steps: &Steps, done: usize, total: usize) {
        steps.observer.progress(Progress {
            arn: self.job.arn().clone(),
            stage: "batch",
            done: done as u64,
            total: total as u64,
            unit: "files",
            loss: None,
            note: String::new(),
        });
    }
}

/// The input objects: one, or everything under a prefix. Each has an output of its own.
async fn inputs(steps: &Steps, path: &str) -> Result<Vec<S3Location>, Failure> {
    let found = find_inputs(steps, path).await?;
    let mut names = HashMap::new();
    for at in &found {
        if let Some(other) = names.insert(at.file_name(), at) {
            return Err(Failure::caller(format!(
                "Invalid S3 input path. {other} and {at} would both be answered in {}.out: give them different names.",
                at.file_name()
            )));
        }
    }
    Ok(found)
}

async fn find_inputs(steps: &Steps, path: &str) -> Result<Vec<S3Location>, Failure> {
    let at = location(path, "Invalid S3 input path")?;
    let nothing = |why: String| Failure::caller(format!("Invalid S3 input path. {why}"));
    if !at.is_prefix() {
        return match steps.objects.head(&at).await {
            Ok(Some(_)) => Ok(vec![at]),
            Ok(None) => Err(nothing(format!("{at} does not exist."))),
            Err(error) if error.is_not_found() => Err(nothing(format!("{error}."))),
            Err(error) => Err(error).doing(|| format!("reading {at}")),
        };
    }
    match steps.objects.list(&at.bucket, &at.key).await {
        Ok(objects) => {
            let found: Vec<_> =
                objects.iter().filter(|o| !o.key.ends_with('/')).map(|o| at.with_key(&o.key)).collect();
            if found.is_empty() { Err(nothing(format!("There is no object under {at}."))) } else { Ok(found) }
        }
        Err(error) if error.is_not_found() => Err(nothing(format!("{error}."))),
        Err(error) => Err(error).doing(|| format!("listing {at}")),
    }
}

pub(crate) fn location(path: &str, problem: &str) -> Result<S3Location, Failure> {
    path.parse().map_err(|error| Failure::caller(format!("{problem}. {error}.")))
}

/// Writes a file where a caller wants it, encrypted with the key that the caller named.
///
/// Fails as the caller's when there is no such bucket, or the key may not be used.
pub(crate) async fn write_for_caller(
    steps: &Steps,
    at: &S3Location,
    bytes: Bytes,
    kms_key: Option<&str>,
) -> Result<(), Failure> {
    let written = steps.objects.put_under(at, bytes, kms_key).await;
    written.map(drop).map_err(|error| writing(at, kms_key, error))
}

fn writing(at: &S3Location, kms_key: Option<&str>, error: ObjectError) -> Failure {
    if error.is_not_found() {
        return Failure::caller(format!("Invalid S3 output path. {error}."));
    }
    if let (Some(key), true) = (kms_key, error.is_denied()) {
        return Failure::caller(format!(
            "Writing {at} with the key {key} was denied: the parameters DataKeyArns and DataBucketArns of the \
             stack must name the key and the bucket, and the key's policy must let the stack's roles use it."
        ));
    }
    Failure::Internal { doing: format!("writing {at}"), cause: error.into() }
}
