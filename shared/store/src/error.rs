//! Failures of DynamoDB calls.

/// An inner error that only the log shows.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A table could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// DynamoDB refused the call or could not be reached.
    #[error("failed to {operation} {key} in table {table}")]
    Call {
        /// What was tried, as a verb phrase: `read`, `create`, ….
        operation: &'static str,
        /// The row, or the index that was queried.
        key: String,
        /// The table's whole name.
        table: String,
        /// What the SDK said.
        #[source]
        cause: Cause,
    },
    /// A row was found that this version of the code cannot read.
    #[error("row {key} of table {table} cannot be read: {problem}")]
    Corrupt {
        /// The row.
        key: String,
        /// The table's whole name.
        table: String,
        /// What is wrong with it.
        problem: String,
        /// The decoder's error, if it was one.
        #[source]
        cause: Option<Cause>,
    },
    /// A continuation does not belong to the list that was asked for.
    #[error("'{token}' is not a continuation of this list: pass `next` of the previous page unchanged")]
    Continuation {
        /// What the caller passed.
        token: String,
    },
    /// DynamoDB kept leaving items of a batch unprocessed.
    #[error("table {table} left {rows} rows unwritten after {attempts} attempts")]
    Unprocessed {
        /// The table's whole name.
        table: String,
        /// Rows that are still not written.
        rows: usize,
        /// How often they were sent.
        attempts: u32,
    },
}

impl StoreError {
    pub(crate) fn call(
        operation: &'static str,
        table: &str,
        key: impl Into<String>,
        cause: impl Into<Cause>,
    ) -> Self {
        Self::Call { operation, key: key.into(), table: table.to_owned(), cause: cause.into() }
    }

    pub(crate) fn corrupt(table: &str, key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Corrupt { key: key.into(), table: table.to_owned(), problem: problem.into(), cause: None }
    }
}
