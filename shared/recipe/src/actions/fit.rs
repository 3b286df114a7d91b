//! How the regressions come about: directions, weights, regularisation, calibration.

use std::collections::BTreeMap;

use dataset::{History, Interactions};
use ndarray::{Array1, Array2, ArrayView1};

use super::examples::{Example, examples};
use super::{NextBestAction, PAST, Past, USERS_AT_ONCE, enough, recent};
use crate::hrnn::HrnnModel;
use crate::random::{self, SplitMix};

/// D: directions that are kept of the network's vectors.
const DIRECTIONS: usize = 24;
/// Vectors that the directions are taken from, at most.
const SAMPLE: usize = 20_000;
/// Rounds of the iteration that finds the directions.
const ROUNDS: usize = 60;
/// Parts that the users are cut into: what a regression says of users of a part is judged that has not seen
/// them.
const FOLDS: u64 = 5;
/// Strengths of regularisation that are tried.
const STRENGTHS: [f64; 6] = [0.3, 1.0, 3.0, 10.0, 30.0, 100.0];
/// Examples in all, and of one action; the newest are kept.
const EXAMPLES: usize = 1_000_000;
const EXAMPLES_OF_ONE: std::ops::RangeInclusive<usize> = 1_000..=20_000;

pub(super) fn train(
    network: HrnnModel,
    data: &Interactions,
    period: i64,
    seed: u64,
    threads: usize,
) -> NextBestAction {
    let scored = enough(data);
    let kept = newest(examples(data, period, |_| true), &scored);
    let states = states(&network, data, &kept);
    let (mean, directions) = directions(&states, network.embedding());
    let rows = rows(&states, &mean, &directions, data, &kept);
    let actions = data.metadata.actions.actions.clone();
    let width = directions.ncols() + PAST + 1;
    let tasks = tasks(&kept, &rows, data, seed);
    let fitted = regressions(&tasks, width, threads);
    let mut weights = Array2::zeros((actions.len(), width));
    for (&action, fitted) in tasks.keys().zip(&fitted) {
        weights.row_mut(action as usize).assign(&Array1::from_iter(fitted.iter().map(|&w| w as f32)));
    }
    // An action may lose all of its examples to nothing but windows that began in another's place.
    let scored = (0..actions.len() as u32).map(|action| tasks.contains_key(&action)).collect();
    NextBestAction { network, actions, scored, mean, directions, weights }
}

/// The examples of actions with a probability; of too many the newest.
fn newest(mut all: Vec<Example>, scored: &[bool]) -> Vec<Example> {
    all.retain(|example| scored[example.action as usize]);
    let actions = scored.iter().filter(|&&scored| scored).count().max(1);
    let most = (EXAMPLES / actions).clamp(*EXAMPLES_OF_ONE.start(), *EXAMPLES_OF_ONE.end());
    // By action, the newest first; stable, so that users keep their order.
    all.sort_by_key(|example| (example.action, std::cmp::Reverse(example.timestamp)));
    let mut count = (u32::MAX, 0);
    all.retain(|example| {
        count = if count.0 == example.action { (count.0, count.1 + 1) } else { (example.action, 1) };
        count.1 <= most
    });
    all
}

/// What the network says of the users of the examples; nothing of whom it does not know.
fn states(network: &HrnnModel, data: &Interactions, examples: &[Example]) -> Vec<Option<Vec<f32>>> {
    let mut states = Vec::with_capacity(examples.len());
    for block in examples.chunks(USERS_AT_ONCE) {
        let histories: Vec<History<'_>> = block.iter().map(|e| recent(&e.history(data))).collect();
        let found = network.states(&histories);
        let known = histories.iter().map(|history| is_known(network, history));
        states.extend(found.rows().into_iter().zip(known).map(|(row, known)| known.then(|| row.to_vec())));
    }
    states
}

fn is_known(network: &HrnnModel, history: &History<'_>) -> bool {
    history.items.iter().any(|&item| (item as usize) < network.items.nrows())
}

