//! One case for each operation, or for a few that belong together.

use training::device::{
    Bags, Contribution, Device, Dropout, GruShape, LOSSES_KEPT, Matrix, Negatives, Onto, Rule,
    SoftmaxGradients, SoftmaxInput, Weights,
};
use training::random::Random;

use super::{Tensors, buffer, index, normals, numbers, rows, slots};

pub fn transfers<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(1);
    let mut all = d.buffer(1000);
    let mut out = vec![];
    // Runs that meet, and more of them than wait at once.
    for start in [0, 500, 3, 4, 999, 0] {
        d.write(&mut all, start, &normals(&mut random, (1000 - start).min(7), 1.0));
    }
    out.push(("runs".to_owned(), numbers(d, &all, 1000)));
    for start in 0..200 {
        d.write(&mut all, 5 * start, &normals(&mut random, 3, 1.0));
    }
    let mut part = vec![0.0; 37];
    d.read(&all, 411, &mut part);
    out.push(("many".to_owned(), numbers(d, &all, 1000)));
    out.push(("part".to_owned(), part));
    // An index that grows, and a buffer that is gone before its words were needed.
    let (table, mut to) = (buffer(d, &normals(&mut random, 300, 1.0)), d.index());
    for count in [1, 3, 200, 7] {
        d.write(&mut d.buffer(50), 0, &[1.0; 50]);
        d.write_index(&mut to, &rows(&mut random, count, 100));
        let mut gathered = d.buffer(3 * count);
        d.gather(&table, 3, &to, Dropout::NONE, &mut gathered);
        out.push((format!("{count} rows"), numbers(d, &gathered, 3 * count)));
    }
    let large = normals(&mut random, (2 << 20) + 5, 1.0);
    let large = buffer(d, &large);
    let mut end = vec![0.0; 9];
    d.read(&large, (2 << 20) - 4, &mut end);
    out.push(("large".to_owned(), end));
    out
}

pub fn products<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(2);
    let mut out = vec![];
    for (m, k, n) in [(1, 16, 16), (5, 48, 32), (37, 80, 144)] {
        let a = buffer(d, &normals(&mut random, 3 + m * (k + 16), 1.0));
        let a = Matrix::<D> { start: 3, stride: k + 16, ..Matrix::new(&a, 0, m, k) };
        let weights = buffer(d, &normals(&mut random, 32 + k * n, 1.0));
        let turned = buffer(d, &normals(&mut random, n * k, 1.0));
        let bias = buffer(d, &normals(&mut random, n + 4, 1.0));
        let (mut plain, mut transposed) = (d.operand(), d.operand());
        d.prepare(Matrix::new(&weights, 32, k, n), false, &mut plain);
        d.prepare(Matrix::new(&turned, 0, n, k), true, &mut transposed);
        let stride = n + 16;
        let mut to = buffer(d, &normals(&mut random, 5 + m * stride, 1.0));
        let mut keep = |to: &D::Buffer, what: &str| {
            out.push((format!("{m} {k} {n} {what}"), numbers(d, to, 5 + m * stride)));
        };
        d.product(a, &plain, Onto::Bias(&bias, 4), &mut to, 5, stride);
        keep(&to, "bias");
        d.product(a, &transposed, Onto::Old, &mut to, 5, stride);
        keep(&to, "old");
        d.product(a, &transposed, Onto::Zero, &mut to, 5, stride);
        keep(&to, "zero");
        let b = buffer(d, &normals(&mut random, m * n, 1.0));
        let mut gradient = d.buffer(7 + k * n);
        d.product_transposed(a, Matrix::new(&b, 0, m, n), &mut gradient, 7);
        out.push((format!("{m} {k} {n} gradient"), numbers(d, &gradient, 7 + k * n)));
    }
    out
}

