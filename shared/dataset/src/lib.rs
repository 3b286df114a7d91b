//! Data: schemas, CSV in, Parquet out, histories in memory.
//!
//! Read [`interactions`] first: it is what models are trained on. The way there is
//! [`schema`] → [`csv`] → [`manifest`] → [`read`], the way back [`export`], and [`erase`] takes users out of parts; [`infer`] writes a schema for a file that has
//! none, and [`synthetic`] makes a data set for demonstrations. No network and no file system: callers bring readers and sinks.

pub mod interactions;

pub mod schema;

pub mod attribution;

pub mod csv;

pub mod manifest;

pub mod read;

pub mod metadata;

pub mod descriptions;

pub mod actions;

pub mod export;

pub mod erase;

pub mod infer;

pub mod synthetic;

pub mod typed;

mod event_filter;
mod names;
mod parquet_io;

pub use actions::{Action, ActionEvent, ActionEvents, ActionEventsReader, Actions, ActionsReader, Outcome};
pub use csv::{
    Assembled, Assembly, AssemblyError, EncodedPart, FileRange, ImportFailure, ImportOptions, ImportProgress,
    ImportSummary, MemorySink, NamedInput, PartSink, RangeFile, RangeOutcome, RowProblem, import_csv,
    import_range,
};
pub use descriptions::Descriptions;
pub use erase::{Erased, erase};
pub use event_filter::{EventFilter, TypeRule};
pub use export::{CsvExport, Share};
pub use infer::{InferError, Inferred, infer_schema};
pub use interactions::{History, IdTable, Interactions};
pub use manifest::{Manifest, ManifestError, ManifestPart, ManifestSource};
pub use metadata::{About, Cells, Column, Metadata, Table, TableReader};
pub use read::{InteractionsReader, ReadError, read_columns, read_interactions};
pub use schema::{Schema, SchemaError};
