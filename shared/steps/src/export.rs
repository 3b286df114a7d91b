//! Exports: a dataset as CSV files of the caller's.
//!
//! The plan writes down once which parts are exported, imported ones and what came in live until then, and
//! in how many files. Whoever does a file, and however often, writes the same rows under the same key:
//! `<output path><job name>/part-00000.csv` and so on. A file holds all rows of the users (of items: of the
//! items) that fall to it, so that equal rows and rows of one id meet; see `dataset::export`.

use dataset::manifest::ManifestPart;
use dataset::{CsvExport, Manifest, Schema, Share};
use domain::Arn;
use domain::resource::{Dataset, DatasetExportJob, DatasetType, IngestionMode};
use serde::{Deserialize, Serialize};
use store::S3Location;

use crate::batch::{location, write_for_caller};
use crate::failure::{Doing, Failure};
use crate::progress::Progress;
use crate::stages::{Receipt, Receipts};
use crate::{Steps, keys};

/// Parts whose text goes into one file, on average: at 16 MiB a part a file is some 256 MiB, which a
/// function holds in memory several times over.
const PARTS_PER_FILE: usize = 16;

/// What a job exports. It is written once: another attempt goes on with it.
#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    dataset_type: DatasetType,
    /// Text of the schema whose columns the files have.
    schema: String,
    /// The parts in the order of their rows.
    parts: Vec<ManifestPart>,
    /// How many files there are.
    files: u32,
}

/// Writes all files of an export.
pub(crate) async fn export(steps: &Steps, job: &DatasetExportJob) -> Result<DatasetExportJob, Failure> {
    let plan = plan(steps, job).await?;
    for file in 0..plan.files {
        write(steps, job, &plan, file).await?;
        tell(steps, job, u64::from(file) + 1, plan.files);
    }
    Ok(job.clone())
}

impl Steps {
    /// Writes down what an export job exports, and answers with the number of its files; none when the
    /// job is gone or has ended.
    pub(crate) async fn plan_export(&self, job: &Arn) -> Result<u32, Failure> {
        let Some(job) = self.under_way::<DatasetExportJob>(job).await? else { return Ok(0) };
        Ok(plan(self, &job).await?.files)
    }

    /// Writes one file of an export, counted from zero. May be repeated.
    pub(crate) async fn export_share(&self, job: &Arn, file: u32) -> Result<(), Failure> {
        let Some(job) = self.under_way::<DatasetExportJob>(job).await? else { return Ok(()) };
        let plan = plan(self, &job).await?;
        let done = write(self, &job, &plan, file).await?;
        tell(self, &job, 1, 1);
        receipts(self, &job.arn).leave(&Receipt { shard: file, done, write_units: 0.0 }).await
    }

    /// Makes an export job `ACTIVE` if every file was written.
    pub(crate) async fn finish_export(&self, job: &Arn) -> Result<(), Failure> {
        if let Some(found) = self.under_way::<DatasetExportJob>(job).await? {
            let files = plan(self, &found).await?.files;
            receipts(self, job).all(files).await?;
            self.finish(job, found).await?;
        }
        self.clear(keys::batch_prefix(job)).await
    }
}

fn receipts<'a>(steps: &'a Steps, job: &Arn) -> Receipts<'a> {
    Receipts::under(steps, keys::batch_prefix(job))
}

/// The plan of a job, made unless there is one.
async fn plan(steps: &Steps, job: &DatasetExportJob) -> Result<Plan, Failure> {
    let at = steps.objects.at(format!("{}plan.json", keys::batch_prefix(&job.arn)));
    if let Some(plan) = read(steps, &at).await? {
        return Ok(plan);
    }
    let plan = make(steps, job).await?;
    let bytes = serde_json::to_vec(&plan).doing(|| format!("writing {at}"))?;
    match steps.objects.put_if_absent(&at, bytes).await.doing(|| format!("writing {at}"))? {
        Some(_) => Ok(plan),
        // Another process was quicker.
        None => read(steps, &at).await?.ok_or_else(|| Failure::Internal {
            doing: format!("reading {at}"),
            cause: "it was there a moment ago".into(),
        }),
    }
}

async fn read(steps: &Steps, at: &S3Location) -> Result<Option<Plan>, Failure> {
    let doing = || format!("reading {at}");
    match steps.objects.get(at).await {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).doing(doing),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error).doing(doing),
    }
}

async fn make(steps: &Steps, job: &DatasetExportJob) -> Result<Plan, Failure> {
    let dataset = steps.existing::<Dataset>(&job.dataset).await?;
    let schema = steps.schema(&dataset.schema).await?;
    let kind = dataset.dataset_type;
    let mut manifest = match (&dataset.active, job.ingestion_mode) {
        (Some(snapshot), IngestionMode::Bulk | IngestionMode::All) => {
            steps.manifest(&snapshot.manifest_key).await?
        }
        _ => Manifest::new(kind, &schema),
    };
    let text = schema.text.clone();
    if job.ingestion_mode != IngestionMode::Bulk {
        let live = steps.live_in(&dataset.dataset_group, kind).await?;
        let parts = steps.live_parts(kind, schema, &live, &job.arn).await?;
        // Of each attempt its own, because more may have come in since the last one.
        let prefix = format!("{}live/{}/", keys::batch_prefix(&job.arn), job.attempts);
        steps.push_live(&mut manifest, &prefix, parts).await?;
    }
    let files = manifest.parts.len().div_ceil(PARTS_PER_FILE).max(1);
    let files = u32::try_from(files).doing(|| format!("counting the files of {}", job.arn))?;
    Ok(Plan { dataset_type: kind, schema: text, parts: manifest.parts, files })
}

/// Writes one file; returns the number of its rows.
async fn write(steps: &Steps, job: &DatasetExportJob, plan: &Plan, file: u32) -> Result<u64, Failure> {
    let doing = || format!("exporting file {file} of {}", job.arn);
    if file >= plan.files {
        let cause = format!("there are {} files, the first is 0", plan.files).into();
        return Err(Failure::Internal { doing: doing(), cause });
    }
    let output = location(&job.output_path, "Invalid S3 output path")?;
    let at = output.with_key(format!("{}{}/part-{file:05}.csv", output.key, job.job_name));
    let schema = Schema::parse(&plan.schema).doing(doing)?;
    let share = Share { index: file, count: plan.files };
    let mut export = CsvExport::new(&schema, plan.dataset_type, share);
    for part in &plan.parts {
        let bytes = steps.part(part).await?;
        export = tokio::task::spawn_blocking(move || export.push(bytes).map(|()| export))
            .await
            .doing(doing)?
            .doing(|| format!("reading {}", part.key))?;
    }
    let rows = export.rows();
    let bytes = tokio::task::spawn_blocking(move || export.finish()).await.doing(doing)?;
    write_for_caller(steps, &at, bytes.into(), job.output_kms_key.as_deref()).await?;
    Ok(rows)
}

fn tell(steps: &Steps, job: &DatasetExportJob, done: u64, total: u32) {
    steps.observer.progress(Progress {
        arn: job.arn.clone(),
        stage: "export",
        done,
        total: u64::from(total),
        unit: "files",
        loss: None,
        note: String::new(),
    });
}
