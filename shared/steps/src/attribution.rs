//! Metric attribution: what the events of a group come to, by metric and by where they came from.
//!
//! Events that came live are reported from time to time, after [`Steps::follow_up_all`]: all that came in
//! since the report before, up to the last quarter of an hour that is over. The end of the report is written
//! into the attribution before anything is counted, and moves on only after the report lies where it
//! belongs. So a report that is cut off is made again, of the same events under the same name, and no event
//! is in two. An import is reported with its job, under the name of the job's time, before its rows become
//! the dataset's data.
//!
//! Where an event came from is what it says, or who gave the answer that it followed from
//! (`domain::recommendation_id`).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use dataset::attribution::{Expression, Metric, PERIOD_S, Report};
use dataset::{Descriptions, Manifest, ReadError, Schema};
use domain::recommender::Recommender;
use domain::resource::{
    Campaign, Dataset, DatasetImportJob, DatasetType, ImportMode, MetricAttribution, Solution,
};
use domain::{Arn, EpochMillis, ResourceKind, Status, recommendation_id};

use crate::Steps;
use crate::batch::{location, write_for_caller};
use crate::described::DescribedItems;
use crate::failure::{Doing, Failure};
use crate::newest::Newest;
use crate::progress::Attributed;

/// How long an event may take from its call into the table. What a report has passed by is in no report, so
/// it is twice as long as a function that writes events may take.
const LATEST_MS: i64 = 60_000;
/// Sources that are measured one by one in a report (guide: 100). The file has all of them.
const SOURCES_MAX: usize = 100;

impl Steps {
    /// Reports what came in live since the last report of each attribution; answers with what failed, which
    /// is tried again with the next call.
    pub async fn report_events(&self, now: EpochMillis) -> Vec<Failure> {
        let all = self.children::<MetricAttribution>(ResourceKind::MetricAttribution, None).await;
        let all = match all {
            Ok(all) => all,
            Err(failure) => return vec![failure],
        };
        let mut failures = vec![];
        for attribution in all.iter().filter(|found| found.lifecycle.status == Status::Active) {
            failures.extend(self.report_events_of(attribution, now).await.err());
        }
        failures
    }

    async fn report_events_of(&self, found: &MetricAttribution, now: EpochMillis) -> Result<(), Failure> {
        let period = PERIOD_S * 1000;
        let over = EpochMillis((now.0 - LATEST_MS).div_euclid(period) * period);
        // A report that was begun is ended first, however long ago that was.
        let claimed = self.change_attribution(&found.arn, |attribution| {
            if attribution.reporting_to.is_none() && over > attribution.reported_to {
                attribution.reporting_to = Some(over);
            }
        });
        let Some(attribution) = claimed.await? else { return Ok(()) };
        let Some(end) = attribution.reporting_to else { return Ok(()) };
        let group = &attribution.dataset_group;
        let sources = Sources::of(self, group).await?;
        let mut report = Report::new(metrics(&attribution));
        let values = Values::load(self, group, &report).await?;
        let came_in = attribution.reported_to.0 * 1000..end.0 * 1000;
        for told in self.events.all(group).await.doing(|| format!("reading events of {group}"))? {
            let event = &told.event;
            if !came_in.contains(&event.received_us) {
                continue;
            }
            let source = sources.find(event.attribution.as_deref(), event.recommendation.as_deref());
            // When it came in decides, and not when it happened: a period that is reported is over.
            let second = event.received_us.div_euclid(1_000_000);
            report.add(&event.event_type, second, source, |expression| match expression {
                Expression::Sum { dataset: DatasetType::Interactions, .. } => {
                    event.column(values.column(expression)?)?.parse().ok()
                }
                of_item => values.of_item(of_item, event.item.as_deref()?),
            });
        }
        self.publish_report(&attribution, &report, "PUT", end, true, true).await?;
        self.change_attribution(&found.arn, |attribution| {
            if attribution.reporting_to == Some(end) {
                (attribution.reported_to, attribution.reporting_to) = (end, None);
            }
        })
        .await
        .map(drop)
    }

