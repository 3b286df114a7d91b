//! Training: from interactions to weights.

use std::ops::ControlFlow;
use std::time::Instant;

use dataset::Interactions;
use ndarray::{Array1, Array2};
use training::device::padded;
use training::device::{Device, DeviceError};
use training::network::{DropoutShares, Layout};
use training::random::Random;
use training::trainer::HostWeights;
use training::windows::{Sequences, Window};
use training::{Chosen, Optimiser, Settings, Shape, Trainer};

use super::config::{Config, Plan};
use super::described::{AllFields, Described};
use super::features::{GAP_CLASSES, gap_column, log_share, popularity, target_weights};
use super::model::HrnnModel;
use super::resume::Position;
use super::start::Start;
use crate::checkpoint::StageCheckpoints;

/// How far a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The running pass, from 1.
    pub epoch: u32,
    /// Passes in all.
    pub epochs: u32,
    /// Events trained on so far, over all passes.
    pub done: u64,
    /// Events in all passes.
    pub total: u64,
    /// Mean loss per event since the last report.
    pub loss: f64,
    /// Events per second since the start.
    pub events_per_s: f64,
}

/// How a training went.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingReport {
    /// Passes over the data.
    pub epochs: u32,
    /// Events per pass: those that follow another one.
    pub events: u64,
    /// Steps of the last pass.
    pub batches: u64,
    /// Mean loss per event of the last pass.
    pub loss: f64,
    /// Events per second.
    pub events_per_s: f64,
    /// Time of the training loop.
    pub seconds: f64,
}

/// Why there is no model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// There is nothing to learn an order from.
    #[error("no user has two interactions, so there is no order to learn from; import histories of users")]
    NoSequences,
    /// There is nothing to learn from.
    #[error(
        "Every event that follows another one has the weight 0 in eventsConfig, so there is nothing to learn: give one \
         of the event types that users have after others a weight above 0."
    )]
    NoWeight,
    /// The numbers left the range of floats.
    #[error(
        "The loss became {loss} in epoch {epoch}, batch {batch}: the steps were too large, and the weights left the \
         range of numbers. Create a version with a smaller hidden_dimension or bptt, or with another seed; one \
         with trainingMode UPDATE also by training with FULL, because the weights that it goes on from may be at \
         fault."
    )]
    NotFinite {
        /// Pass, from 1.
        epoch: u32,
        /// Step of the pass, from 1.
        batch: u64,
        /// NaN or infinity.
        loss: f64,
    },
    /// The weights to go on from do not fit.
    #[error(
        "the version to go on from has {what} {found} instead of {expected}; create the solution version with \
         trainingMode FULL"
    )]
    OtherSizes {
        /// Name of the size.
        what: &'static str,
        /// Of the version.
        found: usize,
        /// Of this training.
        expected: usize,
    },
    /// The device is not there, or could not go on.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The hook said so.
    #[error("the training was stopped")]
    Stopped,
}

/// Reports and cancellation: called a few times per second; `Break` ends the training.
pub type OnProgress<'a> = &'a dyn Fn(Progress) -> ControlFlow<()>;

/// Trains a model on all of `data`.
///
/// The same data, config and version give the same bytes, whatever the number of threads. Fails when no
/// user has two interactions, when the loss is no number any more, when the device cannot be had or fails, and
/// when `progress` asks to stop.
pub fn train(
    data: &Interactions,
    config: &Config,
    progress: OnProgress<'_>,
) -> Result<(HrnnModel, TrainingReport), TrainError> {
    train_from(data, config, None, progress)
}

/// The same, on from the weights of `start` where there is one. Fails also when those are of other sizes.
pub fn train_from(
    data: &Interactions,
    config: &Config,
    start: Option<Start<'_>>,
    progress: OnProgress<'_>,
) -> Result<(HrnnModel, TrainingReport), TrainError> {
    train_resumable(data, config, start, None, progress)
}

