//! Where the training of a version stands, as bytes that outlive the process.
//!
//! [`crate::train_and_evaluate`] saves now and then, and goes on from what it finds. A run that was cut off
//! anywhere and goes on ends with the same bytes as one that was not: the state holds all that the rest of
//! the training depends on, bit by bit.
//!
//! ```text
//! magic, version of the format | what is trained (SHA-256) | stage | report of the evaluation, if it is done
//! | state of the training loop, if one is under way or done | CRC-32 of all before
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use domain::resource::Metric;
use sha2::{Digest, Sha256};
use training::checkpoint::{Misfit, Reader, Writer};

use crate::version::{Report, Stage};

const MAGIC: u64 = u64::from_le_bytes(*b"OSUCHECK");
/// Raised whenever the bytes change their meaning.
const FORMAT_VERSION: u64 = 1;

/// A save may take up to this share of the training's time; the next one then waits longer.
const SHARE: u32 = 128;

/// Keeps states. Called from the training's own thread.
pub trait Keeper: Send + Sync {
    /// Whether a state would be taken now: not while the last one is still being written.
    fn is_ready(&self) -> bool {
        true
    }

    /// Takes a state; must return at once.
    fn keep(&self, state: Vec<u8>);
}

/// Where a training saves and what it goes on from.
pub struct Checkpoints {
    keeper: Box<dyn Keeper>,
    every: Duration,
    subject: [u8; 32],
    resumes: Option<Stage>,
    report: Option<Report>,
    // Of the loop that was cut off; whoever goes on from it takes it out.
    found: Mutex<Option<Vec<u8>>>,
    last: Mutex<Last>,
}

/// The last state that was saved.
struct Last {
    saved: Instant,
    took: Duration,
    bytes: usize,
}

/// A stage with what the stages before it left.
#[derive(Clone, Debug)]
struct Position {
    stage: Stage,
    report: Option<Report>,
    training: Option<Vec<u8>>,
}

/// The digest of everything that decides the result of a training: the caller's texts, the version of the
/// code and that of the format.
pub fn subject(texts: &[String]) -> [u8; 32] {
    let mut digest = Sha256::new();
    let own = [env!("CARGO_PKG_VERSION").to_owned(), FORMAT_VERSION.to_string()];
    for text in own.iter().chain(texts) {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    }
    digest.finalize().into()
}

impl fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoints").field("every", &self.every).finish_non_exhaustive()
    }
}

impl Checkpoints {
    /// Saves every so often (after every step when that is zero) to `keeper`, and goes on from the first of
    /// `states` that is whole and about the same `subject`: a digest of everything that decides the result,
    /// data and parameters among it. Others are ignored.
    pub fn new(keeper: Box<dyn Keeper>, every: Duration, subject: [u8; 32], states: &[Vec<u8>]) -> Self {
        let found = states.iter().find_map(|state| Position::read(state, &subject).ok());
        let resumes = found.as_ref().map(|position| position.stage);
        let (report, training) = found.map_or((None, None), |found| (found.report, found.training));
        let last = Last { saved: Instant::now(), took: Duration::ZERO, bytes: 0 };
        Self { keeper, every, subject, resumes, report, found: Mutex::new(training), last: Mutex::new(last) }
    }

    /// The stage that is gone on from, if there is one.
    pub fn resumes(&self) -> Option<Stage> {
        self.resumes
    }

    /// The evaluation of an earlier attempt.
    pub(crate) fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }

    /// The hook for the training loop of a stage.
    pub(crate) fn stage<'a>(&'a self, stage: Stage, report: Option<&'a Report>) -> StageCheckpoints<'a> {
        StageCheckpoints { all: self, stage, report }
    }

    /// Saves that the evaluation is done.
    pub(crate) fn evaluated(&self, report: &Report) {
        let mut to = Writer::default();
        begin(Stage::TrainOnAll, Some(report), false, &self.subject, &mut to);
        self.keeper.keep(sealed(to));
    }

    fn is_due(&self) -> bool {
        let last = self.last.lock().expect("no holder of the lock panics");
        let wait = if self.every.is_zero() { self.every } else { self.every.max(last.took * SHARE) };
        last.saved.elapsed() >= wait && self.keeper.is_ready()
    }
}

