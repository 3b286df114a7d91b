//! Recipes, algorithms and feature transformations: read from the catalogue, never from the store.

use domain::recipes::{self, CATALOGUE, Recipe};
use domain::use_cases::USE_CASES;
use domain::{ApiError, ErrorKind};
use serde_json::Value;
use wire::page::PageRequest;
use wire::recipe as shapes;
use wire::schema::DOMAINS;
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use crate::Control;

/// `ListRecipes`: all of them, or the use cases of a domain.
pub async fn list(_: &Control, members: &Members<'_>) -> Output {
    members.optional("recipeProvider", |m| m.word(&["SERVICE"]))?;
    let domain = members.optional("domain", |m| m.word(DOMAINS))?;
    let request = PageRequest::read(members, format!("recipes {}", domain.unwrap_or_default()))?;
    let recipes: Vec<&Recipe> = match domain {
        None => recipes::all().collect(),
        Some(domain) => {
            let there = USE_CASES.iter().filter(|use_case| use_case.domain == domain);
            there.map(|use_case| &use_case.recipe).collect()
        }
    };
    let start = match &request.cursor {
        Some(cursor) => {
            cursor.parse::<usize>().ok().filter(|start| *start < recipes.len()).ok_or_else(|| {
                ApiError::new(
                    ErrorKind::InvalidNextToken,
                    "The given nextToken does not belong to this list.",
                )
            })?
        }
        None => 0,
    };
    let end = recipes.len().min(start + request.limit);
    let elements: Vec<Value> = recipes[start..end].iter().copied().map(shapes::summary).collect();
    let next = (end < recipes.len()).then(|| request.token(end.to_string()));
    Ok(Some(Shape::new().with("recipes", elements).with_some("nextToken", next).into()))
}

/// `DescribeRecipe`.
pub async fn describe(_: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("recipeArn", Member::arn)?;
    let recipe = lifecycle::version::recipe(&arn)?;
    Ok(Some(Shape::new().with("recipe", shapes::describe(recipe)).into()))
}

/// `DescribeAlgorithm`.
pub async fn describe_algorithm(_: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("algorithmArn", Member::arn)?;
    let recipe = CATALOGUE.iter().find(|recipe| recipe.algorithm_arn() == arn);
    let recipe = recipe.ok_or_else(|| ApiError::not_found(&arn))?;
    Ok(Some(Shape::new().with("algorithm", shapes::algorithm(recipe)).into()))
}

/// `DescribeFeatureTransformation`. Recipes may share one; the recipe that uses most of its
/// parameters shows them.
pub async fn describe_feature_transformation(_: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("featureTransformationArn", Member::arn)?;
    let sharing = CATALOGUE.iter().filter(|recipe| recipe.feature_transformation_arn() == arn);
    let recipe: &Recipe = sharing
        .max_by_key(|recipe| recipe.feature_parameters.len())
        .ok_or_else(|| ApiError::not_found(&arn))?;
    Ok(Some(Shape::new().with("featureTransformation", shapes::feature_transformation(recipe)).into()))
}
