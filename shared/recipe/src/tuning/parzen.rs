//! The tree-structured Parzen estimator (Bergstra, Bardenet, Bengio, Kégl 2011): points are proposed
//! where the density of good points is high against that of the others.
//!
//! Densities are mixtures of one kernel for each point and of the uniform density. A kernel is a
//! product over the dimensions: logistic for numbers, because its distribution function has a closed
//! form to cut at the ends of the cube with; for words most of the weight lies on the point's own.

use super::space::{Point, Space};
use crate::random::SplitMix;

/// Share of the points that count as good.
const GOOD: f64 = 0.25;
/// Points drawn for each proposal (24 in the paper's implementation).
const DRAWN: usize = 24;
/// Weight that a kernel of words gives to all words alike.
const SPREAD: f64 = 0.3;
/// Width of a kernel of one point: a logistic scale, 0.55 of its deviation.
const SCALE: f64 = 0.2;
const SCALE_MIN: f64 = 0.04;

/// Proposes `count` points given points with their values, larger is better. Without any value the
/// points are uniform.
pub(super) fn propose(
    space: &Space,
    seen: &[(Point, f64)],
    count: usize,
    random: &mut SplitMix,
) -> Vec<Point> {
    let mut order: Vec<&(Point, f64)> = seen.iter().collect();
    // Stable, so that equal values stay in the order of the trials.
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let good = ((order.len() as f64 * GOOD).ceil() as usize).min(order.len());
    let (good, others) = order.split_at(good);
    let own = |points: &[&(Point, f64)]| points.iter().map(|(point, _)| point.clone()).collect();
    let good = Density { space, points: own(good) };
    let mut others = Density { space, points: own(others) };
    let mut proposed = Vec::with_capacity(count);
    for _ in 0..count {
        let drawn = (0..DRAWN).map(|_| good.draw(random));
        let scored = drawn.map(|point| (good.at(&point).ln() - others.at(&point).ln(), point));
        let Some((_, best)) = scored.max_by(|a, b| a.0.total_cmp(&b.0)) else { continue };
        // As if it had turned out badly, so that the next one of the round looks elsewhere.
        others.points.push(best.clone());
        proposed.push(best);
    }
    proposed
}

struct Density<'a> {
    space: &'a Space,
    points: Vec<Point>,
}

impl Density<'_> {
    fn scale(&self) -> f64 {
        let (n, d) = (self.points.len().max(1) as f64, self.space.dimensions() as f64);
        (SCALE * n.powf(-1.0 / (d + 4.0))).max(SCALE_MIN)
    }

    /// The density at a point; 1 everywhere when it knows no point.
    fn at(&self, at: &[f64]) -> f64 {
        let kernels: f64 = self.points.iter().map(|centre| self.kernel(centre, at)).sum();
        (1.0 + kernels) / (1.0 + self.points.len() as f64)
    }

    fn kernel(&self, centre: &[f64], at: &[f64]) -> f64 {
        let scale = self.scale();
        let along = |axis: usize| match self.space.words(axis) {
            Some(words) => {
                let same = word(centre[axis], words) == word(at[axis], words);
                SPREAD + if same { (1.0 - SPREAD) * words as f64 } else { 0.0 }
            }
            None => logistic(at[axis], centre[axis], scale),
        };
        (0..self.space.dimensions()).map(along).product()
    }

    fn draw(&self, random: &mut SplitMix) -> Point {
        let which = random.below(self.points.len() + 1);
        let Some(centre) = self.points.get(which) else {
            return (0..self.space.dimensions()).map(|_| random.uniform()).collect();
        };
        let scale = self.scale();
        let along = |(axis, &centre): (usize, &f64)| match self.space.words(axis) {
            Some(_) if random.uniform() >= SPREAD => centre,
            Some(_) => random.uniform(),
            None => {
                let (low, high) = (share(0.0, centre, scale), share(1.0, centre, scale));
                let at = low + random.uniform() * (high - low);
                (centre + scale * (at / (1.0 - at)).ln()).clamp(0.0, 1.0)
            }
        };
        centre.iter().enumerate().map(along).collect()
    }
}

fn word(at: f64, words: usize) -> usize {
    ((at * words as f64) as usize).min(words - 1)
}

/// The logistic distribution function.
fn share(x: f64, centre: f64, scale: f64) -> f64 {
    1.0 / (1.0 + (-(x - centre) / scale).exp())
}

/// The logistic density within the cube.
fn logistic(x: f64, centre: f64, scale: f64) -> f64 {
    let below = share(x, centre, scale);
    below * (1.0 - below) / scale / (share(1.0, centre, scale) - share(0.0, centre, scale))
}

#[cfg(test)]
mod tests {
    use domain::tuning::{Choices, Dimension};

    use super::*;

    fn plane() -> Space {
        let words = Choices::Categorical(vec!["a".into(), "b".into()]);
        Space::new(&[
            Dimension { name: "x".into(), choices: Choices::Continuous(0.0, 1.0) },
            Dimension { name: "y".into(), choices: words },
        ])
    }

    #[test]
    fn a_density_has_the_mass_one() {
        let space = plane();
        let density = Density { space: &space, points: vec![vec![0.02, 0.25], vec![0.7, 0.75]] };
        let cells = 400;
        let mut mass = 0.0;
        for x in 0..cells {
            for y in [0.25, 0.75] {
                mass += density.at(&[(f64::from(x) + 0.5) / f64::from(cells), y]) / f64::from(cells) / 2.0;
            }
        }
        assert!((mass - 1.0).abs() < 1e-3, "{mass}");
    }

    #[test]
    fn draws_follow_the_density() {
        let space = plane();
        let density = Density { space: &space, points: vec![vec![0.2, 0.25]; 9] };
        let mut random = SplitMix::new(3);
        let drawn: Vec<Point> = (0..2_000).map(|_| density.draw(&mut random)).collect();
        let near = drawn.iter().filter(|point| point[0] < 0.5).count();
        let same = drawn.iter().filter(|point| point[1] < 0.5).count();
        // Nine tenths of the mass: the kernel has 88 % of it below a half, and 85 % on the first word.
        assert!((1_550..1_800).contains(&near), "{near}");
        assert!((1_500..1_760).contains(&same), "{same}");
    }

    #[test]
    fn without_points_everything_is_uniform() {
        let space = plane();
        assert_eq!(Density { space: &space, points: vec![] }.at(&[0.3, 0.3]), 1.0);
        assert_eq!(propose(&space, &[], 5, &mut SplitMix::new(1)).len(), 5);
    }
}
