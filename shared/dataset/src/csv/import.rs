//! The pipeline: one reader, several parsers, one writer in the order of the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::{io, mem, thread};

use crate::parquet_io;
use crate::schema::Schema;

use super::blocks::{Blocks, RawPart};
use super::part::{self, ParsedPart};
use super::problem::{ImportFailure, RowProblem};
use super::{
    EncodedPart, ImportOptions, ImportProgress, ImportSummary, NamedInput, PART_BYTES_MAX, PartSink, open,
    quarantine,
};

/// What the writer gets.
enum Step {
    /// A part, parsed and encoded.
    Part(Finished),
    /// A file is at its end: its name, stored size and notices.
    File(String, u64, Vec<String>),
    /// Reading or encoding went wrong.
    Failed(ImportFailure),
}

struct Finished {
    /// Nothing when every row was set aside.
    part: Option<EncodedPart>,
    bad: u64,
    first_bad: Option<Box<RowProblem>>,
    quarantine: Vec<u8>,
    fatal: Option<Box<RowProblem>>,
    /// The text's buffer, to be used again.
    buffer: Vec<u8>,
}

/// Steps carry their place in the order of the files and rows.
type Numbered<T> = (u64, T);

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
    let threads = options.threads.max(1);
    // A buffer is a permit to hold one more part in memory, as text or as Parquet: one being read,
    // one in each parser, and one being written. The writer gives it back when the part is written.
    let (give_back, buffers) = channel();
    for _ in 0..threads + 2 {
        give_back.send(Vec::new()).expect("the receiver is in scope");
    }
    let (to_parse, queue) = channel::<Numbered<RawPart>>();
    let queue = Mutex::new(queue);
    let (done, results) = channel();
    let bytes_read = Arc::new(AtomicU64::new(0));
    thread::scope(|scope| {
        let reader = Reader {
            schema,
            part_bytes: options.part_bytes.clamp(1, PART_BYTES_MAX),
            buffers,
            to_parse,
            done: done.clone(),
            bytes_read: bytes_read.clone(),
            next: 0,
        };
        scope.spawn(move || reader.run(inputs));
        for _ in 0..threads {
            let (queue, done) = (&queue, done.clone());
            scope.spawn(move || parse_parts(queue, &done, schema, options.bad_rows_allowed));
        }
        drop(done);
        // When the writer ends early it drops the ends of the channels it holds, and with them the
        // reader and the parsers end.
        let writer = Writer {
            sink,
            give_back,
            bad_rows_allowed: options.bad_rows_allowed,
            first_bad: None,
            summary: ImportSummary::default(),
            notices: BTreeSet::new(),
        };
        writer.run(results, &bytes_read, progress)
    })
}

/// Reads files and cuts them into parts.
struct Reader<'a> {
    schema: &'a Schema,
    part_bytes: usize,
    buffers: Receiver<Vec<u8>>,
    to_parse: Sender<Numbered<RawPart>>,
    done: Sender<Numbered<Step>>,
    bytes_read: Arc<AtomicU64>,
    next: u64,
}

/// The writer has gone: somebody failed already.
struct Stopped;

impl Reader<'_> {
    fn run(mut self, inputs: impl Iterator<Item = NamedInput>) {
        for (number, input) in inputs.enumerate() {
            match self.file(number, input) {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => {
                    // The writer may have stopped meanwhile for an earlier failure.
                    let _ = self.done.send((self.next, Step::Failed(failure)));
                    return;
                }
                Err(Stopped) => return,
            }
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn file(&mut self, number: usize, input: NamedInput) -> Result<Result<(), ImportFailure>, Stopped> {
        let before = self.bytes_read.load(Ordering::Relaxed);
        let opened = open(&input.name, input.reader, &self.bytes_read)
            .and_then(|source| Blocks::open(source, &input.name, number, self.schema, self.part_bytes));
        let mut blocks = match opened {
            Ok(blocks) => blocks,
            Err(failure) => return Ok(Err(failure)),
        };
        loop {
            let buffer = self.buffers.recv().map_err(|_| Stopped)?;
            match blocks.next(buffer) {
                Ok(Some(part)) => {
                    let place = self.number();
                    self.to_parse.send((place, part)).map_err(|_| Stopped)?;
                }
                Ok(None) => break,
                Err(failure) => return Ok(Err(failure)),
            }
        }
        let bytes = self.bytes_read.load(Ordering::Relaxed) - before;
        let step = Step::File(input.name, bytes, blocks.layout().notices.clone());
        let place = self.number();
        self.done.send((place, step)).map_err(|_| Stopped)?;
        Ok(Ok(()))
    }
}

/// One parser: takes parts until there are no more or nobody wants them.
fn parse_parts(
    queue: &Mutex<Receiver<Numbered<RawPart>>>,
    done: &Sender<Numbered<Step>>,
    schema: &Schema,
    bad_rows_allowed: u64,
) {
    loop {
        let next = queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).recv();
        let Ok((place, raw)) = next else { return };
        // A parser that vanished would leave the writer waiting for its part for ever.
        let step = catch_unwind(AssertUnwindSafe(|| finish(raw, schema, bad_rows_allowed)))
            .unwrap_or_else(|_| Err(io::Error::other("a part could not be parsed; the log says why")))
            .map_or_else(|source| Step::Failed(ImportFailure::Write { source }), Step::Part);
        if done.send((place, step)).is_err() {
            return;
        }
    }
}

