//! Matrix products: the right factor packed into panels, the left one read in place.
//!
//! A panel holds 32 columns, k after k, so the inner loop reads it front to back; it stays in the cache
//! while tiles of up to 12 rows pass over it. Every element of the result is one chain of fused
//! multiply-adds in the order of k, whatever the tile, so results do not depend on blocking or vectors.

use super::isa::{Isa, PORTABLE_FMA, fma};

/// Columns of a panel: two 512-bit vectors.
pub const PANEL: usize = 32;
/// Columns that are transposed together.
const SQUARE: usize = 4;
/// Rows of a tile: 24 accumulators of 32 registers.
const TILE: usize = 12;
/// Steps of k per pass over a panel, so that a panel's part fits the first-level cache.
const DEPTH: usize = 256;

/// A right-hand factor in panels of [`PANEL`] columns, padded with zeros.
#[derive(Default)]
pub struct Packed {
    data: Vec<f32>,
    depth: usize,
    columns: usize,
}

impl Packed {
    /// k, the rows of the factor.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// n, its columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    fn resize(&mut self, depth: usize, columns: usize) {
        (self.depth, self.columns) = (depth, columns);
        let panels = columns.div_ceil(PANEL);
        // Old content is overwritten except for the padding of the last panel.
        self.data.resize(panels * PANEL * depth, 0.0);
        if !columns.is_multiple_of(PANEL) {
            self.data[(panels - 1) * PANEL * depth..].fill(0.0);
        }
    }

    /// Packs a matrix whose rows are `stride` floats apart.
    pub fn pack(&mut self, b: &[f32], depth: usize, columns: usize, stride: usize) {
        self.resize(depth, columns);
        for (panel, to) in self.data.chunks_exact_mut(PANEL * depth.max(1)).enumerate() {
            let first = panel * PANEL;
            let width = PANEL.min(columns - first);
            for (k, to) in to.chunks_exact_mut(PANEL).enumerate() {
                to[..width].copy_from_slice(&b[k * stride + first..][..width]);
            }
        }
    }

    /// Packs the transpose of a matrix of `columns` rows and `depth` columns.
    pub fn pack_transposed(&mut self, b: &[f32], depth: usize, columns: usize, stride: usize) {
        self.pack_rows_transposed(depth, columns, |column| Some(&b[column * stride..][..depth]));
    }

    /// Packs a factor whose column j is `row(j)`, or zero.
    pub fn pack_rows_transposed<'b>(
        &mut self,
        depth: usize,
        columns: usize,
        row: impl Fn(usize) -> Option<&'b [f32]>,
    ) {
        self.resize(depth, columns);
        for (panel, to) in self.data.chunks_exact_mut(PANEL * depth.max(1)).enumerate() {
            let first = panel * PANEL;
            let width = PANEL.min(columns - first);
            for group in (0..width).step_by(SQUARE) {
                let beside = |j| if group + j < width { row(first + group + j) } else { None };
                let columns: [Option<&[f32]>; SQUARE] = std::array::from_fn(beside);
                let mut done = 0;
                if let [Some(a), Some(b), Some(c), Some(d)] = columns {
                    let four = [a, b, c, d];
                    let shortest = four.iter().map(|values| values.len()).min().unwrap_or(0);
                    done = shortest - shortest % SQUARE;
                    (0..done).step_by(SQUARE).for_each(|k| transpose(four, k, &mut to[k * PANEL + group..]));
                }
                for (j, column) in (group..width).zip(columns) {
                    match column {
                        Some(values) => {
                            values.iter().enumerate().skip(done).for_each(|(k, &v)| to[k * PANEL + j] = v);
                        }
                        None => (0..depth).for_each(|k| to[k * PANEL + j] = 0.0),
                    }
                }
            }
        }
    }

    /// Packs a factor whose row k is `row(k)`, or zero.
    pub fn pack_rows<'b>(&mut self, depth: usize, columns: usize, row: impl Fn(usize) -> Option<&'b [f32]>) {
        self.resize(depth, columns);
        for k in 0..depth {
            let values = row(k);
            for (panel, to) in self.data.chunks_exact_mut(PANEL * depth).enumerate() {
                let first = panel * PANEL;
                let width = PANEL.min(columns - first);
                let to = &mut to[k * PANEL..][..width];
                match values {
                    Some(values) => to.copy_from_slice(&values[first..][..width]),
                    None => to.fill(0.0),
                }
            }
        }
    }
}

/// Lays the values from `k` on of four columns side by side, row after row of a panel. The compiler makes
/// shuffles in registers of it, a quarter of the stores that single values take.
#[inline(always)]
fn transpose(columns: [&[f32]; SQUARE], k: usize, to: &mut [f32]) {
    let mut square = [[0.0; SQUARE]; SQUARE];
    for (own, column) in square.iter_mut().zip(columns) {
        own.copy_from_slice(&column[k..k + SQUARE]);
    }
    for i in 0..SQUARE {
        for j in 0..SQUARE {
            to[i * PANEL + j] = square[j][i];
        }
    }
}

