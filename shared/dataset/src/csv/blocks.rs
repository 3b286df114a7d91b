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
pub(crate) const STEP_BYTES: usize = 64 << 10;

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

/// The head of a file: what has to be known to read any of its rows.
pub(crate) struct Head {
    pub layout: Layout,
    /// Where the first row begins in the decompressed file.
    pub rows_at: u64,
    /// Lines above it.
    lines: u64,
    /// What was read beyond it.
    rest: Vec<u8>,
}

impl Head {
    /// Reads the header and checks it against the schema.
    pub fn read(source: &mut Decompressed, file: &str, schema: &Schema) -> Result<Self, ImportFailure> {
        let mut rest = Vec::new();
        let header = read_header(source, file, &mut rest)?;
        let layout = layout(file, &rest[header.clone()], schema)?;
        let rows_at = (header.end + 1).min(rest.len());
        let lines = memchr_iter(b'\n', &rest[..rows_at]).count() as u64;
        rest.drain(..rows_at);
        Ok(Self { layout, rows_at: rows_at as u64, lines, rest })
    }
}

/// One file, or a range of one, on its way into parts.
pub(crate) struct Blocks {
    source: Decompressed,
    layout: Arc<Layout>,
    file_number: usize,
    part_bytes: u64,
    /// Text from `offset` on that no part has yet; begins at the start of a record.
    pending: Vec<u8>,
    /// Where `pending` begins in the decompressed file.
    offset: u64,
    /// Where no more rows are to begin; nothing for the end of the file.
    end: Option<u64>,
    line: u64,
    ended: bool,
}

impl Blocks {
    /// A file from its beginning, whose head was read from `source`.
    pub fn new(
        source: Decompressed,
        head: Head,
        file_number: usize,
        part_bytes: usize,
        end: Option<u64>,
    ) -> Self {
        Self {
            source,
            layout: Arc::new(head.layout),
            file_number,
            part_bytes: part_bytes as u64,
            pending: head.rest,
            offset: head.rows_at,
            end,
            line: 1 + head.lines,
            ended: false,
        }
    }

    /// A file from a record on that begins at `offset`, as `source` does. Lines are counted from there.
    pub fn from_record(
        source: Decompressed,
        layout: Layout,
        offset: u64,
        file_number: usize,
        part_bytes: usize,
        end: Option<u64>,
    ) -> Self {
        let head = Head { layout, rows_at: offset, lines: 0, rest: Vec::new() };
        Self::new(source, head, file_number, part_bytes, end)
    }

    /// As [`Blocks::from_record`], from the first record on that begins at `begin` or later. `source`
    /// begins one byte before, since the line feed there would do as well. Whether that is within
    /// quotes cannot be seen from there: it is taken not to be. `None` when no record begins in as
    /// many bytes as a record may have.
    pub fn from_next_record(
        mut source: Decompressed,
        layout: Layout,
        begin: u64,
        file_number: usize,
        part_bytes: usize,
        end: Option<u64>,
    ) -> Result<Option<Self>, ImportFailure> {
        let (mut rest, mut seen, mut state, mut ended) = (Vec::new(), 0, QuoteState::Unquoted, false);
        let before = loop {
            match state.find_record_end(&rest[seen..]) {
                Ok(skip) => break seen + skip + 1,
                Err(open) => state = open,
            }
            seen = rest.len();
            if ended {
                break seen;
            }
            if seen > RECORD_BYTES_MAX {
                return Ok(None);
            }
            ended = source.fill(&mut rest, STEP_BYTES)? < STEP_BYTES;
        };
        rest.drain(..before);
        let head = Head { layout, rows_at: begin - 1 + before as u64, lines: 0, rest };
        Ok(Some(Self::new(source, head, file_number, part_bytes, end)))
    }

    /// Where the next record begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Lines above the next record, counted from where reading began.
    pub fn lines(&self) -> u64 {
        self.line - 1
    }

    /// What the header said.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The next part; `spare` is a buffer to use for the text after it.
    pub fn next(&mut self, mut spare: Vec<u8>) -> Result<Option<RawPart>, ImportFailure> {
        if self.end.is_some_and(|end| self.offset >= end) {
            return Ok(None);
        }
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
    ///
    /// How far a record may go on depends on the boundary alone, not on what happens to be read: so
    /// it is the same for whoever reads a range of the file.
    fn cut(&mut self, boundary: usize) -> Result<usize, ImportFailure> {
        if !self.ended && self.pending.len() < boundary {
            let wanted = boundary - self.pending.len() + STEP_BYTES.min(self.part_bytes as usize);
            self.ended = self.source.fill(&mut self.pending, wanted)? < wanted;
        }
        if self.pending.len() < boundary {
            return Ok(self.pending.len());
        }
        // The line feed just before the boundary would do as well.
        let limit = boundary + RECORD_BYTES_MAX;
        let mut at = boundary - 1;
        let mut state = QuoteState::FieldStart.advance(&self.pending[..at]);
        loop {
            let seen = self.pending.len().min(limit);
            match state.find_record_end(&self.pending[at..seen]) {
                Ok(skip) => return Ok(at + skip + 1),
                Err(open) => state = open,
            }
            at = seen;
            if self.pending.len() > limit {
                return Err(self.endless_record(&self.pending[..limit], state));
            }
            if self.ended {
                return Ok(at);
            }
            self.ended = self.source.fill(&mut self.pending, STEP_BYTES)? < STEP_BYTES;
        }
    }

    /// A record that goes on for too long: says where it begins.
    fn endless_record(&self, text: &[u8], state: QuoteState) -> ImportFailure {
        let (mut start, mut next, mut fields) = (0, 0, Vec::new());
        while next < text.len() {
            start = next;
            next = split(text, start, &mut fields).0;
        }
        let line = self.line + memchr_iter(b'\n', &text[..start]).count() as u64;
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
