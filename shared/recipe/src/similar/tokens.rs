//! Items as what their metadata says: one sparse row for each, a block of columns for each column of
//! the Items dataset.
//!
//! A category is a column of its own, several with `|` are several; it weighs more the fewer items have
//! it. A number falls between two of a few quantiles and counts for both by its distance to them.
//! Every column of the dataset has length one, so that one with many categories says no more than
//! another; what is missing says nothing.

use dataset::metadata::{Cells, Column, NO_VALUE};
use hashbrown::HashMap;

use super::spectral::Sparse;

/// Marks between which numbers fall.
const QUANTILES: usize = 9;

/// The rows of `items` items.
pub(super) fn matrix(columns: &[Column], items: usize) -> Sparse {
    let mut rows: Vec<Vec<(u32, f32)>> = vec![Vec::new(); items];
    let mut width = 0u32;
    for column in columns {
        width += match &column.cells {
            Cells::Text { distinct, codes } => categories(distinct, codes, width, &mut rows),
            Cells::Number(values) => numbers(values, width, &mut rows),
        };
    }
    Sparse::from_rows(width as usize, rows.into_iter())
}

/// Adds the categories of a column from `first` on; returns how many there are.
fn categories(distinct: &[Box<str>], codes: &[u32], first: u32, rows: &mut [Vec<(u32, f32)>]) -> u32 {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let of_cell: Vec<Vec<u32>> = distinct
        .iter()
        .map(|cell| {
            let mut own: Vec<u32> = categories_of(cell)
                .map(|name| {
                    let next = numbers.len() as u32;
                    *numbers.entry(name).or_insert(next)
                })
                .collect();
            own.sort_unstable();
            own.dedup();
            own
        })
        .collect();
    let mut items_with = vec![0u32; numbers.len()];
    let known = || codes.iter().filter(|&&code| code != NO_VALUE);
    known().for_each(|&code| of_cell[code as usize].iter().for_each(|&n| items_with[n as usize] += 1));
    let all = known().count() as f32;
    // One that everybody has still tells those apart that have nothing.
    let weight = |number: u32| (1.0 + all / items_with[number as usize].max(1) as f32).ln();
    for (row, &code) in rows.iter_mut().zip(codes).filter(|(_, code)| **code != NO_VALUE) {
        let own = &of_cell[code as usize];
        let length = own.iter().map(|&number| weight(number).powi(2)).sum::<f32>().sqrt();
        row.extend(own.iter().map(|&number| (first + number, weight(number) / length)));
    }
    numbers.len() as u32
}

/// The categories of a cell.
pub fn categories_of(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('|').map(str::trim).filter(|name| !name.is_empty())
}

/// Adds the marks of a column of numbers from `first` on; returns how many there are.
fn numbers(values: &[f32], first: u32, rows: &mut [Vec<(u32, f32)>]) -> u32 {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if sorted.is_empty() {
        return 0;
    }
    sorted.sort_unstable_by(f32::total_cmp);
    let mut marks: Vec<f32> =
        (0..QUANTILES).map(|q| sorted[q * (sorted.len() - 1) / (QUANTILES - 1)]).collect();
    marks.dedup();
    for (row, &value) in rows.iter_mut().zip(values).filter(|(_, value)| value.is_finite()) {
        let above = marks.partition_point(|&mark| mark < value).min(marks.len() - 1);
        let below = above.saturating_sub(1);
        let part = if above == below { 1.0 } else { (value - marks[below]) / (marks[above] - marks[below]) };
        let part = part.clamp(0.0, 1.0);
        let length = part.hypot(1.0 - part);
        row.push((first + above as u32, part / length));
        if part < 1.0 {
            row.push((first + below as u32, (1.0 - part) / length));
        }
    }
    marks.len() as u32
}

#[cfg(test)]
mod tests {
    use super::super::spectral::row_vectors;
    use super::*;

    fn text(cells: &[Option<&str>]) -> Column {
        let distinct: Vec<Box<str>> = cells.iter().flatten().map(|cell| (*cell).into()).collect();
        let mut next = 0;
        let codes = cells.iter().map(|cell| match cell {
            Some(_) => {
                next += 1;
                next - 1
            }
            None => NO_VALUE,
        });
        Column { name: "GENRES".into(), cells: Cells::Text { codes: codes.collect(), distinct } }
    }

    fn products(columns: &[Column], items: usize) -> ndarray::Array2<f32> {
        let vectors = row_vectors(&matrix(columns, items), 16, 1, 1);
        vectors.dot(&vectors.t())
    }

    #[test]
    fn items_are_alike_as_far_as_they_share_categories_and_rare_ones_count_more() {
        let genres = text(&[
            Some("Comedy|Western"),
            Some("Western| Comedy"),
            Some("Comedy|Drama"),
            Some("Western|Drama"),
            Some("Comedy"),
            Some("Drama"),
            None,
            Some("Comedy"),
        ]);
        let alike = products(&[genres], 8);
        assert!((alike[[0, 1]] - 1.0).abs() < 1e-4 && (alike[[0, 0]] - 1.0).abs() < 1e-4);
        // Four have Comedy, three Western.
        assert!(alike[[0, 3]] > alike[[0, 2]] && alike[[0, 2]] > 0.1, "{alike:?}");
        assert!(alike[[4, 5]].abs() < 1e-4 && alike[[6, 6]].abs() < 1e-4);
    }

    #[test]
    fn near_numbers_are_alike_and_far_ones_are_not() {
        let years = (0..20).map(|n| if n == 19 { f32::NAN } else { 1950.0 + 4.0 * n as f32 });
        let column = Column { name: "YEAR".into(), cells: Cells::Number(years.collect()) };
        let alike = products(&[column], 20);
        assert!((alike[[3, 3]] - 1.0).abs() < 1e-4);
        assert!(alike[[3, 4]] > 0.5 && alike[[3, 4]] < 1.0, "{}", alike[[3, 4]]);
        assert!(alike[[3, 15]].abs() < 1e-4 && alike[[19, 19]].abs() < 1e-4);
        // One value for all is one mark.
        let same = Column { name: "ONE".into(), cells: Cells::Number(vec![7.0; 3]) };
        assert!((products(&[same], 3)[[0, 2]] - 1.0).abs() < 1e-4);
    }
}
