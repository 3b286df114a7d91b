//! One JSON line per event, which is also its metrics, and JSON lines for what goes wrong between.
//!
//! CloudWatch reads metrics out of log lines in the embedded metric format (CloudWatch user guide,
//! "Specification: Embedded metric format"), so the line that says what happened is the metric too
//! and nothing is called. No line carries the id of a user.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tracing_subscriber::filter::LevelFilter;

/// Namespace of all metrics.
pub const NAMESPACE: &str = "Osusume";
/// Namespace of the metrics that callers name in metric attributions.
pub const ATTRIBUTION_NAMESPACE: &str = "Osusume/Attribution";

/// Sends `tracing` events to standard output as JSON lines; `LOG_LEVEL` says from which level on.
pub fn init() {
    let level =
        std::env::var("LOG_LEVEL").ok().and_then(|text| text.parse().ok()).unwrap_or(LevelFilter::WARN);
    // Lambda stamps each line, and the name of a module says less than the message.
    let lines =
        tracing_subscriber::fmt().json().with_max_level(level).with_target(false).with_current_span(false);
    // Fails only where a test has set one up already.
    let _ = lines.flatten_event(true).with_span_list(false).try_init();
}

/// A number that CloudWatch keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name, for example `Requests`.
    pub name: &'static str,
    /// `Count`, `Milliseconds`, `Seconds` or `None`.
    pub unit: &'static str,
    /// The number.
    pub value: f64,
}

impl Metric {
    /// A count of things.
    pub fn count(name: &'static str, value: f64) -> Self {
        Self { name, unit: "Count", value }
    }

    /// A time.
    pub fn milliseconds(name: &'static str, value: f64) -> Self {
        Self { name, unit: "Milliseconds", value }
    }
}

/// What one event was and came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'a> {
    /// Name of the function.
    pub function: &'a str,
    /// Lambda's id of the request.
    pub request_id: &'a str,
    /// Whether it is the first of this sandbox.
    pub cold_start: bool,
    /// The operation or step.
    pub operation: &'a str,
    /// The resource that it was about, where there is one.
    pub resource: Option<&'a str>,
    /// HTTP status, or `ok` and `failed`.
    pub outcome: &'a str,
    /// Why it failed, for whoever runs the service.
    pub reason: Option<&'a str>,
    /// How long it took.
    pub duration: Duration,
    /// Numbers of its own.
    pub metrics: &'a [Metric],
}

impl Line<'_> {
    /// The line as JSON.
    pub fn to_json(&self, at: SystemTime) -> Value {
        let millis = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let duration = Metric::milliseconds("Duration", (self.duration.as_secs_f64() * 1e6).round() / 1e3);
        let all: Vec<Metric> = [Metric::count("Requests", 1.0), duration]
            .into_iter()
            .chain(self.metrics.iter().copied())
            .collect();
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
        put("Function", json!(self.function));
        put("requestId", json!(self.request_id));
        put("coldStart", json!(self.cold_start));
        put("operation", json!(self.operation));
        put("outcome", json!(self.outcome));
        if let Some(resource) = self.resource {
            put("resource", json!(resource));
        }
        if let Some(reason) = self.reason {
            put("reason", json!(reason));
        }
        for metric in &all {
            put(metric.name, json!(metric.value));
        }
        let declared: Vec<Value> = all.iter().map(|m| json!({ "Name": m.name, "Unit": m.unit })).collect();
        put(
            "_aws",
            json!({
                "Timestamp": millis,
                "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": declared }],
            }),
        );
        Value::Object(line)
    }

    /// Writes the line to standard output.
    pub fn write(&self) {
        let mut text = self.to_json(SystemTime::now()).to_string();
        text.push('\n');
        // Nobody can be told that nobody can be told.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

/// What the events of one source and one quarter of an hour come to, as a metric of the caller's name with
/// the dataset group and the source as dimensions. CloudWatch leaves out what is older than two weeks, so
/// that is not written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttributedLine<'a> {
    /// The caller's name for the metric.
    pub metric: &'a str,
    /// Which events counted.
    pub event_type: &'a str,
    /// ARN of the dataset group.
    pub dataset_group: &'a str,
    /// Where the events came from.
    pub source: &'a str,
    /// When the quarter begins, in epoch seconds.
    pub period: i64,
    /// The sum.
    pub value: f64,
}

