//! The use cases of domain dataset groups: what a recommender is created for.
//!
//! A use case is a recipe of [`CATALOGUE`] with the settings that the developer guide documents for it
//! ("ECOMMERCE use cases", "VIDEO_ON_DEMAND use cases"): the event type that it trains on, the items that
//! it leaves out for a user, and what a request must name. None has a parameter to be set but
//! `itemExplorationConfig`, where its recipe explores, and none answers with scores.
//!
//! | use case | recipe | trains on | leaves out |
//! | --- | --- | --- | --- |
//! | Most viewed, Most popular | `aws-popularity-count` | `View`, `Watch` | |
//! | Best sellers | `aws-popularity-count` | `Purchase` | |
//! | Frequently bought together | `aws-sims` | `Purchase` | |
//! | Customers who viewed X also viewed | `aws-sims` | `View` | bought |
//! | Because you watched X | `aws-sims` | `Watch` | watched |
//! | More like X | `aws-similar-items` | any event | watched |
//! | Recommended for you, Top picks | `aws-user-personalization` | any event | bought, watched |
//! | Trending now | `aws-trending-now` | any event | |

use crate::arn::Arn;
use crate::recipes::{CATALOGUE, Recipe, RecipeType};

/// The domain of shops.
pub const ECOMMERCE: &str = "ECOMMERCE";
/// The domain of films and series.
pub const VIDEO_ON_DEMAND: &str = "VIDEO_ON_DEMAND";

/// One use case.
#[derive(Clone, Copy, Debug)]
pub struct UseCase {
    /// [`ECOMMERCE`] or [`VIDEO_ON_DEMAND`].
    pub domain: &'static str,
    /// What trains and answers, under the name of the use case.
    pub recipe: Recipe,
    /// The recipe of [`CATALOGUE`] that it is.
    pub base: &'static str,
    /// Trains on this event type only.
    pub event_type: Option<&'static str>,
    /// A user's latest items of this event type are left out of the user's answers.
    pub leaves_out: Option<&'static str>,
    /// Whether requests must name a user.
    pub needs_user: bool,
    /// Whether it trains on an Items dataset, which must be there.
    pub needs_items: bool,
}

impl UseCase {
    /// Whether requests must name an item.
    pub fn needs_item(&self) -> bool {
        self.recipe.recipe_type == RecipeType::RelatedItems
    }
}

/// The use case of a recipe; none for the recipes of solutions.
pub fn find(recipe: &Arn) -> Option<&'static UseCase> {
    USE_CASES.iter().find(|use_case| use_case.recipe.arn() == *recipe)
}

/// The same by the recipe's name.
pub fn find_by_name(name: &str) -> Option<&'static UseCase> {
    USE_CASES.iter().find(|use_case| use_case.recipe.name == name)
}

/// A recipe of the catalogue under another name.
const fn like(base: &str, name: &'static str, description: &'static str) -> Recipe {
    let mut n = 0;
    while n < CATALOGUE.len() {
        if same(CATALOGUE[n].name, base) {
            return Recipe { name, description, scored: false, ..CATALOGUE[n] };
        }
        n += 1;
    }
    panic!("the catalogue has no such recipe")
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut n = 0;
    while n < a.len() && n < b.len() && a[n] == b[n] {
        n += 1;
    }
    n == a.len() && n == b.len()
}

/// A use case that asks for a user, leaves nothing out and needs interactions alone.
const fn use_case(
    domain: &'static str,
    base: &'static str,
    event_type: Option<&'static str>,
    name: &'static str,
    description: &'static str,
) -> UseCase {
    let recipe = like(base, name, description);
    UseCase { domain, recipe, base, event_type, leaves_out: None, needs_user: true, needs_items: false }
}

/// Counting has one list for everybody, whoever asks.
const fn popular(
    domain: &'static str,
    event_type: &'static str,
    name: &'static str,
    description: &'static str,
) -> UseCase {
    let mut popular = use_case(domain, "aws-popularity-count", Some(event_type), name, description);
    popular.recipe.recipe_type = RecipeType::PopularItems;
    popular
}

const VIEW: &str = "View";
const PURCHASE: &str = "Purchase";
const WATCH: &str = "Watch";

