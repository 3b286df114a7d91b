//! Buckets and objects as folders and files. Everything here blocks.
//!
//! ```text
//! <root>/<bucket>/<path of the key>          the object's bytes, see `names`
//! <root>/.meta/<bucket>/<path of the key>    its ETag, content type and user metadata, as JSON
//! <root>/.tmp/                               what is being written; emptied at start
//! <root>/.uploads/<upload id>/               multipart uploads under way
//! <root>/.policies/<bucket>.json             the bucket's policy, where it has one
//! ```
//!
//! An object appears by renaming a finished file, so a reader sees the old bytes or the new ones, and
//! a crash leaves nothing half written. The metadata remembers which file (inode, size, time of
//! change) it describes. When it does not fit the file, because of a crash between the two renames
//! or because a person copied a file into the folder, the ETag is taken anew from the bytes.
//!
//! Reading needs no lock; whatever changes a name holds one, so that a condition (`If-None-Match`)
//! and the change it guards are one step.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::names;

/// Piece size of copies and hashes.
const COPY_BYTES: usize = 1 << 20;

/// How much an acknowledged write outlives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A killed process: bytes are handed to the operating system. For tests.
    ProcessCrash,
    /// A power failure: bytes are on the disk before the object appears under its name.
    PowerLoss,
}

/// What a caller gave along with an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attributes {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_disposition: Option<String>,
    pub content_language: Option<String>,
    pub cache_control: Option<String>,
    /// `x-amz-meta-…`.
    pub user: BTreeMap<String, String>,
}

/// What is known about an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// Without quotes.
    pub etag: String,
    pub size: u64,
    #[serde(flatten)]
    pub attributes: Attributes,
    inode: u64,
    changed_ns: i128,
}

impl Meta {
    /// When the object's bytes were written.
    pub(super) fn last_modified(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(u64::try_from(self.changed_ns).unwrap_or(0))
    }

    fn describes(&self, stat: &fs::Metadata) -> bool {
        (self.inode, self.size, self.changed_ns) == (stat.ino(), stat.size(), changed_ns(stat))
    }

    fn new(stat: &fs::Metadata, etag: String, attributes: Attributes) -> Self {
        Self { etag, size: stat.size(), attributes, inode: stat.ino(), changed_ns: changed_ns(stat) }
    }
}

fn changed_ns(stat: &fs::Metadata) -> i128 {
    i128::from(stat.mtime()) * 1_000_000_000 + i128::from(stat.mtime_nsec())
}

/// The root of all buckets.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    durability: Durability,
    names: Mutex<()>,
}

/// A file that is being written; removed when dropped before it became an object.
#[derive(Debug)]
pub(super) struct Draft {
    file: File,
    path: PathBuf,
    md5: Md5,
}

/// A finished draft with its MD5.
#[derive(Debug)]
pub(super) struct Finished {
    draft: Draft,
    pub md5: [u8; 16],
}

impl Draft {
    /// Appends a file whose MD5 nobody needs; the operating system may copy it without us.
    pub(super) fn append(&mut self, file: &mut File) -> io::Result<u64> {
        io::copy(file, &mut self.file)
    }
}

impl Finished {
    /// Keeps the draft under another name, as something else than an object.
    pub(super) fn rename(&self, path: &Path) -> io::Result<()> {
        fs::rename(&self.draft.path, path)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.md5.update(bytes);
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once renamed it is no longer there, which is fine.
        let _ = fs::remove_file(&self.path);
    }
}

