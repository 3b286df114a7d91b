//! S3 and DynamoDB on one machine, for local mode and for tests.
//!
//! [`Embedded`] holds both over one data directory and hands out the official SDK clients, which
//! call the services in process, without a socket. The code above never knows the difference: what
//! runs here is what runs in the cloud. S3 can also be served over HTTP, so that `aws s3 cp` and
//! boto3 reach the same objects.
//!
//! Read [`dynamodb`] and [`s3`]; nothing here is meant to be reachable by anybody but the person at
//! the machine: every credential is accepted.

pub mod dynamodb;

pub mod s3;

mod connector;
mod lock;

use std::path::{Path, PathBuf};

pub use dynamodb::DynamoDb;
pub use lock::LockError;
pub use s3::S3;

use lock::DirectoryLock;
use store::tables;

/// Both services over one data directory, which belongs to this process until the value is dropped.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// Objects.
    pub s3: S3,
    /// Tables, all of [`tables::ALL`] under [`tables::PREFIX_DEFAULT`].
    pub dynamodb: DynamoDb,
    _hold: Hold,
}

/// What has to live as long as the services.
#[derive(Clone, Debug)]
enum Hold {
    Directory { _lock: std::sync::Arc<DirectoryLock> },
    Temporary { _directory: std::sync::Arc<tempfile::TempDir> },
}

/// Why the embedded services did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process works on the directory, or it cannot be written.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A directory could not be made.
    #[error("cannot create the directory {}", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// What the file system said.
        #[source]
        cause: std::io::Error,
    },
    /// A database file could not be opened.
    #[error("cannot open the database {}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The tables could not be created.
    #[error("cannot create the tables")]
    Tables(#[source] store::StoreError),
    /// Rows that have expired could not be removed.
    #[error("cannot remove what has expired")]
    Sweep(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Embedded {
    /// Opens the services over a directory, which is created if need be: objects lie under `s3/`,
    /// tables in `*.db`.
    ///
    /// Fails with [`LockError::InUse`] while another process (or another value in this one) has it
    /// open.
    pub async fn open(directory: &Path) -> Result<Self, OpenError> {
        let lock = DirectoryLock::take(directory)?;
        let s3 = S3::open(&directory.join("s3"), s3::Durability::PowerLoss)?;
        let dynamodb = DynamoDb::open(directory)?;
        let hold = Hold::Directory { _lock: std::sync::Arc::new(lock) };
        Self { s3, dynamodb, _hold: hold }.with_tables().await
    }

    /// Empty services for a test: tables in memory, objects in a temporary directory that goes away
    /// with the last clone.
    pub async fn in_memory() -> Result<Self, OpenError> {
        let directory = tempfile::TempDir::with_prefix("osusume-")
            .map_err(|cause| OpenError::Create { path: std::env::temp_dir(), cause })?;
        let s3 = S3::open(directory.path(), s3::Durability::ProcessCrash)?;
        let dynamodb = DynamoDb::in_memory()?;
        let hold = Hold::Temporary { _directory: std::sync::Arc::new(directory) };
        Self { s3, dynamodb, _hold: hold }.with_tables().await
    }

    async fn with_tables(self) -> Result<Self, OpenError> {
        tables::create_missing(&self.dynamodb.client(), tables::PREFIX_DEFAULT)
            .await
            .map_err(OpenError::Tables)?;
        self.dynamodb.sweep()?;
        Ok(self)
    }
}
