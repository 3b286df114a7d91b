//! What every deployed function needs: settings from the environment, clients, logs with metrics,
//! and the edge to API Gateway.
//!
//! A function's `main` reads its [`config`], builds its [`clients`] once, and hands an async function
//! over values to [`run`]. Clients are built straight from the environment that Lambda sets:
//! the general chain of `aws-config` costs more than half of a cold start. Read [`run`] first.

pub mod clients;
pub mod config;
pub mod gate;
pub mod http;
pub mod log;
pub mod run;

pub mod invoke;
pub mod launch;
pub mod signed;
pub mod tls;
