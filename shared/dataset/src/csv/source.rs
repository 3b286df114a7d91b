//! Opening a file: counting, gzip, and refusing what is not text.

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::problem::ImportFailure;

/// Counts what is read, and remembers whether reading itself failed: then a decompression error is
/// not the data's fault.
struct Watched {
    inner: Box<dyn Read + Send>,
    bytes: Arc<AtomicU64>,
    failed: Arc<AtomicBool>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(count) => {
                self.bytes.fetch_add(count as u64, Ordering::Relaxed);
                Ok(count)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.failed.store(true, Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }
}

/// A file's text, decompressed where needed.
pub(crate) struct Decompressed {
    name: String,
    reader: Box<dyn Read + Send>,
    compressed: bool,
    failed: Arc<AtomicBool>,
}

/// Opens a file; `bytes` counts what is read of it.
pub(crate) fn open(
    name: &str,
    reader: Box<dyn Read + Send>,
    bytes: &Arc<AtomicU64>,
) -> Result<Decompressed, ImportFailure> {
    let failed = Arc::new(AtomicBool::new(false));
    let mut watched = Watched { inner: reader, bytes: bytes.clone(), failed: failed.clone() };
    let mut head = Vec::with_capacity(8);
    watched
        .by_ref()
        .take(8)
        .read_to_end(&mut head)
        .map_err(|source| ImportFailure::Read { file: name.to_owned(), source })?;
    if let Some((what, mend)) = not_csv(&head) {
        return Err(file_failure(name, None, what, mend));
    }
    let compressed = is_gzip(&head);
    if !compressed && !head.is_empty() && name.to_ascii_lowercase().ends_with(".gz") {
        let mend = "Compress it with gzip, or remove .gz from its name.";
        return Err(file_failure(name, None, "is named .gz but does not begin as a gzip file", mend));
    }
    let whole = Cursor::new(head).chain(watched);
    let reader: Box<dyn Read + Send> = if compressed {
        Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(256 << 10, whole)))
    } else {
        Box::new(whole)
    };
    Ok(Decompressed { name: name.to_owned(), reader, compressed, failed })
}

/// Whether a file that begins like this is compressed, and so can only be read from its beginning.
pub fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&[0x1F, 0x8B])
}

pub(crate) fn file_failure(name: &str, line: Option<u64>, what: &str, mend: &str) -> ImportFailure {
    ImportFailure::File { file: name.to_owned(), line, what: what.to_owned(), mend: mend.to_owned() }
}

/// Formats that people upload instead of CSV, by their first bytes.
fn not_csv(head: &[u8]) -> Option<(&'static str, &'static str)> {
    const SAVE: &str = "Save it as CSV (UTF-8) and import that.";
    const UNPACK: &str = "Unpack it, or compress the CSV with gzip instead.";
    let known: [(&[u8], &str, &str); 9] = [
        (b"PK\x03\x04", "is a ZIP archive or an Excel workbook, not CSV", SAVE),
        (b"PAR1", "is a Parquet file, not CSV", SAVE),
        (b"\xD0\xCF\x11\xE0", "is an old Excel workbook, not CSV", SAVE),
        (b"%PDF", "is a PDF file, not CSV", SAVE),
        (b"\xFF\xFE", "is UTF-16 text, not UTF-8", "Save it as UTF-8 and import that."),
        (b"\xFE\xFF", "is UTF-16 text, not UTF-8", "Save it as UTF-8 and import that."),
        (b"\x28\xB5\x2F\xFD", "is compressed with zstd", UNPACK),
        (b"\xFD7zXZ", "is compressed with xz", UNPACK),
        (b"BZh", "is compressed with bzip2", UNPACK),
    ];
    known
        .into_iter()
        // "BZh" could begin a header; the block size that follows is a digit, and then pi.
        .find(|(magic, ..)| head.starts_with(magic) && (*magic != b"BZh" || head.get(4..6) == Some(b"1A")))
        .map(|(_, what, mend)| (what, mend))
}

impl Decompressed {
    /// Text from within a file that [`open`] found to be plain.
    pub fn plain(name: &str, reader: Box<dyn Read + Send>) -> Self {
        Self { name: name.to_owned(), reader, compressed: false, failed: Arc::default() }
    }

    /// Appends at most `count` bytes to `buffer`; fewer only at the end of the file.
    pub fn fill(&mut self, buffer: &mut Vec<u8>, count: usize) -> Result<usize, ImportFailure> {
        let before = buffer.len();
        buffer.reserve(count);
        match self.reader.by_ref().take(count as u64).read_to_end(buffer) {
            Ok(_) => Ok(buffer.len() - before),
            Err(source) if self.compressed && !self.failed.load(Ordering::Relaxed) => {
                Err(self.broken_gzip(&source))
            }
            Err(source) => Err(ImportFailure::Read { file: self.name.clone(), source }),
        }
    }

    fn broken_gzip(&self, error: &io::Error) -> ImportFailure {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            let mend = "Upload it again, and check it with gzip -t.";
            return file_failure(&self.name, None, "is a gzip file that is cut off before its end", mend);
        }
        let what = format!("is a gzip file with an error in its data ({error})");
        file_failure(&self.name, None, &what, "Compress and upload it again, and check it with gzip -t.")
    }
}
