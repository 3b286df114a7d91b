//! The steps that state machines call, by name.
//!
//! A state machine decides order, fan-out and retries; what a step does stands in the crate `steps`,
//! which the local runner calls too. Every step may be killed and called again.

use domain::resource::Job;
use domain::{Arn, EpochMillis, RankingInfluence, ResourceKind};
use lambda_kit::launch::StateMachines;
use lambda_kit::log::Metric;
use lambda_kit::run::{Done, Failed};
use serde::Deserialize;
use serde_json::{Value, json};
use steps::described::Described;
use steps::failure::chain;
use steps::live::{LiveModels, Question};
use steps::{Failure, FollowUp, Steps};
use store::Who;

use crate::outcome::{self, Stopped};

/// Multiply-adds that the workflow function trains by itself; beyond, AWS Batch does. At the measured
/// 100 GFLOP/s of a function with all its cores this is about five minutes, well within fifteen.
pub const SMALL_TRAINING_MAX: u64 = 30_000_000_000_000;

/// One call.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "step", deny_unknown_fields)]
enum Stage {
    /// Begins an import and cuts its sources into ranges.
    ImportPlan { arn: Arn },
    /// Imports one range.
    ImportRange { arn: Arn, index: u32 },
    /// Makes the ranges the dataset's data.
    ImportCommit { arn: Arn },
    /// Begins a training and chooses where it runs.
    TrainPlan { arn: Arn },
    /// Chooses what a search tries next, and in the end where the version is trained.
    NextTrials { arn: Arn },
    /// Carries out one trial of a search.
    Trial { arn: Arn, index: u32 },
    /// Trains, evaluates and writes the model.
    Train { arn: Arn },
    /// Begins a deployment and cuts its lists into shards, or stops a recommender.
    DeployPlan { arn: Arn },
    /// Publishes the lists of one shard.
    DeployShard { arn: Arn, index: u32 },
    /// Moves the campaign to the published version.
    DeploySwap { arn: Arn },
    /// Begins a batch inference, batch segment, export or data deletion job and lists its files or tasks.
    BatchPlan { arn: Arn },
    /// Answers one file, writes one, or carries out one task.
    BatchFile { arn: Arn, index: u32 },
    /// Ends a batch, export or data deletion job.
    BatchFinish { arn: Arn },
    /// Begins what follows from a job that is done.
    FollowUp { arn: Arn },
    /// Begins what is due on schedules, and what should have followed and did not.
    FollowUpAll {},
    /// Deletes a resource with everything that hangs on it.
    Delete { arn: Arn },
    /// Writes down why a state machine ended.
    Fail {
        arn: Arn,
        error: String,
        #[serde(default)]
        cause: String,
    },
    /// Answers for the campaign function what no stored list can.
    Score { arn: Arn, question: Question },
    /// Tells the campaign function what items have in some columns; the ARN is the dataset group's.
    Describe { arn: Arn, asked: Described },
    /// Tells the campaign function why a version recommends items to a user.
    Explain {
        arn: Arn,
        /// `rankingInfluence` of the campaign.
        #[serde(default)]
        influence: RankingInfluence,
        user: String,
        items: Vec<String>,
    },
    /// Writes a user's lists anew for the events function; the ARN is the dataset group's.
    #[serde(rename_all = "camelCase")]
    Refresh {
        arn: Arn,
        user_id: String,
        /// Whether the id is that of a session without a user.
        #[serde(default)]
        anonymous: bool,
    },
}

impl Stage {
    /// The resource that the step works on; nothing where it looks at all of them.
    fn arn(&self) -> Option<&Arn> {
        Some(match self {
            Self::FollowUpAll {} => return None,
            Self::ImportPlan { arn }
            | Self::ImportRange { arn, .. }
            | Self::ImportCommit { arn }
            | Self::TrainPlan { arn }
            | Self::NextTrials { arn }
            | Self::Trial { arn, .. }
            | Self::Train { arn }
            | Self::DeployPlan { arn }
            | Self::DeployShard { arn, .. }
            | Self::DeploySwap { arn }
            | Self::BatchPlan { arn }
            | Self::BatchFile { arn, .. }
            | Self::BatchFinish { arn }
            | Self::FollowUp { arn }
            | Self::Delete { arn }
            | Self::Fail { arn, .. }
            | Self::Score { arn, .. }
            | Self::Describe { arn, .. }
            | Self::Explain { arn, .. }
            | Self::Refresh { arn, .. } => arn,
        })
    }
}

/// What the steps need.
pub struct Workflow {
    /// The steps themselves.
    pub steps: Steps,
    /// Models for live answers.
    pub live: LiveModels,
    /// Multiply-adds of a training that still runs in the function.
    pub small_training_max: u64,
    /// Starts what follows from a job.
    pub machines: StateMachines,
}