/// [`Checkpoints`] within one training.
#[derive(Clone, Copy)]
pub struct StageCheckpoints<'a> {
    all: &'a Checkpoints,
    stage: Stage,
    report: Option<&'a Report>,
}

impl StageCheckpoints<'_> {
    /// What an earlier attempt at this training saved; only the first call gets it.
    pub(crate) fn take_found(&self) -> Option<Vec<u8>> {
        if self.all.resumes != Some(self.stage) {
            return None;
        }
        self.all.found.lock().expect("no holder of the lock panics").take()
    }

    /// Whether it is time to save.
    pub(crate) fn is_due(&self) -> bool {
        self.all.is_due()
    }

    /// Saves that the loop is through, so that it is not repeated. What follows the last stage is short.
    pub(crate) fn through<E>(&self, write: impl FnOnce(&mut Writer) -> Result<(), E>) -> Result<(), E> {
        match self.stage {
            Stage::TrainOnSplit => self.save(write),
            _ => Ok(()),
        }
    }

    /// Saves the state of the loop, unless it cannot be written.
    pub(crate) fn save<E>(&self, write: impl FnOnce(&mut Writer) -> Result<(), E>) -> Result<(), E> {
        let started = Instant::now();
        let mut last = self.all.last.lock().expect("no holder of the lock panics");
        let mut to = Writer::with_room(last.bytes);
        begin(self.stage, self.report, true, &self.all.subject, &mut to);
        write(&mut to)?;
        let state = sealed(to);
        let bytes = state.len();
        self.all.keeper.keep(state);
        *last = Last { saved: Instant::now(), took: started.elapsed(), bytes };
        Ok(())
    }
}

/// Everything before the state of the loop.
fn begin(stage: Stage, report: Option<&Report>, training: bool, subject: &[u8; 32], to: &mut Writer) {
    to.number(MAGIC);
    to.number(FORMAT_VERSION);
    to.bytes(subject);
    to.number(match stage {
        Stage::TrainOnSplit | Stage::Evaluate => 0,
        Stage::TrainOnAll => 1,
    });
    to.number(u64::from(report.is_some()));
    if let Some(report) = report {
        write_report(report, to);
    }
    to.number(u64::from(training));
}

