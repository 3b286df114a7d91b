//! `osusume evaluate`: a model's metrics, honestly: with intervals, and beside the baseline.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use domain::resource::{Metric, SolutionVersion};
use domain::{Arn, ResourceKind};
use serde_json::{Value, json};

use crate::app::{self, App};
use crate::cli::Evaluate;
use crate::client::{self, Refused};
use crate::table;

/// Prints the metrics of a solution's latest trained version.
pub async fn run(app: &App, options: &Evaluate) -> anyhow::Result<()> {
    let solution = app::scope().arn(ResourceKind::Solution, &options.solution);
    let version = latest_trained(app, solution.as_str()).await?;
    let metrics = metrics(app, &version).await?;
    if options.common.json {
        println!("{:#}", metrics.to_json());
    } else {
        println!("{}", metrics.to_text());
    }
    Ok(())
}

/// The ARN of the newest ACTIVE version of a solution.
async fn latest_trained(app: &App, solution: &str) -> anyhow::Result<String> {
    let mut newest: Option<(f64, String)> = None;
    let mut token = Value::Null;
    loop {
        let mut request = json!({ "solutionArn": solution });
        if !token.is_null() {
            request["nextToken"] = token;
        }
        let mut page = client::call(app, "ListSolutionVersions", request).await?;
        for version in page["solutionVersions"].as_array().into_iter().flatten() {
            let created = version["creationDateTime"].as_f64().unwrap_or_default();
            if version["status"] == "ACTIVE" && newest.as_ref().is_none_or(|(best, _)| created > *best) {
                newest = version["solutionVersionArn"].as_str().map(|arn| (created, arn.to_owned()));
            }
        }
        token = page["nextToken"].take();
        if token.is_null() {
            break;
        }
    }
    let message = format!("{solution} has no trained version; run osusume train first");
    Ok(newest.ok_or(Refused { exception: "ResourceNotFoundException".into(), message })?.1)
}

/// A metric that only the recipes for segments have.
const SEGMENTS: &str = "recall_at_1_percent";

/// Metrics of one solution version and of the baseline on the same split.
pub struct Metrics {
    /// The version.
    pub version: Arn,
    /// Name of its recipe.
    pub recipe: String,
    /// Users that the means run over.
    pub test_users: u64,
    /// By API name.
    pub model: BTreeMap<String, Metric>,
    /// Those of aws-popularity-count; for segments, of naming the most active users.
    pub baseline: BTreeMap<String, Metric>,
}

/// Reads the metrics that training left with a version.
pub async fn metrics(app: &App, version: &str) -> anyhow::Result<Metrics> {
    let arn: Arn = version.parse()?;
    let found = app.steps.resources.get_as::<SolutionVersion>(&arn).await?;
    let version = found.with_context(|| format!("{arn} does not exist"))?.value;
    let Some(model) = version.model else { bail!("{arn} has not been trained to the end") };
    Ok(Metrics {
        version: arn,
        recipe: version.recipe.tail().to_owned(),
        test_users: model.test_users,
        model: model.metrics,
        baseline: model.baseline,
    })
}

impl Metrics {
    /// A document for programs.
    pub fn to_json(&self) -> Value {
        json!({
            "solutionVersionArn": self.version,
            "recipe": self.recipe,
            "testUsers": self.test_users,
            "metrics": self.model,
            "popularityBaseline": self.baseline,
        })
    }

    /// A table for people, with the verdict below it.
    pub fn to_text(&self) -> String {
        if self.model.is_empty() {
            return "  No metrics: no user was left to test on (they need 10 interactions or more).\n".into();
        }
        let cell = |metric: Option<&Metric>| {
            metric.map_or_else(|| "–".to_owned(), |m| format!("{:.4} [{:.4}, {:.4}]", m.value, m.low, m.high))
        };
        let (_, _, baseline) = self.judge();
        let rows: Vec<Vec<String>> = self
            .model
            .iter()
            .map(|(name, metric)| vec![name.clone(), cell(Some(metric)), cell(self.baseline.get(name))])
            .collect();
        let mut text = table::render(&["metric [95 % interval]", &self.recipe, baseline], &rows);
        text.push_str(&match self.model.contains_key(SEGMENTS) {
            true => {
                format!("  Means over items, with the newest fifth of {} users hidden.\n", self.test_users)
            }
            false => format!("  Means over {} held-out users.\n", self.test_users),
        });
        if let Some(verdict) = self.verdict() {
            text.push_str(&format!("  {verdict}\n"));
        }
        text
    }

    /// The metric that decides, its name for people, and what the model is compared with.
    fn judge(&self) -> (&'static str, &'static str, &'static str) {
        match self.model.contains_key(SEGMENTS) {
            true => (SEGMENTS, "recall at 1 %", "most active users"),
            false => ("normalized_discounted_cumulative_gain_at_25", "NDCG@25", "aws-popularity-count"),
        }
    }

    /// Whether the model beats recommending what is popular; nothing for the baseline itself.
    fn verdict(&self) -> Option<String> {
        if self.recipe == "aws-popularity-count" {
            return None;
        }
        let (metric, name, _) = self.judge();
        let what = if metric == SEGMENTS { "activity" } else { "popularity" };
        let (model, baseline) = (self.model.get(metric)?, self.baseline.get(metric)?);
        let verdict = if model.low > baseline.value {
            format!(
                "{} beats {what} on {name}: {:.4} against {:.4}.",
                self.recipe, model.value, baseline.value
            )
        } else if model.value > baseline.value {
            format!(
                "{} is ahead of {what} on {name} ({:.4} against {:.4}), within the uncertainty of {} test users.",
                self.recipe, model.value, baseline.value, self.test_users
            )
        } else {
            format!(
                "{} does NOT beat {what} on {name} ({:.4} against {:.4}): on this data, {what} is the better recommender.",
                self.recipe, model.value, baseline.value
            )
        };
        Some(verdict)
    }
}