/// Parses and encodes one part.
fn finish(mut raw: RawPart, schema: &Schema, bad_rows_allowed: u64) -> io::Result<Finished> {
    let ParsedPart { columns, rows, bad, first_bad, quarantine, fatal } =
        part::parse(&raw, schema, bad_rows_allowed);
    let part = if rows == 0 {
        None
    } else {
        let data = parquet_io::encode(&columns, rows).map_err(io::Error::other)?;
        Some(EncodedPart {
            name: format!("part-{:05}-{:06}.parquet", raw.file_number, raw.index),
            rows: rows as u64,
            crc32: crc32fast::hash(&data),
            data,
        })
    };
    Ok(Finished { part, bad, first_bad, quarantine, fatal, buffer: mem::take(&mut raw.text) })
}

/// Puts steps back into order and hands them on.
struct Writer<'a> {
    sink: &'a mut dyn PartSink,
    give_back: Sender<Vec<u8>>,
    bad_rows_allowed: u64,
    first_bad: Option<Box<RowProblem>>,
    summary: ImportSummary,
    notices: BTreeSet<String>,
}

impl Writer<'_> {
    fn run(
        mut self,
        results: Receiver<Numbered<Step>>,
        bytes_read: &AtomicU64,
        progress: &(dyn Fn(ImportProgress) + Sync),
    ) -> Result<ImportSummary, ImportFailure> {
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        while let Ok((place, step)) = results.recv() {
            waiting.insert(place, step);
            while let Some(step) = waiting.remove(&next) {
                next += 1;
                match step {
                    Step::Part(finished) => self.part(finished)?,
                    Step::File(name, bytes, notices) => self.file(name, bytes, notices),
                    Step::Failed(failure) => return Err(failure),
                }
                self.summary.bytes_read = bytes_read.load(Ordering::Relaxed);
                let ImportSummary { rows, quarantined, parts, bytes_read, .. } = self.summary;
                progress(ImportProgress { bytes_read, rows, quarantined, parts });
            }
        }
        self.summary.bytes_read = bytes_read.load(Ordering::Relaxed);
        self.end()
    }

    fn part(&mut self, finished: Finished) -> Result<(), ImportFailure> {
        if self.first_bad.is_none() {
            self.first_bad = finished.first_bad;
        }
        self.summary.quarantined += finished.bad;
        if self.summary.quarantined > self.bad_rows_allowed {
            let first = self.first_bad.take().expect("a part with bad rows names the first of them");
            return Err(match self.bad_rows_allowed {
                0 => ImportFailure::Row(first),
                allowed => ImportFailure::TooManyBadRows { allowed, first },
            });
        }
        if let Some(problem) = finished.fatal {
            return Err(ImportFailure::Row(problem));
        }
        let written = |source| ImportFailure::Write { source };
        if finished.bad > 0 {
            let header = if self.summary.quarantined == finished.bad { quarantine::HEADER } else { b"" };
            self.sink.quarantine([header, &finished.quarantine].concat()).map_err(written)?;
        }
        if let Some(part) = finished.part {
            self.summary.rows += part.rows;
            self.summary.parts += 1;
            self.sink.part(part).map_err(written)?;
        }
        // The reader may be done and gone.
        let _ = self.give_back.send(finished.buffer);
        Ok(())
    }

    fn file(&mut self, name: String, bytes: u64, notices: Vec<String>) {
        self.summary.files.push((name, bytes));
        for notice in notices {
            if self.notices.insert(notice.clone()) {
                self.summary.notices.push(notice);
            }
        }
    }

    fn end(self) -> Result<ImportSummary, ImportFailure> {
        if self.summary.files.is_empty() {
            return Err(ImportFailure::NoFiles);
        }
        if let (0, Some(first)) = (self.summary.rows, self.first_bad) {
            return Err(ImportFailure::NothingLeft { bad: self.summary.quarantined, first });
        }
        if self.summary.rows == 0 {
            let first = &self.summary.files[0].0;
            let files = match self.summary.files.len() {
                1 => format!("{first} has"),
                count => format!("{first} and {} more files have", count - 1),
            };
            return Err(ImportFailure::NoRows { files });
        }
        Ok(self.summary)
    }
}
