//! The control plane's handlers over the embedded tables: JSON in, JSON out, and what was launched.

mod app;
mod auto_training;
mod campaigns;
mod creation;
mod datasets;
mod deletion;
mod filters;
mod lists;
mod options;
mod recommenders;
mod tags;
mod tuning;
mod versions;
