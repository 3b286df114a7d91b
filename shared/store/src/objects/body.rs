//! An object's content, as async chunks or as a blocking reader.

use std::io::{self, BufRead, Read};

use aws_sdk_s3::primitives::ByteStream;
use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use super::ObjectInfo;
use super::error::ObjectError;
use super::location::S3Location;

/// Chunks that wait between the download and a blocking reader. With the chunks of some hundred
/// kilobytes that come over the network or from the embedded store this is a few megabytes.
const CHUNKS_WAITING: usize = 8;

/// An object that is being read.
#[derive(Debug)]
pub struct ObjectBody {
    at: S3Location,
    info: ObjectInfo,
    stream: ByteStream,
}

impl ObjectBody {
    pub(super) fn new(at: S3Location, info: ObjectInfo, stream: ByteStream) -> Self {
        Self { at, info, stream }
    }

    /// Size, ETag and date of what is being read.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// The next chunk; nothing at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ObjectError> {
        self.stream.try_next().await.map_err(|e| ObjectError::Failed {
            operation: "read",
            location: self.at.clone(),
            cause: e.into(),
        })
    }

    /// Goes on reading in a task of the present runtime, for code that blocks.
    ///
    /// Call it within a runtime and read outside of it, for example in `spawn_blocking`; reading
    /// on a runtime's own thread panics in debug and stalls that thread. Dropping the reader ends
    /// the task.
    pub fn into_reader(mut self) -> ObjectReader {
        let (send, receive) = mpsc::channel(CHUNKS_WAITING);
        tokio::spawn(async move {
            loop {
                let chunk = self.next().await;
                let last = !matches!(chunk, Ok(Some(_)));
                if send.send(chunk).await.is_err() || last {
                    return;
                }
            }
        });
        ObjectReader { receive, chunk: Bytes::new(), ended: false }
    }
}

/// A blocking reader of an object. It holds whole chunks, so no further buffering is needed.
///
/// A failed download ends in an [`io::Error`] whose source is the [`ObjectError`]; a download that
/// was cut off because its runtime was shut down ends in [`io::ErrorKind::BrokenPipe`].
#[derive(Debug)]
pub struct ObjectReader {
    receive: mpsc::Receiver<Result<Option<Bytes>, ObjectError>>,
    chunk: Bytes,
    ended: bool,
}

impl BufRead for ObjectReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.is_empty() && !self.ended {
            match self.receive.blocking_recv() {
                Some(Ok(Some(chunk))) => self.chunk = chunk,
                Some(Ok(None)) => self.ended = true,
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the download was cut off")),
            }
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, amount: usize) {
        self.chunk.advance(amount);
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let length = ready.len().min(buffer.len());
        buffer[..length].copy_from_slice(&ready[..length]);
        self.consume(length);
        Ok(length)
    }
}
