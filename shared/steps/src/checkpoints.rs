//! Checkpoints of a training in S3, so that a killed one goes on instead of beginning anew.
//!
//! Two keys take turns: whatever happens while one is written, the other holds the checkpoint before. An
//! object is a state of [`recipe::checkpoint`], which knows by itself whether it is whole and what it is
//! about, then a [`Header`] as JSON and the header's length (4 bytes, little-endian). It is written beside the
//! training; while one is on its way, no other is made.
//!
//! The header pins what the training reads: an attempt that goes on reads the same manifests as the one that
//! was cut off, whatever came in live meanwhile. After another import nothing is gone on from.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::resource::SolutionVersion;
use domain::{Arn, TrainingData};
use recipe::{Checkpoints, Keeper};
use serde::{Deserialize, Serialize};
use store::S3Location;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::failure::{Doing, Failure, chain};
use crate::training_data::Snapshots;
use crate::{Steps, keys};

/// What a training reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// What was imported when it began.
    imported: TrainingData,
    /// The same with what had come in live by then.
    pub data: TrainingData,
    /// The manifests of both.
    pub snapshots: Snapshots,
}

/// What stands beside a state.
#[derive(Serialize, Deserialize)]
struct Header {
    /// Grows with every checkpoint of a version.
    number: u64,
    reading: Reading,
}

/// What earlier attempts at a training left, of the data that is imported now.
pub(crate) struct Found {
    imported: TrainingData,
    // Newest first.
    states: Vec<(Header, Vec<u8>)>,
}

/// The checkpoints of one training.
pub(crate) struct Saved {
    /// What the training saves to and goes on from.
    pub checkpoints: Arc<Checkpoints>,
    writing: JoinHandle<()>,
}

/// Hands states to the task that writes them.
struct Mailbox {
    states: mpsc::UnboundedSender<Vec<u8>>,
    on_their_way: Arc<AtomicUsize>,
}

impl Keeper for Mailbox {
    fn is_ready(&self) -> bool {
        self.on_their_way.load(Ordering::Relaxed) == 0
    }

    fn keep(&self, state: Vec<u8>) {
        self.on_their_way.fetch_add(1, Ordering::Relaxed);
        // The task ends only after the training; a state that nobody writes any more is not missed.
        let _ = self.states.send(state);
    }
}

impl Found {
    /// What the attempt before read.
    pub(crate) fn reading(&self) -> Option<&Reading> {
        self.states.first().map(|(header, _)| &header.reading)
    }

    /// Begins the checkpoints of a training that reads this.
    pub(crate) fn open(
        self,
        steps: &Steps,
        version: &SolutionVersion,
        data: &TrainingData,
        snapshots: &Snapshots,
    ) -> Saved {
        let reading = Reading { imported: self.imported, data: data.clone(), snapshots: snapshots.clone() };
        let number = self.states.first().map_or(0, |(header, _)| header.number.wrapping_add(1));
        let same = self.states.into_iter().filter(|(header, _)| header.reading == reading);
        let states: Vec<Vec<u8>> = same.map(|(_, state)| state).collect();

        let (sender, receiver) = mpsc::unbounded_channel();
        let on_their_way = Arc::new(AtomicUsize::new(0));
        let mailbox = Mailbox { states: sender, on_their_way: on_their_way.clone() };
        let subject = recipe::checkpoint::subject(&decisive(steps, version, snapshots));
        let every = steps.settings.checkpoint_every;
        let checkpoints = Arc::new(Checkpoints::new(Box::new(mailbox), every, subject, &states));
        if let Some(stage) = checkpoints.resumes() {
            let text = format!("The training was cut off and goes on from a checkpoint: {}.", stage.as_str());
            steps.observer.notice(&version.arn, &text);
        }
        let header = Header { number, reading };
        let writing = tokio::spawn(write(steps.clone(), version.arn.clone(), header, receiver, on_their_way));
        Saved { checkpoints, writing }
    }
}

impl Saved {
    /// Finds what earlier attempts at this training left, given what is imported now.
    pub(crate) async fn find(
        steps: &Steps,
        version: &SolutionVersion,
        imported: &TrainingData,
    ) -> Result<Found, Failure> {
        let mut states = vec![];
        for key in keys::checkpoints(&version.arn) {
            let at = steps.objects.at(&key);
            match steps.objects.get(&at).await {
                Ok(bytes) => states.extend(parted(bytes.into())),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error).doing(|| format!("reading {at}")),
            }
        }
        states.retain(|(header, _)| header.reading.imported == *imported);
        states.sort_by_key(|(header, _)| std::cmp::Reverse(header.number));
        Ok(Found { imported: imported.clone(), states })
    }

    /// Waits until nothing is written any more. The training must have ended.
    pub(crate) async fn settle(self) -> Result<(), Failure> {
        drop(self.checkpoints);
        self.writing.await.doing(|| "writing checkpoints".into())
    }
}

/// Everything that decides the result, as text. The seed is part of it, the number of threads is not.
fn decisive(steps: &Steps, version: &SolutionVersion, snapshots: &Snapshots) -> Vec<String> {
    let SolutionVersion { recipe, event_type, config, hyperparameters, training_mode, updates, .. } = version;
    vec![
        format!("{snapshots:?}"),
        format!("{recipe} {event_type:?} {config:?} {hyperparameters:?} {training_mode:?} {updates:?}"),
        steps.settings.seed.to_string(),
    ]
}

/// Parts an object into its header and its state.
fn parted(mut object: Vec<u8>) -> Option<(Header, Vec<u8>)> {
    let (rest, length) = object.split_last_chunk::<4>()?;
    let end = rest.len().checked_sub(u32::from_le_bytes(*length) as usize)?;
    let header = serde_json::from_slice(&rest[end..]).ok()?;
    object.truncate(end);
    Some((header, object))
}

async fn write(
    steps: Steps,
    version: Arn,
    mut header: Header,
    mut states: mpsc::UnboundedReceiver<Vec<u8>>,
    on_their_way: Arc<AtomicUsize>,
) {
    let keys = keys::checkpoints(&version);
    let mut forgiven = false;
    while let Some(state) = states.recv().await {
        let at = steps.objects.at(&keys[header.number as usize % keys.len()]);
        match put(&steps, &at, &header, state).await {
            Ok(()) => {
                header.number = header.number.wrapping_add(1);
                if !forgiven {
                    forgiven = steps.forgive::<SolutionVersion>(&version).await;
                }
            }
            // The training needs no checkpoint, and the next one may succeed.
            Err(failure) => tracing::warn!(arn = %version, "{}", chain(&failure)),
        }
        on_their_way.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn put(steps: &Steps, at: &S3Location, header: &Header, mut object: Vec<u8>) -> Result<(), Failure> {
    let header = serde_json::to_vec(header).doing(|| format!("writing {at}"))?;
    object.extend_from_slice(&header);
    object.extend_from_slice(&(header.len() as u32).to_le_bytes());
    steps.objects.put(at, object).await.doing(|| format!("writing {at}"))?;
    Ok(())
}
