//! Requests signed by the crate that signs for the AWS SDK for Rust.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use proptest::prelude::*;

use crate::support::{KEY_ID, NOW, PERSONALIZE, SECRET, Sent, keys};

/// Signs at [`NOW`] for Personalize; with the header `X-Amz-Content-Sha256` if told to.
pub fn signed(mut sent: Sent, content_sha256: bool) -> Sent {
    let identity = Credentials::new(KEY_ID, SECRET, None, None, "test").into();
    let mut settings = SigningSettings::default();
    if content_sha256 {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(PERSONALIZE.region)
        .name(PERSONALIZE.service)
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs()))
        .settings(settings)
        .build()
        .expect("every member is there")
        .into();
    let uri = match sent.query.as_str() {
        "" => format!("https://personalize.us-east-1.amazonaws.com{}", sent.path),
        query => format!("https://personalize.us-east-1.amazonaws.com{}?{query}", sent.path),
    };
    let headers = sent.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(&sent.method, uri, headers, SignableBody::Bytes(&sent.body))
        .expect("a valid request");
    let (instructions, _signature) = sign(signable, &params).expect("it can be signed").into_parts();
    for (name, value) in instructions.headers() {
        sent.headers.push((name.into(), value.into()));
    }
    sent
}

/// What a client may send, before it is signed.
fn unsigned() -> impl Strategy<Value = Sent> {
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "PATCH"]);
    let segment = "[a-zA-Z0-9._~!$&'()*;=:@-]{0,6}|%[0-9a-fA-F]{2}|\\.\\.?";
    let path = prop::collection::vec(segment, 0..5).prop_map(|segments| format!("/{}", segments.join("/")));
    // No plus, and escapes of UTF-8 only: this signer reads a query as a form.
    let part = "([a-zA-Z0-9._~!$'()*:@/?-]|%[2-7][0-9a-fA-F]|%[cC]3%[89abAB][0-9a-fA-F]){1,6}";
    let query = prop::collection::vec((part, prop::option::of(part)), 0..5).prop_map(|pairs| {
        let pairs = pairs.into_iter().map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => name,
        });
        pairs.collect::<Vec<_>>().join("&")
    });
    let name =
        prop::sample::select(vec!["content-type", "X-Amz-Target", "x-amz-meta", "My-Header", "accept"]);
    let headers = prop::collection::vec((name.prop_map(String::from), "[ !-~]{0,20}"), 0..6);
    let body = prop::collection::vec(any::<u8>(), 0..200);
    (method, path, query, headers, body).prop_map(|(method, path, query, headers, body)| {
        let host = ("Host".to_owned(), "personalize.us-east-1.amazonaws.com".to_owned());
        let headers = std::iter::once(host).chain(headers).collect();
        Sent { method: method.into(), path, query, headers, body }
    })
}

proptest! {
    #[test]
    fn whatever_the_rust_sdk_signs_is_accepted(sent in unsigned(), content_sha256: bool) {
        let sent = signed(sent, content_sha256);
        let identity = sent.verify(&keys(), PERSONALIZE, NOW);
        prop_assert!(identity.is_ok(), "{:?}: {:?}", identity, sent);
    }
}
