//! The network: its weights, and one shard's way forward and back.
//!
//! ```text
//! x[t] = dropout(item[t] + context[t]) + gap[t]                       (B, E)
//! h[t] = GRU(x[t], h[t−1])                                            (B, H)
//! m[t] = (1 − rate) · m[t−1] + √rate · x[t]                           (B, E)
//! q[t] = dropout(h[t])·P + x[t]·A + dropout(m[t])·C + c + side[t]     (B, E)
//! logit of item v = q[t] · item[v] + bias[v]
//! ```
//!
//! `context` and `side` are sums of rows that a window may name: what is known of the event, of the user and
//! of the request. Most windows name none.
//!
//! With tied tables the item that comes in and the item that is scored share one embedding, so a query
//! needs to be brought from H to E. P does that; A adds what the last item alone says (a transition
//! matrix of low rank) and C the lasting taste. With separate tables q is the state itself.

use crate::checkpoint::{Misfit, Reader, Writer};
use crate::device::{Device, Dropout, GruShape, Matrix, Negatives, Onto, SoftmaxGradients, SoftmaxInput};
use crate::features::DeviceBags;
use crate::windows::Window;

/// Sizes that the weights depend on. Widths are multiples of [`crate::device::LANE`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// V.
    pub items: usize,
    /// E.
    pub embedding: usize,
    /// H.
    pub hidden: usize,
    /// How many classes of time gaps; at least one.
    pub gaps: usize,
    /// Whether input and output embeddings are one table.
    pub tied: bool,
    /// How fast the moving average of a user's items moves, in (0, 1].
    pub average_rate: f32,
}

impl Shape {
    /// Width of queries and output embeddings.
    pub fn query(&self) -> usize {
        if self.tied { self.embedding } else { self.hidden }
    }
}

/// Where each dense weight matrix starts in the one buffer that holds them all.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// E × 3H, gates r, z, n.
    pub input: usize,
    /// 3H.
    pub input_bias: usize,
    /// H × 3H, gates n, r, z.
    pub recurrent: usize,
    /// 3H, gates n, r, z.
    pub recurrent_bias: usize,
    /// gaps × E.
    pub gaps: usize,
    /// H × E (tied only, as the following).
    pub project: usize,
    /// E.
    pub project_bias: usize,
    /// E × E, from the last item.
    pub last: usize,
    /// E × E, from the average.
    pub average: usize,
    /// All of them.
    pub len: usize,
}

impl Layout {
    /// The layout of a shape.
    pub fn new(shape: &Shape) -> Self {
        let Shape { embedding: e, hidden: h, gaps, tied, .. } = *shape;
        let mut len = 0;
        let mut take = |count: usize| {
            len += count;
            len - count
        };
        let input = take(e * 3 * h);
        let input_bias = take(3 * h);
        let recurrent = take(h * 3 * h);
        let recurrent_bias = take(3 * h);
        let gaps = take(gaps * e);
        let project = take(if tied { h * e } else { 0 });
        let project_bias = take(if tied { e } else { 0 });
        let last = take(if tied { e * e } else { 0 });
        let average = take(if tied { e * e } else { 0 });
        Self { input, input_bias, recurrent, recurrent_bias, gaps, project, project_bias, last, average, len }
    }
}

/// The dense weights laid out for this step's products.
pub struct Operands<D: Device> {
    input: D::Operand,
    input_back: D::Operand,
    recurrent: D::Operand,
    recurrent_back: D::Operand,
    project: D::Operand,
    project_back: D::Operand,
    last: D::Operand,
    last_back: D::Operand,
    average: D::Operand,
    average_back: D::Operand,
}

impl<D: Device> Operands<D> {
    /// Without content.
    pub fn new(device: &D) -> Self {
        Self {
            input: device.operand(),
            input_back: device.operand(),
            recurrent: device.operand(),
            recurrent_back: device.operand(),
            project: device.operand(),
            project_back: device.operand(),
            last: device.operand(),
            last_back: device.operand(),
            average: device.operand(),
            average_back: device.operand(),
        }
    }

