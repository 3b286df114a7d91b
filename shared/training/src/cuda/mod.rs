//! The operations on a GPU: one queue, products by the vendor's library, kernels of our own.
//!
//! [`Cuda`] says which kernels run on which memory, and is the same wherever they run; a [`Machine`] runs them.
//! `driver` is NVIDIA's; tests have one that runs the same kernels on threads of the host.
//!
//! - Writes wait until something needs them and then go over together: [`memory`]. The trainer says all that a
//!   step needs first, so that is one transfer from pinned memory, and nothing waits for the device but a
//!   look at the losses.
//! - The shards' part of a step is recorded as a graph at its second run and replayed from then on; the
//!   optimiser's launches, whose sizes differ from step to step, are plain.
//! - No sum is made by atomics: contributions to a row are listed by the host in ascending order, and sums over
//!   many rows are made in fixed chunks. So the same data and seed give the same bytes on the same GPU and
//!   libraries, as far as its products do; they are not the CPU's bytes.
//! - Sparse steps touch the rows that they name, whatever the size of the table.
//!
//! What a step costs at least, for 512 lanes of 32 events (N = 16,384 rows), E = H = 256, 4,096 negatives and
//! 100,000 items with separate tables, which is what `torch_step.py` is measured with:
//!
//! - Products: 6 · N · (3H·E + 3H·H + S·H) = 142 GFLOP, of which 103 are the softmax: 0.36 ms at 400 TFLOP/s,
//!   about what TF32 reaches on an H200.
//! - Bytes: the logits (268 MB) are written by a product, read and written by the softmax, and read by two
//!   products: 1.3 GB. Inputs, gates and their gradients, as they are made and used, are another 0.7 GB, the
//!   touched rows of the tables with Adagrad's memory 0.1 GB: 2.1 GB, 0.45 ms at 4.8 TB/s. The 100,000 rows
//!   are never passed over.
//! - Latency: 64 time steps of a product (512 × 256 × 768) and a kernel, one after the other: at 5 µs for both,
//!   0.3 ms that no larger GPU shortens.
//! - Over the bus: 0.6 MB a step, hidden behind the step before.
//!
//! So 1.1 ms, 15 million events/s, if nothing overlaps. None of this was measured yet.

mod arguments;
pub mod check;
#[cfg(feature = "cuda")]
pub mod driver;
mod machine;
mod memory;
mod operations;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::device::{
    Bags, Contribution, Device, DeviceError, Dropout, GruShape, LOSSES_KEPT, Matrix, Negatives, Onto, Rule,
    SoftmaxGradients, SoftmaxInput, Weights,
};
pub use arguments::KERNELS;
use arguments::*;
pub use machine::{Machine, Product};
use memory::{Ground, Memory, Staging};

/// The source of all kernels.
pub const SOURCE: &str = include_str!("kernels.cu");

/// Rows that one block of the softmax works on, as in `kernels.cu`.
const SOFTMAX_ROWS: usize = 16;
/// Rows of a chunk of a sum over many.
const CHUNK: usize = 64;
/// Bytes of logits that are kept at once; more rows are worked on in parts.
const LOGITS_BYTES: usize = 512 << 20;
/// Floats of chunks' sums that a scatter into a small table may take.
const SCATTER_FLOATS: usize = 16 << 20;

/// A GPU, or what stands for one in a test.
pub struct Cuda<M: Machine> {
    ground: Arc<Ground<M>>,
    state: Mutex<State<M>>,
    logits_bytes: usize,
}

struct State<M: Machine> {
    failed: Option<DeviceError>,
    staging: Staging<M>,
    scratch: [Option<Arc<Memory<M>>>; Scratch::Count as usize],
    // The seed of the work that is being repeated, and the word that holds it for the kernels.
    seed: Option<u32>,
    seed_word: Option<Arc<Memory<M>>>,
    // What went wrong while work was recorded; it can still be done plainly.
    recording: Option<Result<(), String>>,
    replays: u64,
    unrecorded: Option<String>,
    host: Vec<u32>,
}

