//! What the values of one column look like, and the field that fits them.

use hashbrown::HashSet;

use crate::schema::FieldType;

/// From more distinct values than this on, a string column is no category.
const CATEGORIES_MAX: usize = 1_000;
/// Text of this mean length, in bytes, is a description rather than a name.
const TEXTUAL_MEAN_BYTES: u64 = 80;

/// What was seen of a column.
#[derive(Default)]
pub(super) struct Column {
    filled: u64,
    empty: u64,
    integers: u64,
    numbers: u64,
    /// Values that hold a `|`.
    listed: u64,
    bytes: u64,
    longest: usize,
    largest: i64,
    /// At most one more than [`CATEGORIES_MAX`].
    distinct: HashSet<Box<[u8]>>,
}

/// A field for a schema.
pub(super) struct Guess {
    pub name: String,
    pub kind: FieldType,
    pub nullable: bool,
    pub categorical: bool,
    pub textual: bool,
}

impl Guess {
    pub fn to_avro(&self) -> String {
        let kind = self.kind.as_str();
        let kind = if self.nullable { format!("[\"null\", \"{kind}\"]") } else { format!("\"{kind}\"") };
        let mut text = format!("{{\"name\": \"{}\", \"type\": {kind}", self.name);
        if self.categorical {
            text += ", \"categorical\": true";
        }
        if self.textual {
            text += ", \"textual\": true";
        }
        text + "}"
    }
}

impl Column {
    pub fn see(&mut self, value: &[u8]) {
        if value.is_empty() {
            self.empty += 1;
            return;
        }
        self.filled += 1;
        self.bytes += value.len() as u64;
        self.longest = self.longest.max(value.len());
        self.listed += u64::from(value.contains(&b'|'));
        let text = std::str::from_utf8(value).unwrap_or("");
        // "inf" and "NaN" parse as numbers, but no column means them.
        if value.iter().any(u8::is_ascii_digit) {
            if let Ok(integer) = text.parse::<i64>() {
                self.integers += 1;
                self.numbers += 1;
                self.largest = self.largest.max(integer.saturating_abs());
            } else if text.parse::<f64>().is_ok_and(f64::is_finite) {
                self.numbers += 1;
            }
        }
        if self.distinct.len() <= CATEGORIES_MAX && !self.distinct.contains(value) {
            self.distinct.insert(value.into());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.filled == 0 && self.empty > 0
    }

    fn nullable(&self, whole_file: bool) -> bool {
        self.empty > 0 || !whole_file
    }

    /// The field for a column whose meaning is known; warns where its values do not fit.
    pub fn reserved(
        &self,
        name: &'static str,
        label: &str,
        whole_file: bool,
        warnings: &mut Vec<String>,
    ) -> Option<Guess> {
        let guess = |kind, nullable| {
            Some(Guess { name: name.to_owned(), kind, nullable, categorical: false, textual: false })
        };
        if matches!(name, "USER_ID" | "ITEM_ID" | "ACTION_ID" | "TIMESTAMP") && self.empty > 0 {
            warnings.push(format!(
                "column {label} ({name}) is empty in {} rows; the import will refuse them: fill them in or remove them",
                self.empty
            ));
        }
        match name {
            "TIMESTAMP" => {
                self.warn_about_time(label, warnings);
                guess(FieldType::Long, false)
            }
            "EVENT_VALUE" if self.numbers < self.filled => {
                warnings.push(format!(
                    "column {label} is left out: EVENT_VALUE is a number, and {} values are not",
                    self.filled - self.numbers
                ));
                None
            }
            "EVENT_VALUE" => guess(FieldType::Float, self.nullable(whole_file)),
            "EVENT_TYPE" => guess(FieldType::String, self.empty > 0),
            _ => guess(FieldType::String, false),
        }
    }

    fn warn_about_time(&self, label: &str, warnings: &mut Vec<String>) {
        if self.integers < self.filled {
            warnings.push(format!(
                "column {label} (TIMESTAMP) has {} values that are not whole numbers; the import takes epoch \
                 seconds such as 1700000000: convert the column",
                self.filled - self.integers
            ));
        } else if self.largest >= 100_000_000_000 {
            warnings.push(format!(
                "column {label} (TIMESTAMP) seems to be in milliseconds or finer (largest value {}); the import \
                 takes epoch seconds: divide the column by {}",
                self.largest,
                if self.largest < 100_000_000_000_000 { "1000" } else { "1000000 or more" }
            ));
        }
    }

    /// The field for a column of metadata.
    pub fn guess(
        &self,
        name: String,
        whole_file: bool,
        may_be_textual: bool,
        label: &str,
        warnings: &mut Vec<String>,
    ) -> Guess {
        let nullable = self.nullable(whole_file);
        let plain = |name, kind| Guess { name, kind, nullable, categorical: false, textual: false };
        if name == "CREATION_TIMESTAMP" {
            self.warn_about_time(label, warnings);
            return plain(name, FieldType::Long);
        }
        let all = |count: u64| self.filled > 0 && count == self.filled;
        if name != "TITLE" && name != "GENRES" && all(self.numbers) {
            return plain(name, if all(self.integers) { FieldType::Long } else { FieldType::Float });
        }
        let few = self.distinct.len() <= CATEGORIES_MAX && self.distinct.len() as u64 * 2 <= self.filled;
        let listed = self.listed * 20 >= self.filled && self.listed > 0;
        let mut guess = plain(name, FieldType::String);
        if guess.name == "TITLE" {
            return guess;
        }
        if guess.name == "GENRES" || few || listed {
            guess.categorical = true;
            if self.longest > domain::limits::CATEGORICAL_CHARS_MAX {
                warnings.push(format!(
                    "column {label} looks like categories but has values of up to {} bytes; the import refuses \
                     categories over {} characters",
                    self.longest,
                    domain::limits::CATEGORICAL_CHARS_MAX
                ));
            }
        } else if may_be_textual && self.bytes > TEXTUAL_MEAN_BYTES * self.filled {
            guess.textual = true;
        }
        guess
    }
}

/// A field name for a column: upper case, words separated by underscores.
pub(super) fn field_name(label: &str) -> String {
    let mut name = String::new();
    let mut before: Option<char> = None;
    for c in label.chars() {
        if c.is_ascii_alphanumeric() {
            let word_begins = c.is_ascii_uppercase()
                && before.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            if word_begins {
                name.push('_');
            }
            name.push(c.to_ascii_uppercase());
        } else if !name.ends_with('_') && !name.is_empty() {
            name.push('_');
        }
        before = Some(c);
    }
    name.trim_end_matches('_').to_owned()
}
