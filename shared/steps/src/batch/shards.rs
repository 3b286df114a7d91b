//! Batch jobs in stages: a file is a shard. Exports and data deletions go through the same stages, so one
//! state machine does for all of them.

use domain::resource::{BatchInferenceJob, BatchSegmentJob, Job};
use domain::{Arn, ResourceKind};
use serde::{Deserialize, Serialize};
use store::S3Location;

use super::{Batch, BatchJob, inputs};
use crate::failure::{Doing, Failure};
use crate::stages::{Receipt, Receipts};
use crate::{Steps, keys};

/// What the shards of a job work on. Files that come or go later change nothing.
#[derive(Serialize, Deserialize)]
struct Plan {
    /// `s3://` locations, one for each shard.
    inputs: Vec<String>,
}

/// Calls a function for the kind of job that an ARN names.
macro_rules! by_kind {
    ($job:expr, $call:ident($($argument:expr),*)) => {
        match $job.kind() {
            ResourceKind::BatchInferenceJob => $call::<BatchInferenceJob>($($argument),*).await,
            ResourceKind::BatchSegmentJob => $call::<BatchSegmentJob>($($argument),*).await,
            _ => Err(Failure::caller(format!("{} is not a batch job.", $job))),
        }
    };
}

impl Steps {
    /// [`Steps::begin_job`] for a batch job of either kind, an export or a data deletion.
    pub async fn begin_batch(&self, job: &Arn) -> Result<bool, Failure> {
        match job.kind() {
            ResourceKind::BatchInferenceJob => self.begin_job(&Job::BatchInference(job.clone())).await,
            ResourceKind::BatchSegmentJob => self.begin_job(&Job::BatchSegment(job.clone())).await,
            ResourceKind::DatasetExportJob => self.begin_job(&Job::Export(job.clone())).await,
            ResourceKind::DataDeletionJob => self.begin_job(&Job::DataDeletion(job.clone())).await,
            _ => Err(Failure::caller(format!("{job} is not a batch job."))),
        }
    }

    /// How many input files a job has, each a shard; none when the job is gone or has ended. Which
    /// file is which shard is written down, so that all shards agree.
    pub async fn plan_batch(&self, job: &Arn) -> Result<u32, Failure> {
        match job.kind() {
            ResourceKind::DatasetExportJob => self.plan_export(job).await,
            ResourceKind::DataDeletionJob => self.plan_deletion(job).await,
            _ => by_kind!(job, plan_files(self, job)),
        }
    }

    /// Answers one input file of a job, counted from zero. May be repeated.
    ///
    /// A process that answers several files loads the model once.
    pub async fn answer_shard(&self, job: &Arn, shard: u32) -> Result<(), Failure> {
        match job.kind() {
            ResourceKind::DatasetExportJob => self.export_share(job, shard).await,
            ResourceKind::DataDeletionJob => self.deletion_task(job, shard).await,
            _ => by_kind!(job, answer_file(self, job, shard)),
        }
    }

    /// Tells that all outputs are whole and makes the job `ACTIVE`, if every file was answered.
    ///
    /// A file without a receipt is an internal failure that names its shard.
    pub async fn finish_batch(&self, job: &Arn) -> Result<(), Failure> {
        match job.kind() {
            ResourceKind::DatasetExportJob => self.finish_export(job).await,
            ResourceKind::DataDeletionJob => self.finish_deletion(job).await,
            _ => by_kind!(job, finish(self, job)),
        }
    }
}

async fn plan_files<J: BatchJob>(steps: &Steps, job: &Arn) -> Result<u32, Failure> {
    let Some(found) = steps.under_way::<J>(job).await? else { return Ok(0) };
    let batch = Batch::of(steps, found).await?;
    let inputs = planned(steps, &batch, false).await?;
    u32::try_from(inputs.len()).doing(|| format!("counting the input files of {job}"))
}

/// The input files of a job, of which each has its number: as they are now, or as an attempt before found
/// them when the job goes on `again`.
pub(super) async fn planned<J: BatchJob>(
    steps: &Steps,
    batch: &Batch<J>,
    again: bool,
) -> Result<Vec<S3Location>, Failure> {
    let job = batch.job.arn();
    let at = plan_at(steps, job);
    if again && steps.objects.head(&at).await.doing(|| format!("reading {at}"))?.is_some() {
        let plan = plan(steps, job).await?;
        let read = plan.inputs.iter().map(|input| input.parse());
        return read.collect::<Result<_, _>>().doing(|| format!("reading {at}"));
    }
    let inputs = inputs(steps, &batch.job.order().input_path).await?;
    let plan = Plan { inputs: inputs.iter().map(S3Location::to_string).collect() };
    steps.clear(keys::batch_prefix(job)).await?;
    let bytes = serde_json::to_vec(&plan).doing(|| format!("writing {at}"))?;
    steps.objects.put(&at, bytes).await.doing(|| format!("writing {at}"))?;
    Ok(inputs)
}

async fn answer_file<J: BatchJob>(steps: &Steps, job: &Arn, shard: u32) -> Result<(), Failure> {
    let Some(found) = steps.under_way::<J>(job).await? else { return Ok(()) };
    let batch = Batch::of(steps, found).await?;
    let plan = plan(steps, job).await?;
    let answering = || format!("answering shard {shard} of {job}");
    let input = plan.inputs.get(shard as usize).ok_or_else(|| Failure::Internal {
        doing: answering(),
        cause: format!("there are {} input files, the first is 0", plan.inputs.len()).into(),
    })?;
    let input: S3Location = input.parse().doing(answering)?;
    let version = &batch.version;
    let model = steps.models.get(&version.state(), steps.served_model(version)).await?;
    let done = batch.answer(steps, model, &input).await?;
    batch.tell(steps, 1, 1);
    receipts(steps, job).leave(&Receipt { shard, done, write_units: 0.0 }).await
}

async fn finish<J: BatchJob>(steps: &Steps, job: &Arn) -> Result<(), Failure> {
    if let Some(found) = steps.under_way::<J>(job).await? {
        let batch = Batch::of(steps, found).await?;
        let files = plan(steps, job).await?.inputs.len();
        receipts(steps, job).all(files as u32).await?;
        batch.check(steps).await?;
        steps.finish(job, batch.job).await?;
    }
    steps.clear(keys::batch_prefix(job)).await
}

pub(super) fn receipts<'a>(steps: &'a Steps, job: &Arn) -> Receipts<'a> {
    Receipts::under(steps, keys::batch_prefix(job))
}

fn plan_at(steps: &Steps, job: &Arn) -> S3Location {
    steps.objects.at(format!("{}plan.json", keys::batch_prefix(job)))
}

async fn plan(steps: &Steps, job: &Arn) -> Result<Plan, Failure> {
    let at = plan_at(steps, job);
    let bytes = steps.objects.get(&at).await.doing(|| format!("reading {at}"))?;
    serde_json::from_slice(&bytes).doing(|| format!("reading {at}"))
}
