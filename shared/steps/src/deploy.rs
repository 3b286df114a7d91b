//! Deployment: every list of a version is written, then one write moves the campaign's pointer.
//!
//! The lists go to the slot that does not serve, over what is there. Before the first of them one
//! conditional write says that this slot holds nothing whole any more, and the swap says what it holds
//! now. So a version that the other slot still holds whole is rolled back to without writing a list.
//!
//! Published lists follow from what the version was trained on. Just before the swap the users who did
//! something since are scored again; `late.rs` says why none is missed.

mod late;
mod shards;
mod target;

use std::ops::Range;
use std::sync::Arc;

use domain::Status;
use domain::limits::{NUM_RESULTS_MAX, PRECOMPUTED_RESULTS};
use domain::recipes::{Recipe, RecipeType};
use domain::recommender::Serving;
use domain::resource::{Campaign, SolutionVersion};
use futures::StreamExt;
use recipe::precompute;
use store::{ListKey, ListRow, Published, Shelf};
use tokio::sync::mpsc;

pub(crate) use self::target::Target;

use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::models::{ServedModel, Steer, recipe_of, trained};
use crate::progress::Progress;

/// Rows that wait between the scoring thread and the writer.
const ROWS_WAITING: usize = 1024;

/// Publishes the lists of the version that a campaign asks for and moves the campaign to it.
pub(crate) async fn deploy(steps: &Steps, serving: &Serving) -> Result<Serving, Failure> {
    let deployment = Deployment::of(steps, serving.clone()).await?;
    // One that another process has ended meanwhile is left to `Steps::finish`, which finds that out.
    if !deployment.target.whole && deployment.open(steps).await? {
        let model = Arc::new(steps.served_model(&deployment.version).await?);
        deployment.publish(steps, model, deployment.whole()).await?;
    }
    deployment.catch_up(steps).await?;
    Ok(deployment.deployed())
}

/// A campaign, or what a recommender serves, on its way to a version.
struct Deployment {
    serving: Serving,
    target: Target,
    version: SolutionVersion,
    recipe: &'static Recipe,
    /// Lists of users or items; the cold list comes on top.
    lists: u32,
}

/// Lists of a deployment that are published together.
struct Part {
    /// Numbers of users or items.
    lists: Range<u32>,
    /// Whether the cold list is one of them.
    cold: bool,
    /// Which part it is, for whoever watches.
    note: String,
}

impl Part {
    /// Lists in all.
    fn total(&self) -> u64 {
        u64::from(self.lists.end - self.lists.start) + u64::from(self.cold)
    }
}

impl Deployment {
    /// What a campaign asks for, which is its update once it serves.
    async fn of(steps: &Steps, serving: Serving) -> Result<Self, Failure> {
        let target = Target::of(serving.campaign());
        let version = steps.existing::<SolutionVersion>(&target.version).await?;
        if version.lifecycle.status != Status::Active {
            // The caller of a recommender knows of no version.
            if let (Serving::Recommender(_), Some(reason)) = (&serving, &version.lifecycle.failure_reason) {
                return Err(Failure::caller(reason.clone()));
            }
            return Err(Failure::caller(format!(
                "{} is {}; a campaign serves an ACTIVE solution version.",
                version.arn,
                version.lifecycle.status.as_str()
            )));
        }
        let recipe = recipe_of(&version)?;
        let model = trained(&version)?;
        let lists = match recipe.recipe_type {
            RecipeType::UserSegmentation => {
                return Err(Failure::caller(format!(
                    "A campaign cannot serve the recipe {}: get its segments with CreateBatchSegmentJob.",
                    recipe.arn()
                )));
            }
            _ if recipe.one_for_all() => 0,
            // Every answer depends on the items that are given.
            RecipeType::PersonalizedRanking => 0,
            RecipeType::RelatedItems => model.items,
            RecipeType::UserPersonalization | RecipeType::PopularItems | RecipeType::PersonalizedActions => {
                model.users
            }
        };
        let lists = u32::try_from(lists).doing(|| format!("counting the lists of {}", version.arn))?;
        Ok(Self { serving, target, version, recipe, lists })
    }

    /// Every list.
    fn whole(&self) -> Part {
        Part { lists: 0..self.lists, cold: true, note: String::new() }
    }

    fn campaign(&self) -> &Campaign {
        self.serving.campaign()
    }

    /// The campaign as it is once it serves the version.
    fn deployed(mut self) -> Serving {
        let campaign = self.serving.campaign_mut();
        *campaign = self.target.reached(campaign.clone());
        self.serving
    }

