//! Putting an object's bytes.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::join;
use s3s::dto::{ETagCondition, StreamingBlob};
use s3s::{S3Error, S3Result, s3_error};
use tokio::sync::mpsc;

use super::Store;
use super::digests::Digests;
use super::events::CreatedBy;
use super::folder::{Attributes, Finished, Meta, hex};
use super::read::{Conditions, beyond, matches, no_such_bucket, precondition_failed};

/// Chunks of an upload that wait for the disk.
const CHUNKS_WAITING: usize = 8;

/// `If-Match` and `If-None-Match` of a write.
#[derive(Debug, Default)]
pub(super) struct WriteConditions {
    pub if_match: Option<ETagCondition>,
    pub if_none_match: Option<ETagCondition>,
}

impl WriteConditions {
    fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }
}

/// An answer of the protocol that is an error, or a failure of the file system, which becomes
/// `InternalError`.
#[derive(Debug)]
pub(super) struct Fault(S3Error);

impl From<S3Error> for Fault {
    fn from(error: S3Error) -> Self {
        Self(error)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let message = format!("the data directory failed: {error}");
        Self(s3_error!(error, InternalError, "{message}"))
    }
}

impl Store {
    /// Runs what blocks on a thread that may.
    pub(super) async fn blocking<T, F>(self: &Arc<Self>, work: F) -> S3Result<T>
    where
        F: FnOnce(&Self) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let store = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&store))
            .await
            .map_err(|e| S3Error::with_source(s3s::S3ErrorCode::InternalError, e.into()))?
            .map_err(|Fault(error)| error)
    }

    /// Writes a body to a draft, checking what the client said about it.
    pub(super) async fn receive(
        self: &Arc<Self>,
        body: Option<StreamingBlob>,
        digests: Digests,
    ) -> S3Result<Finished> {
        let (send, mut receive) = mpsc::channel::<Option<Bytes>>(CHUNKS_WAITING);
        let mut hasher = digests.hasher();
        let writer = self.blocking(move |store| {
            let mut draft = store.folder.draft()?;
            loop {
                match receive.blocking_recv() {
                    Some(Some(chunk)) => {
                        hasher.update(&chunk);
                        draft.write_all(&chunk)?;
                    }
                    // The end of the body, as opposed to the end of the request.
                    Some(None) => return Ok((store.folder.finish(draft)?, hasher.finalize())),
                    None => {
                        return Err(s3_error!(IncompleteBody, "the body ended before its length").into());
                    }
                }
            }
        });
        let sender = async move {
            let mut body = body;
            while let Some(chunk) = body.as_mut().map(StreamExt::next) {
                let Some(chunk) = chunk.await else { break };
                let chunk = chunk.map_err(|e| S3Error::with_source(s3s::S3ErrorCode::IncompleteBody, e))?;
                if send.send(Some(chunk)).await.is_err() {
                    // The writer failed and says why itself.
                    return Ok(());
                }
            }
            let _ = send.send(None).await;
            Ok::<_, S3Error>(())
        };
        let (finished, sent) = join(writer, sender).await;
        sent?;
        let (finished, checksums) = finished?;
        digests.check(&finished.md5, &checksums)?;
        Ok(finished)
    }

    /// Lets a draft appear as an object, if the conditions hold, and tells the listeners.
    pub(super) fn publish(
        &self,
        finished: Finished,
        (bucket, key): (&str, &str),
        etag: String,
        attributes: Attributes,
        conditions: &WriteConditions,
        by: CreatedBy,
    ) -> Result<Meta, Fault> {
        if !conditions.is_empty() {
            // Takes the ETag of a file that has none yet before the lock is held.
            self.folder.open_object(bucket, key)?;
        }
        let names = self.folder.lock_names();
        if !self.folder.bucket_exists(bucket) {
            return Err(no_such_bucket(bucket).into());
        }
        if !conditions.is_empty() {
            let present = self.folder.etag_locked(bucket, key, &names)?;
            match (&conditions.if_match, &present) {
                (Some(_), None) => {
                    return Err(s3_error!(NoSuchKey, "there is no object whose ETag could match").into());
                }
                (Some(wanted), Some(etag)) if !matches(wanted, etag) => {
                    return Err(precondition_failed().into());
                }
                _ => {}
            }
            if let (Some(unwanted), Some(etag)) = (&conditions.if_none_match, &present)
                && matches(unwanted, etag)
            {
                return Err(precondition_failed().into());
            }
        }
        let meta = self.folder.publish(finished, bucket, key, etag, attributes, &names)?;
        // Under the lock, so that the events of a key come in the order of its contents.
        self.created(by, bucket, key, &meta);
        Ok(meta)
    }

    /// PutObject.
    pub(super) async fn put(
        self: &Arc<Self>,
        at: (String, String),
        body: Option<StreamingBlob>,
        digests: Digests,
        attributes: Attributes,
        conditions: WriteConditions,
    ) -> S3Result<Meta> {
        let bucket = at.0.clone();
        self.blocking(move |s| {
            if s.folder.bucket_exists(&bucket) { Ok(()) } else { Err(no_such_bucket(&bucket).into()) }
        })
        .await?;
        let finished = self.receive(body, digests).await?;
        self.blocking(move |store| {
            let etag = hex(&finished.md5);
            store.publish(finished, (&at.0, &at.1), etag, attributes, &conditions, CreatedBy::Put)
        })
        .await
    }

    /// Copies an object, or a range of it, to a draft.
    pub(super) fn draft_of(
        &self,
        (bucket, key): (&str, &str),
        conditions: &Conditions,
        range: Option<s3s::dto::Range>,
    ) -> Result<(Finished, Meta), Fault> {
        let Some((mut file, meta)) = self.folder.open_object(bucket, key)? else {
            return Err(self.no_such_key(bucket, key).into());
        };
        // A copy has no "not modified": every condition that fails is a failed precondition.
        conditions.check(&meta).map_err(|_| precondition_failed())?;
        let range = match range {
            Some(range) => range.check(meta.size).map_err(|_| beyond(meta.size))?,
            None => 0..meta.size,
        };
        file.seek(SeekFrom::Start(range.start))?;
        let mut draft = self.folder.draft()?;
        let copied = io::copy(&mut file.take(range.end - range.start), &mut draft)?;
        if copied != range.end - range.start {
            return Err(s3_error!(InternalError, "the source shrank while it was copied").into());
        }
        Ok((self.folder.finish(draft)?, meta))
    }

    /// CopyObject. Without attributes the source's are kept.
    pub(super) async fn copy(
        self: &Arc<Self>,
        from: (String, String),
        to: (String, String),
        conditions: Conditions,
        attributes: Option<Attributes>,
    ) -> S3Result<Meta> {
        self.blocking(move |store| {
            let (finished, source) = store.draft_of((&from.0, &from.1), &conditions, None)?;
            let etag = hex(&finished.md5);
            let attributes = attributes.unwrap_or(source.attributes);
            let unconditional = WriteConditions::default();
            store.publish(finished, (&to.0, &to.1), etag, attributes, &unconditional, CreatedBy::Copy)
        })
        .await
    }
}
