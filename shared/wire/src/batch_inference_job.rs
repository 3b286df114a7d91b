//! Batch inference: `CreateBatchInferenceJob` and what describe and list show.

use std::collections::BTreeMap;

use domain::limits::NUM_RESULTS_MAX;
use domain::resource::{BatchInferenceJob, BatchOrder};
use domain::{ApiError, RankingInfluence};
use serde_json::Value;

use crate::batch_job;
use crate::campaign::influence;
use crate::members::{Member, Members};
use crate::shape::Shape;
use crate::solution::strings;

const PLAIN: &str = "BATCH_INFERENCE";
const THEMES: &str = "THEME_GENERATION";

/// `CreateBatchInferenceJob`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateBatchInferenceJob {
    /// What every batch job is asked for.
    pub order: BatchOrder,
    /// Parameters of exploration, which only recipes that explore can honour.
    pub item_exploration_config: BTreeMap<String, String>,
    /// What popularity and freshness weigh, for recipes whose answers they can weigh in.
    pub ranking_influence: RankingInfluence,
    /// The column of Items with each item's name, where the themes of the lists are asked for.
    pub theme_item_name: Option<String>,
}

impl CreateBatchInferenceJob {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let order = batch_job::order(members, NUM_RESULTS_MAX)?;
        let mode = members.optional("batchInferenceJobMode", |m| m.word(&[PLAIN, THEMES]))?;
        let theme_item_name = members.optional("themeGenerationConfig", item_name)?;
        match (mode == Some(THEMES), &theme_item_name) {
            (true, None) => {
                return Err(ApiError::invalid(format!(
                    "'batchInferenceJobMode' is {THEMES}, so 'themeGenerationConfig' must be given: its \
                     'fieldsForThemeGeneration.itemName' is the column of Items with each item's name."
                )));
            }
            (false, Some(_)) => {
                return Err(ApiError::invalid(format!(
                    "'themeGenerationConfig' is set, but 'batchInferenceJobMode' is not {THEMES}: set it, or \
                     leave 'themeGenerationConfig' out."
                )));
            }
            _ => {}
        }
        let config = members.optional("batchInferenceJobConfig", Member::object)?;
        let (item_exploration_config, ranking_influence) = match &config {
            Some(config) => (
                config.optional("itemExplorationConfig", Member::parameters)?.unwrap_or_default(),
                config.optional("rankingInfluence", Member::ranking_influence)?.unwrap_or_default(),
            ),
            None => Default::default(),
        };
        Ok(Self { order, item_exploration_config, ranking_influence, theme_item_name })
    }
}

/// `batchInferenceJob` of `DescribeBatchInferenceJob`.
pub fn describe(job: &BatchInferenceJob) -> Value {
    let exploration = &job.item_exploration_config;
    let exploration = (!exploration.is_empty()).then(|| strings(exploration));
    let influence = influence(&job.ranking_influence);
    let config = (exploration.is_some() || influence.is_some()).then(|| {
        Shape::new().with_some("itemExplorationConfig", exploration).with_some("rankingInfluence", influence)
    });
    batch_job::details(summary_shape(job), &job.order)
        .with_some("batchInferenceJobConfig", config)
        .with_some("themeGenerationConfig", job.theme_item_name.as_deref().map(themes))
        .into()
}

/// `themeGenerationConfig.fieldsForThemeGeneration.itemName`.
fn item_name(config: &Member<'_>) -> Result<String, ApiError> {
    let fields = config.object()?.required("fieldsForThemeGeneration", Member::object)?;
    fields.required("itemName", Member::column_name)
}

fn themes(item_name: &str) -> Shape {
    Shape::new().with("fieldsForThemeGeneration", Shape::new().with("itemName", item_name))
}

/// An element of `ListBatchInferenceJobs`.
pub fn summary(job: &BatchInferenceJob) -> Value {
    summary_shape(job).into()
}

fn summary_shape(job: &BatchInferenceJob) -> Shape {
    batch_job::summary("batchInferenceJobArn", &job.arn, &job.order)
        .with("batchInferenceJobMode", if job.theme_item_name.is_some() { THEMES } else { PLAIN })
        .lifecycle(&job.lifecycle)
}
