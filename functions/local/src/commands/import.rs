//! `osusume import`: a CSV file into a dataset, by the way that an upload to S3 takes.

use std::path::Path;

use anyhow::{Context, bail};
use domain::ResourceKind;
use domain::resource::{DatasetImportJob, DatasetType};
use ingest::Outcome;
use serde_json::{Value, json};

use crate::app::{self, App};
use crate::cli::Import;
use crate::client;
use crate::commands::infer_schema;
use crate::console::Console;

/// Imports as the command line says and prints what was imported.
pub async fn run(app: &App, console: &Console, options: &Import) -> anyhow::Result<()> {
    let inferred = infer_schema::infer(&options.file, options.dataset_type.as_deref())?;
    let schema = match &options.schema {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
        }
        None => inferred.schema.text.clone(),
    };
    if options.schema.is_none() {
        for warning in &inferred.warnings {
            console.say(&format!("  {warning}"));
        }
    }
    let imported = import_file(app, &options.group, inferred.dataset_type, &schema, &options.file).await?;
    if options.common.json {
        println!("{:#}", json!(imported.to_json()));
    } else {
        println!("{}", imported.to_text());
    }
    // Solutions with automatic training train on it, and campaigns move on.
    app.launcher.quiet().await;
    Ok(())
}

/// What an import did.
pub struct Imported {
    /// The job.
    pub job: DatasetImportJob,
    /// Seconds from the upload to the end of the job.
    pub seconds: f64,
}

impl Imported {
    fn to_json(&self) -> Value {
        json!({
            "datasetImportJobArn": self.job.arn,
            "datasetArn": self.job.dataset,
            "outcome": self.job.outcome,
            "seconds": self.seconds,
        })
    }

    /// One line for people.
    pub fn to_text(&self) -> String {
        let outcome = self.job.outcome.as_ref();
        let rows = outcome.map_or(0, |o| o.rows);
        let mut text = format!(
            "imported {rows} rows into {} in {:.2} s ({:.0} rows/s)",
            self.job.dataset.tail(),
            self.seconds,
            rows as f64 / self.seconds.max(1e-9)
        );
        if let Some(outcome) = outcome.filter(|o| o.quarantined > 0) {
            text.push_str(&format!(
                "; {} bad rows set aside in {}",
                outcome.quarantined,
                outcome.quarantine_key.as_deref().unwrap_or("quarantine")
            ));
        }
        text
    }
}

/// Creates group, schema and dataset where needed, uploads the file and waits for its import.
pub async fn import_file(
    app: &App,
    group: &str,
    dataset_type: DatasetType,
    schema: &str,
    file: &Path,
) -> anyhow::Result<Imported> {
    let name =
        file.file_name().map_or_else(|| "upload.csv".into(), |name| name.to_string_lossy().into_owned());
    prepare(app, group, dataset_type, schema).await?;
    let started = std::time::Instant::now();
    let key = steps::keys::upload_key(group, dataset_type, &csv_name(&name));
    app.upload_file(&key, file).await?;
    let job = await_import(app).await?;
    Ok(Imported { job, seconds: started.elapsed().as_secs_f64() })
}

/// The same for bytes in memory.
pub async fn import_bytes(
    app: &App,
    group: &str,
    dataset_type: DatasetType,
    schema: &str,
    name: &str,
    csv: Vec<u8>,
) -> anyhow::Result<Imported> {
    prepare(app, group, dataset_type, schema).await?;
    let started = std::time::Instant::now();
    let key = steps::keys::upload_key(group, dataset_type, &csv_name(name));
    app.upload_bytes(&key, csv).await?;
    let job = await_import(app).await?;
    Ok(Imported { job, seconds: started.elapsed().as_secs_f64() })
}

/// The upload event tells `.csv` and `.csv.gz` from everything else, so other names get an ending.
fn csv_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if lower.ends_with(".csv") || lower.ends_with(".csv.gz") {
        name.to_owned()
    } else if lower.ends_with(".gz") {
        format!("{}.csv.gz", &name[..name.len() - 3])
    } else {
        format!("{name}.csv")
    }
}

async fn prepare(app: &App, group: &str, dataset_type: DatasetType, schema: &str) -> anyhow::Result<()> {
    let scope = app::scope();
    client::create(app, "CreateDatasetGroup", json!({ "name": group })).await?;
    let group_arn = scope.arn(ResourceKind::DatasetGroup, group);
    let dataset_arn = scope.arn(ResourceKind::Dataset, &format!("{group}/{}", dataset_type.as_str()));
    let there = app.steps.resources.get_as::<domain::resource::Dataset>(&dataset_arn).await?;
    if let Some(dataset) = there {
        let schema_arn = dataset.value.schema;
        let known = client::describe(app, "Schema", schema_arn.as_str()).await?;
        let same =
            |a: &str, b: &str| match (serde_json::from_str::<Value>(a), serde_json::from_str::<Value>(b)) {
                (Ok(a), Ok(b)) => a == b,
                _ => a == b,
            };
        if !same(known["schema"].as_str().unwrap_or_default(), schema) {
            bail!(
                "the dataset {} follows the schema {}, which differs from this file's; import into another \
                 --group, or give the dataset's own schema with --schema",
                dataset_arn.tail(),
                schema_arn.tail()
            );
        }
        return Ok(());
    }
    let schema_arn = create_schema(app, group, dataset_type, schema).await?;
    let request = json!({
        "name": format!("{group}-{}", dataset_type.as_str().to_lowercase()),
        "schemaArn": schema_arn,
        "datasetGroupArn": group_arn,
        "datasetType": dataset_type.as_str(),
    });
    client::create(app, "CreateDataset", request).await?;
    Ok(())
}

/// Creates the schema under the first name of its family that is free or holds the same text.
async fn create_schema(
    app: &App,
    group: &str,
    dataset_type: DatasetType,
    schema: &str,
) -> anyhow::Result<String> {
    for number in 1.. {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let name = format!("{group}-{}{suffix}", dataset_type.as_str().to_lowercase());
        let arn = app::scope().arn(ResourceKind::Schema, &name).as_str().to_owned();
        if client::create(app, "CreateSchema", json!({ "name": name, "schema": schema })).await?
            || client::describe(app, "Schema", &arn).await?["schema"] == schema
        {
            return Ok(arn);
        }
    }
    unreachable!("some number is free")
}

/// Waits for the event of the upload, lets the ingest handler act on it, and waits for its import.
///
/// Objects that the service writes for itself raise events too; the handler leaves them alone.
async fn await_import(app: &App) -> anyhow::Result<DatasetImportJob> {
    loop {
        for outcome in app.next_upload().await? {
            match outcome {
                Outcome::Importing(job) | Outcome::Seen(job) => {
                    client::wait(app, "DatasetImportJob", job.as_str()).await?;
                    let found = app.steps.resources.get_as::<DatasetImportJob>(&job).await?;
                    return Ok(found.with_context(|| format!("{job} is gone"))?.value);
                }
                Outcome::Refused { message, .. } => bail!(message),
                Outcome::Ignored(reason) => tracing::debug!(%reason, "an event was ignored"),
            }
        }
    }
}