    /// Reports the rows that an import brings, where that is asked for: in a file where the job says so, and
    /// as metrics where it adds to what was there.
    pub(crate) async fn report_import(
        &self,
        job: &DatasetImportJob,
        dataset: &Dataset,
        manifest: &Manifest,
    ) -> Result<(), Failure> {
        let measure = job.import_mode == ImportMode::Incremental;
        if dataset.dataset_type != DatasetType::Interactions || !(job.publish_attribution || measure) {
            return Ok(());
        }
        let group = &dataset.dataset_group;
        let there = self.children::<MetricAttribution>(ResourceKind::MetricAttribution, Some(group)).await?;
        let Some(attribution) = there.first() else {
            return match job.publish_attribution {
                true => Err(Failure::caller(format!(
                    "publishAttributionMetricsToS3 needs a metric attribution, and that of {group} was deleted."
                ))),
                false => Ok(()),
            };
        };
        let sources = Sources::of(self, group).await?;
        let mut report = Report::new(metrics(attribution));
        let values = Values::load(self, group, &report).await?;
        let schema =
            Schema::parse(&manifest.schema).doing(|| format!("reading the schema of {}", job.arn))?;
        let summed: Vec<String> = values.interactions.values().cloned().collect();
        for part in &manifest.parts {
            let wanted = |name: &str| schema.field(name).map(|field| field.name.clone());
            let fixed =
                ["ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_ATTRIBUTION_SOURCE", "RECOMMENDATION_ID"];
            let names: BTreeSet<String> =
                fixed.into_iter().filter_map(wanted).chain(summed.iter().cloned()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let columns = columns_of_part(self, part, &names).await?;
            let cell = |name: &str, row: usize| columns.get(name).and_then(|column| column[row].as_deref());
            for row in 0..part.rows as usize {
                let event_type = cell("EVENT_TYPE", row).unwrap_or_default();
                let Some(timestamp) = cell("TIMESTAMP", row).and_then(|text| text.parse().ok()) else {
                    continue;
                };
                let said = cell("EVENT_ATTRIBUTION_SOURCE", row).filter(|source| !source.is_empty());
                let source = sources.find(said, cell("RECOMMENDATION_ID", row));
                report.add(event_type, timestamp, source, |expression| match expression {
                    Expression::Sum { dataset: DatasetType::Interactions, .. } => {
                        cell(values.column(expression)?, row)?.parse().ok()
                    }
                    of_item => values.of_item(of_item, cell("ITEM_ID", row)?),
                });
            }
        }
        let method = match job.import_mode {
            ImportMode::Full => "FULL",
            ImportMode::Incremental => "INCREMENTAL",
        };
        let at = job.lifecycle.created;
        self.publish_report(attribution, &report, method, at, job.publish_attribution, measure).await
    }

    /// Writes a report where the attribution says, unless it is empty, and tells its sums to the observer.
    async fn publish_report(
        &self,
        attribution: &MetricAttribution,
        report: &Report,
        method: &str,
        at: EpochMillis,
        to_file: bool,
        measure: bool,
    ) -> Result<(), Failure> {
        let sums = report.sums().count();
        if let Some(path) = attribution.output.path.as_deref().filter(|_| to_file && sums > 0) {
            let folder = location(path, "Invalid S3 output path")?;
            let separator = if folder.key.is_empty() || folder.key.ends_with('/') { "" } else { "/" };
            let name = format!("AggregatedAttributionMetrics - {method} - {}.csv", at.0.div_euclid(1000));
            let file = folder.with_key(format!("{}{separator}{name}", folder.key));
            let kms_key = attribution.output.kms_key.as_deref();
            write_for_caller(self, &file, report.to_csv().into(), kms_key).await?;
        }
        let mut known = HashSet::new();
        for sum in report.sums().filter(|_| measure) {
            if !known.contains(sum.source) && known.len() >= SOURCES_MAX {
                continue;
            }
            known.insert(sum.source);
            self.observer.measured(&Attributed {
                dataset_group: &attribution.dataset_group,
                metric: &sum.metric.name,
                event_type: &sum.metric.event_type,
                source: sum.source,
                period: sum.period,
                value: sum.value,
            });
        }
        Ok(())
    }

    async fn change_attribution(
        &self,
        arn: &Arn,
        mut change: impl FnMut(&mut MetricAttribution) + Send,
    ) -> Result<Option<MetricAttribution>, Failure> {
        let change = |attribution: &mut MetricAttribution| {
            change(attribution);
            Ok::<_, std::convert::Infallible>(())
        };
        let changed = self.resources.update::<MetricAttribution, _>(arn, change).await;
        changed.doing(|| format!("writing {arn}"))
    }

    /// The campaigns of a group, and what its recommenders serve: whoever answers its users.
    pub(crate) async fn campaigns_of(&self, group: &Arn) -> Result<Vec<Campaign>, Failure> {
        let solutions: Vec<Solution> = self.children(ResourceKind::Solution, Some(group)).await?;
        let solutions: HashSet<Arn> = solutions.into_iter().map(|solution| solution.arn).collect();
        let all: Vec<Campaign> = self.children(ResourceKind::Campaign, None).await?;
        let recommenders: Vec<Recommender> = self.children(ResourceKind::Recommender, Some(group)).await?;
        let campaigns = all.into_iter().filter(|one| solutions.contains(&one.solution_version.solution()));
        Ok(campaigns.chain(recommenders.into_iter().map(|one| one.serves)).collect())
    }
}

/// Its metrics. Expressions were read when they were given.
fn metrics(attribution: &MetricAttribution) -> Vec<Metric> {
    let metric = |metric: &domain::resource::AttributedMetric| {
        let expression = Expression::parse(&metric.expression).ok()?;
        let (name, event_type) = (metric.metric_name.clone(), metric.event_type.clone());
        Some(Metric { name, event_type, expression })
    };
    attribution.metrics.iter().filter_map(metric).collect()
}

/// Whoever may have answered.
struct Sources(Vec<Arn>);

impl Sources {
    async fn of(steps: &Steps, group: &Arn) -> Result<Self, Failure> {
        let campaigns = steps.campaigns_of(group).await?;
        Ok(Self(campaigns.into_iter().map(|campaign| campaign.arn).collect()))
    }

