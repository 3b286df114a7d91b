//! Datasets.

use domain::resource::{Dataset, DatasetGroup, Schema};
use domain::{ApiError, Lifecycle, ResourceKind};
use wire::dataset::{self as shapes, CreateDataset};
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use super::schema::refused;
use crate::Control;
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
    if schema.value.domain != group.value.domain {
        let domain = |domain: &Option<String>| domain.clone().unwrap_or_else(|| "no domain".to_owned());
        return Err(ApiError::invalid(format!(
            "The schema {} has {}, the dataset group {} has {}: use a schema of the same domain.",
            schema.value.arn,
            domain(&schema.value.domain),
            group.value.arn,
            domain(&group.value.domain)
        )));
    }
    let checked = dataset::schema::Schema::parse(&schema.value.schema).map_err(refused)?;
    if let Some(named) = checked.dataset_type
        && named != request.dataset_type
    {
        return Err(ApiError::invalid(format!(
            "'{}' at 'datasetType' does not fit the schema {}, whose record is named for {}.",
            request.dataset_type.as_str(),
            schema.value.arn,
            named.as_str()
        )));
    }
    checked.check_for_domain(request.dataset_type, group.value.domain.as_deref()).map_err(refused)?;
    let tail = format!("{}/{}", group.value.name, request.dataset_type.as_str());
    let dataset = Dataset {
        arn: control.scope.arn(ResourceKind::Dataset, &tail),
        name: request.name,
        dataset_group: request.dataset_group,
        dataset_type: request.dataset_type,
        schema: request.schema,
        active: None,
        lifecycle: Lifecycle::active((control.clock)()),
    };
    let answer = Shape::new().arn("datasetArn", &dataset.arn);
    control.create(dataset, tags, vec![group.row, schema.row]).await?;
    Ok(Some(answer.into()))
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
