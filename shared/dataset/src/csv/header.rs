//! The header: names, and which column of the file holds which column of the schema.

use crate::names::{self, Match};
use crate::schema::Schema;

use super::problem::{ImportFailure, shown, shown_list};
use super::record::{Span, split, unescape};
use super::source::file_failure;

/// Where the columns of the schema lie in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The file's name.
    pub file: String,
    /// The header's names.
    pub names: Vec<String>,
    /// For each field of the schema the column of the file.
    pub source: Vec<usize>,
    /// What the user may want to know.
    pub notices: Vec<String>,
}

/// The names of a header line, with their quotes and surrounding spaces removed, and whether there
/// were quotes.
pub(crate) fn read_names(file: &str, line: &[u8]) -> Result<(Vec<String>, bool), ImportFailure> {
    let fail = |what: &str, mend: &str| Err(file_failure(file, Some(1), what, mend));
    if line.contains(&0) {
        return fail(
            "contains NUL bytes: this is not a text file",
            "Save the data as CSV (UTF-8) and import that.",
        );
    }
    if let Err(error) = std::str::from_utf8(line) {
        let at = error.valid_up_to();
        let near = shown(&line[at.saturating_sub(20)..(at + 4).min(line.len())]);
        let what = format!("the header is not UTF-8 at byte {} (near \"{near}\")", at + 1);
        return fail(&what, "Save the file as UTF-8 and import that.");
    }
    let mut fields: Vec<Span> = Vec::new();
    let (_, fault) = split(line, 0, &mut fields);
    if fault.is_some() {
        return fail("the quotes of the header do not match", "Write the column names without quotes.");
    }
    let mut quoted = false;
    let names = fields
        .iter()
        .map(|span| {
            quoted |= span.start > 0 && line[span.start as usize - 1] == b'"';
            let mut name = Vec::new();
            unescape_if(*span, line, &mut name);
            String::from_utf8_lossy(&name).trim().to_owned()
        })
        .collect();
    Ok((names, quoted))
}

fn unescape_if(span: Span, line: &[u8], out: &mut Vec<u8>) {
    if span.escaped { unescape(span.raw(line), out) } else { out.extend_from_slice(span.raw(line)) }
}

/// Matches a header against the schema.
pub(crate) fn layout(file: &str, line: &[u8], schema: &Schema) -> Result<Layout, ImportFailure> {
    let (names, quoted) = read_names(file, line)?;
    if !quoted && line.strip_suffix(b"\r").unwrap_or(line).contains(&b'\r') {
        let mend = "Save the file with LF or CRLF line ends.";
        return Err(file_failure(file, Some(1), "lines end in a carriage return alone", mend));
    }
    let mut notices = Vec::new();
    if quoted {
        notices.push("the header is in quotes; they were removed".to_owned());
    }
    let mut taken = vec![false; names.len()];
    // Exact names first, so that no alias takes a column that another field is named after.
    let mut source: Vec<Option<usize>> = vec![None; schema.fields.len()];
    for exact in [true, false] {
        for (field, slot) in schema.fields.iter().zip(&mut source) {
            if slot.is_some() {
                continue;
            }
            match names::find(&names, &field.name, &taken) {
                Some((at, Match::Exact)) => {
                    *slot = Some(at);
                    taken[at] = true;
                }
                Some((at, Match::Renamed)) if !exact => {
                    *slot = Some(at);
                    taken[at] = true;
                    notices.push(format!("column {} read as {}", shown(names[at].as_bytes()), field.name));
                }
                _ => {}
            }
        }
    }
    let missing: Vec<String> = schema
        .fields
        .iter()
        .zip(&source)
        .filter(|(_, slot)| slot.is_none())
        .map(|(field, _)| field.name.clone())
        .collect();
    if !missing.is_empty() {
        let mend = missing_mend(&names, line);
        return Err(ImportFailure::MissingColumns {
            file: file.to_owned(),
            missing,
            found: shown_list(&names),
            mend,
        });
    }
    let source: Vec<usize> = source.into_iter().flatten().collect();
    for (field, &at) in schema.fields.iter().zip(&source) {
        if names.iter().filter(|name| **name == names[at]).count() > 1 {
            let what = format!(
                "the header has two columns named {} for {}",
                shown(names[at].as_bytes()),
                field.name
            );
            return Err(file_failure(file, Some(1), &what, "Remove or rename one of them."));
        }
    }
    let ignored: Vec<String> =
        names.iter().zip(&taken).filter(|(_, t)| !**t).map(|(n, _)| n.clone()).collect();
    if !ignored.is_empty() {
        let plural = if ignored.len() == 1 { "" } else { "s" };
        notices.push(format!("column{plural} not in the schema ignored: {}", shown_list(&ignored)));
    }
    Ok(Layout { file: file.to_owned(), names, source, notices })
}

/// What to do about missing columns, by what the header looks like.
fn missing_mend(names: &[String], line: &[u8]) -> String {
    let has = |separator: &str| line.windows(separator.len()).any(|w| w == separator.as_bytes());
    if let [only] = names {
        for (separator, called) in [("::", "\"::\""), (";", "semicolons"), ("\t", "tabs"), ("|", "\"|\"")] {
            if has(separator) {
                return format!("The columns seem to be separated by {called}; separate them by commas.");
            }
        }
        if only.is_empty() {
            return "The first line is empty; it must be the header.".to_owned();
        }
    }
    if names.iter().any(|name| name.parse::<f64>().is_ok()) {
        return "The first line looks like data; put a header line with the column names above it."
            .to_owned();
    }
    "Add the columns, rename the ones that hold them, or leave them out of the schema.".to_owned()
}
