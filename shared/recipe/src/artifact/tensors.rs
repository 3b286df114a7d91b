//! Safetensors with typed access. Tensors are little-endian whatever the machine.

use std::borrow::Cow;
use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensors, View};

use super::ArtifactError;

/// Tensors to be written, by name.
#[derive(Default)]
pub(crate) struct Writer(BTreeMap<String, Owned>);

struct Owned {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Writer {
    /// A list of numbers.
    pub(crate) fn u32(&mut self, name: &str, values: &[u32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.insert(name.to_owned(), Owned { dtype: Dtype::U32, shape: vec![values.len()], bytes });
    }

    /// A list of numbers.
    pub(crate) fn u64(&mut self, name: &str, values: &[u64]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.insert(name.to_owned(), Owned { dtype: Dtype::U64, shape: vec![values.len()], bytes });
    }

    /// A tensor; the shape's product is the number of values.
    pub(crate) fn f32(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.insert(name.to_owned(), Owned { dtype: Dtype::F32, shape: shape.to_vec(), bytes });
    }

    /// The file. No free metadata is written: its order would change from run to run.
    pub(crate) fn finish(self, file: &'static str) -> Result<Vec<u8>, ArtifactError> {
        safetensors::serialize(self.0, None).map_err(|e| ArtifactError::format(file, e))
    }
}

impl View for Owned {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Tensors of a file that was read.
pub(crate) struct Tensors<'a> {
    file: &'static str,
    tensors: SafeTensors<'a>,
}

impl<'a> Tensors<'a> {
    pub(crate) fn read(file: &'static str, bytes: &'a [u8]) -> Result<Self, ArtifactError> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| ArtifactError::format(file, e))?;
        Ok(Self { file, tensors })
    }

    /// Whether there is such a tensor.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    pub(crate) fn u32(&self, name: &str) -> Result<Vec<u32>, ArtifactError> {
        Ok(self.values(name, Dtype::U32)?.map(u32::from_le_bytes).collect())
    }

    pub(crate) fn u64(&self, name: &str) -> Result<Vec<u64>, ArtifactError> {
        Ok(self.values(name, Dtype::U64)?.map(u64::from_le_bytes).collect())
    }

    pub(crate) fn f32(&self, name: &str) -> Result<Vec<f32>, ArtifactError> {
        Ok(self.values(name, Dtype::F32)?.map(f32::from_le_bytes).collect())
    }

    /// Shape and values.
    pub(crate) fn shaped(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), ArtifactError> {
        let values = self.f32(name)?;
        let tensor = self.tensors.tensor(name).map_err(|e| ArtifactError::format(self.file, e))?;
        Ok((tensor.shape().to_vec(), values))
    }

    fn values<const N: usize>(
        &self,
        name: &str,
        dtype: Dtype,
    ) -> Result<impl Iterator<Item = [u8; N]> + 'a, ArtifactError> {
        let tensor = self.tensors.tensor(name).map_err(|e| ArtifactError::format(self.file, e))?;
        if tensor.dtype() != dtype {
            let what = format!("tensor {name} is of type {:?}, expected {dtype:?}", tensor.dtype());
            return Err(ArtifactError::inconsistent(self.file, what));
        }
        let (values, _) = tensor.data().as_chunks::<N>();
        Ok(values.iter().copied())
    }
}
