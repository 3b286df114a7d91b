//! The verifier from outside: AWS's vectors, two signers that are not ours, and what must be refused.

mod arbitrary;
mod botocore;
mod mutations;
mod refusals;
mod rust_signer;
mod support;
mod vectors;
