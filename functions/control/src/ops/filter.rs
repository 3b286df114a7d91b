//! Filters.

use std::collections::BTreeSet;

use dataset::Schema;
use domain::resource::{self, DatasetGroup, DatasetType, Filter};
use domain::{ApiError, Arn, ErrorKind, Lifecycle, ResourceKind};
use filter::ast::{Source, Target};
use filter::{Expression, Schemas, check};
use wire::filter::{self as shapes, CreateFilter};
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use super::schema::refused;
use crate::Control;
use crate::pages::List;
use crate::quota::no_room;

const LIST: List<Filter> = List {
    key: "Filters",
    kind: ResourceKind::Filter,
    parent: Some(("datasetGroupArn", ResourceKind::DatasetGroup)),
    summary: shapes::summary,
};

/// `CreateFilter`. A filter is an expression that is evaluated with each request, so it needs no work and is
/// active at once. It is read here, and checked against the datasets that the group has now.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateFilter::parse(members)?;
    let tags = wire::tags::given(members)?;
    let expression = Expression::parse(&request.expression).map_err(|e| ApiError::invalid(e.to_string()))?;
    let group = control.active_parent::<DatasetGroup>(&request.dataset_group).await?;
    fits(control, &request.dataset_group, &expression).await?;
    let kind = ResourceKind::Filter;
    room_for(control, &request.dataset_group, &expression).await?;
    let filter = Filter {
        arn: control.scope.arn(kind, &request.name),
        name: request.name,
        dataset_group: request.dataset_group,
        expression: request.expression,
        lifecycle: Lifecycle::active((control.clock)()),
    };
    let answer = Shape::new().arn("filterArn", &filter.arn);
    control.create(filter, tags, vec![group.row]).await?;
    Ok(Some(answer.into()))
}

/// Every column must be one of the group's datasets, and of a type that can be tested so.
async fn fits(control: &Control, group: &Arn, expression: &Expression) -> Result<(), ApiError> {
    let mut schemas: Vec<(DatasetType, Schema)> = vec![];
    for child in control.children(ResourceKind::Dataset, Some(group)).await? {
        let Ok(dataset) = resource::Dataset::try_from(child) else { continue };
        let schema: resource::Schema = control.find(&dataset.schema).await?;
        schemas.push((dataset.dataset_type, Schema::parse(&schema.schema).map_err(refused)?));
    }
    let of = |wanted| {
        let found = schemas.iter().find(|(dataset_type, _)| *dataset_type == wanted);
        found.map(|(_, schema)| schema)
    };
    let schemas = Schemas {
        interactions: of(DatasetType::Interactions),
        items: of(DatasetType::Items),
        users: of(DatasetType::Users),
        actions: of(DatasetType::Actions),
        action_interactions: of(DatasetType::ActionInteractions),
    };
    check::check(expression, &schemas).map_err(|error| ApiError::invalid(error.to_string()))
}

/// The quotas of filters and of distinct columns over all filters of a group, which are read once for both.
async fn room_for(control: &Control, group: &Arn, expression: &Expression) -> Result<(), ApiError> {
    let there = control.children(ResourceKind::Filter, Some(group)).await?;
    if there.len() >= control.quotas.filters_per_group {
        return Err(no_room("filter", control.quotas.filters_per_group));
    }
    let most = control.quotas.filter_fields_per_group;
    let mut fields: BTreeSet<(Source, String)> = expression.fields();
    for child in there {
        let Ok(filter) = Filter::try_from(child) else { continue };
        let other = Expression::parse(&filter.expression).map_err(ApiError::internal)?;
        fields.extend(other.fields());
    }
    if fields.len() <= most {
        return Ok(());
    }
    let message = format!(
        "Cannot create a filter. The filters of the dataset group {group} would test {} distinct columns, and at \
         most {most} are allowed. Please delete some and try again.",
        fields.len()
    );
    Err(ApiError::new(ErrorKind::LimitExceeded, message))
}

/// The filter that a job will apply to the items, or users, of a dataset group, if it names one.
///
/// Fails with `ResourceNotFound`, with `ResourceInUse` while it is not active, and with `InvalidInput` when
/// it belongs to another group or filters the others.
pub(super) async fn of_job(
    control: &Control,
    arn: Option<&Arn>,
    group: &Arn,
    target: Target,
) -> Result<Option<crate::find::Parent<Filter>>, ApiError> {
    let Some(arn) = arn else { return Ok(None) };
    let filter = control.active_parent::<Filter>(arn).await?;
    filter.value.must_belong_to(group)?;
    let expression = Expression::parse(&filter.value.expression).map_err(ApiError::internal)?;
    match (expression.target(), target) {
        (Target::User, Target::Item) => Err(ApiError::invalid(format!(
            "The filter {arn} is one of UserID, for user segments; recommendations of items need one of ItemID."
        ))),
        (Target::Item, Target::User) => Err(ApiError::invalid(format!(
            "The filter {arn} is one of ItemID, for recommendations; user segments need one of UserID."
        ))),
        (Target::Action, _) => Err(ApiError::invalid(format!(
            "The filter {arn} is one of ActionID, for GetActionRecommendations; no job answers with actions."
        ))),
        _ => Ok(Some(filter)),
    }
}

/// `DescribeFilter`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("filterArn", Member::arn)?;
    let filter: Filter = control.find(&arn).await?;
    Ok(Some(Shape::new().with("filter", shapes::describe(&filter)).into()))
}

/// `ListFilters`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}

/// `DeleteFilter`. Blocked by batch jobs in progress that use it.
pub async fn delete(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("filterArn", Member::arn)?;
    control.begin_delete(&arn, ResourceKind::Filter).await?;
    Ok(None)
}
