//! Control-plane rows.

use std::sync::Arc;

use domain::resource::{Campaign, CampaignUpdate, DatasetGroup, Schema};
use domain::{Arn, EpochMillis, Lifecycle, Resource, ResourceKind, Scope, Slots, Status, Tags};
use embedded::Embedded;
use store::resources::{CreateError, ReplaceError, UpdateError};
use store::{Resources, Revised, StoreError, tables};

async fn resources() -> (Embedded, Resources) {
    let embedded = Embedded::in_memory().await.expect("empty services");
    let table = tables::RESOURCES.name(tables::PREFIX_DEFAULT);
    let resources = Resources::new(embedded.dynamodb.client(), table);
    (embedded, resources)
}

fn arn(kind: ResourceKind, tail: &str) -> Arn {
    Scope { region: "us-east-1".into(), account: "000000000000".into() }.arn(kind, tail)
}

fn group(name: &str, created: i64) -> DatasetGroup {
    DatasetGroup {
        arn: arn(ResourceKind::DatasetGroup, name),
        name: name.into(),
        role_arn: None,
        kms_key_arn: None,
        domain: None,
        lifecycle: Lifecycle::active(EpochMillis(created)),
    }
}

fn campaign(name: &str, solution: &str, lifecycle: Lifecycle) -> Campaign {
    Campaign {
        arn: arn(ResourceKind::Campaign, name),
        name: name.into(),
        solution_version: arn(ResourceKind::SolutionVersion, &format!("{solution}/00000001")),
        slots: Slots::default(),
        min_provisioned_tps: Some(1),
        config: None,
        latest_update: None,
        attempts: 0,
        lifecycle,
    }
}

/// A group as if it had been read at a revision.
fn at(revision: u64, group: &DatasetGroup) -> Revised<Resource> {
    Revised { value: group.clone().into(), tags: Tags::default(), revision }
}

fn names(resources: &[Resource]) -> Vec<&str> {
    resources.iter().map(|r| r.arn().tail()).collect()
}

#[tokio::test]
async fn what_was_created_is_read_back_and_its_name_is_taken() {
    let (_embedded, resources) = resources().await;
    let films = group("films", 5);
    assert_eq!(resources.get(&films.arn).await.expect("a read"), None);
    resources.create(&films.clone().into()).await.expect("a free name");

    let found = resources.get_as::<DatasetGroup>(&films.arn).await.expect("a read").expect("a row");
    assert_eq!((found.value, found.revision), (films.clone(), 1));

    let again = resources.create(&group("films", 9).into()).await;
    assert!(matches!(again, Err(CreateError::AlreadyExists { arn }) if arn == films.arn));
    let kept = resources.get_as::<DatasetGroup>(&films.arn).await.expect("a read").expect("a row");
    assert_eq!(kept.value.lifecycle.created, EpochMillis(5));

    resources.delete(&films.arn).await.expect("a delete");
    resources.delete(&films.arn).await.expect("deleting twice is deleting");
    assert_eq!(resources.get(&films.arn).await.expect("a read"), None);
    resources.create(&films.into()).await.expect("the name is free again");
}

#[tokio::test]
async fn a_resource_is_not_found_as_another_kind() {
    let (_embedded, resources) = resources().await;
    let films = group("films", 0);
    resources.create(&films.clone().into()).await.expect("a free name");
    assert_eq!(resources.get_as::<Schema>(&films.arn).await.expect("a read"), None);
    let updated = resources.update(&films.arn, |_: &mut Schema| Ok::<_, std::io::Error>(())).await;
    assert_eq!(updated.expect("an update"), None);
}

#[tokio::test]
async fn a_write_from_an_old_revision_is_a_conflict() {
    let (_embedded, resources) = resources().await;
    let mut films = group("films", 0);
    resources.create(&films.clone().into()).await.expect("a free name");
    films.domain = Some("ECOMMERCE".into());
    assert_eq!(resources.replace(&at(1, &films)).await.expect("revision 1"), 2);

    films.domain = None;
    let late = resources.replace(&at(1, &films)).await;
    assert!(matches!(late, Err(ReplaceError::Conflict { revision: 1, .. })), "{late:?}");
    let unknown = resources.replace(&at(1, &group("music", 0))).await;
    assert!(matches!(unknown, Err(ReplaceError::Conflict { .. })), "{unknown:?}");
    let found = resources.get_as::<DatasetGroup>(&films.arn).await.expect("a read").expect("a row");
    assert_eq!((found.value.domain.as_deref(), found.revision), (Some("ECOMMERCE"), 2));
}

