//! The manifest: what a dataset consists of at one moment.

use domain::resource::DatasetType;
use serde::{Deserialize, Serialize};

use crate::csv::EncodedPart;
use crate::schema::Schema;

/// The manifest format that this version writes.
pub const FORMAT_VERSION: u32 = 1;

/// One Parquet object of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestPart {
    /// Key of the object in its bucket.
    pub key: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// CRC-32 of its bytes as eight hexadecimal digits.
    pub crc32: String,
}

/// A file that was imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSource {
    /// For example `s3://bucket/ratings.csv`.
    pub name: String,
    /// The object's ETag when it was read, where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Its stored size in bytes.
    pub bytes: u64,
}

/// Lists the parts of a dataset in the order of their rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// Which dataset.
    pub dataset_type: DatasetType,
    /// The Avro schema that the rows follow.
    pub schema: String,
    /// Rows over all parts.
    pub rows: u64,
    /// Parts in order. In Items and Users a later row of the same id replaces an earlier one.
    pub parts: Vec<ManifestPart>,
    /// The files that the rows came from.
    pub sources: Vec<ManifestSource>,
    /// How many of the last parts hold what came in live beside the imports: events, or single items and
    /// users. Only a training's own manifest has any.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub live_parts: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Why a manifest could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or not a manifest.
    #[error("the manifest cannot be read: {0}. Import the data again.")]
    Malformed(#[from] serde_json::Error),
    /// Written by a newer version.
    #[error(
        "the manifest has format version {found}, and this program knows versions up to {FORMAT_VERSION}. \
         Use a newer version of it."
    )]
    TooNew {
        /// The manifest's version.
        found: u32,
    },
    /// A part's bytes are not those that were written.
    #[error(
        "part {key} is damaged: {bytes} bytes with CRC-32 {crc32}, where the manifest says {expected_bytes} \
         bytes with {expected_crc32}. Import the data again."
    )]
    Damaged {
        /// The part's key.
        key: String,
        /// Size found.
        bytes: u64,
        /// Checksum found.
        crc32: String,
        /// Size written.
        expected_bytes: u64,
        /// Checksum written.
        expected_crc32: String,
    },
}

impl Manifest {
    /// A manifest without parts.
    pub fn new(dataset_type: DatasetType, schema: &Schema) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            dataset_type,
            schema: schema.text.clone(),
            rows: 0,
            parts: vec![],
            sources: vec![],
            live_parts: 0,
        }
    }

    /// Adds a part that lies under `key`.
    pub fn push(&mut self, key: impl Into<String>, part: &EncodedPart) {
        self.push_part(ManifestPart::new(key, part));
    }

    /// Adds a part with what came in live; it goes after everything that was imported.
    pub fn push_live(&mut self, key: impl Into<String>, part: &EncodedPart) {
        self.push(key, part);
        self.live_parts += 1;
    }

    /// The parts that were imported.
    pub fn imported(&self) -> &[ManifestPart] {
        &self.parts[..self.parts.len().saturating_sub(self.live_parts)]
    }

    /// Adds a part that was described before.
    pub fn push_part(&mut self, part: ManifestPart) {
        self.rows += part.rows;
        self.parts.push(part);
    }

    /// Puts other parts in the place of some. `other` says what stands for the part of a key, where that is
    /// to be something else; a part for which nothing stands leaves. Answers with whether any changed.
    pub fn replace_parts(&mut self, other: impl Fn(&str) -> Option<Option<ManifestPart>>) -> bool {
        let (mut changed, mut live) = (false, 0);
        let first_live = self.imported().len();
        let mut parts = Vec::with_capacity(self.parts.len());
        for (number, part) in self.parts.drain(..).enumerate() {
            let next = match other(&part.key) {
                None => Some(part),
                Some(next) => {
                    changed = true;
                    next
                }
            };
            if let Some(next) = next {
                live += usize::from(number >= first_live);
                parts.push(next);
            }
        }
        self.rows = parts.iter().map(|part| part.rows).sum();
        (self.parts, self.live_parts) = (parts, live);
        changed
    }

    /// Notes a file that rows came from.
    pub fn push_source(&mut self, name: impl Into<String>, etag: Option<String>, bytes: u64) {
        self.sources.push(ManifestSource { name: name.into(), etag, bytes });
    }

    /// Puts the parts and sources of `earlier` before this manifest's own: an incremental import.
    pub fn append_to(mut self, earlier: &Manifest) -> Self {
        self.rows += earlier.rows;
        self.parts.splice(0..0, earlier.parts.iter().cloned());
        self.sources.splice(0..0, earlier.sources.iter().cloned());
        self
    }

    /// Pretty JSON. The same manifest gives the same bytes.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings and numbers are always JSON") + "\n"
    }

    /// Reads what [`Manifest::to_json`] wrote.
    pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(json)?;
        if manifest.format_version > FORMAT_VERSION {
            return Err(ManifestError::TooNew { found: manifest.format_version });
        }
        Ok(manifest)
    }
}

impl ManifestPart {
    /// Describes a part that lies under `key`.
    pub fn new(key: impl Into<String>, part: &EncodedPart) -> Self {
        Self {
            key: key.into(),
            rows: part.rows,
            bytes: part.data.len() as u64,
            crc32: format!("{:08x}", part.crc32),
        }
    }

    /// Checks that `data` is what was written.
    pub fn verify(&self, data: &[u8]) -> Result<(), ManifestError> {
        let crc32 = format!("{:08x}", crc32fast::hash(data));
        let bytes = data.len() as u64;
        if bytes == self.bytes && crc32 == self.crc32 {
            return Ok(());
        }
        Err(ManifestError::Damaged {
            key: self.key.clone(),
            bytes,
            crc32,
            expected_bytes: self.bytes,
            expected_crc32: self.crc32.clone(),
        })
    }
}
