//! Objects.

use std::io::{BufRead, Read};
use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use bytes::Bytes;
use embedded::Embedded;
use store::{ObjectError, Objects, S3Location};

async fn objects() -> (Embedded, Objects) {
    let embedded = Embedded::in_memory().await.expect("empty services");
    let objects = Objects::new(embedded.s3.client(), "films");
    objects.create_bucket_if_missing().await.expect("a bucket");
    objects.create_bucket_if_missing().await.expect("a bucket that is there is as good");
    (embedded, objects)
}

/// Bytes that do not repeat at any chunk size.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test]
async fn objects_of_any_size_come_back() {
    let (_embedded, objects) = objects().await;
    for length in [0, 1, 1_000, 256 * 1024, 256 * 1024 + 1, 3_000_000] {
        let at = objects.at(format!("in/{length}.bin"));
        let content = noise(length);
        let etag = objects.put(&at, content.clone()).await.expect("a put");
        assert_eq!(etag.len(), 32, "{etag}");
        assert_eq!(objects.get(&at).await.expect("a get"), content, "{length} bytes");
        let info = objects.head(&at).await.expect("a head").expect("an object");
        assert_eq!((info.size, info.etag, info.key), (length as u64, etag, at.key.clone()));
        assert!(info.last_modified.0 > 1_700_000_000_000, "{:?}", info.last_modified);
    }
}

#[tokio::test]
async fn a_range_is_read_of_the_object_that_was_meant() {
    let (_embedded, objects) = objects().await;
    let at = objects.at("ranges.bin");
    let content = noise(1_000_000);
    let etag = objects.put(&at, content.clone()).await.expect("a put");
    for range in [0..1, 0..1_000_000, 5..9, 300_000..900_001, 999_999..1_000_000] {
        let mut body = objects.open_range(&at, &etag, range.clone()).await.expect("a range");
        assert_eq!((body.info().size, body.info().etag.as_str()), (1_000_000, etag.as_str()));
        let mut read = Vec::new();
        while let Some(chunk) = body.next().await.expect("a chunk") {
            read.extend_from_slice(&chunk);
        }
        assert!(read == content[range.start as usize..range.end as usize], "{range:?}");
    }
    objects.put(&at, "something else").await.expect("a put");
    let replaced = objects.open_range(&at, &etag, 0..1).await.expect_err("another object");
    assert_eq!(replaced.to_string(), "s3://films/ranges.bin was replaced while it was being read");
    objects.delete(&at).await.expect("a deletion");
    let gone = objects.open_range(&at, &etag, 0..1).await.expect_err("no object");
    assert!(gone.is_not_found(), "{gone:?}");
}

#[tokio::test]
async fn blocking_code_reads_an_object_as_it_comes() {
    let (_embedded, objects) = objects().await;
    let at = objects.at("lines.csv");
    let lines: String = (0..200_000).map(|i| format!("{i},item-{i}\n")).collect();
    objects.put(&at, lines.clone()).await.expect("a put");
    let body = objects.open(&at).await.expect("an object");
    assert_eq!(body.info().size, lines.len() as u64);
    let mut reader = body.into_reader();
    let read = tokio::task::spawn_blocking(move || {
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let mut rest = String::new();
        reader.read_to_string(&mut rest)?;
        Ok::<_, std::io::Error>(first + &rest)
    });
    assert_eq!(read.await.expect("a reader").expect("a whole object"), lines);
}

#[tokio::test]
async fn a_reader_may_stop_early() {
    let (_embedded, objects) = objects().await;
    let at = objects.at("long.bin");
    objects.put(&at, noise(20_000_000)).await.expect("a put");
    let mut reader = objects.open(&at).await.expect("an object").into_reader();
    let first = tokio::task::spawn_blocking(move || {
        let mut first = [0; 10];
        reader.read_exact(&mut first).map(|()| first)
    });
    assert_eq!(first.await.expect("a reader").expect("ten bytes")[..], noise(10)[..]);
}

