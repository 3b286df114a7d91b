//! Going on from a trained model: its weights in the trainer's layout, its items found by their ids.

use dataset::IdTable;
use training::network::{Layout, Shape};
use training::trainer::HostWeights;

use super::config::Config;
use super::features::GAP_CLASSES;
use super::fit::TrainError;
use super::model::HrnnModel;

/// A model to go on from. Of one that learnt metadata, the categories and knots stay as they are, with their
/// rows.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The model.
    pub model: &'a HrnnModel,
    /// Ids of its items.
    pub items: &'a IdTable,
}

impl Start<'_> {
    /// Puts the model into `weights`, which stay as they are for items that it does not know or nobody
    /// had. The inverse of what `fit` makes of weights at the end.
    ///
    /// Fails when the model is of other sizes than the training.
    pub(super) fn copy_to(
        &self,
        weights: &mut HostWeights,
        shape: &Shape,
        config: &Config,
        items: &IdTable,
    ) -> Result<(), TrainError> {
        let (model, ep, hp) = (self.model, shape.embedding, shape.hidden);
        let (e, h) = (model.embedding(), model.hidden_dimension());
        for (what, found, expected) in [
            ("hidden_dimension", h, config.hidden_dimension),
            ("embeddings of size", e, ep),
            ("classes of pauses", model.gaps.nrows(), GAP_CLASSES),
        ] {
            if found != expected {
                return Err(TrainError::OtherSizes { what, found, expected });
            }
        }
        let at = Layout::new(shape);
        // The trainer keeps recurrent gates as n, r, z.
        let recurrent = |gate: usize| [1, 2, 0][gate];
        let same = |gate: usize| gate;
        let dense = &mut weights.dense;
        let mut put = |place: usize, value: f32| dense[place] = value;
        for ((g, j), &value) in model.gaps.indexed_iter() {
            put(at.gaps + g * ep + j, value);
        }
        let gate = |start: usize, row: usize, column: usize, order: &dyn Fn(usize) -> usize| {
            start + row * 3 * hp + order(column / h) * hp + column % h
        };
        for ((i, c), &value) in model.input.indexed_iter() {
            put(gate(at.input, i, c, &same), value);
        }
        for (c, &value) in model.input_bias.iter().enumerate() {
            put(gate(at.input_bias, 0, c, &same), value);
        }
        for ((i, c), &value) in model.recurrent.indexed_iter() {
            put(gate(at.recurrent, i, c, &recurrent), value);
        }
        for (c, &value) in model.recurrent_bias.iter().enumerate() {
            put(gate(at.recurrent_bias, 0, c, &recurrent), value);
        }
        for ((i, j), &value) in model.project.indexed_iter() {
            put(at.project + i * ep + j, value);
        }
        for (j, &value) in model.project_bias.iter().enumerate() {
            put(at.project_bias + j, value);
        }
        for ((i, j), &value) in model.last.indexed_iter() {
            put(at.last + i * ep + j, value);
        }
        for ((i, j), &value) in model.average.indexed_iter() {
            put(at.average + i * ep + j, value);
        }
        for number in 0..items.len() as u32 {
            let Some(known) = self.items.get(items.id(number)) else { continue };
            let row = model.items.row(known as usize);
            // An item that nobody had was never learnt.
            if row.iter().any(|&value| value != 0.0) {
                let start = number as usize * ep;
                weights.input[start..start + e].iter_mut().zip(row).for_each(|(to, &from)| *to = from);
                let tilt = model.tilt.as_ref().map_or(0.0, |tilt| tilt[known as usize]);
                weights.bias[number as usize] = model.bias[known as usize] - tilt;
            }
        }
        Ok(())
    }
}
