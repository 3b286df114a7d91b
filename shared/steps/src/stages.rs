//! Jobs that are carried out in stages, by many processes: plan, shards, end.
//!
//! [`Steps::begin_job`] comes first. A plan says how many shards there are; each shard may be done by
//! any process, in any order and more than once, and leaves a receipt in S3; the end moves the
//! resource only when every receipt is there. A stage whose resource was deleted or has ended
//! meanwhile does nothing and is no failure. What the stages leave for each other is removed at the
//! end, and by the next plan where there was none.
//!
//! The stages are in `deploy/shards.rs` and `batch/shards.rs`; an export is shared out in `export.rs`,
//! a data deletion in `data_deletion/`.

use domain::{Arn, Status};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use store::S3Location;

use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::run::Work;

/// Receipts read at a time.
const READS_AT_ONCE: usize = 16;

/// What a shard did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// Its number, from zero.
    pub shard: u32,
    /// Lists published, or lines answered.
    pub done: u64,
    /// Write units that it cost.
    #[serde(default)]
    pub write_units: f64,
}

/// The receipts of one job, below a prefix of its own.
pub(crate) struct Receipts<'a> {
    steps: &'a Steps,
    prefix: String,
}

impl<'a> Receipts<'a> {
    pub(crate) fn under(steps: &'a Steps, prefix: String) -> Self {
        Self { steps, prefix }
    }

    pub(crate) async fn leave(&self, receipt: &Receipt) -> Result<(), Failure> {
        let at = self.at(receipt.shard);
        let bytes = serde_json::to_vec(receipt).doing(|| format!("writing {at}"))?;
        self.steps.objects.put(&at, bytes).await.doing(|| format!("writing {at}"))?;
        Ok(())
    }

    /// Whether a shard was done.
    pub(crate) async fn has(&self, shard: u32) -> Result<bool, Failure> {
        let at = self.at(shard);
        Ok(self.steps.objects.head(&at).await.doing(|| format!("reading {at}"))?.is_some())
    }

    /// Those of all `shards`, in their order. One that is missing is a failure that names its shard.
    pub(crate) async fn all(&self, shards: u32) -> Result<Vec<Receipt>, Failure> {
        stream::iter(0..shards)
            .map(|shard| async move {
                let at = self.at(shard);
                let reading = || format!("reading the receipt of shard {shard} of {shards}");
                match self.steps.objects.get(&at).await {
                    Ok(bytes) => serde_json::from_slice(&bytes).doing(reading),
                    Err(error) if error.is_not_found() => Err(Failure::Internal {
                        doing: reading(),
                        cause: format!("there is none at {at}: the shard was not done").into(),
                    }),
                    Err(error) => Err(error).doing(reading),
                }
            })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await
    }

    fn at(&self, shard: u32) -> S3Location {
        self.steps.objects.at(format!("{}receipts/{shard:08}.json", self.prefix))
    }
}

impl Steps {
    /// A resource whose job is under way; nothing when it has ended, or the resource is gone or
    /// about to go.
    pub(crate) async fn under_way<R: Work>(&self, arn: &Arn) -> Result<Option<R>, Failure> {
        let found = self.resources.get_as::<R>(arn).await.doing(|| format!("reading {arn}"))?;
        let Some(mut resource) = found.map(|revised| revised.value) else { return Ok(None) };
        let status = resource.lifecycle().status;
        // One that is stopping goes on to its end, which says that it was stopped.
        let going = status.begun().is_some() || status == Status::CreateStopping;
        Ok(going.then_some(resource))
    }

    /// Removes what the stages of a job left for each other.
    pub(crate) async fn clear(&self, prefix: String) -> Result<(), Failure> {
        let at = self.objects.at(prefix);
        self.objects.delete_prefix(&at).await.doing(|| format!("deleting {at}"))?;
        Ok(())
    }
}
