//! The operations on the cores of this machine.
//!
//! Results do not depend on the number of threads: every operation writes each number in one place,
//! in one order, and threads only share out which place is whose.

mod gates;
mod gemm;
mod gemv;
mod isa;
mod math;
mod pool;
mod rows;
mod softmax;

use std::cell::RefCell;
use std::marker::PhantomData;

use crate::device::{
    Bags, Contribution, Device, DeviceError, Dropout, GruShape, Matrix, Negatives, Onto, Rule,
    SoftmaxGradients, SoftmaxInput, Weights,
};
pub use gates::forward as gru_step;
pub use gemm::{Left, Packed, Start, gemm};
pub use gemv::gemv;
pub use isa::{Isa, PORTABLE_FMA};
pub use math::exp;
use pool::Pool;
pub use rows::power;

/// Rows of the softmax that are worked on at once: their logits stay in the second-level cache.
const SOFTMAX_ROWS: usize = 96;
/// Dense weights per piece of an optimiser step.
const DENSE_PIECE: usize = 8192;
/// Rows per piece of a sparse step.
const SPARSE_PIECE: usize = 128;

/// The cores of this machine.
pub struct Cpu {
    pool: Pool,
    isa: Isa,
}

impl Cpu {
    /// Uses `threads` threads; 0 for as many as there are cores.
    pub fn new(threads: usize) -> Self {
        Self::with_isa(threads, Isa::detect())
    }

    /// Uses one set of instructions, for tests. The machine must have it.
    pub fn with_isa(threads: usize, isa: Isa) -> Self {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n,
        };
        Self { pool: Pool::new(threads), isa }
    }

    /// The instructions in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Calls `work` with every number below `count` on all threads.
    pub fn each(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        self.pool.run(count, work);
    }
}

/// Room for intermediate results, one per thread, kept from call to call.
#[derive(Default)]
struct Scratch {
    packed: Packed,
    floats: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

fn room(floats: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if floats.len() < len {
        floats.resize(len, 0.0);
    }
    &mut floats[..len]
}

/// Lets the pieces of one operation write disjoint parts of a slice.
struct Shared<'a>(*mut f32, usize, PhantomData<&'a mut [f32]>);

// SAFETY: `part` is unsafe, and its callers promise disjoint parts.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    fn new(slice: &'a mut [f32]) -> Self {
        Self(slice.as_mut_ptr(), slice.len(), PhantomData)
    }

    /// SAFETY: no two parts that are alive at the same time may overlap.
    #[allow(clippy::mut_from_ref)]
    unsafe fn part(&self, start: usize, len: usize) -> &mut [f32] {
        assert!(start + len <= self.1);
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}

/// Where `id` stands in an ascending list.
fn positions_of(ids: &[u32], id: u32) -> std::ops::Range<usize> {
    let first = ids.partition_point(|&other| other < id);
    first..first + ids[first..].iter().take_while(|&&other| other == id).count()
}

fn row_of(table: &[f32], width: usize, row: u32) -> Option<&[f32]> {
    table.get(row as usize * width..row as usize * width + width)
}

impl Device for Cpu {
    type Buffer = Vec<f32>;
    type Index = Vec<u32>;
    type Operand = Packed;
    type Losses = Vec<f64>;
    type Record = ();

    const SHARDS_SIDE_BY_SIDE: bool = true;

    fn check(&self) -> Result<(), DeviceError> {
        Ok(())
    }

    fn buffer(&self, len: usize) -> Vec<f32> {
        vec![0.0; len]
    }

    fn write(&self, to: &mut Vec<f32>, start: usize, values: &[f32]) {
        to[start..start + values.len()].copy_from_slice(values);
    }

    fn read(&self, from: &Vec<f32>, start: usize, values: &mut [f32]) {
        values.copy_from_slice(&from[start..start + values.len()]);
    }

    fn index(&self) -> Vec<u32> {
        Vec::new()
    }

    fn write_index(&self, to: &mut Vec<u32>, rows: &[u32]) {
        to.clear();
        to.extend_from_slice(rows);
    }

    fn operand(&self) -> Packed {
        Packed::default()
    }

