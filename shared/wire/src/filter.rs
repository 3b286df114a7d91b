//! Filters: `CreateFilter` and what describe and list show.

use domain::limits::FILTER_EXPRESSION_CHARS_MAX;
use domain::resource::Filter;
use domain::{ApiError, Arn};
use serde_json::Value;

use crate::members::{Member, Members};
use crate::shape::Shape;

/// `CreateFilter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateFilter {
    /// Unique in the region.
    pub name: String,
    /// Whose columns it tests.
    pub dataset_group: Arn,
    /// What passes.
    pub expression: String,
}

impl CreateFilter {
    /// Checks the request; what the expression says is checked by whoever knows the datasets.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let request = Self {
            name: members.required("name", Member::name)?,
            dataset_group: members.required("datasetGroupArn", Member::arn)?,
            expression: members
                .required("filterExpression", |m| m.sized_text(1, FILTER_EXPRESSION_CHARS_MAX))?,
        };
        Ok(request)
    }
}

/// `filter` of `DescribeFilter`.
pub fn describe(filter: &Filter) -> Value {
    summary_shape(filter).with("filterExpression", filter.expression.as_str()).into()
}

/// An element of `ListFilters`.
pub fn summary(filter: &Filter) -> Value {
    summary_shape(filter).into()
}

fn summary_shape(filter: &Filter) -> Shape {
    Shape::new()
        .with("name", filter.name.as_str())
        .arn("filterArn", &filter.arn)
        .arn("datasetGroupArn", &filter.dataset_group)
        .lifecycle(&filter.lifecycle)
}
