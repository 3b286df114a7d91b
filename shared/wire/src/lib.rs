//! The JSON of the Personalize APIs: envelopes, requests, responses, page tokens.
//!
//! Shapes and constraints are those of the public API model (botocore `personalize` and
//! `personalize-runtime`, version 2018-05-22; `personalize-events`, version 2018-03-22). A request is read member by member so that a refusal
//! can name the member, its value and the rule; a response is written from the domain's resource.
//! Nothing here reads a store or knows an HTTP server. Read [`members`] first, then any resource.

pub mod members;

pub mod aws_json;
pub mod page;
pub mod reply;
pub mod rest_json;
pub mod shape;

pub mod batch_inference_job;
pub mod batch_job;
pub mod batch_segment_job;
pub mod campaign;
pub mod data_deletion_job;
pub mod dataset;
pub mod dataset_export_job;
pub mod dataset_group;
pub mod dataset_import_job;
pub mod event_tracker;
pub mod events;
pub mod filter;
pub mod metric_attribution;
pub mod recipe;
pub mod recommender;
pub mod runtime;
pub mod schema;
pub mod solution;
pub mod solution_version;
pub mod tags;

mod constraints;
mod training_choices;
mod tuning;

pub use members::{Document, Member, Members};
pub use reply::HttpReply;
