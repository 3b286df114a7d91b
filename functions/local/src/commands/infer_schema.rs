//! `osusume infer-schema`: from a CSV file to the schema that fits it.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, bail};
use dataset::infer::{self, Inferred};
use domain::resource::DatasetType;
use serde_json::json;

use crate::cli::InferSchema;

/// Prints the schema and, on standard error, what to look at.
pub fn run(options: &InferSchema) -> anyhow::Result<()> {
    let inferred = infer(&options.file, options.dataset_type.as_deref())?;
    if options.json {
        let schema: serde_json::Value = serde_json::from_str(&inferred.schema.text)?;
        let document = json!({
            "datasetType": inferred.dataset_type,
            "schema": schema,
            "columns": inferred.columns.iter().map(|(column, field)| json!({ "column": column, "field": field })).collect::<Vec<_>>(),
            "warnings": inferred.warnings,
        });
        println!("{document:#}");
    } else {
        for warning in &inferred.warnings {
            eprintln!("{warning}");
        }
        println!("{}", inferred.schema.text.trim_end());
    }
    Ok(())
}

/// Infers the schema of a file; `dataset_type` overrules what the header looks like.
pub fn infer(path: &Path, dataset_type: Option<&str>) -> anyhow::Result<Inferred> {
    let dataset_type = match dataset_type {
        None => None,
        Some(word) => match DatasetType::parse(word) {
            Some(dataset_type) => Some(dataset_type),
            None => bail!(
                "there is no dataset type '{word}'; choose interactions, items, users, actions or action_interactions"
            ),
        },
    };
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(infer::infer_schema(&path.display().to_string(), file, dataset_type)?)
}
