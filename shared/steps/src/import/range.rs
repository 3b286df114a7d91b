//! Importing one range.

use dataset::csv::{self, ImportOptions, PartSink, RangeOutcome};
use domain::Arn;
use domain::resource::DatasetImportJob;
use serde::{Deserialize, Serialize};
use store::S3Location;
use tokio::runtime::Handle;

use super::pinned::Pinned;
use super::plan::{Plan, RangeIdentity};
use super::{Target, failed, options, upload, working};
use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::keys::ranges_prefix;

/// The outcome of a range as it is kept until the import is committed.
#[derive(Serialize, Deserialize)]
struct Kept {
    of: RangeIdentity,
    outcome: RangeOutcome,
}

fn outcome_at(steps: &Steps, target: &Target, range: usize) -> S3Location {
    steps.objects.at(format!("{}{range:06}.json", ranges_prefix(&target.prefix)))
}

/// The outcome of a range; nothing when it has not been imported, or from other files than planned.
pub(super) async fn kept_outcome(
    steps: &Steps,
    target: &Target,
    plan: &Plan,
    range: usize,
) -> Result<Option<RangeOutcome>, Failure> {
    let at = outcome_at(steps, target, range);
    let bytes = match steps.objects.get(&at).await {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error).doing(|| format!("reading {at}")),
    };
    // One that another version of the program wrote may read differently.
    let kept = serde_json::from_slice::<Kept>(&bytes).ok();
    Ok(kept.filter(|kept| plan.identity(range).as_ref() == Some(&kept.of)).map(|kept| kept.outcome))
}

impl Steps {
    /// Imports one of the ranges that were planned: its parts, and an outcome for the commit.
    ///
    /// May be repeated, and does nothing when it is done already or when there is nothing to do for
    /// the job any more. What is wrong with the data is no error here: it is written into the
    /// outcome, so that the commit can tell the first problem in the order of the rows. Fails with
    /// [`Failure::Caller`] when the file was replaced or removed since it was planned.
    pub async fn import_range(&self, job: &Arn, range: u32) -> Result<(), Failure> {
        let Some(job) = working(self, job).await? else { return Ok(()) };
        let target = Target::of(self, &job).await?;
        let plan = Plan::read(self, &target).await?;
        let range = range as usize;
        if kept_outcome(self, &target, &plan, range).await?.is_none() {
            import_from(self, &job, &target, &plan, range, None).await?;
        }
        Ok(())
    }
}

/// Imports a range, from the record at `start` on where that is known; writes and returns its outcome.
pub(super) async fn import_from(
    steps: &Steps,
    job: &DatasetImportJob,
    target: &Target,
    plan: &Plan,
    range: usize,
    start: Option<u64>,
) -> Result<RangeOutcome, Failure> {
    let doing = || format!("importing range {range} of {}", job.data_location);
    let of = plan.identity(range).ok_or_else(|| format!("the plan has {} ranges", plan.ranges.len()));
    let of = of.doing(doing)?;
    let file = Pinned {
        objects: steps.objects.clone(),
        runtime: Handle::current(),
        at: of.source.location.parse().doing(doing)?,
        name: of.source.location.clone(),
        etag: of.source.etag.clone(),
        size: of.source.size,
    };
    let options = ImportOptions { part_bytes: plan.part_bytes, ..options(steps, job) };
    let (mut sink, uploads) = upload::channel();
    let (schema, file_range) = (target.schema.clone(), of.range);
    let importing = tokio::task::spawn_blocking(move || {
        csv::import_range(&file, file_range, start, &schema, &options, &mut |part| sink.part(part))
    });
    let uploaded = uploads.run(steps, &target.prefix).await;
    let outcome = importing.await.doing(doing)?;
    // A failed upload makes the importer fail too, with less to say.
    uploaded?;
    let outcome = outcome.map_err(|failure| failed(failure, job))?;
    let at = outcome_at(steps, target, range);
    let kept = Kept { of, outcome };
    let json = serde_json::to_vec(&kept).doing(|| format!("writing {at}"))?;
    steps.objects.put(&at, json).await.doing(|| format!("writing {at}"))?;
    Ok(kept.outcome)
}
