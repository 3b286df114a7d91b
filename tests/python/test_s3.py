"""The embedded S3 over HTTP, through the official Python client and the AWS CLI.

The store is the one of `osusume serve`, unless OSUSUME_S3_URL names another.
"""

import concurrent.futures
import hashlib
import http.client
import json
import os
import random
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from io import BytesIO

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def endpoint(request):
    return os.environ.get("OSUSUME_S3_URL") or request.getfixturevalue("server").s3_url


def client(endpoint, **config):
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="anybody",
        aws_secret_access_key="anything",
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


@pytest.fixture(scope="module")
def s3(endpoint):
    return client(endpoint)


@pytest.fixture
def bucket(s3):
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def code(error):
    return error.value.response["Error"]["Code"]


def status(error):
    return error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def noise(length):
    return random.Random(length).randbytes(length)


def test_buckets_are_created_listed_and_deleted(s3):
    name = f"test-{uuid.uuid4().hex[:12]}"
    with pytest.raises(ClientError) as missing:
        s3.head_bucket(Bucket=name)
    assert status(missing) == 404
    s3.create_bucket(Bucket=name)
    s3.head_bucket(Bucket=name)
    assert name in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    with pytest.raises(ClientError) as twice:
        s3.create_bucket(Bucket=name)
    assert code(twice) == "BucketAlreadyOwnedByYou"
    s3.put_object(Bucket=name, Key="a", Body=b"x")
    with pytest.raises(ClientError) as full:
        s3.delete_bucket(Bucket=name)
    assert code(full) == "BucketNotEmpty"
    s3.delete_object(Bucket=name, Key="a")
    s3.delete_bucket(Bucket=name)
    with pytest.raises(ClientError):
        s3.head_bucket(Bucket=name)


@pytest.mark.parametrize(
    "key",
    [
        "ratings.csv",
        "a",
        "a/b",
        "a/b/",
        "folder/",
        "a//b",
        "../../up.csv",
        "./here",
        ".hidden",
        "spaces and + plus & amp; = % percent",
        "日本語/おすすめ.csv",
        "x" * 1024,
        "nested/" + "é" * 500,
        "tilde~'()!*,;:@$",
        "<xml>&\"quotes\"",
    ],
)
def test_any_key_is_an_object_of_its_own(s3, bucket, key):
    content = f"of {key}".encode()
    s3.put_object(Bucket=bucket, Key="a/b/c", Body=b"a key may be a prefix of another")
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == content
    for listing in ("list_objects_v2", "list_objects"):
        keys = [o["Key"] for o in getattr(s3, listing)(Bucket=bucket)["Contents"]]
        assert keys == sorted(["a/b/c", key], key=str.encode)
    s3.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError) as gone:
        s3.get_object(Bucket=bucket, Key=key)
    assert code(gone) == "NoSuchKey"
    assert s3.get_object(Bucket=bucket, Key="a/b/c")["Body"].read()


def test_metadata_and_types_come_back(s3, bucket):
    s3.put_object(
        Bucket=bucket,
        Key="ratings.csv",
        Body=b"1,2",
        ContentType="text/csv",
        CacheControl="no-store",
        Metadata={"origin": "test"},
    )
    head = s3.head_object(Bucket=bucket, Key="ratings.csv")
    assert head["ContentType"] == "text/csv"
    assert head["CacheControl"] == "no-store"
    assert head["Metadata"] == {"origin": "test"}
    assert head["ContentLength"] == 3
    assert head["ETag"] == f'"{hashlib.md5(b"1,2").hexdigest()}"'


def test_missing_things_are_told_apart(s3, bucket):
    with pytest.raises(ClientError) as key:
        s3.get_object(Bucket=bucket, Key="absent")
    assert (code(key), status(key)) == ("NoSuchKey", 404)
    with pytest.raises(ClientError) as nobody:
        s3.get_object(Bucket="nobody-has-this", Key="absent")
    assert (code(nobody), status(nobody)) == ("NoSuchBucket", 404)
    with pytest.raises(ClientError) as put:
        s3.put_object(Bucket="nobody-has-this", Key="absent", Body=b"")
    assert code(put) == "NoSuchBucket"
    s3.delete_object(Bucket=bucket, Key="absent")


