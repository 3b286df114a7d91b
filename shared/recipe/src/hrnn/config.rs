//! What a training needs to know, documented values first.

use domain::hyperparameters::Hyperparameters;
use training::DeviceChoice;

/// Settings of one training. The defaults suit data from thousands to millions of interactions; what
/// depends on the size of the data is `None` and settled by [`Config::plan`].
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// H, size of the recurrent state: `hidden_dimension`, 43 of 32 to 256.
    pub hidden_dimension: usize,
    /// Events that a gradient goes back in time: `bptt`, 32 of 2 to 32.
    pub bptt: usize,
    /// Whether recent popularity counts more than old: `recency_mask`, true.
    pub recency_mask: bool,

    /// E, size of an item's embedding. It is not the documented parameter: it decides how finely items
    /// are told apart, while H decides how much of the past is remembered.
    pub embedding: usize,
    /// Share of input elements dropped in training.
    pub input_dropout: f32,
    /// Share of state elements dropped in training.
    pub state_dropout: f32,
    /// Highest learning rate of Adam; it warms up over the first steps and falls to zero as a cosine.
    pub rate: f32,
    /// Decoupled weight decay.
    pub decay: f32,
    /// Deviation of the initial embeddings.
    pub deviation: f32,
    /// How fast the average of a user's items moves.
    pub average_rate: f32,
    /// Negatives are drawn with probability proportional to popularity to this power.
    pub negative_power: f64,
    /// Recent popularity: a count halves after this share of the data's time span.
    pub recency_half_life: f64,

    /// Whether columns of Items, Users and Interactions are learnt too, where the data has them.
    pub metadata: bool,
    /// How often the row of an item with many events is left out, so that its metadata learns to stand
    /// for it.
    pub item_dropout: f32,
    /// Events of an item by which its own row and its metadata say about the same.
    pub trusted_events: f32,
    /// Added to the logit of an item that nobody met, fading as its own row is trusted: what was not there
    /// to be met cannot be told from what nobody wanted, and is given the benefit of the doubt.
    pub cold_lift: f32,
    /// How often the context of the event to come is left out in training: it is not always given.
    pub request_dropout: f32,

    /// Passes over the data.
    pub epochs: Option<u32>,
    /// Share of the passes that the data would get without `epochs`; at least two are made.
    pub effort: f64,
    /// Users trained side by side.
    pub lanes: Option<usize>,
    /// Negatives shared by a step; 0 for the whole catalogue.
    pub negatives: Option<usize>,

    /// Decides the initial weights, the order of users, the negatives and the dropout.
    pub seed: u64,
    /// Threads, 0 for all cores. The result does not depend on it.
    pub threads: usize,
    /// Where it is trained. A GPU rounds otherwise than the CPU.
    pub device: DeviceChoice,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hidden_dimension: 43,
            bptt: 32,
            recency_mask: true,
            embedding: 128,
            input_dropout: 0.5,
            state_dropout: 0.5,
            rate: 0.005,
            decay: 0.0,
            deviation: 0.05,
            average_rate: 0.05,
            negative_power: 0.5,
            recency_half_life: 0.25,
            metadata: false,
            item_dropout: 0.1,
            trusted_events: 1.0,
            cold_lift: 1.0,
            request_dropout: 0.5,
            epochs: None,
            effort: 1.0,
            lanes: None,
            negatives: None,
            seed: 1,
            threads: 0,
            device: DeviceChoice::Cpu,
        }
    }
}

/// The sizes that depend on the data, settled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Passes over the data.
    pub epochs: u32,
    /// Groups of lanes; what threads share out.
    pub shards: usize,
    /// Lanes per group.
    pub lanes: usize,
    /// Negatives shared by a step; 0 for the whole catalogue.
    pub negatives: usize,
}

impl Config {
    /// The documented hyperparameters of the recipe; everything else as by default.
    pub fn from_hyperparameters(values: &Hyperparameters, seed: u64, threads: usize) -> Self {
        Self {
            hidden_dimension: values.integer("hidden_dimension") as usize,
            bptt: values.integer("bptt") as usize,
            recency_mask: values.flag("recency_mask"),
            seed,
            threads,
            ..Self::default()
        }
    }

    /// The same for the recipes for segments, which declare the size of the state alone.
    pub fn for_segments(values: &Hyperparameters, seed: u64, threads: usize) -> Self {
        let hidden_dimension = values.integer("hidden_dimension") as usize;
        Self { hidden_dimension, seed, threads, ..Self::default() }
    }

    /// Settles what depends on the data: `events` targets and `items` items.
    pub fn plan(&self, events: usize, items: usize) -> Plan {
        let lanes = self.lanes.unwrap_or(match events {
            0..200_000 => 32,
            200_000..2_000_000 => 64,
            2_000_000..20_000_000 => 256,
            _ => 512,
        });
        let shards = lanes.div_ceil(32).max(2).min(lanes);
        let steps_per_epoch = (events / (lanes * self.bptt)).max(1);
        // Small data needs its passes: the weights start from noise and want some hundred steps.
        let whole = (600 / steps_per_epoch).clamp(10, 60) as f64;
        let epochs = self.epochs.unwrap_or_else(|| (whole * self.effort).round().max(2.0) as u32);
        let negatives = self.negatives.unwrap_or(if items <= 1024 { 0 } else { 1024 });
        Plan { epochs, shards, lanes: lanes.div_ceil(shards), negatives }
    }
}
