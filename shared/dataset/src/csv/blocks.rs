//! Cutting a file into parts of whole rows.

use std::sync::Arc;

use memchr::memchr_iter;

use crate::schema::Schema;

use super::RECORD_BYTES_MAX;
use super::header::{Layout, layout};
use super::problem::ImportFailure;
use super::record::{QuoteState, split};
use super::source::{Decompressed, file_failure};

/// How much is read at once while looking for the end of a record.
const STEP_BYTES: usize = 64 << 10;

/// Whole rows of one file, not yet looked at.
pub(crate) struct RawPart {
    pub layout: Arc<Layout>,
    /// The file's place in the order of files.
    pub file_number: usize,
    /// `k`: the rows begin in `[k * P, (k + 1) * P)`.
    pub index: u64,
    /// Starts with the first row, after any header.
    pub text: Vec<u8>,
    /// Physical line of the first row.
    pub first_line: u64,
}

/// One file on its way into parts.
pub(crate) struct Blocks {
    source: Decompressed,
    layout: Arc<Layout>,
    file_number: usize,
    part_bytes: u64,
    /// Text from `offset` on that no part has yet; begins at the start of a record.
    pending: Vec<u8>,
    /// Where `pending` begins in the decompressed file.
    offset: u64,
    line: u64,
    ended: bool,
}

impl Blocks {
    /// Reads the header and checks it against the schema.
    pub fn open(
        mut source: Decompressed,
        file: &str,
        file_number: usize,
        schema: &Schema,
        part_bytes: usize,
    ) -> Result<Self, ImportFailure> {
        let mut pending = Vec::new();
        let header = read_header(&mut source, file, &mut pending)?;
        let layout = layout(file, &pending[header.clone()], schema)?;
        let rows_at = (header.end + 1).min(pending.len());
        let line = 1 + memchr_iter(b'\n', &pending[..rows_at]).count() as u64;
        pending.drain(..rows_at);
        Ok(Self {
            source,
            layout: Arc::new(layout),
            file_number,
            part_bytes: part_bytes as u64,
            pending,
            offset: rows_at as u64,
            line,
            ended: false,
        })
    }

    /// What the header said.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The next part; `spare` is a buffer to use for the text after it.
    pub fn next(&mut self, mut spare: Vec<u8>) -> Result<Option<RawPart>, ImportFailure> {
        let index = self.offset / self.part_bytes;
        // Relative to `pending`: the next part's first record begins here or later.
        let boundary = ((index + 1) * self.part_bytes - self.offset) as usize;
        let cut = self.cut(boundary)?;
        if cut == 0 {
            return Ok(None);
        }
        spare.clear();
        spare.reserve(self.part_bytes as usize + STEP_BYTES);
        spare.extend_from_slice(&self.pending[cut..]);
        let mut text = std::mem::replace(&mut self.pending, spare);
        text.truncate(cut);
        let first_line = self.line;
        self.line += memchr_iter(b'\n', &text).count() as u64;
        self.offset += cut as u64;
        Ok(Some(RawPart {
            layout: self.layout.clone(),
            file_number: self.file_number,
            index,
            text,
            first_line,
        }))
    }

    /// Where the first record begins at or after `boundary`: reads as far as needed.
    fn cut(&mut self, boundary: usize) -> Result<usize, ImportFailure> {
        if !self.ended && self.pending.len() < boundary {
            let wanted = boundary - self.pending.len() + STEP_BYTES.min(self.part_bytes as usize);
            self.ended = self.source.fill(&mut self.pending, wanted)? < wanted;
        }
        if self.pending.len() < boundary {
            return Ok(self.pending.len());
        }
        // The line feed just before the boundary would do as well.
        let mut at = boundary - 1;
        let mut state = QuoteState::FieldStart.advance(&self.pending[..at]);
        loop {
            match state.find_record_end(&self.pending[at..]) {
                Ok(skip) => return Ok(at + skip + 1),
                Err(open) => state = open,
            }
            at = self.pending.len();
            if self.ended {
                return Ok(at);
            }
            if at > boundary + RECORD_BYTES_MAX {
                return Err(self.endless_record(state));
            }
            self.ended = self.source.fill(&mut self.pending, STEP_BYTES)? < STEP_BYTES;
        }
    }

    /// A record that goes on for too long: says where it begins.
    fn endless_record(&self, state: QuoteState) -> ImportFailure {
        let (mut start, mut next, mut fields) = (0, 0, Vec::new());
        while next < self.pending.len() {
            start = next;
            next = split(&self.pending, start, &mut fields).0;
        }
        let line = self.line + memchr_iter(b'\n', &self.pending[..start]).count() as u64;
        let size = format!("{} MiB", RECORD_BYTES_MAX >> 20);
        if state.is_inside() {
            let what = format!("a quote in the row that begins here is not closed within {size}");
            let mend = "Close the quote, or write quotes inside values as \"\".";
            return file_failure(&self.layout.file, Some(line), &what, mend);
        }
        let what = format!("the row that begins here is longer than {size}");
        let mend = "Check that the file is CSV and has line ends; shorten the row.";
        file_failure(&self.layout.file, Some(line), &what, mend)
    }
}

/// Reads until the header is whole; returns where it lies in `pending`, without its line end.
pub(crate) fn read_header(
    source: &mut Decompressed,
    file: &str,
    pending: &mut Vec<u8>,
) -> Result<std::ops::Range<usize>, ImportFailure> {
    const BOM: &[u8] = b"\xEF\xBB\xBF";
    loop {
        let ended = source.fill(pending, STEP_BYTES)? < STEP_BYTES;
        let start = if pending.starts_with(BOM) { BOM.len() } else { 0 };
        if ended && pending[start..].iter().all(u8::is_ascii_whitespace) {
            let mend = "Upload a CSV with a header line and rows.";
            return Err(file_failure(file, None, "is empty", mend));
        }
        // Blank lines above the header are passed over, as blank lines between rows are.
        let blank = pending[start..].iter().take_while(|b| matches!(b, b'\n' | b'\r')).count();
        let start = start + blank;
        match QuoteState::FieldStart.find_record_end(&pending[start..]) {
            Ok(end) => return Ok(start..start + end),
            Err(_) if ended => return Ok(start..pending.len()),
            Err(_) if pending.len() > RECORD_BYTES_MAX => {
                let what = format!("the first line has no end within {} MiB", RECORD_BYTES_MAX >> 20);
                let mend = "Check that the file is CSV, that its lines end in LF or CRLF, and that quotes in the header are closed.";
                return Err(file_failure(file, Some(1), &what, mend));
            }
            Err(_) => {}
        }
    }
}