    /// Lays out the weights as they are now.
    pub fn prepare(&mut self, device: &D, shape: &Shape, dense: &D::Buffer) {
        let (at, e, h) = (Layout::new(shape), shape.embedding, shape.hidden);
        let input = Matrix::new(dense, at.input, e, 3 * h);
        device.prepare(input, false, &mut self.input);
        device.prepare(input, true, &mut self.input_back);
        let recurrent = Matrix::new(dense, at.recurrent, h, 3 * h);
        device.prepare(recurrent, false, &mut self.recurrent);
        device.prepare(recurrent, true, &mut self.recurrent_back);
        if shape.tied {
            let project = Matrix::new(dense, at.project, h, e);
            device.prepare(project, false, &mut self.project);
            device.prepare(project, true, &mut self.project_back);
            let last = Matrix::new(dense, at.last, e, e);
            device.prepare(last, false, &mut self.last);
            device.prepare(last, true, &mut self.last_back);
            let average = Matrix::new(dense, at.average, e, e);
            device.prepare(average, false, &mut self.average);
            device.prepare(average, true, &mut self.average_back);
        }
    }
}

/// Shares of dropped elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropoutShares {
    /// Of input embeddings.
    pub input: f32,
    /// Of states and averages, where they become a query.
    pub state: f32,
}

/// What a shard reads.
pub struct Model<'a, D: Device> {
    /// Sizes.
    pub shape: &'a Shape,
    /// All dense weights.
    pub dense: &'a D::Buffer,
    /// The same, laid out.
    pub operands: &'a Operands<D>,
    /// Input embeddings, V × E.
    pub input: &'a D::Buffer,
    /// Output embeddings, V × query width.
    pub output: &'a D::Buffer,
    /// Output biases.
    pub bias: &'a D::Buffer,
    /// The rows that a window's own bags name.
    pub rows: &'a D::Buffer,
}

/// One shard's tensors. The names are those of the module's formulas.
pub struct Shard<D: Device> {
    steps: usize,
    lanes: usize,
    items: D::Index,
    gaps: D::Index,
    targets: D::Index,
    weights: D::Buffer,
    keep: D::Buffer,
    /// The window's own rows on the way in.
    pub(crate) inputs: DeviceBags<D>,
    /// The same for the queries.
    pub(crate) queries: DeviceBags<D>,
    x: D::Buffer,
    gru_inputs: D::Buffer,
    states: D::Buffer,
    saved: D::Buffer,
    averages: D::Buffer,
    dropped: D::Buffer,
    dropped_average: D::Buffer,
    q: D::Buffer,
    d_states: D::Buffer,
    d_average: D::Buffer,
    d_gates: D::Buffer,
    /// Gradient with respect to the queries, N × query width.
    pub d_q: D::Buffer,
    /// Gradient with respect to the gathered input embeddings, N × E.
    pub d_x: D::Buffer,
    /// Each target row's gradient is this factor times its query, \[N\].
    pub target_scale: D::Buffer,
    /// Gradient with respect to the negatives' embeddings.
    pub d_negatives: D::Buffer,
    /// Gradient with respect to the negatives' biases.
    pub d_negative_bias: D::Buffer,
    /// Gradient of all dense weights.
    pub d_dense: D::Buffer,
    /// Weighted sums of losses.
    pub losses: D::Losses,
    record: D::Record,
}

impl<D: Device> Shard<D> {
    /// Tensors for windows of `steps` × `lanes` and `negatives` shared negatives.
    pub fn new(
        device: &D,
        shape: &Shape,
        steps: usize,
        lanes: usize,
        negatives: usize,
        dropout: bool,
    ) -> Self {
        let (n, e, h, w) = (steps * lanes, shape.embedding, shape.hidden, shape.query());
        let tied = usize::from(shape.tied);
        Self {
            steps,
            lanes,
            items: device.index(),
            gaps: device.index(),
            targets: device.index(),
            weights: device.buffer(n),
            keep: device.buffer(lanes),
            inputs: DeviceBags::new(device),
            queries: DeviceBags::new(device),
            x: device.buffer(n * e),
            gru_inputs: device.buffer(n * 3 * h),
            states: device.buffer((n + lanes) * h),
            saved: device.buffer(n * 4 * h),
            averages: device.buffer(tied * (n + lanes) * e),
            dropped: device.buffer(if dropout { n * h } else { 0 }),
            dropped_average: device.buffer(if dropout { tied * n * e } else { 0 }),
            q: device.buffer(tied * n * e),
            d_states: device.buffer(n * h),
            d_average: device.buffer(tied * n * e),
            d_gates: device.buffer(n * 4 * h),
            d_q: device.buffer(n * w),
            d_x: device.buffer(n * e),
            target_scale: device.buffer(n),
            d_negatives: device.buffer(negatives * w),
            d_negative_bias: device.buffer(negatives),
            d_dense: device.buffer(Layout::new(shape).len),
            losses: device.losses(),
            record: D::Record::default(),
        }
    }

