//! What an import comes to, counted in the order of the rows.

use std::collections::BTreeSet;

use super::ImportSummary;
use super::problem::{ImportFailure, RowProblem};
use super::quarantine::SetAside;

/// What one stretch of rows came to: a part, or a range of several.
#[derive(Default)]
pub(crate) struct Stretch {
    pub rows: u64,
    pub parts: u64,
    /// Rows set aside.
    pub bad: u64,
    /// The first of them.
    pub first_bad: Option<Box<RowProblem>>,
    /// What is wrong after the last of these rows, if anything.
    pub failure: Option<ImportFailure>,
}

/// Adds stretches up, and says when the import has failed. One judge for every way of importing.
pub(crate) struct Tally {
    bad_rows_allowed: u64,
    first_bad: Option<Box<RowProblem>>,
    quarantine_begun: bool,
    summary: ImportSummary,
    notices: BTreeSet<String>,
}

impl Tally {
    pub fn new(bad_rows_allowed: u64) -> Self {
        Self {
            bad_rows_allowed,
            first_bad: None,
            quarantine_begun: false,
            summary: ImportSummary::default(),
            notices: BTreeSet::new(),
        }
    }

    /// Counts the next stretch in.
    pub fn add(&mut self, stretch: Stretch) -> Result<(), ImportFailure> {
        if self.first_bad.is_none() {
            self.first_bad = stretch.first_bad;
        }
        self.summary.quarantined += stretch.bad;
        if self.summary.quarantined > self.bad_rows_allowed
            && let Some(first) = self.first_bad.take()
        {
            return Err(match self.bad_rows_allowed {
                0 => ImportFailure::Row(first),
                allowed => ImportFailure::TooManyBadRows { allowed, first },
            });
        }
        if let Some(failure) = stretch.failure {
            return Err(failure);
        }
        self.summary.rows += stretch.rows;
        self.summary.parts += stretch.parts;
        Ok(())
    }

    /// The next piece of the quarantine file.
    pub fn quarantine(&mut self, aside: &SetAside, lines_above: u64) -> Vec<u8> {
        let begun = std::mem::replace(&mut self.quarantine_begun, true);
        aside.to_csv(lines_above, !begun)
    }

    /// Notes the end of a file.
    pub fn file(&mut self, name: String, bytes: u64, notices: Vec<String>) {
        self.summary.files.push((name, bytes));
        for notice in notices {
            if self.notices.insert(notice.clone()) {
                self.summary.notices.push(notice);
            }
        }
    }

    /// What was counted so far.
    pub fn summary(&mut self) -> &mut ImportSummary {
        &mut self.summary
    }

    /// The summary of an import that is at its end, unless it came to nothing.
    pub fn end(self) -> Result<ImportSummary, ImportFailure> {
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
