//! Batch inference: `CreateBatchInferenceJob` and what describe and list show.

use std::collections::BTreeMap;

use domain::ApiError;
use domain::limits::NUM_RESULTS_MAX;
use domain::resource::{BatchInferenceJob, BatchOrder};
use serde_json::Value;

use crate::batch_job;
use crate::members::{Member, Members};
use crate::shape::Shape;
use crate::solution::strings;

const MODE: &str = "BATCH_INFERENCE";

/// `CreateBatchInferenceJob`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateBatchInferenceJob {
    /// What every batch job is asked for.
    pub order: BatchOrder,
    /// Parameters of exploration, which only recipes that explore can honour.
    pub item_exploration_config: BTreeMap<String, String>,
}

impl CreateBatchInferenceJob {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let order = batch_job::order(members, NUM_RESULTS_MAX)?;
        let mode = members.optional("batchInferenceJobMode", |m| m.word(&[MODE, "THEME_GENERATION"]))?;
        if mode == Some("THEME_GENERATION") {
            return Err(ApiError::invalid(format!(
                "'THEME_GENERATION' at 'batchInferenceJobMode' is not available in Osusume yet: use {MODE} or \
                 leave it out."
            )));
        }
        if let Some(themes) = members.optional("themeGenerationConfig", Member::object)? {
            let fields = themes.required("fieldsForThemeGeneration", Member::object)?;
            fields.required("itemName", Member::column_name)?;
        }
        members.not_available("themeGenerationConfig", "theme generation")?;
        let config = members.optional("batchInferenceJobConfig", Member::object)?;
        let item_exploration_config = match &config {
            Some(config) => {
                config.not_available("rankingInfluence", "ranking influence")?;
                config.optional("itemExplorationConfig", Member::parameters)?.unwrap_or_default()
            }
            None => BTreeMap::new(),
        };
        Ok(Self { order, item_exploration_config })
    }
}

/// `batchInferenceJob` of `DescribeBatchInferenceJob`.
pub fn describe(job: &BatchInferenceJob) -> Value {
    let exploration = (!job.item_exploration_config.is_empty())
        .then(|| Shape::new().with("itemExplorationConfig", strings(&job.item_exploration_config)));
    batch_job::details(summary_shape(job), &job.order)
        .with_some("batchInferenceJobConfig", exploration)
        .into()
}

/// An element of `ListBatchInferenceJobs`.
pub fn summary(job: &BatchInferenceJob) -> Value {
    summary_shape(job).into()
}

fn summary_shape(job: &BatchInferenceJob) -> Shape {
    batch_job::summary("batchInferenceJobArn", &job.arn, &job.order)
        .with("batchInferenceJobMode", MODE)
        .lifecycle(&job.lifecycle)
}
