//! `optimizationObjective`: what a solution maximizes beside relevance.
//!
//! Source: the developer guide, "Optimizing a solution for an additional objective".

use serde::{Deserialize, Serialize};

/// `optimizationObjective`, as the caller gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OptimizationObjective {
    /// A column of numbers of the Items dataset. There is one unless the sensitivity is OFF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_attribute: Option<String>,
    /// How much it weighs beside relevance. OFF where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objective_sensitivity: Option<Sensitivity>,
}

/// `objectiveSensitivity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sensitivity {
    /// Relevance alone.
    #[default]
    #[serde(rename = "OFF")]
    Off,
    /// Relevance weighs more.
    #[serde(rename = "LOW")]
    Low,
    /// Both weigh the same.
    #[serde(rename = "MEDIUM")]
    Medium,
    /// The objective weighs more.
    #[serde(rename = "HIGH")]
    High,
}

impl Sensitivity {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Off, Self::Low, Self::Medium, Self::High];

    /// The API's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }
}

impl OptimizationObjective {
    /// How much it weighs.
    pub fn sensitivity(&self) -> Sensitivity {
        self.objective_sensitivity.unwrap_or_default()
    }
}
