//! The AWS Signature Version 4 Test Suite.

use serde_json::Value;
use sigv4::{Denied, Expect};

use crate::support::{KEY_ID, NOW, Sent, keys};

const SERVICE: Expect<'static> = Expect { region: "us-east-1", service: "service" };

/// The signed requests of the suite, by name; the file says where it is from.
fn vectors() -> Vec<(String, Sent)> {
    let fixture: Value =
        serde_json::from_str(include_str!("../fixtures/aws_vectors.json")).expect("the fixture is JSON");
    let vectors = fixture["vectors"].as_array().expect("vectors");
    vectors
        .iter()
        .map(|vector| {
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential={KEY_ID}/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders={}, Signature={}",
                vector["signed_headers"].as_str().expect("signed_headers"),
                vector["signature"].as_str().expect("signature"),
            );
            let name = vector["name"].as_str().expect("name").to_owned();
            (name, Sent::from_json(vector).with("Authorization", &authorization))
        })
        .collect()
}

/// Adds the token after signing. Some services take that; we take no unsigned `x-amz-*` header.
const TOKEN_AFTER_SIGNING: &str = "post-sts-header-after";

#[test]
fn every_vector_of_aws_verifies() {
    let keys = keys();
    let vectors = vectors();
    assert_eq!(vectors.len(), 34);
    for (name, mut sent) in vectors {
        if name == TOKEN_AFTER_SIGNING {
            let denied = sent.verify(&keys, SERVICE, NOW).unwrap_err();
            assert_eq!(denied, Denied::Unsigned("X-Amz-Security-Token".into()));
            sent = sent.without("X-Amz-Security-Token");
        }
        let identity = sent.verify(&keys, SERVICE, NOW);
        assert_eq!(identity.map(|identity| identity.access_key_id).as_deref(), Ok(KEY_ID), "{name}");
    }
}

#[test]
fn no_vector_verifies_for_another_method() {
    let keys = keys();
    for (name, mut sent) in vectors() {
        sent.method = "PUT".into();
        assert!(sent.verify(&keys, SERVICE, NOW).is_err(), "{name}");
    }
}
