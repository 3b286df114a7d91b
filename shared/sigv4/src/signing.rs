//! The arithmetic: hashes, the signing key, the signature.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::Timestamp;
use crate::authorization::Authorization;

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The signature, in lower-case hexadecimal, of a canonical request under a secret.
pub(crate) fn signature(
    secret: &str,
    authorization: &Authorization<'_>,
    signed: Timestamp,
    canonical_request: &str,
) -> String {
    let Authorization { day, region, service, terminator, .. } = authorization;
    let text = format!(
        "AWS4-HMAC-SHA256\n{signed}\n{day}/{region}/{service}/{terminator}\n{}",
        sha256_hex(canonical_request.as_bytes())
    );
    let mut key = hmac(format!("AWS4{secret}").as_bytes(), day);
    for part in [region, service, terminator] {
        key = hmac(&key, part);
    }
    hex(&hmac(&key, &text))
}

fn hmac(key: &[u8], message: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    text
}