/// The left factor: element (i, k) is `data[i·row + k·column]`.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    /// The floats.
    pub data: &'a [f32],
    /// Distance of rows.
    pub row: usize,
    /// Distance of columns.
    pub column: usize,
}

/// What a product is added to.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    /// Nothing.
    Zero,
    /// This row.
    Row(&'a [f32]),
    /// What is in the result already.
    Old,
}

/// out = start + a · b for `rows` rows of `a`; rows of `out` are `stride` floats apart.
///
/// The columns of `b` must be a multiple of 16. Panics where a slice is too short for its shape.
pub fn gemm(
    isa: Isa,
    a: Left<'_>,
    rows: usize,
    b: &Packed,
    start: Start<'_>,
    out: &mut [f32],
    stride: usize,
) {
    let (depth, columns) = (b.depth, b.columns);
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(columns.is_multiple_of(16), "the width {columns} of a product is not a multiple of 16");
    assert!(out.len() >= (rows - 1) * stride + columns && stride >= columns);
    assert!(depth == 0 || a.data.len() > (rows - 1) * a.row + (depth - 1) * a.column);
    if let Start::Row(row) = start {
        assert!(row.len() >= columns);
    }
    let mut strip = [0.0f32; TILE * DEPTH];
    let mut first_k = 0;
    loop {
        let deep = DEPTH.min(depth - first_k);
        for first in (0..rows).step_by(TILE) {
            let height = TILE.min(rows - first);
            let mut left = &a.data[first * a.row + first_k * a.column..];
            let (mut row, mut column) = (a.row, a.column);
            if column != 1 {
                // Columns far apart would touch a new cache line for every k of every panel.
                for k in 0..deep {
                    for i in 0..height {
                        strip[k * TILE + i] = left[i * row + k * column];
                    }
                }
                (left, row, column) = (&strip, 1, TILE);
            }
            for panel in 0..columns.div_ceil(PANEL) {
                let at = panel * PANEL;
                let init = match start {
                    _ if first_k > 0 => Init::Out,
                    Start::Zero => Init::Zero,
                    Start::Row(row) => Init::Row(row[at..].as_ptr()),
                    Start::Old => Init::Out,
                };
                let tile = TileArguments {
                    a: left.as_ptr(),
                    row,
                    column,
                    b: b.data[panel * PANEL * depth + first_k * PANEL..].as_ptr(),
                    depth: deep,
                    init,
                    out: out[first * stride + at..].as_mut_ptr(),
                    stride,
                };
                // SAFETY: the assertions above and `Packed::resize` hold every index inside its slice.
                unsafe { run_tile(isa, height, (columns - at).min(PANEL), &tile) };
            }
        }
        first_k += deep;
        if first_k >= depth {
            return;
        }
    }
}

#[derive(Clone, Copy)]
enum Init {
    Zero,
    Row(*const f32),
    Out,
}

struct TileArguments {
    a: *const f32,
    row: usize,
    column: usize,
    b: *const f32,
    depth: usize,
    init: Init,
    out: *mut f32,
    stride: usize,
}

/// One tile; `width` is 16 or 32.
unsafe fn run_tile(isa: Isa, height: usize, width: usize, t: &TileArguments) {
    macro_rules! by_height {
        ($kernel:ident, $vectors:literal, $at:expr, $height:expr, [$($h:literal)*]) => {
            match $height {
                $($h => unsafe { $kernel::<$h, $vectors>(t, $at.0, $at.1) },)*
                _ => unreachable!("tiles have 1 to 12 rows"),
            }
        };
    }
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if width == 32 => by_height!(avx512, 2, (0, 0), height, [1 2 3 4 5 6 7 8 9 10 11 12]),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => by_height!(avx512, 1, (0, 0), height, [1 2 3 4 5 6 7 8 9 10 11 12]),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => {
            // Half the registers: tiles of 6 rows by 16 columns.
            for first in (0..height).step_by(6) {
                for column in (0..width).step_by(16) {
                    by_height!(avx2, 2, (first, column), (height - first).min(6), [1 2 3 4 5 6]);
                }
            }
        }
        _ => {
            for first in 0..height {
                unsafe { portable(t, first, width) };
            }
        }
    }
}

