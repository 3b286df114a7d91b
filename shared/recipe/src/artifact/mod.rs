//! A trained version as named files in open formats, and back.
//!
//! | file | holds |
//! | --- | --- |
//! | `model.json` | [`Description`]: recipe, parameters, seed, data, metrics, and size and SHA-256 of the other files |
//! | `model.safetensors` | the weights, and `popular` (the most popular item numbers) |
//! | `features.json` | for models with metadata: how cells of metadata turn into rows of weights |
//! | `actions.json` | for models of actions: the actions by number, and which of them have a probability |
//! | `items.parquet` | column `ITEM_ID`; row n is the item that the model calls n |
//!
//! Histories of users are not copied into it: whoever scores a user live reads them from the snapshot
//! that `model.json` names, as a whole. A file of one row per user would be read by range instead;
//! [`crate::hrnn::model::Memory`] is what a row would have to hold.
//!
//! `json`, `safetensors.numpy.load_file` and `pandas.read_parquet` read them; `sha256sum` checks
//! them. The same version gives the same bytes: no file holds a date or a duration.

mod ids;
mod tensors;

use std::collections::BTreeMap;
use std::sync::Arc;

use dataset::{Action, IdTable, Interactions};
use domain::hyperparameters::Hyperparameters;
use domain::recipes::{self, Algorithm, Exploration, Recipe};
use domain::resource::Metric;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::actions::NextBestAction;
use crate::exploration::Freshness;
use crate::hrnn::metadata::{Fields, Sides};
use crate::hrnn::{HrnnModel, TensorError};
use crate::model::Model;
use crate::popularity::PopularityCount;
use crate::ranking::Recommender;
use crate::similar::SimilarItems;
use crate::sims::{Neighbours, Sims};
use crate::trending::TrendingNow;
use crate::version::TrainedVersion;
use tensors::{Tensors, Writer};

/// Name of the file that describes the others.
pub const DESCRIPTION: &str = "model.json";
/// Name of the file with the weights.
pub const WEIGHTS: &str = "model.safetensors";
/// Name of the file that says how columns of metadata are read.
pub const FEATURES: &str = "features.json";
/// Name of the file with the actions of a model of actions.
pub const ACTIONS: &str = "actions.json";
/// Name of the file with the item ids.
pub const ITEMS: &str = "items.parquet";

/// Version of the layout that this code writes, and the only one that it reads.
const FORMAT_VERSION: u32 = 1;

/// Files by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Artifact {
    /// Contents by file name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What stands in `model.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// Version of this layout.
    pub format_version: u32,
    /// Version of the code that trained.
    pub code_version: String,
    /// For example `aws-hrnn`.
    pub recipe: String,
    /// Every parameter that training used.
    pub hyperparameters: Hyperparameters,
    /// Seed of the split and of every draw.
    pub seed: u64,
    /// Passes over the data, for the recipes that learn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// What it was trained on.
    pub data: DataDescription,
    /// Of the same configuration, trained on 90 % of users.
    pub metrics: BTreeMap<String, Metric>,
    /// Of `aws-popularity-count` on the same split.
    pub baseline: BTreeMap<String, Metric>,
    /// Means of the differences between the two, user by user.
    pub advantage: BTreeMap<String, Metric>,
    /// Users that the metrics are means over.
    pub test_users: usize,
    /// Why there are no metrics, where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_metrics: Option<String>,
    /// The other files.
    pub files: BTreeMap<String, FileDescription>,
}

/// The data behind a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataDescription {
    /// Which import: the caller's name for it, usually the key of the manifest.
    pub snapshot: String,
    /// Of the Items dataset, where the model knows its columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items_snapshot: Option<String>,
    /// Of the Users dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users_snapshot: Option<String>,
    /// Of the Actions dataset, where the model recommends actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions_snapshot: Option<String>,
    /// Of the Action_Interactions dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_interactions_snapshot: Option<String>,
    /// After filters by event.
    pub interactions: usize,
    /// Users with interactions.
    pub users: usize,
    /// Items with interactions.
    pub items: usize,
}

/// What a file has to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileDescription {
    /// Size.
    pub bytes: usize,
    /// Checksum in lower-case hexadecimal.
    pub sha256: String,
}

