//! Where kernels and products run: a GPU through its driver, or, in tests, threads of this machine.

/// out = a · b, or out + a · b; all matrices lie row after row, rows `…_stride` floats apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// Rows of `a` and `out`.
    pub rows: usize,
    /// Columns of `b` and `out`.
    pub columns: usize,
    /// Columns of `a`, rows of `b`.
    pub depth: usize,
    /// Address of the left factor.
    pub a: u64,
    /// Floats from row to row of what lies there.
    pub a_stride: usize,
    /// Whether what lies there is the factor's transpose.
    pub a_transposed: bool,
    /// Address of the right factor.
    pub b: u64,
    /// As for `a`.
    pub b_stride: usize,
    /// As for `a`.
    pub b_transposed: bool,
    /// Address of the result.
    pub out: u64,
    /// Floats from row to row of the result.
    pub out_stride: usize,
    /// Whether the product is added to what is there.
    pub onto: bool,
}

/// A machine with memory, kernels, matrix products and one queue, on which everything is done in the order in
/// which it was asked for. Addresses are those of the machine's memory. Errors are sentences.
pub trait Machine: Send + Sync + Sized + 'static {
    /// Host memory from which the machine fetches by itself.
    type Pinned: Send;
    /// Work that was recorded.
    type Graph: Send;

    /// What it is, for a person.
    fn name(&self) -> &str;
    /// Threads of a block: a power of two from 32 to 256.
    fn threads(&self) -> u32;
    /// Blocks that a launch has at most.
    fn blocks(&self) -> u32;
    /// Memory, zeroed.
    fn allocate(&self, bytes: usize) -> Result<u64, String>;
    /// Gives memory back, after everything that was asked for.
    fn free(&self, address: u64);
    /// Room for words on this side.
    fn pinned(&self, words: usize) -> Result<Self::Pinned, String>;
    /// The room, once the machine has fetched what was uploaded from it last.
    fn words<'a>(&self, pinned: &'a mut Self::Pinned) -> Result<&'a mut [u32], String>;
    /// Has the machine fetch the first `words` words; does not wait.
    fn upload(&self, pinned: &mut Self::Pinned, words: usize, to: u64) -> Result<(), String>;
    /// Copies words from anywhere on this side; waits.
    fn write(&self, to: u64, words: &[u32]) -> Result<(), String>;
    /// Copies words to this side once everything before is done; waits.
    fn read(&self, from: u64, words: &mut [u32]) -> Result<(), String>;
    /// Copies within the machine's memory; the ranges do not overlap.
    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<(), String>;
    /// Zeros memory.
    fn zero(&self, at: u64, bytes: usize) -> Result<(), String>;
    /// Runs a kernel; `arguments` are the bytes of its struct.
    fn launch(&self, kernel: &'static str, arguments: &[u8], blocks: u32) -> Result<(), String>;
    /// Multiplies matrices, with sums in at least the precision of floats.
    fn product(&self, product: &Product) -> Result<(), String>;
    /// Records what `work` asks for, without doing it.
    fn record(&self, work: &mut dyn FnMut()) -> Result<Self::Graph, String>;
    /// Does what was recorded.
    fn replay(&self, graph: &Self::Graph) -> Result<(), String>;
}
