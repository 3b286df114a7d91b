//! What the training code asks of a machine: some twenty operations over whole tensors.
//!
//! The model is written once against [`Device`]. Two rules keep it that way. Operations see whole
//! matrices in buffers of the device, never slices or iterators of the host. And the operations on one
//! shard's tensors run in order, as on one stream, while [`Device::each_shard`], [`Device::sum_rows`],
//! [`Device::sparse_step`] and [`Device::dense_step`] may use every core there is.
//!
//! Letters: T time steps, B lanes, N = T·B rows in time-major order, E embedding, H hidden, S negatives,
//! V items. All widths (E, H, S) are multiples of [`LANE`]; the model pads with zeros where needed.

/// Every matrix width is a multiple of this many floats: one 512-bit vector.
pub const LANE: usize = 16;

/// `width` rounded up to a multiple of [`LANE`].
pub fn padded(width: usize) -> usize {
    width.div_ceil(LANE) * LANE
}

/// A matrix inside a buffer, row after row, `stride` floats apart.
pub struct Matrix<'a, D: Device> {
    /// Where it lies.
    pub buffer: &'a D::Buffer,
    /// Its first float.
    pub start: usize,
    /// How many rows.
    pub rows: usize,
    /// How many columns.
    pub columns: usize,
    /// Floats from one row to the next.
    pub stride: usize,
}

impl<'a, D: Device> Matrix<'a, D> {
    /// A dense matrix from `start` on.
    pub fn new(buffer: &'a D::Buffer, start: usize, rows: usize, columns: usize) -> Self {
        Self { buffer, start, rows, columns, stride: columns }
    }

    /// Columns `first..first + count` of the same rows.
    pub fn columns(self, first: usize, count: usize) -> Self {
        Self { start: self.start + first, columns: count, ..self }
    }
}

impl<D: Device> Clone for Matrix<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D: Device> Copy for Matrix<'_, D> {}

/// What a product is added to.
pub enum Onto<'a, D: Device> {
    /// Nothing: the old content is overwritten.
    Zero,
    /// One row of biases, from this float of this buffer on.
    Bias(&'a D::Buffer, usize),
    /// The old content.
    Old,
}

/// The recurrent layer's tensors of one window.
pub struct GruShape {
    /// T.
    pub steps: usize,
    /// B.
    pub lanes: usize,
    /// H.
    pub hidden: usize,
}

/// The rows that stand for the whole catalogue in the softmax.
pub struct Negatives<D: Device> {
    /// Item numbers in ascending order, \[S\]; numbers past the catalogue are padding.
    pub ids: D::Index,
    /// Their output embeddings, transposed: E × S.
    pub forward: D::Operand,
    /// Their output embeddings: S × E.
    pub backward: D::Operand,
    /// What is added to their logits: bias minus the log of the expected count, \[S\].
    pub offsets: D::Buffer,
    /// S.
    pub count: usize,
}

/// Where the softmax leaves its gradients.
pub struct SoftmaxGradients<'a, D: Device> {
    /// With respect to the queries, N × E.
    pub queries: &'a mut D::Buffer,
    /// The target row's gradient is this factor times the query, \[N\].
    pub target_scale: &'a mut D::Buffer,
    /// With respect to the negatives' rows, S × E.
    pub negatives: &'a mut D::Buffer,
    /// With respect to the negatives' biases, \[S\].
    pub negative_bias: &'a mut D::Buffer,
}

/// Queries and targets of one shard.
pub struct SoftmaxInput<'a, D: Device> {
    /// N × E.
    pub queries: Matrix<'a, D>,
    /// Output embeddings, V × E.
    pub table: &'a D::Buffer,
    /// Output biases, \[V\].
    pub bias: &'a D::Buffer,
    /// The item that followed, \[N\].
    pub targets: &'a D::Index,
    /// Weight of each row in the loss, \[N\]; 0 for padding.
    pub weights: &'a D::Buffer,
}

