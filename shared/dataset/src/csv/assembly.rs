//! Putting the outcomes of ranges together.

use crate::manifest::ManifestPart;

use super::ImportSummary;
use super::problem::ImportFailure;
use super::ranges::RangeOutcome;
use super::tally::Tally;

/// Puts the outcomes of ranges together, in the order of the files and of their ranges, to what
/// [`super::import_csv`] would have said of the same files.
pub struct Assembly {
    tally: Tally,
    /// Where the next range's first record begins.
    position: u64,
    /// Lines above it.
    lines: u64,
    /// Of the file that is being put together.
    notices: Vec<String>,
    quarantine: Vec<u8>,
}

/// What a whole import came to.
#[derive(Debug)]
pub struct Assembled {
    /// What was done.
    pub summary: ImportSummary,
    /// The quarantine file; empty when no row was set aside.
    pub quarantine: Vec<u8>,
}

/// Why an outcome was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    /// The range guessed wrong where its first record begins: it is to be imported again, from there.
    #[error("the first record begins at byte {start}, and the range was read from another on")]
    Seam {
        /// Where it begins.
        start: u64,
    },
    /// The import has failed.
    #[error(transparent)]
    Failed(ImportFailure),
}

impl Assembly {
    /// Nothing yet.
    pub fn new(bad_rows_allowed: u64) -> Self {
        Self {
            tally: Tally::new(bad_rows_allowed),
            position: 0,
            lines: 0,
            notices: Vec::new(),
            quarantine: Vec::new(),
        }
    }

    /// Takes the next range in and returns its parts, which follow those of the ranges before it.
    pub fn add(&mut self, mut outcome: RangeOutcome) -> Result<Vec<ManifestPart>, AssemblyError> {
        if outcome.start != Some(self.position) {
            return Err(AssemblyError::Seam { start: self.position });
        }
        if self.position == 0 {
            self.notices = std::mem::take(&mut outcome.notices);
        }
        self.tally.add(outcome.stretch(self.lines)).map_err(AssemblyError::Failed)?;
        if outcome.bad > 0 {
            self.quarantine.extend(self.tally.quarantine(&outcome.quarantine, self.lines));
        }
        self.position = outcome.end;
        self.lines += outcome.lines;
        Ok(outcome.parts)
    }

    /// Says that the file has no more ranges.
    pub fn end_file(&mut self, name: impl Into<String>, bytes: u64) {
        self.tally.file(name.into(), bytes, std::mem::take(&mut self.notices));
        self.tally.summary().bytes_read += bytes;
        (self.position, self.lines) = (0, 0);
    }

    /// What it all came to.
    pub fn finish(self) -> Result<Assembled, ImportFailure> {
        Ok(Assembled { summary: self.tally.end()?, quarantine: self.quarantine })
    }
}
