//! The product of one row with a matrix that stays as it is stored.
//!
//! It gives what [`gemm`](super::gemm::gemm) gives of a packed factor, to the bit. For a single row packing
//! would write and read the whole matrix once more; here squares of it are turned in registers, so that it
//! is read once.

use super::isa::{Isa, PORTABLE_FMA, fma};

/// out_j = start_j + a · b_j, where b_j are the first `a.len()` floats from `j · stride` of `b` on.
///
/// Every element is one chain of fused multiply-adds in the order of `a`. Panics where a slice is too short.
pub fn gemv(isa: Isa, a: &[f32], b: &[f32], stride: usize, start: &[f32], out: &mut [f32]) {
    let columns = out.len();
    if columns == 0 {
        return;
    }
    assert!(start.len() >= columns && stride >= a.len());
    assert!(b.len() >= (columns - 1) * stride + a.len());
    match isa {
        // SAFETY: `Isa::detect` saw the features, and the assertions hold every index inside its slice.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { avx512(a, b, stride, start, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2(a, b, stride, start, out) },
        _ => portable::<{ PORTABLE_FMA }>(a, b, stride, start, out),
    }
}

/// Columns that are summed side by side without vectors of any particular kind.
const BESIDE: usize = 8;

#[inline(always)]
fn portable<const FMA: bool>(a: &[f32], b: &[f32], stride: usize, start: &[f32], out: &mut [f32]) {
    let columns = out.len();
    for first in (0..columns).step_by(BESIDE) {
        let width = BESIDE.min(columns - first);
        let mut sum = [0.0; BESIDE];
        sum[..width].copy_from_slice(&start[first..first + width]);
        let column: [&[f32]; BESIDE] =
            std::array::from_fn(|j| &b[(first + j.min(width - 1)) * stride..][..a.len()]);
        for (k, &left) in a.iter().enumerate() {
            for j in 0..BESIDE {
                sum[j] = fma::<FMA>(left, column[j][k], sum[j]);
            }
        }
        out[first..first + width].copy_from_slice(&sum[..width]);
    }
}

/// Sixteen columns at a time, in squares of 16 by 16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,fma")]
unsafe fn avx512(a: &[f32], b: &[f32], stride: usize, start: &[f32], out: &mut [f32]) {
    use std::arch::x86_64::*;
    const SIDE: usize = 16;
    let (columns, depth) = (out.len(), a.len());
    let lanes = |count: usize| if count >= SIDE { !0u16 } else { (1u16 << count) - 1 };
    for first in (0..columns).step_by(SIDE) {
        let width = SIDE.min(columns - first);
        // SAFETY: masked lanes are inside of `start` and `out`; columns past the last one read it again.
        unsafe {
            let mut sum = _mm512_maskz_loadu_ps(lanes(width), start.as_ptr().add(first));
            let column = |j: usize| b.as_ptr().add((first + j.min(width - 1)) * stride);
            let next = (first + 2 * SIDE <= columns) as usize * SIDE * stride;
            for k in (0..depth).step_by(SIDE) {
                let deep = SIDE.min(depth - k);
                let mut square = [_mm512_setzero_ps(); SIDE];
                for (j, row) in square.iter_mut().enumerate() {
                    *row = _mm512_maskz_loadu_ps(lanes(deep), column(j).add(k));
                    // The columns after these, which the processor does not foresee across so many streams.
                    _mm_prefetch::<_MM_HINT_T0>(column(j).add(next + k).cast());
                }
                let turned = turn_16(square);
                for (i, right) in turned.iter().enumerate().take(deep) {
                    sum = _mm512_fmadd_ps(_mm512_set1_ps(*a.get_unchecked(k + i)), *right, sum);
                }
            }
            _mm512_mask_storeu_ps(out.as_mut_ptr().add(first), lanes(width), sum);
        }
    }
}

