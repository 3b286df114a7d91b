//! The recipe catalogue: what can be trained, with the documented parameters.
//!
//! Sources: the developer guide's recipe pages; botocore's model for the shapes. A recipe stands
//! here only when it is really built; everything that lists, describes or checks recipes derives
//! from [`CATALOGUE`], and from [`USE_CASES`] for recommenders.

use std::collections::BTreeMap;

use crate::arn::{Arn, ResourceKind};
use crate::error::ApiError;
use crate::hyperparameters::{Hyperparameter, Hyperparameters, Range};
use crate::use_cases::{self, USE_CASES};

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
    /// A given list of items in the order that suits a user.
    PersonalizedRanking,
    /// Actions for a user, each with the probability that the user takes it.
    PersonalizedActions,
}

impl RecipeType {
    /// The API's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserPersonalization => "USER_PERSONALIZATION",
            Self::RelatedItems => "RELATED_ITEMS",
            Self::PopularItems => "POPULAR_ITEMS",
            Self::UserSegmentation => "USER_SEGMENTATION",
            Self::PersonalizedRanking => "PERSONALIZED_RANKING",
            Self::PersonalizedActions => "PERSONALIZED_ACTIONS",
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
    /// The probability that a user takes an action.
    NextBestAction,
}

impl Algorithm {
    /// Whether a user's own history decides what the user is recommended, so that an event changes the
    /// user's next list without a training (guide, "Recording events": which recipes use new events).
    pub fn follows_events(self) -> bool {
        match self {
            Self::Hrnn | Self::NextBestAction => true,
            Self::PopularityCount
            | Self::Sims
            | Self::SimilarItems
            | Self::TrendingNow
            | Self::ItemAffinity
            | Self::ItemAttributeAffinity => false,
        }
    }
}

/// Which items a recipe shows beyond those that suit a user best, to learn about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exploration {
    /// None.
    None,
    /// Young items, as `itemExplorationConfig` of a campaign says.
    Campaign,
    /// Cold items, as the feature transformation's parameters say.
    ColdItems,
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
    /// Whether it learns from columns of metadata, those of Items and Users datasets included.
    pub metadata: bool,
    /// What it explores.
    pub exploration: Exploration,
}

impl Recipe {
    /// Whether stored lists of users follow their events.
    pub fn lists_follow_events(&self) -> bool {
        let of_users =
            matches!(self.recipe_type, RecipeType::UserPersonalization | RecipeType::PersonalizedActions);
        self.algorithm.follows_events() && of_users
    }

    /// Whether popularity and freshness can weigh in its answers: where a network gives each item of the
    /// catalogue its share.
    pub fn takes_influence(&self) -> bool {
        self.algorithm == Algorithm::Hrnn
    }

    /// Whether it recommends actions, and learns from the datasets of actions.
    pub fn reads_actions(&self) -> bool {
        self.algorithm == Algorithm::NextBestAction
    }

    /// Whether everybody gets the same list, so that one is all there is to keep.
    pub fn one_for_all(&self) -> bool {
        matches!(self.algorithm, Algorithm::PopularityCount | Algorithm::TrendingNow)
    }

    /// Whether it learns from the columns of the Items dataset.
    pub fn reads_items(&self) -> bool {
        self.metadata || matches!(self.algorithm, Algorithm::SimilarItems | Algorithm::ItemAttributeAffinity)
    }

    /// `arn:aws:personalize:::recipe/<name>`.
    pub fn arn(&self) -> Arn {
        Arn::service_owned(ResourceKind::Recipe, self.name)
    }

