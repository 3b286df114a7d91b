//! Training steps: shards forward and back, gradients summed in a fixed order, weights updated.
//!
//! A step is split over lanes into shards, as many for one thread as for sixteen, so the same data and
//! seed give the same weights whatever the number of threads.

use std::sync::Mutex;

use crate::checkpoint::{Misfit, Reader, Writer};
use crate::cpu::power;
use crate::device::{BETA1, BETA2, Contribution, Device, DeviceError, LOSSES_KEPT, Negatives, Rule, Weights};
use crate::features::{ItemFeatures, Touched};
use crate::network::{DropoutShares, Layout, Model, Operands, Shape, Shard};
use crate::random::{Random, Sampler};
use crate::windows::{NONE, Window};

/// Which optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimiser {
    /// Plain gradient descent.
    Descent,
    /// Adagrad.
    Adagrad,
    /// Adam; lazy on table rows.
    Adam,
}

/// Sizes and rates of training.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Sizes of the weights.
    pub shape: Shape,
    /// T, events per window.
    pub steps: usize,
    /// Shards of a step.
    pub shards: usize,
    /// Lanes per shard.
    pub lanes: usize,
    /// Shared negatives per step, a multiple of 16; 0 for the whole catalogue.
    pub negatives: usize,
    /// Optimiser.
    pub optimiser: Optimiser,
    /// Weight decay (Adam only).
    pub decay: f32,
    /// Dropout.
    pub dropout: DropoutShares,
    /// Deviation of the initial embeddings.
    pub deviation: f32,
    /// Seeds everything.
    pub seed: u64,
}

/// Weights in the host's memory, in the layout of [`Layout`].
#[derive(Clone, Debug, PartialEq)]
pub struct HostWeights {
    /// Dense weights.
    pub dense: Vec<f32>,
    /// Input embeddings, and after them the rows of features, if there are any.
    pub input: Vec<f32>,
    /// Output embeddings, unless tied.
    pub output: Option<Vec<f32>>,
    /// Output biases.
    pub bias: Vec<f32>,
}

impl HostWeights {
    /// Random weights: uniform in ±1/√H for the GRU, as PyTorch; normal for embeddings; zero for gaps, last
    /// item, average and biases. Columns and rows from `hidden` on are padding and zero.
    pub fn random(shape: &Shape, hidden: usize, deviation: f32, random: &mut Random) -> Self {
        let (at, e, h) = (Layout::new(shape), shape.embedding, shape.hidden);
        let mut dense = vec![0.0f32; at.len];
        let bound = 1.0 / (hidden as f32).sqrt();
        let mut fill = |start: usize, rows: usize, filled: usize, width: usize, blocks: usize| {
            for row in 0..rows.min(filled) {
                for block in 0..blocks {
                    let used = if width == h { hidden } else { width };
                    for j in 0..used {
                        dense[start + (row * blocks + block) * width + j] =
                            bound * (2.0 * random.uniform() as f32 - 1.0);
                    }
                }
            }
        };
        fill(at.input, e, e, h, 3);
        fill(at.input_bias, 1, 1, h, 3);
        fill(at.recurrent, h, hidden, h, 3);
        fill(at.recurrent_bias, 1, 1, h, 3);
        if shape.tied {
            fill(at.project, h, hidden, e, 1);
        }
        let input = (0..shape.items * e).map(|_| deviation * random.normal()).collect();
        let output = (!shape.tied)
            .then(|| (0..shape.items * shape.query()).map(|_| deviation * random.normal()).collect());
        Self { dense, input, output, bias: vec![0.0; shape.items] }
    }
}

/// A model in training.
pub struct Trainer<'d, D: Device> {
    device: &'d D,
    // With one shard of all lanes where the device takes them together.
    settings: Settings,
    // How many of the caller's shards are one of these.
    groups: usize,
    merged: Vec<Window>,
    dense: Weights<D>,
    input: Weights<D>,
    // Of the input table: the items and their features.
    rows: usize,
    touched: Option<Touched<D>>,
    output: Option<Weights<D>>,
    bias: Weights<D>,
    operands: Operands<D>,
    negatives: Negatives<D>,
    offsets: Vec<f32>,
    sampler: Sampler,
    shards: Vec<Mutex<Shard<D>>>,
    slots: Slots,
    indices: Indices<D>,
    random: Random,
    step: u32,
    losses: Vec<f64>,
}