pub fn row_products<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(3);
    let (width, mut forward, mut backward, mut out) = (48, d.operand(), d.operand(), vec![]);
    let table = buffer(d, &normals(&mut random, 11 * width, 1.0));
    for count in [16, 64, 32] {
        let ids = index(d, &rows(&mut random, count, 11));
        d.prepare_rows(&table, width, &ids, &mut forward, &mut backward);
        let queries = buffer(d, &normals(&mut random, 5 * width, 1.0));
        let mut logits = d.buffer(5 * count);
        d.product(Matrix::new(&queries, 0, 5, width), &forward, Onto::Zero, &mut logits, 0, count);
        let mut back = d.buffer(5 * width);
        d.product(Matrix::new(&logits, 0, 5, count), &backward, Onto::Zero, &mut back, 0, width);
        out.push((format!("{count} logits"), numbers(d, &logits, 5 * count)));
        out.push((format!("{count} back"), numbers(d, &back, 5 * width)));
    }
    out
}

pub fn sums<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(4);
    let mut out = vec![];
    for (n, columns) in [(1, 16), (63, 48), (64, 16), (200, 80)] {
        let a = buffer(d, &normals(&mut random, 2 + n * (columns + 16), 1.0));
        let a = Matrix::<D> { start: 2, stride: columns + 16, ..Matrix::new(&a, 0, n, columns) };
        let mut to = buffer(d, &vec![5.0; columns + 9]);
        d.column_sums(a, &mut to, 4);
        out.push((format!("{n} {columns}"), numbers(d, &to, columns + 9)));
    }
    out
}

pub fn gathers<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(5);
    let mut out = vec![];
    for (width, share) in [(16, 0.0), (48, 0.3), (1, 0.5)] {
        let table = buffer(d, &normals(&mut random, 3 + 17 * width, 1.0));
        let ids = index(d, &rows(&mut random, 41, 25));
        let mut to = buffer(d, &normals(&mut random, 41 * width, 1.0));
        d.add_rows(&table, 3, width, &ids, &mut to);
        out.push((format!("{width} added"), numbers(d, &to, 41 * width)));
        d.gather(&table, width, &ids, Dropout { share, seed: 0xdead_beef }, &mut to);
        out.push((format!("{width} gathered"), numbers(d, &to, 41 * width)));
    }
    out
}

pub fn bags<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(6);
    let (width, count) = (48, 23);
    let mut offsets = vec![0];
    for n in 0..count {
        offsets.push(offsets[n] + random.below(4) as u32);
    }
    let entries = offsets[count] as usize;
    let bags = Bags {
        offsets: index(d, &offsets),
        rows: index(d, &rows(&mut random, entries, 15)),
        scales: buffer(d, &normals(&mut random, entries + 3, 1.0)),
    };
    let table = buffer(d, &normals(&mut random, 13 * width, 1.0));
    let mut to = buffer(d, &normals(&mut random, count * width, 1.0));
    d.add_bags(&table, width, &bags, &mut to);
    vec![("sums".to_owned(), numbers(d, &to, count * width))]
}

pub fn scatters<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(7);
    let mut out = vec![];
    for (width, table, n) in [(16, 1, 5), (48, 7, 201), (16, 3, 64)] {
        let source = buffer(d, &normals(&mut random, n * width, 1.0));
        let ids = index(d, &rows(&mut random, n, table + 1));
        let mut to = buffer(d, &vec![3.0; table * width + 20]);
        d.scatter_add(&source, width, &ids, &mut to, 11, table);
        out.push((format!("{width} {table} {n}"), numbers(d, &to, table * width + 20)));
    }
    out
}

pub fn dropouts<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(8);
    let mut from = buffer(d, &normals(&mut random, 3000, 1.0));
    let mut to = d.buffer(2900);
    d.dropout(&from, 77, 2901 - 1, Dropout { share: 0.25, seed: 12 }, &mut to);
    d.dropout_in_place(&mut from, 2500, Dropout { share: 0.75, seed: 13 });
    vec![("out".to_owned(), numbers(d, &to, 2900)), ("in place".to_owned(), numbers(d, &from, 3000))]
}

