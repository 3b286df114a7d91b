//! Batch inference in stages: a file is a shard.

use domain::Arn;
use domain::resource::BatchInferenceJob;
use serde::{Deserialize, Serialize};
use store::S3Location;

use super::{Batch, inputs};
use crate::failure::{Doing, Failure};
use crate::stages::{Receipt, Receipts};
use crate::{Steps, keys};

/// What the shards of a job work on. Files that come or go later change nothing.
#[derive(Serialize, Deserialize)]
struct Plan {
    /// `s3://` locations, one for each shard.
    inputs: Vec<String>,
}

impl Steps {
    /// How many input files a job has, each a shard; none when the job is gone or has ended. Which
    /// file is which shard is written down, so that all shards agree.
    pub async fn plan_batch_inference(&self, job: &Arn) -> Result<u32, Failure> {
        let Some(found) = self.under_way::<BatchInferenceJob>(job).await? else { return Ok(0) };
        let batch = Batch::of(self, found).await?;
        let inputs = inputs(self, &batch.job.input_path).await?;
        let plan = Plan { inputs: inputs.iter().map(S3Location::to_string).collect() };
        self.clear(keys::batch_inference_prefix(job)).await?;
        let at = plan_at(self, job);
        let bytes = serde_json::to_vec(&plan).doing(|| format!("writing {at}"))?;
        self.objects.put(&at, bytes).await.doing(|| format!("writing {at}"))?;
        u32::try_from(inputs.len()).doing(|| format!("counting the input files of {job}"))
    }

    /// Answers one input file of a job, counted from zero. May be repeated.
    ///
    /// A process that answers several files loads the model once.
    pub async fn answer_shard(&self, job: &Arn, shard: u32) -> Result<(), Failure> {
        let Some(found) = self.under_way::<BatchInferenceJob>(job).await? else { return Ok(()) };
        let batch = Batch::of(self, found).await?;
        let plan = plan(self, job).await?;
        let answering = || format!("answering shard {shard} of {job}");
        let input = plan.inputs.get(shard as usize).ok_or_else(|| Failure::Internal {
            doing: answering(),
            cause: format!("there are {} input files, the first is 0", plan.inputs.len()).into(),
        })?;
        let input: S3Location = input.parse().doing(answering)?;
        let version = &batch.version;
        let model = self.models.get(&version.arn, self.served_model(version)).await?;
        let done = batch.answer(self, model, &input).await?;
        batch.tell(self, 1, 1);
        receipts(self, job).leave(&Receipt { shard, done, write_units: 0.0 }).await
    }

    /// Tells that all outputs are whole and makes the job `ACTIVE`, if every file was answered.
    ///
    /// A file without a receipt is an internal failure that names its shard.
    pub async fn finish_batch_inference(&self, job: &Arn) -> Result<(), Failure> {
        if let Some(found) = self.under_way::<BatchInferenceJob>(job).await? {
            let batch = Batch::of(self, found).await?;
            let files = plan(self, job).await?.inputs.len();
            receipts(self, job).all(files as u32).await?;
            batch.check(self).await?;
            self.finish(job, batch.job).await?;
        }
        self.clear(keys::batch_inference_prefix(job)).await
    }
}

fn receipts<'a>(steps: &'a Steps, job: &Arn) -> Receipts<'a> {
    Receipts::under(steps, keys::batch_inference_prefix(job))
}

fn plan_at(steps: &Steps, job: &Arn) -> S3Location {
    steps.objects.at(format!("{}plan.json", keys::batch_inference_prefix(job)))
}

async fn plan(steps: &Steps, job: &Arn) -> Result<Plan, Failure> {
    let at = plan_at(steps, job);
    let bytes = steps.objects.get(&at).await.doing(|| format!("reading {at}"))?;
    serde_json::from_slice(&bytes).doing(|| format!("reading {at}"))
}
