//! Progress as JSON lines, for the log of the container.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use domain::Arn;
use steps::progress::Pace;
use steps::{Observer, Progress};

/// Time between two lines about one stage.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Writes a line now and then, and one at the end of each stage.
#[derive(Default)]
pub struct Lines(Mutex<Option<Stage>>);

/// The stage that was last heard of.
struct Stage {
    name: &'static str,
    pace: Pace,
    told: Instant,
}

impl Observer for Lines {
    fn progress(&self, p: Progress) {
        let now = Instant::now();
        let mut last = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        let begins = last.as_ref().is_none_or(|stage| stage.name != p.stage);
        if begins {
            *last = Some(Stage { name: p.stage, pace: Pace::new(&p, now), told: now });
        }
        let Some(stage) = last.as_mut() else { return };
        if begins || now - stage.told >= LINE_EVERY || p.done >= p.total {
            stage.told = now;
            // Told at the level of warnings, because a container logs nothing lower by default and a
            // training without a sign of life looks dead.
            tracing::warn!(
                arn = %p.arn,
                stage = p.stage,
                done = p.done,
                total = p.total,
                unit = p.unit,
                per_second = stage.pace.rate(p.done, now).map(f64::round),
                seconds_left = stage.pace.left(&p, now).map(f64::round),
                loss = p.loss,
                note = %p.note,
                "progress"
            );
        }
    }

    fn notice(&self, arn: &Arn, text: &str) {
        tracing::warn!(%arn, "{text}");
    }
}