macro_rules! kernel {
    ($name:ident, $features:literal, $vector:ty, $lanes:literal, $zero:ident, $load:ident, $store:ident, $set:ident, $fma:ident) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $name<const H: usize, const V: usize>(t: &TileArguments, first: usize, at: usize) {
            use std::arch::x86_64::*;
            let out = unsafe { t.out.add(first * t.stride + at) };
            let mut sum: [[$vector; V]; H] = [[$zero(); V]; H];
            match t.init {
                Init::Zero => {}
                Init::Row(row) => {
                    for v in 0..V {
                        let start = unsafe { $load(row.add(at + v * $lanes)) };
                        for h in 0..H {
                            sum[h][v] = start;
                        }
                    }
                }
                Init::Out => {
                    for h in 0..H {
                        for v in 0..V {
                            sum[h][v] = unsafe { $load(out.add(h * t.stride + v * $lanes)) };
                        }
                    }
                }
            }
            let mut a = unsafe { t.a.add(first * t.row) };
            let mut b = unsafe { t.b.add(at) };
            for _ in 0..t.depth {
                let mut right: [$vector; V] = [$zero(); V];
                for v in 0..V {
                    right[v] = unsafe { $load(b.add(v * $lanes)) };
                }
                for h in 0..H {
                    let left = unsafe { $set(*a.add(h * t.row)) };
                    for v in 0..V {
                        sum[h][v] = $fma(left, right[v], sum[h][v]);
                    }
                }
                a = a.wrapping_add(t.column);
                b = b.wrapping_add(PANEL);
            }
            for h in 0..H {
                for v in 0..V {
                    unsafe { $store(out.add(h * t.stride + v * $lanes), sum[h][v]) };
                }
            }
        }
    };
}

kernel!(
    avx512,
    "avx512f,fma",
    __m512,
    16,
    _mm512_setzero_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps
);
kernel!(
    avx2,
    "avx2,fma",
    __m256,
    8,
    _mm256_setzero_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps
);

/// One row by `width` columns without vector instructions of any particular kind.
unsafe fn portable(t: &TileArguments, row: usize, width: usize) {
    let mut sum = [0.0f32; PANEL];
    let out = unsafe { std::slice::from_raw_parts_mut(t.out.add(row * t.stride), width) };
    match t.init {
        Init::Zero => {}
        Init::Row(start) => {
            sum[..width].copy_from_slice(unsafe { std::slice::from_raw_parts(start, width) });
        }
        Init::Out => sum[..width].copy_from_slice(out),
    }
    for k in 0..t.depth {
        let left = unsafe { *t.a.add(row * t.row + k * t.column) };
        let right = unsafe { std::slice::from_raw_parts(t.b.add(k * PANEL), PANEL) };
        for (sum, &right) in sum.iter_mut().zip(right) {
            *sum = fma::<PORTABLE_FMA>(left, right, *sum);
        }
    }
    out.copy_from_slice(&sum[..width]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        (0..count as u32)
            .map(|i| (super::super::math::mix(seed, i) >> 8) as f32 / 8_388_608.0 - 1.0)
            .collect()
    }

    #[test]
    fn every_shape_matches_the_definition_on_every_instruction_set() {
        for isa in Isa::available() {
            for (m, k, n) in
                [(1, 1, 16), (5, 7, 16), (12, 16, 32), (13, 300, 48), (32, 48, 144), (25, 513, 80)]
            {
                let (a, b, bias) = (numbers(m * k, 1), numbers(k * n, 2), numbers(n, 3));
                let mut packed = Packed::default();
                packed.pack(&b, k, n, n);
                let transposed: Vec<f32> = (0..k * m).map(|x| a[(x % m) * k + x / m]).collect();
                let mut results = vec![];
                for left in
                    [Left { data: &a, row: k, column: 1 }, Left { data: &transposed, row: 1, column: m }]
                {
                    let mut out = vec![9.0; m * (n + 3)];
                    gemm(isa, left, m, &packed, Start::Row(&bias), &mut out, n + 3);
                    gemm(isa, left, m, &packed, Start::Old, &mut out, n + 3);
                    for i in 0..m {
                        for j in 0..n {
                            let dot: f64 =
                                (0..k).map(|x| f64::from(a[i * k + x]) * f64::from(b[x * n + j])).sum();
                            let truth = 2.0 * dot + f64::from(bias[j]);
                            let got = f64::from(out[i * (n + 3) + j]);
                            assert!(
                                (got - truth).abs() < 1e-4,
                                "{isa:?} {m}x{k}x{n} at {i},{j}: {got} {truth}"
                            );
                        }
                    }
                    results.push(out);
                }
                assert_eq!(results[0], results[1], "the layout of the left factor must not matter");
            }
        }
    }

    #[test]
    fn the_ways_to_pack_agree() {
        let (k, n) = (19, 48);
        let b = numbers(k * n, 4);
        let transposed: Vec<f32> = (0..k * n).map(|x| b[(x % k) * n + x / k]).collect();
        let (mut one, mut two, mut three) = (Packed::default(), Packed::default(), Packed::default());
        one.pack(&b, k, n, n);
        two.pack_transposed(&transposed, k, n, k);
        three.pack_rows(k, n, |row| Some(&b[row * n..][..n]));
        assert_eq!(one.data, two.data);
        assert_eq!(one.data, three.data);
    }
}
