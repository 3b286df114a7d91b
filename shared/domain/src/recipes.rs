//! The recipe catalogue: what can be trained, with the documented parameters.
//!
//! Sources: the developer guide's recipe pages; botocore's model for the shapes. A recipe stands
//! here only when it is really built; everything that lists, describes or checks recipes derives
//! from [`CATALOGUE`].

use std::collections::BTreeMap;

use crate::arn::{Arn, ResourceKind};
use crate::error::ApiError;
use crate::hyperparameters::{Hyperparameter, Hyperparameters, Range};

/// What a recipe answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipeType {
    /// Items for a user.
    UserPersonalization,
    /// Items related to an item.
    RelatedItems,
    /// The same items for everybody.
    PopularItems,
    /// Users for an item, or for items with an attribute; by batch segment jobs alone.
    UserSegmentation,
}

impl RecipeType {
    /// The API's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserPersonalization => "USER_PERSONALIZATION",
            Self::RelatedItems => "RELATED_ITEMS",
            Self::PopularItems => "POPULAR_ITEMS",
            Self::UserSegmentation => "USER_SEGMENTATION",
        }
    }
}

/// Which model stands behind a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Hierarchical recurrent network.
    Hrnn,
    /// Most interacted items.
    PopularityCount,
    /// Item-to-item co-occurrence.
    Sims,
    /// Items whose popularity rises fastest.
    TrendingNow,
    /// Items that are alike in who meets them and in what they are.
    SimilarItems,
    /// The probability that a user takes an item next, for users side by side.
    ItemAffinity,
    /// The same for all items with an attribute.
    ItemAttributeAffinity,
}

impl Algorithm {
    /// Whether a user's own history decides what the user is recommended, so that an event changes the
    /// user's next list without a training (guide, "Recording events": which recipes use new events).
    pub fn follows_events(self) -> bool {
        match self {
            Self::Hrnn => true,
            Self::PopularityCount
            | Self::Sims
            | Self::SimilarItems
            | Self::TrendingNow
            | Self::ItemAffinity
            | Self::ItemAttributeAffinity => false,
        }
    }
}

/// One recipe of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Name with the `aws-` prefix, for example `aws-hrnn`.
    pub name: &'static str,
    /// What it answers.
    pub recipe_type: RecipeType,
    /// The model behind it.
    pub algorithm: Algorithm,
    /// Tail of the feature transformation's ARN.
    pub feature_transformation: &'static str,
    /// What DescribeRecipe says.
    pub description: &'static str,
    /// `solutionConfig.algorithmHyperParameters`.
    pub hyperparameters: &'static [Hyperparameter],
    /// `solutionConfig.featureTransformationParameters`.
    pub feature_parameters: &'static [Hyperparameter],
    /// Whether answers carry scores.
    pub scored: bool,
}

impl Recipe {
    /// Whether everybody gets the same list, so that one is all there is to keep.
    pub fn one_for_all(&self) -> bool {
        matches!(self.algorithm, Algorithm::PopularityCount | Algorithm::TrendingNow)
    }

    /// Whether it learns from the columns of the Items dataset.
    pub fn reads_items(&self) -> bool {
        matches!(self.algorithm, Algorithm::SimilarItems | Algorithm::ItemAttributeAffinity)
    }

    /// `arn:aws:personalize:::recipe/<name>`.
    pub fn arn(&self) -> Arn {
        Arn::service_owned(ResourceKind::Recipe, self.name)
    }

    /// `arn:aws:personalize:::algorithm/<name>`.
    pub fn algorithm_arn(&self) -> Arn {
        Arn::service_owned(ResourceKind::Algorithm, self.name)
    }

    /// `arn:aws:personalize:::feature-transformation/<name>`.
    pub fn feature_transformation_arn(&self) -> Arn {
        Arn::service_owned(ResourceKind::FeatureTransformation, self.feature_transformation)
    }

    /// Every parameter that a training uses, algorithm and featurization together; defaults fill in what
    /// is not given.
    ///
    /// Fails with `InvalidInput` for an unknown name, a value that is out of range, and percentiles that
    /// leave nothing between them.
    pub fn resolve(
        &self,
        algorithm: &BTreeMap<String, String>,
        featurization: &BTreeMap<String, String>,
    ) -> Result<Hyperparameters, ApiError> {
        let mut all =
            Hyperparameters::resolve(self.hyperparameters, algorithm, self.algorithm_arn().as_str())?;
        let arn = self.feature_transformation_arn();
        all.0.extend(Hyperparameters::resolve(self.feature_parameters, featurization, arn.as_str())?.0);
        for (low, high) in PERCENTILES {
            if all.0.contains_key(low) && all.real(low) >= all.real(high) {
                return Err(ApiError::invalid(format!(
                    "{low} is {} and {high} is {}: nothing would be left to train on. The first must be the smaller.",
                    all.real(low),
                    all.real(high)
                )));
            }
        }
        Ok(all)
    }

