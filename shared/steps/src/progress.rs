//! How far a job has come, for whoever watches.

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
    /// Anything worth a word, for example the epoch and the loss.
    pub note: String,
}

/// Receives progress. Called from worker threads; must return at once.
pub trait Observer: Send + Sync {
    /// How far a stage has come.
    fn progress(&self, progress: Progress);

    /// Something that a user wants to know and that is no failure, for example how a header was read.
    fn notice(&self, arn: &Arn, text: &str);
}

/// Watches nothing.
pub struct Silent;

impl Observer for Silent {
    fn progress(&self, _: Progress) {}
    fn notice(&self, _: &Arn, _: &str) {}
}