/// Where a version comes from, as far as the version itself does not know.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// What was trained.
    pub recipe: &'a Recipe,
    /// With these parameters.
    pub parameters: &'a Hyperparameters,
    /// From this seed.
    pub seed: u64,
    /// On this snapshot of the data.
    pub snapshot: &'a str,
    /// With this snapshot of Items.
    pub items_snapshot: Option<&'a str>,
    /// With this snapshot of Users.
    pub users_snapshot: Option<&'a str>,
    /// With these snapshots of Actions and of Action_Interactions.
    pub actions_snapshots: [Option<&'a str>; 2],
}

/// A version read back.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Ready to answer.
    pub model: Model,
    /// Ids of the items by the model's numbers.
    pub items: Arc<IdTable>,
    /// The popular items, best first.
    pub popular: Vec<u32>,
    /// For recipes that explore, or that popularity and freshness can weigh in: how new and how popular each
    /// item was.
    pub freshness: Option<Freshness>,
    /// All that is known about it.
    pub description: Description,
}

/// Why files are not a model.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file is not there.
    #[error("the model has no file {file}; train the solution version again or restore the file")]
    Missing {
        /// Its name.
        file: String,
    },
    /// A file is not what `model.json` says.
    #[error(
        "{file} is damaged: {DESCRIPTION} promises {expected_bytes} bytes with SHA-256 {expected}, \
         found are {found_bytes} bytes with {found}; restore the file or train the solution version again"
    )]
    Damaged {
        /// Its name.
        file: String,
        /// Promised size.
        expected_bytes: usize,
        /// Promised checksum.
        expected: String,
        /// Size of what lies there.
        found_bytes: usize,
        /// Checksum of what lies there.
        found: String,
    },
    /// The layout is of another version.
    #[error("{DESCRIPTION} has format version {found}; this program reads version {FORMAT_VERSION}")]
    FormatVersion {
        /// What the file says.
        found: u64,
    },
    /// The file says something that cannot be.
    #[error("{file} does not hold a model: {what}")]
    Inconsistent {
        /// Its name.
        file: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The file's format is broken.
    #[error("{file} cannot be read or written")]
    Format {
        /// Its name.
        file: &'static str,
        /// What the format's library says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ArtifactError {
    pub(crate) fn format(
        file: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Format { file, source: source.into() }
    }

    pub(crate) fn inconsistent(file: &'static str, what: impl Into<String>) -> Self {
        Self::Inconsistent { file, what: what.into() }
    }
}

/// Packs a version into files. `data` is what it was trained on.
pub fn to_artifact(
    version: &TrainedVersion,
    data: &Interactions,
    origin: Origin<'_>,
) -> Result<Artifact, ArtifactError> {
    let mut weights = Writer::default();
    weights.u32("popular", &version.popular);
    write_model(&version.model, &mut weights);
    if origin.recipe.takes_influence() {
        write_freshness(&Freshness::of(data), &mut weights);
    }
    let mut files = BTreeMap::from([
        (WEIGHTS.to_owned(), weights.finish(WEIGHTS)?),
        (ITEMS.to_owned(), ids::write(ITEMS, "ITEM_ID", data.items.iter())?),
    ]);
    if let Model::Hrnn(model) = &version.model
        && let Some(sides) = &model.sides
    {
        let (items, users, events) = (sides.items.clone(), sides.users.clone(), sides.events.clone());
        let fields = FieldsOfSides { items, users, events };
        let json = serde_json::to_vec_pretty(&fields).map_err(|e| ArtifactError::format(FEATURES, e))?;
        files.insert(FEATURES.to_owned(), json);
    }
    if let Model::NextBestAction(model) = &version.model {
        let kept = KeptActions { actions: model.actions.clone(), scored: model.scored.clone() };
        let json = serde_json::to_vec_pretty(&kept).map_err(|e| ArtifactError::format(ACTIONS, e))?;
        files.insert(ACTIONS.to_owned(), json);
    }
    let report = &version.report;
    let description = Description {
        format_version: FORMAT_VERSION,
        code_version: env!("CARGO_PKG_VERSION").to_owned(),
        recipe: origin.recipe.name.to_owned(),
        hyperparameters: origin.parameters.clone(),
        seed: origin.seed,
        epochs: report.epochs,
        data: DataDescription {
            snapshot: origin.snapshot.to_owned(),
            items_snapshot: origin.items_snapshot.map(str::to_owned),
            users_snapshot: origin.users_snapshot.map(str::to_owned),
            actions_snapshot: origin.actions_snapshots[0].map(str::to_owned),
            action_interactions_snapshot: origin.actions_snapshots[1].map(str::to_owned),
            interactions: data.len(),
            users: data.users.len(),
            items: data.items.len(),
        },
        metrics: report.metrics.clone(),
        baseline: report.baseline.clone(),
        advantage: report.advantage.clone(),
        test_users: report.test_users,
        no_metrics: report.no_metrics.clone(),
        files: files.iter().map(|(name, bytes)| (name.clone(), describe(bytes))).collect(),
    };
    let text = serde_json::to_vec_pretty(&description).map_err(|e| ArtifactError::format(DESCRIPTION, e))?;
    files.insert(DESCRIPTION.to_owned(), text);
    Ok(Artifact { files })
}

/// Reads a version back.
///
/// Fails when a file is missing, differs from its checksum, or holds no model.
pub fn from_artifact(artifact: &Artifact) -> Result<Loaded, ArtifactError> {
    let description = description(artifact.file(DESCRIPTION)?)?;
    for name in [WEIGHTS, ITEMS] {
        if !description.files.contains_key(name) {
            return Err(ArtifactError::inconsistent(DESCRIPTION, format!("it has no checksum of {name}")));
        }
    }
    for (name, expected) in &description.files {
        let found = describe(artifact.file(name)?);
        if found != *expected {
            return Err(ArtifactError::Damaged {
                file: name.clone(),
                expected_bytes: expected.bytes,
                expected: expected.sha256.clone(),
                found_bytes: found.bytes,
                found: found.sha256,
            });
        }
    }
    let items = Arc::new(ids::read(ITEMS, artifact.file(ITEMS)?)?);
    let recipe = recipes::find_by_name(&description.recipe).ok_or_else(|| {
        ArtifactError::inconsistent(DESCRIPTION, format!("there is no recipe '{}'", description.recipe))
    })?;
    let weights = Tensors::read(WEIGHTS, artifact.file(WEIGHTS)?)?;
    let features = match description.files.contains_key(FEATURES) {
        true => Some(
            serde_json::from_slice::<FieldsOfSides>(artifact.file(FEATURES)?)
                .map_err(|e| ArtifactError::format(FEATURES, e))?,
        ),
        false => None,
    };
    let actions = match description.files.contains_key(ACTIONS) {
        true => Some(
            serde_json::from_slice::<KeptActions>(artifact.file(ACTIONS)?)
                .map_err(|e| ArtifactError::format(ACTIONS, e))?,
        ),
        false => None,
    };
    let model = read_model(recipe.algorithm, &weights, items.len(), features, actions)?;
    let popular = weights.u32("popular")?;
    if popular.iter().any(|&item| item as usize >= items.len()) {
        return Err(ArtifactError::inconsistent(WEIGHTS, "a popular item has no id"));
    }
    let freshness = match recipe.exploration {
        // Versions from before popularity and freshness could weigh have none.
        Exploration::None if !weights.has("freshness.latest") => None,
        _ => Some(read_freshness(&weights, items.len())?),
    };
    Ok(Loaded { model, items, popular, freshness, description })
}

/// Reads `model.json` alone, which is all that a report needs.
pub fn description(json: &[u8]) -> Result<Description, ArtifactError> {
    let value: serde_json::Value =
        serde_json::from_slice(json).map_err(|e| ArtifactError::format(DESCRIPTION, e))?;
    let found = value["formatVersion"].as_u64().unwrap_or(0);
    if found != u64::from(FORMAT_VERSION) {
        return Err(ArtifactError::FormatVersion { found });
    }
    serde_json::from_value(value).map_err(|e| ArtifactError::format(DESCRIPTION, e))
}

impl Artifact {
    fn file(&self, name: &str) -> Result<&[u8], ArtifactError> {
        let bytes = self.files.get(name).ok_or_else(|| ArtifactError::Missing { file: name.to_owned() })?;
        Ok(bytes)
    }
}

fn describe(bytes: &[u8]) -> FileDescription {
    let digest = Sha256::digest(bytes);
    let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    FileDescription { bytes: bytes.len(), sha256 }
}

fn write_model(model: &Model, weights: &mut Writer) {
    match model {
        Model::Hrnn(model) => write_hrnn(model, weights),
        Model::PopularityCount(model) => write_popularity(model, weights),
        Model::Sims(model) => {
            write_popularity(&model.popular, weights);
            weights.u64("neighbours.offsets", &model.neighbours.offsets);
            weights.u32("neighbours.items", &model.neighbours.items);
            weights.f32("neighbours.scores", &[model.neighbours.scores.len()], &model.neighbours.scores);
        }
        Model::SimilarItems(model) => {
            write_popularity(&model.popular, weights);
            for (name, vectors) in [("company", &model.company), ("kind", &model.kind)] {
                weights.f32(name, vectors.shape(), &vectors.iter().copied().collect::<Vec<_>>());
            }
            weights.f32("trust", &[model.trust.len()], &model.trust);
            weights.f32("expected", &[2], &model.expected);
        }
        Model::TrendingNow(model) => {
            write_popularity(model.popular(), weights);
            weights.u32("rising.items", model.rising());
            weights.f32("rising.velocity", &[model.velocity().len()], model.velocity());
        }
        Model::NextBestAction(model) => {
            write_hrnn(&model.network, weights);
            weights.f32("actions.mean", &[model.mean.len()], &model.mean.to_vec());
            for (name, matrix) in
                [("actions.directions", &model.directions), ("actions.weights", &model.weights)]
            {
                weights.f32(name, matrix.shape(), &matrix.iter().copied().collect::<Vec<_>>());
            }
        }
    }
}

fn write_hrnn(model: &HrnnModel, weights: &mut Writer) {
    for tensor in model.to_tensors().into_iter().chain(model.side_tensors()) {
        weights.f32(tensor.name, &tensor.shape, &tensor.values);
    }
}

/// What stands in `actions.json`.
#[derive(Serialize, Deserialize)]
struct KeptActions {
    actions: Vec<Action>,
    scored: Vec<bool>,
}

/// What stands in `features.json`.
#[derive(Serialize, Deserialize)]
struct FieldsOfSides {
    items: Fields,
    users: Fields,
    events: Fields,
}

fn read_model(
    algorithm: Algorithm,
    weights: &Tensors<'_>,
    items: usize,
    features: Option<FieldsOfSides>,
    actions: Option<KeptActions>,
) -> Result<Model, ArtifactError> {
    match algorithm {
        Algorithm::NextBestAction => {
            let network = read_hrnn(weights, items, None)?;
            read_actions(weights, network, actions).map(Box::new).map(Model::NextBestAction)
        }
        Algorithm::PopularityCount => Ok(Model::PopularityCount(read_popularity(weights, items)?)),
        Algorithm::Sims => {
            let neighbours = Neighbours {
                offsets: weights.u64("neighbours.offsets")?,
                items: weights.u32("neighbours.items")?,
                scores: weights.f32("neighbours.scores")?,
            };
            Sims::from_parts(neighbours, read_popularity(weights, items)?).map(Model::Sims).ok_or_else(|| {
                ArtifactError::inconsistent(WEIGHTS, "the lists of neighbours contradict each other")
            })
        }
        Algorithm::TrendingNow => {
            let (rising, velocity) = (weights.u32("rising.items")?, weights.f32("rising.velocity")?);
            let popular = read_popularity(weights, items)?;
            TrendingNow::from_parts(rising, velocity, popular).map(Model::TrendingNow).ok_or_else(|| {
                ArtifactError::inconsistent(WEIGHTS, "the items that rise contradict each other")
            })
        }
        Algorithm::SimilarItems => read_similar(weights, items).map(Model::SimilarItems),
        Algorithm::Hrnn | Algorithm::ItemAffinity | Algorithm::ItemAttributeAffinity => {
            read_hrnn(weights, items, features).map(Box::new).map(Model::Hrnn)
        }
    }
}

fn read_actions(
    weights: &Tensors<'_>,
    network: HrnnModel,
    kept: Option<KeptActions>,
) -> Result<NextBestAction, ArtifactError> {
    let KeptActions { actions, scored } =
        kept.ok_or_else(|| ArtifactError::Missing { file: ACTIONS.to_owned() })?;
    let wrong = || ArtifactError::inconsistent(WEIGHTS, "the weights of actions contradict each other");
    let matrix = |name: &str| {
        let (shape, values) = weights.shaped(name)?;
        let &[rows, columns] = shape.as_slice() else { return Err(wrong()) };
        ndarray::Array2::from_shape_vec((rows, columns), values).map_err(|_| wrong())
    };
    let mean = ndarray::Array1::from_vec(weights.f32("actions.mean")?);
    let (directions, weights) = (matrix("actions.directions")?, matrix("actions.weights")?);
    NextBestAction::from_parts(network, (actions, scored), mean, directions, weights).ok_or_else(wrong)
}

fn read_similar(weights: &Tensors<'_>, items: usize) -> Result<SimilarItems, ArtifactError> {
    let wrong = || ArtifactError::inconsistent(WEIGHTS, "the vectors of items contradict each other");
    let matrix = |name: &str| {
        let (shape, values) = weights.shaped(name)?;
        let &[rows, columns] = shape.as_slice() else { return Err(wrong()) };
        ndarray::Array2::from_shape_vec((rows, columns), values).map_err(|_| wrong())
    };
    let expected = weights.f32("expected")?.try_into().map_err(|_| wrong())?;
    let popular = read_popularity(weights, items)?;
    SimilarItems::from_parts(matrix("company")?, matrix("kind")?, weights.f32("trust")?, expected, popular)
        .ok_or_else(wrong)
}

fn read_hrnn(
    weights: &Tensors<'_>,
    items: usize,
    features: Option<FieldsOfSides>,
) -> Result<HrnnModel, ArtifactError> {
    let get = |name: &str| weights.shaped(name).ok();
    let unsound = |error: TensorError| ArtifactError::inconsistent(WEIGHTS, error.to_string());
    let mut model = HrnnModel::from_tensors(get).map_err(unsound)?;
    if let Some(FieldsOfSides { items, users, events }) = features {
        let sides = Sides::from_tensors(items, users, events, model.embedding(), get);
        model.sides = Some(sides.map_err(unsound)?);
    }
    match model.items() {
        known if known == items => Ok(model),
        known => Err(ArtifactError::inconsistent(WEIGHTS, format!("it knows {known} items of {items}"))),
    }
}

/// Stands for an item without a date.
const NO_DATE: i64 = i64::MIN;

fn write_freshness(items: &Freshness, weights: &mut Writer) {
    let dates = items.born.iter().map(|born| born.unwrap_or(NO_DATE) as u64).collect::<Vec<_>>();
    weights.u64("freshness.born", &dates);
    weights.u32("freshness.events", &items.events);
    weights.u32("freshness.shown", &items.shown);
    weights.u64("freshness.latest", &[items.latest as u64]);
}

fn read_freshness(weights: &Tensors<'_>, items: usize) -> Result<Freshness, ArtifactError> {
    let date = |date: u64| (date as i64 != NO_DATE).then_some(date as i64);
    let (born, events) = (weights.u64("freshness.born")?, weights.u32("freshness.events")?);
    let (shown, latest) = (weights.u32("freshness.shown")?, weights.u64("freshness.latest")?);
    match ([born.len(), events.len(), shown.len()] == [items; 3], latest.as_slice()) {
        (true, &[latest]) => {
            let born = born.into_iter().map(date).collect();
            Ok(Freshness { born, events, shown, latest: latest as i64 })
        }
        _ => Err(ArtifactError::inconsistent(WEIGHTS, "the dates of items are not those of all items")),
    }
}

fn write_popularity(model: &PopularityCount, weights: &mut Writer) {
    weights.u32("popularity.items", model.order());
    weights.u32("popularity.users", model.users());
}

fn read_popularity(weights: &Tensors<'_>, items: usize) -> Result<PopularityCount, ArtifactError> {
    PopularityCount::from_parts(weights.u32("popularity.items")?, weights.u32("popularity.users")?, items)
        .ok_or_else(|| ArtifactError::inconsistent(WEIGHTS, "the items by popularity contradict each other"))
}