/// The same, with the state saved now and then, and on from what an earlier attempt saved: the bytes are
/// those of a training that was never cut off.
pub(crate) fn train_resumable(
    data: &Interactions,
    config: &Config,
    start: Option<Start<'_>>,
    checkpoints: Option<StageCheckpoints<'_>>,
    progress: OnProgress<'_>,
) -> Result<(HrnnModel, TrainingReport), TrainError> {
    match config.device.open(config.threads)? {
        Chosen::Cpu(cpu) => train_on(&cpu, data, config, start, checkpoints, progress),
        #[cfg(feature = "cuda")]
        Chosen::Cuda(gpu) => train_on(&*gpu, data, config, start, checkpoints, progress),
    }
}

fn train_on<D: Device>(
    device: &D,
    data: &Interactions,
    config: &Config,
    start: Option<Start<'_>>,
    checkpoints: Option<StageCheckpoints<'_>>,
    progress: OnProgress<'_>,
) -> Result<(HrnnModel, TrainingReport), TrainError> {
    let gaps = gap_column(data);
    let sequences = Sequences { spans: data.spans(), items: data.item_column(), gaps: &gaps };
    let events = sequences.events();
    if events == 0 {
        return Err(TrainError::NoSequences);
    }
    let plan = config.plan(events, data.items.len());
    let of_events = target_weights(data).map_err(|_| TrainError::NoWeight)?;
    let event_weights = of_events.as_deref();
    // How often an item was met says how well it is known, whatever the events weigh.
    let counts = popularity(data, None, None);
    let prior = log_share(&match (config.recency_mask, event_weights) {
        (true, _) => popularity(data, Some(config.recency_half_life), event_weights),
        (false, Some(_)) => popularity(data, None, event_weights),
        (false, None) => counts.clone(),
    });

    let settings = settings(config, &plan, data.items.len());
    let mut weights = initial_weights(config, &settings, &prior);
    let before = start.as_ref().and_then(|start| start.model.sides.as_ref());
    let fields = match (config.metadata, before) {
        (false, _) => None,
        (true, Some(sides)) => Some(AllFields::known(sides)),
        (true, None) => AllFields::of(data),
    };
    let described = fields.as_ref().map(|fields| Described::new(data, fields, config, &counts));
    if let Some(fields) = &fields {
        // The rows of metadata start at zero: what is never seen then says nothing.
        weights.input.resize((data.items.len() + fields.rows()) * settings.shape.embedding, 0.0);
    }
    if let Some(start) = start {
        start.copy_to(&mut weights, &settings.shape, config, &data.items)?;
        if let (Some(described), Some(sides)) = (&described, before) {
            let known = |item| {
                let number = start.items.get(data.items.id(item));
                number.is_some_and(|n| start.model.items.row(n as usize).iter().any(|&value| value != 0.0))
            };
            described.go_on(sides, known, &mut weights.input);
        }
    }
    let negative_weights: Vec<f64> =
        counts.iter().map(|count| count.max(1.0).powf(config.negative_power)).collect();
    let mut trainer = Trainer::new(device, settings.clone(), &weights, &negative_weights);
    drop(weights);
    if let Some(described) = &described {
        trainer = trainer.with_features(described.items.clone());
    }
    let found = checkpoints.and_then(|checkpoints| checkpoints.take_found());
    let at = match found.map(|state| Position::restore(&state, &sequences, config, &plan, &mut trainer)) {
        None => Position::start(&sequences, config, &plan),
        Some(Ok(position)) => position,
        // Not of this training. It was taken out, so that this call begins anew.
        Some(Err(_)) => return train_on(device, data, config, start, checkpoints, progress),
    };
    let described_by = described.as_ref();
    let task = Task {
        sequences: &sequences,
        described: described_by,
        event_weights,
        config,
        plan: &plan,
        checkpoints,
    };
    let report = run(&mut trainer, at, &task, progress)?;
    let weights = trainer.weights();
    trainer.check()?;
    // After the last step there is no other whose loss would tell.
    if ![&weights.dense, &weights.input, &weights.bias].into_iter().flatten().all(|weight| weight.is_finite())
    {
        return Err(TrainError::NotFinite { epoch: report.epochs, batch: report.batches, loss: f64::NAN });
    }
    let mut model = extract(config, &settings.shape, &weights, &counts, prior);
    if let Some(described) = described {
        described.complete(&mut model, &weights.input, &counts, config);
    }
    Ok((model, report))
}

