//! Getting an object's bytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::stream;
use s3s::dto::{ETag, ETagCondition, StreamingBlob, Timestamp};
use s3s::{S3Error, S3Result, s3_error};
use tokio::sync::mpsc;

use super::Store;
use super::folder::Meta;

/// Objects up to this size are read in the call that opens them.
const WHOLE_BYTES_MAX: u64 = 256 * 1024;
/// Size of the chunks of larger ones, and how many of them wait for the reader.
const CHUNK_BYTES: usize = 512 * 1024;
const CHUNKS_WAITING: usize = 4;

/// `If-Match` and its kin, of a read.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    pub if_match: Option<ETagCondition>,
    pub if_none_match: Option<ETagCondition>,
    pub if_modified_since: Option<Timestamp>,
    pub if_unmodified_since: Option<Timestamp>,
}

impl Conditions {
    /// In the order of RFC 9110, section 13.2.2: an ETag outweighs a date.
    pub(super) fn check(&self, meta: &Meta) -> S3Result<()> {
        let modified = Timestamp::from(whole_seconds(meta.last_modified()));
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !matches(condition, &meta.etag) => {
                return Err(precondition_failed());
            }
            (None, Some(since)) if modified > *since => return Err(precondition_failed()),
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if matches(condition, &meta.etag) => Err(s3_error!(NotModified)),
            (None, Some(since)) if modified <= *since => Err(s3_error!(NotModified)),
            _ => Ok(()),
        }
    }
}

/// Whether an object with that ETag fits the condition.
pub(super) fn matches(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag,
    }
}

/// HTTP dates have no fractions of seconds.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

/// An object that was found and whose conditions hold.
pub(super) struct Opened {
    pub meta: Meta,
    /// The bytes that were asked for.
    pub range: Range<u64>,
    pub body: Option<StreamingBlob>,
}

impl Store {
    /// Opens an object for GET, or for HEAD, which needs no body.
    pub(super) async fn open(
        self: &Arc<Self>,
        bucket: String,
        key: String,
        conditions: Conditions,
        range: Option<s3s::dto::Range>,
        with_body: bool,
    ) -> S3Result<Opened> {
        let (meta, range, content) = self
            .blocking(move |store| {
                let Some((mut file, meta)) = store.folder.open_object(&bucket, &key)? else {
                    return Err(store.no_such_key(&bucket, &key).into());
                };
                conditions.check(&meta)?;
                let range = match range {
                    Some(range) => range.check(meta.size).map_err(|_| beyond(meta.size))?,
                    None => 0..meta.size,
                };
                let content = if with_body { Some(content(&mut file, &range)?) } else { None };
                let content = content.map(|start| (start, file));
                Ok((meta, range, content))
            })
            .await?;
        let body = content.map(|(start, file)| match start {
            Start::Whole(bytes) => StreamingBlob::wrap(stream::iter([Ok::<_, io::Error>(bytes)])),
            Start::Long(length) => StreamingBlob::wrap(chunks(file, length)),
        });
        Ok(Opened { meta, range, body })
    }

    /// The error for a missing object, which differs when its bucket is missing too.
    pub(super) fn no_such_key(&self, bucket: &str, key: &str) -> S3Error {
        if self.folder.bucket_exists(bucket) {
            s3_error!(NoSuchKey, "The specified key does not exist: {key}")
        } else {
            no_such_bucket(bucket)
        }
    }
}

/// A range that begins behind an object's end.
pub(super) fn beyond(size: u64) -> S3Error {
    s3_error!(InvalidRange, "the requested range cannot be satisfied: the object has {size} bytes")
}

/// A condition of the request that does not hold.
pub(super) fn precondition_failed() -> S3Error {
    s3_error!(PreconditionFailed, "at least one of the preconditions that you specified did not hold")
}

pub(super) fn no_such_bucket(bucket: &str) -> S3Error {
    s3_error!(NoSuchBucket, "The specified bucket does not exist: {bucket}")
}

enum Start {
    Whole(Bytes),
    /// Bytes still to be read, from where the file stands.
    Long(u64),
}

fn content(file: &mut File, range: &Range<u64>) -> io::Result<Start> {
    let length = range.end - range.start;
    if range.start > 0 {
        file.seek(SeekFrom::Start(range.start))?;
    }
    if length > WHOLE_BYTES_MAX {
        return Ok(Start::Long(length));
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes)?;
    Ok(Start::Whole(bytes.into()))
}

/// Reads ahead on a thread that may block.
fn chunks(mut file: File, length: u64) -> impl futures::Stream<Item = io::Result<Bytes>> {
    let (send, mut receive) = mpsc::channel(CHUNKS_WAITING);
    tokio::task::spawn_blocking(move || {
        let mut left = length;
        while left > 0 {
            let mut chunk = vec![0; CHUNK_BYTES.min(usize::try_from(left).unwrap_or(CHUNK_BYTES))];
            let read = file.read_exact(&mut chunk).map(|()| Bytes::from(chunk));
            left -= read.as_ref().map_or(left, |chunk| chunk.len() as u64);
            if send.blocking_send(read).is_err() {
                // The reader went away.
                return;
            }
        }
    });
    stream::poll_fn(move |context| receive.poll_recv(context))
}

/// An ETag as the protocol writes it.
pub(super) fn strong(etag: &str) -> ETag {
    ETag::Strong(etag.to_owned())
}
