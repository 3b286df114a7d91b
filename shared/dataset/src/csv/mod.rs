//! CSV import: streaming, parallel, exact.
//!
//! [`import_csv`] reads files one after another, cuts each into parts of whole rows, parses and
//! checks the parts on several threads, and hands each on as one Parquet file, in the order of the
//! rows. A part holds the rows whose first byte lies in `[k * P, (k + 1) * P)` of the decompressed
//! file, so that an import split over machines by byte ranges makes the same parts: [`import_range`]
//! imports a range, and [`Assembly`] puts the outcomes together. Memory is bounded by a few parts,
//! however large the files are.
//!
//! What is accepted: UTF-8 with or without byte order mark, LF or CRLF, gzip (also of several
//! members), columns in any order and in common spellings, blank lines. Everything else is refused
//! with the file, line, column, value and cure; see [`ImportFailure`] and [`RowProblem`].

mod assembly;
mod blocks;
mod field;
mod header;
mod import;
mod part;
mod pipeline;
mod problem;
mod quarantine;
mod ranges;
mod record;
mod source;
mod tally;
mod value;

pub use assembly::{Assembled, Assembly, AssemblyError};
pub use field::write_field;
pub use import::import_csv;
pub use problem::{ImportFailure, RowProblem};
pub use ranges::{FileRange, RangeFile, RangeOutcome, import_range};
pub use source::is_gzip;

use std::io::{self, Read};

pub(crate) use blocks::read_header;
pub(crate) use header::read_names;
pub(crate) use record::{split, unescape};
pub(crate) use source::open;

/// Bytes of text in one part unless told otherwise.
pub const PART_BYTES_DEFAULT: usize = 16 << 20;
/// Largest part: dictionaries and pages use 32-bit sizes.
pub const PART_BYTES_MAX: usize = 256 << 20;
/// Longest record, in bytes. Bounds memory when a quote is never closed.
pub const RECORD_BYTES_MAX: usize = 4 << 20;

/// One file to import.
pub struct NamedInput {
    /// What messages call it, for example `ratings.csv` or `s3://bucket/ratings.csv`.
    pub name: String,
    /// Its bytes, compressed or not.
    pub reader: Box<dyn Read + Send>,
}

impl NamedInput {
    /// A file under a name.
    pub fn new(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        Self { name: name.into(), reader: Box::new(reader) }
    }
}

/// How to import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Bad rows that may be set aside; one more fails the import.
    pub bad_rows_allowed: u64,
    /// Threads that parse. Reading and writing have one each besides.
    pub threads: usize,
    /// Text bytes per part, at most [`PART_BYTES_MAX`]. Part of the format: another size makes other parts.
    pub part_bytes: usize,
}

impl Default for ImportOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
        Self { bad_rows_allowed: 0, threads, part_bytes: PART_BYTES_DEFAULT }
    }
}

impl ImportOptions {
    /// The part size within its limits.
    pub(crate) fn part_bytes(&self) -> usize {
        self.part_bytes.clamp(1, PART_BYTES_MAX)
    }
}

/// A finished part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedPart {
    /// `part-<file number>-<part number>.parquet`, ascending in the order of the rows.
    pub name: String,
    /// Rows in it; never zero.
    pub rows: u64,
    /// CRC-32 of `data`.
    pub crc32: u32,
    /// The bytes of a Parquet file.
    pub data: Vec<u8>,
}

/// Where an import puts its output. Called from the thread that called [`import_csv`].
///
/// A failed import may have put parts before it failed: nobody may read them until the manifest,
/// which the caller writes last, names them.
pub trait PartSink {
    /// Takes the next part.
    fn part(&mut self, part: EncodedPart) -> io::Result<()>;
    /// Takes the next piece of the quarantine file (CSV with the columns `file`, `line`, `reason`,
    /// `row`). Not called when no row was set aside.
    fn quarantine(&mut self, csv: Vec<u8>) -> io::Result<()>;
}

/// A sink that keeps everything, for small data and tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemorySink {
    /// The parts in order.
    pub parts: Vec<EncodedPart>,
    /// The quarantine file; empty when no row was set aside.
    pub quarantine: Vec<u8>,
}

impl PartSink for MemorySink {
    fn part(&mut self, part: EncodedPart) -> io::Result<()> {
        self.parts.push(part);
        Ok(())
    }

    fn quarantine(&mut self, csv: Vec<u8>) -> io::Result<()> {
        self.quarantine.extend_from_slice(&csv);
        Ok(())
    }
}

/// How far an import is. Reported after every part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportProgress {
    /// Bytes read from the inputs, as they are stored (compressed where they are).
    pub bytes_read: u64,
    /// Rows written so far.
    pub rows: u64,
    /// Rows set aside so far.
    pub quarantined: u64,
    /// Parts written so far.
    pub parts: u64,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// Rows written.
    pub rows: u64,
    /// Rows set aside.
    pub quarantined: u64,
    /// Parts written.
    pub parts: u64,
    /// Bytes read from the inputs, as they are stored.
    pub bytes_read: u64,
    /// The files in the order in which they were read, with their stored sizes in bytes.
    pub files: Vec<(String, u64)>,
    /// What was done that the user may not expect, for example `userId read as USER_ID`.
    pub notices: Vec<String>,
}