/// The bytes with their checksum.
fn sealed(to: Writer) -> Vec<u8> {
    let mut bytes = to.finish();
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

impl Position {
    fn read(bytes: &[u8], subject: &[u8; 32]) -> Result<Self, Misfit> {
        let (bytes, crc) = bytes.split_last_chunk::<4>().ok_or(Misfit("it is too short"))?;
        if crc32fast::hash(bytes) != u32::from_le_bytes(*crc) {
            return Err(Misfit("its checksum is another"));
        }
        let mut from = Reader::new(bytes);
        if from.number()? != MAGIC || from.number()? != FORMAT_VERSION {
            return Err(Misfit("it has another format"));
        }
        if from.bytes()? != subject {
            return Err(Misfit("it is about other data, parameters or code"));
        }
        let stage = if from.number()? == 0 { Stage::TrainOnSplit } else { Stage::TrainOnAll };
        let report = if from.number()? == 1 { Some(read_report(&mut from)?) } else { None };
        let training = if from.number()? == 1 { Some(from.rest().to_vec()) } else { None };
        Ok(Self { stage, report, training })
    }
}

fn write_report(report: &Report, to: &mut Writer) {
    for metrics in [&report.metrics, &report.baseline, &report.advantage] {
        to.number(metrics.len() as u64);
        for (name, metric) in metrics {
            to.bytes(name.as_bytes());
            [metric.value, metric.low, metric.high].into_iter().for_each(|value| to.float(value));
        }
    }
    to.number(report.test_users as u64);
    to.number(report.epochs.map_or(u64::MAX, u64::from));
    to.number(u64::from(report.no_metrics.is_some()));
    to.bytes(report.no_metrics.as_deref().unwrap_or_default().as_bytes());
    report.seconds.iter().for_each(|&seconds| to.float(seconds));
}

fn read_report(from: &mut Reader<'_>) -> Result<Report, Misfit> {
    fn text(bytes: &[u8]) -> Result<String, Misfit> {
        String::from_utf8(bytes.to_vec()).map_err(|_| Misfit("a text is no UTF-8"))
    }
    fn metrics(from: &mut Reader<'_>) -> Result<BTreeMap<String, Metric>, Misfit> {
        let mut metrics = BTreeMap::new();
        for _ in 0..from.number()? {
            let name = text(from.bytes()?)?;
            metrics.insert(name, Metric { value: from.float()?, low: from.float()?, high: from.float()? });
        }
        Ok(metrics)
    }
    let (metrics, baseline, advantage) = (metrics(from)?, metrics(from)?, metrics(from)?);
    let test_users = from.number()? as usize;
    let epochs = from.number()?;
    let has_reason = from.number()? == 1;
    let reason = text(from.bytes()?)?;
    Ok(Report {
        metrics,
        baseline,
        advantage,
        test_users,
        no_metrics: has_reason.then_some(reason),
        epochs: u32::try_from(epochs).ok(),
        seconds: [from.float()?, from.float()?, from.float()?],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let metrics = BTreeMap::from([("m".to_owned(), Metric { value: 0.1, low: -0.0, high: f64::MAX })]);
        Report {
            baseline: BTreeMap::new(),
            advantage: metrics.clone(),
            metrics,
            test_users: 7,
            no_metrics: Some("because".into()),
            epochs: None,
            seconds: [1.5, 0.0, 2.0],
        }
    }

    fn write(stage: Stage, report: Option<&Report>, subject: &[u8; 32]) -> Vec<u8> {
        let mut to = Writer::default();
        begin(stage, report, true, subject, &mut to);
        to.number(7);
        sealed(to)
    }

    #[test]
    fn a_position_survives_and_nothing_else_is_taken_for_one() {
        let subject = [7; 32];
        let bytes = write(Stage::TrainOnAll, Some(&report()), &subject);
        let read = Position::read(&bytes, &subject).unwrap();
        assert_eq!(
            (read.stage, read.report, read.training),
            (Stage::TrainOnAll, Some(report()), Some(7u64.to_le_bytes().to_vec()))
        );
        assert_eq!(
            Position::read(&bytes, &[8; 32]).unwrap_err(),
            Misfit("it is about other data, parameters or code")
        );
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(Position::read(&damaged, &subject).is_err(), "byte {at}");
            assert!(Position::read(&bytes[..at], &subject).is_err(), "{at} bytes");
        }
    }

    struct Nobody;

    impl Keeper for Nobody {
        fn keep(&self, _: Vec<u8>) {}
    }

    #[test]
    fn the_first_whole_state_about_the_same_subject_is_gone_on_from() {
        let write = |stage, subject: u8| write(stage, None, &[subject; 32]);
        let mut torn = write(Stage::TrainOnAll, 1);
        torn.pop();
        let states =
            [torn, write(Stage::TrainOnAll, 2), write(Stage::TrainOnSplit, 1), write(Stage::TrainOnAll, 1)];
        let resumes = |states: &[Vec<u8>]| {
            Checkpoints::new(Box::new(Nobody), Duration::ZERO, [1; 32], states).resumes()
        };
        assert_eq!(resumes(&states), Some(Stage::TrainOnSplit));
        assert_eq!(resumes(&states[..2]), None);
    }

    #[test]
    fn a_slow_save_makes_the_next_one_wait_longer() {
        let checkpoints = Checkpoints::new(Box::new(Nobody), Duration::from_millis(1), [1; 32], &[]);
        let set = |ago: u64, took: u64| {
            let saved = Instant::now() - Duration::from_secs(ago);
            *checkpoints.last.lock().unwrap() = Last { saved, took: Duration::from_secs(took), bytes: 0 };
        };
        set(1, 0);
        assert!(checkpoints.is_due());
        set(100, 1);
        assert!(!checkpoints.is_due());
        set(200, 1);
        assert!(checkpoints.is_due());
    }
}