/// Where users lie along the directions.
pub(super) fn places(
    network: &HrnnModel,
    histories: &[History<'_>],
    mean: &Array1<f32>,
    directions: &Array2<f32>,
) -> Array2<f32> {
    let histories: Vec<History<'_>> = histories.iter().map(recent).collect();
    let states = network.states(&histories);
    let mut places = Array2::zeros((histories.len(), directions.ncols()));
    for ((mut place, state), history) in places.rows_mut().into_iter().zip(states.rows()).zip(&histories) {
        if is_known(network, history) {
            place.assign(&along(state, mean, directions));
        }
    }
    places
}

/// One after the other, so that an answer does not depend on the others of its batch.
fn along(state: ArrayView1<'_, f32>, mean: &Array1<f32>, directions: &Array2<f32>) -> Array1<f32> {
    let mut place = Array1::zeros(directions.ncols());
    for ((&x, &m), direction) in state.iter().zip(mean).zip(directions.rows()) {
        place.scaled_add(x - m, &direction);
    }
    place
}

/// The directions in which the vectors differ most, by orthogonal iteration on their covariance, scaled so
/// that places have a mean square of about one.
fn directions(states: &[Option<Vec<f32>>], e: usize) -> (Array1<f32>, Array2<f32>) {
    let known: Vec<&Vec<f32>> = states.iter().flatten().collect();
    let step = known.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<&Vec<f32>> = known.into_iter().step_by(step).collect();
    let mut mean = Array1::<f64>::zeros(e);
    for state in &sample {
        mean.iter_mut().zip(state.iter()).for_each(|(m, &x)| *m += f64::from(x));
    }
    mean /= sample.len().max(1) as f64;
    let mut covariance = Array2::<f64>::zeros((e, e));
    for state in &sample {
        let centred: Vec<f64> = state.iter().zip(&mean).map(|(&x, m)| f64::from(x) - m).collect();
        for (mut row, &x) in covariance.rows_mut().into_iter().zip(&centred) {
            row.iter_mut().zip(&centred).for_each(|(c, y)| *c += x * y);
        }
    }
    covariance /= sample.len().max(1) as f64;
    let d = DIRECTIONS.min(e);
    let mut random = SplitMix::new(1);
    let mut found = Array2::from_shape_fn((e, d), |_| random.uniform() - 0.5);
    orthonormalise(&mut found);
    for _ in 0..ROUNDS {
        found = covariance.dot(&found);
        orthonormalise(&mut found);
    }
    let variance: f64 = (&covariance.dot(&found) * &found).sum();
    let scale = if variance > 0.0 { (d as f64 / variance).sqrt() } else { 0.0 };
    (mean.mapv(|m| m as f32), found.mapv(|x| (x * scale) as f32))
}

/// Gram and Schmidt, column after column; a column without anything of its own becomes zero.
fn orthonormalise(columns: &mut Array2<f64>) {
    for at in 0..columns.ncols() {
        let mut own = columns.column(at).to_owned();
        for before in 0..at {
            let other = columns.column(before).to_owned();
            let shared = own.dot(&other);
            own.scaled_add(-shared, &other);
        }
        let length = own.dot(&own).sqrt();
        own.mapv_inplace(|x| if length > 1e-12 { x / length } else { 0.0 });
        columns.column_mut(at).assign(&own);
    }
}

/// What a regression sees of each example.
fn rows(
    states: &[Option<Vec<f32>>],
    mean: &Array1<f32>,
    directions: &Array2<f32>,
    data: &Interactions,
    examples: &[Example],
) -> Vec<Vec<f32>> {
    let nowhere = Array1::zeros(directions.ncols());
    let row = |(state, example): (&Option<Vec<f32>>, &Example)| {
        let place = match state {
            Some(state) => along(ArrayView1::from(state), mean, directions),
            None => nowhere.clone(),
        };
        let past = Past::with_one(example.history(data).about.actions, example.action);
        place.into_iter().chain(past).chain([1.0]).collect()
    };
    states.iter().zip(examples).map(row).collect()
}

/// One action's examples.
struct Task<'a> {
    rows: Vec<&'a [f32]>,
    taken: Vec<bool>,
    folds: Vec<u64>,
}

fn tasks<'a>(
    examples: &[Example],
    rows: &'a [Vec<f32>],
    data: &Interactions,
    seed: u64,
) -> BTreeMap<u32, Task<'a>> {
    let mut tasks: BTreeMap<u32, Task<'a>> = BTreeMap::new();
    for (example, row) in examples.iter().zip(rows) {
        let none = || Task { rows: vec![], taken: vec![], folds: vec![] };
        let task = tasks.entry(example.action).or_insert_with(none);
        task.rows.push(row);
        task.taken.push(example.taken);
        task.folds.push(random::hash(seed, data.users.id(example.user)) % FOLDS);
    }
    tasks
}

