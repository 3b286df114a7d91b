//! A schema for a CSV that has none: names and types guessed from the header and the values.

mod column;

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use domain::resource::DatasetType;

use crate::csv::{ImportFailure, open, read_header, read_names, split, unescape};
use crate::names;
use crate::schema::{Schema, SchemaError, rules};

use column::{Column, Guess};

/// How much text is looked at, in bytes. Enough to see the types; small enough to answer at once.
const SAMPLE_BYTES: usize = 16 << 20;

/// What was inferred from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// What the rows are about.
    pub dataset_type: DatasetType,
    /// The schema, checked. Its text is pretty Avro JSON, ready for CreateSchema.
    pub schema: Schema,
    /// For each field of the schema: the file's column and the field's name.
    pub columns: Vec<(String, String)>,
    /// What the user should know before importing: each says what was seen and what to do.
    pub warnings: Vec<String>,
    /// Rows that were looked at.
    pub rows_seen: u64,
    /// Whether that was the whole file.
    pub whole_file: bool,
}

/// Why nothing could be inferred.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The file itself is at fault.
    #[error(transparent)]
    File(#[from] ImportFailure),
    /// The columns do not tell what the rows are about.
    #[error(
        "{file}: the columns [{columns}] do not tell users and items. {mend} A user column is named like USER_ID, \
         userId or user; an item column like ITEM_ID, movieId, productId or item; a time column like TIMESTAMP, \
         timestamp or ts."
    )]
    Unclear {
        /// The file's name.
        file: String,
        /// The header.
        columns: String,
        /// What to do.
        mend: String,
    },
    /// The inferred fields do not make a valid schema.
    #[error("{file}: no schema fits the columns. {source}")]
    Schema {
        /// The file's name.
        file: String,
        /// What is missing.
        source: Box<SchemaError>,
    },
}

/// Infers the schema of a CSV file, compressed or not; `file` is its name for messages.
///
/// Without a hint the dataset type follows from the columns: users and items make Interactions,
/// items alone Items, users alone Users. Reads at most 16 MiB of text.
pub fn infer_schema(
    file: &str,
    reader: impl Read + Send + 'static,
    hint: Option<DatasetType>,
) -> Result<Inferred, InferError> {
    let mut source = open(file, Box::new(reader), &Arc::new(AtomicU64::new(0)))?;
    let mut text = Vec::new();
    let header = read_header(&mut source, file, &mut text)?;
    let left = SAMPLE_BYTES.saturating_sub(text.len());
    let whole_file = source.fill(&mut text, left)? < left;
    let (names, _) = read_names(file, &text[header.clone()])?;
    let rows = text.get(header.end + 1..).unwrap_or_default();
    let dataset_type = match hint {
        Some(hint) => hint,
        None => guess_type(file, &names)?,
    };
    let mut columns: Vec<Column> = names.iter().map(|_| Column::default()).collect();
    let (rows_seen, ragged) = scan(rows, whole_file, &mut columns);
    let mut draft = Draft { file, dataset_type, names: &names, whole_file, fields: vec![], warnings: vec![] };
    if rows_seen == 0 {
        draft
            .warnings
            .push("the file has no rows below its header, so every type is a guess from the names".into());
    }
    if ragged > 0 {
        draft.warnings.push(format!(
            "{ragged} rows have another number of fields than the header; the import will refuse them"
        ));
    }
    draft.fill(&columns);
    draft.finish(rows_seen)
}

/// What the rows are about, by the columns that are there.
fn guess_type(file: &str, header: &[String]) -> Result<DatasetType, InferError> {
    let taken = vec![false; header.len()];
    let has = |column| names::find(header, column, &taken).is_some();
    if has("ACTION_ID") {
        return Ok(if has("USER_ID") { DatasetType::ActionInteractions } else { DatasetType::Actions });
    }
    match (has("USER_ID"), has("ITEM_ID"), has("TIMESTAMP")) {
        (true, true, _) => Ok(DatasetType::Interactions),
        (false, true, _) => Ok(DatasetType::Items),
        (true, false, _) => Ok(DatasetType::Users),
        (false, false, _) => Err(InferError::Unclear {
            file: file.to_owned(),
            columns: header.join(", "),
            mend: "Rename the columns, or say which dataset the file is for.".into(),
        }),
    }
}

/// Looks at every whole row; returns how many there were and how many had another shape.
fn scan(text: &[u8], whole_file: bool, columns: &mut [Column]) -> (u64, u64) {
    let (mut at, mut rows, mut ragged) = (0, 0, 0);
    let (mut spans, mut scratch) = (Vec::new(), Vec::new());
    while at < text.len() {
        let (next, fault) = split(text, at, &mut spans);
        // A sample may end within a row.
        let cut_off = next == text.len() && !whole_file;
        let blank = matches!(&text[at..next], b"\n" | b"\r\n" | b"\r");
        at = next;
        if cut_off || blank {
            continue;
        }
        if fault.is_some() || spans.len() != columns.len() {
            ragged += 1;
            continue;
        }
        rows += 1;
        for (column, span) in columns.iter_mut().zip(&spans) {
            let raw = span.raw(text);
            if span.escaped {
                scratch.clear();
                unescape(raw, &mut scratch);
                column.see(&scratch);
            } else {
                column.see(raw);
            }
        }
    }
    (rows, ragged)
}