/// Room for intermediate results, kept from call to call.
#[derive(Clone, Copy)]
enum Scratch {
    Chunks,
    Logits,
    Losses,
    Recurrent,
    Carried,
    Gradient,
    Sums,
    Count,
}

/// Floats in the machine's memory.
pub struct Buffer<M: Machine> {
    memory: Option<Arc<Memory<M>>>,
    len: usize,
}

impl<M: Machine> Buffer<M> {
    fn at(&self, start: usize) -> u64 {
        assert!(start <= self.len, "float {start} of a buffer of {}", self.len);
        self.memory.as_ref().map_or(0, |memory| memory.address + 4 * start as u64)
    }
}

/// Row numbers in the machine's memory.
pub struct Index<M: Machine> {
    // Of slots: where each one's entries begin, one more than there are slots; then the entries.
    memory: Option<Arc<Memory<M>>>,
    len: usize,
    slots: Option<usize>,
}

impl<M: Machine> Index<M> {
    fn address(&self) -> u64 {
        self.memory.as_ref().map_or(0, |memory| memory.address)
    }
}

/// A right-hand factor: where it lies.
pub struct Operand<M: Machine> {
    memory: Option<Arc<Memory<M>>>,
    address: u64,
    depth: usize,
    columns: usize,
    stride: usize,
    transposed: bool,
}

/// The losses that were not taken yet: their number, and behind it one double each.
pub struct Losses<M: Machine>(Option<Arc<Memory<M>>>);

/// Words in front of the losses.
const LOSSES_HEAD: usize = 2;

/// What is known of work that is repeated.
#[derive(Default)]
pub enum Record<M: Machine> {
    /// It was done with this key, and nothing that it might name was given back since so many times.
    Seen(u64, u64),
    /// It was recorded then.
    Recorded(u64, u64, M::Graph),
    /// It cannot be recorded.
    Plain(u64),
    /// Nothing.
    #[default]
    None,
}

impl<M: Machine> Cuda<M> {
    /// The operations on a machine.
    pub fn new(machine: M) -> Self {
        let state = State {
            failed: None,
            staging: Staging::new(),
            scratch: [const { None }; Scratch::Count as usize],
            seed: None,
            seed_word: None,
            recording: None,
            replays: 0,
            unrecorded: None,
            host: vec![],
        };
        let ground = Arc::new(Ground { machine, freed: AtomicU64::new(0) });
        Self { ground, state: Mutex::new(state), logits_bytes: LOGITS_BYTES }
    }

    /// The same, with another bound for the bytes of logits that are kept at once.
    pub fn with_logits_bytes(self, logits_bytes: usize) -> Self {
        Self { logits_bytes, ..self }
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.ground.machine
    }

    /// Transfers of waiting writes so far.
    pub fn transfers(&self) -> u64 {
        self.state().staging.transfers
    }

    /// How often recorded work was replayed so far.
    pub fn replays(&self) -> u64 {
        self.state().replays
    }

    /// Why work could not be recorded, if so.
    pub fn unrecorded(&self) -> Option<String> {
        self.state().unrecorded.clone()
    }

