//! What a training is told to look at, held against the datasets that there are.

use dataset::schema::{FieldType, Schema};
use domain::objective::OptimizationObjective;
use domain::recipes::Recipe;
use domain::resource::{self, DatasetType, SolutionConfig};
use domain::training_columns::{ALWAYS_READ, Columns, TrainingDataConfig};
use domain::{ApiError, Arn, ResourceKind};

use crate::Control;
use crate::ops::schema::refused;

/// The datasets whose columns can teach.
const TEACHING: [DatasetType; 3] = [DatasetType::Interactions, DatasetType::Items, DatasetType::Users];

/// Whether a group has the columns that a solution of some recipes names, and the recipes a use for them.
///
/// Fails with `InvalidInput`.
pub(crate) async fn fit(
    control: &Control,
    group: &Arn,
    recipes: &[&Recipe],
    config: Option<&SolutionConfig>,
) -> Result<(), ApiError> {
    let Some(config) = config else { return Ok(()) };
    if let Some(columns) = &config.training_data_config {
        columns_fit(control, group, recipes, columns).await?;
    }
    if config.events_config.is_some()
        && let Some(schema) = schema_of(control, group, DatasetType::Interactions).await?
        && schema.field("EVENT_TYPE").is_none()
    {
        return Err(ApiError::invalid(format!(
            "'solutionConfig.eventsConfig' needs the column EVENT_TYPE, and the Interactions dataset of {group} has [{}]: \
             use a schema with the column, or leave eventsConfig out.",
            names(&schema)
        )));
    }
    match &config.optimization_objective {
        Some(objective) => objective_fits(control, group, recipes, objective).await,
        None => Ok(()),
    }
}

/// Whether a group has the columns that `trainingDataConfig` names.
pub(crate) async fn columns_fit(
    control: &Control,
    group: &Arn,
    recipes: &[&Recipe],
    config: &TrainingDataConfig,
) -> Result<(), ApiError> {
    if let Some(recipe) = recipes.iter().find(|recipe| recipe.reads_actions()) {
        return Err(ApiError::invalid(format!(
            "'trainingDataConfig' is for recipes that recommend items or make segments of users, and {} recommends \
             actions: leave it out.",
            recipe.arn()
        )));
    }
    for (member, columns) in [
        ("excludedDatasetColumns", &config.excluded_dataset_columns),
        ("includedDatasetColumns", &config.included_dataset_columns),
    ] {
        known(control, group, member, columns).await?;
    }
    for kind in TEACHING {
        let has = |columns| domain::training_columns::of(columns, kind).next().is_some();
        if has(&config.excluded_dataset_columns) && has(&config.included_dataset_columns) {
            return Err(ApiError::invalid(format!(
                "'trainingDataConfig' names {} in excludedDatasetColumns and in includedDatasetColumns: what is not \
                 included is excluded, so say it in one of them.",
                kind.as_str()
            )));
        }
    }
    let excluded = config.excluded_dataset_columns.values().flatten();
    let needed = |name: &&String| ALWAYS_READ.iter().any(|needed| needed.eq_ignore_ascii_case(name));
    match excluded.into_iter().find(needed) {
        Some(name) => Err(ApiError::invalid(format!(
            "'trainingDataConfig.excludedDatasetColumns' names {name}, which every training reads: {} cannot be \
             excluded.",
            ALWAYS_READ.join(", ")
        ))),
        None => Ok(()),
    }
}

/// Each dataset must be there, and each column in its schema.
async fn known(control: &Control, group: &Arn, member: &str, columns: &Columns) -> Result<(), ApiError> {
    for (name, wanted) in columns {
        let kind = DatasetType::parse(name).filter(|kind| TEACHING.contains(kind)).ok_or_else(|| {
            ApiError::invalid(format!(
                "'trainingDataConfig.{member}' names {name}, which is no dataset whose columns teach: those are \
                 Interactions, Items and Users."
            ))
        })?;
        let schema = schema_of(control, group, kind).await?.ok_or_else(|| {
            ApiError::invalid(format!(
                "'trainingDataConfig.{member}' names {name}, and the dataset group {group} has no such dataset: create it \
                 with CreateDataset first, or leave it out."
            ))
        })?;
        for column in wanted {
            if !schema.fields.iter().any(|field| field.name.eq_ignore_ascii_case(column)) {
                return Err(ApiError::invalid(format!(
                    "'trainingDataConfig.{member}.{name}' names {column}, which is no column of the dataset: it has [{}].",
                    names(&schema)
                )));
            }
        }
    }
    Ok(())
}

/// The attribute must be a column of numbers that no item lacks (guide, "Guidelines and requirements").
async fn objective_fits(
    control: &Control,
    group: &Arn,
    recipes: &[&Recipe],
    objective: &OptimizationObjective,
) -> Result<(), ApiError> {
    let refuse =
        |what: String| Err(ApiError::invalid(format!("'solutionConfig.optimizationObjective' {what}")));
    if let Some(recipe) = recipes.iter().find(|recipe| !recipe.takes_objective()) {
        return refuse(format!(
            "is for aws-user-personalization and aws-personalized-ranking, and {} cannot follow it: leave it out, or \
             choose one of those.",
            recipe.arn()
        ));
    }
    let Some(attribute) = &objective.item_attribute else { return Ok(()) };
    let Some(schema) = schema_of(control, group, DatasetType::Items).await? else {
        return refuse(format!(
            "names {attribute}, and the dataset group {group} has no Items dataset: create one with CreateDataset first."
        ));
    };
    let Some(field) = schema.fields.iter().find(|field| field.name.eq_ignore_ascii_case(attribute)) else {
        return refuse(format!(
            "names {attribute}, which is no column of the Items dataset: it has [{}].",
            names(&schema)
        ));
    };
    let a_number =
        matches!(field.kind, FieldType::Float | FieldType::Double | FieldType::Int | FieldType::Long);
    if !a_number || field.name == "CREATION_TIMESTAMP" {
        let kind = field.kind.as_str();
        return refuse(format!(
            "names {attribute}, which is of the type {kind} and says no amount: the column must be a float, double, int \
             or long of items, and not CREATION_TIMESTAMP."
        ));
    }
    if field.nullable {
        return refuse(format!(
            "names {attribute}, whose type has null, so that items may lack it: choose a column that every item has, or \
             give the Items dataset a schema without null there."
        ));
    }
    Ok(())
}

async fn schema_of(control: &Control, group: &Arn, kind: DatasetType) -> Result<Option<Schema>, ApiError> {
    for child in control.children(ResourceKind::Dataset, Some(group)).await? {
        let Ok(dataset) = resource::Dataset::try_from(child) else { continue };
        if dataset.dataset_type == kind {
            let schema: resource::Schema = control.find(&dataset.schema).await?;
            return Schema::parse(&schema.schema).map(Some).map_err(refused);
        }
    }
    Ok(None)
}

fn names(schema: &Schema) -> String {
    schema.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ")
}
