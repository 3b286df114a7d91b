//! 95 % intervals over test users.
//!
//! Metrics of a user are bounded and mostly zero, so that with some tens of users their mean is far
//! from normal and `mean ± 1.96 se` reaches below zero; the percentile bootstrap (Efron 1979) does
//! not. Above [`BOOTSTRAP_USERS_MAX`] users the two agree closely and the bootstrap would cost
//! seconds, so the normal interval is used there. One test user says nothing about others: the
//! interval is then everything that is possible.
//!
//! Coverage is no mean: users drawn with replacement repeat themselves, and the resamples cover
//! less than the sample did, so that its bootstrap interval can lie wholly below the value. Its
//! interval comes from the jackknife instead, as is usual for counts of species (Heltshe and
//! Forrester 1983): leaving a user out loses the items that only this user was recommended.

use domain::resource::Metric;

use crate::random::SplitMix;

/// Resamples of the bootstrap.
pub const RESAMPLES: usize = 1_000;

/// Most users for which the bootstrap is drawn.
pub const BOOTSTRAP_USERS_MAX: usize = 10_000;

/// 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_985;

/// Means of the columns over the rows, one row for each user; the bootstrap draws whole rows.
/// Every value lies within `range`. No rows give zeros with the whole range around them.
pub fn means<const N: usize>(rows: &[[f64; N]], range: (f64, f64), seed: u64) -> [Metric; N] {
    let values = column_means(rows.iter(), rows.len().max(1));
    let intervals = match rows.len() {
        0 | 1 => [range; N],
        n if n <= BOOTSTRAP_USERS_MAX => bootstrap(rows, seed),
        _ => normal(rows, &values),
    };
    std::array::from_fn(|i| Metric { value: values[i], low: intervals[i].0, high: intervals[i].1 })
}

/// Coverage: `covered` distinct items out of `catalogue`, where `only[u]` of them were recommended
/// to user u alone.
pub fn coverage(covered: usize, only: &[usize], catalogue: usize) -> Metric {
    if catalogue == 0 || only.is_empty() {
        return Metric { value: 0.0, low: 0.0, high: 1.0 };
    }
    let (users, catalogue) = (only.len() as f64, catalogue as f64);
    let value = covered as f64 / catalogue;
    if only.len() == 1 {
        return Metric { value, low: 0.0, high: 1.0 };
    }
    let mean = only.iter().sum::<usize>() as f64 / users;
    let squares: f64 = only.iter().map(|&count| (count as f64 - mean).powi(2)).sum();
    let half = Z * ((users - 1.0) / users * squares).sqrt() / catalogue;
    Metric { value, low: (value - half).max(0.0), high: (value + half).min(1.0) }
}

fn bootstrap<const N: usize>(rows: &[[f64; N]], seed: u64) -> [(f64, f64); N] {
    let mut random = SplitMix::new(seed);
    let mut drawn: Vec<[f64; N]> = (0..RESAMPLES)
        .map(|_| column_means((0..rows.len()).map(|_| &rows[random.below(rows.len())]), rows.len()))
        .collect();
    std::array::from_fn(|i| {
        drawn.sort_unstable_by(|a, b| a[i].total_cmp(&b[i]));
        (drawn[RESAMPLES / 40 - 1][i], drawn[RESAMPLES - RESAMPLES / 40 - 1][i])
    })
}

fn normal<const N: usize>(rows: &[[f64; N]], means: &[f64; N]) -> [(f64, f64); N] {
    let n = rows.len() as f64;
    std::array::from_fn(|i| {
        let variance = rows.iter().map(|row| (row[i] - means[i]).powi(2)).sum::<f64>() / (n - 1.0);
        let half = Z * (variance / n).sqrt();
        (means[i] - half, means[i] + half)
    })
}

fn column_means<'a, const N: usize>(rows: impl Iterator<Item = &'a [f64; N]>, count: usize) -> [f64; N] {
    let mut sums = [0.0; N];
    for row in rows {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    sums.map(|sum| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 % ones among zeros.
    fn one_in_five(n: usize) -> Vec<[f64; 1]> {
        (0..n).map(|i| [f64::from(u8::from(i % 5 == 0))]).collect()
    }

    #[test]
    fn bootstrap_and_normal_intervals_agree_for_many_users() {
        let rows = one_in_five(BOOTSTRAP_USERS_MAX);
        let [drawn] = means(&rows, (0.0, 1.0), 1);
        let (low, high) = normal(&rows, &[drawn.value])[0];
        // The standard error is 0.004.
        assert!(
            (drawn.low - low).abs() < 0.001 && (drawn.high - high).abs() < 0.001,
            "{drawn:?} {low} {high}"
        );
        let [many] = means(&one_in_five(BOOTSTRAP_USERS_MAX + 5), (0.0, 1.0), 1);
        assert!((many.value - 0.2).abs() < 1e-12 && (many.low - low).abs() < 0.001);
    }

    #[test]
    fn intervals_of_few_users_stay_in_range_and_repeat_for_a_seed() {
        let rows = one_in_five(10);
        let [metric] = means(&rows, (0.0, 1.0), 7);
        assert_eq!([metric], means(&rows, (0.0, 1.0), 7));
        assert!((metric.value - 0.2).abs() < 1e-12);
        // Binomial(10, 0.2) / 10: 2.5 % and 97.5 % quantiles are 0 and 0.5.
        assert!(metric.low == 0.0 && (metric.high - 0.5).abs() < 0.11, "{metric:?}");
    }

    #[test]
    fn one_user_or_none_says_nothing_about_others() {
        assert_eq!(means(&[[0.25]], (0.0, 1.0), 1), [Metric { value: 0.25, low: 0.0, high: 1.0 }]);
        assert_eq!(means::<1>(&[], (-1.0, 1.0), 1), [Metric { value: 0.0, low: -1.0, high: 1.0 }]);
        assert_eq!(coverage(3, &[3], 10), Metric { value: 0.3, low: 0.0, high: 1.0 });
    }

    #[test]
    fn coverage_is_certain_when_all_lists_are_equal() {
        assert_eq!(coverage(25, &[0; 40], 100), Metric { value: 0.25, low: 0.25, high: 0.25 });
    }

    #[test]
    fn coverage_varies_with_what_single_users_bring() {
        // Mean 1, squares 1 + 1 + 0 + 0: half width = 1.96 · sqrt(3/4 · 2) / 100.
        let metric = coverage(30, &[0, 2, 1, 1], 100);
        assert!((metric.high - metric.value - 0.024_004).abs() < 1e-5, "{metric:?}");
        assert!((metric.value - metric.low - 0.024_004).abs() < 1e-5, "{metric:?}");
    }
}
