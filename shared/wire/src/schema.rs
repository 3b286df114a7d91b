//! Schemas: `CreateSchema` and what describe and list show.

use domain::ApiError;
use domain::limits::SCHEMA_CHARS_MAX;
use domain::resource::Schema;
use serde_json::Value;

use crate::members::{Member, Members};
use crate::shape::Shape;

/// The domains that the API knows (botocore `Domain`).
pub const DOMAINS: &[&str] = &["ECOMMERCE", "VIDEO_ON_DEMAND"];

/// `CreateSchema`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateSchema {
    /// Unique in the region.
    pub name: String,
    /// Avro JSON; its content is not looked at here.
    pub schema: String,
    /// `ECOMMERCE`, `VIDEO_ON_DEMAND`, or nothing for a custom group's schema.
    pub domain: Option<String>,
}

impl CreateSchema {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let name = members.required("name", Member::name)?;
        let schema = members.required("schema", |m| m.sized_text(0, SCHEMA_CHARS_MAX))?;
        let domain = members.optional("domain", |m| m.word(DOMAINS))?.map(str::to_owned);
        Ok(Self { name, schema, domain })
    }
}

/// `schema` of `DescribeSchema`.
pub fn describe(schema: &Schema) -> Value {
    summary_shape(schema).with("schema", schema.schema.as_str()).into()
}

/// An element of `ListSchemas`.
pub fn summary(schema: &Schema) -> Value {
    summary_shape(schema).into()
}

fn summary_shape(schema: &Schema) -> Shape {
    Shape::new()
        .with("name", schema.name.as_str())
        .arn("schemaArn", &schema.arn)
        .dates(schema.created, schema.created)
        .with_some("domain", schema.domain.as_deref())
}
