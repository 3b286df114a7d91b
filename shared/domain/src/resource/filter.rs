//! Filters, and how a request applies one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::error::ApiError;
use crate::status::Lifecycle;

/// An expression that says which items or users may be answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// `filter/<name>`.
    pub arn: Arn,
    /// Unique in the region.
    pub name: String,
    /// Whose columns it tests.
    pub dataset_group: Arn,
    /// As the caller gave it; it was read and checked when the filter was created.
    pub expression: String,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

impl Filter {
    /// A filter applies to what was made from its own dataset group only.
    pub fn must_belong_to(&self, dataset_group: &Arn) -> Result<(), ApiError> {
        if self.dataset_group == *dataset_group {
            return Ok(());
        }
        Err(ApiError::invalid(format!(
            "The filter {} belongs to the dataset group {}, and what answers here to {dataset_group}: use a \
             filter of the same group.",
            self.arn, self.dataset_group
        )))
    }
}

/// A filter as one request applies it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedFilter {
    /// The expression of the filter.
    pub expression: String,
    /// The group of the filter and of the version that answers.
    pub dataset_group: Arn,
    /// `filterValues` as they were given.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// The user of the request, for `CurrentUser` and `Interactions`.
    #[serde(default)]
    pub user: Option<String>,
    /// The item of the request, for `CurrentItem`.
    #[serde(default)]
    pub item: Option<String>,
}