impl Workflow {
    /// Carries out one call.
    pub async fn handle(&self, event: Value) -> Result<Done, Failed> {
        let operation = event["step"].as_str().unwrap_or("none").to_owned();
        let resource = event["arn"].as_str().map(str::to_owned);
        let stage: Stage = serde_json::from_value(event).map_err(|error| Failed {
            operation: operation.clone(),
            resource: resource.clone(),
            name: outcome::BAD_INPUT,
            message: format!("The input of the step is not valid: {error}."),
        })?;
        match self.run(&stage).await {
            Ok((value, metrics)) => Ok(Done { value, operation, resource, metrics }),
            Err(failure) => Err(outcome::failed(operation, resource, &failure)),
        }
    }

    async fn run(&self, stage: &Stage) -> Result<(Value, Vec<Metric>), Failure> {
        let steps = &self.steps;
        let value = match stage {
            Stage::ImportPlan { arn } => match steps.begin_job(&Job::Import(arn.clone())).await? {
                true => fan_out(steps.plan_import(arn).await?),
                false => nothing_to_do(),
            },
            Stage::ImportRange { arn, index } => {
                steps.import_range(arn, *index).await?;
                json!({})
            }
            Stage::ImportCommit { arn } => {
                steps.commit_import(arn).await?;
                json!({})
            }
            Stage::TrainPlan { arn } => match steps.begin_job(&Job::Train(arn.clone())).await? {
                true => self.where_to_train(arn).await?,
                false => nothing_to_do(),
            },
            Stage::NextTrials { arn } => self.where_to_train(arn).await?,
            Stage::Trial { arn, index } => {
                let Stopped(stopped) = outcome::stopped(steps.trial(arn, *index).await)?;
                json!({ "stopped": stopped })
            }
            Stage::Train { arn } => {
                let Stopped(stopped) = outcome::stopped(steps.train_begun(arn).await)?;
                json!({ "stopped": stopped })
            }
            Stage::DeployPlan { arn } => match steps.begin_job(&Job::Deploy(arn.clone())).await? {
                true => fan_out(steps.plan_deploy(arn).await?),
                false => nothing_to_do(),
            },
            Stage::DeployShard { arn, index } => {
                let published = steps.publish_shard(arn, *index).await?;
                return Ok((json!({}), outcome::published(&published)));
            }
            Stage::DeploySwap { arn } => {
                steps.swap(arn).await?;
                json!({})
            }
            Stage::BatchPlan { arn } => match steps.begin_batch(arn).await? {
                true => fan_out(steps.plan_batch(arn).await?),
                false => nothing_to_do(),
            },
            Stage::BatchFile { arn, index } => {
                steps.answer_shard(arn, *index).await?;
                json!({})
            }
            Stage::BatchFinish { arn } => {
                steps.finish_batch(arn).await?;
                json!({})
            }
            Stage::FollowUp { arn } => self.launch(steps.follow_up(arn).await?).await?,
            Stage::FollowUpAll {} => {
                let launched = self.launch(steps.follow_up_all().await?).await;
                // Last, so that a report that takes too long keeps no training back.
                let failures = steps.report_events(EpochMillis::now()).await;
                self.launch(FollowUp { jobs: vec![], failures }).await?;
                launched?
            }
            Stage::Delete { arn } => {
                steps.run(&Job::Delete(arn.clone())).await?;
                json!({})
            }
            Stage::Fail { arn, error, cause } => {
                if let Some(job) = job(arn) {
                    steps.end_as_failed(&job, &outcome::reason(error, cause)).await?;
                }
                json!({})
            }
            Stage::Score { arn, question } => {
                let list = match self.live.answer(arn, question.clone()).await {
                    Ok(list) => list,
                    // An answer and no failure of the function: the caller of the API mends the filter.
                    Err(Failure::Caller(why)) if question.filter.is_some() => {
                        return Ok((json!({ "refused": why }), Vec::new()));
                    }
                    Err(failure) => return Err(failure),
                };
                json!({ "items": list.items, "scores": list.scores })
            }
            Stage::Describe { arn, asked } => match self.live.describe(arn, asked).await {
                Ok(shown) => json!({ "shown": shown }),
                Err(Failure::Caller(why)) => json!({ "refused": why }),
                Err(failure) => return Err(failure),
            },
            Stage::Explain { arn, influence, user, items } => {
                json!({ "reasons": self.live.explain(arn, *influence, user, items).await? })
            }
            Stage::Refresh { arn, user_id, anonymous } => {
                let who = if *anonymous { Who::Session(user_id) } else { Who::User(user_id) };
                let written = self.live.refresh(arn, who).await?;
                return Ok((json!({}), vec![Metric::count("ListsRefreshed", written as f64)]));
            }
        };
        tracing::debug!(arn = stage.arn().map(Arn::as_str), "done");
        Ok((value, Vec::new()))
    }

