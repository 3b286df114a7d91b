//! The list of users that a job names.

use std::collections::HashSet;

use dataset::csv::{ImportOptions, MemorySink, NamedInput, import_csv};
use dataset::schema::{Field, FieldType, Schema};
use domain::limits::DELETION_BYTES_MAX;

use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::import::sources::{open_sources, unreadable};

/// The column that holds the ids.
const COLUMN: &str = "USER_ID";

/// Reads the distinct ids of a file, or of all CSV files of a folder, in their order.
pub(super) async fn read(steps: &Steps, location: &str) -> Result<Vec<String>, Failure> {
    let sources = open_sources(steps, location).await?;
    let bytes: u64 = sources.iter().map(|source| source.body.info().size).sum();
    if bytes > DELETION_BYTES_MAX {
        return Err(Failure::caller(format!(
            "{location} has {bytes} bytes, and a data deletion job takes at most {DELETION_BYTES_MAX}: create \
             several jobs, each with a part of the users."
        )));
    }
    let inputs: Vec<NamedInput> = sources
        .into_iter()
        .map(|source| NamedInput::new(source.at.to_string(), source.body.into_reader()))
        .collect();
    // Through the importer, so that files are read, and refused, as those of an import are.
    let threads = steps.settings.threads;
    let ids = tokio::task::spawn_blocking(move || {
        let options = ImportOptions { threads, ..ImportOptions::default() };
        let mut sink = MemorySink::default();
        import_csv(inputs, &schema(), &options, &mut sink, &|_| {})?;
        Ok::<_, dataset::ImportFailure>(sink.parts)
    })
    .await
    .doing(|| format!("reading {location}"))?
    .map_err(|failure| match &failure {
        failure if failure.is_data() => Failure::caller(failure.to_string()),
        dataset::ImportFailure::Read { source, .. } => {
            let object = source.get_ref().and_then(|error| error.downcast_ref::<store::ObjectError>());
            object.and_then(unreadable).unwrap_or_else(|| Failure::Internal {
                doing: format!("reading {location}"),
                cause: failure.into(),
            })
        }
        _ => Failure::Internal { doing: format!("reading {location}"), cause: failure.into() },
    })?;
    let (mut known, mut users) = (HashSet::new(), vec![]);
    for part in ids {
        let columns = dataset::read_columns(part.data, &[COLUMN]).doing(|| format!("reading {location}"))?;
        for id in columns.into_iter().flatten().flatten() {
            if known.insert(id.clone()) {
                users.push(id);
            }
        }
    }
    if users.is_empty() {
        return Err(Failure::caller(format!(
            "{location} names no user: put an id into each line below the header {COLUMN}."
        )));
    }
    Ok(users)
}

fn schema() -> Schema {
    let field = Field {
        name: COLUMN.to_owned(),
        kind: FieldType::String,
        nullable: false,
        categorical: false,
        textual: false,
        item_name: false,
    };
    Schema { dataset_type: None, fields: vec![field], text: String::new() }
}