/// Which rows a step touched, in the device's memory.
struct Indices<D: Device> {
    input_rows: D::Index,
    output_rows: D::Index,
    bias_rows: D::Index,
    negatives: D::Index,
    inputs: Vec<D::Index>,
    targets: Vec<D::Index>,
    // The same for biases, where items have features.
    bias_negatives: D::Index,
    bias_targets: Vec<D::Index>,
}

impl<'d, D: Device> Trainer<'d, D> {
    /// Starts from `weights`. `popularity` is the weight of each item as a negative, all positive.
    pub fn new(device: &'d D, mut settings: Settings, weights: &HostWeights, popularity: &[f64]) -> Self {
        let groups = if D::SHARDS_SIDE_BY_SIDE { 1 } else { settings.shards };
        (settings.shards, settings.lanes) = (settings.shards / groups, settings.lanes * groups);
        let shape = settings.shape;
        assert_eq!(popularity.len(), shape.items);
        let adam = settings.optimiser == Optimiser::Adam;
        let upload = |values: &[f32], rows: usize| {
            let mut buffer = device.buffer(values.len());
            device.write(&mut buffer, 0, values);
            let first = device.buffer(if adam { values.len() } else { 0 });
            let touched = device.buffer(if adam { rows } else { 0 });
            Weights { values: buffer, first, second: device.buffer(values.len()), touched }
        };
        let count = match settings.negatives {
            0 => shape.items.next_multiple_of(16),
            count => count,
        };
        assert!(count.is_multiple_of(16), "{count} negatives are not a multiple of 16");
        let dropout = settings.dropout.input > 0.0 || settings.dropout.state > 0.0;
        let shard = || Mutex::new(Shard::new(device, &shape, settings.steps, settings.lanes, count, dropout));
        let rows = weights.input.len() / shape.embedding;
        Self {
            dense: upload(&weights.dense, 0),
            input: upload(&weights.input, rows),
            rows,
            touched: None,
            output: weights.output.as_deref().map(|values| upload(values, shape.items)),
            bias: upload(&weights.bias, shape.items),
            operands: Operands::new(device),
            negatives: Negatives {
                ids: device.index(),
                forward: device.operand(),
                backward: device.operand(),
                offsets: device.buffer(count),
                count,
            },
            offsets: vec![0.0; count],
            sampler: Sampler::new(popularity),
            shards: (0..settings.shards).map(|_| shard()).collect(),
            slots: Slots::new(shape.items),
            indices: Indices {
                input_rows: device.index(),
                output_rows: device.index(),
                bias_rows: device.index(),
                negatives: device.index(),
                inputs: (0..settings.shards).map(|_| device.index()).collect(),
                targets: (0..settings.shards).map(|_| device.index()).collect(),
                bias_negatives: device.index(),
                bias_targets: (0..settings.shards).map(|_| device.index()).collect(),
            },
            random: Random::new(settings.seed ^ 0x6e65_6761_7469_7665),
            step: 0,
            losses: vec![],
            groups,
            merged: vec![],
            device,
            settings,
        }
    }

    /// Describes items by features too, whose rows follow the items' own in the input table.
    ///
    /// Only for tied tables: one description serves both sides.
    pub fn with_features(self, features: ItemFeatures) -> Self {
        let Settings { shape, steps, lanes, shards, seed, .. } = self.settings;
        assert!(shape.tied, "features describe items of tied tables");
        let most = (self.negatives.count + 2 * steps * lanes * shards).min(shape.items);
        let touched = Touched::new(self.device, features, self.rows, shape.embedding, most, shards, seed);
        Self { touched: Some(touched), ..self }
    }

    /// One step at a learning rate; windows are one per shard. Its loss waits for [`Self::losses`]: a device
    /// that is asked at once would have to finish first, and stand still until the next step comes.
    pub fn step(&mut self, windows: &[Window], rate: f32) {
        if self.step.is_multiple_of(LOSSES_KEPT as u32 / 2) {
            self.take_losses();
        }
        let ids = self.draw_negatives();
        let mut merged = std::mem::take(&mut self.merged);
        let windows = match self.groups {
            1 => windows,
            groups => {
                merged.resize_with(self.settings.shards, Window::default);
                merged.iter_mut().zip(windows.chunks(groups)).for_each(|(all, parts)| all.merge(parts));
                &merged
            }
        };
        // All that the host has to say first: a device may then take it over in one go.
        self.load(windows, &ids);
        self.gradients(windows.len());
        self.update(ids.len(), rate);
        self.merged = merged;
    }

