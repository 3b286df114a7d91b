//! One file per command. Each calls the same API operations that a remote client would.

pub mod cost;
pub mod demo;
pub mod evaluate;
pub mod filter;
pub mod import;
pub mod infer_schema;
pub mod recommend;
pub mod serve;
pub mod train;
