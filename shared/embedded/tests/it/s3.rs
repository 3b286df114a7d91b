//! The embedded S3 through the official client, in process and over a socket, and beside it on disk.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use embedded::Embedded;
use embedded::s3::CreatedBy;
use tempfile::TempDir;
use tokio::net::TcpListener;

async fn with_bucket(embedded: &Embedded) -> Client {
    let client = embedded.s3.client();
    client.create_bucket().bucket("films").send().await.expect("a bucket");
    client
}

async fn put(client: &Client, key: &str, content: &'static str) -> String {
    let body = ByteStream::from_static(content.as_bytes());
    let put = client.put_object().bucket("films").key(key).body(body).send().await.expect("a put");
    put.e_tag.expect("an ETag")
}

async fn get(client: &Client, key: &str) -> Option<(String, String)> {
    let got = client.get_object().bucket("films").key(key).send().await.ok()?;
    let content = got.body.collect().await.expect("a whole object").into_bytes();
    Some((got.e_tag.expect("an ETag"), String::from_utf8(content.into()).expect("UTF-8")))
}

#[tokio::test]
async fn every_way_to_create_an_object_is_told() {
    let embedded = Embedded::in_memory().await.expect("empty services");
    let client = with_bucket(&embedded).await;
    let mut created = embedded.s3.object_created();

    let etag = put(&client, "in/a b.csv", "1,2").await;
    let event = created.recv().await.expect("an event");
    assert_eq!(
        (event.by, event.bucket.as_str(), event.key.as_str()),
        (CreatedBy::Put, "films", "in/a b.csv")
    );
    assert_eq!((event.size, format!("\"{}\"", event.etag)), (3, etag));
    assert_eq!(get(&client, "in/a b.csv").await.expect("readable at once").1, "1,2");

    let copy = client.copy_object().bucket("films").key("copy.csv").copy_source("films/in/a%20b.csv");
    copy.send().await.expect("a copy");
    let copied = created.recv().await.expect("an event");
    assert_eq!((copied.by, copied.key.as_str()), (CreatedBy::Copy, "copy.csv"));
    assert!(copied.sequencer > event.sequencer);

    let begun = client.create_multipart_upload().bucket("films").key("large.csv").send().await;
    let id = begun.expect("an upload").upload_id.expect("an id");
    let part = client.upload_part().bucket("films").key("large.csv").upload_id(&id).part_number(1);
    let part = part.body(ByteStream::from_static(b"3,4")).send().await.expect("a part");
    let part = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag).build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    let complete = client.complete_multipart_upload().bucket("films").key("large.csv").upload_id(&id);
    let done = complete.multipart_upload(parts).send().await.expect("a completed upload");
    let event = created.recv().await.expect("an event");
    assert_eq!((event.by, event.size), (CreatedBy::CompleteMultipartUpload, 3));
    assert!(event.etag.ends_with("-1"), "{}", event.etag);
    assert_eq!(done.e_tag, Some(format!("\"{}\"", event.etag)));

    let refused = client.put_object().bucket("films").key("copy.csv").if_none_match("*").send().await;
    assert!(refused.is_err());
    client.delete_object().bucket("films").key("copy.csv").send().await.expect("a delete");
    assert!(created.try_recv().is_err(), "neither a refused write nor a delete creates an object");
}

#[tokio::test]
async fn files_that_a_person_copies_into_the_folder_are_objects() {
    let directory = TempDir::new().expect("a directory");
    let embedded = Embedded::open(directory.path()).await.expect("a free directory");
    let client = with_bucket(&embedded).await;
    let folder = directory.path().join("s3/films/uploads");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("ratings.csv"), "1,2").expect("a file");

    let (etag, content) = get(&client, "uploads/ratings.csv").await.expect("an object");
    assert_eq!(content, "1,2");
    assert_eq!(etag, put(&client, "same.csv", "1,2").await);
    assert_eq!(fs::read_to_string(directory.path().join("s3/films/same.csv")).expect("a file"), "1,2");

    fs::write(folder.join("ratings.csv"), "1,2,3").expect("a file");
    let (changed, content) = get(&client, "uploads/ratings.csv").await.expect("an object");
    assert_eq!(content, "1,2,3");
    assert_ne!(changed, etag, "the ETag follows the content");

    let listed = client.list_objects_v2().bucket("films").send().await.expect("a list");
    let keys: Vec<_> = listed.contents().iter().filter_map(|o| o.key()).collect();
    assert_eq!(keys, ["same.csv", "uploads/ratings.csv"]);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let directory = TempDir::new().expect("a directory");
    let embedded = Embedded::open(directory.path()).await.expect("a free directory");
    let client = with_bucket(&embedded).await;
    put(&client, "k.csv", "before").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let s3 = embedded.s3.clone();
    tokio::spawn(async move { s3.serve(listener).await });

    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address)?;
        stream
            .write_all(b"PUT /films/k.csv HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nafter")?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    });
    let answer = answer.await.expect("a client").unwrap_or_default();
    assert!(!answer.contains("200 OK"), "{answer}");
    assert_eq!(get(&client, "k.csv").await.expect("an object").1, "before");
    // The server hears of the closed connection a moment after the client closed it.
    let drafts = || fs::read_dir(directory.path().join("s3/.tmp")).expect("a folder").count();
    for _ in 0..500 {
        if drafts() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(drafts(), 0);
}

#[tokio::test]
async fn drafts_of_a_killed_process_are_swept() {
    let directory = TempDir::new().expect("a directory");
    let drafts = directory.path().join("s3/.tmp");
    fs::create_dir_all(&drafts).expect("a folder");
    fs::write(drafts.join("half"), "half").expect("a file");
    let embedded = Embedded::open(directory.path()).await.expect("a free directory");
    assert_eq!(fs::read_dir(&drafts).expect("a folder").count(), 0);
    let buckets = embedded.s3.client().list_buckets().send().await.expect("a list");
    assert!(buckets.buckets().is_empty(), "{buckets:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_one_whole_version_while_it_is_replaced() {
    let embedded = Embedded::in_memory().await.expect("empty services");
    let client = with_bucket(&embedded).await;
    let content = |round: u8| vec![round; 600_000];
    let put = |round: u8| {
        let body = ByteStream::from(content(round));
        client.put_object().bucket("films").key("k").body(body).send()
    };
    put(0).await.expect("a put");
    let reader = tokio::spawn({
        let client = client.clone();
        async move {
            for _ in 0..60 {
                let got = client.get_object().bucket("films").key("k").send().await.expect("a get");
                let etag = got.e_tag.clone();
                let bytes = got.body.collect().await.expect("a whole object").into_bytes();
                assert_eq!(bytes.len(), 600_000);
                assert!(bytes.iter().all(|b| *b == bytes[0]), "mixed versions");
                let head = client.get_object().bucket("films").key("k").if_match(etag.expect("an ETag"));
                // It may have been replaced since; then the condition says so.
                if let Ok(same) = head.send().await {
                    let again = same.body.collect().await.expect("a whole object").into_bytes();
                    assert_eq!(again[0], bytes[0], "an ETag of another content");
                }
            }
        }
    });
    for round in 1..40 {
        put(round).await.expect("a put");
    }
    reader.await.expect("a reader");
}