/// Rows become columns.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn turn_16(r: [std::arch::x86_64::__m512; 16]) -> [std::arch::x86_64::__m512; 16] {
    use std::arch::x86_64::*;
    let mut s = r;
    // Pairs of rows: 0 1 4 5 …, then 2 3 6 7 … of each.
    for i in (0..16).step_by(2) {
        s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    // Fours of rows: t[4g + c] has the columns c, 4 + c, 8 + c and 12 + c of the rows 4g to 4g + 3.
    let mut t = s;
    for g in (0..16).step_by(4) {
        for half in 0..2 {
            let (low, high) = (_mm512_castps_pd(s[g + half]), _mm512_castps_pd(s[g + 2 + half]));
            t[g + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            t[g + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    }
    let mut turned = t;
    for c in 0..4 {
        let a = _mm512_shuffle_f32x4::<0x88>(t[c], t[4 + c]);
        let b = _mm512_shuffle_f32x4::<0xdd>(t[c], t[4 + c]);
        let d = _mm512_shuffle_f32x4::<0x88>(t[8 + c], t[12 + c]);
        let e = _mm512_shuffle_f32x4::<0xdd>(t[8 + c], t[12 + c]);
        turned[c] = _mm512_shuffle_f32x4::<0x88>(a, d);
        turned[4 + c] = _mm512_shuffle_f32x4::<0x88>(b, e);
        turned[8 + c] = _mm512_shuffle_f32x4::<0xdd>(a, d);
        turned[12 + c] = _mm512_shuffle_f32x4::<0xdd>(b, e);
    }
    turned
}

/// Eight columns at a time, in squares of 8 by 8; what is left over without vectors.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(a: &[f32], b: &[f32], stride: usize, start: &[f32], out: &mut [f32]) {
    use std::arch::x86_64::*;
    const SIDE: usize = 8;
    let (whole, deep) = (out.len() - out.len() % SIDE, a.len() - a.len() % SIDE);
    for first in (0..whole).step_by(SIDE) {
        // SAFETY: `whole` and `deep` hold every vector inside its slice.
        unsafe {
            let mut sum = _mm256_loadu_ps(start.as_ptr().add(first));
            let column = |j: usize| b.as_ptr().add((first + j) * stride);
            for k in (0..deep).step_by(SIDE) {
                let mut square = [_mm256_setzero_ps(); SIDE];
                for (j, row) in square.iter_mut().enumerate() {
                    *row = _mm256_loadu_ps(column(j).add(k));
                }
                for (i, right) in turn_8(square).iter().enumerate() {
                    sum = _mm256_fmadd_ps(_mm256_set1_ps(*a.get_unchecked(k + i)), *right, sum);
                }
            }
            for (k, &left) in a.iter().enumerate().skip(deep) {
                let right: [f32; SIDE] = std::array::from_fn(|j| *column(j).add(k));
                sum = _mm256_fmadd_ps(_mm256_set1_ps(left), _mm256_loadu_ps(right.as_ptr()), sum);
            }
            _mm256_storeu_ps(out.as_mut_ptr().add(first), sum);
        }
    }
    portable::<true>(a, &b[(whole * stride).min(b.len())..], stride, &start[whole..], &mut out[whole..]);
}

/// Rows become columns.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn turn_8(r: [std::arch::x86_64::__m256; 8]) -> [std::arch::x86_64::__m256; 8] {
    use std::arch::x86_64::*;
    let mut t = r;
    for g in (0..8).step_by(4) {
        let a = _mm256_unpacklo_ps(r[g], r[g + 1]);
        let b = _mm256_unpackhi_ps(r[g], r[g + 1]);
        let c = _mm256_unpacklo_ps(r[g + 2], r[g + 3]);
        let d = _mm256_unpackhi_ps(r[g + 2], r[g + 3]);
        t[g] = _mm256_shuffle_ps::<0x44>(a, c);
        t[g + 1] = _mm256_shuffle_ps::<0xee>(a, c);
        t[g + 2] = _mm256_shuffle_ps::<0x44>(b, d);
        t[g + 3] = _mm256_shuffle_ps::<0xee>(b, d);
    }
    let mut turned = t;
    for c in 0..4 {
        turned[c] = _mm256_permute2f128_ps::<0x20>(t[c], t[4 + c]);
        turned[4 + c] = _mm256_permute2f128_ps::<0x31>(t[c], t[4 + c]);
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::super::gemm::{Left, Packed, Start, gemm};
    use super::*;
    use crate::random::Random;

    #[test]
    fn it_is_the_packed_product_to_the_bit_on_every_instruction_set() {
        let mut random = Random::new(3);
        for isa in Isa::available() {
            for (depth, columns, more) in
                [(1, 1, 0), (8, 8, 0), (16, 16, 0), (43, 31, 2), (128, 97, 0), (300, 50, 5), (7, 15, 1)]
            {
                let stride = depth + more;
                let mut numbers = |count: usize| (0..count).map(|_| random.normal()).collect::<Vec<f32>>();
                let (a, b, start) = (numbers(depth), numbers(columns * stride), numbers(columns));
                let mut out = vec![9.0; columns];
                gemv(isa, &a, &b, stride, &start, &mut out);
                let padded = columns.next_multiple_of(16);
                let mut packed = Packed::default();
                packed.pack_rows_transposed(depth, padded, |j| {
                    (j < columns).then(|| &b[j * stride..][..depth])
                });
                let mut row = start.clone();
                row.resize(padded, 0.0);
                let mut expected = vec![0.0; padded];
                let left = Left { data: &a, row: depth, column: 1 };
                gemm(isa, left, 1, &packed, Start::Row(&row), &mut expected, padded);
                assert_eq!(out, expected[..columns], "{isa:?} {depth} x {columns}, {stride} apart");
            }
        }
    }
}