    /// Computes the loss of the window that was loaded and all its gradients.
    ///
    /// `seed` makes the dropout masks and differs for every step and shard.
    pub fn run(
        &mut self,
        device: &D,
        model: &Model<'_, D>,
        negatives: &Negatives<D>,
        dropout: DropoutShares,
        seed: u32,
    ) {
        let shape = model.shape;
        let input_dropout = Dropout { share: dropout.input, seed };
        let state_dropout = Dropout { share: dropout.state, seed: seed ^ 0x5bd1_e995 };
        let average_dropout = Dropout { share: dropout.state, seed: seed ^ 0x2545_f491 };
        // A window without own rows takes another way than one with them.
        let key = u64::from(self.inputs.count > 0) | u64::from(self.queries.count > 0) << 1;
        let mut record = std::mem::take(&mut self.record);
        device.repeat(&mut record, key, seed, &mut || {
            self.carry_on(device, shape);
            self.recur(device, model, input_dropout);
            if shape.tied {
                self.project(device, model, state_dropout, average_dropout);
            }
            self.score(device, model, negatives);
            if shape.tied {
                self.project_back(device, model, state_dropout, average_dropout);
            }
            self.recur_back(device, model, input_dropout);
        });
        self.record = record;
    }

    /// The states and averages after the last window, which the next one goes on from. The lanes come in as
    /// many groups as there are shards in the settings, so that the bytes are those of any device.
    pub(crate) fn save_carried(&self, device: &D, shape: &Shape, groups: usize, to: &mut Writer) {
        let lanes = self.lanes / groups;
        for group in 0..groups {
            for (buffer, width) in self.carried(shape) {
                let mut values = vec![0.0; lanes * width];
                device.read(buffer, (self.steps * self.lanes + group * lanes) * width, &mut values);
                to.floats(&values);
            }
        }
    }

    /// Goes on from what [`Shard::save_carried`] wrote.
    pub(crate) fn restore_carried(
        &mut self,
        device: &D,
        shape: &Shape,
        groups: usize,
        from: &mut Reader<'_>,
    ) -> Result<(), Misfit> {
        let (lanes, (h, e)) = (self.lanes / groups, (shape.hidden, shape.embedding));
        for group in 0..groups {
            let row = self.steps * self.lanes + group * lanes;
            device.write(&mut self.states, row * h, &from.floats(lanes * h)?);
            if shape.tied {
                device.write(&mut self.averages, row * e, &from.floats(lanes * e)?);
            }
        }
        Ok(())
    }

    fn carried(&self, shape: &Shape) -> Vec<(&D::Buffer, usize)> {
        let mut carried = vec![(&self.states, shape.hidden)];
        if shape.tied {
            carried.push((&self.averages, shape.embedding));
        }
        carried
    }

    /// The queries of the last window, of which the targets' gradients are multiples.
    pub fn queries(&self, shape: &Shape) -> (&D::Buffer, usize) {
        // With separate tables the query is the state; the carried states come first in their buffer.
        if shape.tied { (&self.q, 0) } else { (&self.states, self.lanes * shape.hidden) }
    }

