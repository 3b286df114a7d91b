//! The body encoding `aws-chunked`, without its signatures.
//!
//! SDKs send it when they sign an upload piece by piece or append a checksum to it
//! (`x-amz-content-sha256: STREAMING-…`): `<hex size>[;chunk-signature=…]\r\n<bytes>\r\n` over and
//! over, a chunk of size 0, then trailing headers and an empty line. Signatures and trailing
//! checksums are read over: the bytes came over loopback, and any credentials are welcome.

use bytes::{Buf, Bytes};

/// Longest line between the chunks: a size with a signature, or a trailing header.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// A body that is not what its headers promise.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChunkedError {
    #[error("a chunk's size is not a hexadecimal number: {0:?}")]
    Size(String),
    #[error("a line between chunks is longer than {LINE_BYTES_MAX} bytes")]
    Line,
    #[error("a chunk does not end where its size says")]
    ChunkEnd,
    #[error("the body ends before its last chunk")]
    CutOff,
    #[error("the body holds {actual} bytes, but x-amz-decoded-content-length says {declared}")]
    Length { actual: u64, declared: u64 },
}

#[derive(Debug)]
enum State {
    Size,
    Data(u64),
    DataEnd,
    Trailer,
    Done,
}

/// Takes the body in pieces of any size and gives back what it carries.
#[derive(Debug)]
pub(super) struct Decoder {
    state: State,
    /// What has been read of the present line.
    line: Vec<u8>,
    decoded: u64,
    declared: u64,
}

impl Decoder {
    /// A decoder of a body that carries that many bytes.
    pub(super) fn new(declared: u64) -> Self {
        Self { state: State::Size, line: Vec::new(), decoded: 0, declared }
    }

    /// Takes bytes from the front of `input` until it has some of the content, or needs more input.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, ChunkedError> {
        while !input.is_empty() {
            match self.state {
                State::Data(left) => {
                    let data = input.split_to(input.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
                    self.decoded += data.len() as u64;
                    self.state = match left - data.len() as u64 {
                        0 => State::DataEnd,
                        left => State::Data(left),
                    };
                    if self.decoded > self.declared {
                        return Err(self.length());
                    }
                    return Ok(Some(data));
                }
                State::Done => input.clear(),
                State::Size | State::DataEnd | State::Trailer => {
                    let Some(line) = self.line(input)? else { return Ok(None) };
                    self.state = match self.state {
                        State::Size => match size(&line)? {
                            0 => State::Trailer,
                            size => State::Data(size),
                        },
                        State::DataEnd if line.is_empty() => State::Size,
                        State::DataEnd => return Err(ChunkedError::ChunkEnd),
                        _ if line.is_empty() => State::Done,
                        _ => State::Trailer,
                    };
                }
            }
        }
        Ok(None)
    }

    /// To be called at the end of the input. Some clients leave out the last empty line.
    pub(super) fn finish(&self) -> Result<(), ChunkedError> {
        match self.state {
            State::Trailer | State::Done if self.decoded == self.declared => Ok(()),
            State::Trailer | State::Done => Err(self.length()),
            _ => Err(ChunkedError::CutOff),
        }
    }

    fn length(&self) -> ChunkedError {
        ChunkedError::Length { actual: self.decoded, declared: self.declared }
    }

    /// The next line without its end, once it has all arrived.
    fn line(&mut self, input: &mut Bytes) -> Result<Option<Vec<u8>>, ChunkedError> {
        let end = input.iter().position(|&b| b == b'\n');
        let piece = end.map_or(&input[..], |end| &input[..end]);
        if self.line.len() + piece.len() > LINE_BYTES_MAX {
            return Err(ChunkedError::Line);
        }
        self.line.extend_from_slice(piece);
        match end {
            None => {
                input.clear();
                Ok(None)
            }
            Some(end) => {
                input.advance(end + 1);
                let mut line = std::mem::take(&mut self.line);
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                Ok(Some(line))
            }
        }
    }
}

