//! Deployment: every list of a version is written, then one write moves the campaign's pointer.

use domain::limits::{NUM_RESULTS_MAX, PRECOMPUTED_RESULTS};
use domain::recipes::{Algorithm, RecipeType};
use domain::resource::{Campaign, SolutionVersion};
use domain::{Arn, Status};
use futures::StreamExt;
use recipe::precompute;
use store::{ListKey, ListRow};
use tokio::sync::mpsc;

use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::models::ServedModel;
use crate::progress::Progress;

/// Rows that wait between the scoring thread and the writer.
const ROWS_WAITING: usize = 1024;

/// Publishes the lists of the version that a campaign asks for and moves the campaign to it.
pub(crate) async fn deploy(steps: &Steps, campaign: &Campaign) -> Result<Campaign, Failure> {
    let target = match &campaign.latest_update {
        Some(update) if campaign.lifecycle.status == Status::Active => &update.solution_version,
        _ => &campaign.solution_version,
    };
    let version = steps.existing::<SolutionVersion>(target).await?;
    if version.lifecycle.status != Status::Active {
        return Err(Failure::caller(format!(
            "{target} is {}; a campaign serves an ACTIVE solution version.",
            version.lifecycle.status.as_str()
        )));
    }
    publish(steps, &campaign.arn, &version).await?;
    let mut deployed = campaign.clone();
    deployed.solution_version = target.clone();
    if let (Some(update), Status::Active) = (&campaign.latest_update, campaign.lifecycle.status) {
        deployed.min_provisioned_tps = update.min_provisioned_tps.or(deployed.min_provisioned_tps);
        deployed.config = update.config.clone().or(deployed.config);
    }
    Ok(deployed)
}

/// Writes the lists of a version. Repeating it writes the same rows again.
async fn publish(steps: &Steps, campaign: &Arn, version: &SolutionVersion) -> Result<(), Failure> {
    let recipe = domain::recipes::find(&version.recipe)
        .ok_or_else(|| Failure::caller(format!("There is no recipe {}.", version.recipe)))?;
    let model = steps.served_model(version).await?;
    let lists = match (recipe.algorithm, recipe.recipe_type) {
        // One list for everybody.
        (Algorithm::PopularityCount, _) => 0,
        (_, RecipeType::UserPersonalization) => model.data.users.len(),
        (_, RecipeType::RelatedItems) => model.loaded.items.len(),
    };
    let total = lists as u64 + 1;
    let (send, mut receive) = mpsc::channel(ROWS_WAITING);
    let scoring = tokio::task::spawn_blocking(move || score(&model, recipe.recipe_type, lists, &send));
    let rows = futures::stream::poll_fn(move |context| receive.poll_recv(context)).boxed();
    let observe = |done| {
        steps.observer.progress(Progress {
            arn: campaign.clone(),
            stage: "precompute",
            done,
            total,
            unit: "lists",
            note: String::new(),
        });
    };
    let published = steps.lists.publish(&version.arn, rows, observe).await;
    let written = published.doing(|| format!("publishing the lists of {}", version.arn))?;
    scoring.await.doing(|| "scoring".into())?.doing(|| format!("encoding the lists of {}", version.arn))?;
    if written != total {
        return Err(Failure::Internal {
            doing: format!("publishing the lists of {}", version.arn),
            cause: format!("{written} of {total} lists were written").into(),
        });
    }
    Ok(())
}

/// Computes every list and hands it to the writer; ends early when the writer is gone.
fn score(
    model: &ServedModel,
    recipe_type: RecipeType,
    lists: usize,
    send: &mpsc::Sender<ListRow>,
) -> Result<(), store::lists::EncodeError> {
    let cold = match recipe_type {
        RecipeType::UserPersonalization => model.for_nobody(NUM_RESULTS_MAX),
        RecipeType::RelatedItems => model.popular(NUM_RESULTS_MAX),
    };
    if send.blocking_send(ListRow::new(ListKey::Cold, &cold)?).is_err() {
        return Ok(());
    }
    let recommender = &model.loaded.model;
    match recipe_type {
        RecipeType::UserPersonalization => {
            let users = 0..lists as u32;
            for (user, list) in
                precompute::user_lists(recommender, &model.data, users, PRECOMPUTED_RESULTS, false)
            {
                let key = ListKey::User(model.data.users.id(user));
                if send.blocking_send(ListRow::new(key, &model.named(list))?).is_err() {
                    return Ok(());
                }
            }
        }
        RecipeType::RelatedItems => {
            for (item, list) in precompute::item_lists(recommender, 0..lists as u32, PRECOMPUTED_RESULTS) {
                let key = ListKey::Item(model.loaded.items.id(item));
                if send.blocking_send(ListRow::new(key, &model.named(list))?).is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}
