//! How often a solution trains by itself.

use crate::error::ApiError;
use crate::time::EpochMillis;

/// Longest expression, in characters (botocore `SchedulingExpression`).
pub const EXPRESSION_CHARS_MAX: usize = 16;
/// The pattern of an expression (botocore `SchedulingExpression`).
pub const EXPRESSION_PATTERN: &str = r"rate\(\d+ days?\)";
/// Most days between two trainings (botocore, documentation of `schedulingExpression`).
pub const DAYS_MAX: u32 = 30;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// What looks at schedules comes by once a day and not to the second, so that a version from seven
/// days before must not seem a few seconds too young.
const EARLY_MS: i64 = 60 * 60 * 1_000;

/// A number of days between two trainings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    days: u32,
}

impl Default for Schedule {
    /// Every seven days, as the hosted service has it.
    fn default() -> Self {
        Self { days: 7 }
    }
}

impl Schedule {
    /// Reads `rate(1 day)` to `rate(30 days)`.
    ///
    /// Nothing where the text does not follow [`EXPRESSION_PATTERN`]; an error where the number is out
    /// of range.
    pub fn parse(text: &str) -> Option<Result<Self, ApiError>> {
        let rate = text.strip_prefix("rate(")?.strip_suffix(')')?;
        let number = rate.strip_suffix(" days").or_else(|| rate.strip_suffix(" day"))?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(match number.parse() {
            Ok(days @ 1..=DAYS_MAX) => Ok(Self { days }),
            _ => Err(ApiError::invalid(format!(
                "'{text}' is not a schedule for automatic training: the number of days must be from 1 to {DAYS_MAX}."
            ))),
        })
    }

    /// As the API writes it.
    pub fn expression(self) -> String {
        let unit = if self.days == 1 { "day" } else { "days" };
        format!("rate({} {unit})", self.days)
    }

    /// Whether the next training is due, the last one having been asked for at `last`.
    pub fn is_due(self, last: EpochMillis, now: EpochMillis) -> bool {
        now.0 - last.0 >= i64::from(self.days) * DAY_MS - EARLY_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_thirty_days_are_read_and_written() {
        for (text, days) in [("rate(1 day)", 1), ("rate(7 days)", 7), ("rate(30 days)", 30)] {
            let schedule = Schedule::parse(text).unwrap().unwrap();
            assert_eq!((schedule, schedule.expression().as_str()), (Schedule { days }, text));
        }
        assert_eq!(Schedule::default().expression(), "rate(7 days)");
        // The pattern allows both words with any number.
        assert_eq!(Schedule::parse("rate(2 day)").unwrap().unwrap().expression(), "rate(2 days)");
    }

    #[test]
    fn another_pattern_is_told_from_a_number_out_of_range() {
        for text in
            ["", "7 days", "rate(7 hours)", "rate(7days)", "rate( days)", "rate(+7 days)", "rate(7 days"]
        {
            assert!(Schedule::parse(text).is_none(), "{text}");
        }
        for text in ["rate(0 days)", "rate(31 days)", "rate(99999999999 days)"] {
            assert!(Schedule::parse(text).unwrap().unwrap_err().message.contains("1 to 30"), "{text}");
        }
    }

    #[test]
    fn a_training_is_due_after_its_days_however_late_in_the_day_somebody_looks() {
        let schedule = Schedule::parse("rate(2 days)").unwrap().unwrap();
        let hours = |hours: i64| EpochMillis(hours * 60 * 60 * 1_000);
        for (after, due) in [(0, false), (24, false), (46, false), (47, true), (48, true), (500, true)] {
            assert_eq!(schedule.is_due(hours(10), hours(10 + after)), due, "{after} hours");
        }
    }
}