/// Weights of each task: fitted with the strength that serves unseen users best, and calibrated on what was
/// said of them.
fn regressions(tasks: &BTreeMap<u32, Task<'_>>, width: usize, threads: usize) -> Vec<Vec<f64>> {
    let tasks: Vec<&Task<'_>> = tasks.values().collect();
    // Of each task, for each strength, the logit of each example by a regression that has not seen its user.
    let unseen: Vec<Vec<Vec<f64>>> = each(threads, &tasks, |task| {
        STRENGTHS.iter().map(|&strength| task.unseen(strength, width)).collect()
    });
    let loss = |strength: usize| -> f64 {
        let of = |(task, logits): (&&Task<'_>, &Vec<Vec<f64>>)| -> f64 {
            logits[strength].iter().zip(&task.taken).map(|(&z, &taken)| log_loss(z, taken)).sum()
        };
        tasks.iter().zip(&unseen).map(of).sum()
    };
    let losses: Vec<f64> = (0..STRENGTHS.len()).map(loss).collect();
    let best = (0..STRENGTHS.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap_or_default();
    // Platt (1999) over all actions together: too bold or too shy is a trait of the whole.
    let logits: Vec<f64> = unseen.iter().flat_map(|logits| logits[best].iter().copied()).collect();
    let taken: Vec<bool> = tasks.iter().flat_map(|task| task.taken.iter().copied()).collect();
    let inputs: Vec<[f32; 2]> = logits.iter().map(|&z| [z as f32, 1.0]).collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(|row| row.as_slice()).collect();
    let platt = logistic(&inputs, &taken, Some(&logits), 1.0, 2);
    let (slope, offset) = (1.0 + platt[0], platt[1]);
    each(threads, &tasks, |task| {
        let mut weights = logistic(&task.rows, &task.taken, None, STRENGTHS[best], width);
        weights.iter_mut().for_each(|w| *w *= slope);
        weights[width - 1] += offset;
        weights
    })
}

impl Task<'_> {
    /// The logit of each example by a regression that has not seen its user.
    fn unseen(&self, strength: f64, width: usize) -> Vec<f64> {
        let mut logits = vec![0.0; self.rows.len()];
        for fold in 0..FOLDS {
            let seen = |at: &usize| self.folds[*at] != fold;
            let (seen, unseen): (Vec<usize>, Vec<usize>) = (0..self.rows.len()).partition(seen);
            let rows: Vec<&[f32]> = seen.iter().map(|&at| self.rows[at]).collect();
            let taken: Vec<bool> = seen.iter().map(|&at| self.taken[at]).collect();
            let weights = logistic(&rows, &taken, None, strength, width);
            unseen.into_iter().for_each(|at| logits[at] = product(&weights, self.rows[at]));
        }
        logits
    }
}

/// What `work` makes of each of `all`, in order, whatever the number of threads.
fn each<T: Sync, R: Send>(threads: usize, all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let share = all.len().div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = all
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<R>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("fitting does not panic")).collect()
    })
}

fn product(weights: &[f64], row: &[f32]) -> f64 {
    weights.iter().zip(row).map(|(w, &x)| w * f64::from(x)).sum()
}