    /// Starts the jobs of a follow-up, each whatever became of the others, and fails where anything
    /// failed, so that the step is tried again. A job whose start failed still waits then, and is told
    /// again.
    async fn launch(&self, follow_up: FollowUp) -> Result<Value, Failure> {
        let FollowUp { jobs, mut failures } = follow_up;
        let mut launched = Vec::new();
        for job in jobs {
            match self.machines.start(&job).await {
                Ok(()) => launched.push(job.arn().clone()),
                Err(error) => failures.push(Failure::Internal {
                    doing: format!("launching {}", job.arn()),
                    cause: error.into(),
                }),
            }
        }
        for failure in failures.iter().skip(1) {
            tracing::error!("{}", chain(failure));
        }
        // The first one is told by whoever called.
        failures.into_iter().next().map_or_else(|| Ok(json!({ "launched": launched })), Err)
    }
}

impl Workflow {
    /// What a training does next: trials of its search, or the training itself; each with the place
    /// that has the time for it.
    async fn where_to_train(&self, arn: &Arn) -> Result<Value, steps::Failure> {
        let Some(trials) = self.steps.next_trials(arn).await? else { return Ok(nothing_to_do()) };
        if trials.open.is_empty() {
            let work = self.steps.training_work(arn).await?;
            return Ok(json!({ "go": true, "trainer": self.trainer(work), "multiplyAdds": work }));
        }
        let trial = |&(index, work): &(u32, u64)| json!({ "index": index, "trainer": self.trainer(work) });
        let open: Vec<Value> = trials.open.iter().map(trial).collect();
        Ok(json!({ "go": true, "trainer": "TRIALS", "trials": open, "parallel": trials.parallel }))
    }

    fn trainer(&self, work: u64) -> &'static str {
        if work <= self.small_training_max { "FUNCTION" } else { "BATCH" }
    }
}

/// What a Map state goes over.
fn fan_out(count: u32) -> Value {
    json!({ "go": true, "indices": (0..count).collect::<Vec<u32>>() })
}

/// The resource is at rest already: it was stopped, deleted, or done by another execution.
fn nothing_to_do() -> Value {
    json!({ "go": false })
}

/// The job that a resource is worked on by.
fn job(arn: &Arn) -> Option<Job> {
    Some(match arn.kind() {
        ResourceKind::DatasetImportJob => Job::Import(arn.clone()),
        ResourceKind::SolutionVersion | ResourceKind::RecommenderVersion => Job::Train(arn.clone()),
        ResourceKind::Campaign | ResourceKind::Recommender => Job::Deploy(arn.clone()),
        ResourceKind::BatchInferenceJob => Job::BatchInference(arn.clone()),
        ResourceKind::BatchSegmentJob => Job::BatchSegment(arn.clone()),
        ResourceKind::DatasetExportJob => Job::Export(arn.clone()),
        ResourceKind::DataDeletionJob => Job::DataDeletion(arn.clone()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:personalize:us-east-1:000000000000:campaign/films";

    #[test]
    fn inputs_by_hand_with_missing_or_unknown_members_are_refused() {
        let parse = |value: Value| serde_json::from_value::<Stage>(value).map_err(|error| error.to_string());
        assert!(parse(json!({ "step": "DeployShard", "arn": ARN, "index": 3 })).is_ok());
        assert!(
            parse(json!({ "step": "Score", "arn": ARN, "question": { "userId": "1", "numResults": 3 } }))
                .is_ok()
        );
        let asked = json!({ "items": ["1"], "columns": ["GENRES"] });
        assert!(parse(json!({ "step": "Describe", "arn": ARN, "asked": asked })).is_ok());
        assert!(parse(json!({ "step": "Explain", "arn": ARN, "user": "1", "items": ["2"] })).is_ok());
        assert!(parse(json!({ "step": "Refresh", "arn": ARN, "userId": "1" })).is_ok());
        let filter = json!({ "expression": "EXCLUDE …", "dataset_group": ARN, "values": { "A": "1" } });
        let question = json!({ "userId": null, "numResults": 3, "filter": filter });
        assert!(parse(json!({ "step": "Score", "arn": ARN, "question": question })).is_ok());
        assert!(parse(json!({ "step": "DeployShard", "arn": ARN })).unwrap_err().contains("index"));
        assert!(parse(json!({ "step": "Deploy", "arn": ARN })).unwrap_err().contains("unknown variant"));
        assert!(parse(json!({ "step": "Delete", "arn": "films" })).is_err());
        assert!(parse(json!({ "arn": ARN })).unwrap_err().contains("step"));
        assert!(parse(json!({ "step": "FollowUpAll" })).is_ok());
        assert!(parse(json!({ "step": "FollowUpAll", "arn": ARN })).is_err());
    }

    #[test]
    fn a_fan_out_is_what_a_map_state_goes_over() {
        assert_eq!(fan_out(3), json!({ "go": true, "indices": [0, 1, 2] }));
    }
}
