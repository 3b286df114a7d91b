//! `aws-hrnn`: a recurrent network over a user's history, aware of sessions and of time.
//!
//! The query of a user after t events, and the score of item v:
//!
//! ```text
//! x[t] = item[t] + context[t] + gap[t]
//! h[t] = GRU(x[t], h[t−1])
//! m[t] = (1 − rate) · m[t−1] + √rate · x[t]
//! q[t] = h[t]·P + x[t]·A + m[t]·C + c + user + request
//! score(v) = softmax over v of (q[t] · item[v] + bias[v])
//! ```
//!
//! `context`, `user` and `request` are rows of metadata ([`metadata`]); `aws-hrnn` knows none. With metadata
//! an item's vector is its own row plus the rows of its columns, so an item without history is scored by
//! what it is.
//!
//! How it differs from what it is named for:
//!
//! | | here | Quadrana et al. 2017 | Ma et al. 2020 |
//! | --- | --- | --- | --- |
//! | sessions | the time since the last event, in classes, is part of the input, so the network sees where a session begins and how long the pause was | a second GRU over sessions | as here, and a reset gate at boundaries |
//! | lasting taste | a moving average of the items (C) beside the state | the session GRU's state | the state |
//! | last item | a direct path (A), a transition matrix of low rank | none | none |
//! | embeddings | one table for what comes in and what is scored | one-hot in, separate out | separate |
//! | loss | sampled softmax, corrected by the log of the expected count; the whole catalogue when it is small | TOP1, BPR | sampled softmax |
//!
//! The paths A and C and the item biases that start at the logarithm of popularity are what lets the
//! small default state (43) rank well on small data.
//!
//! Read [`config`] first, then [`training`](mod@fit), [`model`] and [`serving`](mod@answer).
//! Shapes: V items, E embedding, H hidden dimension, G gap classes.

pub mod config;
pub mod features;
pub mod metadata;

pub mod model;

pub mod answer;
pub mod batch;
pub mod causes;
mod described;
pub mod fit;
mod resume;
pub mod start;
pub mod tensors;
mod top;

pub use causes::Cause;
pub use config::Config;
pub use fit::{Progress, TrainError, TrainingReport, train, train_from};
pub use model::HrnnModel;
pub use start::Start;
pub use tensors::{Tensor, TensorError};
