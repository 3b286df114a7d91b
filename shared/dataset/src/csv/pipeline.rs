//! The threads of an import: one reader, several parsers, one writer in the order of the rows.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::{io, mem, thread};

use crate::parquet_io;
use crate::schema::Schema;

use super::blocks::{Blocks, RawPart};
use super::part::{self, ParsedPart};
use super::problem::ImportFailure;
use super::quarantine::SetAside;
use super::tally::Stretch;
use super::{EncodedPart, ImportOptions};

/// What the writer gets.
pub(crate) enum Step {
    /// A part, parsed and encoded.
    Part(Finished),
    /// A file is at its end, or what was to be read of it.
    End(FileEnd),
    /// Reading or encoding went wrong.
    Failed(ImportFailure),
}

/// A part that was parsed and encoded.
pub(crate) struct Finished {
    /// Nothing when every row was set aside.
    pub part: Option<EncodedPart>,
    /// What it counts.
    pub stretch: Stretch,
    pub quarantine: SetAside,
    /// The text's buffer, to be used again.
    buffer: Vec<u8>,
}

/// Where reading a file has ended.
pub(crate) struct FileEnd {
    pub name: String,
    /// Its stored size.
    pub bytes: u64,
    pub notices: Vec<String>,
    /// Where the next record would begin.
    pub offset: u64,
    /// Lines that were read.
    pub lines: u64,
}

/// Why reading has ended early.
pub(crate) enum ReadEnd {
    Failed(ImportFailure),
    /// The writer has gone: somebody failed already.
    Stopped,
}

impl From<ImportFailure> for ReadEnd {
    fn from(failure: ImportFailure) -> Self {
        Self::Failed(failure)
    }
}

/// Steps carry their place in the order of the files and rows.
type Numbered<T> = (u64, T);

/// Runs `read` and the parsers on threads of their own, and gives `write` their steps in order. Ends
/// when there are no more, or when `write` fails.
pub(crate) fn run<E>(
    schema: &Schema,
    options: &ImportOptions,
    read: impl FnOnce(&mut Reader) -> Result<(), ReadEnd> + Send,
    mut write: impl FnMut(Step) -> Result<(), E>,
) -> Result<(), E> {
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
    thread::scope(|scope| {
        let mut reader = Reader { buffers, to_parse, done: done.clone(), next: 0 };
        scope.spawn(move || {
            if let Err(ReadEnd::Failed(failure)) = read(&mut reader) {
                // The writer may have stopped meanwhile for an earlier failure.
                let _ = reader.done.send((reader.next, Step::Failed(failure)));
            }
        });
        for _ in 0..threads {
            let (queue, done) = (&queue, done.clone());
            scope.spawn(move || parse_parts(queue, &done, schema, options.bad_rows_allowed));
        }
        drop(done);
        // When this function ends early it drops the ends of the channels that it holds, and with
        // them the reader and the parsers end.
        in_order(results, give_back, &mut write)
    })
}

/// Puts steps back into order and hands them on.
fn in_order<E>(
    results: Receiver<Numbered<Step>>,
    give_back: Sender<Vec<u8>>,
    write: &mut impl FnMut(Step) -> Result<(), E>,
) -> Result<(), E> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    while let Ok((place, step)) = results.recv() {
        waiting.insert(place, step);
        while let Some(mut step) = waiting.remove(&next) {
            next += 1;
            let buffer = match &mut step {
                Step::Part(finished) => Some(mem::take(&mut finished.buffer)),
                _ => None,
            };
            write(step)?;
            if let Some(buffer) = buffer {
                // The reader may be done and gone.
                let _ = give_back.send(buffer);
            }
        }
    }
    Ok(())
}

/// The reader's end of the pipeline.
pub(crate) struct Reader {
    buffers: Receiver<Vec<u8>>,
    to_parse: Sender<Numbered<RawPart>>,
    done: Sender<Numbered<Step>>,
    next: u64,
}

impl Reader {
    /// Sends all parts on their way.
    pub fn parts(&mut self, blocks: &mut Blocks) -> Result<(), ReadEnd> {
        loop {
            let buffer = self.buffers.recv().map_err(|_| ReadEnd::Stopped)?;
            let Some(part) = blocks.next(buffer)? else { return Ok(()) };
            let place = self.place();
            self.to_parse.send((place, part)).map_err(|_| ReadEnd::Stopped)?;
        }
    }

    /// Says that these are all parts.
    pub fn end(&mut self, name: &str, bytes: u64, blocks: &Blocks) -> Result<(), ReadEnd> {
        let end = FileEnd {
            name: name.to_owned(),
            bytes,
            notices: blocks.layout().notices.clone(),
            offset: blocks.offset(),
            lines: blocks.lines(),
        };
        let place = self.place();
        self.done.send((place, Step::End(end))).map_err(|_| ReadEnd::Stopped)
    }

    fn place(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
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
    let stretch = Stretch {
        rows: rows as u64,
        parts: part.is_some().into(),
        bad,
        first_bad,
        failure: fatal.map(ImportFailure::Row),
    };
    Ok(Finished { part, stretch, quarantine, buffer: mem::take(&mut raw.text) })
}
