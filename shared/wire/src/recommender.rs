//! Recommenders: `CreateRecommender`, `UpdateRecommender` and what describe and list show.

use std::collections::BTreeMap;

use domain::recommender::Recommender;
use domain::resource::{CampaignConfig, CampaignUpdate, TrainedModel};
use domain::training_columns::TrainingDataConfig;
use domain::{ApiError, Arn};
use serde_json::Value;

use crate::campaign::tps;
use crate::members::{Member, Members};
use crate::shape::Shape;
use crate::solution::strings;
use crate::solution_version::metric_values;
use crate::training_choices as choices;

/// `recommenderConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecommenderConfig {
    /// Parameters of exploration, for the use cases that explore.
    pub item_exploration_config: Option<BTreeMap<String, String>>,
    /// Echoed to the caller.
    pub min_requests_per_second: Option<u32>,
    /// Whether requests may ask for columns of Items.
    pub enable_metadata: Option<bool>,
    /// Which columns teach; in an update, nothing where they stay as they are.
    pub training_data: Option<TrainingDataConfig>,
}

/// `CreateRecommender`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRecommender {
    /// Unique in the region.
    pub name: String,
    /// A domain dataset group.
    pub dataset_group: Arn,
    /// The use case.
    pub recipe: Arn,
    /// As the caller gave it.
    pub config: RecommenderConfig,
}

impl CreateRecommender {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            name: members.required("name", Member::name)?,
            dataset_group: members.required("datasetGroupArn", Member::arn)?,
            recipe: members.required("recipeArn", Member::arn)?,
            config: members.optional("recommenderConfig", config)?.unwrap_or_default(),
        })
    }
}

/// `UpdateRecommender`. What is absent of the configuration stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateRecommender {
    /// Which recommender.
    pub recommender: Arn,
    /// What changes.
    pub config: RecommenderConfig,
}

impl UpdateRecommender {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            recommender: members.required("recommenderArn", Member::arn)?,
            config: members.required("recommenderConfig", config)?,
        })
    }
}

fn config(member: &Member<'_>) -> Result<RecommenderConfig, ApiError> {
    let members = member.object()?;
    Ok(RecommenderConfig {
        item_exploration_config: members.optional("itemExplorationConfig", Member::parameters)?,
        enable_metadata: members.optional("enableMetadataWithRecommendations", Member::flag)?,
        training_data: members
            .optional("trainingDataConfig", choices::training_data_config)?
            .map(Option::unwrap_or_default),
        min_requests_per_second: members.optional("minRecommendationRequestsPerSecond", tps)?,
    })
}

/// `recommender` of `DescribeRecommender`; `model` is that of the version that it serves, once there is one.
pub fn describe(recommender: &Recommender, model: Option<&TrainedModel>) -> Value {
    let serves = &recommender.serves;
    summary_shape(recommender)
        .with_some("failureReason", serves.lifecycle.failure_reason.as_deref())
        .with_some("latestRecommenderUpdate", serves.latest_update.as_ref().map(|it| update(it, recommender)))
        .with_some("modelMetrics", model.map(metric_values))
        .into()
}

/// An element of `ListRecommenders`.
pub fn summary(recommender: &Recommender) -> Value {
    summary_shape(recommender).into()
}

fn summary_shape(recommender: &Recommender) -> Shape {
    let serves = &recommender.serves;
    Shape::new()
        .with("name", serves.name.as_str())
        .arn("recommenderArn", &serves.arn)
        .arn("datasetGroupArn", &recommender.dataset_group)
        .arn("recipeArn", &recommender.recipe)
        .with(
            "recommenderConfig",
            config_value(serves.config.as_ref(), serves.min_provisioned_tps, recommender),
        )
        .with("status", serves.lifecycle.status.as_str())
        .dates(serves.lifecycle.created, serves.lifecycle.updated)
}

fn update(update: &CampaignUpdate, of: &Recommender) -> Value {
    Shape::new()
        .with("recommenderConfig", config_value(update.config.as_ref(), update.min_provisioned_tps, of))
        .lifecycle(&update.lifecycle)
        .into()
}

fn config_value(
    config: Option<&CampaignConfig>,
    min_requests_per_second: Option<u32>,
    of: &Recommender,
) -> Value {
    let exploration = config.map(|config| &config.item_exploration_config).filter(|map| !map.is_empty());
    let metadata = config.and_then(|config| config.enable_metadata_with_recommendations);
    Shape::new()
        .with_some("itemExplorationConfig", exploration.map(strings))
        .with("minRecommendationRequestsPerSecond", min_requests_per_second.unwrap_or(1))
        .with_some("trainingDataConfig", of.training_data_config.as_ref().map(choices::columns_value))
        .with_some("enableMetadataWithRecommendations", metadata)
        .into()
}
