//! Import: CSV files of a caller's into Parquet parts, a manifest, and one write that makes them the
//! dataset's data.
//!
//! Parts go to a prefix of the job's own, so an import that is cut off or repeated touches nothing
//! that anybody reads. The dataset moves to the new manifest in the last step.

use std::io;

use bytes::Bytes;
use dataset::Manifest;
use dataset::csv::{EncodedPart, ImportFailure, ImportOptions, ImportProgress, NamedInput, PartSink};
use dataset::schema::Schema;
use domain::limits::TRAINING_INTERACTIONS_MIN;
use domain::resource::{Dataset, DatasetImportJob, DatasetType, ImportMode, ImportOutcome, Snapshot};
use store::S3Location;
use store::objects::ObjectBody;
use store::resources::UpdateError;
use tokio::sync::mpsc;

use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::keys;
use crate::progress::Progress;

/// Encoded parts that wait for their upload. Each is a few megabytes.
const PARTS_WAITING: usize = 2;

/// Imports a job's files and makes them the dataset's data.
pub(crate) async fn import(steps: &Steps, job: &DatasetImportJob) -> Result<DatasetImportJob, Failure> {
    let dataset = steps.existing::<Dataset>(&job.dataset).await?;
    let stored = steps.existing::<domain::resource::Schema>(&dataset.schema).await?;
    let schema = Schema::parse(&stored.schema)
        .map_err(|error| Failure::caller(format!("The schema {} is not valid: {error}", stored.arn)))?;
    let sources = open_sources(steps, &job.data_location).await?;
    let prefix = keys::import_prefix(&dataset.arn, &job.arn);
    let manifest = Manifest::new(dataset.dataset_type, &schema);
    let imported = run(steps, job, &schema, sources, &prefix, manifest).await?;

    if dataset.dataset_type == DatasetType::Interactions {
        check_rows(&imported, &dataset, job)?;
    }
    let outcome = ImportOutcome {
        rows: imported.manifest.rows,
        quarantined: imported.quarantined,
        quarantine_key: imported.quarantine_key.clone(),
    };
    commit(steps, job, &dataset, &prefix, imported.manifest).await?;
    Ok(DatasetImportJob { outcome: Some(outcome), ..job.clone() })
}

/// An object that is open for reading.
struct Source {
    at: S3Location,
    body: ObjectBody,
}

/// What a run of the importer left under the job's prefix.
struct ImportedFiles {
    /// Names the parts and sources of this run alone.
    manifest: Manifest,
    quarantined: u64,
    quarantine_key: Option<String>,
}

/// Finds what the location names; says so in the caller's words when there is nothing.
async fn open_sources(steps: &Steps, location: &str) -> Result<Vec<Source>, Failure> {
    let invalid = |why: String| Failure::caller(format!("Invalid Data location. {why}"));
    let at: S3Location = location.parse().map_err(|error| invalid(format!("{error}.")))?;
    let objects = if at.is_prefix() {
        match steps.objects.list(&at.bucket, &at.key).await {
            Ok(listed) => {
                listed.into_iter().filter(|object| is_csv(&object.key)).map(|o| at.with_key(o.key)).collect()
            }
            Err(error) if error.is_not_found() => return Err(invalid(format!("{error}."))),
            Err(error) => return Err(error).doing(|| format!("listing {at}")),
        }
    } else {
        vec![at.clone()]
    };
    if objects.is_empty() {
        return Err(invalid(format!("There is no object that ends in .csv or .csv.gz under {at}.")));
    }
    let mut sources = Vec::with_capacity(objects.len());
    for at in objects {
        match steps.objects.open(&at).await {
            Ok(body) => sources.push(Source { at, body }),
            Err(error) if error.is_not_found() => {
                return Err(invalid(format!(
                    "{error}: check the bucket and the key, and end the path of a folder in /."
                )));
            }
            Err(error) => return Err(error).doing(|| format!("reading {at}")),
        }
    }
    Ok(sources)
}

fn is_csv(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    lower.ends_with(".csv") || lower.ends_with(".csv.gz")
}

/// What the importing thread hands to the uploading task.
enum Output {
    Part(EncodedPart),
    Quarantine(Vec<u8>),
}

/// The importer's sink: waits while the upload is behind.
struct Uploads(mpsc::Sender<Output>);

impl PartSink for Uploads {
    fn part(&mut self, part: EncodedPart) -> io::Result<()> {
        self.send(Output::Part(part))
    }

    fn quarantine(&mut self, csv: Vec<u8>) -> io::Result<()> {
        self.send(Output::Quarantine(csv))
    }
}

