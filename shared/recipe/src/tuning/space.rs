//! Hyperparameters as points of the unit cube, one axis for each dimension.

use domain::hyperparameters::{Hyperparameters, Value};
use domain::tuning::{Choices, Dimension};

/// Values of a continuous dimension have four decimals: they stay readable, and every way of writing
/// them down gives the same number back.
const STEPS: f64 = 10_000.0;

/// Whole numbers over so many doublings are searched by their logarithm: from 32 to 64 is as far as
/// from 128 to 256.
const LOGARITHMIC_FROM: i64 = 4;

/// A point of the cube, coordinates from 0 to 1.
pub(super) type Point = Vec<f64>;

/// The dimensions of a search.
#[derive(Debug)]
pub(super) struct Space(Vec<Dimension>);

impl Space {
    pub(super) fn new(dimensions: &[Dimension]) -> Self {
        Self(dimensions.to_vec())
    }

    pub(super) fn dimensions(&self) -> usize {
        self.0.len()
    }

    /// How many words a dimension chooses among; nothing for one of numbers.
    pub(super) fn words(&self, dimension: usize) -> Option<usize> {
        match &self.0[dimension].choices {
            Choices::Categorical(words) => Some(words.len()),
            _ => None,
        }
    }

    /// The values at a point; what is not searched stays as in `base`.
    pub(super) fn at(&self, point: &[f64], base: &Hyperparameters) -> Hyperparameters {
        let mut values = base.clone();
        for (dimension, &at) in self.0.iter().zip(point) {
            values.0.insert(dimension.name.clone(), value(&dimension.choices, at.clamp(0.0, 1.0)));
        }
        values
    }

    /// The point of some values.
    pub(super) fn point(&self, values: &Hyperparameters) -> Point {
        let at = |dimension: &Dimension| {
            values.0.get(&dimension.name).map_or(0.5, |value| place(&dimension.choices, value))
        };
        self.0.iter().map(at).collect()
    }

    /// `base` moved into the space where it lies outside.
    pub(super) fn nearest(&self, base: &Hyperparameters) -> Hyperparameters {
        let mut values = base.clone();
        for dimension in &self.0 {
            if let Some(value) = values.0.get_mut(&dimension.name) {
                *value = dimension.choices.nearest(value);
            }
        }
        values
    }
}

fn is_logarithmic(low: i64, high: i64) -> bool {
    low >= 1 && high / low >= LOGARITHMIC_FROM
}

/// Every whole number has a cell of its own, half of it on either side.
fn ends(low: i64, high: i64) -> (f64, f64) {
    let (low, high) = (low as f64 - 0.5, high as f64 + 0.5);
    if is_logarithmic(low.ceil() as i64, high.floor() as i64) { (low.ln(), high.ln()) } else { (low, high) }
}

fn value(choices: &Choices, at: f64) -> Value {
    match choices {
        Choices::Integer(low, high) => {
            let (start, end) = ends(*low, *high);
            let number = start + at * (end - start);
            let number = if is_logarithmic(*low, *high) { number.exp() } else { number };
            Value::Integer((number.round() as i64).clamp(*low, *high))
        }
        Choices::Continuous(low, high) => {
            Value::Real((((low + at * (high - low)) * STEPS).round() / STEPS).clamp(*low, *high))
        }
        Choices::Categorical(words) => {
            let index = ((at * words.len() as f64) as usize).min(words.len() - 1);
            Value::Word(words[index].clone())
        }
    }
}

fn place(choices: &Choices, value: &Value) -> f64 {
    let at = match (choices, value) {
        (Choices::Integer(low, high), Value::Integer(number)) => {
            let (start, end) = ends(*low, *high);
            let number = *number as f64;
            let number = if is_logarithmic(*low, *high) { number.ln() } else { number };
            (number - start) / (end - start)
        }
        (Choices::Continuous(low, high), Value::Real(number)) => (number - low) / (high - low),
        (Choices::Continuous(low, high), Value::Integer(number)) => (*number as f64 - low) / (high - low),
        (Choices::Categorical(words), Value::Word(word)) => {
            let index = words.iter().position(|known| known == word).unwrap_or(0);
            (index as f64 + 0.5) / words.len() as f64
        }
        _ => 0.5,
    };
    // A range of one value has no width.
    if at.is_finite() { at.clamp(0.0, 1.0) } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dimension(choices: Choices) -> Space {
        Space(vec![Dimension { name: "x".into(), choices }])
    }

    fn at(space: &Space, at: f64) -> Value {
        space.at(&[at], &Hyperparameters::default()).0["x"].clone()
    }

    #[test]
    fn every_value_is_the_value_of_its_own_point() {
        let words = Choices::Categorical(vec!["a".into(), "b".into(), "c".into()]);
        for choices in [
            Choices::Integer(32, 256),
            Choices::Integer(0, 10),
            Choices::Integer(7, 7),
            Choices::Continuous(0.0, 1.0),
            Choices::Continuous(0.5, 0.5),
            words,
        ] {
            let space = dimension(choices);
            for step in 0..=1000 {
                let values = space.at(&[f64::from(step) / 1000.0], &Hyperparameters::default());
                let again = space.at(&space.point(&values), &Hyperparameters::default());
                assert_eq!(values, again);
                assert_eq!(space.nearest(&values), values);
            }
        }
    }

    #[test]
    fn ends_are_reached_and_doublings_are_equally_far() {
        let space = dimension(Choices::Integer(32, 256));
        assert_eq!((at(&space, 0.0), at(&space, 1.0)), (Value::Integer(32), Value::Integer(256)));
        // Half of the way is one and a half of three doublings.
        assert_eq!(at(&space, 0.5), Value::Integer(90));
        let space = dimension(Choices::Integer(0, 10));
        assert_eq!(at(&space, 0.5), Value::Integer(5));
    }
}
