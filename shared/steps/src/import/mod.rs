//! Import: CSV files of a caller's into Parquet parts, a manifest, and one write that makes them the
//! dataset's data.
//!
//! There are two ways with one result, byte for byte. `import` does all of it in this process. A
//! state machine has [`Steps::plan_import`] cut the files into ranges, calls
//! [`Steps::import_range`] for each, on as many machines as it likes, and ends with
//! [`Steps::commit_import`].
//!
//! Parts go to a prefix of the job's own, so an import that is cut off or repeated touches nothing
//! that anybody reads. The dataset moves to the new manifest in the last step, `publish`.

mod assemble;
mod pinned;
mod plan;
mod publish;
mod range;
pub(crate) mod sources;
mod upload;

use dataset::csv::{ImportFailure, ImportOptions, ImportProgress, NamedInput};
use dataset::schema::Schema;
use domain::Arn;
use domain::resource::{Dataset, DatasetImportJob};
use domain::status::Status;
use store::ObjectError;

use self::publish::{Imported, publish};
use self::sources::{Source, open_sources};
use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::keys;
use crate::progress::Progress;

/// What an import works with besides its files.
struct Target {
    dataset: Dataset,
    schema: Schema,
    /// Where the job puts its objects.
    prefix: String,
}

impl Target {
    async fn of(steps: &Steps, job: &DatasetImportJob) -> Result<Self, Failure> {
        let dataset = steps.existing::<Dataset>(&job.dataset).await?;
        let schema = steps.schema(&dataset.schema).await?;
        let prefix = keys::import_prefix(&dataset.arn, &job.arn);
        Ok(Self { dataset, schema, prefix })
    }
}

/// The job, unless there is nothing to be done for it any more: it is at rest, or to be stopped.
async fn working(steps: &Steps, job: &Arn) -> Result<Option<DatasetImportJob>, Failure> {
    let job = steps.existing::<DatasetImportJob>(job).await?;
    let status = job.lifecycle.status;
    Ok((!status.is_at_rest() && status != Status::CreateStopping).then_some(job))
}

/// Imports a job's files and makes them the dataset's data.
pub(crate) async fn import(steps: &Steps, job: &DatasetImportJob) -> Result<DatasetImportJob, Failure> {
    let target = Target::of(steps, job).await?;
    let sources = open_sources(steps, &job.data_location).await?;
    let imported = run(steps, job, &target, sources).await?;
    publish(steps, job, &target, imported).await
}

/// Parses on threads and uploads on this task, at the same time.
async fn run(
    steps: &Steps,
    job: &DatasetImportJob,
    target: &Target,
    sources: Vec<Source>,
) -> Result<Imported, Failure> {
    let total: u64 = sources.iter().map(|source| source.body.info().size).sum();
    let mut imported = Imported::new(target);
    for source in &sources {
        let info = source.body.info();
        imported.manifest.push_source(source.at.to_string(), Some(info.etag.clone()), info.size);
    }
    let inputs: Vec<NamedInput> = sources
        .into_iter()
        .map(|source| NamedInput::new(source.at.to_string(), source.body.into_reader()))
        .collect();
    let options = ImportOptions { part_bytes: steps.settings.part_bytes, ..options(steps, job) };
    let (mut sink, uploads) = upload::channel();
    let importing = {
        let (steps, arn, schema) = (steps.clone(), job.arn.clone(), target.schema.clone());
        tokio::task::spawn_blocking(move || {
            let observe = |p: ImportProgress| {
                steps.observer.progress(Progress {
                    arn: arn.clone(),
                    stage: "import",
                    done: p.bytes_read,
                    total,
                    unit: "bytes",
                    loss: None,
                    note: format!("{} rows", p.rows),
                });
            };
            dataset::csv::import_csv(inputs, &schema, &options, &mut sink, &observe)
                .map(|summary| (summary, sink.quarantine))
        })
    };
    let uploaded = uploads.run(steps, &target.prefix).await;
    let done = importing.await.doing(|| format!("importing {}", job.data_location))?;
    // A failed upload makes the importer fail too, with less to say.
    for part in uploaded? {
        imported.manifest.push_part(part);
    }
    let (summary, quarantine) = done.map_err(|failure| failed(failure, job))?;
    imported.quarantined = summary.quarantined;
    imported.quarantine = quarantine;
    imported.notices = summary.notices;
    Ok(imported)
}

/// How a job's files are imported.
fn options(steps: &Steps, job: &DatasetImportJob) -> ImportOptions {
    ImportOptions {
        bad_rows_allowed: job.bad_rows_allowed,
        threads: steps.settings.threads,
        ..ImportOptions::default()
    }
}

/// What an import's failure means for its job.
fn failed(failure: ImportFailure, job: &DatasetImportJob) -> Failure {
    if failure.is_data() {
        return Failure::caller(failure.to_string());
    }
    let doing = match &failure {
        ImportFailure::Read { source, .. } => {
            let object = source.get_ref().and_then(|error| error.downcast_ref::<ObjectError>());
            if let Some(failure) = object.and_then(sources::unreadable) {
                return failure;
            }
            "reading"
        }
        _ => "importing",
    };
    Failure::Internal { doing: format!("{doing} {}", job.data_location), cause: failure.into() }
}
