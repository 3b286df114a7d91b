//! Dataset groups, schemas and datasets.

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::error::ApiError;
use crate::status::Lifecycle;
use crate::time::EpochMillis;

/// A container for the datasets and models of one application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetGroup {
    /// `dataset-group/<name>`.
    pub arn: Arn,
    /// Unique in the region.
    pub name: String,
    /// Echoed to the caller.
    pub role_arn: Option<String>,
    /// Echoed to the caller.
    pub kms_key_arn: Option<String>,
    /// `ECOMMERCE`, `VIDEO_ON_DEMAND`, or nothing for a custom group.
    pub domain: Option<String>,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

/// An immutable Avro schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// `schema/<name>`.
    pub arn: Arn,
    /// Unique in the region.
    pub name: String,
    /// The Avro JSON as the caller gave it.
    pub schema: String,
    /// Domain of the schema, if any.
    pub domain: Option<String>,
    /// When it was created.
    pub created: EpochMillis,
}

/// Which dataset of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DatasetType {
    /// Who did what, when.
    #[serde(rename = "INTERACTIONS")]
    Interactions,
    /// Item metadata.
    #[serde(rename = "ITEMS")]
    Items,
    /// User metadata.
    #[serde(rename = "USERS")]
    Users,
    /// What users can be asked to do, with what is known of it.
    #[serde(rename = "ACTIONS")]
    Actions,
    /// Who was shown which action, and took it or not.
    #[serde(rename = "ACTION_INTERACTIONS")]
    ActionInteractions,
}

impl DatasetType {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Interactions, Self::Items, Self::Users, Self::Actions, Self::ActionInteractions];

    /// Upper case, as dataset ARNs spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interactions => "INTERACTIONS",
            Self::Items => "ITEMS",
            Self::Users => "USERS",
            Self::Actions => "ACTIONS",
            Self::ActionInteractions => "ACTION_INTERACTIONS",
        }
    }

    /// The ARN of the dataset of this type in a group: `dataset/<group>/<TYPE>`.
    pub fn arn_in(self, group: &Arn) -> Result<Arn, ApiError> {
        let text = group.as_str().replacen(":dataset-group/", ":dataset/", 1);
        format!("{text}/{}", self.as_str()).parse()
    }

    /// Reads a type in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str().eq_ignore_ascii_case(text))
    }
}

/// The imported data that a dataset stands for at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Key of the manifest object, which lists the Parquet parts with their checksums.
    pub manifest_key: String,
    /// Rows over all parts.
    pub rows: u64,
}

/// A table of a dataset group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// `dataset/<group>/<TYPE>`.
    pub arn: Arn,
    /// The caller's name for it.
    pub name: String,
    /// The group it belongs to.
    pub dataset_group: Arn,
    /// Which one of its group.
    pub dataset_type: DatasetType,
    /// The schema its rows follow.
    pub schema: Arn,
    /// What training reads: replaced by one conditional write when an import is whole.
    pub active: Option<Snapshot>,
    /// The key that action interactions are put with; other datasets have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
    /// The latest change of its schema.
    #[serde(default)]
    pub latest_update: Option<DatasetUpdate>,
    /// Status and dates.
    pub lifecycle: Lifecycle,
}

/// A change of a dataset by `UpdateDataset`. It is in force at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetUpdate {
    /// The schema that replaced the one before.
    pub schema: Arn,
    /// Status and dates of the change.
    pub lifecycle: Lifecycle,
}
