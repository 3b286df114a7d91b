//! What follows by itself from a job that is done.
//!
//! After an import into an Interactions dataset every solution of its group with automatic training gets
//! a version; after a training, and after a deployment, every campaign that follows its solution is
//! asked to move to the newest version. A recommender does both, and its creation is led from step to step
//! here. [`Steps::follow_up_all`] looks at everything instead: at
//! schedules, and at what a process that was killed left undone.
//!
//! The rules stand in `lifecycle::auto_training` and `lifecycle::campaign_update`. They look at what is
//! there, so a follow-up may be killed and repeated like any step. It is no part of the job that caused
//! it: that job is done, whatever becomes of its follow-up.

use domain::recommender::{Recommender, Serving};
use domain::resource::{Campaign, Dataset, DatasetImportJob, DatasetType, Job, Solution};
use domain::{ApiError, Arn, EpochMillis, ResourceKind, Status};
use lifecycle::auto_training::{self, FORGOTTEN_AFTER_MS, Occasion};
use lifecycle::campaign_update::{self, Change, Follow};
use lifecycle::version;
use store::resources::UpdateError;

use crate::Steps;
use crate::failure::{Doing, Failure};

/// The jobs that are to be launched now, and what could not be done. The two are independent: what
/// concerns one solution or campaign does not keep another one back.
#[derive(Debug, Default)]
pub struct FollowUp {
    /// Jobs whose resources wait for them.
    pub jobs: Vec<Job>,
    /// What failed; the same call may be made again.
    pub failures: Vec<Failure>,
}

impl FollowUp {
    fn add(&mut self, doing: impl FnOnce() -> String, asked: Result<Option<Job>, ApiError>) {
        match asked {
            Ok(job) => self.jobs.extend(job),
            Err(error) => self.failures.push(Failure::Internal { doing: doing(), cause: error.into() }),
        }
    }
}

impl Steps {
    /// What follows from a job of this resource that has ended. A failed one leads to nothing new.
    pub async fn follow_up(&self, finished: &Arn) -> Result<FollowUp, Failure> {
        let mut follow_up = FollowUp::default();
        match finished.kind() {
            ResourceKind::DatasetImportJob => self.train_anew(finished, &mut follow_up).await?,
            ResourceKind::SolutionVersion => {
                let campaigns = self.children(ResourceKind::Campaign, Some(&finished.solution())).await?;
                self.move_on(campaigns, Occasion::Change, &mut follow_up).await;
            }
            ResourceKind::Campaign => {
                let campaign = self.resources.get_as::<Serving>(finished).await;
                let campaign = campaign.doing(|| format!("reading {finished}"))?.map(|found| found.value);
                self.move_on(campaign, Occasion::Change, &mut follow_up).await;
            }
            ResourceKind::Recommender | ResourceKind::RecommenderVersion => {
                let recommender = finished.solution();
                let found = self.resources.get_as::<Recommender>(&recommender).await;
                if let Some(found) = found.doing(|| format!("reading {recommender}"))? {
                    self.go_on(found.value, Occasion::Change, &mut follow_up).await;
                }
            }
            _ => {}
        }
        Ok(follow_up)
    }

    /// What is due on its schedule, and whatever should have followed from a job and did not.
    pub async fn follow_up_all(&self) -> Result<FollowUp, Failure> {
        let mut follow_up = FollowUp::default();
        for solution in self.children::<Solution>(ResourceKind::Solution, None).await? {
            self.train_if_needed(&solution, Occasion::Schedule, &mut follow_up).await;
        }
        let campaigns = self.children(ResourceKind::Campaign, None).await?;
        self.move_on(campaigns, Occasion::Schedule, &mut follow_up).await;
        for recommender in self.children(ResourceKind::Recommender, None).await? {
            self.go_on(recommender, Occasion::Schedule, &mut follow_up).await;
        }
        Ok(follow_up)
    }

