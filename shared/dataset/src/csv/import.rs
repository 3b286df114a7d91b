//! Importing whole files in one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::schema::Schema;

use super::blocks::{Blocks, Head};
use super::pipeline::{self, Finished, ReadEnd, Reader, Step};
use super::problem::ImportFailure;
use super::tally::Tally;
use super::{ImportOptions, ImportProgress, ImportSummary, NamedInput, PartSink, open};

/// Imports CSV files that all follow one schema.
///
/// Blocks until the import is whole or has failed. Parts reach `sink` in the order of the files and
/// rows; the same files, schema and `part_bytes` give the same bytes, whatever the number of
/// threads. On failure the first problem in file order is reported.
pub fn import_csv<I>(
    inputs: I,
    schema: &Schema,
    options: &ImportOptions,
    sink: &mut dyn PartSink,
    progress: &(dyn Fn(ImportProgress) + Sync),
) -> Result<ImportSummary, ImportFailure>
where
    I: IntoIterator<Item = NamedInput>,
    I::IntoIter: Send,
{
    let inputs = inputs.into_iter();
    let bytes_read = Arc::new(AtomicU64::new(0));
    let part_bytes = options.part_bytes();
    let read = {
        let bytes_read = bytes_read.clone();
        move |reader: &mut Reader| {
            for (number, input) in inputs.enumerate() {
                file(reader, number, input, schema, part_bytes, &bytes_read)?;
            }
            Ok(())
        }
    };
    let mut tally = Tally::new(options.bad_rows_allowed);
    pipeline::run(schema, options, read, |step| {
        match step {
            Step::Part(finished) => part(&mut tally, sink, finished)?,
            Step::End(end) => tally.file(end.name, end.bytes, end.notices),
            Step::Failed(failure) => return Err(failure),
        }
        let summary = tally.summary();
        summary.bytes_read = bytes_read.load(Ordering::Relaxed);
        let ImportSummary { rows, quarantined, parts, bytes_read, .. } = *summary;
        progress(ImportProgress { bytes_read, rows, quarantined, parts });
        Ok(())
    })?;
    tally.summary().bytes_read = bytes_read.load(Ordering::Relaxed);
    tally.end()
}

/// Reads one file and cuts it into parts.
fn file(
    reader: &mut Reader,
    number: usize,
    input: NamedInput,
    schema: &Schema,
    part_bytes: usize,
    bytes_read: &Arc<AtomicU64>,
) -> Result<(), ReadEnd> {
    let before = bytes_read.load(Ordering::Relaxed);
    let mut source = open(&input.name, input.reader, bytes_read)?;
    let head = Head::read(&mut source, &input.name, schema)?;
    let mut blocks = Blocks::new(source, head, number, part_bytes, None);
    reader.parts(&mut blocks)?;
    reader.end(&input.name, bytes_read.load(Ordering::Relaxed) - before, &blocks)
}

/// Counts a part and hands it on.
fn part(tally: &mut Tally, sink: &mut dyn PartSink, finished: Finished) -> Result<(), ImportFailure> {
    let bad = finished.stretch.bad;
    tally.add(finished.stretch)?;
    let written = |source| ImportFailure::Write { source };
    if bad > 0 {
        sink.quarantine(tally.quarantine(&finished.quarantine, 0)).map_err(written)?;
    }
    match finished.part {
        Some(part) => sink.part(part).map_err(written),
        None => Ok(()),
    }
}
