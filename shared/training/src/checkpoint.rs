//! A training's state as bytes, and back: what a killed run needs to go on as if it had not been killed.
//!
//! Little-endian words, each run of numbers preceded by its length. There is no checksum here: who stores
//! the bytes seals them. The reader refuses what does not fit and never reads past the end.

/// Writes a state.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// With room for so many bytes; it grows where they are not enough.
    pub fn with_room(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// The bytes so far.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// Adds a whole number.
    pub fn number(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Adds a float, bit by bit.
    pub fn float(&mut self, value: f64) {
        self.number(value.to_bits());
    }

    /// Adds bytes.
    pub fn bytes(&mut self, values: &[u8]) {
        self.number(values.len() as u64);
        self.0.extend_from_slice(values);
    }

    /// Adds numbers.
    pub fn numbers(&mut self, values: &[u32]) {
        self.words(values.iter().map(|value| value.to_le_bytes()));
    }

    /// Adds floats.
    pub fn floats(&mut self, values: &[f32]) {
        self.words(values.iter().map(|value| value.to_le_bytes()));
    }

    fn words(&mut self, words: impl ExactSizeIterator<Item = [u8; 4]>) {
        self.number(words.len() as u64);
        let start = self.0.len();
        self.0.resize(start + 4 * words.len(), 0);
        self.0[start..].chunks_exact_mut(4).zip(words).for_each(|(to, word)| to.copy_from_slice(&word));
    }
}

/// The state does not fit to the training that wants to go on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit(pub &'static str);

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the state is that of another training, or damaged: {}", self.0)
    }
}

impl std::error::Error for Misfit {}

/// Reads what a [`Writer`] wrote, in the same order.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Misfit> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Misfit("it is too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next whole number.
    pub fn number(&mut self) -> Result<u64, Misfit> {
        let bytes = self.take(8)?.try_into().expect("eight bytes were taken");
        Ok(u64::from_le_bytes(bytes))
    }

    /// The next float.
    pub fn float(&mut self) -> Result<f64, Misfit> {
        Ok(f64::from_bits(self.number()?))
    }

    /// The next bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], Misfit> {
        let count = self.number()?;
        self.take(usize::try_from(count).map_err(|_| Misfit("a length is too large"))?)
    }

    fn words<T>(&mut self, word: impl Fn([u8; 4]) -> T) -> Result<Vec<T>, Misfit> {
        let count = usize::try_from(self.number()?).ok().and_then(|count| count.checked_mul(4));
        let bytes = self.take(count.ok_or(Misfit("a length is too large"))?)?;
        Ok(bytes.chunks_exact(4).map(|bytes| word(bytes.try_into().expect("four bytes"))).collect())
    }

    /// The next numbers.
    pub fn numbers(&mut self) -> Result<Vec<u32>, Misfit> {
        self.words(u32::from_le_bytes)
    }

    /// The next floats, as many as `len`.
    pub fn floats(&mut self, len: usize) -> Result<Vec<f32>, Misfit> {
        let values = self.words(f32::from_le_bytes)?;
        if values.len() == len { Ok(values) } else { Err(Misfit("a tensor has another size")) }
    }

    /// Whatever is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<(), Misfit> {
        if self.0.is_empty() { Ok(()) } else { Err(Misfit("it is too long")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_anything_shorter_is_refused() {
        let mut writer = Writer::default();
        writer.number(u64::MAX);
        writer.float(-0.0);
        writer.bytes(b"abc");
        writer.numbers(&[1, u32::MAX]);
        writer.floats(&[f32::MIN_POSITIVE, f32::INFINITY]);
        let bytes = writer.finish();
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            let read = (
                reader.number()?,
                reader.float()?,
                reader.bytes()?.to_vec(),
                reader.numbers()?,
                reader.floats(2)?,
            );
            reader.end()?;
            Ok::<_, Misfit>(read)
        };
        let (number, float, text, numbers, floats) = read(&bytes).unwrap();
        assert_eq!(
            (number, float.to_bits(), text.as_slice()),
            (u64::MAX, (-0.0f64).to_bits(), b"abc".as_slice())
        );
        assert_eq!((numbers, floats), (vec![1, u32::MAX], vec![f32::MIN_POSITIVE, f32::INFINITY]));
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "{end} bytes");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(read(&longer).unwrap_err(), Misfit("it is too long"));
        // A length that no memory could hold is refused before anything is allocated.
        assert!(Reader::new(&u64::MAX.to_le_bytes()).numbers().is_err());
        assert!(Reader::new(&(1u64 << 62).to_le_bytes()).bytes().is_err());
    }
}