    /// What it trains with when nobody says anything.
    pub fn defaults(&self) -> Hyperparameters {
        self.resolve(&BTreeMap::new(), &BTreeMap::new()).expect("the catalogue's defaults are in range")
    }

    /// Whether a training may begin with the weights of an earlier version (`trainingMode` UPDATE).
    /// The hosted service allows it for aws-user-personalization and aws-hrnn-coldstart; here for the
    /// network that those are built on. What is only counted has nothing to go on from.
    pub fn allows_update(&self) -> bool {
        match self.algorithm {
            Algorithm::Hrnn => true,
            Algorithm::PopularityCount
            | Algorithm::Sims
            | Algorithm::SimilarItems
            | Algorithm::TrendingNow
            | Algorithm::ItemAffinity
            | Algorithm::ItemAttributeAffinity => false,
        }
    }
}

/// A recipe is its name.
impl PartialEq for Recipe {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Pairs of featurization parameters between which users or items are kept.
const PERCENTILES: [(&str, &str); 2] = [
    ("min_user_history_length_percentile", "max_user_history_length_percentile"),
    ("min_item_interaction_count_percentile", "max_item_interaction_count_percentile"),
];

/// Looks a recipe up by its ARN.
pub fn find(arn: &Arn) -> Option<&'static Recipe> {
    CATALOGUE.iter().find(|recipe| recipe.arn() == *arn)
}

/// Looks a recipe up by its name, with or without the `aws-` prefix.
pub fn find_by_name(name: &str) -> Option<&'static Recipe> {
    CATALOGUE.iter().find(|recipe| recipe.name == name || recipe.name.strip_prefix("aws-") == Some(name))
}

/// Creation date of the first recipes, as the hosted service lists it: 2019-06-10T00:00:00Z.
pub const CATALOGUE_CREATED: crate::EpochMillis = crate::EpochMillis(1_560_124_800_000);

const TRUE_FALSE: Range = Range::Categorical(&["true", "false"]);

const USER_HISTORY_PERCENTILES: &[Hyperparameter] = &[
    Hyperparameter {
        name: "min_user_history_length_percentile",
        default: "0.0",
        range: Range::Continuous(0.0, 1.0),
        tunable: false,
    },
    Hyperparameter {
        name: "max_user_history_length_percentile",
        default: "0.99",
        range: Range::Continuous(0.0, 1.0),
        tunable: false,
    },
];

/// What the recipes for segments declare.
const SEGMENT_DIMENSION: &[Hyperparameter] = &[Hyperparameter {
    name: "hidden_dimension",
    default: "149",
    range: Range::Integer(32, 256),
    tunable: false,
}];

