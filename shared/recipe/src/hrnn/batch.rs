//! The forward pass for many users at once.
//!
//! Users are sorted by the length of their histories and walk through time side by side; those that
//! are through leave at the end, so no arithmetic is spent on padding.

use dataset::History;
use ndarray::Array2;
use training::cpu::{Isa, Left, Packed, Start, gemm, gru_step};
use training::device::padded;

use super::features::{FIRST_EVENT, gap_class};
use super::metadata::Readers;
use super::model::HrnnModel;

/// The weights laid out for products, widths padded to whole vectors.
pub(super) struct Layers<'m> {
    model: &'m HrnnModel,
    isa: Isa,
    input: Packed,
    input_bias: Vec<f32>,
    recurrent: Packed,
    recurrent_bias: Vec<f32>,
    project: Packed,
    project_bias: Vec<f32>,
    last: Packed,
    average: Packed,
}

/// Copies a matrix whose rows and column blocks have `from` entries into blocks of `to`.
fn widen(matrix: &Array2<f32>, rows: usize, blocks: &[usize], from: usize, to: usize) -> Vec<f32> {
    let mut wide = vec![0.0; rows * blocks.len() * to];
    for (i, row) in matrix.rows().into_iter().enumerate() {
        for (at, &block) in blocks.iter().enumerate() {
            for j in 0..from {
                wide[(i * blocks.len() + at) * to + j] = row[block * from + j];
            }
        }
    }
    wide
}

impl<'m> Layers<'m> {
    pub(super) fn new(model: &'m HrnnModel) -> Self {
        let (h, e) = (model.hidden_dimension(), model.embedding());
        let (hp, ep) = (padded(h), padded(e));
        let pack = |values: &[f32], rows: usize, columns: usize| {
            let mut packed = Packed::default();
            packed.pack(values, rows, columns, columns);
            packed
        };
        let row = |values: &ndarray::Array1<f32>| values.clone().insert_axis(ndarray::Axis(0));
        let square = |matrix: &Array2<f32>, rows: usize| pack(&widen(matrix, rows, &[0], e, ep), rows, ep);
        Self {
            isa: Isa::detect(),
            input: pack(&widen(&model.input, ep, &[0, 1, 2], h, hp), ep, 3 * hp),
            input_bias: widen(&row(&model.input_bias), 1, &[0, 1, 2], h, hp),
            // The step kernel wants gate n first.
            recurrent: pack(&widen(&model.recurrent, hp, &[2, 0, 1], h, hp), hp, 3 * hp),
            recurrent_bias: widen(&row(&model.recurrent_bias), 1, &[2, 0, 1], h, hp),
            project: square(&model.project, hp),
            project_bias: widen(&row(&model.project_bias), 1, &[0], e, ep),
            last: square(&model.last, ep),
            average: square(&model.average, ep),
            model,
        }
    }

