//! What a caller lets weigh in lists besides the model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `rankingInfluence`, as the caller gave it: how much a factor weighs, from 0, which is as good as not
/// giving it, to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE", default, deny_unknown_fields)]
pub struct RankingInfluence {
    /// How often an item was met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub popularity: Option<f64>,
    /// How new an item is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<f64>,
}

impl RankingInfluence {
    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether lists are what they are without it.
    pub fn is_neutral(&self) -> bool {
        self.popularity() == 0.0 && self.freshness() == 0.0
    }

    /// The weight of popularity.
    pub fn popularity(&self) -> f64 {
        self.popularity.unwrap_or(0.0)
    }

    /// The weight of freshness.
    pub fn freshness(&self) -> f64 {
        self.freshness.unwrap_or(0.0)
    }
}

/// What decides the answers of a campaign or a batch job besides the version: the same for lists that are
/// computed ahead and for those that are scored live.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steering {
    /// `itemExplorationConfig`.
    pub exploration: BTreeMap<String, String>,
    /// `rankingInfluence`.
    pub influence: RankingInfluence,
}

impl Steering {
    /// Whether answers are those of the version alone.
    pub fn is_plain(&self) -> bool {
        self.exploration.is_empty() && self.influence.is_neutral()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_as_it_was_given() {
        for (json, neutral) in [
            (r#"{}"#, true),
            (r#"{"POPULARITY":0.0}"#, true),
            (r#"{"POPULARITY":0.5}"#, false),
            (r#"{"POPULARITY":0.0,"FRESHNESS":0.25}"#, false),
        ] {
            let influence: RankingInfluence = serde_json::from_str(json).unwrap();
            assert_eq!(influence.is_neutral(), neutral, "{json}");
            assert_eq!(serde_json::to_string(&influence).unwrap(), json);
        }
    }
}
