//! Objects in S3.

mod body;
mod error;
mod location;

use std::ops::Range;
use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{Delete, ObjectIdentifier, ServerSideEncryption};
use bytes::Bytes;
use domain::EpochMillis;

use crate::sent::Sent;

pub use self::body::{ObjectBody, ObjectReader};
pub use self::error::ObjectError;
pub use self::location::{LocationError, S3Location};

/// Most keys in one DeleteObjects (S3 API reference).
const DELETE_BATCH: usize = 1_000;

/// What S3 says about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its ETag without quotes: changes whenever the content does.
    pub etag: String,
    /// When it was written.
    pub last_modified: EpochMillis,
}

/// The objects of this deployment's bucket, and of any other that a caller names. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Objects {
    client: Client,
    bucket: String,
}

impl Objects {
    /// Keeps this deployment's own objects in `bucket`.
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }

    /// The deployment's own bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// A place in the deployment's own bucket.
    pub fn at(&self, key: impl Into<String>) -> S3Location {
        S3Location { bucket: self.bucket.clone(), key: key.into() }
    }

    /// Creates the deployment's own bucket unless it is there. Meant for embedded services; a
    /// deployed stack gets its bucket from the template.
    pub async fn create_bucket_if_missing(&self) -> Result<(), ObjectError> {
        let at = self.at("");
        match self.client.create_bucket().bucket(&self.bucket).sent().await {
            Ok(_) => Ok(()),
            Err(e) if e.as_service_error().is_some_and(|e| e.is_bucket_already_owned_by_you()) => Ok(()),
            Err(e) => Err(ObjectError::from_sdk("create the bucket of", &at, e)),
        }
    }

    /// The whole object.
    pub async fn get(&self, at: &S3Location) -> Result<Bytes, ObjectError> {
        let mut body = self.open(at).await?;
        let first = body.next().await?.unwrap_or_default();
        let Some(second) = body.next().await? else { return Ok(first) };
        let mut whole = Vec::with_capacity(body.info().size as usize);
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while let Some(chunk) = body.next().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.into())
    }

    /// The object as a stream of chunks.
    pub async fn open(&self, at: &S3Location) -> Result<ObjectBody, ObjectError> {
        let got = self
            .client
            .get_object()
            .bucket(&at.bucket)
            .key(&at.key)
            .sent()
            .await
            .map_err(|e| ObjectError::from_sdk("read", at, e))?;
        Ok(body(at, got))
    }

    /// Some bytes of the object as a stream of chunks, provided that it still has that ETag: then
    /// bytes that were read at different times are of one object. [`ObjectError::Replaced`] otherwise.
    ///
    /// The range lies within the object and is not empty, which HTTP has no words for.
    pub async fn open_range(
        &self,
        at: &S3Location,
        etag: &str,
        range: Range<u64>,
    ) -> Result<ObjectBody, ObjectError> {
        let got = self
            .client
            .get_object()
            .bucket(&at.bucket)
            .key(&at.key)
            .if_match(format!("\"{etag}\""))
            .range(format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        match got.sent().await {
            Ok(got) => Ok(body(at, got)),
            Err(e) if e.raw_response().is_some_and(|r| r.status().as_u16() == 412) => {
                Err(ObjectError::Replaced { location: at.clone() })
            }
            Err(e) => Err(ObjectError::from_sdk("read", at, e)),
        }
    }

    /// What S3 says about the object; nothing when the bucket has no such key.
    pub async fn head(&self, at: &S3Location) -> Result<Option<ObjectInfo>, ObjectError> {
        match self.client.head_object().bucket(&at.bucket).key(&at.key).sent().await {
            Ok(got) => Ok(Some(ObjectInfo {
                key: at.key.clone(),
                size: size(got.content_length),
                etag: etag(got.e_tag),
                last_modified: millis(got.last_modified),
            })),
            // A HEAD answer has no body, so the SDK cannot tell a missing key from a missing bucket.
            Err(e) if e.raw_response().is_some_and(|r| r.status().as_u16() == 404) => {
                let bucket = self.client.head_bucket().bucket(&at.bucket).sent().await;
                match bucket {
                    Err(e) if e.raw_response().is_some_and(|r| r.status().as_u16() == 404) => {
                        Err(ObjectError::NoSuchBucket { bucket: at.bucket.clone() })
                    }
                    _ => Ok(None),
                }
            }
            Err(e) => Err(ObjectError::from_sdk("look at", at, e)),
        }
    }

    /// Every object of the bucket whose key begins with `prefix`, in the order of their keys.
    pub async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ObjectInfo>, ObjectError> {
        let at = S3Location { bucket: bucket.to_owned(), key: prefix.to_owned() };
        let mut found = Vec::new();
        let mut continuation = None;
        loop {
            let page = self
                .client
                .list_objects_v2()
                .bucket(bucket)
                .prefix(prefix)
                .set_continuation_token(continuation)
                .sent()
                .await
                .map_err(|e| ObjectError::from_sdk("list", &at, e))?;
            found.extend(page.contents.unwrap_or_default().into_iter().map(|object| ObjectInfo {
                key: object.key.unwrap_or_default(),
                size: size(object.size),
                etag: etag(object.e_tag),
                last_modified: millis(object.last_modified),
            }));
            continuation = page.next_continuation_token;
            if continuation.is_none() {
                return Ok(found);
            }
        }
    }

    /// Writes an object, and answers with its ETag.
    pub async fn put(&self, at: &S3Location, bytes: impl Into<Bytes>) -> Result<String, ObjectError> {
        self.put_under(at, bytes, None).await
    }

    /// The same, encrypted with a key of AWS KMS where one is given; the ARN of a key.
    ///
    /// What is written without one is encrypted as its bucket says.
    pub async fn put_under(
        &self,
        at: &S3Location,
        bytes: impl Into<Bytes>,
        kms_key: Option<&str>,
    ) -> Result<String, ObjectError> {
        let put = self.client.put_object().bucket(&at.bucket).key(&at.key);
        let put = put
            .set_server_side_encryption(kms_key.map(|_| ServerSideEncryption::AwsKms))
            .set_ssekms_key_id(kms_key.map(str::to_owned));
        let done = put.body(ByteStream::from(bytes.into())).sent().await;
        Ok(etag(done.map_err(|e| ObjectError::from_sdk("write", at, e))?.e_tag))
    }

    /// Writes a file as an object without holding it in memory, and answers with its ETag.
    pub async fn put_file(&self, at: &S3Location, path: &Path) -> Result<String, ObjectError> {
        let failed =
            |cause| ObjectError::Failed { operation: "read the file for", location: at.clone(), cause };
        let body = ByteStream::from_path(path).await.map_err(|e| failed(e.into()))?;
        let put = self.client.put_object().bucket(&at.bucket).key(&at.key).body(body);
        let done = put.sent().await.map_err(|e| ObjectError::from_sdk("write", at, e))?;
        Ok(etag(done.e_tag))
    }

    /// Writes an object unless there is one, and answers with its ETag; nothing when there is one.
    pub async fn put_if_absent(
        &self,
        at: &S3Location,
        bytes: impl Into<Bytes>,
    ) -> Result<Option<String>, ObjectError> {
        let put = self.client.put_object().bucket(&at.bucket).key(&at.key).if_none_match("*");
        match put.body(ByteStream::from(bytes.into())).sent().await {
            Ok(done) => Ok(Some(etag(done.e_tag))),
            Err(e) if e.raw_response().is_some_and(|r| r.status().as_u16() == 412) => Ok(None),
            Err(e) => Err(ObjectError::from_sdk("write", at, e)),
        }
    }

    /// Removes an object. One that is not there is as good as removed.
    pub async fn delete(&self, at: &S3Location) -> Result<(), ObjectError> {
        let delete = self.client.delete_object().bucket(&at.bucket).key(&at.key);
        delete.sent().await.map_err(|e| ObjectError::from_sdk("delete", at, e))?;
        Ok(())
    }

    /// Removes every object whose key begins with that of `prefix`, and answers with how many there
    /// were. An empty key is refused: it would mean the whole bucket.
    pub async fn delete_prefix(&self, prefix: &S3Location) -> Result<u64, ObjectError> {
        if prefix.key.is_empty() {
            return Err(ObjectError::EmptyPrefix { bucket: prefix.bucket.clone() });
        }
        let found = self.list(&prefix.bucket, &prefix.key).await?;
        for batch in found.chunks(DELETE_BATCH) {
            let keys = batch
                .iter()
                .map(|object| ObjectIdentifier::builder().key(&object.key).build().expect("the key is set"));
            let delete = Delete::builder().set_objects(Some(keys.collect())).quiet(true).build();
            let delete = delete.expect("the objects are set");
            let done = self
                .client
                .delete_objects()
                .bucket(&prefix.bucket)
                .delete(delete)
                .sent()
                .await
                .map_err(|e| ObjectError::from_sdk("delete", prefix, e))?;
            if let Some(failed) = done.errors().first() {
                return Err(ObjectError::Failed {
                    operation: "delete",
                    location: prefix.with_key(failed.key().unwrap_or_default()),
                    cause: format!(
                        "{}: {} (request {})",
                        failed.code().unwrap_or("unknown"),
                        failed.message().unwrap_or_default(),
                        done.request_id().unwrap_or("unknown"),
                    )
                    .into(),
                });
            }
        }
        Ok(found.len() as u64)
    }
}

fn body(at: &S3Location, got: GetObjectOutput) -> ObjectBody {
    // Of a part of an object, `content_length` is the length of the part.
    let whole = got.content_range.as_deref().and_then(|range| range.rsplit('/').next()?.parse().ok());
    let info = ObjectInfo {
        key: at.key.clone(),
        size: whole.unwrap_or_else(|| size(got.content_length)),
        etag: etag(got.e_tag),
        last_modified: millis(got.last_modified),
    };
    ObjectBody::new(at.clone(), info, got.body)
}

fn size(length: Option<i64>) -> u64 {
    length.and_then(|l| u64::try_from(l).ok()).unwrap_or(0)
}

fn etag(quoted: Option<String>) -> String {
    quoted.map(|e| e.trim_matches('"').to_owned()).unwrap_or_default()
}

fn millis(time: Option<DateTime>) -> EpochMillis {
    EpochMillis(time.and_then(|t| t.to_millis().ok()).unwrap_or(0))
}