/// Every use case that can be created.
pub const USE_CASES: &[UseCase] = &[
    UseCase {
        leaves_out: Some(PURCHASE),
        ..use_case(
            ECOMMERCE,
            "aws-sims",
            Some(VIEW),
            "aws-ecomm-customers-who-viewed-x-also-viewed",
            "Customers who viewed X also viewed: items that were viewed by those who viewed an item, without those \
             that the user bought.",
        )
    },
    UseCase {
        needs_user: false,
        ..use_case(
            ECOMMERCE,
            "aws-sims",
            Some(PURCHASE),
            "aws-ecomm-frequently-bought-together",
            "Frequently bought together: items that were bought by those who bought an item.",
        )
    },
    popular(
        ECOMMERCE,
        PURCHASE,
        "aws-ecomm-popular-items-by-purchases",
        "Best sellers: the items that most users bought.",
    ),
    popular(
        ECOMMERCE,
        VIEW,
        "aws-ecomm-popular-items-by-views",
        "Most viewed: the items that most users viewed.",
    ),
    UseCase {
        leaves_out: Some(PURCHASE),
        ..use_case(
            ECOMMERCE,
            "aws-user-personalization",
            None,
            "aws-ecomm-recommended-for-you",
            "Recommended for you: the items that suit a user, with young ones among them, without those that the \
             user bought.",
        )
    },
    UseCase {
        leaves_out: Some(WATCH),
        ..use_case(
            VIDEO_ON_DEMAND,
            "aws-sims",
            Some(WATCH),
            "aws-vod-because-you-watched-x",
            "Because you watched X: videos that were watched by those who watched a video, without those that the \
             user watched.",
        )
    },
    UseCase {
        leaves_out: Some(WATCH),
        needs_items: true,
        ..use_case(
            VIDEO_ON_DEMAND,
            "aws-similar-items",
            None,
            "aws-vod-more-like-x",
            "More like X: videos that are like a video in who meets them and in what they are, without those that \
             the user watched.",
        )
    },
    popular(
        VIDEO_ON_DEMAND,
        WATCH,
        "aws-vod-most-popular",
        "Most popular: the videos that most users watched.",
    ),
    UseCase {
        leaves_out: Some(WATCH),
        needs_items: true,
        ..use_case(
            VIDEO_ON_DEMAND,
            "aws-user-personalization",
            None,
            "aws-vod-top-picks",
            "Top picks for you: the videos that suit a user, with young ones among them, without those that the \
             user watched.",
        )
    },
    UseCase {
        needs_user: false,
        ..use_case(
            VIDEO_ON_DEMAND,
            "aws-trending-now",
            None,
            "aws-vod-trending-now",
            "Trending now: the videos whose popularity rises fastest.",
        )
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::{self, Exploration};

    #[test]
    fn a_use_case_is_its_recipe_under_a_name_of_the_domain() {
        for use_case in USE_CASES {
            let prefix = if use_case.domain == ECOMMERCE { "aws-ecomm-" } else { "aws-vod-" };
            assert!(use_case.recipe.name.starts_with(prefix), "{}", use_case.recipe.name);
            let base = recipes::find_by_name(use_case.base).unwrap();
            assert_eq!(use_case.recipe.algorithm, base.algorithm);
            assert_eq!(use_case.recipe.algorithm_arn(), base.algorithm_arn());
            assert_eq!(use_case.recipe.defaults(), base.defaults());
            assert!(!use_case.recipe.scored);
            // Found among the recipes, and told from those of solutions.
            assert_eq!(recipes::find(&use_case.recipe.arn()), Some(&use_case.recipe));
            assert_eq!(recipes::find_custom(&use_case.recipe.arn()), None);
        }
        let mut names: Vec<&str> = USE_CASES.iter().map(|use_case| use_case.recipe.name).collect();
        assert!(names.is_sorted(), "{names:?}");
        names.dedup();
        assert_eq!(names.len(), 10);
    }

    #[test]
    fn only_lists_of_a_user_leave_out_or_explore() {
        for use_case in USE_CASES {
            let explores = use_case.recipe.exploration == Exploration::Campaign;
            let own = use_case.recipe.recipe_type == RecipeType::UserPersonalization;
            assert_eq!(explores, own, "{}", use_case.recipe.name);
            assert!(use_case.leaves_out.is_none() || use_case.needs_user, "{}", use_case.recipe.name);
        }
    }
}