fn settings(config: &Config, plan: &Plan, items: usize) -> Settings {
    Settings {
        shape: Shape {
            items,
            embedding: padded(config.embedding),
            hidden: padded(config.hidden_dimension),
            gaps: GAP_CLASSES,
            tied: true,
            average_rate: config.average_rate,
        },
        steps: config.bptt,
        shards: plan.shards,
        lanes: plan.lanes,
        negatives: plan.negatives,
        optimiser: Optimiser::Adam,
        decay: config.decay,
        dropout: DropoutShares { input: config.input_dropout, state: config.state_dropout },
        deviation: config.deviation,
        seed: config.seed,
    }
}

/// Random weights, biases at the logarithm of popularity.
fn initial_weights(config: &Config, settings: &Settings, prior: &[f32]) -> HostWeights {
    let mut random = Random::new(config.seed);
    let shape = &settings.shape;
    let mut weights = HostWeights::random(shape, config.hidden_dimension, settings.deviation, &mut random);
    weights.bias.copy_from_slice(prior);
    weights
}

/// What the training loop works on.
struct Task<'a> {
    sequences: &'a Sequences<'a>,
    described: Option<&'a Described<'a>>,
    event_weights: Option<&'a [f32]>,
    config: &'a Config,
    plan: &'a Plan,
    checkpoints: Option<StageCheckpoints<'a>>,
}

/// The training loop.
fn run<D: Device>(
    trainer: &mut Trainer<'_, D>,
    mut at: Position,
    task: &Task<'_>,
    progress: OnProgress<'_>,
) -> Result<TrainingReport, TrainError> {
    let Task { sequences, config, plan, .. } = *task;
    let events = sequences.events() as u64;
    let total = events * u64::from(plan.epochs);
    let rows = (plan.shards * plan.lanes * config.bptt) as f64;
    let mut windows = vec![Window::default(); plan.shards];
    let (started, begun_at) = (Instant::now(), at.done);
    let mut told = started;
    let (mut recent_loss, mut recent_events) = (0.0, 0u64);
    let rate_of = |done: u64| (done - begun_at) as f64 / started.elapsed().as_secs_f64().max(1e-9);
    // Steps whose losses were not looked at yet.
    let mut unseen = 0u64;
    while at.done < total {
        let count = at.lanes.next(sequences, &mut windows) as u64;
        // An event weighs what its type does, however full the step is.
        for window in &mut windows {
            if let Some(weights) = task.event_weights {
                // A row's target is the event after it.
                for (weight, &event) in window.weights.iter_mut().zip(&window.events) {
                    *weight *= weights.get(event as usize + 1).copied().unwrap_or_default();
                }
            }
            window.weights.iter_mut().for_each(|weight| *weight /= rows as f32);
        }
        if let Some(described) = task.described {
            described.add_sides(&mut windows, config, at.done);
        }
        let rate = config.rate * schedule(at.done as f64 / total as f64);
        trainer.step(&windows, rate);
        (at.batch, unseen, at.done) = (at.batch + 1, unseen + 1, at.done + count);
        (at.epoch_events, recent_events) = (at.epoch_events + count, recent_events + count);
        let epoch_ends = at.done >= events * u64::from(at.epoch) || at.done >= total;
        let saves = task.checkpoints.is_some_and(|checkpoints| checkpoints.is_due());
        if epoch_ends || saves || told.elapsed().as_millis() >= 100 {
            told = Instant::now();
            let losses = trainer.losses();
            trainer.check()?;
            for (loss, batch) in losses.into_iter().zip(at.batch + 1 - unseen..) {
                let loss = loss * rows;
                if !loss.is_finite() {
                    return Err(TrainError::NotFinite { epoch: at.epoch, batch, loss });
                }
                (at.epoch_loss, recent_loss) = (at.epoch_loss + loss, recent_loss + loss);
            }
            unseen = 0;
            let report = Progress {
                epoch: at.epoch,
                epochs: plan.epochs,
                done: at.done.min(total),
                total,
                loss: recent_loss / recent_events.max(1) as f64,
                events_per_s: rate_of(at.done),
            };
            (recent_loss, recent_events) = (0.0, 0);
            if progress(report).is_break() {
                return Err(TrainError::Stopped);
            }
        }
        if epoch_ends {
            at.last_loss = at.epoch_loss / at.epoch_events.max(1) as f64;
            at.last_batches = at.batch;
            (at.epoch, at.batch, at.epoch_loss, at.epoch_events) = (at.epoch + 1, 0, 0.0, 0);
        }
        if let Some(checkpoints) = task.checkpoints.filter(|_| saves) {
            checkpoints.save(|to| at.save(config, plan, trainer, to))?;
        }
    }
    if let Some(checkpoints) = task.checkpoints.filter(|_| at.done > begun_at) {
        checkpoints.through(|to| at.save(config, plan, trainer, to))?;
    }
    let (seconds, events_per_s) = (started.elapsed().as_secs_f64(), rate_of(at.done));
    let (epochs, loss, batches) = (plan.epochs, at.last_loss, at.last_batches);
    Ok(TrainingReport { epochs, events, batches, loss, events_per_s, seconds })
}

