//! The trained weights, and the network's forward pass for one user in plain arithmetic.

use dataset::History;
use ndarray::{Array1, Array2, ArrayView1};

use super::features::{GAP_CLASSES, gap_classes};
use super::metadata::{Readers, Sides};

/// A trained model. Matrices are used as `vector · matrix`.
#[derive(Clone, Debug, PartialEq)]
pub struct HrnnModel {
    /// V × E.
    pub items: Array2<f32>,
    /// V.
    pub bias: Array1<f32>,
    /// V: the logarithm of each item's share of popularity, what a user without history gets.
    pub prior: Array1<f32>,
    /// G × E.
    pub gaps: Array2<f32>,
    /// E × 3H, gates r, z, n.
    pub input: Array2<f32>,
    /// 3H.
    pub input_bias: Array1<f32>,
    /// H × 3H, gates r, z, n.
    pub recurrent: Array2<f32>,
    /// 3H.
    pub recurrent_bias: Array1<f32>,
    /// P, H × E.
    pub project: Array2<f32>,
    /// c, E.
    pub project_bias: Array1<f32>,
    /// A, E × E.
    pub last: Array2<f32>,
    /// C, E × E.
    pub average: Array2<f32>,
    /// How fast the average moves.
    pub average_rate: f32,
    /// What an objective beside relevance has added to `bias` and `prior`, if there is one.
    pub tilt: Option<Array1<f32>>,
    /// What it knows of users and events, if it was trained with metadata. That of items is in `items`.
    pub sides: Option<Sides>,
}

/// What is known of a user after some events: enough to go on without reading the history again.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// h, H.
    pub hidden: Array1<f32>,
    /// m, E.
    pub average: Array1<f32>,
    /// x of the last event, E.
    pub last: Array1<f32>,
    /// How many events with known items went in.
    pub events: usize,
}

impl HrnnModel {
    /// H.
    pub fn hidden_dimension(&self) -> usize {
        self.recurrent.nrows()
    }

    /// E.
    pub fn embedding(&self) -> usize {
        self.items.ncols()
    }

    /// What is known of a user before the first event.
    pub fn empty_memory(&self) -> Memory {
        Memory {
            hidden: Array1::zeros(self.hidden_dimension()),
            average: Array1::zeros(self.embedding()),
            last: Array1::zeros(self.embedding()),
            events: 0,
        }
    }

    /// Takes in one event. An item that the model does not know changes nothing.
    pub fn advance(&self, memory: &mut Memory, item: u32, gap_class: u32) {
        self.advance_in(memory, item, gap_class, None);
    }

    /// The same for an event with a context, E.
    fn advance_in(
        &self,
        memory: &mut Memory,
        item: u32,
        gap_class: u32,
        context: Option<ArrayView1<'_, f32>>,
    ) {
        if item as usize >= self.items.nrows() {
            return;
        }
        let h = self.hidden_dimension();
        let gap = self.gaps.row((gap_class as usize).min(GAP_CLASSES - 1));
        let mut x = &self.items.row(item as usize) + &gap;
        if let Some(context) = context {
            x += &context;
        }
        let inputs = x.dot(&self.input) + &self.input_bias;
        let states = memory.hidden.dot(&self.recurrent) + &self.recurrent_bias;
        let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
        for j in 0..h {
            let r = sigmoid(inputs[j] + states[j]);
            let z = sigmoid(inputs[h + j] + states[h + j]);
            let n = (inputs[2 * h + j] + r * states[2 * h + j]).tanh();
            memory.hidden[j] = (1.0 - z) * n + z * memory.hidden[j];
        }
        memory.average = &memory.average * (1.0 - self.average_rate) + &x * self.average_rate.sqrt();
        memory.last = x;
        memory.events += 1;
    }

    /// q, what items are scored against; nothing for a user of whom nothing is known.
    pub fn query(&self, memory: &Memory) -> Option<Array1<f32>> {
        (memory.events > 0).then(|| {
            memory.hidden.dot(&self.project)
                + memory.last.dot(&self.last)
                + memory.average.dot(&self.average)
                + &self.project_bias
        })
    }

    /// The query of a history; nothing for one without items that the model knows.
    pub fn state(&self, history: &History<'_>) -> Option<Array1<f32>> {
        let readers = self.sides.as_ref().map(|sides| Readers::new(sides, std::iter::once(history.about)));
        let mut memory = self.empty_memory();
        for (n, (&item, gap)) in history.items.iter().zip(gap_classes(*history)).enumerate() {
            let context = readers.as_ref().map(|readers| {
                let mut context = vec![0.0; self.embedding()];
                readers.add_event(&history.about, n, &mut context);
                Array1::from_vec(context)
            });
            self.advance_in(&mut memory, item, gap, context.as_ref().map(|context| context.view()));
        }
        let mut query = self.query(&memory)?;
        if let Some(readers) = &readers {
            readers.add_query(&history.about, query.as_slice_mut().expect("vectors are stored in a row"));
        }
        Some(query)
    }

    /// The score of every item: a softmax over the catalogue. Without a query, shares of popularity.
    pub fn scores(&self, query: Option<ArrayView1<'_, f32>>) -> Vec<f32> {
        let logits = match query {
            Some(query) => self.items.dot(&query) + &self.bias,
            None => self.prior.clone(),
        };
        let highest = logits.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let weights: Vec<f32> = logits.iter().map(|logit| (logit - highest).exp()).collect();
        let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
        weights.into_iter().map(|w| (f64::from(w) / total) as f32).collect()
    }
}

#[cfg(test)]
impl HrnnModel {
    /// Of normal weights of that deviation, for tests: `e` numbers for an item, `h` hidden ones.
    pub(crate) fn random(items: usize, e: usize, h: usize, deviation: f32, seed: u64) -> Self {
        let mut random = training::random::Random::new(seed);
        let mut normal =
            |rows, columns| Array2::from_shape_fn((rows, columns), |_| deviation * random.normal());
        Self {
            items: normal(items, e),
            bias: normal(items, 1).column(0).to_owned(),
            prior: normal(items, 1).column(0).to_owned(),
            gaps: normal(GAP_CLASSES, e),
            input: normal(e, 3 * h),
            input_bias: Array1::zeros(3 * h),
            recurrent: normal(h, 3 * h),
            recurrent_bias: Array1::zeros(3 * h),
            project: normal(h, e),
            project_bias: Array1::zeros(e),
            last: normal(e, e),
            average: normal(e, e),
            average_rate: 0.1,
            tilt: None,
            sides: None,
        }
    }
}
