//! Which events count, and how much.

use crate::parquet_io::read::{Column, NULL, TextColumn};

/// Which events count: those of one type or of any, or those of several types by rules of their own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventFilter {
    /// Only events whose `EVENT_TYPE` is this, without regard to ASCII case.
    pub event_type: Option<String>,
    /// Only events whose `EVENT_VALUE` is at least this; events without a value do not count then.
    pub value_threshold: Option<f32>,
    /// Only events of these types, and how much each counts. The other two are nothing then.
    pub types: Vec<TypeRule>,
}

/// What counts of one event type.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeRule {
    /// Its name, without regard to ASCII case.
    pub event_type: String,
    /// As [`EventFilter::value_threshold`], for events of this type.
    pub value_threshold: Option<f64>,
    /// How much an event counts.
    pub weight: f32,
}

/// What a filter says of some rows.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// For each row whether it counts; `None` when all do.
    pub keep: Option<Vec<bool>>,
    /// What each row that counts weighs; `None` where nothing is weighed.
    pub weights: Option<Vec<f32>>,
}

impl EventFilter {
    /// Whether one event counts, by the same rules as the rows of a part.
    pub fn keeps(&self, event_type: &str, value: Option<f64>) -> bool {
        let enough = |least: f64| value.is_some_and(|value| value >= least);
        if !self.types.is_empty() {
            let rule = self.types.iter().find(|rule| rule.event_type.eq_ignore_ascii_case(event_type));
            return rule.is_some_and(|rule| rule.value_threshold.is_none_or(enough));
        }
        let right_type =
            self.event_type.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(event_type));
        right_type && self.value_threshold.is_none_or(|least| enough(f64::from(least)))
    }

    /// The setting that needs a column `EVENT_TYPE`.
    pub(crate) fn by_type(&self) -> Option<&'static str> {
        match (&self.event_type, self.types.is_empty()) {
            (_, false) => Some("eventsConfig"),
            (Some(_), true) => Some("eventType"),
            (None, true) => None,
        }
    }

    /// The same for a column `EVENT_VALUE`.
    pub(crate) fn by_value(&self) -> Option<&'static str> {
        let of_types = self.types.iter().any(|rule| rule.value_threshold.is_some());
        (of_types || self.value_threshold.is_some()).then_some("eventValueThreshold")
    }

    /// Judges the rows of a group by the columns that [`Self::by_type`] and [`Self::by_value`] ask for.
    ///
    /// Fails where the values are no numbers.
    pub(crate) fn judge(
        &self,
        types: Option<&TextColumn>,
        values: Option<&Column>,
    ) -> Result<Verdict, &'static str> {
        let enough = |least: f64| at_least(values, least);
        if let (false, Some(types)) = (self.types.is_empty(), types) {
            return self.judge_types(types, enough);
        }
        let mut keep: Option<Vec<bool>> = None;
        if let (Some(wanted), Some(types)) = (&self.event_type, types) {
            let passes: Vec<bool> =
                types.values.iter().map(|value| value.eq_ignore_ascii_case(wanted.as_bytes())).collect();
            keep = Some(types.codes.iter().map(|&code| code != NULL && passes[code as usize]).collect());
        }
        if let Some(least) = self.value_threshold {
            let passes = enough(f64::from(least))?;
            match &mut keep {
                None => keep = Some(passes),
                Some(keep) => keep.iter_mut().zip(passes).for_each(|(keep, passes)| *keep &= passes),
            }
        }
        Ok(Verdict { keep, weights: None })
    }

    fn judge_types(
        &self,
        types: &TextColumn,
        enough: impl Fn(f64) -> Result<Vec<bool>, &'static str>,
    ) -> Result<Verdict, &'static str> {
        let place = |value: &[u8]| {
            self.types.iter().position(|rule| value.eq_ignore_ascii_case(rule.event_type.as_bytes()))
        };
        let rules: Vec<Option<usize>> = types.values.iter().map(|value| place(value)).collect();
        let passes = self.types.iter().map(|rule| rule.value_threshold.map(&enough).transpose());
        let passes: Vec<Option<Vec<bool>>> = passes.collect::<Result<_, _>>()?;
        let (mut keep, mut weights) = (Vec::with_capacity(types.codes.len()), vec![]);
        for (row, &code) in types.codes.iter().enumerate() {
            let rule = if code == NULL { None } else { rules[code as usize] };
            let rule = rule.filter(|&rule| passes[rule].as_ref().is_none_or(|passes| passes[row]));
            keep.push(rule.is_some());
            weights.extend(rule.map(|rule| self.types[rule].weight));
        }
        Ok(Verdict { keep: Some(keep), weights: Some(weights) })
    }
}

/// For each row whether its value is at least this. 32-bit columns are compared as such, because 0.7 as the
/// caller writes it is above 0.7 as the column holds it; others as 64-bit numbers.
fn at_least(values: Option<&Column>, least: f64) -> Result<Vec<bool>, &'static str> {
    fn all<T: Copy>(values: &[Option<T>], enough: impl Fn(T) -> bool) -> Vec<bool> {
        values.iter().map(|value| value.is_some_and(&enough)).collect()
    }
    Ok(match values {
        Some(Column::Float(values)) => all(values, |value| value >= least as f32),
        Some(Column::Double(values)) => all(values, |value| value >= least),
        Some(Column::Int(values)) => all(values, |value| f64::from(value) >= least),
        Some(Column::Long(values)) => all(values, |value| value as f64 >= least),
        Some(Column::Text(_) | Column::Boolean(_)) | None => return Err("EVENT_VALUE is not a number"),
    })
}
