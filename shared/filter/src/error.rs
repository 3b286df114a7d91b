//! What is wrong with an expression, or with a request that applies one.

/// An expression that says nothing, or nothing that the data can answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid Expression at character {at}: {problem}.")]
pub struct ExpressionError {
    /// Where, counted in characters from 1; one behind the last where something is missing at the end.
    pub at: usize,
    /// What was expected or broken, and what stands there.
    pub problem: String,
}

impl ExpressionError {
    pub(crate) fn new(at: usize, problem: impl Into<String>) -> Self {
        Self { at, problem: problem.into() }
    }
}

/// A request whose filter values do not fit its filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The expression does not fit the data as it is now.
    #[error("The filter cannot be applied to the present data. {0}")]
    Expression(#[from] ExpressionError),
    /// A value that cannot be read, is missing, or belongs to no parameter.
    #[error("{0}")]
    Values(String),
}