/// A share of the gradient of a table's rows: row `slots[i]` gets `scale[i] · source[i]`.
pub struct Contribution<'a, D: Device> {
    /// Positions in the list of touched rows, as [`Device::write_slots`] wrote them; `u32::MAX` for none.
    pub slots: &'a D::Index,
    /// How many sources.
    pub count: usize,
    /// count × width, from `start` on.
    pub source: &'a D::Buffer,
    /// First float of the sources.
    pub start: usize,
    /// \[count\], or none for 1.
    pub scale: Option<&'a D::Buffer>,
    /// The source row of each contribution, or none for row i.
    pub from: Option<&'a D::Index>,
}

/// Weighted sums of a table's rows: bag n is the entries `offsets[n]..offsets[n + 1]`.
pub struct Bags<D: Device> {
    /// One more than there are bags.
    pub offsets: D::Index,
    /// The table's row of each entry.
    pub rows: D::Index,
    /// The weight of each entry; room for at least as many.
    pub scales: D::Buffer,
}

/// How a step turns gradients into new weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Weights move against the gradient; nothing is remembered.
    Descent {
        /// Learning rate.
        rate: f32,
    },
    /// Duchi et al. 2011: steps shrink with the sum of squared gradients.
    Adagrad {
        /// Learning rate.
        rate: f32,
    },
    /// Kingma and Ba 2015, with decoupled weight decay (Loshchilov and Hutter 2019). A row that was not
    /// touched for some steps catches up when it is: its moments fade and its momentum is applied as if
    /// its gradient had been zero meanwhile, so that sparse steps train as fast as dense ones.
    Adam {
        /// Learning rate.
        rate: f32,
        /// Share of the weight taken off at each touch, times the rate.
        decay: f32,
        /// 1 / (1 − β₁ᵗ), the correction of the first moment at this step.
        correct_first: f32,
        /// 1 / (1 − β₂ᵗ).
        correct_second: f32,
        /// t, the number of this step, from 1.
        step: u32,
    },
}

/// β₁ of Adam.
pub const BETA1: f32 = 0.9;
/// β₂ of Adam.
pub const BETA2: f32 = 0.999;
/// Keeps the quotient of Adam and Adagrad finite.
pub const EPSILON: f32 = 1e-8;

/// A table of weights with the optimiser's memory of it.
pub struct Weights<D: Device> {
    /// The weights.
    pub values: D::Buffer,
    /// First moments (Adam only; empty for Adagrad).
    pub first: D::Buffer,
    /// Second moments, or Adagrad's sums of squares.
    pub second: D::Buffer,
    /// The step that last touched each row (tables under Adam only; empty otherwise).
    pub touched: D::Buffer,
}

/// Losses that a shard may keep in the device's memory before somebody takes them.
pub const LOSSES_KEPT: usize = 1024;

/// Why a device cannot go on, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DeviceError(pub String);

/// A machine that trains.
pub trait Device: Sync + Sized {
    /// Whether the shards of a step run side by side. Where they do not, a trainer makes one of all of them.
    const SHARDS_SIDE_BY_SIDE: bool;

    /// Floats in the device's memory.
    type Buffer: Send + Sync;
    /// Row numbers in the device's memory.
    type Index: Send + Sync;
    /// A right-hand factor, laid out once per step for the many products that use it.
    type Operand: Send + Sync;
    /// The losses of one shard's steps, until they are taken.
    type Losses: Send + Sync;
    /// What [`Device::repeat`] remembers of the work that it was given.
    type Record: Default + Send;

    /// Whether everything asked for so far could be done. A device that fails does nothing from then on
    /// and reads as zeros, so that the training loop alone has to look, whenever it takes losses.
    fn check(&self) -> Result<(), DeviceError>;
    /// `len` zeros.
    fn buffer(&self, len: usize) -> Self::Buffer;
    /// Copies floats to the device, from `start` on.
    fn write(&self, to: &mut Self::Buffer, start: usize, values: &[f32]);
    /// Copies floats from the device, from `start` on.
    fn read(&self, from: &Self::Buffer, start: usize, values: &mut [f32]);
    /// An index without entries.
    fn index(&self) -> Self::Index;
    /// Replaces an index.
    fn write_index(&self, to: &mut Self::Index, rows: &[u32]);
    /// Replaces an index that is for [`Contribution::slots`] alone, and may be laid out for sums.
    fn write_slots(&self, to: &mut Self::Index, slots: &[u32]) {
        self.write_index(to, slots);
    }
    /// An operand without content.
    fn operand(&self) -> Self::Operand;
    /// No losses yet.
    fn losses(&self) -> Self::Losses;
    /// Hands over the losses of the steps since the last call, in order. Waits until they are there, which
    /// is why a training loop asks now and then and not at every step.
    fn take_losses(&self, losses: &mut Self::Losses) -> Vec<f64>;