pub fn averages<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(9);
    let (lanes, width, steps, rate) = (3, 48, 7, 0.07);
    let size = lanes * width;
    let values = buffer(d, &normals(&mut random, steps * size, 1.0));
    let mut averages = buffer(d, &normals(&mut random, (steps + 1) * size, 1.0));
    d.average_forward(lanes, width, rate, &values, &mut averages);
    let mut outputs = buffer(d, &normals(&mut random, steps * size, 1.0));
    let mut gradients = buffer(d, &normals(&mut random, steps * size, 1.0));
    d.average_backward(lanes, width, rate, &mut outputs, &mut gradients);
    vec![
        ("forward".to_owned(), numbers(d, &averages, (steps + 1) * size)),
        ("backward".to_owned(), numbers(d, &gradients, steps * size)),
    ]
}

pub fn carried<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(10);
    let mut states = buffer(d, &normals(&mut random, 5 * 48, 1.0));
    d.copy_within(&mut states, 3 * 48, 2 * 48, 0);
    let factors = buffer(d, &[1.0, 0.0, 0.5, 7.0]);
    d.scale_rows(&mut states, 48, 48, &factors, 3);
    vec![("states".to_owned(), numbers(d, &states, 5 * 48))]
}

pub fn recurrence<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(11);
    let mut out = vec![];
    for (steps, lanes, hidden) in [(1, 1, 16), (5, 3, 48)] {
        let (size, n) = (lanes * hidden, steps * lanes);
        let inputs = buffer(d, &normals(&mut random, n * 3 * hidden, 1.5));
        let weights = buffer(d, &normals(&mut random, hidden * 3 * hidden, 0.3));
        let bias = buffer(d, &normals(&mut random, 3 * hidden + 2, 0.5));
        let mut states = buffer(d, &normals(&mut random, (n + lanes) * hidden, 0.5));
        let mut saved = d.buffer(n * 4 * hidden);
        let shape = GruShape { steps, lanes, hidden };
        let (mut recurrent, mut back) = (d.operand(), d.operand());
        let matrix = Matrix::new(&weights, 0, hidden, 3 * hidden);
        d.prepare(matrix, false, &mut recurrent);
        d.prepare(matrix, true, &mut back);
        d.gru_forward(&shape, &inputs, &recurrent, (&bias, 2), &mut states, &mut saved);
        let outputs = buffer(d, &normals(&mut random, n * hidden, 1.0));
        let mut gates = d.buffer(n * 4 * hidden);
        d.gru_backward(&shape, &outputs, &back, &states, &saved, &mut gates);
        out.push((format!("{steps} states"), numbers(d, &states, n * hidden + size)));
        out.push((format!("{steps} saved"), numbers(d, &saved, n * 4 * hidden)));
        out.push((format!("{steps} gates"), numbers(d, &gates, n * 4 * hidden)));
    }
    out
}

pub fn softmax<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(12);
    let mut out = vec![];
    // Rows that are no multiple of what a block takes, fewer than it takes, and more than fit at once.
    for (n, width, count, items) in [(1, 16, 16, 5), (37, 48, 80, 60), (131, 16, 400, 900)] {
        let table = normals(&mut random, items * width, 0.5);
        let table = buffer(d, &table);
        let bias = buffer(d, &normals(&mut random, items, 0.5));
        let queries = buffer(d, &normals(&mut random, 8 + n * width, 1.0));
        let mut ids: Vec<u32> = (0..count).map(|_| random.below(items) as u32).collect();
        ids.sort_unstable();
        let last = count - 3;
        ids[last..].fill(u32::MAX);
        let offsets: Vec<f32> = ids
            .iter()
            .map(|&id| if id == u32::MAX { f32::NEG_INFINITY } else { 0.3 * random.normal() })
            .collect();
        let (mut forward, mut backward, ids) = (d.operand(), d.operand(), index(d, &ids));
        d.prepare_rows(&table, width, &ids, &mut forward, &mut backward);
        let negatives = Negatives { ids, forward, backward, offsets: buffer(d, &offsets), count };
        let targets: Vec<u32> = rows(&mut random, n, items);
        let weights: Vec<f32> = targets
            .iter()
            .enumerate()
            .map(|(i, &t)| if t == u32::MAX { 0.0 } else { 0.1 + 0.1 * (i % 3) as f32 })
            .collect();
        let (targets, weights) = (index(d, &targets), buffer(d, &weights));
        let mut losses = d.losses();
        let (mut q, mut scale) = (d.buffer(n * width), d.buffer(n));
        let (mut negative, mut negative_bias) =
            (buffer(d, &vec![4.0; count * width]), buffer(d, &vec![4.0; count]));
        for _ in 0..2 {
            d.softmax(
                SoftmaxInput {
                    queries: Matrix::new(&queries, 8, n, width),
                    table: &table,
                    bias: &bias,
                    targets: &targets,
                    weights: &weights,
                },
                &negatives,
                SoftmaxGradients {
                    queries: &mut q,
                    target_scale: &mut scale,
                    negatives: &mut negative,
                    negative_bias: &mut negative_bias,
                },
                &mut losses,
            );
        }
        let taken = d.take_losses(&mut losses);
        assert_eq!(taken.len(), 2);
        assert!(d.take_losses(&mut losses).is_empty() && taken.len() <= LOSSES_KEPT);
        out.push((format!("{n} losses"), taken.iter().map(|&loss| loss as f32).collect()));
        out.push((format!("{n} queries"), numbers(d, &q, n * width)));
        // Together with another number, where all targets are padding.
        out.push((format!("{n} scale"), [numbers(d, &scale, n), vec![1e-3]].concat()));
        out.push((format!("{n} negatives"), numbers(d, &negative, count * width)));
        out.push((format!("{n} bias"), numbers(d, &negative_bias, count)));
    }
    out
}

