//! The embedded services as a process that uses them sees them.

mod directory;
mod dynamodb;
mod s3;
