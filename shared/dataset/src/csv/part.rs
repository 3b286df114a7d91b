//! One part: rows parsed, checked and put into columns.

use std::ops::Range;

use memchr::{memchr, memchr_iter};

use crate::parquet_io::ColumnBuilder;
use crate::parquet_io::columns::Values;
use crate::schema::{Field, FieldType, Schema, rules};

use super::blocks::RawPart;
use super::problem::{RowProblem, shown};
use super::quarantine::SetAside;
use super::record::{QuoteFault, Span, split, unescape};
use super::value::{self, Fault};

/// What became of a part.
pub(crate) struct ParsedPart {
    pub columns: Vec<ColumnBuilder>,
    pub rows: usize,
    /// How many rows were set aside.
    pub bad: u64,
    /// The first of them.
    pub first_bad: Option<Box<RowProblem>>,
    /// The rows set aside.
    pub quarantine: SetAside,
    /// A row that cannot be set aside, because it is not certain where it ends.
    pub fatal: Option<Box<RowProblem>>,
}

/// How the values of a column are read.
#[derive(Clone, Copy)]
enum Reading {
    Id,
    Categorical,
    Text,
    Timestamp,
    CreationTimestamp,
    Long,
    Int,
    Float,
    Double,
    Boolean,
}

fn reading(field: &Field) -> Reading {
    match (field.kind, field.name.as_str()) {
        (FieldType::String, name) if rules::is_id(name) => Reading::Id,
        (FieldType::String, "IMPRESSION") => Reading::Categorical,
        (FieldType::String, _) if field.categorical => Reading::Categorical,
        (FieldType::String, _) => Reading::Text,
        (FieldType::Long, "TIMESTAMP") => Reading::Timestamp,
        (FieldType::Long, "CREATION_TIMESTAMP" | "ACTION_EXPIRATION_TIMESTAMP") => Reading::CreationTimestamp,
        (FieldType::Long, _) => Reading::Long,
        (FieldType::Int, _) => Reading::Int,
        (FieldType::Float, _) => Reading::Float,
        (FieldType::Double, _) => Reading::Double,
        (FieldType::Boolean, _) => Reading::Boolean,
    }
}

/// A checked value. Rows are checked whole before any of their values enters a column, so that a bad
/// row leaves no trace.
enum Cell {
    Null,
    /// In the part's text.
    Text(Range<usize>),
    /// In the scratch buffer.
    Unescaped(Range<usize>),
    Long(i64),
    Int(i32),
    Float(f32),
    Double(f64),
    Boolean(bool),
}

/// What is wrong with a row.
enum RowFault {
    Value {
        field: usize,
        fault: Fault,
    },
    /// The row's shape: too many or too few fields, or broken quotes.
    Shape(Fault),
    /// Broken UTF-8 or a NUL byte in this column of the file.
    Bytes {
        column: usize,
        fault: Fault,
    },
}

struct Parser<'a> {
    part: &'a RawPart,
    fields: &'a [Field],
    readings: Vec<Reading>,
    /// Whether the part holds broken UTF-8 or NUL bytes, so that each row has to be looked at.
    suspicious: bool,
    cells: Vec<Cell>,
    scratch: Vec<u8>,
}

/// Parses a part. Stops early once more than `bad_rows_allowed` rows are bad.
pub(crate) fn parse(part: &RawPart, schema: &Schema, bad_rows_allowed: u64) -> ParsedPart {
    let text = part.text.as_slice();
    let mut parser = Parser {
        part,
        fields: &schema.fields,
        readings: schema.fields.iter().map(reading).collect(),
        suspicious: std::str::from_utf8(text).is_err() || memchr(0, text).is_some(),
        cells: Vec::with_capacity(schema.fields.len()),
        scratch: Vec::new(),
    };
    let mut parsed = ParsedPart {
        columns: schema.fields.iter().map(ColumnBuilder::new).collect(),
        rows: 0,
        bad: 0,
        first_bad: None,
        quarantine: SetAside::default(),
        fatal: None,
    };
    let mut spans = Vec::with_capacity(part.layout.names.len());
    let (mut at, mut lines_to, mut line) = (0, 0, part.first_line);
    while at < text.len() {
        let (next, quote_fault) = split(text, at, &mut spans);
        let row = at..next;
        at = next;
        if is_blank(&text[row.clone()]) {
            continue;
        }
        let Err(fault) = parser.check(row.clone(), &spans, quote_fault) else {
            for (column, cell) in parsed.columns.iter_mut().zip(&parser.cells) {
                push(column, cell, text, &parser.scratch);
            }
            parsed.rows += 1;
            continue;
        };
        line += memchr_iter(b'\n', &text[lines_to..row.start]).count() as u64;
        lines_to = row.start;
        let raw = &text[row];
        let lines = memchr_iter(b'\n', raw.strip_suffix(b"\n").unwrap_or(raw)).count() as u64 + 1;
        let problem = parser.problem(fault, &spans, line, lines);
        if problem.last_line.is_some() {
            parsed.fatal = Some(Box::new(problem));
            break;
        }
        parsed.quarantine.push(&problem, raw);
        parsed.first_bad.get_or_insert_with(|| Box::new(problem));
        parsed.bad += 1;
        if parsed.bad > bad_rows_allowed {
            break;
        }
    }
    parsed
}

