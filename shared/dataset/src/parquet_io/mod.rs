//! Parquet parts: one row group each, strings as dictionaries.
//!
//! The `parquet` crate writes and reads the file around the pages. The pages of string columns are
//! made here, because an import already knows every value's dictionary code: handing the crate
//! strings to hash again, or taking strings back instead of codes, would cost more than the rest of
//! the work together. The files are ordinary Parquet; any engine reads them.

pub(crate) mod columns;
pub(crate) mod dictionary;
mod hybrid;
pub(crate) mod read;
mod write;

pub(crate) use columns::ColumnBuilder;
pub(crate) use write::encode;
