//! One battery for all devices: the CPU with everything that it has, the CUDA device on threads of this machine,
//! and the CUDA device on a GPU, where there is one.

mod battery;
mod host;

use host::{Fault, Host};
use training::Cpu;
use training::cuda::{Cuda, KERNELS};

/// For sums in another order, and for exponentials of another library.
const FLOATS: f32 = 2e-5;

#[test]
fn the_cpu_with_vectors_and_threads() {
    battery::run(&Cpu::new(3), FLOATS);
}

#[test]
fn the_kernels_on_threads_of_this_machine() {
    let device = Cuda::new(Host::new(32, 3));
    battery::run(&device, FLOATS);
    // Steps of trainings were recorded, and what was recorded is what ran.
    assert!(device.replays() > 10, "{} replays", device.replays());
    assert_eq!(device.unrecorded(), None);
}

#[test]
fn the_operations_in_whole_blocks_and_with_few_logits_at_once() {
    let device = Cuda::new(Host::new(256, 1000)).with_logits_bytes(16 * 400 * 4 * 3);
    battery::operations(&device, FLOATS);
}

#[test]
fn a_device_that_computes_something_else_does_not_pass_the_self_check() {
    use training::cuda::check::self_check;
    self_check(&Cpu::new(2)).unwrap();
    self_check(&Cuda::new(Host::new(32, 2))).unwrap();
    for (fault, words) in [
        (Fault::Products, "the loss of step 1 is "),
        (Fault::NoNumbers, "the loss of step 1 is NaN"),
        (Fault::Replays, "1 losses of 4 steps"),
        (Fault::Optimiser, "embeddings differ: number "),
        (Fault::Launches, "a launch was refused"),
    ] {
        let why = self_check(&Cuda::new(Host::new(32, 2).with(fault))).unwrap_err();
        assert!(why.contains(words), "{fault:?}: {why}");
    }
}

#[test]
fn a_device_that_fails_says_so_and_reads_as_zeros() {
    use training::device::Device;
    let device = Cuda::new(Host::new(32, 2).with(Fault::Launches));
    let ones = battery::buffer(&device, &[1.0; 16]);
    assert_eq!(battery::numbers(&device, &ones, 16), [0.0; 16]);
    let why = device.check().unwrap_err().to_string();
    assert_eq!(
        why,
        "the training on threads of this machine failed: a launch was refused; train on the CPU (--device cpu) if it fails again"
    );
}

#[test]
fn work_that_cannot_be_recorded_is_done_plainly() {
    let device = Cuda::new(Host::new(32, 2).with(Fault::Records));
    battery::compare(
        "repeats",
        battery::operations::repeats(&device),
        battery::operations::repeats(&Cpu::new(1)),
        FLOATS,
    );
    assert_eq!((device.replays(), device.unrecorded().as_deref()), (0, Some("nothing is recorded")));
}

#[test]
fn all_that_a_step_needs_goes_over_in_one_transfer() {
    let device = Cuda::new(Host::new(32, 2));
    let mut before = 0;
    battery::training::steps_with(&device, &battery::training::CASES[0], |round| {
        // The rooms of indices grow at first.
        let transfers = device.transfers() - before;
        before += transfers;
        assert!(transfers == 1 || round == 0, "{transfers} transfers in step {round}");
    });
}

/// On a GPU. Products are rounded to TF32.
#[test]
fn a_gpu() {
    const TF32: f32 = 0.02;
    match gpu(TF32) {
        Ok(name) => println!("the battery ran on {name}"),
        Err(why) if std::env::var_os("OSUSUME_GPU").is_some() => panic!("NO GPU WAS TESTED: {why}"),
        // Not captured, so that it is seen without being asked for.
        Err(why) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "SKIPPED: the battery on a GPU was not run: {why}");
        }
    }
}

#[cfg(feature = "cuda")]
fn gpu(tolerance: f32) -> Result<String, String> {
    use training::cuda::Machine;
    let device = training::cuda::driver::open().map_err(|error| error.to_string())?;
    battery::run(&device, tolerance);
    assert!(device.replays() > 10, "{} replays", device.replays());
    assert_eq!(device.unrecorded(), None);
    Ok(device.machine().name().to_owned())
}

#[cfg(not(feature = "cuda"))]
fn gpu(_: f32) -> Result<String, String> {
    Err("this test was built without the feature cuda of the crate training".to_owned())
}

#[test]
fn structs_have_the_same_size_in_rust_and_c() {
    for &(kernel, bytes) in KERNELS {
        assert_eq!(host::size_in_c(kernel), bytes, "{kernel}");
    }
    let kernels = training::cuda::SOURCE.matches("\nKERNEL(").count();
    assert_eq!(kernels, KERNELS.len(), "a kernel has no struct in arguments.rs");
}
