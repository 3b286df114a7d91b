//! Why a job did not finish.

pub use domain::error::chain;

/// The three ways a job ends without success.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The caller can mend it: the text becomes the resource's `failureReason`.
    #[error("{0}")]
    Caller(String),
    /// Somebody asked for the job to stop.
    #[error("stopped on request")]
    Stopped,
    /// The service's own trouble; the job is tried again before it is given up.
    #[error("{doing}")]
    Internal {
        /// What was being done.
        doing: String,
        /// What went wrong underneath.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Failure {
    /// A failure of the caller's making.
    pub fn caller(reason: impl Into<String>) -> Self {
        Self::Caller(reason.into())
    }
}

/// Turns any error into [`Failure::Internal`] with the operation that failed.
pub trait Doing<T> {
    /// `doing` completes the sentence "failed while …".
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Doing<T> for Result<T, E> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|cause| Failure::Internal { doing: doing(), cause: cause.into() })
    }
}
