//! Where the training loop stands, and that as bytes: what is needed to go on as if never cut off.

use training::checkpoint::{Misfit, Reader, Writer};
use training::device::{Device, DeviceError};
use training::windows::{Lanes, Sequences};
use training::{DeviceChoice, Trainer};

use super::config::{Config, Plan};

/// How far the loop is, beside the trainer's own state.
pub(super) struct Position {
    /// Events trained on, over all passes.
    pub done: u64,
    /// The running pass, from 1.
    pub epoch: u32,
    /// Steps of the running pass.
    pub batch: u64,
    /// Sum of losses of the running pass.
    pub epoch_loss: f64,
    /// Events of the running pass.
    pub epoch_events: u64,
    /// Mean loss of the last whole pass.
    pub last_loss: f64,
    /// Steps of the last whole pass.
    pub last_batches: u64,
    /// Who is where.
    pub lanes: Lanes,
}

impl Position {
    /// Before the first step.
    pub(super) fn start(sequences: &Sequences<'_>, config: &Config, plan: &Plan) -> Self {
        Self {
            done: 0,
            epoch: 1,
            batch: 0,
            epoch_loss: 0.0,
            epoch_events: 0,
            last_loss: f64::NAN,
            last_batches: 0,
            lanes: Lanes::new(sequences, plan.shards, plan.lanes, config.bptt, config.seed),
        }
    }

    /// Everything that the rest of the loop depends on. Fails, and what was written is worth nothing, where the
    /// device has failed.
    pub(super) fn save<D: Device>(
        &self,
        config: &Config,
        plan: &Plan,
        trainer: &Trainer<'_, D>,
        to: &mut Writer,
    ) -> Result<(), DeviceError> {
        to.bytes(about(config, plan).as_bytes());
        to.number(self.done);
        to.number(u64::from(self.epoch));
        to.number(self.batch);
        to.float(self.epoch_loss);
        to.number(self.epoch_events);
        to.float(self.last_loss);
        to.number(self.last_batches);
        self.lanes.save(to);
        trainer.save(to);
        // A device that has failed meanwhile reads as zeros.
        trainer.check()
    }

    /// The position that [`Position::save`] wrote, with the trainer in the state that it had. After an error
    /// the trainer is of no use any more.
    pub(super) fn restore<D: Device>(
        state: &[u8],
        sequences: &Sequences<'_>,
        config: &Config,
        plan: &Plan,
        trainer: &mut Trainer<'_, D>,
    ) -> Result<Self, Misfit> {
        let mut from = Reader::new(state);
        if from.bytes()? != about(config, plan).as_bytes() {
            return Err(Misfit("it has other settings"));
        }
        let mut position = Self {
            done: from.number()?,
            epoch: u32::try_from(from.number()?).map_err(|_| Misfit("a number is too large"))?,
            batch: from.number()?,
            epoch_loss: from.float()?,
            epoch_events: from.number()?,
            last_loss: from.float()?,
            last_batches: from.number()?,
            ..Self::start(sequences, config, plan)
        };
        position.lanes.restore(&mut from, sequences)?;
        trainer.restore(&mut from)?;
        from.end()?;
        Ok(position)
    }
}

/// Every setting that decides the result, defaults among them, which another version of the code may
/// have changed. How many threads there are does not, and a run may go on on another device.
fn about(config: &Config, plan: &Plan) -> String {
    format!("{:?} {plan:?}", Config { threads: 0, device: DeviceChoice::Cpu, ..config.clone() })
}