    /// What an event says of its source, or whoever gave the answer.
    fn find<'a>(&'a self, said: Option<&'a str>, answer: Option<&str>) -> Option<&'a str> {
        said.or_else(|| recommendation_id::answered(answer?, &self.0).map(Arn::as_str))
    }
}

/// The columns that are summed, and their values for each item.
struct Values {
    /// Of Interactions: what the expression names, and what the schema does.
    interactions: HashMap<String, String>,
    /// Of Items: the same.
    items: HashMap<String, String>,
    of_items: Option<Arc<Descriptions>>,
}

impl Values {
    async fn load(steps: &Steps, group: &Arn, report: &Report) -> Result<Self, Failure> {
        let mut values = Self { interactions: HashMap::new(), items: HashMap::new(), of_items: None };
        let named = |of: DatasetType| -> Vec<String> {
            let columns = report.metrics().iter().filter_map(|metric| match &metric.expression {
                Expression::Sum { dataset, column, .. } if *dataset == of => Some(column.clone()),
                _ => None,
            });
            columns.collect()
        };
        if let Some(dataset) = steps.dataset(group, DatasetType::Interactions).await? {
            let schema = steps.schema(&dataset.schema).await?;
            for column in named(DatasetType::Interactions) {
                // Every event may have a value, whatever the schema says.
                let spelled = spelled(&schema, &column).unwrap_or_else(|| column.to_ascii_uppercase());
                values.interactions.insert(column, spelled);
            }
        }
        let columns = named(DatasetType::Items);
        let Some(dataset) = steps.dataset(group, DatasetType::Items).await?.filter(|_| !columns.is_empty())
        else {
            return Ok(values);
        };
        let schema = steps.schema(&dataset.schema).await?;
        let spell = |column: String| spelled(&schema, &column).map(|name| (column, name));
        values.items = columns.into_iter().filter_map(spell).collect();
        let names: Vec<String> = values.items.values().cloned().collect();
        values.of_items = Some(DescribedItems::new(Newest::new(steps.clone())).load(&dataset, &names).await?);
        Ok(values)
    }

    /// The column of Interactions that is summed, as the schema spells it.
    fn column(&self, expression: &Expression) -> Option<&str> {
        let Expression::Sum { column, .. } = expression else { return None };
        self.interactions.get(column).map(String::as_str)
    }

    fn of_item(&self, expression: &Expression, item: &str) -> Option<f64> {
        let Expression::Sum { column, .. } = expression else { return None };
        self.of_items.as_ref()?.value(item, self.items.get(column)?)?.parse().ok()
    }
}

fn spelled(schema: &Schema, column: &str) -> Option<String> {
    let field = schema.fields.iter().find(|field| field.name.eq_ignore_ascii_case(column))?;
    Some(field.name.clone())
}

async fn columns_of_part(
    steps: &Steps,
    part: &dataset::ManifestPart,
    names: &[&str],
) -> Result<HashMap<String, Vec<Option<String>>>, Failure> {
    let bytes = steps.part(part).await?;
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let read = tokio::task::spawn_blocking(move || columns(&bytes, &names));
    read.await.doing(|| format!("reading {}", part.key))?.doing(|| format!("reading {}", part.key))
}

/// Columns by name. A part from before a column was added to the schema has none of its values.
fn columns(
    bytes: &bytes::Bytes,
    names: &[String],
) -> Result<HashMap<String, Vec<Option<String>>>, ReadError> {
    let mut columns = HashMap::new();
    for name in names {
        match dataset::read_columns(bytes.clone(), &[name]) {
            Ok(read) => columns.extend(read.into_iter().map(|column| (name.clone(), column))),
            Err(ReadError::NoColumn { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(columns)
}
