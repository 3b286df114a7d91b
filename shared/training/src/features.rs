//! Items described by features: an item's vector is its own row plus weighted rows of its features.
//!
//! ```text
//! vector(v) = kept(v) · row[v] + Σ over the entries i of v's bag: scale[i] · row[i]
//! ```
//!
//! A step makes the vectors of the items that it touches, numbers those items from zero and then runs on
//! this small table as it would on the whole one; the table's gradient goes back to the rows that were
//! summed. So the cost does not depend on the catalogue, and what comes in and what is scored share one
//! description. In a share of the steps an item's own row is left out on both sides, and its bias with it, so
//! that its features learn to stand for it alone: what an item without history is scored by.

use crate::device::{Bags, Contribution, Device, Rule, Weights};
use crate::network::Shard;
use crate::random::share;
use crate::trainer::Slots;
use crate::windows::{HostBags, NONE, Window};

/// How items are described.
#[derive(Clone, Debug, Default)]
pub struct ItemFeatures {
    /// One bag per item; rows of the table of weights, whose first rows are the items' own.
    pub bags: HostBags,
    /// How often each item's own row and bias are left out, as a share of the steps.
    pub drop: Vec<f32>,
    /// The bias of an item whose own is left out.
    pub bias: f32,
}

/// Bags in the device's memory.
pub(crate) struct DeviceBags<D: Device> {
    /// The bags.
    pub bags: Bags<D>,
    /// The bag of each entry.
    pub from: D::Index,
    /// Entries.
    pub count: usize,
    room: usize,
}

impl<D: Device> DeviceBags<D> {
    pub(crate) fn new(device: &D) -> Self {
        let bags = Bags { offsets: device.index(), rows: device.index(), scales: device.buffer(0) };
        Self { bags, from: device.index(), count: 0, room: 0 }
    }

    pub(crate) fn load(&mut self, device: &D, host: &HostBags) {
        self.count = host.rows.len();
        if self.count > self.room {
            self.room = self.count.next_power_of_two();
            self.bags.scales = device.buffer(self.room);
        }
        device.write_index(&mut self.bags.offsets, &host.offsets);
        device.write_index(&mut self.bags.rows, &host.rows);
        device.write(&mut self.bags.scales, 0, &host.scales);
        let bags = host.offsets.windows(2).enumerate();
        let from: Vec<u32> = bags.flat_map(|(n, ends)| (ends[0]..ends[1]).map(move |_| n as u32)).collect();
        device.write_index(&mut self.from, &from);
    }

    /// What the entries' rows get of the gradient of their sums.
    fn contribution<'a>(&'a self, slots: &'a D::Index, source: &'a D::Buffer) -> Contribution<'a, D> {
        let (scale, from) = (Some(&self.bags.scales), Some(&self.from));
        Contribution { slots, count: self.count, source, start: 0, scale, from }
    }
}

/// The items that a step touches, numbered from zero, with their vectors.
pub(crate) struct Touched<D: Device> {
    features: ItemFeatures,
    width: usize,
    seed: u64,
    /// The step's windows and negatives in the new numbers.
    pub windows: Vec<Window>,
    /// As the windows.
    pub negatives: Vec<u32>,
    /// The items by their new numbers.
    pub items: Vec<u32>,
    /// Their vectors.
    pub vectors: D::Buffer,
    /// Their biases.
    pub bias: D::Buffer,
    host_bias: Vec<f32>,
    gradients: D::Buffer,
    numbers: Slots,
    kept: Vec<u32>,
    kept_rows: D::Index,
    host_bags: HostBags,
    bags: DeviceBags<D>,
    rows: Slots,
    slots: RowSlots<D>,
}

/// Where the gradients of the rows go.
struct RowSlots<D: Device> {
    rows: D::Index,
    kept: D::Index,
    features: D::Index,
    inputs: Vec<D::Index>,
    queries: Vec<D::Index>,
}

impl<D: Device> Touched<D> {
    /// For steps that touch at most `most` of the items; the table has `rows` rows of `width` floats.
    pub(crate) fn new(
        device: &D,
        features: ItemFeatures,
        rows: usize,
        width: usize,
        most: usize,
        shards: usize,
        seed: u64,
    ) -> Self {
        let items = features.drop.len();
        assert_eq!(features.bags.offsets.len(), items + 1, "one bag per item");
        let indices = || (0..shards).map(|_| device.index()).collect();
        Self {
            width,
            seed,
            windows: vec![],
            negatives: vec![],
            items: vec![],
            vectors: device.buffer(most * width),
            bias: device.buffer(most),
            host_bias: vec![],
            gradients: device.buffer(most * width),
            numbers: Slots::new(items),
            kept: vec![],
            kept_rows: device.index(),
            host_bags: HostBags::default(),
            bags: DeviceBags::new(device),
            rows: Slots::new(rows),
            slots: RowSlots {
                rows: device.index(),
                kept: device.index(),
                features: device.index(),
                inputs: indices(),
                queries: indices(),
            },
            features,
        }
    }