    /// Queries of some users, one row each, `padded(E)` wide, and whether anything is known of each.
    pub(super) fn queries(&self, histories: &[History<'_>]) -> (Vec<f32>, Vec<Known>) {
        let known = histories.iter().map(|history| self.events(history, None)).collect();
        self.walk(histories, known)
    }

    /// Queries of one user, each without one event of the history, or with all of them.
    pub(super) fn queries_without(
        &self,
        history: History<'_>,
        skips: &[Option<usize>],
    ) -> (Vec<f32>, Vec<Known>) {
        let known = skips.iter().map(|&skip| self.events(&history, skip)).collect();
        self.walk(&vec![history; skips.len()], known)
    }

    /// Walks through the events of each history.
    fn walk(&self, histories: &[History<'_>], known: Vec<Vec<Event>>) -> (Vec<f32>, Vec<Known>) {
        let model = self.model;
        let abouts = histories.iter().map(|history| history.about);
        let readers = model.sides.as_ref().map(|sides| Readers::new(sides, abouts));
        let (e, ep, hp) = (model.embedding(), padded(model.embedding()), padded(model.hidden_dimension()));
        let mut order: Vec<usize> = (0..known.len()).filter(|&i| !known[i].is_empty()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(known[i].len()));
        let users = order.len();
        let steps = order.first().map_or(0, |&i| known[i].len());

        let (mut x, mut average) = (vec![0.0; users * ep], vec![0.0f32; users * ep]);
        let (mut hidden, mut next) = (vec![0.0; users * hp], vec![0.0; users * hp]);
        let (mut inputs, mut recurrent) = (vec![0.0; users * 3 * hp], vec![0.0; users * 3 * hp]);
        let mut saved = vec![0.0; users * 4 * hp];
        let mut active = users;
        let (keep, gain) = (1.0 - model.average_rate, model.average_rate.sqrt());
        for t in 0..steps {
            while known[order[active - 1]].len() <= t {
                active -= 1;
            }
            for (row, &user) in order[..active].iter().enumerate() {
                let Event { item, gap, at } = known[user][t];
                let (item, gap) = (model.items.row(item as usize), model.gaps.row(gap as usize));
                let (x, average) = (&mut x[row * ep..][..e], &mut average[row * ep..][..e]);
                for j in 0..e {
                    x[j] = item[j] + gap[j];
                }
                if let Some(readers) = &readers {
                    readers.add_event(&histories[user].about, at, x);
                }
                for j in 0..e {
                    average[j] = keep * average[j] + gain * x[j];
                }
            }
            let rows = |data, width| Left { data, row: width, column: 1 };
            let bias = Start::Row(&self.input_bias);
            gemm(self.isa, rows(&x, ep), active, &self.input, bias, &mut inputs, 3 * hp);
            let bias = Start::Row(&self.recurrent_bias);
            gemm(self.isa, rows(&hidden, hp), active, &self.recurrent, bias, &mut recurrent, 3 * hp);
            let (previous, next_rows) = (&hidden[..active * hp], &mut next[..active * hp]);
            gru_step(self.isa, hp, &inputs, &recurrent, previous, next_rows, &mut saved);
            hidden[..active * hp].copy_from_slice(&next[..active * hp]);
        }

        let mut sorted = vec![0.0; users * ep];
        let rows = |data, width| Left { data, row: width, column: 1 };
        let bias = Start::Row(&self.project_bias);
        gemm(self.isa, rows(&hidden, hp), users, &self.project, bias, &mut sorted, ep);
        gemm(self.isa, rows(&x, ep), users, &self.last, Start::Old, &mut sorted, ep);
        gemm(self.isa, rows(&average, ep), users, &self.average, Start::Old, &mut sorted, ep);
        let mut queries = vec![0.0; histories.len() * ep];
        for (row, &user) in order.iter().enumerate() {
            queries[user * ep..][..ep].copy_from_slice(&sorted[row * ep..][..ep]);
        }
        let mut of = |user: usize| {
            let sides = readers.as_ref().is_some_and(|readers| {
                readers.add_query(&histories[user].about, &mut queries[user * ep..][..e])
            });
            match (known[user].is_empty(), sides) {
                (false, _) => Known::History,
                (true, true) => Known::Sides,
                (true, false) => Known::Nothing,
            }
        };
        let known = (0..histories.len()).map(&mut of).collect();
        (queries, known)
    }

    /// Events with items that the model knows, as if the one at `skip` had never been.
    fn events(&self, history: &History<'_>, skip: Option<usize>) -> Vec<Event> {
        let times = history.timestamps;
        let gap = |at: usize| {
            let before = (0..at).rev().find(|&before| Some(before) != skip);
            before.map_or(FIRST_EVENT, |before| gap_class(times[at].saturating_sub(times[before])))
        };
        let known = |&at: &usize| Some(at) != skip && (history.items[at] as usize) < self.model.items.nrows();
        let event = |at| Event { item: history.items[at], gap: gap(at), at };
        (0..history.items.len()).filter(known).map(event).collect()
    }
}

/// One step of a user.
#[derive(Clone, Copy)]
struct Event {
    item: u32,
    gap: u32,
    // Its place in the history.
    at: usize,
}

/// What a query is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Events, and whatever else is known.
    History,
    /// The user's columns or the request's context alone.
    Sides,
    /// Nothing.
    Nothing,
}

impl HrnnModel {
    /// The queries of many users, one row each; a row of zeros for a user of whom nothing is known.
    pub fn states(&self, histories: &[History<'_>]) -> Array2<f32> {
        let (e, ep) = (self.embedding(), padded(self.embedding()));
        let (queries, _) = Layers::new(self).queries(histories);
        Array2::from_shape_fn((histories.len(), e), |(user, j)| queries[user * ep + j])
    }
}