/// All rules at a step.
fn rules(step: u32) -> [Rule; 3] {
    let (rate, decay) = (0.1, 0.01);
    let correct = |beta: f32| 1.0 / (1.0 - beta.powi(step as i32));
    [
        Rule::Descent { rate },
        Rule::Adagrad { rate },
        Rule::Adam { rate, decay, correct_first: correct(0.9), correct_second: correct(0.999), step },
    ]
}

fn weights<D: Device>(d: &D, random: &mut Random, count: usize, rows: usize, rule: Rule) -> Weights<D> {
    let adam = matches!(rule, Rule::Adam { .. });
    let squares: Vec<f32> = normals(random, count, 0.3).iter().map(|x| x * x).collect();
    Weights {
        values: buffer(d, &normals(random, count, 1.0)),
        first: buffer(d, &normals(random, if adam { count } else { 0 }, 0.3)),
        second: buffer(d, &squares),
        touched: d.buffer(if adam { rows } else { 0 }),
    }
}

fn all<D: Device>(d: &D, what: &str, weights: &Weights<D>, len: usize, rule: Rule, rows: usize) -> Tensors {
    let mut out = vec![
        (format!("{what} {rule:?} values"), numbers(d, &weights.values, len)),
        (format!("{what} {rule:?} second"), numbers(d, &weights.second, len)),
    ];
    if let Rule::Adam { .. } = rule {
        out.push((format!("{what} {rule:?} first"), numbers(d, &weights.first, len)));
        if rows > 0 {
            out.push((format!("{what} {rule:?} touched"), numbers(d, &weights.touched, rows)));
        }
    }
    out
}

pub fn dense_steps<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(13);
    let mut out = vec![];
    for count in [1, 3] {
        for rule in rules(7) {
            let mut weights = weights(d, &mut random, 999, 0, rule);
            let gradients: Vec<_> = (0..count).map(|_| buffer(d, &normals(&mut random, 999, 1.0))).collect();
            let gradients: Vec<_> = gradients.iter().collect();
            d.dense_step(&mut weights, &gradients, rule);
            out.extend(all(d, &format!("{count}"), &weights, 999, rule, 0));
        }
    }
    out
}

/// What contributions are made of: slots, sources, scales and source rows.
struct Sources<D: Device> {
    slots: D::Index,
    count: usize,
    source: D::Buffer,
    scale: Option<D::Buffer>,
    from: Option<D::Index>,
}

