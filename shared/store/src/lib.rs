//! What is kept, and where: resource rows, recommendation lists and events in DynamoDB, objects in S3.
//!
//! This is the only library crate (beside `embedded`, which stands in for the services on one
//! machine) that knows the AWS SDKs. Callers build the clients and hand them in; nothing here reads
//! the environment. Local mode and tests plug embedded services into the same clients, so there is
//! no second implementation of anything below.
//!
//! Read [`tables`] first: it declares the keys that the other modules live by.

pub mod tables;

pub mod resources;

pub mod lists;

pub mod events;

pub mod objects;

mod backoff;
mod error;
mod sent;

pub use error::{Cause, StoreError};
pub use events::{Events, Told, Who};
pub use lists::{Found, ListKey, ListRow, Lists, Published, Refresh, Shelf, StoredList};
pub use objects::{ObjectError, ObjectInfo, Objects, S3Location};
pub use resources::{Listing, Resources, Revised};
