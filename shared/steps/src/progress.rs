//! How far a job has come, for whoever watches.

use std::time::{Duration, Instant};

use domain::Arn;

/// One report. Reports are frequent (several a second) and may be dropped by the observer.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The resource that is being worked on.
    pub arn: Arn,
    /// What is being done, for example `training`.
    pub stage: &'static str,
    /// Units done so far.
    pub done: u64,
    /// Units in all; zero when that is not known.
    pub total: u64,
    /// What is counted, for example `rows` or `events`.
    pub unit: &'static str,
    /// Mean loss since the last report, of a training that has one.
    pub loss: Option<f64>,
    /// Anything else worth a word.
    pub note: String,
}

/// Before this much time has gone by, a rate would be a guess.
const RATE_AFTER: Duration = Duration::from_millis(20);

/// How fast a stage gets on. What was done before it was first heard of, by an attempt that was cut off,
/// does not count as fast.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    started: Instant,
    first: u64,
}

impl Pace {
    /// From a stage's first report on.
    pub fn new(progress: &Progress, now: Instant) -> Self {
        // What is done at once has no pace but that from nothing.
        let first = if progress.done < progress.total { progress.done } else { 0 };
        Self { started: now, first }
    }

    /// Units per second; nothing while it cannot be told.
    pub fn rate(&self, done: u64, now: Instant) -> Option<f64> {
        let elapsed = now - self.started;
        (elapsed >= RATE_AFTER).then(|| done.saturating_sub(self.first) as f64 / elapsed.as_secs_f64())
    }

    /// Seconds until the end at this pace; nothing while it cannot be told, and at the end.
    pub fn left(&self, progress: &Progress, now: Instant) -> Option<f64> {
        let rate = self.rate(progress.done, now).filter(|&rate| rate > 0.0)?;
        (progress.total > progress.done).then(|| (progress.total - progress.done) as f64 / rate)
    }
}

/// One report as a JSON object in one line, for logs and programs.
pub fn line(progress: &Progress, pace: &Pace, now: Instant) -> String {
    let Progress { arn, stage, done, total, unit, loss, note } = progress;
    let rounded = |value: f64, digits: i32| (value * 10f64.powi(digits)).round() / 10f64.powi(digits);
    let mut line = serde_json::json!({ "arn": arn, "stage": stage, "done": done, "unit": unit });
    let mut set = |name: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            line[name] = value;
        }
    };
    set("total", (*total > 0).then(|| (*total).into()));
    set("perSecond", pace.rate(*done, now).map(|rate| (rate.round() as u64).into()));
    set("secondsLeft", pace.left(progress, now).map(|left| rounded(left, 1).into()));
    set("loss", loss.map(|loss| rounded(loss, 4).into()));
    set("note", (!note.is_empty()).then(|| note.as_str().into()));
    line.to_string()
}

/// Receives progress. Called from worker threads; must return at once.
pub trait Observer: Send + Sync {
    /// How far a stage has come.
    fn progress(&self, progress: Progress);

    /// Something that a user wants to know and that is no failure, for example how a header was read.
    fn notice(&self, arn: &Arn, text: &str);

    /// A number that metric attribution has found.
    fn measured(&self, _: &Attributed<'_>) {}
}

/// What the events of one source and one quarter of an hour come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attributed<'a> {
    /// Whose events.
    pub dataset_group: &'a Arn,
    /// The caller's name for the metric.
    pub metric: &'a str,
    /// Which events counted.
    pub event_type: &'a str,
    /// Where they came from.
    pub source: &'a str,
    /// When the quarter begins, in epoch seconds.
    pub period: i64,
    /// The sum.
    pub value: f64,
}

/// Watches nothing.
pub struct Silent;

impl Observer for Silent {
    fn progress(&self, _: Progress) {}
    fn notice(&self, _: &Arn, _: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: u64, total: u64) -> Progress {
        Progress {
            arn: "arn:aws:personalize:us-east-1:000000000000:solution/films/00000001".parse().unwrap(),
            stage: "train on all",
            done,
            total,
            unit: "events",
            loss: Some(5.67221),
            note: String::new(),
        }
    }

    #[test]
    fn a_line_tells_loss_rate_and_time_left() {
        let start = Instant::now();
        let pace = Pace::new(&progress(0, 3_000), start);
        let at = |seconds| start + Duration::from_secs(seconds);
        let read = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
        let half_way = read(line(&progress(1_000, 3_000), &pace, at(2)));
        let expected = serde_json::json!({
            "arn": "arn:aws:personalize:us-east-1:000000000000:solution/films/00000001",
            "stage": "train on all", "done": 1_000, "total": 3_000, "unit": "events",
            "perSecond": 500, "secondsLeft": 4.0, "loss": 5.6722,
        });
        assert_eq!(half_way, expected);
        // At the end nothing is left, and at once nothing is known.
        assert_eq!(read(line(&progress(3_000, 3_000), &pace, at(2))).get("secondsLeft"), None);
        let at_once = read(line(&progress(10, 0), &pace, start));
        assert!(
            ["perSecond", "secondsLeft", "total"].iter().all(|name| at_once.get(name).is_none()),
            "{at_once}"
        );
    }

    #[test]
    fn what_an_attempt_before_did_is_not_taken_for_speed() {
        let start = Instant::now();
        let pace = Pace::new(&progress(2_000, 3_000), start);
        let now = start + Duration::from_secs(2);
        assert_eq!(pace.rate(2_500, now), Some(250.0));
        assert_eq!(pace.left(&progress(2_500, 3_000), now), Some(2.0));
    }
}
