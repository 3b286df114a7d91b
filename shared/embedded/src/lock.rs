//! One process on one data directory.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Name of the file whose lock stands for the directory.
const LOCK_FILE: &str = "osusume.lock";

/// An advisory lock on a directory, given back when dropped or when the process ends in whatever
/// way. The file itself stays.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

/// Why a directory could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error(
        "the data directory {} is in use by another osusume process: stop that one, or choose another directory",
        directory.display()
    )]
    InUse {
        /// The directory.
        directory: PathBuf,
    },
    /// It cannot be created or written.
    #[error("cannot use the data directory {}", directory.display())]
    Io {
        /// The directory.
        directory: PathBuf,
        /// What the file system said.
        #[source]
        cause: io::Error,
    },
}

impl DirectoryLock {
    pub(crate) fn take(directory: &Path) -> Result<Self, LockError> {
        let io = |cause| LockError::Io { directory: directory.to_owned(), cause };
        fs::create_dir_all(directory).map_err(io)?;
        let path = directory.join(LOCK_FILE);
        let file = File::options().create(true).truncate(false).write(true).open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::InUse { directory: directory.to_owned() }),
            Err(TryLockError::Error(cause)) => Err(io(cause)),
        }
    }
}
