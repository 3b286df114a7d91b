//! The machine's memory: who holds it, and how words get there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::arguments::{Arguments, Segment, Unpack};
use super::machine::Machine;

/// The machine, and how often memory was given back: what was recorded before may name it.
pub(super) struct Ground<M> {
    pub machine: M,
    pub freed: AtomicU64,
}

/// A piece of the machine's memory, given back when nobody holds it.
pub(super) struct Memory<M: Machine> {
    ground: Arc<Ground<M>>,
    pub address: u64,
    pub bytes: usize,
}

impl<M: Machine> Memory<M> {
    /// Zeroed memory; none is an address of 0.
    pub fn new(ground: &Arc<Ground<M>>, bytes: usize) -> Result<Arc<Self>, String> {
        let address = if bytes == 0 { 0 } else { ground.machine.allocate(bytes)? };
        Ok(Arc::new(Self { ground: ground.clone(), address, bytes }))
    }
}

impl<M: Machine> Drop for Memory<M> {
    fn drop(&mut self) {
        if self.address != 0 {
            self.ground.machine.free(self.address);
            self.ground.freed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Runs that one transfer may carry.
const SEGMENTS: usize = 64;
/// Words in front of the data that say where it goes.
const HEAD: usize = SEGMENTS * size_of::<Segment>() / 4;
/// Words of data that one transfer carries.
const ROOM: usize = 2 << 20;
/// Transfers that may be under way.
const UNDER_WAY: usize = 4;

/// Writes that wait, so that those of a step go over in one transfer and one kernel puts them in place.
pub(super) struct Staging<M: Machine> {
    pinned: Vec<M::Pinned>,
    current: usize,
    slab: Option<Arc<Memory<M>>>,
    segments: Vec<Segment>,
    // Holds what is written to.
    targets: Vec<Arc<Memory<M>>>,
    words: usize,
    /// Transfers so far.
    pub transfers: u64,
}

impl<M: Machine> Staging<M> {
    pub fn new() -> Self {
        Self {
            pinned: vec![],
            current: 0,
            slab: None,
            segments: vec![],
            targets: vec![],
            words: 0,
            transfers: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Takes words for `start` words into a piece of memory. They are there before whatever runs after the next
    /// [`Staging::flush`].
    pub fn write(
        &mut self,
        ground: &Arc<Ground<M>>,
        to: &Arc<Memory<M>>,
        start: usize,
        words: &[u32],
    ) -> Result<(), String> {
        if words.is_empty() {
            return Ok(());
        }
        assert!((start + words.len()) * 4 <= to.bytes, "words past the end of a buffer");
        let address = to.address + 4 * start as u64;
        if words.len() > ROOM {
            self.flush(ground)?;
            return ground.machine.write(address, words);
        }
        // One kernel writes all runs at once, so no two of them may meet.
        let end = address + 4 * words.len() as u64;
        let ends = self.segments[1.min(self.segments.len())..].iter().map(|next| next.start as usize);
        let mut ends = ends.chain([self.words]);
        let meets = self.segments.iter().any(|other| {
            let len = ends.next().expect("every run ends") - other.start as usize;
            other.to < end && address < other.to + 4 * len as u64
        });
        if meets || self.segments.len() == SEGMENTS || self.words + words.len() > ROOM {
            self.flush(ground)?;
        }
        if self.pinned.is_empty() {
            for _ in 0..UNDER_WAY {
                self.pinned.push(ground.machine.pinned(HEAD + ROOM)?);
            }
            self.slab = Some(Memory::new(ground, 4 * (HEAD + ROOM))?);
        }
        let room = ground.machine.words(&mut self.pinned[self.current])?;
        room[HEAD + self.words..][..words.len()].copy_from_slice(words);
        self.segments.push(Segment { to: address, start: self.words as u32, unused: 0 });
        self.targets.push(to.clone());
        self.words += words.len();
        Ok(())
    }

    /// Sends everything that waits on its way.
    pub fn flush(&mut self, ground: &Arc<Ground<M>>) -> Result<(), String> {
        let Some(slab) = self.slab.as_ref().filter(|_| !self.segments.is_empty()) else { return Ok(()) };
        let (machine, pinned) = (&ground.machine, &mut self.pinned[self.current]);
        let head = machine.words(pinned)?;
        for (words, segment) in head.chunks_exact_mut(4).zip(&self.segments) {
            words.copy_from_slice(&[segment.to as u32, (segment.to >> 32) as u32, segment.start, 0]);
        }
        machine.upload(pinned, HEAD + self.words, slab.address)?;
        let unpack = Unpack {
            segments: slab.address,
            words: slab.address + 4 * HEAD as u64,
            segment_count: self.segments.len() as u32,
            count: self.words as u32,
        };
        let blocks = (self.words as u32).div_ceil(machine.threads()).min(machine.blocks());
        machine.launch(Unpack::KERNEL, unpack.bytes(), blocks)?;
        self.current = (self.current + 1) % UNDER_WAY;
        self.segments.clear();
        self.targets.clear();
        self.words = 0;
        self.transfers += 1;
        Ok(())
    }
}