impl AttributedLine<'_> {
    /// The line as JSON; nothing where it is too old.
    pub fn to_json(&self, now: SystemTime) -> Option<Value> {
        const TWO_WEEKS_S: i64 = 14 * 86_400;
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        // The member of the value must not be one of those beside it.
        let metric = match self.metric {
            name @ ("_aws" | "DatasetGroup" | "EventAttributionSource" | "eventType") => format!("{name} "),
            name => name.to_owned(),
        };
        let declared = json!([{ "Name": metric }]);
        let dimensions = json!([["DatasetGroup", "EventAttributionSource"]]);
        let mut line = json!({
            "DatasetGroup": self.dataset_group,
            "EventAttributionSource": self.source,
            "eventType": self.event_type,
            "_aws": {
                "Timestamp": self.period * 1000,
                "CloudWatchMetrics": [
                    { "Namespace": ATTRIBUTION_NAMESPACE, "Dimensions": dimensions, "Metrics": declared }
                ],
            },
        });
        line[metric] = json!(self.value);
        (now - self.period < TWO_WEEKS_S).then_some(line)
    }

    /// Writes the line to standard output.
    pub fn write(&self) {
        if let Some(line) = self.to_json(SystemTime::now()) {
            let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_log_and_its_metrics() {
        let line = Line {
            function: "campaign",
            request_id: "r-1",
            cold_start: true,
            operation: "GetRecommendations",
            resource: Some("arn:aws:personalize:us-east-1:000000000000:campaign/films"),
            outcome: "200",
            reason: None,
            duration: Duration::from_micros(1_234),
            metrics: &[Metric::count("Fallbacks", 1.0)],
        };
        let json = line.to_json(UNIX_EPOCH + Duration::from_millis(5));
        assert_eq!(json["requestId"], "r-1");
        assert_eq!(json["coldStart"], true);
        assert_eq!(
            (&json["Duration"], &json["Fallbacks"], &json["Requests"]),
            (&json!(1.234), &json!(1.0), &json!(1.0))
        );
        let declared = &json["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(json["_aws"]["Timestamp"], 5);
        for metric in declared["Metrics"].as_array().unwrap() {
            assert!(json[metric["Name"].as_str().unwrap()].is_number(), "{metric} has a value beside it");
        }
        for dimension in declared["Dimensions"][0].as_array().unwrap() {
            assert!(json[dimension.as_str().unwrap()].is_string(), "{dimension} has a value beside it");
        }
    }

    #[test]
    fn what_events_come_to_is_a_metric_of_its_quarter_of_an_hour() {
        let line = AttributedLine {
            metric: "revenue",
            event_type: "Purchase",
            dataset_group: "arn:aws:personalize:us-east-1:000000000000:dataset-group/films",
            source: "mail",
            period: 1_700_000_100,
            value: 12.5,
        };
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let json = line.to_json(at(1_700_001_000)).unwrap();
        assert_eq!((&json["revenue"], &json["EventAttributionSource"]), (&json!(12.5), &json!("mail")));
        assert_eq!(json["_aws"]["Timestamp"], 1_700_000_100_000_i64);
        let declared = &json["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(declared["Metrics"][0]["Name"], "revenue");
        for dimension in declared["Dimensions"][0].as_array().unwrap() {
            assert!(json[dimension.as_str().unwrap()].is_string(), "{dimension} has a value beside it");
        }
        assert_eq!(line.to_json(at(1_700_000_100 + 14 * 86_400)), None);
        // A name that another member has.
        let json = AttributedLine { metric: "eventType", ..line }.to_json(at(1_700_001_000)).unwrap();
        assert_eq!((&json["eventType"], &json["eventType "]), (&json!("Purchase"), &json!(12.5)));
    }
}