    fn losses(&self) -> Vec<f64> {
        Vec::new()
    }

    fn take_losses(&self, losses: &mut Vec<f64>) -> Vec<f64> {
        std::mem::take(losses)
    }

    fn prepare(&self, source: Matrix<'_, Self>, transposed: bool, to: &mut Packed) {
        let data = &source.buffer[source.start..];
        if transposed {
            to.pack_transposed(data, source.columns, source.rows, source.stride);
        } else {
            to.pack(data, source.rows, source.columns, source.stride);
        }
    }

    fn prepare_rows(
        &self,
        table: &Vec<f32>,
        width: usize,
        rows: &Vec<u32>,
        forward: &mut Packed,
        backward: &mut Packed,
    ) {
        forward.pack_rows_transposed(width, rows.len(), |j| row_of(table, width, rows[j]));
        backward.pack_rows(rows.len(), width, |j| row_of(table, width, rows[j]));
    }

    fn product(
        &self,
        a: Matrix<'_, Self>,
        b: &Packed,
        onto: Onto<'_, Self>,
        out: &mut Vec<f32>,
        start: usize,
        stride: usize,
    ) {
        assert_eq!(a.columns, b.depth());
        let onto = match onto {
            Onto::Zero => Start::Zero,
            Onto::Bias(buffer, start) => Start::Row(&buffer[start..]),
            Onto::Old => Start::Old,
        };
        let left = Left { data: &a.buffer[a.start..], row: a.stride, column: 1 };
        gemm(self.isa, left, a.rows, b, onto, &mut out[start..], stride);
    }