    /// Takes in a window.
    pub fn load(&mut self, device: &D, window: &Window) {
        device.write_index(&mut self.items, &window.items);
        device.write_index(&mut self.gaps, &window.gaps);
        device.write_index(&mut self.targets, &window.targets);
        device.write(&mut self.weights, 0, &window.weights);
        device.write(&mut self.keep, 0, &window.keep);
        for (to, bags) in [(&mut self.inputs, &window.inputs), (&mut self.queries, &window.queries)] {
            // Without rows there is nothing to load, unless those of an earlier window are there.
            if to.count > 0 || !bags.rows.is_empty() {
                to.load(device, bags);
            }
        }
    }

    /// States of users that go on are carried over, others begin at zero.
    fn carry_on(&mut self, device: &D, shape: &Shape) {
        let (last, block) = (self.steps * self.lanes, self.lanes);
        device.copy_within(&mut self.states, last * shape.hidden, block * shape.hidden, 0);
        device.scale_rows(&mut self.states, 0, shape.hidden, &self.keep, block);
        if shape.tied {
            device.copy_within(&mut self.averages, last * shape.embedding, block * shape.embedding, 0);
            device.scale_rows(&mut self.averages, 0, shape.embedding, &self.keep, block);
        }
    }

    /// x, h and m.
    fn recur(&mut self, device: &D, model: &Model<'_, D>, dropout: Dropout) {
        let (shape, at) = (model.shape, Layout::new(model.shape));
        let (n, e, h) = (self.steps * self.lanes, shape.embedding, shape.hidden);
        if self.inputs.count == 0 {
            device.gather(model.input, e, &self.items, dropout, &mut self.x);
        } else {
            device.gather(model.input, e, &self.items, Dropout::NONE, &mut self.x);
            device.add_bags(model.rows, e, &self.inputs.bags, &mut self.x);
            if dropout.share > 0.0 {
                device.dropout_in_place(&mut self.x, n * e, dropout);
            }
        }
        device.add_rows(model.dense, at.gaps, e, &self.gaps, &mut self.x);
        let bias = Onto::Bias(model.dense, at.input_bias);
        let x = Matrix::new(&self.x, 0, n, e);
        device.product(x, &model.operands.input, bias, &mut self.gru_inputs, 0, 3 * h);
        device.gru_forward(
            &GruShape { steps: self.steps, lanes: self.lanes, hidden: h },
            &self.gru_inputs,
            &model.operands.recurrent,
            (model.dense, at.recurrent_bias),
            &mut self.states,
            &mut self.saved,
        );
        if shape.tied {
            device.average_forward(self.lanes, e, shape.average_rate, &self.x, &mut self.averages);
        }
    }

    /// q from h, x and m.
    fn project(&mut self, device: &D, model: &Model<'_, D>, state: Dropout, average: Dropout) {
        let (shape, at, operands) = (model.shape, Layout::new(model.shape), model.operands);
        let (n, e, h) = (self.steps * self.lanes, shape.embedding, shape.hidden);
        let states = if state.share > 0.0 {
            device.dropout(&self.states, self.lanes * h, n * h, state, &mut self.dropped);
            device.dropout(&self.averages, self.lanes * e, n * e, average, &mut self.dropped_average);
            Matrix::new(&self.dropped, 0, n, h)
        } else {
            Matrix::new(&self.states, self.lanes * h, n, h)
        };
        let bias = Onto::Bias(model.dense, at.project_bias);
        device.product(states, &operands.project, bias, &mut self.q, 0, e);
        device.product(Matrix::new(&self.x, 0, n, e), &operands.last, Onto::Old, &mut self.q, 0, e);
        let averages = if average.share > 0.0 {
            Matrix::new(&self.dropped_average, 0, n, e)
        } else {
            Matrix::new(&self.averages, self.lanes * e, n, e)
        };
        device.product(averages, &operands.average, Onto::Old, &mut self.q, 0, e);
        if self.queries.count > 0 {
            device.add_bags(model.rows, e, &self.queries.bags, &mut self.q);
        }
    }

    /// The loss and its gradient with respect to queries and output rows.
    fn score(&mut self, device: &D, model: &Model<'_, D>, negatives: &Negatives<D>) {
        let (n, w) = (self.steps * self.lanes, model.shape.query());
        let (queries, start) = match model.shape.tied {
            true => (&self.q, 0),
            false => (&self.states, self.lanes * model.shape.hidden),
        };
        device.softmax(
            SoftmaxInput {
                queries: Matrix::new(queries, start, n, w),
                table: model.output,
                bias: model.bias,
                targets: &self.targets,
                weights: &self.weights,
            },
            negatives,
            SoftmaxGradients {
                queries: &mut self.d_q,
                target_scale: &mut self.target_scale,
                negatives: &mut self.d_negatives,
                negative_bias: &mut self.d_negative_bias,
            },
            &mut self.losses,
        );
    }

