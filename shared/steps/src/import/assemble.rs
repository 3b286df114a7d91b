//! Putting the ranges of an import together.

use dataset::csv::{Assembly, AssemblyError, RangeOutcome};
use dataset::manifest::ManifestPart;
use domain::Arn;
use domain::resource::DatasetImportJob;
use domain::status::Status;
use futures::{StreamExt, stream};

use super::plan::Plan;
use super::publish::{Imported, publish};
use super::range::{import_from, kept_outcome};
use super::{Target, failed, working};
use crate::Steps;
use crate::failure::{Doing, Failure, chain};
use crate::keys::ranges_prefix;

/// Outcomes that are read at once.
const READ_AT_ONCE: usize = 16;

/// A range that has no outcome, or a useless one.
#[derive(Debug, thiserror::Error)]
enum RangeError {
    #[error(
        "range {range} of {count} ({location} from byte {begin} on) has no outcome: it was not imported, \
         or not from the files that were planned"
    )]
    Missing { range: usize, count: usize, location: String, begin: u64 },
    #[error("range {range} was imported from where it begins, and does not begin there")]
    Torn { range: usize },
}

impl Steps {
    /// Puts the ranges of an import together, makes them the dataset's data and the job `ACTIVE`.
    ///
    /// Fails as the import in one process does: with [`Failure::Caller`] for the first problem in the
    /// order of the rows. May be repeated. Outcomes and plan are removed once the job has ended well,
    /// and otherwise lie there until the dataset is deleted.
    pub async fn commit_import(&self, job: &Arn) -> Result<(), Failure> {
        let Some(job) = working(self, job).await? else { return self.end_stopping(job).await };
        let target = Target::of(self, &job).await?;
        let plan = Plan::read(self, &target).await?;
        let imported = assemble(self, &job, &target, &plan).await?;
        let finished = publish(self, &job, &target, imported).await?;
        self.finish(&job.arn, finished).await?;
        let scratch = self.objects.at(ranges_prefix(&target.prefix));
        if let Err(error) = self.objects.delete_prefix(&scratch).await {
            tracing::warn!(arn = %job.arn, "{scratch} is left over: {}", chain(&error));
        }
        Ok(())
    }

    /// A job that was asked to stop has come to its end; one that is at rest stays as it is.
    async fn end_stopping(&self, job: &Arn) -> Result<(), Failure> {
        match self.existing::<DatasetImportJob>(job).await?.lifecycle.status {
            Status::CreateStopping => self.end::<DatasetImportJob>(job, Ok(Status::CreateStopped)).await,
            _ => Ok(()),
        }
    }
}

/// Walks the ranges in order.
async fn assemble(
    steps: &Steps,
    job: &DatasetImportJob,
    target: &Target,
    plan: &Plan,
) -> Result<Imported, Failure> {
    let doing = || format!("putting the ranges of {} together", job.data_location);
    let mut imported = Imported::new(target);
    for source in &plan.sources {
        imported.manifest.push_source(&source.location, Some(source.etag.clone()), source.size);
    }
    let mut assembly = Assembly::new(job.bad_rows_allowed);
    let outcomes = (0..plan.ranges.len()).map(|range| kept_outcome(steps, target, plan, range));
    let mut outcomes = stream::iter(outcomes).buffered(READ_AT_ONCE).enumerate();
    while let Some((range, outcome)) = outcomes.next().await {
        let file = plan.ranges[range].file;
        let source = &plan.sources[file];
        let outcome = outcome?.ok_or_else(|| RangeError::Missing {
            range,
            count: plan.ranges.len(),
            location: source.location.clone(),
            begin: plan.ranges[range].begin,
        });
        let outcome = outcome.doing(doing)?;
        let guessed: Vec<String> = outcome.parts.iter().map(|part| part.key.clone()).collect();
        let parts = match assembly.add(outcome) {
            Err(AssemblyError::Seam { start }) => {
                // It began within quotes. That is rare enough to be mended here, one after another.
                let again = import_from(steps, job, target, plan, range, Some(start)).await?;
                remove_leftovers(steps, target, &guessed, &again).await?;
                assembly.add(again)
            }
            added => added,
        };
        let parts = match parts {
            Ok(parts) => parts,
            Err(AssemblyError::Failed(failure)) => return Err(failed(failure, job)),
            Err(AssemblyError::Seam { .. }) => return Err(RangeError::Torn { range }).doing(doing),
        };
        for part in parts {
            let key = format!("{}{}", target.prefix, part.key);
            imported.manifest.push_part(ManifestPart { key, ..part });
        }
        if plan.ranges.get(range + 1).is_none_or(|next| next.file != file) {
            assembly.end_file(&source.location, source.size);
        }
    }
    let assembled = assembly.finish().map_err(|failure| failed(failure, job))?;
    imported.quarantined = assembled.summary.quarantined;
    imported.quarantine = assembled.quarantine;
    imported.notices = assembled.summary.notices;
    Ok(imported)
}

/// Removes parts that are not made again where a range turned out to have no rows.
async fn remove_leftovers(
    steps: &Steps,
    target: &Target,
    guessed: &[String],
    again: &RangeOutcome,
) -> Result<(), Failure> {
    for name in guessed.iter().filter(|name| again.parts.iter().all(|part| part.key != **name)) {
        let at = steps.objects.at(format!("{}{name}", target.prefix));
        steps.objects.delete(&at).await.doing(|| format!("deleting {at}"))?;
    }
    Ok(())
}
