//! Schemas.

use domain::resource::Schema;
use domain::{ApiError, ResourceKind, Tags};
use wire::schema::{self as shapes, CreateSchema};
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use crate::Control;
use crate::pages::List;

const LIST: List<Schema> =
    List { key: "schemas", kind: ResourceKind::Schema, parent: None, summary: shapes::summary };

/// `CreateSchema`. Whatever can be known without the dataset type is checked here, the rest when a
/// dataset uses it.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateSchema::parse(members)?;
    let checked = dataset::schema::Schema::parse(&request.schema).map_err(refused)?;
    if let Some(dataset_type) = checked.dataset_type {
        checked.check_for_domain(dataset_type, request.domain.as_deref()).map_err(refused)?;
    }
    control.room_for("schema", ResourceKind::Schema, None, control.quotas.schemas).await?;
    let schema = Schema {
        arn: control.scope.arn(ResourceKind::Schema, &request.name),
        name: request.name,
        schema: request.schema,
        domain: request.domain,
        created: (control.clock)(),
    };
    let answer = Shape::new().arn("schemaArn", &schema.arn);
    control.create(schema, Tags::default(), vec![]).await?;
    Ok(Some(answer.into()))
}

/// A schema error says itself what is wrong, where, and how to mend it.
pub(crate) fn refused(error: dataset::schema::SchemaError) -> ApiError {
    ApiError::invalid(error.to_string())
}

/// `DescribeSchema`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("schemaArn", Member::arn)?;
    let schema: Schema = control.find(&arn).await?;
    Ok(Some(Shape::new().with("schema", shapes::describe(&schema)).into()))
}

/// `ListSchemas`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}

/// `DeleteSchema`. Blocked by datasets that use it.
pub async fn delete(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("schemaArn", Member::arn)?;
    control.begin_delete(&arn, ResourceKind::Schema).await?;
    Ok(None)
}
