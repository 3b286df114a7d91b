//! The S3 operations: from the protocol's inputs to calls of the store, and back.
//!
//! An operation that is missing here answers `NotImplemented`. Versions, access lists, encryption
//! and tags are not kept. A bucket's policy is kept and shown and forbids nobody anything: any credentials are
//! welcome here.

use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::digests::{Digests, declared};
use super::folder::{Attributes, Meta};
use super::listing;
use super::read::{Conditions, no_such_bucket, strong};
use super::uploads::UploadAddress;
use super::write::WriteConditions;
use super::{REGION, Store};

/// Keys in one page of a list (S3 API reference, ListObjectsV2).
const PAGE_KEYS_MAX: i32 = 1_000;

/// The operations over a store.
pub(super) struct Operations(pub Arc<Store>);

#[async_trait::async_trait]
impl S3 for Operations {
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let bucket = request.input.bucket;
        let location = format!("/{bucket}");
        let is_new = self.0.blocking(move |s| Ok(s.folder.create_bucket(&bucket)?)).await?;
        if !is_new {
            return Err(s3_error!(BucketAlreadyOwnedByYou, "{} is there already", &location[1..]));
        }
        Ok(S3Response::new(CreateBucketOutput { location: Some(location) }))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.require_bucket(request.input.bucket).await?;
        let output = HeadBucketOutput { bucket_region: Some(REGION.to_owned()), ..Default::default() };
        Ok(S3Response::new(output))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.require_bucket(request.input.bucket).await?;
        // S3 leaves it empty for us-east-1.
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let buckets = self.0.blocking(|s| Ok(s.folder.buckets()?)).await?;
        let buckets = buckets.into_iter().map(|(name, created)| Bucket {
            name: Some(name),
            creation_date: Some(created.into()),
            bucket_region: Some(REGION.to_owned()),
        });
        let output = ListBucketsOutput { buckets: Some(buckets.collect()), ..Default::default() };
        Ok(S3Response::new(output))
    }

    async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        let bucket = request.input.bucket;
        self.require_bucket(bucket.clone()).await?;
        match self.0.blocking(move |s| Ok(s.folder.delete_bucket(&bucket)?)).await? {
            true => Ok(S3Response::new(DeleteBucketOutput::default())),
            false => Err(s3_error!(BucketNotEmpty, "the bucket you tried to delete is not empty")),
        }
    }

    async fn put_bucket_policy(
        &self,
        request: S3Request<PutBucketPolicyInput>,
    ) -> S3Result<S3Response<PutBucketPolicyOutput>> {
        let PutBucketPolicyInput { bucket, policy, .. } = request.input;
        self.require_bucket(bucket.clone()).await?;
        if let Err(error) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&policy) {
            return Err(s3_error!(MalformedPolicy, "the policy is not a JSON object: {error}"));
        }
        self.0.blocking(move |s| Ok(s.folder.set_policy(&bucket, Some(&policy))?)).await?;
        Ok(S3Response::new(PutBucketPolicyOutput::default()))
    }

    async fn get_bucket_policy(
        &self,
        request: S3Request<GetBucketPolicyInput>,
    ) -> S3Result<S3Response<GetBucketPolicyOutput>> {
        let bucket = request.input.bucket;
        self.require_bucket(bucket.clone()).await?;
        let policy = self.0.blocking(move |s| Ok(s.folder.policy(&bucket)?)).await?;
        let policy =
            policy.ok_or_else(|| s3_error!(NoSuchBucketPolicy, "the bucket does not have a policy"))?;
        Ok(S3Response::new(GetBucketPolicyOutput { policy: Some(policy) }))
    }

    async fn delete_bucket_policy(
        &self,
        request: S3Request<DeleteBucketPolicyInput>,
    ) -> S3Result<S3Response<DeleteBucketPolicyOutput>> {
        let bucket = request.input.bucket;
        self.require_bucket(bucket.clone()).await?;
        self.0.blocking(move |s| Ok(s.folder.set_policy(&bucket, None)?)).await?;
        Ok(S3Response::new(DeleteBucketPolicyOutput::default()))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let mut input = request.input;
        let digests = declared!(input);
        let attributes = Attributes {
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            content_disposition: input.content_disposition,
            content_language: input.content_language,
            cache_control: input.cache_control,
            user: input.metadata.unwrap_or_default().into_iter().collect(),
        };
        let conditions = WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match };
        let at = (input.bucket, input.key);
        let meta = self.0.put(at, input.body, digests, attributes, conditions).await?;
        Ok(S3Response::new(PutObjectOutput { e_tag: Some(strong(&meta.etag)), ..Default::default() }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let conditions = Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let is_part = input.range.is_some();
        let opened = self.0.open(input.bucket, input.key, conditions, input.range, true).await?;
        let (meta, range) = (opened.meta, opened.range);
        let content_range =
            is_part.then(|| format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), meta.size));
        Ok(S3Response::new(GetObjectOutput {
            body: opened.body,
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some((range.end - range.start) as i64),
            content_range,
            e_tag: Some(strong(&meta.etag)),
            last_modified: Some(meta.last_modified().into()),
            metadata: user_metadata(&meta),
            content_type: content_type(&meta),
            content_encoding: meta.attributes.content_encoding,
            content_disposition: meta.attributes.content_disposition,
            content_language: meta.attributes.content_language,
            cache_control: meta.attributes.cache_control,
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let conditions = Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let opened = self.0.open(input.bucket, input.key, conditions, input.range, false).await?;
        let (meta, range) = (opened.meta, opened.range);
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some((range.end - range.start) as i64),
            e_tag: Some(strong(&meta.etag)),
            last_modified: Some(meta.last_modified().into()),
            metadata: user_metadata(&meta),
            content_type: content_type(&meta),
            content_encoding: meta.attributes.content_encoding,
            content_disposition: meta.attributes.content_disposition,
            content_language: meta.attributes.content_language,
            cache_control: meta.attributes.cache_control,
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let DeleteObjectInput { bucket, key, .. } = request.input;
        self.require_bucket(bucket.clone()).await?;
        self.0.blocking(move |s| Ok(s.folder.delete_object(&bucket, &key)?)).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = request.input;
        self.require_bucket(bucket.clone()).await?;
        let quiet = delete.quiet.unwrap_or(false);
        let keys: Vec<String> = delete.objects.into_iter().map(|object| object.key).collect();
        let (deleted, errors) = self
            .0
            .blocking(move |store| {
                let (mut deleted, mut errors) = (Vec::new(), Vec::new());
                for key in keys {
                    match store.folder.delete_object(&bucket, &key) {
                        Ok(()) => deleted.push(DeletedObject { key: Some(key), ..Default::default() }),
                        Err(error) => errors.push(Error {
                            key: Some(key),
                            code: Some("InternalError".to_owned()),
                            message: Some(error.to_string()),
                            ..Default::default()
                        }),
                    }
                }
                Ok((deleted, errors))
            })
            .await?;
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            errors: Some(errors),
            ..Default::default()
        }))
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = request.input;
        let from = source(&input.copy_source)?;
        let to = (input.bucket, input.key);
        let replaces = input.metadata_directive.is_some_and(|d| d.as_str() == MetadataDirective::REPLACE);
        if from == to && !replaces {
            return Err(s3_error!(InvalidRequest, "copying an object to itself changes nothing"));
        }
        let attributes = replaces.then(|| Attributes {
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            content_disposition: input.content_disposition,
            content_language: input.content_language,
            cache_control: input.cache_control,
            user: input.metadata.unwrap_or_default().into_iter().collect(),
        });
        let conditions = Conditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let meta = self.0.copy(from, to, conditions, attributes).await?;
        let result = CopyObjectResult {
            e_tag: Some(strong(&meta.etag)),
            last_modified: Some(meta.last_modified().into()),
            ..Default::default()
        };
        Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let after = match &input.continuation_token {
            Some(token) => read_token(token)?,
            None => input.start_after.clone().unwrap_or_default(),
        };
        let encoding = Encoding::new(input.encoding_type);
        let listed = self
            .list(input.bucket.clone(), &input.prefix, &input.delimiter, after, input.max_keys, &encoding)
            .await?;
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix.map(|p| encoding.text(p)),
            delimiter: input.delimiter.map(|d| encoding.text(d)),
            start_after: input.start_after.map(|s| encoding.text(s)),
            max_keys: Some(page_size(input.max_keys)),
            key_count: Some((listed.objects.len() + listed.prefixes.len()) as i32),
            is_truncated: Some(listed.next.is_some()),
            next_continuation_token: listed.next.map(|n| super::folder::hex(n.as_bytes())),
            continuation_token: input.continuation_token,
            contents: Some(listed.objects),
            common_prefixes: Some(listed.prefixes),
            encoding_type: encoding.echo(),
            ..Default::default()
        }))
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = request.input;
        let after = input.marker.clone().unwrap_or_default();
        let encoding = Encoding::new(input.encoding_type);
        let listed = self
            .list(input.bucket.clone(), &input.prefix, &input.delimiter, after, input.max_keys, &encoding)
            .await?;
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: input.prefix.map(|p| encoding.text(p)),
            delimiter: input.delimiter.map(|d| encoding.text(d)),
            marker: Some(encoding.text(input.marker.unwrap_or_default())),
            max_keys: Some(page_size(input.max_keys)),
            is_truncated: Some(listed.next.is_some()),
            next_marker: listed.next.map(|n| encoding.text(n)),
            contents: Some(listed.objects),
            common_prefixes: Some(listed.prefixes),
            encoding_type: encoding.echo(),
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = request.input;
        let attributes = Attributes {
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            content_disposition: input.content_disposition,
            content_language: input.content_language,
            cache_control: input.cache_control,
            user: input.metadata.unwrap_or_default().into_iter().collect(),
        };
        let id = self.0.begin_upload(input.bucket.clone(), input.key.clone(), attributes).await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let mut input = request.input;
        let digests = declared!(input);
        let at = UploadAddress { bucket: input.bucket, key: input.key, id: input.upload_id };
        let etag = self.0.put_part(at, input.part_number, input.body, digests).await?;
        Ok(S3Response::new(UploadPartOutput { e_tag: Some(strong(&etag)), ..Default::default() }))
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = request.input;
        let at = UploadAddress { bucket: input.bucket, key: input.key, id: input.upload_id };
        let range = input.copy_source_range.as_deref().map(Range::parse).transpose();
        let range =
            range.map_err(|e| s3_error!(e, InvalidArgument, "the copy source range cannot be read"))?;
        let conditions = Conditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let from = source(&input.copy_source)?;
        let etag = self.0.copy_part(at, input.part_number, from, conditions, range).await?;
        let result = CopyPartResult {
            e_tag: Some(strong(&etag)),
            last_modified: Some(std::time::SystemTime::now().into()),
            ..Default::default()
        };
        Ok(S3Response::new(UploadPartCopyOutput { copy_part_result: Some(result), ..Default::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let named = input.multipart_upload.and_then(|u| u.parts).unwrap_or_default();
        let named = named.into_iter().map(|part| {
            let number = part.part_number.unwrap_or(0);
            (number, part.e_tag.map(ETag::into_value))
        });
        let conditions = WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match };
        let at = UploadAddress { bucket: input.bucket, key: input.key, id: input.upload_id };
        let meta = self.0.complete_upload(at.clone(), named.collect(), conditions).await?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", at.bucket, at.key)),
            bucket: Some(at.bucket),
            key: Some(at.key),
            e_tag: Some(strong(&meta.etag)),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput { bucket, key, upload_id: id, .. } = request.input;
        self.0.abort_upload(UploadAddress { bucket, key, id }).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let ListPartsInput { bucket, key, upload_id: id, part_number_marker, max_parts, .. } = request.input;
        let at = UploadAddress { bucket, key, id };
        let after = part_number_marker.unwrap_or(0);
        let max = page_size(max_parts);
        let mut parts = self.0.parts(at.clone()).await?;
        parts.retain(|part| part.number > after);
        let is_truncated = parts.len() > max as usize;
        parts.truncate(max as usize);
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(at.bucket),
            key: Some(at.key),
            upload_id: Some(at.id),
            max_parts: Some(max),
            is_truncated: Some(is_truncated),
            part_number_marker,
            next_part_number_marker: parts.last().map(|part| part.number),
            parts: Some(
                parts
                    .into_iter()
                    .map(|part| Part {
                        part_number: Some(part.number),
                        e_tag: Some(strong(&part.etag)),
                        size: Some(part.size as i64),
                        last_modified: Some(part.modified.into()),
                        ..Default::default()
                    })
                    .collect(),
            ),
            ..Default::default()
        }))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = request.input;
        self.require_bucket(input.bucket.clone()).await?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let uploads = self.0.uploads(input.bucket.clone(), prefix).await?;
        let uploads = uploads.into_iter().map(|(key, id, initiated)| MultipartUpload {
            key: Some(key),
            upload_id: Some(id),
            initiated: Some(initiated.into()),
            ..Default::default()
        });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: input.prefix,
            is_truncated: Some(false),
            uploads: Some(uploads.collect()),
            ..Default::default()
        }))
    }
}