fn size(line: &[u8]) -> Result<u64, ChunkedError> {
    let digits = line.split(|&b| b == b';').next().unwrap_or_default();
    let text = String::from_utf8_lossy(digits);
    let text = text.trim();
    let only_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    u64::from_str_radix(text, 16)
        .ok()
        .filter(|_| only_digits)
        .ok_or_else(|| ChunkedError::Size(text.chars().take(40).collect()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(declared: u64, pieces: &[&[u8]]) -> Result<Vec<u8>, ChunkedError> {
        let mut decoder = Decoder::new(declared);
        let mut content = Vec::new();
        for piece in pieces {
            let mut input = Bytes::copy_from_slice(piece);
            while let Some(data) = decoder.next(&mut input)? {
                content.extend_from_slice(&data);
            }
        }
        decoder.finish()?;
        Ok(content)
    }

    #[test]
    fn the_forms_that_clients_send_are_read() {
        let cases: [&[u8]; 5] = [
            b"5\r\nhello\r\n0\r\n\r\n",
            b"5;chunk-signature=ad80c730\r\nhello\r\n0;chunk-signature=b6c6ea8a\r\n\r\n",
            b"2\r\nhe\r\n3\r\nllo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
            b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\nx-amz-trailer-signature:63bdd0\r\n\r\n",
            b"5\r\nhello\r\n0\r\n",
        ];
        for body in cases {
            assert_eq!(decode(5, &[body]).as_deref(), Ok(&b"hello"[..]), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn bodies_that_break_their_promise_are_errors() {
        let long = vec![b'1'; LINE_BYTES_MAX + 1];
        let cases: [(&[u8], ChunkedError); 8] = [
            (b"", ChunkedError::CutOff),
            (b"5\r\nhel", ChunkedError::CutOff),
            (b"5\r\nhello\r\n", ChunkedError::CutOff),
            (b"5\r\nhello!\r\n0\r\n\r\n", ChunkedError::ChunkEnd),
            (b"xyz\r\nhello", ChunkedError::Size("xyz".into())),
            (b"+5\r\nhello", ChunkedError::Size("+5".into())),
            (b"4\r\nhell\r\n0\r\n\r\n", ChunkedError::Length { actual: 4, declared: 5 }),
            (&long, ChunkedError::Line),
        ];
        for (body, error) in cases {
            assert_eq!(decode(5, &[body]), Err(error), "{}", String::from_utf8_lossy(body));
        }
        let error = ChunkedError::Length { actual: 6, declared: 5 };
        assert_eq!(decode(5, &[b"6\r\nhello!\r\n0\r\n\r\n"]), Err(error));
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back_however_it_is_cut(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..80), 0..6),
            signed in any::<bool>(),
            trailer in any::<bool>(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let signature = if signed { ";chunk-signature=0123abcd" } else { "" };
            let mut body = Vec::new();
            for chunk in &chunks {
                body.extend_from_slice(format!("{:x}{signature}\r\n", chunk.len()).as_bytes());
                body.extend_from_slice(chunk);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(format!("0{signature}\r\n").as_bytes());
            if trailer {
                body.extend_from_slice(b"x-amz-checksum-crc64nvme:AAAAAAAAAAA=\r\n");
            }
            body.extend_from_slice(b"\r\n");

            let mut at: Vec<usize> = cuts.iter().map(|c| c.index(body.len())).collect();
            at.extend([0, body.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|w| &body[w[0]..w[1]]).collect();
            let content = chunks.concat();
            prop_assert_eq!(decode(content.len() as u64, &pieces), Ok(content));
        }

        #[test]
        fn foreign_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300), declared in 0u64..400) {
            if let Ok(content) = decode(declared, &[&body]) {
                prop_assert_eq!(content.len() as u64, declared);
            }
        }
    }
}