    /// Says that the slot holds nothing whole, before a list in it is written over. False when the
    /// campaign is gone or does not ask for this any more, so that nothing may be written.
    ///
    /// A slot that is said to hold nothing already costs no call, so every shard may ask.
    async fn open(&self, steps: &Steps) -> Result<bool, Failure> {
        let slot = self.target.slot;
        if self.campaign().slots.held(slot).is_none() {
            return Ok(true);
        }
        let mut asked = false;
        let opened = steps.resources.update::<Serving, _>(&self.campaign().arn, |serving| {
            let campaign = serving.campaign_mut();
            asked = self.target.is_asked_for_by(campaign);
            if asked {
                campaign.slots.hold(slot, None);
            }
            Ok::<_, std::convert::Infallible>(())
        });
        let opened = opened.await.doing(|| format!("opening a slot of {}", self.campaign().arn))?;
        Ok(opened.is_some() && asked)
    }

    /// Writes a part of the lists. Repeating it writes the same rows again.
    async fn publish(
        &self,
        steps: &Steps,
        model: Arc<ServedModel>,
        part: Part,
    ) -> Result<Published, Failure> {
        let version = &self.version.arn;
        let shelf = Shelf::new(&self.campaign().arn, self.target.slot);
        let publishing = || format!("publishing the lists of {version}");
        let fail = |cause: String| Failure::Internal { doing: publishing(), cause: cause.into() };
        let known = match self.recipe.recipe_type {
            RecipeType::RelatedItems => model.loaded.items.len(),
            _ => model.data.users.len(),
        };
        if self.lists != 0 && self.lists as usize != known {
            return Err(fail(format!("it was trained for {} lists and its data has {known}", self.lists)));
        }
        let total = part.total();
        let observe = |done| {
            steps.observer.progress(Progress {
                arn: self.campaign().arn.clone(),
                stage: "precompute",
                done,
                total,
                unit: "lists",
                loss: None,
                note: part.note.clone(),
            });
        };
        let (send, mut receive) = mpsc::channel(ROWS_WAITING);
        let (recipe_type, lists, cold) = (self.recipe.recipe_type, part.lists.clone(), part.cold);
        let steer = model.steer(&self.target.steering)?;
        let scoring =
            tokio::task::spawn_blocking(move || score(&model, &steer, recipe_type, lists, cold, &send));
        let rows = futures::stream::poll_fn(move |context| receive.poll_recv(context)).boxed();
        let published = tokio::select! {
            published = steps.lists.publish(shelf, version, rows, observe) => published.doing(publishing)?,
            () = self.target.withdrawn(steps, &self.campaign().arn) => {
                return Err(fail("its campaign does not ask for it any more".into()));
            }
        };
        scoring.await.doing(|| "scoring".into())?.doing(|| format!("encoding the lists of {version}"))?;
        let Published { written, write_units } = published;
        if written != total {
            return Err(fail(format!("{written} of {total} lists were written")));
        }
        tracing::info!(campaign = %self.campaign().arn, slot = ?self.target.slot, %version, lists = written, write_units, "published");
        Ok(published)
    }
}

/// Computes lists and hands them to the writer; ends early when the writer is gone.
fn score(
    model: &ServedModel,
    steer: &Steer,
    recipe_type: RecipeType,
    lists: Range<u32>,
    cold: bool,
    send: &mpsc::Sender<ListRow>,
) -> Result<(), store::lists::EncodeError> {
    if cold {
        let cold = match recipe_type {
            RecipeType::RelatedItems => model.popular(NUM_RESULTS_MAX),
            _ => model.for_nobody(NUM_RESULTS_MAX, steer),
        };
        if send.blocking_send(ListRow::new(ListKey::Cold, &cold)?).is_err() {
            return Ok(());
        }
    }
    let recommender = &model.loaded.model;
    match recipe_type {
        RecipeType::RelatedItems => {
            for (item, list) in precompute::item_lists(recommender, lists, PRECOMPUTED_RESULTS) {
                let key = ListKey::Item(model.loaded.items.id(item));
                if send.blocking_send(ListRow::new(key, &model.named(list))?).is_err() {
                    return Ok(());
                }
            }
        }
        _ => {
            for (user, list) in model.for_users(lists, PRECOMPUTED_RESULTS, false, steer) {
                if send.blocking_send(ListRow::new(ListKey::User(user), &list)?).is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}