    /// `arn:aws:personalize:::algorithm/<name>`; of a use case, that of the recipe it is.
    pub fn algorithm_arn(&self) -> Arn {
        let base = use_cases::find_by_name(self.name).map_or(self.name, |use_case| use_case.base);
        Arn::service_owned(ResourceKind::Algorithm, base)
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

    /// Whether it can learn more from some event types than from others. The hosted service allows it for
    /// its networks alone; what is counted by users can follow weights as well.
    pub fn weighs_events(&self) -> bool {
        match self.algorithm {
            Algorithm::Hrnn | Algorithm::PopularityCount => true,
            Algorithm::Sims
            | Algorithm::SimilarItems
            | Algorithm::TrendingNow
            | Algorithm::ItemAffinity
            | Algorithm::ItemAttributeAffinity
            | Algorithm::NextBestAction => false,
        }
    }

    /// Whether it can be told to maximize a column of Items beside relevance. The guide has it for these two
    /// and for nothing else.
    pub fn takes_objective(&self) -> bool {
        matches!(self.name, "aws-user-personalization" | "aws-personalized-ranking")
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
            | Algorithm::ItemAttributeAffinity
            | Algorithm::NextBestAction => false,
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

/// Every recipe: those of solutions, then those of recommenders.
pub fn all() -> impl Iterator<Item = &'static Recipe> {
    CATALOGUE.iter().chain(USE_CASES.iter().map(|use_case| &use_case.recipe))
}

/// Looks a recipe up by its ARN.
pub fn find(arn: &Arn) -> Option<&'static Recipe> {
    all().find(|recipe| recipe.arn() == *arn)
}

/// Looks a recipe of solutions up by its ARN.
pub fn find_custom(arn: &Arn) -> Option<&'static Recipe> {
    CATALOGUE.iter().find(|recipe| recipe.arn() == *arn)
}

/// Looks a recipe up by its name, with or without the `aws-` prefix.
pub fn find_by_name(name: &str) -> Option<&'static Recipe> {
    all().find(|recipe| recipe.name == name || recipe.name.strip_prefix("aws-") == Some(name))
}

/// Creation date of the first recipes, as the hosted service lists it: 2019-06-10T00:00:00Z.
pub const CATALOGUE_CREATED: crate::EpochMillis = crate::EpochMillis(1_560_124_800_000);

const TRUE_FALSE: Range = Range::Categorical(&["true", "false"]);

/// `hidden_dimension` of the older and of the newer recipes.
const HIDDEN_43: Hyperparameter = hidden_dimension("43");
const HIDDEN_149: Hyperparameter = hidden_dimension("149");

const fn hidden_dimension(default: &'static str) -> Hyperparameter {
    Hyperparameter { name: "hidden_dimension", default, range: Range::Integer(32, 256), tunable: true }
}

const BPTT: Hyperparameter =
    Hyperparameter { name: "bptt", default: "32", range: Range::Integer(2, 32), tunable: true };

const RECENCY_MASK: Hyperparameter =
    Hyperparameter { name: "recency_mask", default: "true", range: TRUE_FALSE, tunable: true };

const MIN_USER_HISTORY_LENGTH: Hyperparameter = Hyperparameter {
    name: "min_user_history_length_percentile",
    default: "0.0",
    range: Range::Continuous(0.0, 1.0),
    tunable: false,
};

const MAX_USER_HISTORY_LENGTH: Hyperparameter = Hyperparameter {
    name: "max_user_history_length_percentile",
    default: "0.99",
    range: Range::Continuous(0.0, 1.0),
    tunable: false,
};

const USER_HISTORY_PERCENTILES: &[Hyperparameter] = &[MIN_USER_HISTORY_LENGTH, MAX_USER_HISTORY_LENGTH];

