//! The steps over the embedded services, from a CSV to what is served.

mod app;
mod attribution;
mod batch;
mod checkpoints;
mod deletions;
mod deploy;
mod events;
mod exports;
mod filters;
mod follow_up;
mod ranges;
mod recommenders;
mod segments;
mod tune;
mod world;

use std::future::Future;

/// Callers run the stages in tasks of a runtime with several threads. Never called: that it compiles is
/// the test.
#[allow(dead_code)]
fn every_stage_can_be_spawned(steps: &steps::Steps, job: &domain::resource::Job, arn: &domain::Arn) {
    fn is_send<T>(_: impl Future<Output = T> + Send) {}
    is_send(steps.plan_deploy(arn));
    is_send(steps.publish_shard(arn, 0));
    is_send(steps.swap(arn));
    is_send(steps.begin_batch(arn));
    is_send(steps.plan_batch(arn));
    is_send(steps.answer_shard(arn, 0));
    is_send(steps.finish_batch(arn));
    is_send(steps.run(job));
    is_send(steps.begin_job(job));
    is_send(steps.plan_import(arn));
    is_send(steps.import_range(arn, 0));
    is_send(steps.commit_import(arn));
    is_send(steps.follow_up(arn));
    is_send(steps.follow_up_all());
}
