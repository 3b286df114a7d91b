//! Models and histories of any size.

use dataset::{IdTable, Interactions};
use ndarray::{Array1, Array2};
use recipe::hrnn::HrnnModel;
use training::random::Random;

/// A model of normal embeddings, with biases of a Zipf popularity: `e` numbers for an item, `h` hidden ones.
pub fn model(items: usize, e: usize, h: usize, random: &mut Random) -> HrnnModel {
    let mut normal = |rows: usize, columns: usize, deviation: f32| {
        Array2::from_shape_fn((rows, columns), |_| deviation * random.normal())
    };
    let bias = Array1::from_shape_fn(items, |item| -((item + 1) as f32).ln());
    HrnnModel {
        items: normal(items, e, 0.3),
        prior: bias.clone(),
        bias,
        gaps: normal(16, e, 0.1),
        input: normal(e, 3 * h, 0.1),
        input_bias: Array1::zeros(3 * h),
        recurrent: normal(h, 3 * h, 0.1),
        recurrent_bias: Array1::zeros(3 * h),
        project: normal(h, e, 0.3),
        project_bias: Array1::zeros(e),
        last: normal(e, e, 0.1),
        average: normal(e, e, 0.1),
        average_rate: 0.05,
        tilt: None,
        sides: None,
    }
}

/// The histories of users, with a few items far more often than others.
pub fn histories(count: usize, catalogue: usize, events: usize, random: &mut Random) -> Interactions {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    (0..count).for_each(|user| {
        users.intern(&user.to_string());
    });
    (0..catalogue).for_each(|item| {
        items.intern(&item.to_string());
    });
    let rows = count * events;
    let user: Vec<u32> = (0..rows).map(|row| (row / events) as u32).collect();
    let item: Vec<u32> = (0..rows).map(|_| (random.uniform().powi(3) * catalogue as f64) as u32).collect();
    let time: Vec<i64> = (0..rows).map(|row| 60 * row as i64).collect();
    Interactions::from_rows(users, items, &user, &item, &time)
}
