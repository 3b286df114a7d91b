//! Data files from outside: what is accepted, what is refused and with which words, and that
//! nothing depends on where a file is cut.

mod helpers;

mod accepted;
mod erase;
mod export;
mod infer;
mod metadata;
mod parts;
mod ranges;
mod reading;
mod refused;
mod schema;