/// A page in the protocol's types.
struct Listed {
    objects: Vec<Object>,
    prefixes: Vec<CommonPrefix>,
    next: Option<String>,
}

impl Operations {
    async fn require_bucket(&self, bucket: String) -> S3Result<()> {
        self.0
            .blocking(move |s| {
                if s.folder.bucket_exists(&bucket) { Ok(()) } else { Err(no_such_bucket(&bucket).into()) }
            })
            .await
    }

    async fn list(
        &self,
        bucket: String,
        prefix: &Option<String>,
        delimiter: &Option<String>,
        after: String,
        max: Option<i32>,
        encoding: &Encoding,
    ) -> S3Result<Listed> {
        self.require_bucket(bucket.clone()).await?;
        let (prefix, delimiter) = (prefix.clone().unwrap_or_default(), delimiter.clone().unwrap_or_default());
        let max = page_size(max) as usize;
        let (page, metas) = self
            .0
            .blocking(move |store| {
                let keys = store.folder.keys(&bucket, &prefix)?;
                let page = listing::page(keys, &prefix, &delimiter, &after, max);
                let mut found = Vec::with_capacity(page.keys.len());
                for key in &page.keys {
                    // One that was deleted since is left out.
                    if let Some((_, meta)) = store.folder.open_object(&bucket, key)? {
                        found.push((key.clone(), meta));
                    }
                }
                Ok((page, found))
            })
            .await?;
        let objects = metas.into_iter().map(|(key, meta)| Object {
            key: Some(encoding.text(key)),
            size: Some(meta.size as i64),
            e_tag: Some(strong(&meta.etag)),
            last_modified: Some(meta.last_modified().into()),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Default::default()
        });
        let prefixes = page.common_prefixes.into_iter();
        Ok(Listed {
            objects: objects.collect(),
            prefixes: prefixes.map(|p| CommonPrefix { prefix: Some(encoding.text(p)) }).collect(),
            next: page.next,
        })
    }
}