impl Uploads {
    fn send(&self, output: Output) -> io::Result<()> {
        // The receiver is gone when the upload failed, and then its error is the one that counts.
        self.0.blocking_send(output).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Parses on threads and uploads on this task, at the same time.
async fn run(
    steps: &Steps,
    job: &DatasetImportJob,
    schema: &Schema,
    sources: Vec<Source>,
    prefix: &str,
    mut manifest: Manifest,
) -> Result<ImportedFiles, Failure> {
    let (send, receive) = mpsc::channel(PARTS_WAITING);
    let total: u64 = sources.iter().map(|source| source.body.info().size).sum();
    for source in &sources {
        let info = source.body.info();
        manifest.push_source(source.at.to_string(), Some(info.etag.clone()), info.size);
    }
    let inputs: Vec<NamedInput> = sources
        .into_iter()
        .map(|source| NamedInput::new(source.at.to_string(), source.body.into_reader()))
        .collect();
    let options = ImportOptions {
        bad_rows_allowed: job.bad_rows_allowed,
        threads: steps.settings.threads,
        ..ImportOptions::default()
    };
    let importing = {
        let (steps, arn, schema) = (steps.clone(), job.arn.clone(), schema.clone());
        tokio::task::spawn_blocking(move || {
            let observe = |p: ImportProgress| {
                steps.observer.progress(Progress {
                    arn: arn.clone(),
                    stage: "import",
                    done: p.bytes_read,
                    total,
                    unit: "bytes",
                    note: format!("{} rows", p.rows),
                });
            };
            dataset::csv::import_csv(inputs, &schema, &options, &mut Uploads(send), &observe)
        })
    };
    let uploaded = upload(steps, prefix, receive, &mut manifest).await;
    let summary = importing.await.doing(|| format!("importing {}", job.data_location))?;
    // A failed upload makes the importer fail too, with less to say.
    let quarantine_key = uploaded?;
    let summary = match summary {
        Ok(summary) => summary,
        Err(failure) if failure.is_data() => return Err(Failure::caller(failure.to_string())),
        Err(failure @ ImportFailure::Read { .. }) => {
            return Err(failure).doing(|| format!("reading {}", job.data_location));
        }
        Err(failure) => return Err(failure).doing(|| format!("importing {}", job.data_location)),
    };
    for notice in &summary.notices {
        steps.observer.notice(&job.arn, notice);
    }
    Ok(ImportedFiles { manifest, quarantined: summary.quarantined, quarantine_key })
}

/// Writes parts as they come and enters them in the manifest; returns the quarantine's key.
async fn upload(
    steps: &Steps,
    prefix: &str,
    mut outputs: mpsc::Receiver<Output>,
    manifest: &mut Manifest,
) -> Result<Option<String>, Failure> {
    let mut quarantine = Vec::new();
    while let Some(output) = outputs.recv().await {
        match output {
            Output::Part(part) => {
                let at = steps.objects.at(format!("{prefix}{}", part.name));
                manifest.push(&at.key, &part);
                steps.objects.put(&at, part.data).await.doing(|| format!("writing {at}"))?;
            }
            Output::Quarantine(csv) => quarantine.extend_from_slice(&csv),
        }
    }
    if quarantine.is_empty() {
        return Ok(None);
    }
    let at = steps.objects.at(format!("{prefix}quarantine.csv"));
    steps.objects.put(&at, Bytes::from(quarantine)).await.doing(|| format!("writing {at}"))?;
    Ok(Some(at.key))
}

/// The hosted service refuses an interactions import that no model could be trained on.
fn check_rows(imported: &ImportedFiles, dataset: &Dataset, job: &DatasetImportJob) -> Result<(), Failure> {
    let before = match (job.import_mode, &dataset.active) {
        (ImportMode::Incremental, Some(snapshot)) => snapshot.rows,
        _ => 0,
    };
    if imported.manifest.rows + before >= TRAINING_INTERACTIONS_MIN as u64 {
        return Ok(());
    }
    Err(Failure::caller(format!(
        "{} has {} interactions; an import needs at least {TRAINING_INTERACTIONS_MIN}. Put more rows into the file, \
         or name a folder that ends in / to import several files at once.",
        job.data_location, imported.manifest.rows
    )))
}

/// Somebody else's import became the dataset's data in the meantime.
#[derive(Debug, thiserror::Error)]
#[error("another import was committed meanwhile")]
struct Overtaken;

/// Writes the manifest, then moves the dataset to it. An incremental import that was overtaken by
/// another one builds on that one's data instead.
async fn commit(
    steps: &Steps,
    job: &DatasetImportJob,
    dataset: &Dataset,
    prefix: &str,
    own: Manifest,
) -> Result<(), Failure> {
    let mut before = dataset.active.clone();
    loop {
        let manifest = match (job.import_mode, &before) {
            (ImportMode::Incremental, Some(before)) => {
                append(steps.manifest(&before.manifest_key).await?, &own, prefix)
            }
            _ => own.clone(),
        };
        let at = steps.objects.at(format!("{prefix}manifest.json"));
        steps.objects.put(&at, manifest.to_json()).await.doing(|| format!("writing {at}"))?;
        let snapshot = Snapshot { manifest_key: at.key.clone(), rows: manifest.rows };
        let moved = steps
            .resources
            .update::<Dataset, _>(&dataset.arn, |dataset| {
                if job.import_mode == ImportMode::Incremental && dataset.active != before {
                    return Err(Overtaken);
                }
                dataset.active = Some(snapshot.clone());
                dataset.lifecycle.updated = domain::EpochMillis::now();
                Ok(())
            })
            .await;
        match moved {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => {
                return Err(Failure::caller(format!(
                    "The dataset {} was deleted during the import.",
                    dataset.arn
                )));
            }
            Err(UpdateError::Refused(Overtaken)) => {
                before = steps.existing::<Dataset>(&dataset.arn).await?.active;
            }
            Err(error) => return Err(error).doing(|| format!("writing {}", dataset.arn)),
        }
    }
}

/// The earlier data followed by the job's own. What an earlier attempt of the same job had committed
/// is replaced, so that a repeated import counts once.
fn append(mut earlier: Manifest, own: &Manifest, prefix: &str) -> Manifest {
    let repeated = earlier.parts.iter().any(|part| part.key.starts_with(prefix));
    earlier.parts.retain(|part| !part.key.starts_with(prefix));
    earlier.parts.extend(own.parts.iter().cloned());
    if !repeated {
        earlier.sources.extend(own.sources.iter().cloned());
    }
    earlier.rows = earlier.parts.iter().map(|part| part.rows).sum();
    earlier
}
