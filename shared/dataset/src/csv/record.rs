//! The CSV grammar, once for both of its users: finding where records end, and splitting one record.
//!
//! A field that begins with `"` runs to its closing `"`, over commas and line ends. Inside, `""` and
//! `\"` are a quote and `\\` is a backslash; a backslash before anything else is itself. Elsewhere
//! `"` and `\` are ordinary characters. A record ends at a line feed outside quotes; a carriage
//! return before it belongs to the line end.

use memchr::{memchr, memchr2};

/// Follows the quotes of a file that is seen in pieces, to tell line feeds that end records from
/// those inside quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuoteState {
    /// Where a `"` opens a quoted field: at the start of the file and after a comma or line feed.
    FieldStart,
    /// In a field, where a `"` means nothing.
    Unquoted,
    /// Inside quotes.
    Quoted,
    /// Inside quotes, after a backslash.
    Escaped,
    /// After a `"` inside quotes: another one is an escaped quote, anything else has left the field.
    QuoteSeen,
}

impl QuoteState {
    /// The state after one more byte.
    #[inline]
    fn step(self, byte: u8) -> Self {
        match self {
            Self::Quoted => match byte {
                b'"' => Self::QuoteSeen,
                b'\\' => Self::Escaped,
                _ => Self::Quoted,
            },
            // Whether or not the backslash meant something, it hides this byte.
            Self::Escaped => Self::Quoted,
            Self::QuoteSeen if byte == b'"' => Self::Quoted,
            Self::FieldStart if byte == b'"' => Self::Quoted,
            Self::FieldStart | Self::Unquoted | Self::QuoteSeen => match byte {
                b',' | b'\n' => Self::FieldStart,
                _ => Self::Unquoted,
            },
        }
    }

    /// The state after `bytes`.
    pub fn advance(self, bytes: &[u8]) -> Self {
        let mut state = self;
        let mut at = 0;
        while at < bytes.len() {
            match state {
                Self::Quoted => match memchr2(b'"', b'\\', &bytes[at..]) {
                    None => return Self::Quoted,
                    Some(skip) => at += skip,
                },
                // Outside quotes only a quote at the start of a field changes anything.
                Self::FieldStart | Self::Unquoted => match memchr(b'"', &bytes[at..]) {
                    None => return state.after_plain(&bytes[at..]),
                    Some(skip) => {
                        state = state.after_plain(&bytes[at..at + skip]);
                        at += skip;
                    }
                },
                Self::Escaped | Self::QuoteSeen => {}
            }
            state = state.step(bytes[at]);
            at += 1;
        }
        state
    }

    /// The state after bytes without a quote among them, from a state outside quotes.
    fn after_plain(self, plain: &[u8]) -> Self {
        match plain.last() {
            None => self,
            Some(b',' | b'\n') => Self::FieldStart,
            Some(_) => Self::Unquoted,
        }
    }

    /// The first line feed outside quotes: its index, or the state at the end when there is none.
    pub fn find_record_end(self, bytes: &[u8]) -> Result<usize, Self> {
        let mut state = self;
        for (at, &byte) in bytes.iter().enumerate() {
            let inside = matches!(state, Self::Quoted | Self::Escaped);
            if byte == b'\n' && !inside {
                return Ok(at);
            }
            state = state.step(byte);
        }
        Err(state)
    }

    /// Whether the quotes are still open.
    pub fn is_inside(self) -> bool {
        matches!(self, Self::Quoted | Self::Escaped)
    }
}

/// One field of a record, as a range of the record's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: u32,
    pub end: u32,
    /// Whether the range holds escapes that [`unescape`] has to undo.
    pub escaped: bool,
}

impl Span {
    /// The bytes as they stand in the buffer.
    #[inline]
    pub fn raw(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start as usize..self.end as usize]
    }
}

/// What is wrong with the quotes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuoteFault {
    /// Something other than a comma or line end follows the closing quote of this field.
    TextAfterQuote { field: usize },
    /// The quote of this field is not closed before the data end.
    Unclosed { field: usize },
}

/// Splits the record at `start` into `fields` and returns where the next one begins.
///
/// The fields are filled in up to a fault; the next record's start is right all the same.
#[inline]
pub(crate) fn split(buffer: &[u8], start: usize, fields: &mut Vec<Span>) -> (usize, Option<QuoteFault>) {
    fields.clear();
    let mut at = start;
    loop {
        if buffer.get(at) == Some(&b'"') {
            match quoted(buffer, at, fields) {
                Quoted::Next(next) => at = next,
                Quoted::End(next) => return (next, None),
                Quoted::Fault(next, fault) => return (next, Some(fault)),
            }
            continue;
        }
        let rest = &buffer[at..];
        let len = rest.iter().position(|&b| b == b',' || b == b'\n').unwrap_or(rest.len());
        let end = at + len;
        if rest.get(len) == Some(&b',') {
            fields.push(Span { start: at as u32, end: end as u32, escaped: false });
            at = end + 1;
            continue;
        }
        let trimmed = if len > 0 && rest[len - 1] == b'\r' { end - 1 } else { end };
        fields.push(Span { start: at as u32, end: trimmed as u32, escaped: false });
        return ((end + 1).min(buffer.len()), None);
    }
}

enum Quoted {
    /// Another field begins here.
    Next(usize),
    /// The next record begins here.
    End(usize),
    Fault(usize, QuoteFault),
}

fn quoted(buffer: &[u8], open: usize, fields: &mut Vec<Span>) -> Quoted {
    let start = open + 1;
    let mut at = start;
    let mut escaped = false;
    let close = loop {
        let Some(skip) = memchr2(b'"', b'\\', &buffer[at..]) else {
            return Quoted::Fault(buffer.len(), QuoteFault::Unclosed { field: fields.len() });
        };
        at += skip;
        match (buffer[at], buffer.get(at + 1)) {
            (b'\\', Some(b'"' | b'\\')) | (b'"', Some(b'"')) => {
                escaped = true;
                at += 2;
            }
            // A backslash hides the byte after it from the search for line ends, see `QuoteState`.
            (b'\\', Some(_)) => at += 2,
            (b'\\', None) => at += 1,
            _ => break at,
        }
    };
    let span = Span { start: start as u32, end: close as u32, escaped };
    let field = fields.len();
    fields.push(span);
    match &buffer[close + 1..] {
        [] => Quoted::End(buffer.len()),
        [b',', ..] => Quoted::Next(close + 2),
        [b'\n', ..] => Quoted::End(close + 2),
        [b'\r', b'\n', ..] => Quoted::End(close + 3),
        [b'\r'] => Quoted::End(buffer.len()),
        after => {
            let skip = QuoteState::Unquoted.find_record_end(after).map_or(after.len(), |end| end + 1);
            Quoted::Fault(close + 1 + skip, QuoteFault::TextAfterQuote { field })
        }
    }
}

/// Appends the field's value to `out`, escapes undone.
pub(crate) fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr2(b'"', b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        match (rest[at], rest.get(at + 1)) {
            (b'\\', Some(&next @ (b'"' | b'\\'))) | (b'"', Some(&next @ b'"')) => {
                out.push(next);
                rest = &rest[at + 2..];
            }
            (byte, _) => {
                out.push(byte);
                rest = &rest[at + 1..];
            }
        }
    }
    out.extend_from_slice(rest);
}