impl Folder {
    pub(super) fn open(root: &Path, durability: Durability) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let folder = Self { root: root.to_owned(), durability, names: Mutex::new(()) };
        // Drafts of a process that was killed.
        match fs::remove_dir_all(folder.root.join(".tmp")) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        for own in [".tmp", ".meta", ".uploads", ".policies"] {
            fs::create_dir_all(folder.root.join(own))?;
        }
        Ok(folder)
    }

    pub(super) fn uploads(&self) -> PathBuf {
        self.root.join(".uploads")
    }

    fn bucket(&self, bucket: &str) -> PathBuf {
        self.root.join(bucket)
    }

    fn policy_path(&self, bucket: &str) -> PathBuf {
        self.root.join(".policies").join(format!("{bucket}.json"))
    }

    fn meta_path(&self, bucket: &str, key: &str) -> PathBuf {
        self.root.join(".meta").join(bucket).join(names::path_of_key(key))
    }

    fn object_path(&self, bucket: &str, key: &str) -> PathBuf {
        self.bucket(bucket).join(names::path_of_key(key))
    }

    /// Held while a condition is checked and a name is changed.
    pub(super) fn lock_names(&self) -> MutexGuard<'_, ()> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn bucket_exists(&self, bucket: &str) -> bool {
        self.bucket(bucket).is_dir()
    }

    /// Answers whether the bucket is new.
    pub(super) fn create_bucket(&self, bucket: &str) -> io::Result<bool> {
        let _names = self.lock_names();
        match fs::create_dir(self.bucket(bucket)) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The policy of a bucket, where it has one.
    pub(super) fn policy(&self, bucket: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.policy_path(bucket)) {
            Ok(policy) => Ok(Some(policy)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Gives a bucket another policy, or none.
    pub(super) fn set_policy(&self, bucket: &str, policy: Option<&str>) -> io::Result<()> {
        let path = self.policy_path(bucket);
        match policy {
            Some(policy) => {
                let mut draft = self.draft()?;
                draft.write_all(policy.as_bytes())?;
                self.finish(draft)?.rename(&path)
            }
            None => match fs::remove_file(path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
                _ => Ok(()),
            },
        }
    }

    /// Names and creation times, in the order of the names.
    pub(super) fn buckets(&self) -> io::Result<Vec<(String, SystemTime)>> {
        let mut buckets = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let name = entry.file_name().into_string().unwrap_or_default();
            if !name.is_empty() && !name.starts_with('.') && entry.file_type()?.is_dir() {
                let stat = entry.metadata()?;
                buckets.push((name, stat.created().or_else(|_| stat.modified())?));
            }
        }
        buckets.sort();
        Ok(buckets)
    }

    /// Answers whether the bucket was empty and is gone now.
    pub(super) fn delete_bucket(&self, bucket: &str) -> io::Result<bool> {
        let _names = self.lock_names();
        if !self.keys(bucket, "")?.is_empty() {
            return Ok(false);
        }
        self.set_policy(bucket, None)?;
        fs::remove_dir_all(self.bucket(bucket))?;
        match fs::remove_dir_all(self.root.join(".meta").join(bucket)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(true),
        }
    }

    pub(super) fn draft(&self) -> io::Result<Draft> {
        let path = self.root.join(".tmp").join(uuid::Uuid::new_v4().simple().to_string());
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok(Draft { file, path, md5: Md5::new() })
    }

    /// Waits until the bytes are as safe as promised.
    pub(super) fn finish(&self, draft: Draft) -> io::Result<Finished> {
        if self.durability == Durability::PowerLoss {
            draft.file.sync_data()?;
        }
        let md5 = draft.md5.clone().finalize().into();
        Ok(Finished { draft, md5 })
    }

    /// Lets the draft appear as an object. The caller holds [`Folder::lock_names`].
    pub(super) fn publish(
        &self,
        finished: Finished,
        bucket: &str,
        key: &str,
        etag: String,
        attributes: Attributes,
        _names: &MutexGuard<'_, ()>,
    ) -> io::Result<Meta> {
        let meta = Meta::new(&finished.draft.file.metadata()?, etag, attributes);
        let path = self.object_path(bucket, key);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(&finished.draft.path, path)?;
        self.write_meta(bucket, key, &meta)?;
        Ok(meta)
    }

    fn write_meta(&self, bucket: &str, key: &str, meta: &Meta) -> io::Result<()> {
        let mut draft = self.draft()?;
        draft.write_all(&serde_json::to_vec(meta)?)?;
        let path = self.meta_path(bucket, key);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(&draft.path, path)
    }

    /// Opens an object; nothing when there is none.
    pub(super) fn open_object(&self, bucket: &str, key: &str) -> io::Result<Option<(File, Meta)>> {
        let file = match File::open(self.object_path(bucket, key)) {
            Ok(file) => file,
            Err(e) if is_absent(&e) => return Ok(None),
            Err(e) => return Err(e),
        };
        let stat = file.metadata()?;
        if !stat.is_file() {
            return Ok(None);
        }
        if let Some(meta) = self.read_meta(bucket, key).filter(|m| m.describes(&stat)) {
            return Ok(Some((file, meta)));
        }
        // A put between its two renames holds the lock: wait for it and look again.
        drop(self.lock_names());
        if let Some(meta) = self.read_meta(bucket, key).filter(|m| m.describes(&stat)) {
            return Ok(Some((file, meta)));
        }
        let meta = self.describe_anew(bucket, key, &file, &stat)?;
        Ok(Some((file, meta)))
    }

    /// The ETag of an object for a check under the lock: of one that was not described yet, what
    /// its file's identity amounts to, which equals no ETag that a client can know.
    pub(super) fn etag_locked(
        &self,
        bucket: &str,
        key: &str,
        _names: &MutexGuard<'_, ()>,
    ) -> io::Result<Option<String>> {
        let stat = match fs::metadata(self.object_path(bucket, key)) {
            Ok(stat) if stat.is_file() => stat,
            Ok(_) => return Ok(None),
            Err(e) if is_absent(&e) => return Ok(None),
            Err(e) => return Err(e),
        };
        let meta = self.read_meta(bucket, key).filter(|m| m.describes(&stat));
        Ok(Some(meta.map_or_else(|| format!("undescribed-{}", stat.ino()), |m| m.etag)))
    }

    fn read_meta(&self, bucket: &str, key: &str) -> Option<Meta> {
        let bytes = fs::read(self.meta_path(bucket, key)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Takes the MD5 of a file that no metadata describes, and keeps it if the file is still there.
    fn describe_anew(
        &self,
        bucket: &str,
        key: &str,
        mut file: &File,
        stat: &fs::Metadata,
    ) -> io::Result<Meta> {
        let mut md5 = Md5::new();
        let mut buffer = vec![0; COPY_BYTES.min(stat.len() as usize + 1)];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => md5.update(&buffer[..read]),
            }
        }
        file.seek(SeekFrom::Start(0))?;
        let meta = Meta::new(stat, hex(&md5.finalize()), Attributes::default());
        let _names = self.lock_names();
        if fs::metadata(self.object_path(bucket, key)).is_ok_and(|now| meta.describes(&now)) {
            self.write_meta(bucket, key, &meta)?;
        }
        Ok(meta)
    }

    /// Removes an object; one that is not there is as good as removed.
    pub(super) fn delete_object(&self, bucket: &str, key: &str) -> io::Result<()> {
        let _names = self.lock_names();
        let inside = [(self.object_path(bucket, key), self.bucket(bucket)), {
            let meta = self.root.join(".meta").join(bucket);
            (self.meta_path(bucket, key), meta)
        }];
        for (path, top) in inside {
            match fs::remove_file(&path) {
                Err(e) if !is_absent(&e) => return Err(e),
                _ => {}
            }
            // Folders are only spelling: one that holds nothing any more goes too.
            for folder in path.ancestors().skip(1).take_while(|f| *f != top) {
                if fs::remove_dir(folder).is_err() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// All keys with a prefix, in the order of their bytes.
    pub(super) fn keys(&self, bucket: &str, prefix: &str) -> io::Result<Vec<String>> {
        let top = self.bucket(bucket);
        let mut keys = Vec::new();
        let mut folders = vec![top.join(names::folder_of_prefix(prefix))];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                // Never there, or removed by a delete since it was seen.
                Err(e) if is_absent(&e) => continue,
                Err(e) => return Err(e),
            };
            for entry in entries {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else if let Some(key) = entry.path().strip_prefix(&top).ok().and_then(names::key_of_path)
                    && key.starts_with(prefix)
                {
                    keys.push(key);
                }
            }
        }
        keys.sort_unstable();
        Ok(keys)
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