struct Draft<'a> {
    file: &'a str,
    dataset_type: DatasetType,
    names: &'a [String],
    whole_file: bool,
    /// Column of the file and its guess.
    fields: Vec<(usize, Guess)>,
    warnings: Vec<String>,
}

impl Draft<'_> {
    fn fill(&mut self, columns: &[Column]) {
        // Columns with a meaning first, in the order of the documentation; then the others as they stand.
        let known: &[&str] = match self.dataset_type {
            DatasetType::Interactions => &["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE"],
            DatasetType::Items => &["ITEM_ID"],
            DatasetType::Users => &["USER_ID"],
            DatasetType::Actions => &["ACTION_ID"],
            DatasetType::ActionInteractions => &["USER_ID", "ACTION_ID", "EVENT_TYPE", "TIMESTAMP"],
        };
        let mut taken = vec![false; columns.len()];
        for &name in known {
            let found = names::find(self.names, name, &taken).map(|(at, _)| at).or_else(|| {
                self.names.iter().position(|n| names::canonical(n, self.dataset_type) == Some(name))
            });
            let Some(at) = found else { continue };
            taken[at] = true;
            let label = &self.names[at];
            let guess = columns[at].reserved(name, label, self.whole_file, &mut self.warnings);
            self.fields.extend(guess.map(|guess| (at, guess)));
        }
        let mut textual = false;
        for at in 0..columns.len() {
            if !taken[at] {
                self.metadata(at, &columns[at], &mut textual);
            }
        }
        self.limit();
    }

    fn metadata(&mut self, at: usize, column: &Column, textual: &mut bool) {
        let label = &self.names[at];
        let canonical = names::canonical(label, self.dataset_type);
        let name = canonical.map_or_else(|| column::field_name(label), str::to_owned);
        let leave_out = |why: &str| format!("column {label:?} is left out: {why}");
        let bare = names::bare(&name);
        if name.is_empty()
            || name.as_bytes()[0].is_ascii_digit()
            || (canonical.is_none() && names::bare(label) != bare)
        {
            self.warnings.push(leave_out("its name has no letters to begin with; rename it to use it"));
            return;
        }
        if self.fields.iter().any(|(_, guess)| names::bare(&guess.name) == bare) {
            self.warnings.push(leave_out(&format!("another column is already used as {name}")));
            return;
        }
        if column.is_empty() {
            self.warnings.push(leave_out("it has no values"));
            return;
        }
        let may_be_textual = self.dataset_type == DatasetType::Items && !*textual;
        let guess = column.guess(name, self.whole_file, may_be_textual, label, &mut self.warnings);
        *textual |= guess.textual;
        self.fields.push((at, guess));
    }

    /// Drops metadata columns over the limit of the dataset type.
    fn limit(&mut self) {
        let (reserved, max) = match self.dataset_type {
            DatasetType::Interactions => (
                self.fields
                    .iter()
                    .filter(|(_, g)| names::canonical(&g.name, DatasetType::Interactions).is_some())
                    .count(),
                rules::INTERACTIONS_METADATA_MAX,
            ),
            DatasetType::Items => (1, rules::ITEMS_METADATA_MAX),
            DatasetType::Users => (1, rules::USERS_METADATA_MAX),
            DatasetType::Actions => (1, rules::ACTIONS_METADATA_MAX),
            DatasetType::ActionInteractions => (4, rules::ACTIONS_METADATA_MAX),
        };
        if self.fields.len() > reserved + max {
            let dropped: Vec<String> =
                self.fields.drain(reserved + max..).map(|(at, _)| self.names[at].clone()).collect();
            self.warnings.push(format!(
                "only {max} metadata columns are allowed; left out: {}. Remove other columns to keep them",
                dropped.join(", ")
            ));
        }
    }

    fn finish(mut self, rows_seen: u64) -> Result<Inferred, InferError> {
        let name = match self.dataset_type {
            DatasetType::Interactions => "Interactions",
            DatasetType::Items => "Items",
            DatasetType::Users => "Users",
            DatasetType::Actions => "Actions",
            DatasetType::ActionInteractions => "Action_Interactions",
        };
        let fields: Vec<String> =
            self.fields.iter().map(|(_, guess)| format!("    {}", guess.to_avro())).collect();
        let text = format!(
            "{{\n  \"type\": \"record\",\n  \"name\": \"{name}\",\n  \
             \"namespace\": \"com.amazonaws.personalize.schema\",\n  \"fields\": [\n{}\n  ],\n  \
             \"version\": \"1.0\"\n}}\n",
            fields.join(",\n")
        );
        let schema = Schema::parse(&text)
            .map_err(|source| InferError::Schema { file: self.file.to_owned(), source: source.into() })?;
        if !self.whole_file {
            self.warnings.push(format!(
                "only the first {} MiB ({rows_seen} rows) were looked at; columns that were full there may be \
                 empty later, so they allow null",
                SAMPLE_BYTES >> 20
            ));
        }
        Ok(Inferred {
            dataset_type: self.dataset_type,
            schema,
            columns: self.fields.iter().map(|(at, g)| (self.names[*at].clone(), g.name.clone())).collect(),
            warnings: self.warnings,
            rows_seen,
            whole_file: self.whole_file,
        })
    }
}
