//! Multipart uploads.
//!
//! An upload is a folder: `upload.json` says what it is to become, and each part is a file named
//! `<number>-<md5>`, so that a part and its ETag appear in one rename.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use md5::{Digest, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::Store;
use super::digests::Digests;
use super::events::CreatedBy;
use super::folder::{Attributes, Finished, Meta, hex};
use super::read::{Conditions, no_such_bucket};
use super::write::{Fault, WriteConditions};

/// Smallest size of a part other than the last (S3 user guide, "Multipart upload limits").
const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;
/// Largest part number (same page).
const PART_NUMBER_MAX: i32 = 10_000;

/// What an upload is to become.
#[derive(Debug, Serialize, Deserialize)]
struct Upload {
    bucket: String,
    key: String,
    attributes: Attributes,
}

/// A part that has arrived.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub number: i32,
    pub etag: String,
    pub size: u64,
    pub modified: SystemTime,
    path: PathBuf,
}

/// An upload, as the caller addresses it.
#[derive(Clone, Debug)]
pub(super) struct UploadAddress {
    pub bucket: String,
    pub key: String,
    pub id: String,
}

impl Store {
    /// CreateMultipartUpload: answers with the upload's id.
    pub(super) async fn begin_upload(
        self: &Arc<Self>,
        bucket: String,
        key: String,
        attributes: Attributes,
    ) -> S3Result<String> {
        self.blocking(move |store| {
            if !store.folder.bucket_exists(&bucket) {
                return Err(no_such_bucket(&bucket).into());
            }
            let id = uuid::Uuid::new_v4().simple().to_string();
            let upload = Upload { bucket, key, attributes };
            let folder = store.folder.uploads().join(&id);
            fs::create_dir(&folder)?;
            let json = serde_json::to_vec(&upload).map_err(io::Error::from)?;
            fs::write(folder.join("upload.json"), json)?;
            Ok(id)
        })
        .await
    }

    /// UploadPart: answers with the part's ETag.
    pub(super) async fn put_part(
        self: &Arc<Self>,
        at: UploadAddress,
        number: i32,
        body: Option<StreamingBlob>,
        digests: Digests,
    ) -> S3Result<String> {
        let known = at.clone();
        self.blocking(move |store| store.find_upload(&known).map(|_| ())).await?;
        let finished = self.receive(body, digests).await?;
        self.blocking(move |store| store.keep_part(&at, number, finished)).await
    }

    /// UploadPartCopy: answers with the part's ETag.
    pub(super) async fn copy_part(
        self: &Arc<Self>,
        at: UploadAddress,
        number: i32,
        from: (String, String),
        conditions: Conditions,
        range: Option<s3s::dto::Range>,
    ) -> S3Result<String> {
        self.blocking(move |store| {
            let (finished, _) = store.draft_of((&from.0, &from.1), &conditions, range)?;
            store.keep_part(&at, number, finished)
        })
        .await
    }

    fn keep_part(&self, at: &UploadAddress, number: i32, finished: Finished) -> Result<String, Fault> {
        if !(1..=PART_NUMBER_MAX).contains(&number) {
            return Err(s3_error!(
                InvalidArgument,
                "part number {number} is not from 1 to {PART_NUMBER_MAX}"
            )
            .into());
        }
        let etag = hex(&finished.md5);
        let _names = self.folder.lock_names();
        let (folder, _) = self.find_upload(at)?;
        let path = folder.join(format!("{number:05}-{etag}"));
        finished.rename(&path)?;
        for older in parts_in(&folder)?.into_iter().filter(|p| p.number == number && p.path != path) {
            fs::remove_file(older.path)?;
        }
        Ok(etag)
    }

    /// The parts that have arrived, in the order of their numbers.
    pub(super) async fn parts(self: &Arc<Self>, at: UploadAddress) -> S3Result<Vec<Part>> {
        self.blocking(move |store| Ok(parts_in(&store.find_upload(&at)?.0)?)).await
    }

