//! Deployment in stages.

use domain::resource::{Campaign, Job, SolutionVersion};
use domain::{Arn, Slot, Slots, Status};
use store::Published;

use crate::app::{App, ITEMS, SHARD_LISTS, USERS, caller, internal};

/// Where receipts lie.
const RECEIPTS: &str = "_osusume/deployments/";

/// What a campaign's slots are expected to be.
fn slots(serving: Slot, a: Option<&Arn>, b: Option<&Arn>) -> Slots {
    let mut slots = Slots::default();
    slots.serving = serving;
    slots.hold(Slot::A, a.cloned());
    slots.hold(Slot::B, b.cloned());
    slots
}

#[tokio::test]
async fn shards_in_any_order_and_twice_give_what_one_process_gives() {
    let app = App::start().await;
    let cases = [("aws-hrnn", USERS, vec![2, 0, 2, 1, 0]), ("aws-sims", ITEMS, vec![1, 1, 0])];
    for (recipe, lists, order) in cases.into_iter().chain([("aws-popularity-count", 0, vec![0, 0])]) {
        let version = app.trained(recipe).await;
        let deployed = app.deployed(&format!("{recipe}-whole"), &version).await;
        let whole = app.served(&deployed).await;
        assert_eq!(whole.len(), lists + 1, "{recipe}");

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
        assert_eq!(app.served(&staged).await, whole, "{recipe}");
        assert_eq!(app.keys(RECEIPTS).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_update_serves_the_old_version_until_every_shard_is_published() {
    let app = App::start().await;
    let old = app.trained("aws-hrnn").await;
    let new = app.copy_of(&old, 2).await;
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
    assert_eq!(found.slots, slots(Slot::A, Some(&old), None));
    let before = app.served(&campaign).await;
    assert_eq!(before.len(), USERS + 1);

    // The shard that was missing is all that it takes.
    app.steps.publish_shard(&campaign, 1).await.unwrap();
    app.steps.swap(&campaign).await.unwrap();
    let found = app.get::<Campaign>(&campaign).await.unwrap();
    assert_eq!((found.lifecycle.status, &found.solution_version), (Status::Active, &new));
    assert_eq!(found.min_provisioned_tps, Some(7));
    assert_eq!(found.latest_update.unwrap().lifecycle.status, Status::Active);
    assert_eq!(found.slots, slots(Slot::B, Some(&old), Some(&new)));
    assert_eq!(app.served(&campaign).await, before);
    assert_eq!(app.lists(&campaign, Slot::A, &old).await, before);

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
    for campaign in [&going, &gone] {
        let lists = app.lists(campaign, Slot::A, &version).await;
        assert_eq!(lists.len(), SHARD_LISTS as usize + 1, "the second shard is not there");
    }
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
    app.steps.run(&Job::Delete(campaign)).await.unwrap();
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

/// Removes a version's model, so that nothing can be published from it any more.
async fn lose_model(app: &App, version: &Arn) {
    let prefix = app.get::<SolutionVersion>(version).await.unwrap().model.unwrap().artifact_prefix;
    app.steps.objects.delete_prefix(&app.steps.objects.at(prefix)).await.unwrap();
}

#[tokio::test]
async fn going_back_to_the_version_before_writes_no_list() {
    let app = App::start().await;
    let one = app.trained("aws-sims").await;
    let two = app.copy_of(&one, 2).await;
    let campaign = app.deployed("films", &one).await;
    let before = app.served(&campaign).await;
    assert_eq!(app.updated(&campaign, &two).await.slots, slots(Slot::B, Some(&one), Some(&two)));
    // Both versions have this one. Whatever would publish a list fails from here on.
    lose_model(&app, &one).await;
    assert_eq!(app.updated(&campaign, &one).await.slots, slots(Slot::A, Some(&one), Some(&two)));
    assert_eq!(app.served(&campaign).await, before);

    // And forth again, in stages.
    app.begin_update(&campaign, &two).await;
    assert_eq!(app.another_process().plan_deploy(&campaign).await.unwrap(), 0);
    assert_eq!(app.another_process().publish_shard(&campaign, 0).await.unwrap(), Published::default());
    app.another_process().swap(&campaign).await.unwrap();
    let found = app.get::<Campaign>(&campaign).await.unwrap();
    assert_eq!(found.latest_update.unwrap().lifecycle.status, Status::Active);
    assert_eq!((found.slots, found.solution_version), (slots(Slot::B, Some(&one), Some(&two)), two));
    assert_eq!(app.served(&campaign).await, before);
}

#[tokio::test]
async fn the_version_that_serves_is_published_again_when_it_is_asked_for_again() {
    let app = App::start().await;
    let version = app.trained("aws-sims").await;
    let campaign = app.deployed("films", &version).await;
    let before = app.served(&campaign).await;
    for serving in [Slot::B, Slot::A, Slot::B] {
        // Somebody lost the lists that serve.
        let damaged = store::Shelf::new(&campaign, serving.other());
        app.steps.lists.delete(damaged).await.unwrap();
        assert_eq!(app.updated(&campaign, &version).await.slots.serving, serving);
        assert_eq!(app.served(&campaign).await, before);
    }
    let found = app.get::<Campaign>(&campaign).await.unwrap();
    assert_eq!(found.slots, slots(Slot::B, Some(&version), Some(&version)));
}

#[tokio::test]
async fn a_deployment_that_is_killed_leaves_what_serves_whole_and_its_own_slot_open() {
    let app = App::start().await;
    let one = app.trained("aws-hrnn").await;
    let [two, three] = [app.copy_of(&one, 2).await, app.copy_of(&one, 3).await];
    let campaign = app.deployed("films", &one).await;
    let whole = app.served(&campaign).await;
    assert_eq!(whole.len(), USERS + 1);
    app.updated(&campaign, &two).await;

    // Slot A is open from the plan on, and its lists of the first version go one by one.
    app.begin_update(&campaign, &three).await;
    assert_eq!(app.steps.plan_deploy(&campaign).await.unwrap(), 3);
    let open = slots(Slot::B, None, Some(&two));
    assert_eq!(app.get::<Campaign>(&campaign).await.unwrap().slots, open);
    app.steps.publish_shard(&campaign, 1).await.unwrap();
    assert_eq!(app.lists(&campaign, Slot::A, &one).await.len(), USERS + 1 - SHARD_LISTS as usize);
    assert_eq!(app.lists(&campaign, Slot::A, &three).await.len(), SHARD_LISTS as usize);
    assert_eq!(app.served(&campaign).await, whole, "slot B serves on");
    app.steps.end_as_failed(&Job::Deploy(campaign.clone()), "killed").await.unwrap();
    assert_eq!(app.get::<Campaign>(&campaign).await.unwrap().slots, open);
    assert_eq!(app.served(&campaign).await, whole);
    // A shard of it that comes late finds nothing to do.
    assert_eq!(app.steps.publish_shard(&campaign, 0).await.unwrap(), Published::default());

    // So going back to the first version publishes it again, over what the third one left.
    app.begin_update(&campaign, &one).await;
    assert_eq!(app.steps.plan_deploy(&campaign).await.unwrap(), 3);
    for shard in 0..3 {
        app.another_process().publish_shard(&campaign, shard).await.unwrap();
    }
    app.steps.swap(&campaign).await.unwrap();
    assert_eq!(app.get::<Campaign>(&campaign).await.unwrap().slots, slots(Slot::A, Some(&one), Some(&two)));
    assert_eq!(app.served(&campaign).await, whole);
    assert_eq!(app.lists(&campaign, Slot::A, &three).await.len(), 0);
}

#[tokio::test]
async fn what_an_older_version_left_in_a_slot_is_never_served() {
    let app = App::start().await;
    let one = app.trained("aws-sims").await;
    let [two, three] = [app.copy_of(&one, 2).await, app.copy_of(&one, 3).await];
    let campaign = app.deployed("films", &one).await;
    let whole = app.served(&campaign).await;
    // Somebody whom only the first version knows.
    let (shelf, departed) = (store::Shelf::new(&campaign, Slot::A), store::ListKey::Item("departed"));
    let row = store::ListRow::new(departed, &whole["item 'item-0'"]).unwrap();
    app.steps.lists.publish(shelf, &one, futures::stream::iter([row]), |_| {}).await.unwrap();
    app.updated(&campaign, &two).await;
    assert_eq!(app.updated(&campaign, &three).await.slots, slots(Slot::A, Some(&three), Some(&two)));
    assert_eq!(app.served(&campaign).await, whole);
    assert_eq!(app.lists(&campaign, Slot::A, &one).await.len(), 0);
    let found = app.steps.lists.get(shelf, &three, &departed).await.unwrap();
    assert_eq!(found, store::Found::OtherVersion);
}

#[tokio::test]
async fn deleting_a_campaign_removes_the_lists_of_both_its_slots_and_of_no_other_campaign() {
    let app = App::start().await;
    let one = app.trained("aws-sims").await;
    let two = app.copy_of(&one, 2).await;
    let campaigns = [app.deployed("films", &one).await, app.deployed("other", &one).await];
    for campaign in &campaigns {
        app.updated(campaign, &two).await;
    }
    let [gone, other] = campaigns;
    app.change::<Campaign>(&gone, |campaign| campaign.lifecycle.status = Status::DeletePending).await;
    app.steps.run(&Job::Delete(gone.clone())).await.unwrap();
    assert!(app.get::<Campaign>(&gone).await.is_none());
    for (slot, version) in [(Slot::A, &one), (Slot::B, &two)] {
        assert_eq!(app.lists(&gone, slot, version).await.len(), 0, "{slot:?}");
        assert_eq!(app.lists(&other, slot, version).await.len(), ITEMS + 1, "{slot:?}");
    }
}
