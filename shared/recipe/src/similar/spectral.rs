//! Vectors for the rows of a sparse matrix, such that their products are close to those of the rows: a
//! truncated singular value decomposition by subspace iteration (Halko, Martinsson, Tropp 2011).
//!
//! Only the subspace matters, because products of rows do not change when it is turned; so no singular
//! vectors are told apart.

use ndarray::{Array2, Axis};

use crate::random::SplitMix;

/// Times that the subspace is multiplied with the matrix and its transpose: more sharpens the cut
/// between what is kept and what is not.
const ITERATIONS: usize = 6;
/// Rows that a thread takes at a time, at least.
const ROWS_AT_LEAST: usize = 1024;

/// A sparse matrix, row after row.
pub(crate) struct Sparse {
    columns: usize,
    offsets: Vec<usize>,
    entries: Vec<(u32, f32)>,
}

impl Sparse {
    /// A matrix with `columns` columns from the entries of its rows: column and value.
    pub(crate) fn from_rows(columns: usize, rows: impl Iterator<Item = Vec<(u32, f32)>>) -> Self {
        let (mut offsets, mut entries) = (vec![0], Vec::new());
        for row in rows {
            entries.extend(row);
            offsets.push(entries.len());
        }
        Self { columns, offsets, entries }
    }

    fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    fn row(&self, row: usize) -> &[(u32, f32)] {
        &self.entries[self.offsets[row]..self.offsets[row + 1]]
    }

    fn transposed(&self) -> Self {
        let mut offsets = vec![0usize; self.columns + 1];
        self.entries.iter().for_each(|entry| offsets[entry.0 as usize + 1] += 1);
        for column in 0..self.columns {
            offsets[column + 1] += offsets[column];
        }
        let mut next = offsets.clone();
        let mut entries = vec![(0, 0.0); self.entries.len()];
        for row in 0..self.rows() {
            for &(column, value) in self.row(row) {
                entries[next[column as usize]] = (row as u32, value);
                next[column as usize] += 1;
            }
        }
        Self { columns: self.rows(), offsets, entries }
    }

    /// The product with a dense matrix. Each row is worked out by one thread in one order, so the
    /// result does not depend on their number.
    fn dot(&self, dense: &Array2<f32>, threads: usize) -> Array2<f32> {
        let mut product = Array2::zeros((self.rows(), dense.ncols()));
        let chunk = self.rows().div_ceil(threads.max(1)).max(ROWS_AT_LEAST);
        std::thread::scope(|scope| {
            for (at, mut part) in product.axis_chunks_iter_mut(Axis(0), chunk).enumerate() {
                scope.spawn(move || {
                    for (row, mut out) in part.rows_mut().into_iter().enumerate() {
                        for &(column, value) in self.row(at * chunk + row) {
                            out.scaled_add(value, &dense.row(column as usize));
                        }
                    }
                });
            }
        });
        product
    }
}

/// One vector of `dimensions` numbers for each row. A matrix of lower rank leaves the last ones zero.
pub(crate) fn row_vectors(matrix: &Sparse, dimensions: usize, seed: u64, threads: usize) -> Array2<f32> {
    let transposed = matrix.transposed();
    let mut random = SplitMix::new(seed);
    // The sum of four uniform numbers is normal enough for directions.
    let mut normal = || (0..4).map(|_| (random.next() >> 40) as f32 / (1u32 << 24) as f32 - 0.5).sum::<f32>();
    let mut basis = Array2::from_shape_simple_fn((matrix.columns, dimensions), &mut normal);
    orthonormalise(&mut basis);
    for _ in 0..ITERATIONS {
        let mut other = matrix.dot(&basis, threads);
        orthonormalise(&mut other);
        basis = transposed.dot(&other, threads);
        orthonormalise(&mut basis);
    }
    matrix.dot(&basis, threads)
}

/// Makes the columns orthogonal and of length one, by Gram and Schmidt with a second pass against
/// rounding; what depends on the columns before it becomes zero.
fn orthonormalise(matrix: &mut Array2<f32>) {
    let mut columns = matrix.t().as_standard_layout().into_owned();
    for at in 0..columns.nrows() {
        let (before, mut rest) = columns.view_mut().split_at(Axis(0), at);
        let mut column = rest.row_mut(0);
        let whole = column.dot(&column).sqrt();
        for _ in 0..2 {
            for other in before.rows() {
                let product = column.dot(&other);
                column.scaled_add(-product, &other);
            }
        }
        let length = column.dot(&column).sqrt();
        let scale = if length > whole * 1e-4 && length > 0.0 { length.recip() } else { 0.0 };
        column.mapv_inplace(|value| value * scale);
    }
    matrix.assign(&columns.t());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix of rank 3 with a little noise, as sparse rows that happen to be full.
    fn matrix(noise: f32) -> (Sparse, Array2<f32>) {
        let mut random = SplitMix::new(3);
        let mut number = || (random.next() >> 40) as f32 / (1u32 << 24) as f32 - 0.5;
        let left = Array2::from_shape_simple_fn((40, 3), &mut number);
        let right = Array2::from_shape_simple_fn((3, 25), &mut number);
        let mut dense = left.dot(&right);
        dense.mapv_inplace(|value| value + noise * number());
        let rows =
            dense.rows().into_iter().map(|row| row.iter().enumerate().map(|(j, &v)| (j as u32, v)).collect());
        (Sparse::from_rows(25, rows.collect::<Vec<_>>().into_iter()), dense)
    }

    #[test]
    fn products_of_vectors_are_those_of_rows() {
        for (noise, dimensions, allowed) in
            [(0.0, 3, 1e-4), (0.0, 10, 1e-4), (0.01, 3, 0.02), (0.5, 25, 1e-4)]
        {
            let (sparse, dense) = matrix(noise);
            let vectors = row_vectors(&sparse, dimensions, 1, 2);
            let worst = (vectors.dot(&vectors.t()) - dense.dot(&dense.t()))
                .iter()
                .fold(0.0f32, |worst, difference| worst.max(difference.abs()));
            assert!(worst < allowed, "{worst} for noise {noise}, {dimensions} dimensions");
        }
    }

    #[test]
    fn threads_change_nothing_and_empty_matrices_have_empty_vectors() {
        let (sparse, _) = matrix(0.3);
        assert_eq!(row_vectors(&sparse, 5, 1, 1), row_vectors(&sparse, 5, 1, 4));
        let empty = Sparse::from_rows(0, vec![vec![], vec![]].into_iter());
        assert_eq!(row_vectors(&empty, 4, 1, 2), Array2::<f32>::zeros((2, 4)));
    }
}