    fn state(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something unless the device has failed, and remembers if it does now.
    fn act<T>(&self, work: impl FnOnce(&mut Queue<'_, M>) -> Result<T, String>) -> Option<T> {
        let mut state = self.state();
        if state.failed.is_some() || matches!(state.recording, Some(Err(_))) {
            return None;
        }
        match work(&mut Queue { ground: &self.ground, state: &mut state }) {
            Ok(value) => Some(value),
            Err(why) => {
                match &mut state.recording {
                    Some(recording) => *recording = Err(why),
                    None => {
                        let name = self.ground.machine.name();
                        state.failed = Some(DeviceError(format!(
                            "the training on {name} failed: {why}; train on the CPU (--device cpu) if it fails again"
                        )));
                    }
                }
                None
            }
        }
    }

    /// out = onto + a · b.
    fn multiply(&self, product: Product) {
        if product.rows > 0 && product.columns > 0 {
            self.act(|queue| queue.product(&product));
        }
    }

    /// Lays out the entries of every slot in ascending order.
    fn list_entries(&self, to: &mut Index<M>, slots: &[u32]) {
        const NONE: u32 = u32::MAX;
        let count = slots.iter().filter(|&&slot| slot != NONE).max().map_or(0, |&slot| slot as usize + 1);
        let mut words = std::mem::take(&mut self.state().host);
        words.clear();
        words.resize(count + 1, 0);
        for &slot in slots.iter().filter(|&&slot| slot != NONE) {
            words[slot as usize + 1] += 1;
        }
        (0..count).for_each(|slot| words[slot + 1] += words[slot]);
        let entries = words[count] as usize;
        words.resize(count + 1 + entries, 0);
        let (starts, listed) = words.split_at_mut(count + 1);
        for (i, &slot) in slots.iter().enumerate().filter(|&(_, &slot)| slot != NONE) {
            let at = &mut starts[slot as usize];
            listed[*at as usize] = i as u32;
            *at += 1;
        }
        // Every start has moved to the next one.
        starts.copy_within(0..count, 1);
        starts[0] = 0;
        self.replace(to, &words);
        (to.len, to.slots) = (slots.len(), Some(count));
        self.state().host = words;
    }

    /// Writes the words of an index, in larger memory where they need it.
    fn replace(&self, to: &mut Index<M>, words: &[u32]) {
        self.act(|queue| {
            let memory = match &to.memory {
                Some(memory) if memory.bytes >= 4 * words.len() => memory.clone(),
                _ => queue.memory(4 * words.len().next_power_of_two())?,
            };
            to.memory = Some(memory.clone());
            queue.state.staging.write(queue.ground, &memory, 0, words)
        });
    }

    fn contributions<'a>(
        width: usize,
        contributions: &[Contribution<'a, Self>],
        before: u64,
    ) -> ContributionsWords {
        let mut each = [ContributionWords::default(); CONTRIBUTIONS];
        for (to, c) in each.iter_mut().zip(contributions) {
            assert_eq!(c.count, c.slots.len, "an entry for each slot");
            let slots = c.slots.slots.expect("slots are written by write_slots");
            *to = ContributionWords {
                starts: c.slots.address(),
                entries: c.slots.address() + 4 * (slots as u64 + 1),
                source: c.source.at(c.start),
                scale: c.scale.map_or(0, |scale| scale.at(0)),
                from: c.from.map_or(0, Index::address),
                slots: slots as u32,
                unused: 0,
            };
        }
        ContributionsWords { each, before, count: contributions.len() as u32, width: width as u32 }
    }

    /// All but the last few contributions summed up, and those.
    fn shares(
        queue: &mut Queue<'_, M>,
        width: usize,
        count: usize,
        contributions: &[Contribution<'_, Self>],
    ) -> Result<ContributionsWords, String> {
        let mut parts = contributions.chunks(CONTRIBUTIONS);
        let last = parts.next_back().unwrap_or(&[]);
        let mut before = 0;
        for part in parts {
            let out = queue.scratch(Scratch::Sums, count * width)?;
            let contributions = Self::contributions(width, part, before);
            queue.each(count * width, SumRows { contributions, out, count: count as u32, unused: 0 })?;
            before = out;
        }
        Ok(Self::contributions(width, last, before))
    }
}

/// The machine with everything that waits for it.
struct Queue<'q, M: Machine> {
    ground: &'q Arc<Ground<M>>,
    state: &'q mut State<M>,
}

impl<M: Machine> Queue<'_, M> {
    fn memory(&mut self, bytes: usize) -> Result<Arc<Memory<M>>, String> {
        match self.state.recording {
            Some(_) => Err("memory is needed while work is recorded".to_owned()),
            None => Memory::new(self.ground, bytes),
        }
    }

    /// Room for floats.
    fn scratch(&mut self, which: Scratch, floats: usize) -> Result<u64, String> {
        let there = self.state.scratch[which as usize].as_ref();
        if let Some(memory) = there.filter(|memory| memory.bytes >= 4 * floats) {
            return Ok(memory.address);
        }
        let memory = self.memory(4 * floats)?;
        let address = memory.address;
        self.state.scratch[which as usize] = Some(memory);
        Ok(address)
    }

    /// What was written is there before what comes now.
    fn flush(&mut self) -> Result<(), String> {
        if self.state.staging.is_empty() {
            return Ok(());
        }
        match self.state.recording {
            Some(_) => Err("work that is repeated writes to the device".to_owned()),
            None => self.state.staging.flush(self.ground),
        }
    }

    /// Launches a kernel with a thread for each of `count` numbers, as far as there are threads.
    fn each<A: Arguments>(&mut self, count: usize, arguments: A) -> Result<(), String> {
        // Threads count on past the end by as many as there are.
        assert!(count < 1 << 31, "{count} numbers are too many for one launch");
        self.blocks(count.div_ceil(self.ground.machine.threads() as usize), arguments)
    }

    /// Launches a kernel with so many blocks, as far as there are.
    fn blocks<A: Arguments>(&mut self, blocks: usize, arguments: A) -> Result<(), String> {
        if blocks == 0 {
            return Ok(());
        }
        self.flush()?;
        let machine = &self.ground.machine;
        machine.launch(A::KERNEL, arguments.bytes(), blocks.min(machine.blocks() as usize) as u32)
    }

    fn product(&mut self, product: &Product) -> Result<(), String> {
        self.flush()?;
        self.ground.machine.product(product)
    }

    fn dropping(&self, dropout: Dropout) -> Dropping {
        let threshold = (f64::from(dropout.share) * 4_294_967_296.0) as u32;
        let scale = 1.0 / (1.0 - dropout.share);
        let (seed, mask) = match (&self.state.seed_word, self.state.seed) {
            (Some(word), Some(seed)) => (word.address, dropout.seed ^ seed),
            _ => (0, dropout.seed),
        };
        Dropping { seed, mask, threshold, scale, unused: 0 }
    }

    /// out = the sum of `chunks` rows of scratch, or added to it.
    fn sum_chunks(
        &mut self,
        partial: u64,
        chunks: usize,
        columns: usize,
        onto: bool,
        out: u64,
    ) -> Result<(), String> {
        let arguments = SumChunks {
            partial,
            out,
            chunks: chunks as u32,
            columns: columns as u32,
            onto: u32::from(onto),
            unused: 0,
        };
        self.blocks(columns.div_ceil(32), arguments)
    }
}

fn as_words(floats: &[f32]) -> &[u32] {
    // SAFETY: both have four bytes, and any bits are a number.
    unsafe { std::slice::from_raw_parts(floats.as_ptr().cast(), floats.len()) }
}

fn as_words_mut(floats: &mut [f32]) -> &mut [u32] {
    // SAFETY: as above, both ways.
    unsafe { std::slice::from_raw_parts_mut(floats.as_mut_ptr().cast(), floats.len()) }
}

impl<M: Machine> Cuda<M> {
    fn replay(&self, graph: &M::Graph) {
        self.act(|queue| {
            queue.flush()?;
            queue.ground.machine.replay(graph)?;
            queue.state.replays += 1;
            Ok(())
        });
    }

    /// Records what `work` asks for. What cannot be recorded is no failure of the device.
    fn record(&self, work: &mut dyn FnMut()) -> Result<M::Graph, String> {
        self.state().recording = Some(Ok(()));
        let graph = self.ground.machine.record(work);
        let recorded = self.state().recording.take();
        recorded.unwrap_or(Ok(())).and(graph)
    }
}
