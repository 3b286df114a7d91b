//! Makes any signed request an unsigned one.
//!
//! The embedded store welcomes whatever credentials a client has, while `s3s` refuses a signature
//! that it has no keys for. So signatures are taken off, from headers and presigned URLs, and bodies
//! that are signed in pieces are unpacked.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::StreamBody;
use hyper::body::Frame;
use s3s::Body;

use super::aws_chunked::Decoder;
use crate::connector::BoxError;

/// Query parameters of presigned URLs, versions 4 and 2, in lower case.
const SIGNING_PARAMETERS: [&str; 11] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-amz-signature",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "awsaccesskeyid",
    "signature",
    "expires",
];

/// A request whose headers contradict each other.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("the body is aws-chunked, but x-amz-decoded-content-length is missing or not a number")]
    DecodedLength,
    #[error("the request's path or host cannot be read")]
    Uri(#[from] http::Error),
}

/// The same request without signatures, addressed by path.
pub(super) fn unsigned(request: Request<Body>) -> Result<Request<Body>, RequestError> {
    let (mut parts, mut body) = request.into_parts();
    parts.uri = path_style(without_signature(&parts.uri)?, &parts.headers)?;
    let headers = &mut parts.headers;
    headers.remove(AUTHORIZATION);
    headers.remove("x-amz-security-token");
    headers.remove("x-amz-date");
    let payload = headers.remove("x-amz-content-sha256");
    if payload.is_some_and(|p| p.as_bytes().starts_with(b"STREAMING-")) {
        body = unpacked(headers, body)?;
    }
    headers.entry(HOST).or_insert(HeaderValue::from_static("localhost"));
    Ok(Request::from_parts(parts, body))
}

/// A body without chunk sizes, signatures and trailers, and its headers to match.
fn unpacked(headers: &mut HeaderMap, body: Body) -> Result<Body, RequestError> {
    let length: u64 = headers
        .remove("x-amz-decoded-content-length")
        .and_then(|v| v.to_str().ok()?.trim().parse().ok())
        .ok_or(RequestError::DecodedLength)?;
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.remove("x-amz-trailer");
    let encodings: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(|v| v.trim().to_owned())
        .filter(|v| !v.is_empty() && v != "aws-chunked")
        .collect();
    headers.remove(CONTENT_ENCODING);
    if let Ok(value) = HeaderValue::try_from(encodings.join(","))
        && !value.is_empty()
    {
        headers.insert(CONTENT_ENCODING, value);
    }

    let start = (body, Decoder::new(length), Bytes::new());
    let content = stream::try_unfold(start, |(mut body, mut decoder, mut input)| async move {
        loop {
            if let Some(data) = decoder.next(&mut input)? {
                return Ok::<_, BoxError>(Some((data, (body, decoder, input))));
            }
            match body.next().await {
                Some(more) => input = more?,
                None => {
                    decoder.finish()?;
                    return Ok(None);
                }
            }
        }
    });
    Ok(Body::http_body_unsync(StreamBody::new(content.map_ok(Frame::data))))
}

fn without_signature(uri: &Uri) -> Result<Uri, http::Error> {
    let Some(query) = uri.query() else { return Ok(uri.clone()) };
    let is_signing = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        SIGNING_PARAMETERS.contains(&name.as_str())
    };
    let kept: Vec<&str> = query.split('&').filter(|p| !is_signing(p)).collect();
    if kept.is_empty() {
        return with_path(uri, uri.path().to_owned());
    }
    with_path(uri, format!("{}?{}", uri.path(), kept.join("&")))
}

/// Moves the bucket of `bucket.localhost` into the path.
fn path_style(uri: Uri, headers: &HeaderMap) -> Result<Uri, http::Error> {
    let host = headers.get(HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    match host.strip_suffix(".localhost") {
        Some(bucket) if !bucket.is_empty() && bucket != "s3" => {
            let rest = uri.path_and_query().map_or("/", PathAndQuery::as_str);
            with_path(&uri, format!("/{bucket}{rest}"))
        }
        _ => Ok(uri),
    }
}

fn with_path(uri: &Uri, path_and_query: String) -> Result<Uri, http::Error> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query.try_into()?);
    Ok(Uri::from_parts(parts)?)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)], body: &'static str) -> Request<Body> {
        let mut request = Request::put(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::from(Bytes::from_static(body.as_bytes()))).expect("a valid request")
    }

    #[tokio::test]
    async fn a_body_that_is_signed_in_pieces_is_unpacked() {
        let signed = request(
            "/films/a.csv.gz",
            &[
                ("authorization", "AWS4-HMAC-SHA256 Credential=x"),
                ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
                ("x-amz-decoded-content-length", "5"),
                ("content-length", "90"),
                ("content-encoding", "aws-chunked,gzip"),
                ("x-amz-trailer", "x-amz-checksum-crc32"),
            ],
            "5;chunk-signature=0\r\nhello\r\n0;chunk-signature=0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
        );
        let plain = unsigned(signed).expect("a readable request");
        let header = |name: &str| plain.headers().get(name).map(|v| v.to_str().expect("ASCII").to_owned());
        assert_eq!(header("authorization"), None);
        assert_eq!(header("content-length").as_deref(), Some("5"));
        assert_eq!(header("content-encoding").as_deref(), Some("gzip"));
        let body = BodyExt::collect(plain.into_body()).await.expect("a whole body").to_bytes();
        assert_eq!(&body[..], b"hello");
    }

    #[tokio::test]
    async fn a_body_that_is_cut_off_does_not_end_quietly() {
        let headers = [
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("x-amz-decoded-content-length", "5"),
        ];
        let plain = unsigned(request("/films/a", &headers, "5\r\nhel")).expect("a readable request");
        assert!(BodyExt::collect(plain.into_body()).await.is_err());
        let error = unsigned(request("/films/a", &headers[..1], "5\r\nhello\r\n0\r\n\r\n"));
        assert!(matches!(error, Err(RequestError::DecodedLength)));
    }

    #[test]
    fn presigned_urls_lose_their_signature_and_nothing_else() {
        let cases = [
            (
                "/films/a?X-Amz-Algorithm=A&partNumber=2&X-Amz-Signature=0&uploadId=u%2F1",
                "localhost",
                "/films/a?partNumber=2&uploadId=u%2F1",
            ),
            ("/films/a?AWSAccessKeyId=A&Signature=0&Expires=1", "127.0.0.1:9000", "/films/a"),
            ("/films?list-type=2&prefix=a%20b", "localhost:9000", "/films?list-type=2&prefix=a%20b"),
            ("/a/b.csv?uploads", "films.localhost:9000", "/films/a/b.csv?uploads"),
            ("/", "films.localhost", "/films/"),
            ("/films/a", "s3.localhost", "/films/a"),
        ];
        for (uri, host, expected) in cases {
            let plain = unsigned(request(uri, &[("host", host)], "")).expect("a readable request");
            assert_eq!(plain.uri().to_string(), expected, "{uri} at {host}");
        }
    }
}