    /// Versions of the data that an import brought, or that another one has brought since.
    async fn train_anew(&self, import: &Arn, follow_up: &mut FollowUp) -> Result<(), Failure> {
        let job = self.resources.get_as::<DatasetImportJob>(import).await;
        let Some(job) = job.doing(|| format!("reading {import}"))?.map(|found| found.value) else {
            return Ok(());
        };
        let dataset = self.resources.get_as::<Dataset>(&job.dataset).await;
        let dataset = dataset.doing(|| format!("reading {}", job.dataset))?.map(|found| found.value);
        let Some(Dataset { dataset_type: DatasetType::Interactions, dataset_group, .. }) = dataset else {
            return Ok(());
        };
        if job.lifecycle.status != Status::Active {
            return Ok(());
        }
        for solution in self.children::<Solution>(ResourceKind::Solution, Some(&dataset_group)).await? {
            self.train_if_needed(&solution, Occasion::Change, follow_up).await;
        }
        for recommender in
            self.children::<Recommender>(ResourceKind::Recommender, Some(&dataset_group)).await?
        {
            self.train_if_needed(&recommender.trainer(), Occasion::Change, follow_up).await;
        }
        Ok(())
    }

    /// What a recommender needs: its first version, what it waits for, and once it serves a version of the
    /// present data, and the newest of its versions.
    async fn go_on(&self, recommender: Recommender, occasion: Occasion, follow_up: &mut FollowUp) {
        let asked = self.next_of(&recommender, occasion).await;
        follow_up.add(|| format!("going on with {}", recommender.serves.arn), asked);
        if recommender.serves.lifecycle.status != Status::Active {
            return;
        }
        self.train_if_needed(&recommender.trainer(), occasion, follow_up).await;
        let pruned = self.prune(&recommender).await.map(|()| None).map_err(ApiError::internal);
        follow_up.add(|| format!("removing old versions of {}", recommender.serves.arn), pruned);
        self.move_on([Serving::Recommender(recommender)], occasion, follow_up).await;
    }

    async fn train_if_needed(&self, solution: &Solution, occasion: Occasion, follow_up: &mut FollowUp) {
        if solution.schedule().is_none() {
            return;
        }
        let asked = async {
            let live = match occasion {
                Occasion::Change => vec![],
                Occasion::Schedule => {
                    let live = self.live(&solution.dataset_group).await;
                    live.map_err(ApiError::internal)?.identities()
                }
            };
            let now = EpochMillis::now();
            auto_training::version_for(&self.resources, &solution.arn, occasion, live, now).await
        };
        follow_up.add(|| format!("creating a version of {} by itself", solution.arn), asked.await);
    }

    async fn move_on(
        &self,
        serving: impl IntoIterator<Item = Serving>,
        occasion: Occasion,
        follow_up: &mut FollowUp,
    ) {
        for serving in serving {
            let campaign = serving.campaign();
            if campaign.follows_latest() {
                let asked = self.follow_latest(campaign, occasion).await;
                follow_up.add(|| format!("moving {} to the newest version", campaign.arn), asked);
            }
        }
    }

    /// Asks a campaign to move to the newest version of its solution, where it is to.
    async fn follow_latest(&self, campaign: &Campaign, occasion: Occasion) -> Result<Option<Job>, ApiError> {
        let solution = campaign.solution_version.solution();
        let versions = version::all(&self.resources, &solution).await?;
        let now = EpochMillis::now();
        let mut launch = false;
        let asked = self
            .resources
            .update(&campaign.arn, |serving: &mut Serving| {
                let campaign = serving.campaign_mut();
                launch = match campaign_update::follow(campaign, &versions) {
                    Follow::Stay => false,
                    Follow::Waits(since) => {
                        occasion == Occasion::Change || now.0 - since.0 >= FORGOTTEN_AFTER_MS
                    }
                    Follow::Move(solution_version) => {
                        let change = Change { solution_version, min_provisioned_tps: None, config: None };
                        campaign_update::ask(campaign, &change, now)?;
                        true
                    }
                };
                Ok(())
            })
            .await;
        match asked {
            Ok(Some(_)) => Ok(launch.then(|| Job::Deploy(campaign.arn.clone()))),
            Ok(None) => Ok(None),
            Err(UpdateError::Refused(error)) => Err(error),
            Err(error) => Err(ApiError::internal(error)),
        }
    }

    pub(crate) async fn children<R: TryFrom<domain::Resource>>(
        &self,
        kind: ResourceKind,
        parent: Option<&Arn>,
    ) -> Result<Vec<R>, Failure> {
        let found = self.resources.list_all(kind, parent).await;
        let found = found.doing(|| match parent {
            Some(parent) => format!("listing what belongs to {parent}"),
            None => format!("listing every {}", kind.segment()),
        })?;
        Ok(found.into_iter().filter_map(|resource| R::try_from(resource).ok()).collect())
    }
}
