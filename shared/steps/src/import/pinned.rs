//! Reading a pinned object from any place on.

use std::io::{self, Read};

use dataset::csv::RangeFile;
use store::S3Location;
use store::objects::{ObjectReader, Objects};
use tokio::runtime::Handle;

/// How much is asked for at once beyond what was expected to be read: the rest of one record.
const FURTHER_BYTES: u64 = 256 << 10;

/// An object as it was when the import was planned. Once replaced, it can no longer be read.
#[derive(Clone)]
pub(super) struct Pinned {
    pub objects: Objects,
    pub runtime: Handle,
    pub at: S3Location,
    /// What messages call it.
    pub name: String,
    pub etag: String,
    pub size: u64,
}

impl RangeFile for Pinned {
    fn name(&self) -> &str {
        &self.name
    }

    fn read_from(&self, offset: u64, wanted: u64) -> Box<dyn Read + Send> {
        Box::new(Reader { file: self.clone(), offset, until: offset.saturating_add(wanted), body: None })
    }
}

/// Makes requests as they are needed. Blocks, so it is for threads outside of the runtime.
struct Reader {
    file: Pinned,
    /// Of the next byte.
    offset: u64,
    /// Where the request that is under way ends, or the first one is to end.
    until: u64,
    body: Option<ObjectReader>,
}

impl Reader {
    fn request(&self) -> io::Result<ObjectReader> {
        let Pinned { objects, at, etag, .. } = &self.file;
        self.file.runtime.block_on(async {
            let body = objects.open_range(at, etag, self.offset..self.until).await;
            body.map(|body| body.into_reader()).map_err(io::Error::other)
        })
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.offset >= self.file.size || buffer.is_empty() {
            return Ok(0);
        }
        let body = match &mut self.body {
            Some(body) if self.offset < self.until => body,
            _ => {
                if self.until <= self.offset {
                    self.until = self.offset + FURTHER_BYTES;
                }
                self.until = self.until.min(self.file.size);
                let body = self.request()?;
                self.body.insert(body)
            }
        };
        let count = body.read(buffer)?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the download ended too early"));
        }
        self.offset += count as u64;
        Ok(count)
    }
}
