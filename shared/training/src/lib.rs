//! Gradients and optimisers: the only crate that may know an accelerator.
//!
//! The model is written once, in [`network`], against the operations of a [`device::Device`]; [`cpu`]
//! implements them for the cores of this machine, [`cuda`] for a GPU. No autodiff, no graph: gradients are derived by hand
//! and checked against finite differences. Training the same windows with the same seed gives the same
//! bytes whatever the number of threads.
//!
//! Start reading at [`network`]; [`trainer`] makes steps of it, [`windows`] feeds it,
//! [`features`] describes items by more than their number.

pub mod network;

pub mod trainer;

pub mod windows;

pub mod features;

pub mod checkpoint;

pub mod device;

pub mod cpu;

pub mod cuda;

pub mod choice;

pub mod random;

pub use choice::{Chosen, DeviceChoice};
pub use cpu::Cpu;
pub use network::Shape;
pub use trainer::{Optimiser, Settings, Trainer};
