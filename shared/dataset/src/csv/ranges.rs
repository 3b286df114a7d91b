//! Importing ranges of files by themselves, on any number of machines.
//!
//! A range is a run of whole parts of one file, so it makes the very parts that [`super::import_csv`]
//! makes. What it cannot know is whether its first byte lies within quotes, and which line that is. So
//! it takes its beginning not to be within quotes, counts lines from there, and says in its
//! [`RangeOutcome`] where its first record began; [`super::Assembly`] holds that against where the
//! range before it ended.

use std::io::{self, Read};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::manifest::ManifestPart;
use crate::schema::Schema;

use super::blocks::{Blocks, Head, STEP_BYTES};
use super::pipeline::{self, Finished, Reader, Step};
use super::problem::ImportFailure;
use super::quarantine::SetAside;
use super::source::Decompressed;
use super::tally::Stretch;
use super::{EncodedPart, ImportOptions, open};

/// A file that can be read from any place on.
pub trait RangeFile: Sync {
    /// What messages call it.
    fn name(&self) -> &str;

    /// Its bytes from `offset` to its end. The first `wanted` of them are as good as certain to be
    /// read, and more only rarely. Failures come out of the reader.
    fn read_from(&self, offset: u64, wanted: u64) -> Box<dyn Read + Send>;
}

/// A run of parts of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRange {
    /// The file's place in the order of files.
    pub file: usize,
    /// Its rows begin here or later: a multiple of the part size.
    pub begin: u64,
    /// Its rows begin before this, also a multiple of the part size; nothing for the last range.
    pub end: Option<u64>,
}

impl FileRange {
    /// The whole file, which is the only range of one that is compressed.
    pub fn whole(file: usize) -> Self {
        Self { file, begin: 0, end: None }
    }

    /// A plain file of `size` bytes in ranges of `range_bytes`, a multiple of the part size.
    pub fn cut(file: usize, size: u64, range_bytes: u64) -> impl Iterator<Item = Self> {
        let count = size.div_ceil(range_bytes).max(1);
        (0..count).map(move |i| Self {
            file,
            begin: i * range_bytes,
            end: (i + 1 < count).then_some((i + 1) * range_bytes),
        })
    }
}

/// What came of a range. Lines are counted from its first record.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct RangeOutcome {
    /// Its parts, in order; `key` is the part's name.
    pub parts: Vec<ManifestPart>,
    /// Where the first record began, which is a guess unless it was told; nothing when none was found.
    pub(crate) start: Option<u64>,
    /// Where the first record of the next range begins; without meaning after a failure.
    pub(crate) end: u64,
    /// Line ends from `start` to `end`.
    pub(crate) lines: u64,
    pub(crate) bad: u64,
    pub(crate) first_bad: Option<Box<super::RowProblem>>,
    pub(crate) quarantine: SetAside,
    /// What is wrong with the data after these rows.
    pub(crate) failure: Option<ImportFailure>,
    /// What the header gave cause to say; of the first range of a file alone.
    pub(crate) notices: Vec<String>,
}

/// Why no more steps are taken.
enum Ended {
    /// What follows does not count: the import has failed here at the latest.
    Early,
    Failed(ImportFailure),
}