fn is_blank(row: &[u8]) -> bool {
    matches!(row, b"\n" | b"\r\n" | b"\r")
}

#[inline]
fn push(column: &mut ColumnBuilder, cell: &Cell, text: &[u8], scratch: &[u8]) {
    if let Some(present) = &mut column.present {
        present.push(!matches!(cell, Cell::Null));
    }
    match (&mut column.values, cell) {
        (Values::Text { dictionary, codes }, Cell::Text(range)) => {
            codes.push(dictionary.intern(&text[range.clone()]));
        }
        (Values::Text { dictionary, codes }, Cell::Unescaped(range)) => {
            codes.push(dictionary.intern(&scratch[range.clone()]));
        }
        (Values::Long(values), Cell::Long(value)) => values.push(*value),
        (Values::Int(values), Cell::Int(value)) => values.push(*value),
        (Values::Float(values), Cell::Float(value)) => values.push(*value),
        (Values::Double(values), Cell::Double(value)) => values.push(*value),
        (Values::Boolean(values), Cell::Boolean(value)) => values.push(*value),
        (_, Cell::Null) => {}
        _ => unreachable!("a cell is read with the type of its column"),
    }
}

impl Parser<'_> {
    /// Fills `cells`, or says what is wrong with the row.
    #[inline]
    fn check(
        &mut self,
        row: Range<usize>,
        spans: &[Span],
        quotes: Option<QuoteFault>,
    ) -> Result<(), RowFault> {
        let text = self.part.text.as_slice();
        if self.suspicious {
            self.check_bytes(row, spans)?;
        }
        if quotes.is_some() || spans.len() != self.part.layout.names.len() {
            return Err(self.shape_fault(spans, quotes));
        }
        self.cells.clear();
        self.scratch.clear();
        for (field, &source) in self.part.layout.source.iter().enumerate() {
            let span = spans[source];
            let cell = if span.escaped {
                let start = self.scratch.len();
                unescape(span.raw(text), &mut self.scratch);
                let bytes = &self.scratch[start..];
                read(self.readings[field], bytes, self.fields[field].nullable, start, Cell::Unescaped)
            } else {
                let start = span.start as usize;
                read(self.readings[field], span.raw(text), self.fields[field].nullable, start, Cell::Text)
            };
            match cell {
                Ok(cell) => self.cells.push(cell),
                Err(fault) => return Err(RowFault::Value { field, fault }),
            }
        }
        Ok(())
    }

    #[cold]
    fn check_bytes(&self, row: Range<usize>, spans: &[Span]) -> Result<(), RowFault> {
        let text = self.part.text.as_slice();
        let whole = &text[row.clone()];
        let nul = memchr(0, whole);
        let broken = std::str::from_utf8(whole).err().map(|error| error.valid_up_to());
        let Some(at) = nul.into_iter().chain(broken).min() else { return Ok(()) };
        let at = row.start + at;
        let column =
            spans.iter().position(|span| at < span.end as usize).unwrap_or(spans.len().saturating_sub(1));
        let fault = if text[at] == 0 {
            Fault::new("contains a NUL byte", "Remove the NUL bytes from the file.")
        } else {
            Fault::new("is not valid UTF-8", "Save the file as UTF-8.")
        };
        Err(RowFault::Bytes { column, fault })
    }

    #[cold]
    fn shape_fault(&self, spans: &[Span], quotes: Option<QuoteFault>) -> RowFault {
        let names = &self.part.layout.names;
        let name =
            |field: usize| names.get(field).map_or_else(|| format!("{}", field + 1), |n| shown(n.as_bytes()));
        let fault = match quotes {
            Some(QuoteFault::TextAfterQuote { field }) => Fault::new(
                format!("the row has text after the closing quote of column {}", name(field)),
                "Write quotes inside a quoted value as \"\".",
            ),
            Some(QuoteFault::Unclosed { field }) => Fault::new(
                format!("the row opens a quote in column {} that is never closed", name(field)),
                "Close the quote, or write quotes inside a quoted value as \"\".",
            ),
            None => {
                let (has, needs) = (spans.len(), names.len());
                let mend = if has > needs {
                    "Put values that contain commas in double quotes, or remove the surplus fields."
                } else {
                    "Add the missing fields; a field without a value is empty, but its comma stays."
                };
                Fault::new(
                    format!("the row has {has} field{} where the header has {needs}", plural(has)),
                    mend,
                )
            }
        };
        RowFault::Shape(fault)
    }

    #[cold]
    fn problem(&self, fault: RowFault, spans: &[Span], line: u64, lines: u64) -> RowProblem {
        let layout = &self.part.layout;
        let value_of = |column: usize| {
            let span = spans.get(column)?;
            let raw = span.raw(&self.part.text);
            let mut value = Vec::new();
            if span.escaped {
                unescape(raw, &mut value)
            } else {
                value.extend_from_slice(raw)
            }
            Some(shown(&value))
        };
        // Where the shape is wrong and quotes ran over line ends, the quotes may be what is wrong, and
        // then the row ends elsewhere.
        let uncertain = lines > 1 && matches!(fault, RowFault::Shape(_));
        let (column, value, mut fault) = match fault {
            RowFault::Value { field, fault } => {
                let column = layout.source[field];
                let (found, wanted) = (&layout.names[column], &self.fields[field].name);
                let shown_name = shown(found.as_bytes());
                let label =
                    if found == wanted { shown_name } else { format!("{shown_name} (read as {wanted})") };
                (Some(label), value_of(column), fault)
            }
            RowFault::Bytes { column, fault } => {
                (layout.names.get(column).map(|name| shown(name.as_bytes())), value_of(column), fault)
            }
            RowFault::Shape(fault) => (None, None, fault),
        };
        if uncertain {
            fault.mend += " It cannot be set aside, because it is not certain where the row ends.";
        }
        RowProblem {
            file: layout.file.clone(),
            line,
            last_line: uncertain.then_some(line + lines - 1),
            column,
            value,
            what: fault.what,
            mend: fault.mend,
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Reads one value; `start` is where its bytes lie, for the cells that keep bytes.
#[inline]
fn read(
    reading: Reading,
    bytes: &[u8],
    nullable: bool,
    start: usize,
    keep: impl Fn(Range<usize>) -> Cell,
) -> Result<Cell, Fault> {
    if bytes.is_empty() {
        return if nullable { Ok(Cell::Null) } else { Err(empty(reading)) };
    }
    let kept = |bytes: &[u8]| keep(start..start + bytes.len());
    Ok(match reading {
        Reading::Id => {
            value::id(bytes)?;
            kept(bytes)
        }
        Reading::Categorical => {
            value::categorical(bytes)?;
            kept(bytes)
        }
        Reading::Text => kept(value::text(bytes)),
        Reading::Timestamp => Cell::Long(value::timestamp(bytes)?),
        Reading::CreationTimestamp => Cell::Long(value::creation_timestamp(bytes)?),
        Reading::Long => Cell::Long(value::long(bytes)?),
        Reading::Int => Cell::Int(value::int(bytes)?),
        Reading::Float => Cell::Float(value::float(bytes)?),
        Reading::Double => Cell::Double(value::double(bytes)?),
        Reading::Boolean => Cell::Boolean(value::boolean(bytes)?),
    })
}

#[cold]
fn empty(reading: Reading) -> Fault {
    let mend = match reading {
        Reading::Id => "Give every row an id, or remove the row.",
        Reading::Timestamp => "Give every row the time of its event in epoch seconds.",
        _ => {
            "Fill it in, or allow null for the column in the schema, for example \"type\": [\"null\", \"string\"]."
        }
    };
    Fault::new("is empty", mend)
}
