//! The end of every import: what it made becomes the dataset's data.

use bytes::Bytes;
use dataset::Manifest;
use domain::limits::TRAINING_INTERACTIONS_MIN;
use domain::resource::{Dataset, DatasetImportJob, DatasetType, ImportMode, ImportOutcome, Snapshot};
use store::resources::UpdateError;

use super::Target;
use crate::Steps;
use crate::failure::{Doing, Failure};

/// What an import made under the job's prefix.
pub(super) struct Imported {
    /// Names the parts and sources of this import alone.
    pub manifest: Manifest,
    pub quarantined: u64,
    /// The quarantine file; empty when no row was set aside.
    pub quarantine: Vec<u8>,
    pub notices: Vec<String>,
}

impl Imported {
    /// Nothing yet.
    pub fn new(target: &Target) -> Self {
        let manifest = Manifest::new(target.dataset.dataset_type, &target.schema);
        Self { manifest, quarantined: 0, quarantine: Vec::new(), notices: Vec::new() }
    }
}

/// Makes an import the dataset's data; returns what the job becomes.
pub(super) async fn publish(
    steps: &Steps,
    job: &DatasetImportJob,
    target: &Target,
    imported: Imported,
) -> Result<DatasetImportJob, Failure> {
    for notice in &imported.notices {
        steps.observer.notice(&job.arn, notice);
    }
    if target.dataset.dataset_type == DatasetType::Interactions {
        check_rows(&imported, &target.dataset, job)?;
    }
    let mut outcome = ImportOutcome {
        rows: imported.manifest.rows,
        quarantined: imported.quarantined,
        quarantine_key: None,
    };
    if !imported.quarantine.is_empty() {
        let at = steps.objects.at(format!("{}quarantine.csv", target.prefix));
        steps.objects.put(&at, Bytes::from(imported.quarantine)).await.doing(|| format!("writing {at}"))?;
        outcome.quarantine_key = Some(at.key);
    }
    steps.report_import(job, &target.dataset, &imported.manifest).await?;
    commit(steps, job, &target.dataset, &target.prefix, imported.manifest).await?;
    Ok(DatasetImportJob { outcome: Some(outcome), ..job.clone() })
}

/// The hosted service refuses an interactions import that no model could be trained on.
fn check_rows(imported: &Imported, dataset: &Dataset, job: &DatasetImportJob) -> Result<(), Failure> {
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

/// The earlier data followed by the job's own, under the schema of the job. What an earlier attempt of the same job had committed
/// is replaced, so that a repeated import counts once.
fn append(mut earlier: Manifest, own: &Manifest, prefix: &str) -> Manifest {
    let repeated = earlier.parts.iter().any(|part| part.key.starts_with(prefix));
    earlier.parts.retain(|part| !part.key.starts_with(prefix));
    earlier.parts.extend(own.parts.iter().cloned());
    if !repeated {
        earlier.sources.extend(own.sources.iter().cloned());
    }
    earlier.schema = own.schema.clone();
    earlier.rows = earlier.parts.iter().map(|part| part.rows).sum();
    earlier
}