    /// Lays out `source`, or its transpose, as a right-hand factor. A device may instead remember where the
    /// source is, so it must not change before the last product with the operand.
    fn prepare(&self, source: Matrix<'_, Self>, transposed: bool, to: &mut Self::Operand);
    /// Lays out `rows` of a table as right-hand factors: `forward` is width × rows, `backward` rows × width.
    /// Rows past the table's end are zero.
    fn prepare_rows(
        &self,
        table: &Self::Buffer,
        width: usize,
        rows: &Self::Index,
        forward: &mut Self::Operand,
        backward: &mut Self::Operand,
    );
    /// out = onto + a · b. `out` has `stride` floats from row to row.
    fn product(
        &self,
        a: Matrix<'_, Self>,
        b: &Self::Operand,
        onto: Onto<'_, Self>,
        out: &mut Self::Buffer,
        start: usize,
        stride: usize,
    );
    /// out = aᵀ · b, dense from `start` on; the gradient of a weight matrix.
    fn product_transposed(
        &self,
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
        out: &mut Self::Buffer,
        start: usize,
    );
    /// out = the sum of each column; the gradient of a bias.
    fn column_sums(&self, a: Matrix<'_, Self>, out: &mut Self::Buffer, start: usize);

    /// out\[n\] = dropout(table\[rows\[n\]\]); zero where the row is past the table's end.
    fn gather(
        &self,
        table: &Self::Buffer,
        width: usize,
        rows: &Self::Index,
        dropout: Dropout,
        out: &mut Self::Buffer,
    );
    /// out\[n\] += table\[start + rows\[n\]·width\].
    fn add_rows(
        &self,
        table: &Self::Buffer,
        start: usize,
        width: usize,
        rows: &Self::Index,
        out: &mut Self::Buffer,
    );
    /// out\[n\] += Σ scales\[i\] · table\[rows\[i\]\] over the entries i of bag n.
    fn add_bags(&self, table: &Self::Buffer, width: usize, bags: &Bags<Self>, out: &mut Self::Buffer);
    /// out\[start + rows\[n\]·width\] += source\[n\], for a small dense table of `count` rows, zeroed first.
    fn scatter_add(
        &self,
        source: &Self::Buffer,
        width: usize,
        rows: &Self::Index,
        out: &mut Self::Buffer,
        start: usize,
        count: usize,
    );
    /// out = from with elements dropped; the same `dropout` gives the same mask, forward and backward.
    /// Reads from `start` on, writes from 0 on.
    fn dropout(
        &self,
        from: &Self::Buffer,
        start: usize,
        len: usize,
        dropout: Dropout,
        out: &mut Self::Buffer,
    );
    /// The same within one buffer, from 0 on.
    fn dropout_in_place(&self, buffer: &mut Self::Buffer, len: usize, dropout: Dropout);
    /// Moving sums of N × width values, time-major: averages\[t+1\] = (1 − rate) · averages\[t\] +
    /// √rate · values\[t\], so that a sum of unrelated values is as large as one of them. `averages` has
    /// one block of lanes more, the carried one, first.
    fn average_forward(
        &self,
        lanes: usize,
        width: usize,
        rate: f32,
        values: &Self::Buffer,
        averages: &mut Self::Buffer,
    );
    /// Adds the averages' gradient with respect to the values to `gradients`, N × width. `outputs`, the
    /// gradient with respect to the averages after each step, is used up.
    fn average_backward(
        &self,
        lanes: usize,
        width: usize,
        rate: f32,
        outputs: &mut Self::Buffer,
        gradients: &mut Self::Buffer,
    );
    /// Copies `len` floats within one buffer.
    fn copy_within(&self, buffer: &mut Self::Buffer, from: usize, len: usize, to: usize);
    /// Multiplies rows of `width` floats from `start` on by the first `rows` of the factors.
    fn scale_rows(
        &self,
        buffer: &mut Self::Buffer,
        start: usize,
        width: usize,
        factors: &Self::Buffer,
        rows: usize,
    );

    /// The recurrence over one window.
    ///
    /// `inputs` N × 3H holds x·Wx + bx, gates in the order (r, z, n); `recurrent` is Wh, H × 3H, gates in
    /// the order (n, r, z), `bias` its biases from `bias_start` on. `states` (T+1)·B × H starts with the
    /// carried states and gets the rest; `saved` N × 4H gets r, z, n and Wh·h + bh of gate n.
    fn gru_forward(
        &self,
        shape: &GruShape,
        inputs: &Self::Buffer,
        recurrent: &Self::Operand,
        bias: (&Self::Buffer, usize),
        states: &mut Self::Buffer,
        saved: &mut Self::Buffer,
    );
    /// The recurrence's gradients over one window.
    ///
    /// `outputs` N × H is the gradient with respect to the states from outside; `recurrent` is Whᵀ, 3H × H.
    /// `gates` N × 4H gets the gradients of the pre-activations: columns 0..3H those of h·Wh in the order
    /// (n, r, z), columns H..4H those of x·Wx in the order (r, z, n).
    fn gru_backward(
        &self,
        shape: &GruShape,
        outputs: &Self::Buffer,
        recurrent: &Self::Operand,
        states: &Self::Buffer,
        saved: &Self::Buffer,
        gates: &mut Self::Buffer,
    );
    /// Softmax cross-entropy of each target against itself and the negatives, and all gradients.
    ///
    /// A negative that is the row's own target does not count. The weighted sum of losses is appended to
    /// `losses`, which keeps at most [`LOSSES_KEPT`] of them.
    fn softmax(
        &self,
        input: SoftmaxInput<'_, Self>,
        negatives: &Negatives<Self>,
        gradients: SoftmaxGradients<'_, Self>,
        losses: &mut Self::Losses,
    );

    /// Does `work`, which asks for operations within the device's memory only.
    ///
    /// With the same `key` as at the last call with this record, `work` asks for the same operations on the
    /// same tensors of the same sizes, and what differs is `seed` and the tensors' content; the seeds of its
    /// dropouts are `seed` XOR constants. So a device may record the operations once and replay them.
    fn repeat(&self, record: &mut Self::Record, key: u64, seed: u32, work: &mut dyn FnMut());

    /// Calls `work` with every number below `count`, on as many cores as there are.
    fn each_shard(&self, count: usize, work: &(dyn Fn(usize) + Sync));
    /// One optimiser step on dense weights; the gradient is the sum over `gradients`, in order.
    fn dense_step(&self, weights: &mut Weights<Self>, gradients: &[&Self::Buffer], rule: Rule);
    /// out\[r\] = the sum of the contributions to slot r, in order, for every r below `count`.
    fn sum_rows(
        &self,
        width: usize,
        count: usize,
        contributions: &[Contribution<'_, Self>],
        out: &mut Self::Buffer,
    );
    /// One optimiser step on `rows` of a table; each row's gradient is the sum of its contributions, in
    /// order. The cost depends on the rows named, not on the table.
    fn sparse_step(
        &self,
        weights: &mut Weights<Self>,
        width: usize,
        rows: &Self::Index,
        contributions: &[Contribution<'_, Self>],
        rule: Rule,
    );
}

/// Which elements are dropped: a function of the seed and the position alone, so nothing is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Share of elements set to zero; the rest is scaled by 1 / (1 − share).
    pub share: f32,
    /// Differs for every step, shard and tensor.
    pub seed: u32,
}

impl Dropout {
    /// Nothing is dropped.
    pub const NONE: Self = Self { share: 0.0, seed: 0 };
}
