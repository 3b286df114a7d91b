//! The structs that kernels take: the other half of those in `kernels.cu`, field by field.
//!
//! No field may leave a gap, so that their bytes are all set.

use crate::device::Rule;

/// A struct of a kernel.
///
/// # Safety
/// It is `repr(C)`, has no gaps, and is what the kernel of this name takes.
pub(super) unsafe trait Arguments: Copy {
    const KERNEL: &'static str;

    fn bytes(&self) -> &[u8] {
        // SAFETY: there are no gaps, so every byte is set.
        unsafe { std::slice::from_raw_parts((&raw const *self).cast(), size_of::<Self>()) }
    }
}

macro_rules! arguments {
    ($($kernel:ident = $name:ident { $($field:ident: $type:ty),* $(,)? })*) => {
        $(
            #[derive(Clone, Copy, Debug)]
            #[repr(C)]
            pub(super) struct $name {
                $(pub $field: $type,)*
            }
            // SAFETY: the assertion below finds gaps; a test compares sizes with those of C.
            unsafe impl Arguments for $name {
                const KERNEL: &'static str = stringify!($kernel);
            }
            const _: () = assert!(size_of::<$name>() == 0 $(+ size_of::<$type>())*, "there is a gap");
        )*
        /// Every kernel and the bytes of its struct.
        pub const KERNELS: &[(&str, usize)] = &[$((stringify!($kernel), size_of::<$name>())),*];
    };
}

/// How elements are dropped; see `Dropout`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Dropping {
    pub seed: u64,
    pub mask: u32,
    pub threshold: u32,
    pub scale: f32,
    pub unused: u32,
}

/// A run of words in a transfer, and where it belongs.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Segment {
    pub to: u64,
    pub start: u32,
    pub unused: u32,
}

/// An optimiser's step.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct RuleWords {
    kind: u32,
    step: u32,
    rate: f32,
    decay: f32,
    correct_first: f32,
    correct_second: f32,
}

impl From<Rule> for RuleWords {
    fn from(rule: Rule) -> Self {
        let plain =
            |kind, rate| Self { kind, step: 0, rate, decay: 0.0, correct_first: 0.0, correct_second: 0.0 };
        match rule {
            Rule::Descent { rate } => plain(0, rate),
            Rule::Adagrad { rate } => plain(1, rate),
            Rule::Adam { rate, decay, correct_first, correct_second, step } => {
                Self { kind: 2, step, rate, decay, correct_first, correct_second }
            }
        }
    }
}

/// One share of the gradients of rows.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct ContributionWords {
    pub starts: u64,
    pub entries: u64,
    pub source: u64,
    pub scale: u64,
    pub from: u64,
    pub slots: u32,
    pub unused: u32,
}

/// As many as a launch takes.
pub(super) const CONTRIBUTIONS: usize = 4;

/// Several shares.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct ContributionsWords {
    pub each: [ContributionWords; CONTRIBUTIONS],
    pub before: u64,
    pub count: u32,
    pub width: u32,
}

arguments! {
    unpack = Unpack { segments: u64, words: u64, segment_count: u32, count: u32 }
    set = Set { to: u64, value: u32, unused: u32 }
    gather = Gather {
        table: u64, rows: u64, out: u64, dropping: Dropping, table_rows: u32, width: u32, count: u32, unused: u32,
    }
    add_rows = AddRows {
        table: u64, rows: u64, out: u64, table_rows: u32, width: u32, count: u32, unused: u32,
    }
    add_bags = AddBags {
        table: u64, offsets: u64, rows: u64, scales: u64, out: u64,
        table_rows: u32, width: u32, count: u32, unused: u32,
    }
    dropout = DropOut { from: u64, out: u64, dropping: Dropping, count: u32, unused: u32 }
    scale_rows = ScaleRows { values: u64, factors: u64, width: u32, count: u32 }
    broadcast = Broadcast { row: u64, out: u64, width: u32, stride: u32, count: u32, unused: u32 }
    add = Add { from: u64, to: u64, count: u32, unused: u32 }
    column_chunks = ColumnChunks {
        from: u64, partial: u64, rows: u32, columns: u32, stride: u32, chunk: u32,
    }
    scatter_chunks = ScatterChunks {
        from: u64, rows: u64, partial: u64, count: u32, width: u32, table_rows: u32, chunk: u32,
    }
    sum_chunks = SumChunks { partial: u64, out: u64, chunks: u32, columns: u32, onto: u32, unused: u32 }
    average_forward = AverageForward {
        values: u64, averages: u64, size: u32, steps: u32, keep: f32, gain: f32,
    }
    average_backward = AverageBackward {
        outputs: u64, gradients: u64, size: u32, steps: u32, keep: f32, gain: f32,
    }
    gates_forward = GatesForward {
        inputs: u64, product: u64, bias: u64, previous: u64, next: u64, saved: u64, hidden: u32, count: u32,
    }
    gates_backward = GatesBackward {
        outside: u64, previous: u64, saved: u64, carried: u64, gates: u64, hidden: u32, count: u32,
    }
    softmax = Softmax {
        queries: u64, table: u64, bias: u64, offsets: u64, weights: u64, targets: u64, ids: u64,
        logits: u64, target_scale: u64, losses: u64, partial: u64,
        rows: u32, width: u32, count: u32, table_rows: u32,
    }
    add_targets = AddTargets { table: u64, scale: u64, targets: u64, out: u64, width: u32, count: u32 }
    total_loss = TotalLoss { losses: u64, weights: u64, taken: u64, totals: u64, rows: u32, most: u32 }
    dense_step = DenseStep {
        values: u64, first: u64, second: u64, gradient: u64, rule: RuleWords, count: u32, unused: u32,
    }
    sum_rows = SumRows { contributions: ContributionsWords, out: u64, count: u32, unused: u32 }
    sparse_step = SparseStep {
        contributions: ContributionsWords, values: u64, first: u64, second: u64, touched: u64, rows: u64,
        rule: RuleWords, count: u32, unused: u32,
    }
}
