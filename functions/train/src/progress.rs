//! Progress as JSON lines, for the log of the container.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use domain::Arn;
use steps::{Observer, Progress};

/// Time between two lines about one stage.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Writes a line now and then, and one at the end of each stage.
#[derive(Default)]
pub struct Lines(Mutex<Option<(&'static str, Instant)>>);

impl Observer for Lines {
    fn progress(&self, p: Progress) {
        let mut last = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        let due = match *last {
            Some((stage, told)) => stage != p.stage || told.elapsed() >= LINE_EVERY,
            None => true,
        };
        if due || p.done >= p.total {
            *last = Some((p.stage, Instant::now()));
            // Told at the level of warnings, because a container logs nothing lower by default and a
            // training without a sign of life looks dead.
            tracing::warn!(arn = %p.arn, stage = p.stage, done = p.done, total = p.total, unit = p.unit, note = %p.note, "progress");
        }
    }

    fn notice(&self, arn: &Arn, text: &str) {
        tracing::warn!(%arn, "{text}");
    }
}