/// `itemExplorationConfig` of a campaign or a batch job, for recipes that explore by it.
pub const ITEM_EXPLORATION: &[Hyperparameter] = &[
    Hyperparameter {
        name: "explorationWeight",
        default: "0.3",
        range: Range::Continuous(0.0, 1.0),
        tunable: false,
    },
    Hyperparameter {
        name: "explorationItemAgeCutOff",
        default: "30.0",
        range: Range::Continuous(1.0, 36_500.0),
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

/// Every recipe that solutions can train.
pub const CATALOGUE: &[Recipe] = &[
    Recipe {
        name: "aws-hrnn",
        recipe_type: RecipeType::UserPersonalization,
        algorithm: Algorithm::Hrnn,
        feature_transformation: "JSON-percentile-filtering",
        description: "Predicts the items a user will interact with: a hierarchical recurrent neural \
                      network that models the order and timing of interactions.",
        hyperparameters: &[HIDDEN_43, BPTT, RECENCY_MASK],
        feature_parameters: USER_HISTORY_PERCENTILES,
        scored: true,
        metadata: false,
        exploration: Exploration::None,
    },
    Recipe {
        name: "aws-hrnn-metadata",
        recipe_type: RecipeType::UserPersonalization,
        algorithm: Algorithm::Hrnn,
        feature_transformation: "featurize_metadata",
        description: "As aws-hrnn, and learns from columns of the Interactions (context), Users and Items \
                      datasets, so that items and users without history are known by what they are.",
        hyperparameters: &[HIDDEN_43, BPTT, RECENCY_MASK],
        feature_parameters: USER_HISTORY_PERCENTILES,
        scored: true,
        metadata: true,
        exploration: Exploration::None,
    },
    Recipe {
        name: "aws-hrnn-coldstart",
        recipe_type: RecipeType::UserPersonalization,
        algorithm: Algorithm::Hrnn,
        feature_transformation: "featurize_coldstart",
        description: "As aws-hrnn-metadata, and shows new items with few interactions to some users, so \
                      that they find their public.",
        hyperparameters: &[HIDDEN_149, BPTT, RECENCY_MASK],
        feature_parameters: &[
            MIN_USER_HISTORY_LENGTH,
            MAX_USER_HISTORY_LENGTH,
            Hyperparameter {
                name: "cold_start_max_interactions",
                default: "15",
                range: Range::Integer(0, 1_000_000),
                tunable: false,
            },
            Hyperparameter {
                name: "cold_start_max_duration",
                default: "5.0",
                range: Range::Continuous(0.0, 36_500.0),
                tunable: false,
            },
            Hyperparameter {
                name: "cold_start_relative_from",
                default: "latestItem",
                range: Range::Categorical(&["latestItem", "currentTime"]),
                tunable: false,
            },
        ],
        scored: true,
        metadata: true,
        exploration: Exploration::ColdItems,
    },
    Recipe {
        name: "aws-user-personalization",
        recipe_type: RecipeType::UserPersonalization,
        algorithm: Algorithm::Hrnn,
        feature_transformation: "JSON-percentile-filtering",
        description: "As aws-hrnn-metadata, and explores young items as far as the campaign's \
                      itemExplorationConfig says.",
        hyperparameters: &[HIDDEN_149, BPTT, RECENCY_MASK],
        feature_parameters: USER_HISTORY_PERCENTILES,
        scored: true,
        metadata: true,
        exploration: Exploration::Campaign,
    },
    Recipe {
        name: "aws-personalized-ranking",
        recipe_type: RecipeType::PersonalizedRanking,
        algorithm: Algorithm::Hrnn,
        feature_transformation: "JSON-percentile-filtering",
        description: "Puts a given list of items in the order that suits a user: the network and the \
                      metadata of aws-hrnn-metadata.",
        hyperparameters: &[HIDDEN_149, BPTT, RECENCY_MASK],
        feature_parameters: USER_HISTORY_PERCENTILES,
        scored: true,
        metadata: true,
        exploration: Exploration::None,
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
        metadata: false,
        exploration: Exploration::None,
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
        metadata: false,
        exploration: Exploration::None,
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
        metadata: false,
        exploration: Exploration::None,
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
        metadata: false,
        exploration: Exploration::None,
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
        metadata: false,
        exploration: Exploration::None,
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
        metadata: false,
        exploration: Exploration::None,
    },
    Recipe {
        name: "aws-next-best-action",
        recipe_type: RecipeType::PersonalizedActions,
        algorithm: Algorithm::NextBestAction,
        feature_transformation: "aws-next-best-action",
        description: "Recommends the actions that a user will most likely take, each with its probability, from \
                      what the user did with items and with actions.",
        hyperparameters: &[],
        feature_parameters: &[Hyperparameter {
            name: "action_optimization_period",
            default: "14",
            range: Range::Integer(7, 28),
            tunable: false,
        }],
        scored: true,
        metadata: false,
        exploration: Exploration::None,
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