    /// From the queries' gradient to those of h, m and part of x, and of P, A, C and c.
    fn project_back(&mut self, device: &D, model: &Model<'_, D>, state: Dropout, average: Dropout) {
        let (shape, at, operands) = (model.shape, Layout::new(model.shape), model.operands);
        let (n, e, h) = (self.steps * self.lanes, shape.embedding, shape.hidden);
        let d_q = Matrix::new(&self.d_q, 0, n, e);
        let states = match state.share > 0.0 {
            true => Matrix::new(&self.dropped, 0, n, h),
            false => Matrix::new(&self.states, self.lanes * h, n, h),
        };
        let averages = match average.share > 0.0 {
            true => Matrix::new(&self.dropped_average, 0, n, e),
            false => Matrix::new(&self.averages, self.lanes * e, n, e),
        };
        device.product_transposed(states, d_q, &mut self.d_dense, at.project);
        device.column_sums(d_q, &mut self.d_dense, at.project_bias);
        device.product_transposed(Matrix::new(&self.x, 0, n, e), d_q, &mut self.d_dense, at.last);
        device.product_transposed(averages, d_q, &mut self.d_dense, at.average);
        device.product(d_q, &operands.last_back, Onto::Zero, &mut self.d_x, 0, e);
        if state.share > 0.0 {
            // The dropped tensors are used up; their room serves their gradients.
            device.product(d_q, &operands.project_back, Onto::Zero, &mut self.dropped, 0, h);
            device.dropout(&self.dropped, 0, n * h, state, &mut self.d_states);
            device.product(d_q, &operands.average_back, Onto::Zero, &mut self.dropped_average, 0, e);
            device.dropout(&self.dropped_average, 0, n * e, average, &mut self.d_average);
        } else {
            device.product(d_q, &operands.project_back, Onto::Zero, &mut self.d_states, 0, h);
            device.product(d_q, &operands.average_back, Onto::Zero, &mut self.d_average, 0, e);
        }
        device.average_backward(self.lanes, e, shape.average_rate, &mut self.d_average, &mut self.d_x);
    }

    /// From the states' gradient to that of the input rows and of all recurrent weights.
    fn recur_back(&mut self, device: &D, model: &Model<'_, D>, dropout: Dropout) {
        let (shape, at, operands) = (model.shape, Layout::new(model.shape), model.operands);
        let (n, e, h) = (self.steps * self.lanes, shape.embedding, shape.hidden);
        device.gru_backward(
            &GruShape { steps: self.steps, lanes: self.lanes, hidden: h },
            if shape.tied { &self.d_states } else { &self.d_q },
            &operands.recurrent_back,
            &self.states,
            &self.saved,
            &mut self.d_gates,
        );
        let gates = Matrix::new(&self.d_gates, 0, n, 4 * h);
        let (recurrent, input) = (gates.columns(0, 3 * h), gates.columns(h, 3 * h));
        device.product_transposed(
            Matrix::new(&self.states, 0, n, h),
            recurrent,
            &mut self.d_dense,
            at.recurrent,
        );
        device.column_sums(recurrent, &mut self.d_dense, at.recurrent_bias);
        device.product_transposed(Matrix::new(&self.x, 0, n, e), input, &mut self.d_dense, at.input);
        device.column_sums(input, &mut self.d_dense, at.input_bias);
        let onto = if shape.tied { Onto::Old } else { Onto::Zero };
        device.product(input, &operands.input_back, onto, &mut self.d_x, 0, e);
        device.scatter_add(&self.d_x, e, &self.gaps, &mut self.d_dense, at.gaps, shape.gaps);
        if dropout.share > 0.0 {
            device.dropout_in_place(&mut self.d_x, n * e, dropout);
        }
    }
}
