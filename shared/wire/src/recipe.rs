//! Recipes, algorithms and feature transformations: the catalogue as the API shows it.

use domain::hyperparameters::{Hyperparameter, Range};
use domain::recipes::{CATALOGUE_CREATED, Recipe};
use domain::use_cases;
use serde_json::Value;

use crate::shape::Shape;

/// An element of `ListRecipes`; use cases show their domain.
pub fn summary(recipe: &Recipe) -> Value {
    let domain = use_cases::find_by_name(recipe.name).map(|use_case| use_case.domain);
    summary_shape(recipe).with_some("domain", domain).into()
}

/// `recipe` of `DescribeRecipe`.
pub fn describe(recipe: &Recipe) -> Value {
    summary_shape(recipe)
        .arn("algorithmArn", &recipe.algorithm_arn())
        .arn("featureTransformationArn", &recipe.feature_transformation_arn())
        .with("description", recipe.description)
        .with("recipeType", recipe.recipe_type.as_str())
        .into()
}

fn summary_shape(recipe: &Recipe) -> Shape {
    Shape::new()
        .with("name", recipe.name)
        .arn("recipeArn", &recipe.arn())
        .with("status", "ACTIVE")
        .dates(CATALOGUE_CREATED, CATALOGUE_CREATED)
}

/// `algorithm` of `DescribeAlgorithm`: the hyperparameters with their defaults and ranges.
pub fn algorithm(recipe: &Recipe) -> Value {
    let mut integers = Vec::new();
    let mut continuous = Vec::new();
    let mut categorical = Vec::new();
    for parameter in recipe.hyperparameters {
        let shape = Shape::new().with("name", parameter.name).with("isTunable", parameter.tunable);
        match parameter.range {
            Range::Integer(min, max) => {
                integers.push(Value::from(shape.with("minValue", min).with("maxValue", max)))
            }
            Range::Continuous(min, max) => {
                continuous.push(Value::from(shape.with("minValue", min).with("maxValue", max)));
            }
            Range::Categorical(words) => {
                categorical.push(Value::from(shape.with("values", words.iter().copied().collect::<Value>())));
            }
        }
    }
    let ranges = Shape::new()
        .with("integerHyperParameterRanges", integers)
        .with("continuousHyperParameterRanges", continuous)
        .with("categoricalHyperParameterRanges", categorical);
    Shape::new()
        .with("name", recipe.name)
        .arn("algorithmArn", &recipe.algorithm_arn())
        .with("defaultHyperParameters", defaults(recipe.hyperparameters))
        .with("defaultHyperParameterRanges", ranges)
        .dates(CATALOGUE_CREATED, CATALOGUE_CREATED)
        .into()
}

/// `featureTransformation` of `DescribeFeatureTransformation`.
pub fn feature_transformation(recipe: &Recipe) -> Value {
    Shape::new()
        .with("name", recipe.feature_transformation)
        .arn("featureTransformationArn", &recipe.feature_transformation_arn())
        .with("defaultParameters", defaults(recipe.feature_parameters))
        .with("status", "ACTIVE")
        .dates(CATALOGUE_CREATED, CATALOGUE_CREATED)
        .into()
}

fn defaults(parameters: &[Hyperparameter]) -> Shape {
    parameters.iter().fold(Shape::new(), |shape, p| shape.with(p.name, p.default))
}