    /// Numbers the items of a step, and the rows that make them.
    pub(crate) fn load(&mut self, device: &D, windows: &[Window], negatives: &[u32], step: u32) {
        self.numbers.clear();
        // Negatives come in ascending order and first, so that their new numbers ascend too.
        self.negatives = self.numbers.number(negatives).to_vec();
        self.windows.resize_with(windows.len(), Window::default);
        // In the order in which the trainer numbers the slots of gradients.
        for (to, window) in self.windows.iter_mut().zip(windows) {
            to.clone_from(window);
            to.targets.copy_from_slice(self.numbers.number(&window.targets));
        }
        for (to, window) in self.windows.iter_mut().zip(windows) {
            to.items.copy_from_slice(self.numbers.number(&window.items));
        }
        self.items.clone_from(&self.numbers.rows);
        let seed = self.seed ^ (u64::from(step) << 32);
        let (drop, bags) = (&self.features.drop, &self.features.bags);
        let keep = |&item: &u32| match share(seed, item) < drop[item as usize] {
            true => NONE,
            false => item,
        };
        self.kept.clear();
        self.kept.extend(self.items.iter().map(keep));
        self.host_bags.clear();
        for &item in &self.items {
            self.host_bags.push(bags.bag(item as usize));
        }
        device.write_index(&mut self.kept_rows, &self.kept);
        self.host_bias.clear();
        let left_out = |&kept: &u32| if kept == NONE { self.features.bias } else { 0.0 };
        self.host_bias.extend(self.kept.iter().map(left_out));
        device.write(&mut self.bias, 0, &self.host_bias);
        self.bags.load(device, &self.host_bags);
        let (rows, slots) = (&mut self.rows, &mut self.slots);
        rows.clear();
        device.write_slots(&mut slots.kept, rows.number(&self.kept));
        device.write_slots(&mut slots.features, rows.number(&self.host_bags.rows));
        for (i, window) in self.windows.iter().enumerate() {
            device.write_slots(&mut slots.inputs[i], rows.number(&window.inputs.rows));
            device.write_slots(&mut slots.queries[i], rows.number(&window.queries.rows));
        }
        device.write_index(&mut slots.rows, &rows.rows);
    }

    /// Makes the items' vectors from the table.
    pub(crate) fn make(&mut self, device: &D, table: &D::Buffer, bias: &D::Buffer) {
        device.add_rows(bias, 0, 1, &self.kept_rows, &mut self.bias);
        device.gather(table, self.width, &self.kept_rows, crate::device::Dropout::NONE, &mut self.vectors);
        device.add_bags(table, self.width, &self.bags.bags, &mut self.vectors);
    }

    /// Slots of biases: those of items, but none where the item's own bias was left out.
    pub(crate) fn bias_slots(&self, slots: &[u32]) -> Vec<u32> {
        let own = |&slot: &u32| match self.kept.get(slot as usize) {
            Some(&NONE) => NONE,
            _ => slot,
        };
        slots.iter().map(own).collect()
    }

    /// Hands the gradient of the vectors, the sum of `contributions`, to the rows of the table; those of
    /// the windows' own bags come from the shards.
    pub(crate) fn update(
        &mut self,
        device: &D,
        table: &mut Weights<D>,
        contributions: &[Contribution<'_, D>],
        shards: &[&Shard<D>],
        rule: Rule,
    ) {
        device.sum_rows(self.width, self.items.len(), contributions, &mut self.gradients);
        let slots = &self.slots;
        let mut own = vec![
            Contribution {
                slots: &slots.kept,
                count: self.items.len(),
                source: &self.gradients,
                start: 0,
                scale: None,
                from: None,
            },
            self.bags.contribution(&slots.features, &self.gradients),
        ];
        for (i, shard) in shards.iter().enumerate() {
            own.push(shard.inputs.contribution(&slots.inputs[i], &shard.d_x));
            own.push(shard.queries.contribution(&slots.queries[i], &shard.d_q));
        }
        device.sparse_step(table, self.width, &slots.rows, &own, rule);
    }
}
