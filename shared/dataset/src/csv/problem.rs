//! What can be wrong with a file or a row, in words for the person who has to mend it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest excerpt of a value in a message, in characters.
const SHOWN_CHARS_MAX: usize = 60;

/// A row that cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowProblem {
    /// The file's name as the caller gave it.
    pub file: String,
    /// Physical line on which the row begins; the header is line 1.
    pub line: u64,
    /// Physical line on which it ends, where the quotes that make it run on are in doubt.
    pub last_line: Option<u64>,
    /// Column of the header, where one column is at fault.
    pub column: Option<String>,
    /// The offending value, cut and escaped, where one value is at fault.
    pub value: Option<String>,
    /// What is wrong: a clause that follows the value.
    pub what: String,
    /// How to mend it: a sentence.
    pub mend: String,
}

impl RowProblem {
    /// What is wrong and how to mend it, without the place: for quarantine files, which give the line.
    pub fn reason(&self) -> String {
        let mut text = String::new();
        if let Some(column) = &self.column {
            text += &format!("column {column}: ");
        }
        if let Some(value) = &self.value {
            text += &format!("value \"{value}\" ");
        }
        text += &self.what;
        if let Some(line) = self.last_line {
            text += &format!(", and quotes make it run to line {line}");
        }
        format!("{text}. {}", self.mend)
    }

    /// Moves the problem down by as many lines: whoever read only a range of the file counted from
    /// the range's beginning.
    pub(crate) fn move_down(&mut self, lines: u64) {
        self.line += lines;
        self.last_line = self.last_line.map(|line| line + lines);
    }
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.column.is_some() { ", " } else { ": " };
        write!(f, "{}, line {}{separator}{}", self.file, self.line, self.reason())
    }
}

/// Why an import ended without a result.
///
/// What is the data's fault can be serialized, so that it can be told by another process.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
pub enum ImportFailure {
    /// The header lacks columns of the schema.
    #[error(
        "Input CSV is missing the following columns: [{}]. {file}, line 1 has the columns [{found}]. {mend}",
        missing.join(", ")
    )]
    MissingColumns {
        /// The file's name.
        file: String,
        /// Columns of the schema that were not found, in the order of the schema.
        missing: Vec<String>,
        /// The header as it is, cut and escaped.
        found: String,
        /// How to mend it.
        mend: String,
    },
    /// The file is not what it should be, or cannot be read as CSV from some line on.
    #[error("{file}{}: {what}. {mend}", line.map(|line| format!(", line {line}")).unwrap_or_default())]
    File {
        /// The file's name.
        file: String,
        /// Physical line, where one is known.
        line: Option<u64>,
        /// What is wrong.
        what: String,
        /// How to mend it.
        mend: String,
    },
    /// A bad row, and none are allowed.
    #[error("{0}")]
    Row(Box<RowProblem>),
    /// More bad rows than allowed.
    #[error(
        "More than the {allowed} bad rows allowed. The first: {first} Mend the rows, or allow more bad rows."
    )]
    TooManyBadRows {
        /// How many were allowed.
        allowed: u64,
        /// The first bad row.
        first: Box<RowProblem>,
    },
    /// Every row was set aside.
    #[error("None of the {bad} rows can be imported. The first: {first}")]
    NothingLeft {
        /// How many there were.
        bad: u64,
        /// The first of them.
        first: Box<RowProblem>,
    },
    /// The files together hold no rows.
    #[error(
        "{files} no rows below the header. Add at least one row, or check that the right file was uploaded."
    )]
    NoRows {
        /// The files' names and the verb.
        files: String,
    },
    /// There was nothing to import.
    #[error(
        "There are no files to import. Check that the path ends in / when it is a folder and that CSV files lie in it."
    )]
    NoFiles,
    /// Reading failed; trying again may help.
    #[error("{file} could not be read: {source}")]
    #[serde(skip)]
    Read {
        /// The file's name.
        file: String,
        /// What the reader said.
        source: std::io::Error,
    },
    /// The sink failed; trying again may help.
    #[error("the imported data could not be written: {source}")]
    #[serde(skip)]
    Write {
        /// What the sink said.
        source: std::io::Error,
    },
}

impl ImportFailure {
    /// Whether the data is at fault: trying again without changing it fails again.
    pub fn is_data(&self) -> bool {
        !matches!(self, Self::Read { .. } | Self::Write { .. })
    }

    /// See [`RowProblem::move_down`].
    pub(crate) fn move_down(&mut self, lines: u64) {
        match self {
            Self::File { line: Some(line), .. } => *line += lines,
            Self::Row(problem) => problem.move_down(lines),
            Self::TooManyBadRows { first, .. } | Self::NothingLeft { first, .. } => first.move_down(lines),
            _ => {}
        }
    }
}

/// A value for a message: control characters, quotes and broken UTF-8 escaped, cut after 60 characters.
pub(crate) fn shown(value: &[u8]) -> String {
    let mut text = String::new();
    let mut chars = 0;
    let mut rest = value;
    // No more than this is needed, whatever the characters are.
    rest = &rest[..rest.len().min(4 * (SHOWN_CHARS_MAX + 1))];
    'chunks: for chunk in rest.utf8_chunks() {
        let escaped = chunk.valid().chars().map(|c| c.escape_debug().to_string());
        let broken = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
        for piece in escaped.chain(broken) {
            if chars == SHOWN_CHARS_MAX {
                text.push('…');
                break 'chunks;
            }
            text += &piece;
            chars += 1;
        }
    }
    text
}

/// A name for a message in which several stand in a row.
pub(crate) fn shown_list(names: &[String]) -> String {
    const NAMES_MAX: usize = 30;
    let mut text: Vec<String> = names.iter().take(NAMES_MAX).map(|name| shown(name.as_bytes())).collect();
    if names.len() > NAMES_MAX {
        text.push(format!("… {} more", names.len() - NAMES_MAX));
    }
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_cut() {
        assert_eq!(shown(b"a\"b\n\xff\0"), "a\\\"b\\n\\xff\\0");
        assert_eq!(shown("é".as_bytes()), "é");
        let long = shown("x".repeat(500).as_bytes());
        assert_eq!(long.chars().count(), 61);
        assert!(long.ends_with('…'));
    }
}
