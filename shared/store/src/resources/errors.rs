//! What can go wrong with a resource row.

use domain::Arn;

use crate::error::StoreError;

/// Why a resource was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The name is taken.
    #[error("{arn} already exists")]
    AlreadyExists {
        /// The ARN that is taken.
        arn: Arn,
    },
    /// The table could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a resource was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// Somebody else wrote or deleted it since it was read.
    #[error("{arn} is no longer at revision {revision}")]
    Conflict {
        /// The resource.
        arn: Arn,
        /// The revision that the caller had read.
        revision: u64,
    },
    /// The table could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a resource was not updated.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError<E: std::error::Error + 'static> {
    /// The change itself said no.
    #[error(transparent)]
    Refused(E),
    /// Others kept writing the same resource.
    #[error("{arn} was written by others during each of {attempts} attempts to update it")]
    Contended {
        /// The resource.
        arn: Arn,
        /// How often it was tried.
        attempts: u32,
    },
    /// The table could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
