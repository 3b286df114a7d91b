//! Why a request is refused.

use crate::{SKEW_SECONDS, Timestamp};

/// A refusal. The text is for the caller and is what AWS says, so that advice found elsewhere applies; it
/// never tells the signature that would have been right, nor anything of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nothing in the request says who sends it.
    #[error("Missing Authentication Token")]
    MissingAuthentication,
    /// The signature is in the query.
    #[error("Presigned URLs are not supported; sign the request with an Authorization header.")]
    Presigned,
    /// The authorization or the date cannot be read; the text says what is missing.
    #[error("{0}")]
    Incomplete(String),
    /// The scope names another region.
    #[error("Credential should be scoped to a valid region: '{expected}', not '{found}'.")]
    Region {
        /// The region that answers.
        expected: String,
        /// The region of the scope.
        found: String,
    },
    /// The scope names another service.
    #[error("Credential should be scoped to correct service: '{expected}', not '{found}'.")]
    Service {
        /// The service that answers.
        expected: String,
        /// The service of the scope.
        found: String,
    },
    /// The scope does not end as scopes end.
    #[error("Credential should be scoped with a valid terminator: 'aws4_request', not '{found}'.")]
    Terminator {
        /// The end of the scope.
        found: String,
    },
    /// The scope and the date of the request name different days.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
         '{found}' != '{}', from '{signed}'.", .signed.day()
    )]
    ScopeDate {
        /// The day of the scope.
        found: String,
        /// When the request says that it was signed.
        signed: Timestamp,
    },
    /// Signed too long ago.
    #[error(
        "Signature expired: {signed} is now earlier than {} ({now} - {} min.)",
        .now.plus(-SKEW_SECONDS), SKEW_SECONDS / 60
    )]
    Expired {
        /// When the request says that it was signed.
        signed: Timestamp,
        /// The present.
        now: Timestamp,
    },
    /// Signed by a clock that is ahead.
    #[error(
        "Signature not yet current: {signed} is still later than {} ({now} + {} min.)",
        .now.plus(SKEW_SECONDS), SKEW_SECONDS / 60
    )]
    NotYetCurrent {
        /// When the request says that it was signed.
        signed: Timestamp,
        /// The present.
        now: Timestamp,
    },
    /// A header that must be signed is not.
    #[error("'{0}' must be a 'SignedHeader' in the AWS Authorization.")]
    Unsigned(String),
    /// A header was signed and did not arrive; a proxy on the way may have taken it out.
    #[error("The signed header '{0}' is not in the request.")]
    Absent(String),
    /// The body is not covered by the signature.
    #[error(
        "The payload must be signed: X-Amz-Content-Sha256 should be the SHA-256 of the body in hexadecimal, \
         not '{0}'."
    )]
    UnsignedPayload(String),
    /// The body is not the one whose hash the header tells.
    #[error("The header X-Amz-Content-Sha256 does not match the SHA-256 of the body that was received.")]
    PayloadMismatch,
    /// Nobody has this access key.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// Another secret, or something on the way changed the request.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS \
         Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

impl Denied {
    /// The exception's name on the wire.
    pub fn exception(&self) -> &'static str {
        match self {
            Self::MissingAuthentication => "MissingAuthenticationTokenException",
            Self::Presigned | Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Region { .. }
            | Self::Service { .. }
            | Self::Terminator { .. }
            | Self::ScopeDate { .. }
            | Self::Expired { .. }
            | Self::NotYetCurrent { .. }
            | Self::Unsigned(_)
            | Self::Absent(_)
            | Self::UnsignedPayload(_)
            | Self::PayloadMismatch
            | Self::Mismatch => "InvalidSignatureException",
        }
    }
}
