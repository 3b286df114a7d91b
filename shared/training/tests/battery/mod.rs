//! What every device must do as the CPU does: each operation at odd sizes, then whole training steps.
//!
//! A case is written once, for any device, and returns tensors by name; [`run`] has it done by the device and
//! by the CPU, on one thread without vector instructions, and compares them. Tensors are as close as
//! `tolerance` times the largest number of the CPU's, and numbers that are not finite are the same.

pub mod operations;
pub mod training;

use ::training::Cpu;
use ::training::cpu::Isa;
use ::training::device::Device;
use ::training::random::Random;

/// Tensors by name.
pub type Tensors = Vec<(String, Vec<f32>)>;

/// All cases, operations first.
pub fn run<D: Device>(device: &D, tolerance: f32) {
    operations(device, tolerance);
    let reference = Cpu::with_isa(1, Isa::Portable);
    for case in training::CASES {
        compare(case.name, training::steps(device, case), training::steps(&reference, case), tolerance);
    }
    training::a_run_goes_on_elsewhere(device, tolerance);
    device.check().unwrap();
}

/// The operations alone.
pub fn operations<D: Device>(device: &D, tolerance: f32) {
    let reference = Cpu::with_isa(1, Isa::Portable);
    macro_rules! cases {
        ($($case:ident)*) => {
            $(compare(
                stringify!($case), operations::$case(device), operations::$case(&reference), tolerance,
            );)*
        };
    }
    cases!(
        transfers products row_products sums gathers bags scatters dropouts averages carried recurrence softmax
        dense_steps row_sums sparse_steps repeats
    );
    device.check().unwrap();
}

/// Panics where tensors differ.
pub fn compare(case: &str, ours: Tensors, reference: Tensors, tolerance: f32) {
    assert_eq!(ours.len(), reference.len(), "{case}");
    for ((name, ours), (_, truth)) in ours.iter().zip(&reference) {
        assert_eq!(ours.len(), truth.len(), "{case}, {name}");
        assert!(!truth.is_empty(), "{case}, {name}: nothing to compare");
        let largest = truth.iter().filter(|x| x.is_finite()).fold(0.0f32, |most, x| most.max(x.abs()));
        for (i, (&got, &truth)) in ours.iter().zip(truth).enumerate() {
            let close = match truth.is_finite() {
                true => (got - truth).abs() <= tolerance * largest,
                false => got == truth,
            };
            assert!(close, "{case}, {name}, {i}: {got}, the CPU says {truth}; the largest is {largest}");
        }
    }
}

/// About normal numbers.
pub fn normals(random: &mut Random, count: usize, deviation: f32) -> Vec<f32> {
    (0..count).map(|_| deviation * random.normal()).collect()
}

/// Numbers below a bound; one in nine is none.
pub fn rows(random: &mut Random, count: usize, bound: usize) -> Vec<u32> {
    (0..count).map(|_| if random.below(9) == 0 { u32::MAX } else { random.below(bound) as u32 }).collect()
}

/// A buffer with these numbers.
pub fn buffer<D: Device>(device: &D, values: &[f32]) -> D::Buffer {
    let mut buffer = device.buffer(values.len());
    device.write(&mut buffer, 0, values);
    buffer
}

/// An index with these rows.
pub fn index<D: Device>(device: &D, rows: &[u32]) -> D::Index {
    let mut index = device.index();
    device.write_index(&mut index, rows);
    index
}

/// An index of slots.
pub fn slots<D: Device>(device: &D, slots: &[u32]) -> D::Index {
    let mut index = device.index();
    device.write_slots(&mut index, slots);
    index
}

/// The numbers of a buffer.
pub fn numbers<D: Device>(device: &D, buffer: &D::Buffer, len: usize) -> Vec<f32> {
    let mut values = vec![9.0; len];
    device.read(buffer, 0, &mut values);
    values
}
