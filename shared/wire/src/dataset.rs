//! Datasets: `CreateDataset` and what describe and list show.

use domain::resource::{Dataset, DatasetType, DatasetUpdate};
use domain::{ApiError, Arn};
use serde_json::Value;

use crate::members::{Member, Members, violated};
use crate::shape::Shape;

const DATASET_TYPE_CHARS_MAX: usize = 256;

/// `CreateDataset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateDataset {
    /// The caller's name for it.
    pub name: String,
    /// What its rows look like.
    pub schema: Arn,
    /// Where it belongs.
    pub dataset_group: Arn,
    /// Interactions, Items or Users.
    pub dataset_type: DatasetType,
}

impl CreateDataset {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            name: members.required("name", Member::name)?,
            schema: members.required("schemaArn", Member::arn)?,
            dataset_group: members.required("datasetGroupArn", Member::arn)?,
            dataset_type: members.required("datasetType", dataset_type)?,
        })
    }
}

/// `UpdateDataset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateDataset {
    /// Which dataset.
    pub dataset: Arn,
    /// What its rows look like from now on.
    pub schema: Arn,
}

impl UpdateDataset {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            dataset: members.required("datasetArn", Member::arn)?,
            schema: members.required("schemaArn", Member::arn)?,
        })
    }
}

fn dataset_type(member: &Member<'_>) -> Result<DatasetType, ApiError> {
    let text = member.sized_text(0, DATASET_TYPE_CHARS_MAX)?;
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_alphabetic() || c == '_') {
        let rule = "Member must satisfy regular expression pattern: ^[A-Za-z_]+$";
        return Err(violated(&member.path, &text, rule));
    }
    DatasetType::parse(&text).ok_or_else(|| {
        let known = "Interactions, Items, Users, Actions and Action_Interactions, in any case";
        ApiError::invalid(format!(
            "'{text}' at '{}' is not a dataset type; the types are {known}.",
            member.path
        ))
    })
}

/// `dataset` of `DescribeDataset`.
pub fn describe(dataset: &Dataset) -> Value {
    summary_shape(dataset)
        .arn("datasetGroupArn", &dataset.dataset_group)
        .arn("schemaArn", &dataset.schema)
        .with_some("latestDatasetUpdate", dataset.latest_update.as_ref().map(update))
        .with_some("trackingId", dataset.tracking_id.as_deref())
        .into()
}

fn update(update: &DatasetUpdate) -> Value {
    Shape::new().arn("schemaArn", &update.schema).lifecycle(&update.lifecycle).into()
}

/// An element of `ListDatasets`.
pub fn summary(dataset: &Dataset) -> Value {
    summary_shape(dataset).into()
}

fn summary_shape(dataset: &Dataset) -> Shape {
    // The model has no failureReason for datasets.
    Shape::new()
        .with("name", dataset.name.as_str())
        .arn("datasetArn", &dataset.arn)
        .with("datasetType", dataset.dataset_type.as_str())
        .with("status", dataset.lifecycle.status.as_str())
        .dates(dataset.lifecycle.created, dataset.lifecycle.updated)
}
