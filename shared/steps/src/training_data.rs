//! What a version is trained on: interactions and, for recipes that learn from them, the columns that
//! describe items, users and events.

use dataset::manifest::ManifestPart;
use dataset::{
    Action, ActionEventsReader, ActionsReader, EventFilter, IdTable, Interactions, InteractionsReader,
    Manifest, ReadError, Schema, Table, TableReader,
};
use domain::recipes::Recipe;
use domain::resource::{DatasetType, SolutionConfig, SolutionVersion};
use recipe::artifact::DataDescription;
use serde::{Deserialize, Serialize};

use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::layer::Live;
use crate::models::event_filter;

/// Which snapshots of the datasets a version is trained on: keys of manifests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshots {
    /// With what had come in live when the training began.
    #[serde(rename = "snapshot")]
    pub interactions: String,
    #[serde(default)]
    pub items: Option<String>,
    #[serde(default)]
    pub users: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_interactions: Option<String>,
}

impl Snapshots {
    /// Those that a model was trained on.
    pub(crate) fn of(data: &DataDescription) -> Self {
        Self {
            interactions: data.snapshot.clone(),
            items: data.items_snapshot.clone(),
            users: data.users_snapshot.clone(),
            actions: data.actions_snapshot.clone(),
            action_interactions: data.action_interactions_snapshot.clone(),
        }
    }

    /// Writes down what a training of some recipes reads; Items and Users only where one reads them.
    ///
    /// Fails with a sentence for the caller where there are no interactions.
    pub(crate) async fn for_training(
        steps: &Steps,
        version: &SolutionVersion,
        recipes: &[&Recipe],
        live: &Live,
    ) -> Result<Self, Failure> {
        let interactions = steps.training_snapshot(version, DatasetType::Interactions, live).await?;
        let interactions = interactions.ok_or_else(|| {
            Failure::caller(format!(
                "The dataset group {} has no interactions: create an Interactions dataset and import a CSV first.",
                version.dataset_group
            ))
        })?;
        let items = match recipes.iter().any(|recipe| recipe.reads_items()) {
            true => steps.training_snapshot(version, DatasetType::Items, live).await?,
            false => None,
        };
        let users = match recipes.iter().any(|recipe| recipe.metadata) {
            true => steps.training_snapshot(version, DatasetType::Users, live).await?,
            false => None,
        };
        let (mut actions, mut action_interactions) = (None, None);
        if recipes.iter().any(|recipe| recipe.reads_actions()) {
            actions = steps.training_snapshot(version, DatasetType::Actions, live).await?;
            action_interactions =
                steps.training_snapshot(version, DatasetType::ActionInteractions, live).await?;
        }
        Ok(Self { interactions, items, users, actions, action_interactions })
    }
}

impl Steps {
    /// What a version is trained on: interactions as it filters them and, where a recipe learns from
    /// metadata, the columns of all datasets. The snapshot of a training holds what was imported, and then
    /// what came in live until then.
    pub(crate) async fn training_data(
        &self,
        version: &SolutionVersion,
        recipe: &Recipe,
        snapshots: &Snapshots,
    ) -> Result<Interactions, Failure> {
        let manifest = self.manifest(&snapshots.interactions).await?;
        let parts = manifest.parts.clone();
        let mut data = self.read_parts(version, recipe, &manifest, parts, None).await?;
        self.describe(&mut data, snapshots, version.config.as_ref()).await?;
        if let Some(key) = &snapshots.actions {
            let actions = self.actions(key).await?;
            self.describe_actions(&mut data, actions, snapshots, false).await?;
        }
        Ok(data)
    }

    /// The rows of an Actions dataset.
    async fn actions(&self, key: &str) -> Result<Vec<Action>, Failure> {
        let mut reader = ActionsReader::default();
        for part in self.manifest(key).await?.parts {
            let bytes = self.part(&part).await?;
            reader.push(bytes).doing(|| format!("reading {}", part.key))?;
        }
        Ok(reader.finish())
    }

    /// Adds actions, and what users did with them: only what was imported, for whoever reads a user's events
    /// from their table.
    pub(crate) async fn describe_actions(
        &self,
        data: &mut Interactions,
        actions: Vec<Action>,
        snapshots: &Snapshots,
        imported: bool,
    ) -> Result<(), Failure> {
        let mut reader = ActionEventsReader::default();
        if let Some(key) = &snapshots.action_interactions {
            let manifest = self.manifest(key).await?;
            let parts = if imported { manifest.imported().to_vec() } else { manifest.parts.clone() };
            for part in parts {
                let bytes = self.part(&part).await?;
                reader = tokio::task::spawn_blocking(move || reader.push(bytes).map(|()| reader))
                    .await
                    .doing(|| format!("reading {}", part.key))?
                    .doing(|| format!("reading {}", part.key))?;
            }
        }
        data.describe_actions(actions, reader.finish());
        Ok(())
    }

