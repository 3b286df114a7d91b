//! Uploading parts while further ones are made.

use std::io;

use dataset::csv::{EncodedPart, PartSink};
use dataset::manifest::ManifestPart;
use tokio::sync::mpsc;

use crate::Steps;
use crate::failure::{Doing, Failure};

/// Encoded parts that wait for their upload. Each is a few megabytes.
const PARTS_WAITING: usize = 2;

/// The importer's end, which waits while the upload is behind, and the uploader's.
pub(super) fn channel() -> (Sink, Uploads) {
    let (send, receive) = mpsc::channel(PARTS_WAITING);
    (Sink { send, quarantine: Vec::new() }, Uploads(receive))
}

/// Takes what the importing thread makes.
pub(super) struct Sink {
    send: mpsc::Sender<EncodedPart>,
    /// The quarantine file so far.
    pub quarantine: Vec<u8>,
}

impl PartSink for Sink {
    fn part(&mut self, part: EncodedPart) -> io::Result<()> {
        // The receiver is gone when the upload failed, and then its error is the one that counts.
        self.send.blocking_send(part).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn quarantine(&mut self, csv: Vec<u8>) -> io::Result<()> {
        self.quarantine.extend_from_slice(&csv);
        Ok(())
    }
}

/// Parts on their way to the store.
pub(super) struct Uploads(mpsc::Receiver<EncodedPart>);

impl Uploads {
    /// Writes parts as they come, until the importer is done; returns what was written.
    pub async fn run(mut self, steps: &Steps, prefix: &str) -> Result<Vec<ManifestPart>, Failure> {
        let mut written = Vec::new();
        while let Some(part) = self.0.recv().await {
            let at = steps.objects.at(format!("{prefix}{}", part.name));
            written.push(ManifestPart::new(&at.key, &part));
            steps.objects.put(&at, part.data).await.doing(|| format!("writing {at}"))?;
        }
        Ok(written)
    }
}
