//! `trainingDataConfig`: which columns of the datasets teach, for solutions and recommenders.
//!
//! Source: the developer guide, "Configuring columns used when training". Without it all columns teach that
//! can. What selects events or names users and items is no such column, and neither is what guides
//! exploration; see [`ALWAYS_READ`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::resource::DatasetType;

/// Most datasets in either map (botocore).
pub const DATASETS_MAX: usize = 3;
/// Most columns of a dataset in either map (botocore).
pub const COLUMNS_MAX: usize = 50;

/// Columns that cannot be excluded: without them there is nothing to train on, and the guide says so of
/// `EVENT_TYPE`.
pub const ALWAYS_READ: [&str; 4] = ["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"];

/// Columns by the type of their dataset, as a caller spells both.
pub type Columns = BTreeMap<String, Vec<String>>;

/// `trainingDataConfig`, as the caller gave it. No dataset is in both maps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrainingDataConfig {
    /// Columns that teach nothing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub excluded_dataset_columns: Columns,
    /// The only columns that teach, of the datasets that are named here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub included_dataset_columns: Columns,
}

impl TrainingDataConfig {
    /// Whether a column of a dataset teaches, as far as this says.
    pub fn teaches(&self, kind: DatasetType, column: &str) -> bool {
        let named = |columns: &Columns| {
            let mut own = of(columns, kind).peekable();
            own.peek().is_some().then(|| own.flatten().any(|name| name.eq_ignore_ascii_case(column)))
        };
        named(&self.included_dataset_columns).unwrap_or(true)
            && !named(&self.excluded_dataset_columns).unwrap_or(false)
    }

    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.excluded_dataset_columns.is_empty() && self.included_dataset_columns.is_empty()
    }
}

/// The lists of columns that stand under some spelling of a type.
pub fn of(columns: &Columns, kind: DatasetType) -> impl Iterator<Item = &Vec<String>> {
    let of_kind = move |name: &str| DatasetType::parse(name) == Some(kind);
    columns.iter().filter(move |(name, _)| of_kind(name)).map(|(_, columns)| columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_excluded_or_not_included_teaches_nothing() {
        let columns = |kind: &str, names: &[&str]| {
            Columns::from([(kind.to_owned(), names.iter().map(|name| (*name).to_owned()).collect())])
        };
        let config = TrainingDataConfig {
            excluded_dataset_columns: columns("items", &["Genres"]),
            included_dataset_columns: columns("Users", &["CITY"]),
        };
        for (kind, column, teaches) in [
            (DatasetType::Items, "GENRES", false),
            (DatasetType::Items, "YEAR", true),
            (DatasetType::Users, "CITY", true),
            (DatasetType::Users, "AGE", false),
            (DatasetType::Interactions, "GENRES", true),
        ] {
            assert_eq!(config.teaches(kind, column), teaches, "{kind:?} {column}");
        }
        assert!(TrainingDataConfig::default().teaches(DatasetType::Items, "GENRES"));
        // A dataset of which nothing is included teaches nothing but who met what.
        let nothing = TrainingDataConfig {
            included_dataset_columns: columns("Items", &[]),
            ..TrainingDataConfig::default()
        };
        assert!(!nothing.teaches(DatasetType::Items, "GENRES"));
    }
}
