//! The file of rows that were set aside.

use serde::{Deserialize, Serialize};

use super::problem::RowProblem;

/// First line of every quarantine file.
const HEADER: &str = "file,line,reason,row\n";

/// Rows that were set aside, as the lines of a quarantine file whose line numbers are still to be
/// written: a range of a file does not know how many lines are above it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SetAside {
    /// RFC 4180 CSV but for the numbers.
    text: String,
    /// Where in `text` a number belongs, and which, counted from the beginning of what was read.
    lines: Vec<(usize, u64)>,
}

impl SetAside {
    /// Appends one row: the last column is the row as it stood in the file.
    pub fn push(&mut self, problem: &RowProblem, raw: &[u8]) {
        quoted(&mut self.text, &problem.file);
        self.text.push(',');
        self.lines.push((self.text.len(), problem.line));
        self.text.push(',');
        quoted(&mut self.text, &problem.reason());
        self.text.push(',');
        let row = raw.strip_suffix(b"\n").unwrap_or(raw);
        let row = row.strip_suffix(b"\r").unwrap_or(row);
        quoted(&mut self.text, &String::from_utf8_lossy(row));
        self.text.push('\n');
    }

    /// Appends the rows that follow.
    pub fn append(&mut self, next: &Self) {
        let before = self.text.len();
        self.text.push_str(&next.text);
        self.lines.extend(next.lines.iter().map(|(at, line)| (before + at, *line)));
    }

    /// The lines of the quarantine file, where `lines_above` lines are above what was read.
    pub fn to_csv(&self, lines_above: u64, with_header: bool) -> Vec<u8> {
        let mut csv = if with_header { HEADER.to_owned() } else { String::new() };
        let mut from = 0;
        for (at, line) in &self.lines {
            csv.push_str(&self.text[from..*at]);
            csv.push_str(&(line + lines_above).to_string());
            from = *at;
        }
        csv.push_str(&self.text[from..]);
        csv.into_bytes()
    }
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for (i, piece) in text.split('"').enumerate() {
        if i > 0 {
            out.push_str("\"\"");
        }
        out.push_str(piece);
    }
    out.push('"');
}