    fn product_transposed(&self, a: Matrix<'_, Self>, b: Matrix<'_, Self>, out: &mut Vec<f32>, start: usize) {
        assert_eq!(a.rows, b.rows);
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.packed.pack(&b.buffer[b.start..], b.rows, b.columns, b.stride);
            let left = Left { data: &a.buffer[a.start..], row: 1, column: a.stride };
            gemm(self.isa, left, a.columns, &scratch.packed, Start::Zero, &mut out[start..], b.columns);
        });
    }

    fn column_sums(&self, a: Matrix<'_, Self>, out: &mut Vec<f32>, start: usize) {
        let out = &mut out[start..start + a.columns];
        out.fill(0.0);
        for row in 0..a.rows {
            rows::add_scaled(self.isa, out, &a.buffer[a.start + row * a.stride..][..a.columns], 1.0);
        }
    }

    fn gather(&self, table: &Vec<f32>, width: usize, rows: &Vec<u32>, dropout: Dropout, out: &mut Vec<f32>) {
        for (n, (out, &row)) in out.chunks_exact_mut(width).zip(rows).enumerate() {
            match row_of(table, width, row) {
                Some(values) if dropout.share > 0.0 => self.drop_row(values, out, dropout, n * width),
                Some(values) => out.copy_from_slice(values),
                None => out.fill(0.0),
            }
        }
    }

    fn add_rows(&self, table: &Vec<f32>, start: usize, width: usize, rows: &Vec<u32>, out: &mut Vec<f32>) {
        for (out, &row) in out.chunks_exact_mut(width).zip(rows) {
            if let Some(values) = row_of(&table[start..], width, row) {
                rows::add_scaled(self.isa, out, values, 1.0);
            }
        }
    }

    fn add_bags(&self, table: &Vec<f32>, width: usize, bags: &Bags<Self>, out: &mut Vec<f32>) {
        for (out, ends) in out.chunks_exact_mut(width).zip(bags.offsets.windows(2)) {
            for entry in ends[0] as usize..ends[1] as usize {
                if let Some(values) = row_of(table, width, bags.rows[entry]) {
                    rows::add_scaled(self.isa, out, values, bags.scales[entry]);
                }
            }
        }
    }

    fn scatter_add(
        &self,
        source: &Vec<f32>,
        width: usize,
        rows: &Vec<u32>,
        out: &mut Vec<f32>,
        start: usize,
        count: usize,
    ) {
        let out = &mut out[start..start + count * width];
        out.fill(0.0);
        for (source, &row) in source.chunks_exact(width).zip(rows) {
            if (row as usize) < count {
                rows::add_scaled(self.isa, &mut out[row as usize * width..][..width], source, 1.0);
            }
        }
    }

    fn dropout(&self, from: &Vec<f32>, start: usize, len: usize, dropout: Dropout, out: &mut Vec<f32>) {
        self.drop_row(&from[start..start + len], &mut out[..len], dropout, 0);
    }

    fn dropout_in_place(&self, buffer: &mut Vec<f32>, len: usize, dropout: Dropout) {
        let (threshold, scale) = threshold(dropout);
        rows::drop_out_in_place(self.isa, &mut buffer[..len], dropout.seed, threshold, scale);
    }

    fn average_forward(
        &self,
        lanes: usize,
        width: usize,
        rate: f32,
        values: &Vec<f32>,
        averages: &mut Vec<f32>,
    ) {
        let size = lanes * width;
        for (t, values) in values.chunks_exact(size).enumerate() {
            let (previous, next) = averages[t * size..][..2 * size].split_at_mut(size);
            rows::blend(self.isa, previous, values, 1.0 - rate, rate.sqrt(), next);
        }
    }

    fn average_backward(
        &self,
        lanes: usize,
        width: usize,
        rate: f32,
        outputs: &mut Vec<f32>,
        gradients: &mut Vec<f32>,
    ) {
        let size = lanes * width;
        let steps = gradients.len() / size;
        for t in (0..steps).rev() {
            let (earlier, later) = outputs.split_at_mut(t * size);
            let later = &later[..size];
            rows::add_scaled(self.isa, &mut gradients[t * size..][..size], later, rate.sqrt());
            if t > 0 {
                rows::add_scaled(self.isa, &mut earlier[(t - 1) * size..], later, 1.0 - rate);
            }
        }
    }

    fn copy_within(&self, buffer: &mut Vec<f32>, from: usize, len: usize, to: usize) {
        buffer.copy_within(from..from + len, to);
    }

    fn scale_rows(&self, buffer: &mut Vec<f32>, start: usize, width: usize, factors: &Vec<f32>, rows: usize) {
        for (row, &factor) in buffer[start..].chunks_exact_mut(width).zip(&factors[..rows]) {
            row.iter_mut().for_each(|x| *x *= factor);
        }
    }

    fn gru_forward(
        &self,
        shape: &GruShape,
        inputs: &Vec<f32>,
        recurrent: &Packed,
        bias: (&Vec<f32>, usize),
        states: &mut Vec<f32>,
        saved: &mut Vec<f32>,
    ) {
        let &GruShape { steps, lanes, hidden } = shape;
        let size = lanes * hidden;
        SCRATCH.with_borrow_mut(|scratch| {
            let product = room(&mut scratch.floats, 3 * size);
            for t in 0..steps {
                let (previous, next) = states[t * size..][..2 * size].split_at_mut(size);
                let left = Left { data: previous, row: hidden, column: 1 };
                gemm(self.isa, left, lanes, recurrent, Start::Row(&bias.0[bias.1..]), product, 3 * hidden);
                let inputs = &inputs[t * 3 * size..][..3 * size];
                let saved = &mut saved[t * 4 * size..][..4 * size];
                gates::forward(self.isa, hidden, inputs, product, previous, next, saved);
            }
        });
    }

    fn gru_backward(
        &self,
        shape: &GruShape,
        outputs: &Vec<f32>,
        recurrent: &Packed,
        states: &Vec<f32>,
        saved: &Vec<f32>,
        gates: &mut Vec<f32>,
    ) {
        let &GruShape { steps, lanes, hidden } = shape;
        let size = lanes * hidden;
        SCRATCH.with_borrow_mut(|scratch| {
            let carried = room(&mut scratch.floats, size);
            carried.fill(0.0);
            for t in (0..steps).rev() {
                let gates = &mut gates[t * 4 * size..][..4 * size];
                let saved = &saved[t * 4 * size..][..4 * size];
                let previous = &states[t * size..][..size];
                gates::backward(
                    self.isa,
                    hidden,
                    &outputs[t * size..][..size],
                    previous,
                    saved,
                    carried,
                    gates,
                );
                if t > 0 {
                    let left = Left { data: gates, row: 4 * hidden, column: 1 };
                    gemm(self.isa, left, lanes, recurrent, Start::Old, carried, hidden);
                }
            }
        });
    }

    fn softmax(
        &self,
        input: SoftmaxInput<'_, Self>,
        negatives: &Negatives<Self>,
        gradients: SoftmaxGradients<'_, Self>,
        losses: &mut Vec<f64>,
    ) {
        let SoftmaxInput { queries, table, bias, targets, weights } = input;
        let (width, count) = (queries.columns, negatives.count);
        assert_eq!(queries.stride, width, "queries are dense");
        gradients.negatives[..count * width].fill(0.0);
        gradients.negative_bias[..count].fill(0.0);
        let mut loss = 0.0;
        SCRATCH.with_borrow_mut(|Scratch { packed, floats }| {
            // One more vector per row keeps equal columns of the rows out of the same cache sets.
            let stride = count + 16;
            let logits = room(floats, SOFTMAX_ROWS * stride);
            for first in (0..queries.rows).step_by(SOFTMAX_ROWS) {
                let rows = SOFTMAX_ROWS.min(queries.rows - first);
                let block = &queries.buffer[queries.start + first * width..][..rows * width];
                let left = Left { data: block, row: width, column: 1 };
                let offsets = Start::Row(&negatives.offsets);
                gemm(self.isa, left, rows, &negatives.forward, offsets, logits, stride);
                for row in 0..rows {
                    let n = first + row;
                    let (logits, weight) = (&mut logits[row * stride..][..count], weights[n]);
                    if weight == 0.0 {
                        logits.fill(0.0);
                        gradients.target_scale[n] = 0.0;
                        continue;
                    }
                    let target = targets[n];
                    let own = positions_of(&negatives.ids, target);
                    logits[own.clone()].fill(f32::NEG_INFINITY);
                    let output = &table[target as usize * width..][..width];
                    let score = softmax::dot(self.isa, &block[row * width..][..width], output)
                        + bias[target as usize];
                    let (row_loss, scale) = softmax::cross_entropy(self.isa, logits, score, weight);
                    logits[own].fill(0.0);
                    loss += f64::from(row_loss) * f64::from(weight);
                    gradients.target_scale[n] = scale;
                }
                let out = &mut gradients.queries[first * width..][..rows * width];
                let left = Left { data: logits, row: stride, column: 1 };
                gemm(self.isa, left, rows, &negatives.backward, Start::Zero, out, width);
                for row in 0..rows {
                    let scale = gradients.target_scale[first + row];
                    if scale != 0.0 {
                        let output = &table[targets[first + row] as usize * width..][..width];
                        rows::add_scaled(self.isa, &mut out[row * width..][..width], output, scale);
                    }
                    let logits = &logits[row * stride..][..count];
                    rows::add_scaled(self.isa, &mut gradients.negative_bias[..count], logits, 1.0);
                }
                packed.pack(block, rows, width, width);
                let left = Left { data: logits, row: 1, column: stride };
                gemm(self.isa, left, count, packed, Start::Old, gradients.negatives, width);
            }
        });
        losses.push(loss);
    }

    fn repeat(&self, (): &mut (), _: u64, _: u32, work: &mut dyn FnMut()) {
        work();
    }

    fn each_shard(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        self.pool.run(count, work);
    }

    fn dense_step(&self, weights: &mut Weights<Self>, gradients: &[&Vec<f32>], rule: Rule) {
        let len = weights.values.len();
        let values = Shared::new(&mut weights.values);
        let first = Shared::new(&mut weights.first);
        let second = Shared::new(&mut weights.second);
        self.pool.run(len.div_ceil(DENSE_PIECE), &|piece| {
            let start = piece * DENSE_PIECE;
            let count = DENSE_PIECE.min(len - start);
            // SAFETY: pieces are disjoint.
            let (values, second) = unsafe { (values.part(start, count), second.part(start, count)) };
            let first = unsafe { part_if_any(&first, start, count) };
            SCRATCH.with_borrow_mut(|scratch| {
                let sum = room(&mut scratch.floats, count);
                sum.copy_from_slice(&gradients[0][start..start + count]);
                for more in &gradients[1..] {
                    rows::add_scaled(self.isa, sum, &more[start..start + count], 1.0);
                }
                rows::update(self.isa, values, first, second, sum, rule, rows::Idle::NONE);
            });
        });
    }

    fn sum_rows(
        &self,
        width: usize,
        count: usize,
        contributions: &[Contribution<'_, Self>],
        out: &mut Vec<f32>,
    ) {
        let out = Shared::new(out);
        self.pool.run(count.div_ceil(SPARSE_PIECE), &|piece| {
            let start = piece * SPARSE_PIECE;
            let end = count.min(start + SPARSE_PIECE);
            // SAFETY: pieces are disjoint.
            let sums = unsafe { out.part(start * width, (end - start) * width) };
            self.sum(width, start..end, contributions, sums);
        });
    }

    fn sparse_step(
        &self,
        weights: &mut Weights<Self>,
        width: usize,
        rows: &Vec<u32>,
        contributions: &[Contribution<'_, Self>],
        rule: Rule,
    ) {
        let values = Shared::new(&mut weights.values);
        let first = Shared::new(&mut weights.first);
        let second = Shared::new(&mut weights.second);
        let touched = Shared::new(&mut weights.touched);
        self.pool.run(rows.len().div_ceil(SPARSE_PIECE), &|piece| {
            let start = piece * SPARSE_PIECE;
            let count = SPARSE_PIECE.min(rows.len() - start);
            SCRATCH.with_borrow_mut(|scratch| {
                let sums = room(&mut scratch.floats, count * width);
                self.sum(width, start..start + count, contributions, sums);
                for (&row, sum) in rows[start..start + count].iter().zip(sums.chunks_exact(width)) {
                    let at = row as usize * width;
                    // SAFETY: the rows are distinct.
                    let (values, second) = unsafe { (values.part(at, width), second.part(at, width)) };
                    let first = unsafe { part_if_any(&first, at, width) };
                    let idle = match rule {
                        Rule::Adam { step, .. } if touched.1 > 0 => {
                            // SAFETY: as above.
                            let touched = unsafe { &mut touched.part(row as usize, 1)[0] };
                            let before = std::mem::replace(touched, step as f32);
                            rows::Idle::new(step - 1 - before as u32)
                        }
                        _ => rows::Idle::NONE,
                    };
                    rows::update(self.isa, values, first, second, sum, rule, idle);
                }
            });
        });
    }
}

impl Cpu {
    /// The sums of what is contributed to some slots, in order.
    fn sum(
        &self,
        width: usize,
        slots: std::ops::Range<usize>,
        contributions: &[Contribution<'_, Self>],
        sums: &mut [f32],
    ) {
        sums.fill(0.0);
        for c in contributions {
            for (i, &slot) in c.slots[..c.count].iter().enumerate() {
                if !slots.contains(&(slot as usize)) {
                    continue;
                }
                let slot = slot as usize - slots.start;
                let scale = c.scale.map_or(1.0, |scale| scale[i]);
                let from = c.from.map_or(i, |from| from[i] as usize);
                let source = &c.source[c.start + from * width..][..width];
                rows::add_scaled(self.isa, &mut sums[slot * width..][..width], source, scale);
            }
        }
    }

    fn drop_row(&self, from: &[f32], to: &mut [f32], dropout: Dropout, position: usize) {
        let (threshold, scale) = threshold(dropout);
        rows::drop_out(self.isa, from, to, dropout.seed, position as u32, threshold, scale);
    }
}

/// Below which of 2³² numbers an element is dropped, and how the others are scaled.
fn threshold(dropout: Dropout) -> (u32, f32) {
    ((f64::from(dropout.share) * 4_294_967_296.0) as u32, 1.0 / (1.0 - dropout.share))
}

/// SAFETY: as for `Shared::part`. Adagrad has no first moments.
#[allow(clippy::mut_from_ref)]
unsafe fn part_if_any<'a>(shared: &'a Shared<'_>, start: usize, len: usize) -> &'a mut [f32] {
    if shared.1 == 0 { &mut [] } else { unsafe { shared.part(start, len) } }
}