    /// CompleteMultipartUpload from the parts that the caller names, by number and ETag.
    pub(super) async fn complete_upload(
        self: &Arc<Self>,
        at: UploadAddress,
        named: Vec<(i32, Option<String>)>,
        conditions: WriteConditions,
    ) -> S3Result<Meta> {
        self.blocking(move |store| {
            let (folder, upload) = store.find_upload(&at)?;
            let parts = chosen(&named, &parts_in(&folder)?)?;
            let mut draft = store.folder.draft()?;
            let mut md5_of_md5s = Md5::new();
            for part in &parts {
                draft.append(&mut File::open(&part.path)?)?;
                md5_of_md5s.update(digest_of(&part.etag));
            }
            let finished = store.folder.finish(draft)?;
            let etag = format!("{}-{}", hex(&md5_of_md5s.finalize()), parts.len());
            let by = CreatedBy::CompleteMultipartUpload;
            let to = (at.bucket.as_str(), at.key.as_str());
            let meta = store.publish(finished, to, etag, upload.attributes, &conditions, by)?;
            fs::remove_dir_all(folder)?;
            Ok(meta)
        })
        .await
    }

    /// AbortMultipartUpload.
    pub(super) async fn abort_upload(self: &Arc<Self>, at: UploadAddress) -> S3Result<()> {
        self.blocking(move |store| {
            let _names = store.folder.lock_names();
            Ok(fs::remove_dir_all(store.find_upload(&at)?.0)?)
        })
        .await
    }

    /// Key, id and start of the uploads under way in a bucket, in that order.
    pub(super) async fn uploads(
        self: &Arc<Self>,
        bucket: String,
        prefix: String,
    ) -> S3Result<Vec<(String, String, SystemTime)>> {
        self.blocking(move |store| {
            let mut found = Vec::new();
            for entry in fs::read_dir(store.folder.uploads())? {
                let path = entry?.path().join("upload.json");
                // One that is being begun or ended just now is left out.
                let Ok(upload) = read_upload(&path) else { continue };
                if upload.bucket == bucket && upload.key.starts_with(&prefix) {
                    let id = path.parent().and_then(|p| p.file_name()).unwrap_or_default();
                    let id = id.to_string_lossy().into_owned();
                    found.push((upload.key, id, fs::metadata(&path)?.modified()?));
                }
            }
            found.sort();
            Ok(found)
        })
        .await
    }

    /// The folder of an upload. Ids are checked, because they become part of a path.
    fn find_upload(&self, at: &UploadAddress) -> Result<(PathBuf, Upload), Fault> {
        let unknown = || {
            s3_error!(NoSuchUpload, "The upload does not exist, was completed or aborted: {}", at.id).into()
        };
        if at.id.len() != 32 || !at.id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(unknown());
        }
        let folder = self.folder.uploads().join(&at.id);
        match read_upload(&folder.join("upload.json")) {
            Ok(upload) if upload.bucket == at.bucket && upload.key == at.key => Ok((folder, upload)),
            Ok(_) => Err(unknown()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(unknown()),
            Err(e) => Err(e.into()),
        }
    }
}

fn read_upload(path: &std::path::Path) -> io::Result<Upload> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn parts_in(folder: &std::path::Path) -> io::Result<Vec<Part>> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().unwrap_or_default();
        let Some((number, etag)) = name.split_once('-') else { continue };
        let Ok(number) = number.parse() else { continue };
        let stat = entry.metadata()?;
        let (size, modified) = (stat.len(), stat.modified()?);
        parts.push(Part { number, etag: etag.to_owned(), size, modified, path: entry.path() });
    }
    parts.sort_by_key(|part| part.number);
    Ok(parts)
}

/// The parts that a caller named, if they are all there and large enough.
fn chosen(named: &[(i32, Option<String>)], present: &[Part]) -> Result<Vec<Part>, Fault> {
    if named.is_empty() {
        return Err(s3_error!(MalformedXML, "name at least one part").into());
    }
    if !named.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(s3_error!(
            InvalidPartOrder,
            "the list of parts was not in ascending order of their numbers"
        )
        .into());
    }
    let mut parts = Vec::with_capacity(named.len());
    for (number, etag) in named {
        let part = present.iter().find(|p| p.number == *number);
        let part = part.filter(|p| etag.as_ref().is_none_or(|e| *e == p.etag));
        let part =
            part.ok_or_else(|| s3_error!(InvalidPart, "part {number} was not uploaded with that ETag"))?;
        parts.push(part.clone());
    }
    let small = parts.split_last().and_then(|(_, rest)| rest.iter().find(|p| p.size < PART_BYTES_MIN));
    match small {
        Some(part) => Err(s3_error!(
            EntityTooSmall,
            "part {} has {} bytes; every part but the last needs {PART_BYTES_MIN}",
            part.number,
            part.size
        )
        .into()),
        None => Ok(parts),
    }
}

/// The sixteen bytes that an MD5's digits stand for.
fn digest_of(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).filter_map(|i| u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok()).collect()
}