fn sources<D: Device>(
    d: &D,
    random: &mut Random,
    width: usize,
    targets: usize,
    kinds: usize,
) -> Vec<Sources<D>> {
    let mut make = |kind: usize| {
        let count = [40, 0, 7, 130][kind % 4];
        // Some slots get nothing, one gets a third of everything.
        let slot = |random: &mut Random| match random.below(9) {
            0 => u32::MAX,
            1..4 => (targets / 2) as u32,
            _ => random.below(targets) as u32,
        };
        let numbers: Vec<u32> = (0..count).map(|_| slot(random)).collect();
        let from: Vec<u32> = (0..count).map(|_| random.below(5) as u32).collect();
        let places = if kind.is_multiple_of(2) { count.max(5) } else { 5 };
        Sources {
            slots: slots(d, &numbers),
            count,
            source: buffer(d, &normals(random, 3 + places * width, 1.0)),
            scale: (!kind.is_multiple_of(3)).then(|| buffer(d, &normals(random, count.max(1), 1.0))),
            from: (kind % 2 == 1).then(|| index(d, &from)),
        }
    };
    (0..kinds).map(&mut make).collect()
}

fn contributions<D: Device>(sources: &[Sources<D>]) -> Vec<Contribution<'_, D>> {
    sources
        .iter()
        .map(|s| Contribution {
            slots: &s.slots,
            count: s.count,
            source: &s.source,
            start: 3,
            scale: s.scale.as_ref(),
            from: s.from.as_ref(),
        })
        .collect()
}

pub fn row_sums<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(14);
    let mut out = vec![];
    for (width, targets, kinds) in [(1, 31, 1), (48, 31, 4), (16, 9, 10)] {
        let sources = sources(d, &mut random, width, targets, kinds);
        let mut to = buffer(d, &vec![2.0; targets * width]);
        d.sum_rows(width, targets, &contributions(&sources), &mut to);
        out.push((format!("{width} {kinds}"), numbers(d, &to, targets * width)));
    }
    out
}

pub fn sparse_steps<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(15);
    let mut out = vec![];
    let items = 90;
    // Wider than a block, as wide as a lane, and single numbers.
    for (width, kinds) in [(1, 3), (48, 2), (320, 5)] {
        for (kind, rule) in rules(1).into_iter().enumerate() {
            let mut weights = weights(d, &mut random, items * width, items, rule);
            for step in [1, 2, 40] {
                let mut ids: Vec<u32> = (0..items as u32).collect();
                random.shuffle(&mut ids);
                let targets = 1 + random.below(items - 1);
                let ids = index(d, &ids[..targets]);
                let sources = sources(d, &mut random, width, targets, kinds);
                d.sparse_step(&mut weights, width, &ids, &contributions(&sources), rules(step)[kind]);
            }
            out.extend(all(d, &format!("{width}"), &weights, items * width, rule, items));
        }
    }
    out
}

pub fn repeats<D: Device>(d: &D) -> Tensors {
    let mut random = Random::new(16);
    let mut out = vec![];
    let (mut record, mut from) = (D::Record::default(), d.buffer(500));
    let (mut dropped, mut plain, mut sums) = (d.buffer(500), d.buffer(500), d.buffer(20));
    for round in 0..9u32 {
        // Other work at the fourth round, and memory that is given back before the sixth.
        let key = u64::from(round == 3);
        if round == 5 {
            drop(buffer(d, &[1.0; 100]));
        }
        d.write(&mut from, 0, &normals(&mut random, 500, 1.0));
        let seed = 77 * round + 5;
        d.repeat(&mut record, key, seed, &mut || {
            d.dropout(&from, 0, 500, Dropout { share: 0.4, seed: seed ^ 0x1234 }, &mut dropped);
            let rows = if key == 0 { 25 } else { 10 };
            d.column_sums(Matrix::new(&dropped, 0, rows, 20), &mut sums, 0);
        });
        // The same seed outside of it.
        d.dropout(&from, 0, 500, Dropout { share: 0.4, seed: seed ^ 0x1234 }, &mut plain);
        out.push((format!("{round} dropped"), numbers(d, &dropped, 500)));
        out.push((format!("{round} sums"), numbers(d, &sums, 20)));
        out.push((format!("{round} plain"), numbers(d, &plain, 500)));
    }
    out
}
