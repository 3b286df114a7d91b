//! What events come to, by metric, source and quarter of an hour.

use std::collections::BTreeMap;

use super::expression::Expression;
use crate::csv::write_field;

/// Length of a period, in seconds.
pub const PERIOD_S: i64 = 900;
/// The source of an event that names none and follows from no answer.
pub const SOURCE_UNDEFINED: &str = "SOURCE_NAME_UNDEFINED";
/// The first line of a report.
const HEADER: &str = "METRIC_NAME,EVENT_TYPE,VALUE,MATH_FUNCTION,EVENT_ATTRIBUTION_SOURCE,TIMESTAMP\n";

/// A metric that is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The caller's name for it.
    pub name: String,
    /// Which events count; compared without regard to case.
    pub event_type: String,
    /// What is added up.
    pub expression: Expression,
}

/// One sum of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured<'a> {
    /// The metric.
    pub metric: &'a Metric,
    /// Where the events came from.
    pub source: &'a str,
    /// When the period begins, in epoch seconds.
    pub period: i64,
    /// The sum.
    pub value: f64,
}

/// Sums of metrics.
#[derive(Clone, Debug)]
pub struct Report {
    metrics: Vec<Metric>,
    /// By the beginning of the period, the number of the metric, and the source.
    sums: BTreeMap<(i64, usize, String), f64>,
}

impl Report {
    /// Nothing yet.
    pub fn new(metrics: Vec<Metric>) -> Self {
        Self { metrics, sums: BTreeMap::new() }
    }

    /// The metrics.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// Adds an event. `value` is that of the column which a metric sums; an event without one adds
    /// nothing to it.
    pub fn add(
        &mut self,
        event_type: &str,
        timestamp: i64,
        source: Option<&str>,
        value: impl Fn(&Expression) -> Option<f64>,
    ) {
        let period = timestamp.div_euclid(PERIOD_S) * PERIOD_S;
        for (number, metric) in self.metrics.iter().enumerate() {
            if !metric.event_type.eq_ignore_ascii_case(event_type) {
                continue;
            }
            let value = match &metric.expression {
                Expression::SampleCount => Some(1.0),
                sum => value(sum).filter(|value| value.is_finite()),
            };
            if let Some(value) = value {
                let source = source.filter(|source| !source.is_empty()).unwrap_or(SOURCE_UNDEFINED);
                *self.sums.entry((period, number, source.to_owned())).or_default() += value;
            }
        }
    }

    /// The sums, oldest period first.
    pub fn sums(&self) -> impl Iterator<Item = Measured<'_>> {
        self.sums.iter().map(|((period, number, source), value)| Measured {
            metric: &self.metrics[*number],
            source,
            period: *period,
            value: *value,
        })
    }

    /// The report as CSV.
    pub fn to_csv(&self) -> String {
        let mut csv = HEADER.to_owned();
        for Measured { metric, source, period, value } in self.sums() {
            write_field(&mut csv, &metric.name);
            csv.push(',');
            write_field(&mut csv, &metric.event_type);
            // With a decimal, as the hosted service writes it.
            csv.push_str(&format!(",{value:?},{},", metric.expression.function()));
            write_field(&mut csv, source);
            csv.push_str(&format!(",{period}\n"));
        }
        csv
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, expression: &str) -> Metric {
        let expression = Expression::parse(expression).unwrap();
        Metric { name: name.into(), event_type: "Watch".into(), expression }
    }

    #[test]
    fn events_add_up_by_metric_source_and_quarter_of_an_hour() {
        let mut report =
            Report::new(vec![metric("count", "SAMPLECOUNT()"), metric("paid, all", "SUM(Items.PRICE)")]);
        let price = |_: &Expression| Some(1.25);
        report.add("watch", 1_700_000_099, Some("mail"), price);
        report.add("WATCH", 1_700_000_100, Some("mail"), price);
        report.add("Watch", 1_700_000_999, Some("mail"), price);
        report.add("Watch", 1_700_000_999, None, |_| None);
        report.add("Watch", 1_700_000_999, Some(""), |_| Some(f64::NAN));
        report.add("Click", 1_700_000_999, Some("mail"), price);
        assert_eq!(
            report.to_csv(),
            "METRIC_NAME,EVENT_TYPE,VALUE,MATH_FUNCTION,EVENT_ATTRIBUTION_SOURCE,TIMESTAMP\n\
             count,Watch,1.0,samplecount,mail,1699999200\n\
             \"paid, all\",Watch,1.25,sum,mail,1699999200\n\
             count,Watch,2.0,samplecount,SOURCE_NAME_UNDEFINED,1700000100\n\
             count,Watch,2.0,samplecount,mail,1700000100\n\
             \"paid, all\",Watch,2.5,sum,mail,1700000100\n"
        );
    }
}
