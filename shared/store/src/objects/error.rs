//! Failures of S3 calls.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::location::S3Location;
use crate::error::Cause;

/// An object could not be read or written. The texts may be shown to the caller who named the
/// location; the cause is for the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// There is no such bucket.
    #[error("the bucket '{bucket}' does not exist")]
    NoSuchBucket {
        /// Its name.
        bucket: String,
    },
    /// The bucket has no such key.
    #[error("{location} does not exist")]
    NoSuchKey {
        /// The object.
        location: S3Location,
    },
    /// The bucket's owner does not let us.
    #[error("access to {location} was denied: the role that this runs as may not {operation} it")]
    AccessDenied {
        /// What was tried, as a verb phrase.
        operation: &'static str,
        /// The object or prefix.
        location: S3Location,
        /// What the SDK said.
        #[source]
        cause: Cause,
    },
    /// The object is not the one that reading began with.
    #[error("{location} was replaced while it was being read")]
    Replaced {
        /// The object.
        location: S3Location,
    },
    /// Deleting under the empty prefix would empty the bucket.
    #[error("refused to delete everything in the bucket '{bucket}': name a prefix")]
    EmptyPrefix {
        /// Its name.
        bucket: String,
    },
    /// Anything else.
    #[error("failed to {operation} {location}")]
    Failed {
        /// What was tried, as a verb phrase.
        operation: &'static str,
        /// The object or prefix.
        location: S3Location,
        /// What the SDK said.
        #[source]
        cause: Cause,
    },
}

impl ObjectError {
    /// Tells the three failures that a user can mend from the others, by S3's error code.
    pub(super) fn from_sdk<E, R>(operation: &'static str, at: &S3Location, error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let location = at.clone();
        match error.as_service_error().and_then(|e| e.code()) {
            Some("NoSuchBucket") => Self::NoSuchBucket { bucket: location.bucket },
            Some("NoSuchKey" | "NotFound") => Self::NoSuchKey { location },
            Some("AccessDenied" | "Forbidden" | "AllAccessDisabled") => {
                Self::AccessDenied { operation, location, cause: error.into() }
            }
            _ => Self::Failed { operation, location, cause: error.into() },
        }
    }

    /// Whether the role that this runs as may not do it, with the object or with the key of its encryption.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::AccessDenied { .. })
    }

    /// Whether the named bucket or key is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NoSuchBucket { .. } | Self::NoSuchKey { .. })
    }
}
