//! Verifies requests that are signed with AWS Signature Version 4.
//!
//! Clients of Personalize sign for the service `personalize`, which no authorizer of API Gateway takes,
//! so the functions check signatures themselves, against access keys of their own. [`verify`] takes a
//! request as it was received and says whose key signed it, or why it is refused in the words that AWS
//! uses. It reads no clock, no environment and no network. Read [`verify`] first, then
//! `canonical.rs`, where the bytes that are signed are put together.
//!
//! What the scheme leaves to the service is decided as follows.
//!
//! - Every refusal by the clock is an `InvalidSignatureException`, because that is the name by which SDKs
//!   notice that their clock is wrong. Nothing here is ever an `ExpiredTokenException`.
//! - Session tokens are not issued by us. `X-Amz-Security-Token` must be signed as every `x-amz-*` header
//!   must, and has no other meaning: the key alone decides.
//! - `X-Amz-Content-Sha256`, where present, must be the hash of the body. `UNSIGNED-PAYLOAD` and the
//!   streaming forms are S3's and are refused.
//! - Presigned URLs are refused; no operation of Personalize can be called by one.
//! - A `+` in a query is a plus, as in RFC 3986, and not a space.
//! - Signing keys are not cached: deriving one takes a few microseconds, and a cache would answer faster
//!   for a key that is known.

mod authorization;
mod canonical;
mod denied;
mod keys;
mod request;
mod signing;
mod timestamp;
mod verify;

pub use denied::Denied;
pub use keys::{Keys, KeysError};
pub use request::Request;
pub use timestamp::Timestamp;
pub use verify::{Expect, Identity, SKEW_SECONDS, verify};
