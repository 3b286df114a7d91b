//! Latin hypercube samples: each axis cut into as many strata as there are points, each used once.

use super::space::Point;
use crate::random::SplitMix;

/// `count` points that are spread evenly along every axis.
pub(super) fn hypercube(count: usize, dimensions: usize, random: &mut SplitMix) -> Vec<Point> {
    let mut points = vec![vec![0.0; dimensions]; count];
    for axis in 0..dimensions {
        let mut strata: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            strata.swap(last, random.below(last + 1));
        }
        for (point, stratum) in points.iter_mut().zip(strata) {
            point[axis] = (stratum as f64 + random.uniform()) / count as f64;
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stratum_of_each_axis_holds_one_point() {
        for count in [1, 2, 7, 20] {
            let points = hypercube(count, 3, &mut SplitMix::new(5));
            assert_eq!(points, hypercube(count, 3, &mut SplitMix::new(5)));
            for axis in 0..3 {
                let mut strata: Vec<usize> =
                    points.iter().map(|point| (point[axis] * count as f64) as usize).collect();
                strata.sort_unstable();
                assert_eq!(strata, (0..count).collect::<Vec<_>>());
            }
        }
    }
}
