//! `osusume train`: a solution, a version of it, and a campaign that serves it.

use std::time::Instant;

use anyhow::{Context, bail};
use domain::ResourceKind;
use domain::recipes::RecipeType;
use serde_json::{Map, Value, json};

use crate::app::{self, App};
use crate::cli::Train;
use crate::commands::evaluate;
use crate::{client, console};

/// Trains as the command line says and prints where the result is.
pub async fn run(app: &App, console: &console::Console, options: &Train) -> anyhow::Result<()> {
    let recipe = domain::recipes::find_by_name(&options.recipe).with_context(|| {
        let names: Vec<_> = domain::recipes::CATALOGUE.iter().map(|recipe| recipe.name).collect();
        format!("there is no recipe '{}'; choose one of {}", options.recipe, names.join(", "))
    })?;
    let short = recipe.name.trim_start_matches("aws-");
    let name = options.solution.clone().unwrap_or_else(|| format!("{}-{short}", options.group));
    let plan = Plan {
        group: &options.group,
        solution: &name,
        recipe: recipe.arn().as_str().to_owned(),
        hyperparameters: hyperparameters(&options.set)?,
        event_type: options.event_type.as_deref(),
    };
    let started = Instant::now();
    let version = train(app, &plan).await?;
    // A campaign answers with items; segments come from jobs.
    let no_deploy = options.no_deploy || recipe.recipe_type == RecipeType::UserSegmentation;
    let campaign = if no_deploy { None } else { Some(deploy(app, &name, &version).await?) };
    let metrics = evaluate::metrics(app, &version).await?;
    if options.common.json {
        let document = json!({
            "solutionVersionArn": version,
            "campaignArn": campaign,
            "seconds": started.elapsed().as_secs_f64(),
            "metrics": metrics.to_json(),
        });
        println!("{document:#}");
    } else {
        console.say(&format!("trained {version} in {:.1} s", started.elapsed().as_secs_f64()));
        println!("{}", metrics.to_text());
        if campaign.is_some() {
            println!("  osusume recommend --campaign {name} …");
        }
    }
    Ok(())
}

/// What to train.
pub struct Plan<'a> {
    /// Name of the dataset group.
    pub group: &'a str,
    /// Name of the solution; reused when it is there with the same configuration.
    pub solution: &'a str,
    /// ARN of the recipe.
    pub recipe: String,
    /// Hyperparameters that differ from the recipe's defaults.
    pub hyperparameters: Map<String, Value>,
    /// Train on this event type only.
    pub event_type: Option<&'a str>,
}

/// Creates the solution where needed and trains a version; returns the version's ARN.
pub async fn train(app: &App, plan: &Plan<'_>) -> anyhow::Result<String> {
    let scope = app::scope();
    let group = scope.arn(ResourceKind::DatasetGroup, plan.group);
    let solution = scope.arn(ResourceKind::Solution, plan.solution);
    let mut request = json!({
        "name": plan.solution,
        "datasetGroupArn": group,
        "recipeArn": plan.recipe,
        "performAutoTraining": false,
    });
    if !plan.hyperparameters.is_empty() {
        request["solutionConfig"] = json!({ "algorithmHyperParameters": plan.hyperparameters });
    }
    if let Some(event_type) = plan.event_type {
        request["eventType"] = json!(event_type);
    }
    if !client::create(app, "CreateSolution", request.clone()).await? {
        let there = client::describe(app, "Solution", solution.as_str()).await?;
        for member in ["recipeArn", "datasetGroupArn", "eventType"] {
            if there[member] != request[member] {
                bail!(
                    "the solution {} is there already with {member} {}; choose another name with --solution",
                    plan.solution,
                    there[member]
                );
            }
        }
        let given = |of: &Value| of["solutionConfig"]["algorithmHyperParameters"].clone();
        if given(&there) != given(&request) {
            bail!(
                "the solution {} is there already with other hyperparameters ({}); choose another name with --solution",
                plan.solution,
                given(&there)
            );
        }
    }
    let answer = client::call(app, "CreateSolutionVersion", json!({ "solutionArn": solution })).await?;
    let version = answer["solutionVersionArn"].as_str().context("no solutionVersionArn")?.to_owned();
    client::wait(app, "SolutionVersion", &version).await?;
    Ok(version)
}

/// Points the campaign `name` at `version`, creating it where needed; returns its ARN.
pub async fn deploy(app: &App, name: &str, version: &str) -> anyhow::Result<String> {
    let arn = app::scope().arn(ResourceKind::Campaign, name).as_str().to_owned();
    let request = json!({ "name": name, "solutionVersionArn": version, "minProvisionedTPS": 1 });
    if !client::create(app, "CreateCampaign", request).await? {
        if client::describe(app, "Campaign", &arn).await?["campaignConfig"]["syncWithLatestSolutionVersion"]
            == true
        {
            // It has been asked to already.
            app.launcher.quiet().await;
            return Ok(arn);
        }
        let request = json!({ "campaignArn": arn, "solutionVersionArn": version });
        client::call(app, "UpdateCampaign", request).await?;
    }
    client::wait(app, "Campaign", &arn).await?;
    Ok(arn)
}

fn hyperparameters(set: &[String]) -> anyhow::Result<Map<String, Value>> {
    set.iter()
        .map(|pair| {
            let (name, value) =
                pair.split_once('=').with_context(|| format!("--set {pair}: expected NAME=VALUE"))?;
            Ok((name.to_owned(), json!(value)))
        })
        .collect()
}