    /// Whether the device could do everything so far.
    pub fn check(&self) -> Result<(), DeviceError> {
        self.device.check()
    }

    /// The sums of weighted losses of the steps since the last call, in order.
    pub fn losses(&mut self) -> Vec<f64> {
        self.take_losses();
        std::mem::take(&mut self.losses)
    }

    fn take_losses(&mut self) {
        let mut sums: Vec<f64> = vec![];
        for shard in &mut self.shards {
            let shard = shard.get_mut().expect("no shard panicked");
            let losses = self.device.take_losses(&mut shard.losses);
            sums.resize(sums.len().max(losses.len()), 0.0);
            sums.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss);
        }
        self.losses.append(&mut sums);
    }

    /// The weights as they are now.
    pub fn weights(&self) -> HostWeights {
        let read = |weights: &Weights<D>, len: usize| {
            let mut values = vec![0.0; len];
            self.device.read(&weights.values, 0, &mut values);
            values
        };
        let shape = &self.settings.shape;
        HostWeights {
            dense: read(&self.dense, Layout::new(shape).len),
            input: read(&self.input, self.rows * shape.embedding),
            output: self.output.as_ref().map(|output| read(output, shape.items * shape.query())),
            bias: read(&self.bias, shape.items),
        }
    }

    /// Everything that the next steps depend on besides the settings: weights, moments, touched rows, carried
    /// states, the generator of negatives and the number of the step.
    pub fn save(&self, to: &mut Writer) {
        let shape = &self.settings.shape;
        to.number(u64::from(self.step));
        self.random.save(to);
        for (weights, sizes) in self.tables() {
            let buffers = [&weights.values, &weights.first, &weights.second, &weights.touched];
            for (buffer, size) in buffers.into_iter().zip(sizes) {
                let mut values = vec![0.0; size];
                self.device.read(buffer, 0, &mut values);
                to.floats(&values);
            }
        }
        for shard in &self.shards {
            let shard = shard.lock().expect("no step is under way");
            shard.save_carried(self.device, shape, self.groups, to);
        }
    }

    /// Goes on where [`Trainer::save`] was called on a trainer with the same settings. After an error the
    /// trainer is of no use any more.
    pub fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), Misfit> {
        let shape = self.settings.shape;
        self.step = u32::try_from(from.number()?).map_err(|_| Misfit("a number is too large"))?;
        self.random = Random::restore(from)?;
        let sizes: Vec<[usize; 4]> = self.tables().into_iter().map(|(_, sizes)| sizes).collect();
        let tables =
            [Some(&mut self.dense), Some(&mut self.input), self.output.as_mut(), Some(&mut self.bias)];
        for (weights, sizes) in tables.into_iter().flatten().zip(sizes) {
            let buffers =
                [&mut weights.values, &mut weights.first, &mut weights.second, &mut weights.touched];
            for (buffer, size) in buffers.into_iter().zip(sizes) {
                self.device.write(buffer, 0, &from.floats(size)?);
            }
        }
        for shard in &mut self.shards {
            let shard = shard.get_mut().expect("no step is under way");
            shard.restore_carried(self.device, &shape, self.groups, from)?;
        }
        Ok(())
    }

    /// All weights, with the sizes of their values, first and second moments and touched rows.
    fn tables(&self) -> Vec<(&Weights<D>, [usize; 4])> {
        let shape = &self.settings.shape;
        let adam = self.settings.optimiser == Optimiser::Adam;
        let sizes =
            |len: usize, rows: usize| [len, if adam { len } else { 0 }, len, if adam { rows } else { 0 }];
        let items = shape.items;
        let mut tables = vec![
            (&self.dense, sizes(Layout::new(shape).len, 0)),
            (&self.input, sizes(self.rows * shape.embedding, self.rows)),
        ];
        tables.extend(self.output.as_ref().map(|output| (output, sizes(items * shape.query(), items))));
        tables.push((&self.bias, sizes(items, items)));
        tables
    }

    /// This step's negatives in ascending order, padding last.
    fn draw_negatives(&mut self) -> Vec<u32> {
        let items = self.settings.shape.items as u32;
        let mut ids: Vec<u32> = match self.settings.negatives {
            0 => (0..items).collect(),
            count => (0..count).map(|_| self.sampler.draw(&mut self.random)).collect(),
        };
        ids.sort_unstable();
        ids.resize(self.negatives.count, NONE);
        ids
    }

    /// Hands the windows and negatives of a step to the device.
    fn load(&mut self, windows: &[Window], ids: &[u32]) {
        let device = self.device;
        if let Some(touched) = &mut self.touched {
            touched.load(device, windows, ids, self.step);
        }
        self.index_rows(windows, ids, self.output.is_none());
        let (numbers, windows) = match &self.touched {
            Some(touched) => (touched.negatives.as_slice(), touched.windows.as_slice()),
            None => (ids, windows),
        };
        device.write_index(&mut self.negatives.ids, numbers);
        // A negative drawn with probability p stands for 1 / (count · p) items of the full sum.
        let sampled = self.settings.negatives > 0;
        let log_count = (self.negatives.count as f32).ln();
        for (offset, &id) in self.offsets.iter_mut().zip(ids) {
            *offset = match id {
                NONE => f32::NEG_INFINITY,
                id if sampled => -log_count - self.sampler.log_probability[id as usize],
                _ => 0.0,
            };
        }
        device.write(&mut self.negatives.offsets, 0, &self.offsets);
        for (shard, window) in self.shards.iter_mut().zip(windows) {
            shard.get_mut().expect("no shard panicked").load(device, window);
        }
    }

    /// Loss and gradients of one step, left in the shards.
    fn gradients(&mut self, shards: usize) {
        let shape = self.settings.shape;
        self.operands.prepare(self.device, &shape, &self.dense.values);
        if let Some(touched) = &mut self.touched {
            touched.make(self.device, &self.input.values, &self.bias.values);
        }
        let (input, output, bias) = match &self.touched {
            Some(touched) => (&touched.vectors, &touched.vectors, &touched.bias),
            None => {
                let output = self.output.as_ref().unwrap_or(&self.input);
                (&self.input.values, &output.values, &self.bias.values)
            }
        };
        let Negatives { ids: rows, forward, backward, .. } = &mut self.negatives;
        self.device.prepare_rows(output, shape.query(), rows, forward, backward);
        self.device.add_rows(bias, 0, 1, &self.negatives.ids, &mut self.negatives.offsets);
        let model = Model {
            shape: &shape,
            dense: &self.dense.values,
            operands: &self.operands,
            input,
            output,
            bias,
            rows: &self.input.values,
        };
        let (device, negatives, settings) = (self.device, &self.negatives, &self.settings);
        let base = self.step.wrapping_mul(0x9e37_79b1) ^ settings.seed as u32;
        device.each_shard(shards, &|i| {
            let mut shard = self.shards[i].lock().expect("a shard has one user at a time");
            let seed = base ^ (i as u32 + 1).wrapping_mul(0x85eb_ca77);
            shard.run(device, &model, negatives, settings.dropout, seed);
        });
    }

    /// Applies the gradients.
    fn update(&mut self, negatives: usize, rate: f32) {
        self.step += 1;
        let device = self.device;
        let rule = match self.settings.optimiser {
            Optimiser::Descent => Rule::Descent { rate },
            Optimiser::Adagrad => Rule::Adagrad { rate },
            Optimiser::Adam => Rule::Adam {
                rate,
                decay: self.settings.decay,
                correct_first: 1.0 / (1.0 - power(BETA1, self.step)),
                correct_second: 1.0 / (1.0 - power(BETA2, self.step)),
                step: self.step,
            },
        };
        let shape = self.settings.shape;
        let shards: Vec<&Shard<D>> =
            self.shards.iter_mut().map(|shard| &*shard.get_mut().expect("no shard panicked")).collect();
        let gradients: Vec<&D::Buffer> = shards.iter().map(|shard| &shard.d_dense).collect();
        device.dense_step(&mut self.dense, &gradients, rule);

        let rows = self.settings.steps * self.settings.lanes;
        let mut biases = vec![];
        let mut outputs = vec![];
        let mut inputs = vec![];
        let to_all =
            |slots, count, source| Contribution { slots, count, source, start: 0, scale: None, from: None };
        let indices = &self.indices;
        let (bias_negatives, bias_targets) = match &self.touched {
            Some(_) => (&indices.bias_negatives, &indices.bias_targets),
            None => (&indices.negatives, &indices.targets),
        };
        for (i, shard) in shards.iter().enumerate() {
            let (source, start) = shard.queries(&shape);
            let (slots, scale) = (&indices.targets[i], Some(&shard.target_scale));
            outputs.push(Contribution { slots, count: rows, source, start, scale, from: None });
            biases.push(to_all(&bias_targets[i], rows, &shard.target_scale));
            outputs.push(to_all(&indices.negatives, negatives, &shard.d_negatives));
            biases.push(to_all(bias_negatives, negatives, &shard.d_negative_bias));
            inputs.push(to_all(&indices.inputs[i], rows, &shard.d_x));
        }
        match (&mut self.output, &mut self.touched) {
            (_, Some(touched)) => {
                outputs.append(&mut inputs);
                touched.update(device, &mut self.input, &outputs, &shards, rule);
            }
            (Some(output), None) => {
                device.sparse_step(output, shape.query(), &indices.output_rows, &outputs, rule);
                device.sparse_step(&mut self.input, shape.embedding, &indices.input_rows, &inputs, rule);
            }
            (None, None) => {
                outputs.append(&mut inputs);
                device.sparse_step(&mut self.input, shape.embedding, &indices.output_rows, &outputs, rule);
            }
        }
        // Decay would pull biases, which hold the items' popularity, towards zero.
        let rule = match rule {
            Rule::Adam { rate, correct_first, correct_second, step, .. } => {
                Rule::Adam { rate, decay: 0.0, correct_first, correct_second, step }
            }
            other => other,
        };
        device.sparse_step(&mut self.bias, 1, &indices.bias_rows, &biases, rule);
    }

    /// Numbers the rows that this step touched, in order of first appearance.
    fn index_rows(&mut self, windows: &[Window], ids: &[u32], tied: bool) {
        let device = self.device;
        let slots = &mut self.slots;
        slots.clear();
        let numbers = slots.number(ids);
        device.write_slots(&mut self.indices.negatives, numbers);
        if let Some(touched) = &self.touched {
            device.write_slots(&mut self.indices.bias_negatives, &touched.bias_slots(numbers));
        }
        for (i, window) in windows.iter().enumerate() {
            let numbers = slots.number(&window.targets);
            device.write_slots(&mut self.indices.targets[i], numbers);
            if let Some(touched) = &self.touched {
                device.write_slots(&mut self.indices.bias_targets[i], &touched.bias_slots(numbers));
            }
        }
        device.write_index(&mut self.indices.bias_rows, &slots.rows);
        if !tied {
            device.write_index(&mut self.indices.output_rows, &slots.rows);
            slots.clear();
        }
        for (window, index) in windows.iter().zip(&mut self.indices.inputs) {
            device.write_slots(index, slots.number(&window.items));
        }
        let rows = if tied { &mut self.indices.output_rows } else { &mut self.indices.input_rows };
        device.write_index(rows, &slots.rows);
    }
}

/// Consecutive numbers for the rows that were named since the last `clear`.
pub(crate) struct Slots {
    pub(crate) rows: Vec<u32>,
    round: u32,
    // Round and slot of each row.
    seen: Vec<(u32, u32)>,
    numbers: Vec<u32>,
}

impl Slots {
    pub(crate) fn new(rows: usize) -> Self {
        Self { rows: vec![], round: 0, seen: vec![(0, 0); rows], numbers: vec![] }
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.seen.fill((0, 0));
            self.round = 1;
        }
    }

    pub(crate) fn number(&mut self, ids: &[u32]) -> &[u32] {
        self.numbers.clear();
        for &id in ids {
            let number = match self.seen.get_mut(id as usize) {
                None => NONE,
                Some((round, slot)) if *round == self.round => *slot,
                Some(entry) => {
                    *entry = (self.round, self.rows.len() as u32);
                    self.rows.push(id);
                    entry.1
                }
            };
            self.numbers.push(number);
        }
        &self.numbers
    }
}