/// `encoding-type=url`: keys in an answer are URL-encoded, because XML cannot hold every character.
struct Encoding(bool);

impl Encoding {
    fn new(asked: Option<EncodingType>) -> Self {
        Self(asked.is_some_and(|e| e.as_str() == EncodingType::URL))
    }

    fn echo(&self) -> Option<EncodingType> {
        self.0.then(|| EncodingType::from_static(EncodingType::URL))
    }

    fn text(&self, text: String) -> String {
        if self.0 { super::events::url_encode(&text, "%20") } else { text }
    }
}

fn page_size(asked: Option<i32>) -> i32 {
    asked.unwrap_or(PAGE_KEYS_MAX).clamp(0, PAGE_KEYS_MAX)
}

/// Continuation tokens are the hexadecimal digits of the last key, which survive XML and URLs.
fn read_token(token: &str) -> S3Result<String> {
    let digits = (0..token.len()).step_by(2).map(|i| u8::from_str_radix(token.get(i..i + 2)?, 16).ok());
    let bytes: Option<Vec<u8>> = digits.collect();
    bytes
        .and_then(|b| String::from_utf8(b).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

/// Bucket and key that a copy reads.
fn source(source: &CopySource) -> S3Result<(String, String)> {
    match source {
        CopySource::Bucket { bucket, key, version_id: None } => Ok((bucket.to_string(), key.to_string())),
        _ => Err(s3_error!(NotImplemented, "only <bucket>/<key> without a version can be copied")),
    }
}

fn content_type(meta: &Meta) -> Option<String> {
    // What S3 says of objects that were put without one.
    Some(meta.attributes.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned()))
}

fn user_metadata(meta: &Meta) -> Option<Metadata> {
    let user = &meta.attributes.user;
    (!user.is_empty()).then(|| user.clone().into_iter().collect())
}