/// Imports one range of a file, which begins with the record at `start` where that is known.
///
/// Blocks. The same range of the same file gives the same parts and outcome. What is wrong with the
/// data is part of the outcome, since an earlier range may tell of an earlier problem; an error is a
/// failure to read or to write, and trying again may help.
pub fn import_range(
    file: &dyn RangeFile,
    range: FileRange,
    start: Option<u64>,
    schema: &Schema,
    options: &ImportOptions,
    put: &mut dyn FnMut(EncodedPart) -> io::Result<()>,
) -> Result<RangeOutcome, ImportFailure> {
    let mut outcome = RangeOutcome::default();
    if range.begin == 0 {
        outcome.start = Some(0);
    }
    let mut blocks = match blocks(file, range, start, schema, options.part_bytes()) {
        Ok(Some(blocks)) => blocks,
        Ok(None) => return Ok(outcome),
        Err(failure) => return outcome.failed(failure),
    };
    if range.begin == 0 {
        outcome.notices.clone_from(&blocks.layout().notices);
    } else {
        outcome.start = Some(blocks.offset());
    }
    let read = move |reader: &mut Reader| {
        reader.parts(&mut blocks)?;
        reader.end(file.name(), 0, &blocks)
    };
    let ended = pipeline::run(schema, options, read, |step| match step {
        Step::Part(finished) => outcome.part(finished, options.bad_rows_allowed, put),
        Step::End(end) => {
            (outcome.end, outcome.lines) = (end.offset, end.lines);
            Ok(())
        }
        Step::Failed(failure) => Err(Ended::Failed(failure)),
    });
    match ended {
        Ok(()) | Err(Ended::Early) => Ok(outcome),
        Err(Ended::Failed(failure)) => outcome.failed(failure),
    }
}

/// Opens a range; nothing when no record begins where one should.
fn blocks(
    file: &dyn RangeFile,
    range: FileRange,
    start: Option<u64>,
    schema: &Schema,
    part_bytes: usize,
) -> Result<Option<Blocks>, ImportFailure> {
    let FileRange { file: number, begin, end } = range;
    // The last record ends some way into the next range.
    let wanted = |from: u64| end.map_or(u64::MAX, |end| end.saturating_sub(from) + STEP_BYTES as u64);
    let name = file.name();
    let head_wanted = if begin == 0 { wanted(0) } else { STEP_BYTES as u64 };
    let mut source = open(name, file.read_from(0, head_wanted), &Arc::default())?;
    let head = Head::read(&mut source, name, schema)?;
    if begin == 0 {
        return Ok(Some(Blocks::new(source, head, number, part_bytes, end)));
    }
    let plain = |from: u64| Decompressed::plain(name, file.read_from(from, wanted(from)));
    // A header that reaches into the range leaves nothing to guess.
    match start.or((begin <= head.rows_at).then_some(head.rows_at)) {
        Some(at) => Ok(Some(Blocks::from_record(plain(at), head.layout, at, number, part_bytes, end))),
        None => Blocks::from_next_record(plain(begin - 1), head.layout, begin, number, part_bytes, end),
    }
}

impl RangeOutcome {
    /// Rows that were imported.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }

    /// Takes the next part in.
    fn part(
        &mut self,
        finished: Finished,
        bad_rows_allowed: u64,
        put: &mut dyn FnMut(EncodedPart) -> io::Result<()>,
    ) -> Result<(), Ended> {
        let Finished { part, stretch, quarantine, .. } = finished;
        self.bad += stretch.bad;
        if self.first_bad.is_none() {
            self.first_bad = stretch.first_bad;
        }
        self.failure = stretch.failure;
        if self.failure.is_some() || self.bad > bad_rows_allowed {
            return Err(Ended::Early);
        }
        self.quarantine.append(&quarantine);
        if let Some(part) = part {
            self.parts.push(ManifestPart::new(&part.name, &part));
            put(part).map_err(|source| Ended::Failed(ImportFailure::Write { source }))?;
        }
        Ok(())
    }

    fn failed(mut self, failure: ImportFailure) -> Result<Self, ImportFailure> {
        if !failure.is_data() {
            return Err(failure);
        }
        self.failure = Some(failure);
        Ok(self)
    }

    /// What it counts, with `lines` lines above it.
    pub(crate) fn stretch(&mut self, lines: u64) -> Stretch {
        let mut stretch = Stretch {
            rows: self.rows(),
            parts: self.parts.len() as u64,
            bad: self.bad,
            first_bad: self.first_bad.take(),
            failure: self.failure.take(),
        };
        if let Some(problem) = &mut stretch.first_bad {
            problem.move_down(lines);
        }
        if let Some(failure) = &mut stretch.failure {
            failure.move_down(lines);
        }
        stretch
    }
}