#[tokio::test]
async fn what_is_missing_is_told_apart() {
    let (_embedded, objects) = objects().await;
    let key = objects.at("absent.csv");
    let bucket: S3Location = "s3://nobody/absent.csv".parse().expect("a location");
    let missing_key = objects.get(&key).await.expect_err("no such key");
    assert!(matches!(missing_key, ObjectError::NoSuchKey { .. }), "{missing_key:?}");
    assert_eq!(missing_key.to_string(), "s3://films/absent.csv does not exist");
    assert_eq!(objects.head(&key).await.expect("a head"), None);

    let errors = [
        objects.get(&bucket).await.map(|_| ()).expect_err("no such bucket"),
        objects.head(&bucket).await.map(|_| ()).expect_err("no such bucket"),
        objects.list("nobody", "").await.map(|_| ()).expect_err("no such bucket"),
        objects.put(&bucket, Bytes::new()).await.map(|_| ()).expect_err("no such bucket"),
    ];
    for error in errors {
        assert!(matches!(&error, ObjectError::NoSuchBucket { bucket } if bucket == "nobody"), "{error:?}");
        assert!(error.is_not_found());
    }
}

#[tokio::test]
async fn a_first_write_wins() {
    let (_embedded, objects) = objects().await;
    let at = objects.at("commit.json");
    let first = objects.put_if_absent(&at, "first").await.expect("a put");
    assert_eq!(first.map(|e| e.len()), Some(32));
    assert_eq!(objects.put_if_absent(&at, "second").await.expect("a put"), None);
    assert_eq!(objects.get(&at).await.expect("a get"), "first");
    objects.put(&at, "third").await.expect("a put");
    assert_eq!(objects.get(&at).await.expect("a get"), "third");
}

#[tokio::test]
async fn lists_hold_every_page_in_the_order_of_keys() {
    let (_embedded, objects) = objects().await;
    for i in 0..1_005 {
        objects.put(&objects.at(format!("parts/{i:05}")), "x").await.expect("a put");
    }
    for key in ["parts", "parts/a b+ü%.csv", "other"] {
        objects.put(&objects.at(key), "x").await.expect("a put");
    }
    let listed = objects.list("films", "parts/").await.expect("a list");
    assert_eq!(listed.len(), 1_006);
    assert!(listed.is_sorted_by(|a, b| a.key < b.key));
    assert_eq!(listed.last().map(|o| o.key.as_str()), Some("parts/a b+ü%.csv"));
    assert_eq!(objects.list("films", "").await.expect("a list").len(), 1_008);

    assert_eq!(objects.delete_prefix(&objects.at("parts/")).await.expect("a delete"), 1_006);
    let left: Vec<String> =
        objects.list("films", "").await.expect("a list").into_iter().map(|o| o.key).collect();
    assert_eq!(left, ["other", "parts"]);
    let whole = objects.delete_prefix(&objects.at("")).await;
    assert!(matches!(whole, Err(ObjectError::EmptyPrefix { .. })), "{whole:?}");
}

/// What requests say about encryption: the method and the key.
#[derive(Clone, Debug, Default)]
struct Encryption(Arc<Mutex<Vec<[Option<String>; 2]>>>);

impl Intercept for Encryption {
    fn name(&self) -> &'static str {
        "Encryption"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let header = |name: &str| context.request().headers().get(name).map(str::to_owned);
        let method = header("x-amz-server-side-encryption");
        let key = header("x-amz-server-side-encryption-aws-kms-key-id");
        self.0.lock().expect("nobody panics").push([method, key]);
        Ok(())
    }
}

#[tokio::test]
async fn a_key_goes_with_what_is_written_under_it_and_with_nothing_else() {
    let embedded = Embedded::in_memory().await.expect("empty services");
    let seen = Encryption::default();
    let config = embedded.s3.client().config().to_builder().interceptor(seen.clone()).build();
    let objects = Objects::new(aws_sdk_s3::Client::from_conf(config), "films");
    objects.create_bucket_if_missing().await.expect("a bucket");
    seen.0.lock().expect("nobody panics").clear();
    let key = "arn:aws:kms:us-east-1:000000000000:key/1234abcd";
    let (under, plain) = (objects.at("under"), objects.at("plain"));
    objects.put_under(&under, "content", Some(key)).await.expect("a put under a key");
    objects.put(&plain, "content").await.expect("a put");
    assert_eq!(objects.get(&under).await.expect("a get"), "content");
    let keyed = [Some("aws:kms".to_owned()), Some(key.to_owned())];
    assert_eq!(*seen.0.lock().expect("nobody panics"), [keyed, [None, None], [None, None]]);
}