def test_ranges(s3, bucket):
    content = noise(MEGABYTE)
    s3.put_object(Bucket=bucket, Key="k", Body=content)
    cases = [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=10-19", slice(10, 20)),
        ("bytes=1000000-", slice(1_000_000, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=1048570-99999999", slice(1_048_570, None)),
        ("bytes=100-700000", slice(100, 700_001)),
    ]
    for asked, part in cases:
        got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert got["Body"].read() == content[part], asked
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["ContentRange"].endswith(f"/{MEGABYTE}")
    with pytest.raises(ClientError) as beyond:
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=1048576-")
    assert (code(beyond), status(beyond)) == ("InvalidRange", 416)


def test_conditions_of_reads_and_writes(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"one")["ETag"]
    s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)
    for conditions, expected in [
        ({"IfMatch": '"0"'}, 412),
        ({"IfNoneMatch": etag}, 304),
        ({"IfModifiedSince": s3.head_object(Bucket=bucket, Key="k")["LastModified"]}, 304),
    ]:
        with pytest.raises(ClientError) as refused:
            s3.get_object(Bucket=bucket, Key="k", **conditions)
        assert status(refused) == expected, conditions
    for conditions in [{"IfNoneMatch": "*"}, {"IfMatch": '"0"'}]:
        with pytest.raises(ClientError) as refused:
            s3.put_object(Bucket=bucket, Key="k", Body=b"two", **conditions)
        assert code(refused) == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"one"
    s3.put_object(Bucket=bucket, Key="k", Body=b"two", IfMatch=etag)
    s3.put_object(Bucket=bucket, Key="new", Body=b"x", IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"


def test_of_many_first_writes_one_wins(endpoint, s3, bucket):
    def write(i):
        try:
            client(endpoint).put_object(Bucket=bucket, Key="k", Body=str(i), IfNoneMatch="*")
            return str(i)
        except ClientError:
            return None

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        winners = [w for w in pool.map(write, range(16)) if w]
    assert len(winners) == 1
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read().decode() == winners[0]


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_uploads_with_checksums_in_headers_and_trailers(s3, bucket, algorithm, tmp_path):
    content = noise(300_000)
    s3.put_object(Bucket=bucket, Key="bytes", Body=content, ChecksumAlgorithm=algorithm)
    (tmp_path / "f").write_bytes(content)
    with open(tmp_path / "f", "rb") as file:
        s3.put_object(Bucket=bucket, Key="file", Body=file, ChecksumAlgorithm=algorithm)
    for key in ("bytes", "file"):
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == content


def test_a_wrong_md5_is_refused(s3, bucket):
    with pytest.raises(ClientError) as wrong:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    assert code(wrong) == "BadDigest"
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_multipart_uploads(s3, bucket):
    content = noise(20 * MEGABYTE + 5)
    config = TransferConfig(multipart_threshold=8 * MEGABYTE, multipart_chunksize=8 * MEGABYTE)
    s3.upload_fileobj(BytesIO(content), bucket, "big", Config=config)
    head = s3.head_object(Bucket=bucket, Key="big")
    assert head["ContentLength"] == len(content)
    assert head["ETag"].endswith('-3"')
    out = BytesIO()
    s3.download_fileobj(bucket, "big", out, Config=config)
    assert out.getvalue() == content
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_multipart_uploads_by_hand(s3, bucket):
    at = {"Bucket": bucket, "Key": "k"}
    at["UploadId"] = s3.create_multipart_upload(**at, ContentType="text/csv")["UploadId"]
    part = noise(5 * MEGABYTE)
    s3.upload_part(**at, PartNumber=1, Body=b"replaced below")
    one = s3.upload_part(**at, PartNumber=1, Body=part)["ETag"]
    two = s3.upload_part(**at, PartNumber=2, Body=b"tail")["ETag"]
    assert [p["PartNumber"] for p in s3.list_parts(**at)["Parts"]] == [1, 2]
    assert s3.list_parts(**at, MaxParts=1)["IsTruncated"]
    assert [u["Key"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["k"]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)

    def complete(*parts):
        named = [{"PartNumber": n, "ETag": e} for n, e in parts]
        return s3.complete_multipart_upload(**at, MultipartUpload={"Parts": named})

    for parts, expected in [
        ([(2, two), (1, one)], "InvalidPartOrder"),
        ([(1, two)], "InvalidPart"),
        ([(1, one), (3, two)], "InvalidPart"),
    ]:
        with pytest.raises(ClientError) as refused:
            complete(*parts)
        assert code(refused) == expected
    complete((1, one), (2, two))
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == part + b"tail"
    assert got["ContentType"] == "text/csv"
    with pytest.raises(ClientError) as ended:
        s3.upload_part(**at, PartNumber=3, Body=b"late")
    assert code(ended) == "NoSuchUpload"


def test_an_aborted_upload_leaves_nothing(s3, bucket):
    at = {"Bucket": bucket, "Key": "k"}
    at["UploadId"] = s3.create_multipart_upload(**at)["UploadId"]
    s3.upload_part(**at, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(**at)
    with pytest.raises(ClientError) as gone:
        s3.list_parts(**at)
    assert code(gone) == "NoSuchUpload"
    with pytest.raises(ClientError) as traversal:
        s3.list_parts(Bucket=bucket, Key="k", UploadId="../../x")
    assert code(traversal) == "NoSuchUpload"


def test_a_refusal_whose_body_was_not_read_says_that_it_ends_the_connection(endpoint):
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"))
    connection.request("PUT", "/no-such-bucket/key", body=b"x" * 65536)
    refused = connection.getresponse()
    assert (refused.status, refused.getheader("Connection")) == (404, "close"), refused.read()


def test_copies(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a b/ü.csv", Body=b"x", Metadata={"m": "1"}, ContentType="text/csv")
    source = {"Bucket": bucket, "Key": "a b/ü.csv"}
    s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="new", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "2"})
    assert s3.head_object(Bucket=bucket, Key="kept")["Metadata"] == {"m": "1"}
    assert s3.head_object(Bucket=bucket, Key="kept")["ContentType"] == "text/csv"
    assert s3.head_object(Bucket=bucket, Key="new")["Metadata"] == {"n": "2"}
    with pytest.raises(ClientError) as missing:
        s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "absent"})
    assert code(missing) == "NoSuchKey"


def test_lists_in_pages_with_prefix_and_delimiter(s3, bucket):
    keys = ["a", "a/1", "a/2", "a/b/3", "ab", "b/1", "c"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")

    def pages(operation, **arguments):
        found, prefixes = [], []
        for page in s3.get_paginator(operation).paginate(Bucket=bucket, **arguments):
            found += [o["Key"] for o in page.get("Contents", [])]
            prefixes += [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        return found, prefixes

    for operation in ("list_objects", "list_objects_v2"):
        for size in (1, 2, 1000):
            paged = {"PaginationConfig": {"PageSize": size}}
            assert pages(operation, **paged) == (keys, [])
            assert pages(operation, Delimiter="/", **paged) == (["a", "ab", "c"], ["a/", "b/"])
            assert pages(operation, Prefix="a/", Delimiter="/", **paged) == (["a/1", "a/2"], ["a/b/"])
            assert pages(operation, Prefix="none", **paged) == ([], [])
    assert s3.list_objects_v2(Bucket=bucket, StartAfter="a/2")["KeyCount"] == 4


def test_deleting_many(s3, bucket):
    for key in ("a", "b", "c/d"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    named = [{"Key": k} for k in ("a", "c/d", "absent")]
    done = s3.delete_objects(Bucket=bucket, Delete={"Objects": named})
    assert sorted(d["Key"] for d in done["Deleted"]) == ["a", "absent", "c/d"]
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["b"]


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_urls(endpoint, bucket, version):
    signer = client(endpoint, signature_version=version)
    at = {"Bucket": bucket, "Key": "a b.csv"}
    put = urllib.request.Request(signer.generate_presigned_url("put_object", at), b"signed", method="PUT")
    put.add_header("content-type", "")
    urllib.request.urlopen(put).close()
    with urllib.request.urlopen(signer.generate_presigned_url("get_object", at)) as got:
        assert got.read() == b"signed"


def test_buckets_as_host_names(endpoint, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a/b.csv", Body=b"x")
    port = endpoint.rsplit(":", 1)[1]
    request = urllib.request.Request(f"{endpoint}/a/b.csv", headers={"Host": f"{bucket}.localhost:{port}"})
    with urllib.request.urlopen(request) as got:
        assert got.read() == b"x"


def test_a_web_page_under_another_name_gets_nothing(endpoint):
    request = urllib.request.Request(endpoint, headers={"Host": "rebound.example.org"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 403


@pytest.mark.parametrize(
    "digest", [{"ChecksumCRC32": "AAAAAA=="}, {"ChecksumSHA256": "A" * 43 + "="}, {"ContentMD5": "A" * 22 + "=="}]
)
def test_bytes_that_are_not_what_was_declared_are_refused(s3, bucket, digest):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    for put in (
        lambda: s3.put_object(Bucket=bucket, Key="whole", Body=b"abc", **digest),
        lambda: s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"abc", **digest),
    ):
        with pytest.raises(s3.exceptions.ClientError) as caught:
            put()
        error = caught.value.response["Error"]
        assert error["Code"] == "BadDigest" and "did not match what was received" in error["Message"]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="whole", Body=b"abc", ChecksumSHA256="ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")


def test_the_policy_of_a_bucket_is_kept(s3, bucket):
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject"}]})

    def refused(code, call):
        with pytest.raises(s3.exceptions.ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == code

    refused("NoSuchBucketPolicy", lambda: s3.get_bucket_policy(Bucket=bucket))
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    refused("MalformedPolicy", lambda: s3.put_bucket_policy(Bucket=bucket, Policy="nonsense"))
    refused("NoSuchBucket", lambda: s3.put_bucket_policy(Bucket=f"{bucket}-else", Policy=policy))
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    s3.delete_bucket_policy(Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)
    refused("NoSuchBucketPolicy", lambda: s3.get_bucket_policy(Bucket=bucket))
    # Nobody who takes the name later inherits it.
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    refused("NoSuchBucketPolicy", lambda: s3.get_bucket_policy(Bucket=bucket))


def test_errors_have_words(s3, bucket):
    s3.put_object(Bucket=bucket, Key="there", Body=b"abc")
    for call, code, words in (
        (lambda: s3.delete_bucket(Bucket=bucket), "BucketNotEmpty", "not empty"),
        (lambda: s3.get_object(Bucket=bucket, Key="there", Range="bytes=7-"), "InvalidRange", "3 bytes"),
        (lambda: s3.get_object(Bucket=bucket, Key="there", IfMatch='"x"'), "PreconditionFailed", "did not hold"),
    ):
        with pytest.raises(s3.exceptions.ClientError) as caught:
            call()
        error = caught.value.response["Error"]
        assert error["Code"] == code and words in error["Message"], error


def test_the_command_line(endpoint, s3, bucket, tmp_path):
    environment = dict(
        os.environ, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_DEFAULT_REGION="us-east-1"
    )

    def aws(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "awscli", "--endpoint-url", endpoint, "s3", *arguments],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    small.write_bytes(b"USER_ID,ITEM_ID,TIMESTAMP\n")
    large.write_bytes(noise(20 * MEGABYTE))
    aws("cp", str(small), f"s3://{bucket}/in/small.csv")
    aws("cp", str(large), f"s3://{bucket}/in/large.csv")
    assert "large.csv" in aws("ls", f"s3://{bucket}/in/")
    aws("cp", f"s3://{bucket}/in/large.csv", str(tmp_path / "back.csv"))
    assert (tmp_path / "back.csv").read_bytes() == large.read_bytes()
    aws("cp", f"s3://{bucket}/in/large.csv", f"s3://{bucket}/copy/large.csv")
    assert s3.head_object(Bucket=bucket, Key="copy/large.csv")["ContentLength"] == 20 * MEGABYTE
    aws("sync", str(tmp_path), f"s3://{bucket}/synced/")
    aws("rm", "--recursive", f"s3://{bucket}/")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