#[tokio::test]
async fn tags_stay_with_their_resource_until_it_goes() {
    let (_embedded, resources) = resources().await;
    let mut films = group("films", 0);
    let mut tags = Tags::default();
    tags.set("team".into(), "films".into());
    resources.create_tagged(&films.clone().into(), &tags).await.expect("a free name");
    // A step that knows nothing of tags.
    let change = |g: &mut DatasetGroup| {
        g.domain = Some("ECOMMERCE".into());
        Ok::<_, std::io::Error>(())
    };
    films = resources.update(&films.arn, change).await.expect("an update").expect("a row");
    let found = resources.get(&films.arn).await.expect("a read").expect("a row");
    assert_eq!((&found.value, &found.tags), (&films.clone().into(), &tags));

    let add = |resource: &Resource, tags: &mut Tags| {
        assert_eq!(resource.arn().tail(), "films");
        tags.set("stage".into(), "test".into());
        Ok::<_, std::io::Error>(())
    };
    let added = resources.update_tags(&films.arn, add).await.expect("an update").expect("a row");
    let found = resources.get(&films.arn).await.expect("a read").expect("a row");
    assert_eq!((&found.value, &found.tags), (&films.clone().into(), &added));
    assert_eq!(added.iter().count(), 2);

    resources.delete(&films.arn).await.expect("a delete");
    assert_eq!(resources.update_tags(&films.arn, add).await.expect("no row"), None);
    resources.create(&films.clone().into()).await.expect("the name is free again");
    let found = resources.get(&films.arn).await.expect("a read").expect("a row");
    assert!(found.tags.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_that_collide_are_all_applied() {
    const WRITERS: u32 = 4;
    const UPDATES: u32 = 8;
    let (_embedded, resources) = resources().await;
    let row = campaign("c", "s", Lifecycle::active(EpochMillis(0)));
    resources.create(&row.clone().into()).await.expect("a free name");
    let (resources, at) = (Arc::new(resources), row.arn.clone());
    let writers = (0..WRITERS).map(|_| {
        let (resources, at) = (Arc::clone(&resources), at.clone());
        tokio::spawn(async move {
            for _ in 0..UPDATES {
                let add = |c: &mut Campaign| {
                    c.attempts += 1;
                    Ok::<_, std::io::Error>(())
                };
                resources.update(&at, add).await.expect("an update").expect("a row");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer");
    }
    let found = resources.get_as::<Campaign>(&at).await.expect("a read").expect("a row");
    assert_eq!(found.value.attempts, WRITERS * UPDATES);
    assert_eq!(found.revision, u64::from(1 + WRITERS * UPDATES));
}

#[tokio::test]
async fn an_update_may_refuse_or_change_nothing() {
    let (_embedded, resources) = resources().await;
    let films = group("films", 0);
    resources.create(&films.clone().into()).await.expect("a free name");
    let refused = resources
        .update(&films.arn, |g: &mut DatasetGroup| {
            g.domain = Some("X".into());
            g.lifecycle.fail("late", EpochMillis(1))
        })
        .await;
    assert!(matches!(refused, Err(UpdateError::Refused(_))), "{refused:?}");
    let same = resources.update(&films.arn, |_: &mut DatasetGroup| Ok::<_, std::io::Error>(())).await;
    assert_eq!(same.expect("an update"), Some(films.clone()));
    let found = resources.get_as::<DatasetGroup>(&films.arn).await.expect("a read").expect("a row");
    assert_eq!((found.value, found.revision), (films, 1));
}

#[tokio::test]
async fn lists_come_in_pages_in_the_order_of_creation() {
    let (_embedded, resources) = resources().await;
    for (name, created) in [("e", 30), ("b", 10), ("d", 10), ("a", 20), ("c", 1_700_000_000_000)] {
        resources.create(&group(name, created).into()).await.expect("a free name");
    }
    let order = ["b", "d", "a", "e", "c"];
    let all = resources.list_all(ResourceKind::DatasetGroup, None).await.expect("a list");
    assert_eq!(names(&all), order);

    for limit in 1..=6 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let kind = ResourceKind::DatasetGroup;
            let page = resources.list(kind, None, limit, after.as_deref()).await.expect("a page");
            assert!(!page.resources.is_empty() && page.resources.len() <= limit);
            seen.extend(page.resources);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(names(&seen), order, "pages of {limit}");
    }
    let none = resources.list(ResourceKind::Schema, None, 10, None).await.expect("a page");
    assert_eq!((none.resources.len(), none.next), (0, None));
}

#[tokio::test]
async fn a_page_goes_on_where_it_stopped_when_rows_come_and_go() {
    let (_embedded, resources) = resources().await;
    for (name, created) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        resources.create(&group(name, created).into()).await.expect("a free name");
    }
    let kind = ResourceKind::DatasetGroup;
    let first = resources.list(kind, None, 2, None).await.expect("a page");
    resources.delete(&arn(kind, "b")).await.expect("a delete");
    resources.create(&group("earlier", 0).into()).await.expect("a free name");
    let second = resources.list(kind, None, 2, first.next.as_deref()).await.expect("a page");
    assert_eq!(names(&second.resources), ["c", "d"]);
}

#[tokio::test]
async fn children_are_listed_by_parent_and_follow_it() {
    let (_embedded, resources) = resources().await;
    let at = |created| Lifecycle::active(EpochMillis(created));
    for row in
        [campaign("c1", "films", at(2)), campaign("c2", "films", at(1)), campaign("c3", "films2", at(0))]
    {
        resources.create(&row.into()).await.expect("a free name");
    }
    let kind = ResourceKind::Campaign;
    let films = arn(ResourceKind::Solution, "films");
    let listed = resources.list_all(kind, Some(&films)).await.expect("a list");
    assert_eq!(names(&listed), ["c2", "c1"], "a parent whose name begins alike is another one");
    let page = resources.list(kind, Some(&films), 1, None).await.expect("a page");
    let rest = resources.list(kind, Some(&films), 1, page.next.as_deref()).await.expect("a page");
    assert_eq!((names(&page.resources), names(&rest.resources)), (vec!["c2"], vec!["c1"]));

    let moved = |c: &mut Campaign| {
        c.solution_version = arn(ResourceKind::SolutionVersion, "films2/00000001");
        Ok::<_, std::io::Error>(())
    };
    resources.update(&arn(kind, "c2"), moved).await.expect("an update");
    assert_eq!(names(&resources.list_all(kind, Some(&films)).await.expect("a list")), ["c1"]);
    let other = arn(ResourceKind::Solution, "films2");
    assert_eq!(names(&resources.list_all(kind, Some(&other)).await.expect("a list")), ["c3", "c2"]);
    let count = async |parent| resources.count(kind, parent).await.expect("a count");
    assert_eq!((count(Some(&films)).await, count(Some(&other)).await, count(None).await), (1, 2, 3));
}

#[tokio::test]
async fn a_continuation_of_another_list_is_refused() {
    let (_embedded, resources) = resources().await;
    for name in ["a", "b"] {
        resources.create(&group(name, 0).into()).await.expect("a free name");
        let row = campaign(name, "films", Lifecycle::active(EpochMillis(0)));
        resources.create(&row.into()).await.expect("a free name");
    }
    let films = arn(ResourceKind::Solution, "films");
    let groups = resources.list(ResourceKind::DatasetGroup, None, 1, None).await.expect("a page").next;
    let children = resources.list(ResourceKind::Campaign, Some(&films), 1, None).await.expect("a page").next;
    let (groups, children) = (groups.expect("more"), children.expect("more"));
    let cases = [
        (ResourceKind::Campaign, None, groups.as_str()),
        (ResourceKind::Campaign, None, children.as_str()),
        (ResourceKind::DatasetGroup, None, children.as_str()),
        (ResourceKind::Campaign, Some(&films), groups.as_str()),
        (ResourceKind::DatasetGroup, None, "not a token"),
        (ResourceKind::DatasetGroup, None, ""),
    ];
    for (kind, parent, token) in cases {
        let refused = resources.list(kind, parent, 1, Some(token)).await;
        assert!(matches!(refused, Err(StoreError::Continuation { .. })), "{kind:?} {token}: {refused:?}");
    }
}

#[tokio::test]
async fn unfinished_work_is_found_and_finished_work_is_not() {
    let (_embedded, resources) = resources().await;
    let now = EpochMillis(1);
    let with = |name: &str, status| {
        let lifecycle = Lifecycle { status, ..Lifecycle::pending(now) };
        campaign(name, "films", lifecycle)
    };
    let cases = [
        ("pending", Status::CreatePending),
        ("working", Status::CreateInProgress),
        ("stopping", Status::CreateStopping),
        ("deleting", Status::DeletePending),
        ("active", Status::Active),
        ("failed", Status::CreateFailed),
        ("stopped", Status::CreateStopped),
    ];
    for (name, status) in cases {
        resources.create(&with(name, status).into()).await.expect("a free name");
    }
    let mut updating = with("updating", Status::Active);
    updating.latest_update = Some(CampaignUpdate {
        solution_version: updating.solution_version.clone(),
        min_provisioned_tps: None,
        config: None,
        lifecycle: Lifecycle::pending(now),
    });
    resources.create(&updating.clone().into()).await.expect("a free name");
    resources.create(&group("films", 0).into()).await.expect("a free name");

    let found = resources.unfinished().await.expect("a list");
    assert_eq!(names(&found), ["deleting", "pending", "stopping", "updating", "working"]);

    let finish = |c: &mut Campaign| {
        if let Some(update) = &mut c.latest_update {
            update.lifecycle.status = Status::Active;
        }
        Ok::<_, std::io::Error>(())
    };
    resources.update(&updating.arn, finish).await.expect("an update");
    let found = resources.unfinished().await.expect("a list");
    assert_eq!(names(&found), ["deleting", "pending", "stopping", "working"]);
}
