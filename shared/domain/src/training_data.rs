//! Which data a model was trained on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::resource::{Dataset, DatasetType};

/// What a training of a dataset group reads: for each source the identity of what is in it.
///
/// Two that are equal stand for the same data. An imported dataset is identified by its manifest, whose
/// key is that of the import job, and by when the dataset was created, since a job's name is free
/// again after its dataset was deleted. Other sources, such as recorded events, join by
/// [`TrainingData::with`]: whatever changes there counts as changed data from then on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrainingData(BTreeMap<String, String>);

impl TrainingData {
    /// What the datasets of a group hold; those without data are left out.
    pub fn of<'a>(datasets: impl IntoIterator<Item = &'a Dataset>) -> Self {
        datasets.into_iter().fold(Self::default(), |data, dataset| match &dataset.active {
            Some(snapshot) => data.with(
                dataset.dataset_type.as_str(),
                format!("{}@{}", snapshot.manifest_key, dataset.lifecycle.created.0),
            ),
            None => data,
        })
    }

    /// The same with another source.
    pub fn with(mut self, source: &str, identity: String) -> Self {
        self.0.insert(source.to_owned(), identity);
        self
    }

    /// The imported interactions; nothing where there are none, and in versions from before this was
    /// kept.
    pub fn interactions(&self) -> Option<&str> {
        self.0.get(DatasetType::Interactions.as_str()).map(String::as_str)
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sources and identities, by source.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|(source, identity)| [source.as_str(), identity.as_str()])
    }
}