fn log_loss(logit: f64, taken: bool) -> f64 {
    // ln(1 + e^x), without leaving the range of numbers.
    let x = if taken { -logit } else { logit };
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Logistic regression with `strength` times half the squares of the weights, by Newton's method with steps
/// that are halved until they help. The last weight is that of the constant, and all but free.
///
/// With `offsets` the logit of a row begins there.
fn logistic(
    rows: &[&[f32]],
    taken: &[bool],
    offsets: Option<&[f64]>,
    strength: f64,
    width: usize,
) -> Vec<f64> {
    const STEPS_MAX: usize = 30;
    let penalty = |at: usize| if at + 1 == width { 1e-3 } else { strength };
    let offset = |at: usize| offsets.map_or(0.0, |offsets| offsets[at]);
    let objective = |weights: &[f64]| -> f64 {
        let of = |(at, row): (usize, &&[f32])| log_loss(offset(at) + product(weights, row), taken[at]);
        let squares: f64 = weights.iter().enumerate().map(|(at, w)| penalty(at) * w * w / 2.0).sum();
        rows.iter().enumerate().map(of).sum::<f64>() + squares
    };
    let mut weights = vec![0.0; width];
    let mut now = objective(&weights);
    for _ in 0..STEPS_MAX {
        let mut gradient: Vec<f64> = weights.iter().enumerate().map(|(at, w)| penalty(at) * w).collect();
        let mut curvature = vec![0.0; width * width];
        (0..width).for_each(|at| curvature[at * width + at] = penalty(at));
        for (at, row) in rows.iter().enumerate() {
            let p = 1.0 / (1.0 + (-(offset(at) + product(&weights, row))).exp());
            let (error, weight) = (p - f64::from(u8::from(taken[at])), p * (1.0 - p));
            for (i, &x) in row.iter().enumerate() {
                let x = f64::from(x);
                gradient[i] += error * x;
                for (j, &y) in row[..=i].iter().enumerate() {
                    curvature[i * width + j] += weight * x * f64::from(y);
                }
            }
        }
        let step = solved(&mut curvature, &gradient, width);
        let mut share = 1.0;
        let (next, then) = loop {
            let next: Vec<f64> = weights.iter().zip(&step).map(|(w, s)| w - share * s).collect();
            let then = objective(&next);
            if then <= now || share < 1e-3 {
                break (next, then);
            }
            share /= 2.0;
        };
        if then > now {
            break;
        }
        let gained = now - then;
        (weights, now) = (next, then);
        if gained <= 1e-9 * (1.0 + now) {
            break;
        }
    }
    weights
}

/// Solves a symmetric positive definite system by Cholesky's factors; the lower triangle is given.
fn solved(matrix: &mut [f64], right: &[f64], width: usize) -> Vec<f64> {
    for i in 0..width {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| matrix[i * width + k] * matrix[j * width + k]).sum();
            let rest = matrix[i * width + j] - sum;
            matrix[i * width + j] =
                if i == j { rest.max(1e-12).sqrt() } else { rest / matrix[j * width + j] };
        }
    }
    let mut x = right.to_vec();
    for i in 0..width {
        let sum: f64 = (0..i).map(|k| matrix[i * width + k] * x[k]).sum();
        x[i] = (x[i] - sum) / matrix[i * width + i];
    }
    for i in (0..width).rev() {
        let sum: f64 = (i + 1..width).map(|k| matrix[k * width + i] * x[k]).sum();
        x[i] = (x[i] - sum) / matrix[i * width + i];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regression_finds_the_rate_and_the_odds() {
        // 30 of 100 with x = 0, 80 of 100 with x = 1: the saturated model has a solution by hand.
        let rows: Vec<Vec<f32>> = (0..200).map(|at| vec![f32::from(u8::from(at >= 100)), 1.0]).collect();
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let taken: Vec<bool> = (0..200).map(|at| at < 30 || (100..180).contains(&at)).collect();
        let weights = logistic(&rows, &taken, None, 1e-6, 2);
        let logit = |p: f64| (p / (1.0 - p)).ln();
        assert!((weights[1] - logit(0.3)).abs() < 1e-3, "{weights:?}");
        assert!((weights[0] + weights[1] - logit(0.8)).abs() < 1e-3, "{weights:?}");
        // As strong as can be, everybody has the common rate.
        let weights = logistic(&rows, &taken, None, 1e9, 2);
        assert!(weights[0].abs() < 1e-3 && (weights[1] - logit(0.55)).abs() < 1e-3, "{weights:?}");
    }

    #[test]
    fn offsets_that_are_twice_too_bold_are_halved() {
        // Three in four at ±ln 3 are told as ±2 ln 3.
        let told: Vec<f64> =
            (0..400).map(|at| 2.0 * 3f64.ln() * if at % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let taken: Vec<bool> = (0..400).map(|at| (at % 2 == 0) == (at % 8 < 6)).collect();
        let inputs: Vec<[f32; 2]> = told.iter().map(|&z| [z as f32, 1.0]).collect();
        let inputs: Vec<&[f32]> = inputs.iter().map(|row| row.as_slice()).collect();
        let weights = logistic(&inputs, &taken, Some(&told), 1e-6, 2);
        assert!((weights[0] + 0.5).abs() < 1e-3 && weights[1].abs() < 1e-3, "{weights:?}");
    }

    #[test]
    fn nothing_but_one_outcome_stays_finite() {
        let rows: Vec<&[f32]> = vec![&[1.0, 1.0]; 10];
        let weights = logistic(&rows, &[true; 10], None, 1.0, 2);
        assert!(weights.iter().all(|w| w.is_finite() && *w > 0.0), "{weights:?}");
    }

    #[test]
    fn directions_are_those_of_most_variance() {
        let mut random = SplitMix::new(3);
        let states: Vec<Option<Vec<f32>>> = (0..500)
            .map(|_| {
                let mut x = |scale: f64| ((random.uniform() - 0.5) * scale) as f32;
                Some(vec![5.0 + x(0.01), x(20.0), x(1.0)])
            })
            .collect();
        let (mean, directions) = directions(&states, 3);
        assert!((mean[0] - 5.0).abs() < 0.01);
        let lengths: Vec<f32> = directions.column(0).iter().map(|x| x.abs()).collect();
        assert!(lengths[1] > 100.0 * lengths[0] && lengths[1] > 20.0 * lengths[2], "{lengths:?}");
    }
}