/// Every recipe that can be trained.
pub const CATALOGUE: &[Recipe] = &[
    Recipe {
        name: "aws-hrnn",
        recipe_type: RecipeType::UserPersonalization,
        algorithm: Algorithm::Hrnn,
        feature_transformation: "JSON-percentile-filtering",
        description: "Predicts the items a user will interact with: a hierarchical recurrent neural \
                      network that models the order and timing of interactions.",
        hyperparameters: &[
            Hyperparameter {
                name: "hidden_dimension",
                default: "43",
                range: Range::Integer(32, 256),
                tunable: true,
            },
            Hyperparameter { name: "bptt", default: "32", range: Range::Integer(2, 32), tunable: true },
            Hyperparameter { name: "recency_mask", default: "true", range: TRUE_FALSE, tunable: true },
        ],
        feature_parameters: USER_HISTORY_PERCENTILES,
        scored: true,
    },
    Recipe {
        name: "aws-popularity-count",
        recipe_type: RecipeType::UserPersonalization,
        algorithm: Algorithm::PopularityCount,
        feature_transformation: "sims",
        description: "Recommends the items with the most interactions: the same list for every user, \
                      and the baseline that every other recipe is measured against.",
        hyperparameters: &[],
        feature_parameters: &[],
        scored: false,
    },
    Recipe {
        name: "aws-sims",
        recipe_type: RecipeType::RelatedItems,
        algorithm: Algorithm::Sims,
        feature_transformation: "sims",
        description: "Finds items that occur together with an item in the histories of users.",
        hyperparameters: &[
            Hyperparameter {
                name: "popularity_discount_factor",
                default: "0.5",
                range: Range::Continuous(0.0, 1.0),
                tunable: true,
            },
            Hyperparameter {
                name: "min_cointeraction_count",
                default: "3",
                range: Range::Integer(0, 10),
                tunable: true,
            },
        ],
        feature_parameters: &[
            Hyperparameter {
                name: "min_user_history_length_percentile",
                default: "0.005",
                range: Range::Continuous(0.0, 1.0),
                tunable: false,
            },
            Hyperparameter {
                name: "max_user_history_length_percentile",
                default: "0.995",
                range: Range::Continuous(0.0, 1.0),
                tunable: false,
            },
            Hyperparameter {
                name: "min_item_interaction_count_percentile",
                default: "0.01",
                range: Range::Continuous(0.0, 1.0),
                tunable: false,
            },
            Hyperparameter {
                name: "max_item_interaction_count_percentile",
                default: "0.9",
                range: Range::Continuous(0.0, 1.0),
                tunable: false,
            },
        ],
        scored: false,
    },
    Recipe {
        name: "aws-item-affinity",
        recipe_type: RecipeType::UserSegmentation,
        algorithm: Algorithm::ItemAffinity,
        feature_transformation: "item-affinity",
        description: "Finds the users who are most likely to interact with an item, for batch segment jobs.",
        hyperparameters: SEGMENT_DIMENSION,
        feature_parameters: &[],
        scored: true,
    },
    Recipe {
        name: "aws-item-attribute-affinity",
        recipe_type: RecipeType::UserSegmentation,
        algorithm: Algorithm::ItemAttributeAffinity,
        feature_transformation: "item-attribute-affinity",
        description: "Finds the users who are most likely to interact with items that have an attribute, for \
                      batch segment jobs.",
        hyperparameters: SEGMENT_DIMENSION,
        feature_parameters: &[],
        scored: true,
    },
    Recipe {
        name: "aws-similar-items",
        recipe_type: RecipeType::RelatedItems,
        algorithm: Algorithm::SimilarItems,
        feature_transformation: "similar-items",
        description: "Finds items that are met by the same users as an item, or that its metadata resembles, so \
                      that new items have similar ones too.",
        hyperparameters: &[
            Hyperparameter {
                name: "item_id_hidden_dim",
                default: "100",
                range: Range::Integer(30, 200),
                tunable: true,
            },
            Hyperparameter {
                name: "item_metadata_hidden_dim",
                default: "100",
                range: Range::Integer(30, 200),
                tunable: true,
            },
        ],
        feature_parameters: &[],
        scored: false,
    },
    Recipe {
        name: "aws-trending-now",
        recipe_type: RecipeType::PopularItems,
        algorithm: Algorithm::TrendingNow,
        feature_transformation: "trending-now",
        description: "Recommends the items whose popularity rises fastest: the same list for every user.",
        hyperparameters: &[],
        feature_parameters: &[Hyperparameter {
            name: "trend_discovery_frequency",
            default: "2 hours",
            range: Range::Categorical(&["30 minutes", "1 hour", "2 hours", "3 hours", "1 day"]),
            tunable: false,
        }],
        scored: false,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn hrnn_with(name: &str, value: &str) -> Result<Hyperparameters, crate::ApiError> {
        let recipe = find_by_name("aws-hrnn").unwrap();
        let given = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Hyperparameters::resolve(recipe.hyperparameters, &given, recipe.algorithm_arn().as_str())
    }

    #[test]
    fn every_default_lies_in_its_own_range() {
        for recipe in CATALOGUE {
            for parameter in recipe.hyperparameters.iter().chain(recipe.feature_parameters) {
                parameter.parse(parameter.default).unwrap();
            }
        }
    }

    #[test]
    fn values_at_the_ends_pass_and_beyond_are_refused() {
        for (name, value, ok) in [
            ("hidden_dimension", "32", true),
            ("hidden_dimension", "256", true),
            ("hidden_dimension", "31", false),
            ("hidden_dimension", "257", false),
            ("hidden_dimension", "64.5", false),
            ("bptt", "1", false),
            ("bptt", "33", false),
            ("recency_mask", "True", true),
            ("recency_mask", "maybe", false),
            ("dropout", "0.1", false),
        ] {
            let outcome = hrnn_with(name, value);
            assert_eq!(outcome.is_ok(), ok, "{name}={value}: {outcome:?}");
        }
        let message = hrnn_with("bptt", "33").unwrap_err().message;
        assert!(
            message.contains("bptt") && message.contains("33") && message.contains("2 to 32"),
            "{message}"
        );
    }
}