/// Share of the learning rate after `done` of the training: a warm-up over 5 %, then half a cosine.
fn schedule(done: f64) -> f32 {
    let warm_up = (done * 20.0 + 0.05).min(1.0);
    (warm_up * (0.5 + 0.5 * (std::f64::consts::PI * done).cos())) as f32
}

/// The model without the padding of the widths, and with gates in one order.
fn extract(
    config: &Config,
    shape: &Shape,
    weights: &HostWeights,
    counts: &[f64],
    prior: Vec<f32>,
) -> HrnnModel {
    let (e, h) = (shape.embedding, config.hidden_dimension);
    let (ep, hp) = (shape.embedding, shape.hidden);
    let (at, dense) = (Layout::new(shape), &weights.dense);
    let gate = |start: usize, width: usize, i: usize, gate: usize, j: usize| {
        dense[start + i * width + gate * hp + j]
    };
    // The trainer keeps recurrent gates as n, r, z.
    let recurrent = |g: usize| [1, 2, 0][g];
    HrnnModel {
        // An item that was never had keeps its bias; its random embedding says nothing.
        items: Array2::from_shape_fn((shape.items, e), |(v, j)| {
            if counts[v] > 0.0 { weights.input[v * ep + j] } else { 0.0 }
        }),
        bias: Array1::from_vec(weights.bias.clone()),
        prior: Array1::from_vec(prior),
        gaps: Array2::from_shape_fn((GAP_CLASSES, e), |(g, j)| dense[at.gaps + g * ep + j]),
        input: Array2::from_shape_fn((e, 3 * h), |(i, c)| gate(at.input, 3 * hp, i, c / h, c % h)),
        input_bias: Array1::from_shape_fn(3 * h, |c| gate(at.input_bias, 0, 0, c / h, c % h)),
        recurrent: Array2::from_shape_fn((h, 3 * h), |(i, c)| {
            gate(at.recurrent, 3 * hp, i, recurrent(c / h), c % h)
        }),
        recurrent_bias: Array1::from_shape_fn(3 * h, |c| {
            gate(at.recurrent_bias, 0, 0, recurrent(c / h), c % h)
        }),
        project: Array2::from_shape_fn((h, e), |(i, j)| dense[at.project + i * ep + j]),
        project_bias: Array1::from_shape_fn(e, |j| dense[at.project_bias + j]),
        last: Array2::from_shape_fn((e, e), |(i, j)| dense[at.last + i * ep + j]),
        average: Array2::from_shape_fn((e, e), |(i, j)| dense[at.average + i * ep + j]),
        average_rate: config.average_rate,
        tilt: None,
        sides: None,
    }
}