    /// Adds the columns of Items and Users that teach, as a configuration says, and what its objective is to
    /// maximize.
    pub(crate) async fn describe(
        &self,
        data: &mut Interactions,
        snapshots: &Snapshots,
        config: Option<&SolutionConfig>,
    ) -> Result<(), Failure> {
        let items = self.table(snapshots.items.as_deref(), DatasetType::Items, config).await?;
        let users = self.table(snapshots.users.as_deref(), DatasetType::Users, config).await?;
        data.describe(items.as_ref(), users.as_ref());
        if let Some(attribute) = attribute(config) {
            let taught = teaches(config, DatasetType::Items, attribute);
            data.take_rewards(attribute, taught).map_err(Failure::caller)?;
        }
        Ok(())
    }

    /// An Items or Users dataset, of whose columns those that teach, and that of the objective.
    async fn table(
        &self,
        key: Option<&str>,
        kind: DatasetType,
        config: Option<&SolutionConfig>,
    ) -> Result<Option<Table>, Failure> {
        let Some(key) = key else { return Ok(None) };
        let manifest = self.manifest(key).await?;
        let mut schema = Schema::parse(&manifest.schema).doing(|| format!("reading the schema in {key}"))?;
        let wanted = attribute(config).filter(|_| kind == DatasetType::Items);
        schema.fields.retain(|field| {
            teaches(config, kind, &field.name)
                || wanted.is_some_and(|attribute| attribute.eq_ignore_ascii_case(&field.name))
        });
        let mut reader = TableReader::new(&schema, kind);
        for part in manifest.parts {
            let bytes = self.part(&part).await?;
            reader = tokio::task::spawn_blocking(move || reader.push(bytes).map(|()| reader))
                .await
                .doing(|| format!("reading {}", part.key))?
                .doing(|| format!("reading {}", part.key))?;
        }
        Ok(Some(reader.finish()))
    }

    /// The interactions of some parts; `items` numbers them where a model does already.
    pub(crate) async fn read_parts(
        &self,
        version: &SolutionVersion,
        recipe: &Recipe,
        manifest: &Manifest,
        parts: Vec<ManifestPart>,
        items: Option<IdTable>,
    ) -> Result<Interactions, Failure> {
        let filter = event_filter(version)?;
        // With a filter nobody knows how many rows are left.
        let unfiltered = filter == EventFilter::default();
        let rows = if unfiltered { parts.iter().map(|part| part.rows as usize).sum() } else { 0 };
        let reader = match recipe.metadata {
            true => {
                let schema = Schema::parse(&manifest.schema);
                let mut schema = schema.doing(|| "reading the schema of interactions".into())?;
                let config = version.config.as_ref();
                schema.fields.retain(|field| teaches(config, DatasetType::Interactions, &field.name));
                InteractionsReader::with_context(filter, &schema)
            }
            false => InteractionsReader::new(filter),
        };
        let mut reader = reader.expecting(rows).numbering(items.unwrap_or_default());
        for part in parts {
            let bytes = self.part(&part).await?;
            // One part at a time, so that the compressed data never lies in memory as a whole.
            reader = tokio::task::spawn_blocking(move || reader.push(bytes).map(|()| reader))
                .await
                .doing(|| format!("reading {}", part.key))?
                .map_err(|error| match error {
                    ReadError::Damaged { .. } => {
                        Failure::Internal { doing: format!("reading {}", part.key), cause: error.into() }
                    }
                    error => Failure::caller(error.to_string()),
                })?;
        }
        tokio::task::spawn_blocking(move || reader.finish()).await.doing(|| "sorting interactions".into())
    }
}

/// Whether a column of a dataset teaches. When an item was created tells exploration which items are young,
/// and nothing to a model.
fn teaches(config: Option<&SolutionConfig>, kind: DatasetType, column: &str) -> bool {
    let columns = config.and_then(|config| config.training_data_config.as_ref());
    column == "CREATION_TIMESTAMP" || columns.is_none_or(|columns| columns.teaches(kind, column))
}

/// The column of Items that an objective is about.
fn attribute(config: Option<&SolutionConfig>) -> Option<&str> {
    config?.optimization_objective.as_ref()?.item_attribute.as_deref()
}
