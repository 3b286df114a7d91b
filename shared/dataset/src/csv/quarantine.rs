//! The file of rows that were set aside.

use super::problem::RowProblem;

/// First line of every quarantine file.
pub(crate) const HEADER: &[u8] = b"file,line,reason,row\n";

/// Appends one row as RFC 4180 CSV: the last column is the row as it stood in the file.
pub(crate) fn append(out: &mut Vec<u8>, problem: &RowProblem, raw: &[u8]) {
    quoted(out, &problem.file);
    out.extend_from_slice(format!(",{},", problem.line).as_bytes());
    quoted(out, &problem.reason());
    out.push(b',');
    let row = raw.strip_suffix(b"\n").unwrap_or(raw);
    let row = row.strip_suffix(b"\r").unwrap_or(row);
    quoted(out, &String::from_utf8_lossy(row));
    out.push(b'\n');
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for (i, piece) in text.split('"').enumerate() {
        if i > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(piece.as_bytes());
    }
    out.push(b'"');
}
