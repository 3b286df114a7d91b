//! Datasets.

use domain::resource::{Dataset, DatasetGroup, DatasetType, DatasetUpdate, Schema};
use domain::{ApiError, Lifecycle, Resource, ResourceKind};
use lifecycle::children;
use store::Revised;
use store::resources::ReplaceError;
use wire::dataset::{self as shapes, CreateDataset, UpdateDataset};
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use super::schema::refused;
use crate::Control;
use crate::find::Parent;
use crate::pages::List;

const LIST: List<Dataset> = List {
    key: "datasets",
    kind: ResourceKind::Dataset,
    parent: Some(("datasetGroupArn", ResourceKind::DatasetGroup)),
    summary: shapes::summary,
};

/// `CreateDataset`. At most one of each type in a group; the schema must hold what the type needs.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateDataset::parse(members)?;
    let tags = wire::tags::given(members)?;
    let group = control.active_parent::<DatasetGroup>(&request.dataset_group).await?;
    let schema = control.parent::<Schema>(&request.schema).await?;
    in_custom_groups_only(&group.value, request.dataset_type)?;
    fitting(&schema.value, &group.value, request.dataset_type)?;
    let tail = format!("{}/{}", group.value.name, request.dataset_type.as_str());
    let dataset = Dataset {
        arn: control.scope.arn(ResourceKind::Dataset, &tail),
        name: request.name,
        dataset_group: request.dataset_group,
        dataset_type: request.dataset_type,
        schema: request.schema,
        active: None,
        tracking_id: (request.dataset_type == DatasetType::ActionInteractions)
            .then(|| uuid::Uuid::new_v4().to_string()),
        latest_update: None,
        lifecycle: Lifecycle::active((control.clock)()),
    };
    let answer = Shape::new().arn("datasetArn", &dataset.arn);
    control.create(dataset, tags, vec![group.row, schema.row]).await?;
    Ok(Some(answer.into()))
}

/// Actions are recommended by a recipe, and a domain group has use cases instead.
fn in_custom_groups_only(group: &DatasetGroup, dataset_type: DatasetType) -> Result<(), ApiError> {
    let of_actions = matches!(dataset_type, DatasetType::Actions | DatasetType::ActionInteractions);
    match &group.domain {
        Some(domain) if of_actions => Err(ApiError::invalid(format!(
            "'{}' at 'datasetType' is for custom dataset groups, and {} is of the domain {domain}: create a group \
             without a domain for it.",
            dataset_type.as_str(),
            group.arn
        ))),
        _ => Ok(()),
    }
}

/// The fields of a schema that a dataset of this type may have in this group.
fn fitting(
    schema: &Schema,
    group: &DatasetGroup,
    dataset_type: DatasetType,
) -> Result<dataset::Schema, ApiError> {
    if schema.domain != group.domain {
        let domain = |domain: &Option<String>| domain.clone().unwrap_or_else(|| "no domain".to_owned());
        return Err(ApiError::invalid(format!(
            "The schema {} has {}, the dataset group {} has {}: use a schema of the same domain.",
            schema.arn,
            domain(&schema.domain),
            group.arn,
            domain(&group.domain)
        )));
    }
    let checked = dataset::Schema::parse(&schema.schema).map_err(refused)?;
    if let Some(named) = checked.dataset_type
        && named != dataset_type
    {
        return Err(ApiError::invalid(format!(
            "'{}' at 'datasetType' does not fit the schema {}, whose record is named for {}.",
            dataset_type.as_str(),
            schema.arn,
            named.as_str()
        )));
    }
    checked.check_for_domain(dataset_type, group.domain.as_deref()).map_err(refused)?;
    Ok(checked)
}

/// `UpdateDataset`: another schema for what is imported or put from now on. What is there stays, without
/// values in the columns that are new.
///
/// An import follows the schema from its beginning to its end, so it must have ended.
pub async fn update(control: &Control, members: &Members<'_>) -> Output {
    let request = UpdateDataset::parse(members)?;
    let Parent { value: before, row } = control.active_parent::<Dataset>(&request.dataset).await?;
    if !matches!(before.dataset_type, DatasetType::Items | DatasetType::Users) {
        let an = match before.dataset_type {
            DatasetType::Actions => "Actions",
            DatasetType::ActionInteractions => "Action_Interactions",
            _ => "Interactions",
        };
        return Err(ApiError::invalid(format!(
            "{} is an {an} dataset; only the schemas of Items and Users datasets can be replaced.",
            before.arn
        )));
    }
    let schema = control.parent::<Schema>(&request.schema).await?;
    let group: DatasetGroup = control.find(&before.dataset_group).await?;
    let present: Schema = control.find(&before.schema).await?;
    let present = dataset::Schema::parse(&present.schema).map_err(ApiError::internal)?;
    fitting(&schema.value, &group, before.dataset_type)?.check_replaces(&present).map_err(refused)?;
    nothing_imports(control, &before).await?;
    let lifecycle = Lifecycle::active((control.clock)());
    let mut after = before.clone();
    after.schema = request.schema.clone();
    after.lifecycle.updated = lifecycle.updated;
    after.latest_update = Some(DatasetUpdate { schema: request.schema, lifecycle });
    let after = Revised { value: after.into(), ..row.clone() };
    // An import that was asked for meanwhile has written the row too.
    let revision = control.resources.replace(&after).await.map_err(|error| match error {
        ReplaceError::Conflict { arn, .. } => {
            ApiError::in_use(format!("Resource Arn {arn} is being changed by others; try again."))
        }
        ReplaceError::Store(error) => ApiError::internal(error),
    })?;
    if let Err(error) = children::hold(&control.resources, schema.row).await {
        control.resources.replace(&Revised { revision, ..row }).await.map_err(ApiError::internal)?;
        return Err(error);
    }
    Ok(Some(Shape::new().arn("datasetArn", &before.arn).into()))
}

async fn nothing_imports(control: &Control, dataset: &Dataset) -> Result<(), ApiError> {
    let unfinished = control.resources.unfinished().await.map_err(ApiError::internal)?;
    let imports = |r: &&Resource| matches!(r, Resource::DatasetImportJob(job) if job.dataset == dataset.arn);
    match unfinished.iter().find(imports) {
        Some(job) => Err(ApiError::in_use(format!(
            "The schema of {} cannot be replaced while {} imports into it: wait until that has ended.",
            dataset.arn,
            job.arn()
        ))),
        None => Ok(()),
    }
}

/// `DescribeDataset`.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("datasetArn", Member::arn)?;
    let dataset: Dataset = control.find(&arn).await?;
    Ok(Some(Shape::new().with("dataset", shapes::describe(&dataset)).into()))
}

/// `ListDatasets`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}

/// `DeleteDataset`. Blocked by imports and trainings that are pending or in progress on it.
pub async fn delete(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("datasetArn", Member::arn)?;
    control.begin_delete(&arn, ResourceKind::Dataset).await?;
    Ok(None)
}
