//! Deployment in stages.

use domain::Status;
use domain::resource::{Campaign, SolutionVersion};

use crate::app::{App, ITEMS, SHARD_LISTS, USERS, caller, internal};

/// Where receipts lie.
const RECEIPTS: &str = "_osusume/deployments/";

#[tokio::test]
async fn shards_in_any_order_and_twice_give_what_one_process_gives() {
    let app = App::start().await;
    let cases = [("aws-hrnn", USERS, vec![2, 0, 2, 1, 0]), ("aws-sims", ITEMS, vec![1, 1, 0])];
    for (recipe, lists, order) in cases.into_iter().chain([("aws-popularity-count", 0, vec![0, 0])]) {
        let version = app.trained(recipe).await;
        app.deployed(&format!("{recipe}-whole"), &version).await;
        let whole = app.lists(&version).await;
        assert_eq!(whole.len(), lists + 1, "{recipe}");
        app.steps.lists.delete_version(&version).await.unwrap();

        let staged = app.begun(&format!("{recipe}-staged"), &version).await;
        let shards = app.steps.plan_deploy(&staged).await.unwrap();
        assert_eq!(shards, (lists as u32).div_ceil(SHARD_LISTS).max(1), "{recipe}");
        for shard in order {
            app.another_process().publish_shard(&staged, shard).await.unwrap();
        }
        let campaign = app.get::<Campaign>(&staged).await.unwrap();
        assert_eq!(campaign.lifecycle.status, Status::CreateInProgress);
        app.steps.swap(&staged).await.unwrap();
        let campaign = app.get::<Campaign>(&staged).await.unwrap();
        assert_eq!((campaign.lifecycle.status, campaign.attempts), (Status::Active, 0));
        assert_eq!(app.lists(&version).await, whole, "{recipe}");
        assert_eq!(app.keys(RECEIPTS).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_update_serves_the_old_version_until_every_shard_is_published() {
    let app = App::start().await;
    let old = app.trained("aws-hrnn").await;
    let new = app.copy_of(&old).await;
    let campaign = app.deployed("films", &old).await;
    app.begin_update(&campaign, &new).await;
    assert_eq!(app.steps.plan_deploy(&campaign).await.unwrap(), 3);
    for shard in [2, 0] {
        app.steps.publish_shard(&campaign, shard).await.unwrap();
    }
    let refused = internal(app.steps.swap(&campaign).await);
    assert!(refused.contains("shard 1 of 3") && refused.contains("00000001.json"), "{refused}");
    let found = app.get::<Campaign>(&campaign).await.unwrap();
    assert_eq!((found.lifecycle.status, &found.solution_version), (Status::Active, &old));
    assert_eq!(found.latest_update.unwrap().lifecycle.status, Status::CreateInProgress);
    assert_eq!(app.lists(&old).await.len(), USERS + 1);

    // The shard that was missing is all that it takes.
    app.steps.publish_shard(&campaign, 1).await.unwrap();
    app.steps.swap(&campaign).await.unwrap();
    let found = app.get::<Campaign>(&campaign).await.unwrap();
    assert_eq!((found.lifecycle.status, &found.solution_version), (Status::Active, &new));
    assert_eq!(found.min_provisioned_tps, Some(7));
    assert_eq!(found.latest_update.unwrap().lifecycle.status, Status::Active);
    assert_eq!(app.lists(&new).await, app.lists(&old).await);

    // Stages that come late, or twice, find nothing to do.
    app.steps.publish_shard(&campaign, 1).await.unwrap();
    app.steps.swap(&campaign).await.unwrap();
    assert_eq!(app.steps.plan_deploy(&campaign).await.unwrap(), 0);
    assert_eq!(app.get::<Campaign>(&campaign).await.unwrap().solution_version, new);
    assert_eq!(app.keys(RECEIPTS).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_receipt_proves_the_shard_of_this_attempt_and_its_count() {
    let app = App::start().await;
    let version = app.trained("aws-sims").await;
    let campaign = app.begun("films", &version).await;
    assert_eq!(app.steps.plan_deploy(&campaign).await.unwrap(), 2);
    app.steps.publish_shard(&campaign, 0).await.unwrap();
    app.steps.publish_shard(&campaign, 1).await.unwrap();
    let [first, _] = &app.keys(RECEIPTS).await[..] else { panic!("two receipts") };
    app.put(first, r#"{"shard":0,"done":25}"#).await;
    let refused = internal(app.steps.swap(&campaign).await);
    assert!(refused.contains("shard 0") && refused.contains("25 lists instead of 26"), "{refused}");

    // The next attempt plans anew and believes no earlier receipt.
    assert_eq!(app.steps.plan_deploy(&campaign).await.unwrap(), 2);
    assert_eq!(app.keys(RECEIPTS).await, Vec::<String>::new());
    assert!(internal(app.steps.publish_shard(&campaign, 2).await).contains("there are 2 shards"));
}

#[tokio::test]
async fn a_campaign_that_is_deleted_in_the_middle_is_a_clean_end() {
    let app = App::start().await;
    let version = app.trained("aws-sims").await;
    let going = app.begun("going", &version).await;
    let gone = app.begun("gone", &version).await;
    for campaign in [&going, &gone] {
        assert_eq!(app.steps.plan_deploy(campaign).await.unwrap(), 2);
        app.steps.publish_shard(campaign, 0).await.unwrap();
    }
    app.change::<Campaign>(&going, |campaign| campaign.lifecycle.status = Status::DeletePending).await;
    app.steps.resources.delete(&gone).await.unwrap();
    for campaign in [&going, &gone] {
        app.steps.publish_shard(campaign, 1).await.unwrap();
        app.steps.swap(campaign).await.unwrap();
        assert_eq!(app.steps.plan_deploy(campaign).await.unwrap(), 0);
    }
    assert_eq!(app.lists(&version).await.len(), SHARD_LISTS as usize + 1, "the second shard is not there");
    let found = app.get::<Campaign>(&going).await.unwrap();
    assert_eq!(found.lifecycle.status, Status::DeletePending);
    assert!(app.get::<Campaign>(&gone).await.is_none());
    assert_eq!(app.keys(RECEIPTS).await, Vec::<String>::new());
}

#[tokio::test]
async fn deleting_a_campaign_removes_what_its_stages_left() {
    let app = App::start().await;
    let version = app.trained("aws-popularity-count").await;
    let campaign = app.begun("films", &version).await;
    app.steps.publish_shard(&campaign, 0).await.unwrap();
    assert_eq!(app.keys(RECEIPTS).await.len(), 1);
    app.change::<Campaign>(&campaign, |campaign| campaign.lifecycle.status = Status::DeletePending).await;
    app.steps.run(&domain::resource::Job::Delete(campaign)).await.unwrap();
    assert_eq!(app.keys(RECEIPTS).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_process_loads_a_model_once() {
    let app = App::start().await;
    let version = app.trained("aws-sims").await;
    let campaign = app.begun("films", &version).await;
    app.steps.publish_shard(&campaign, 0).await.unwrap();
    let prefix = app.get::<SolutionVersion>(&version).await.unwrap().model.unwrap().artifact_prefix;
    app.steps.objects.delete_prefix(&app.steps.objects.at(prefix)).await.unwrap();
    app.steps.publish_shard(&campaign, 1).await.unwrap();
    internal(app.another_process().publish_shard(&campaign, 1).await);
    // Another version takes the only place.
    let other = app.trained("aws-popularity-count").await;
    let campaign_of_other = app.begun("other", &other).await;
    app.steps.publish_shard(&campaign_of_other, 0).await.unwrap();
    internal(app.steps.publish_shard(&campaign, 1).await);
}

#[tokio::test]
async fn a_version_that_is_not_active_is_the_callers_to_mend() {
    let app = App::start().await;
    let version = app.trained("aws-popularity-count").await;
    let campaign = app.begun("films", &version).await;
    let fail = |version: &mut SolutionVersion| version.lifecycle.status = Status::CreateFailed;
    app.change::<SolutionVersion>(&version, fail).await;
    for refused in [
        caller(app.steps.plan_deploy(&campaign).await),
        caller(app.steps.publish_shard(&campaign, 0).await),
        caller(app.steps.swap(&campaign).await),
    ] {
        assert!(refused.contains("is CREATE FAILED"), "{refused}");
    }
}
