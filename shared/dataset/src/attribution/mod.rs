//! Metric attribution: what a metric adds up ([`Expression`]), and what events come to ([`Report`]).

mod expression;
mod report;

pub use expression::{Expression, ExpressionError, Schemas};
pub use report::{Measured, Metric, PERIOD_S, Report, SOURCE_UNDEFINED};
