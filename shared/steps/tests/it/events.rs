//! Events and deployments: whatever their order, the lists that serve follow from every event.

use std::collections::BTreeMap;

use domain::event::{Event, Record};
use domain::resource::{Campaign, Dataset, DatasetType, Job, Schema, SolutionVersion};
use domain::{Arn, EpochMillis, Lifecycle, ResourceKind, Slot, Status};
use steps::live::{LiveModels, Question};
use store::{Found, ListKey, Shelf, StoredList, Who};

use crate::app::{App, arn, item, user};

pub fn group() -> Arn {
    arn(ResourceKind::DatasetGroup, "films")
}

/// Puts an event without telling anybody, as a process that is killed right after.
pub async fn happened(app: &App, who: Who<'_>, n: usize) {
    let now = EpochMillis::now();
    let event = Event {
        id: n.to_string(),
        event_type: "Watch".into(),
        item: Some(item(n)),
        value: None,
        sent_at: now,
        received_us: now.0 * 1000,
        session: "s".into(),
        columns: BTreeMap::new(),
        impression: vec![],
        recommendation: None,
        attribution: None,
    };
    app.steps.events.put(&group(), who, &event).await.unwrap();
}

async fn list(app: &App, campaign: &Arn, slot: Slot, version: &Arn, who: &str) -> Found {
    let shelf = Shelf::new(campaign, slot);
    app.steps.lists.get_latest(shelf, version, &ListKey::User(who)).await.unwrap()
}

/// What a campaign answers somebody with.
async fn served(app: &App, campaign: &Arn, who: &str) -> Option<StoredList> {
    let found = app.get::<Campaign>(campaign).await.unwrap();
    list(app, campaign, found.slots.serving, &found.solution_version, who).await.list()
}

/// What a campaign would answer with if the lists were written just now.
async fn expected(app: &App, version: &Arn, who: &str) -> StoredList {
    let live = LiveModels::new(app.another_process());
    let question = Question { user_id: Some(who.to_owned()), num_results: 100, ..Question::default() };
    let mut list = live.answer(version, question).await.unwrap();
    // As it is after the way through the table.
    list = StoredList::decode(&list.encode().unwrap()).unwrap();
    list
}

#[tokio::test]
async fn an_event_moves_the_list_of_its_user_in_each_campaign_that_follows_events() {
    let app = App::start().await;
    let (hrnn, sims) = (app.trained("aws-hrnn").await, app.trained("aws-sims").await);
    let campaigns = [app.deployed("one", &hrnn).await, app.deployed("two", &hrnn).await];
    app.deployed("related", &sims).await;
    let live = LiveModels::new(app.steps.clone());
    let before = served(&app, &campaigns[0], &user(3)).await.unwrap();
    let others = served(&app, &campaigns[0], &user(4)).await.unwrap();

    let (known, new) = (user(3), "newcomer".to_owned());
    for who in [Who::User(&known), Who::Session(&new)] {
        assert_eq!(live.refresh(&group(), who).await.unwrap(), 0, "nothing happened yet");
        happened(&app, who, 17).await;
        // Twice, as when a call is repeated.
        assert_eq!(live.refresh(&group(), who).await.unwrap(), 2);
        assert_eq!(live.refresh(&group(), who).await.unwrap(), 2);
        for campaign in &campaigns {
            assert_eq!(
                served(&app, campaign, who.id()).await.unwrap(),
                expected(&app, &hrnn, who.id()).await
            );
        }
    }
    assert_ne!(served(&app, &campaigns[0], &known).await.unwrap(), before);
    assert_eq!(served(&app, &campaigns[0], &user(4)).await.unwrap(), others);
    let books = arn(ResourceKind::DatasetGroup, "books");
    assert_eq!(live.refresh(&books, Who::User(&known)).await.unwrap(), 0);
}

#[tokio::test]
async fn no_event_is_lost_to_a_deployment_that_is_under_way() {
    let app = App::start().await;
    let old = app.trained("aws-hrnn").await;
    let campaign = app.deployed("films", &old).await;
    let live = LiveModels::new(app.steps.clone());
    let new = app.copy_of(&old, 2).await;
    let names: Vec<String> = ["early", "silent", "between", "late"].iter().map(ToString::to_string).collect();
    let [early, silent, between, late] = &names[..] else { unreachable!() };

    // Before the deployment begins: the list goes to the slot that serves.
    happened(&app, Who::User(early), 5).await;
    assert_eq!(live.refresh(&group(), Who::User(early)).await.unwrap(), 1);
    app.begin_update(&campaign, &new).await;
    let shards = app.steps.plan_deploy(&campaign).await.unwrap();
    // While it is under way: to both. One writer is killed before it writes any.
    happened(&app, Who::User(between), 7).await;
    assert_eq!(live.refresh(&group(), Who::User(between)).await.unwrap(), 2);
    happened(&app, Who::User(silent), 9).await;
    // A user whose list is published over again.
    let known = user(3);
    happened(&app, Who::User(&known), 11).await;
    assert_eq!(live.refresh(&group(), Who::User(&known)).await.unwrap(), 2);
    for shard in 0..shards {
        app.steps.publish_shard(&campaign, shard).await.unwrap();
    }
    happened(&app, Who::User(late), 13).await;
    assert_eq!(live.refresh(&group(), Who::User(late)).await.unwrap(), 2);
    app.steps.swap(&campaign).await.unwrap();

    assert_eq!(app.get::<Campaign>(&campaign).await.unwrap().solution_version, new);
    for who in [early, silent, between, late, &known] {
        assert_eq!(served(&app, &campaign, who).await, Some(expected(&app, &new, who).await), "{who}");
    }
    // The rollback finds its lists in the other slot, and brings the events along.
    let after = "after".to_owned();
    happened(&app, Who::User(&after), 15).await;
    assert_eq!(live.refresh(&group(), Who::User(&after)).await.unwrap(), 1);
    assert!(list(&app, &campaign, Slot::A, &old, &after).await.list().is_none());
    app.updated(&campaign, &old).await;
    for who in [early, silent, between, late, &after, &known] {
        assert_eq!(served(&app, &campaign, who).await, Some(expected(&app, &old, who).await), "{who}");
    }
}

#[tokio::test]
async fn a_list_is_not_written_over_a_version_that_could_still_be_rolled_back_to() {
    let app = App::start().await;
    let first = app.trained("aws-hrnn").await;
    let campaign = app.deployed("films", &first).await;
    let second = app.copy_of(&first, 2).await;
    app.updated(&campaign, &second).await;
    // The slot of the first version is about to be opened for a third, and still holds the first whole.
    let third = app.copy_of(&first, 3).await;
    app.begin_update(&campaign, &third).await;
    let (live, known) = (LiveModels::new(app.steps.clone()), user(3));
    happened(&app, Who::User(&known), 11).await;
    assert_eq!(live.refresh(&group(), Who::User(&known)).await.unwrap(), 1);
    assert!(list(&app, &campaign, Slot::A, &first, &known).await.list().is_some());
    // The deployment finds the event by itself.
    app.steps.run(&Job::Deploy(campaign.clone())).await.unwrap();
    assert_eq!(served(&app, &campaign, &known).await, Some(expected(&app, &third, &known).await));
}

#[tokio::test]
async fn a_training_reads_what_came_in_once_and_numbers_it_the_same_ever_after() {
    let app = App::start().await;
    happened(&app, Who::User("newcomer"), 5).await;
    happened(&app, Who::Session("tab"), 6).await;
    // An item that no import has.
    happened(&app, Who::User("newcomer"), 1_000).await;
    let version = app.trained("aws-hrnn").await;
    let model = app.get::<SolutionVersion>(&version).await.unwrap().model.unwrap();
    assert_eq!(model.users as usize, crate::app::USERS + 2);
    // Younger events, of users and items that sort before the others, change nothing about the deployment.
    happened(&app, Who::User("a"), 2_000).await;
    happened(&app, Who::User("a"), 7).await;
    let campaign = app.deployed("films", &version).await;
    for who in ["newcomer", "tab", "a"] {
        assert_eq!(served(&app, &campaign, who).await, Some(expected(&app, &version, who).await), "{who}");
    }
    let items = served(&app, &campaign, &user(1)).await.unwrap().items;
    assert!(items.contains(&item(1_000)) && !items.contains(&item(2_000)));

    let prefix = "_osusume/training/";
    assert_eq!(app.keys(prefix).await.len(), 2, "a part and a manifest");
    app.steps.resources.delete(&campaign).await.unwrap();
    app.change::<SolutionVersion>(&version, |version| version.lifecycle.status = Status::DeletePending).await;
    app.steps.run(&Job::Delete(version)).await.unwrap();
    assert_eq!(app.keys(prefix).await, Vec::<String>::new());
}

/// The items that a training of a version would read now.
async fn snapshot(app: &App, version: &SolutionVersion) -> Result<Option<String>, steps::Failure> {
    let live = app.steps.live(&group()).await?;
    app.steps.training_snapshot(version, DatasetType::Items, &live).await
}

#[tokio::test]
async fn items_that_were_put_one_by_one_follow_the_imported_ones() {
    let app = App::start().await;
    let version = app.trained("aws-popularity-count").await;
    let version = app.get::<SolutionVersion>(&version).await.unwrap();
    assert_eq!(snapshot(&app, &version).await.unwrap(), None, "there is no Items dataset");
    let schema = Schema {
        arn: arn(ResourceKind::Schema, "items"),
        name: "items".into(),
        schema: r#"{"type":"record","name":"Items","fields":[{"name":"ITEM_ID","type":"string"},
            {"name":"TITLE","type":["null","string"]},{"name":"YEAR","type":"int"}]}"#
            .into(),
        domain: None,
        created: EpochMillis::now(),
    };
    app.create(schema.clone()).await;
    app.create(Dataset {
        arn: arn(ResourceKind::Dataset, "films/ITEMS"),
        name: "items".into(),
        dataset_group: group(),
        dataset_type: DatasetType::Items,
        schema: schema.arn,
        active: None,
        tracking_id: None,
        latest_update: None,
        lifecycle: Lifecycle::active(EpochMillis::now()),
    })
    .await;
    assert_eq!(snapshot(&app, &version).await.unwrap(), None);
    let put = |id: &str, title: Option<&str>| {
        let title = title.map(|title| ("TITLE".to_owned(), title.to_owned()));
        let columns = title.into_iter().chain([("YEAR".to_owned(), "1995".to_owned())]).collect();
        (id.to_owned(), Record { id: id.into(), columns })
    };
    for (_, record) in [put("2", Some("It said \"a, b\"\nand c")), put("1", None), put("2", Some("Heat"))] {
        app.steps.events.put_record(&group(), DatasetType::Items, &record).await.unwrap();
    }
    let (_, quoted) = put("3", Some(" \"a, b\"\nc "));
    app.steps.events.put_record(&group(), DatasetType::Items, &quoted).await.unwrap();
    let key = snapshot(&app, &version).await.unwrap().unwrap();
    let manifest = dataset::Manifest::from_json(app.read(&key).await.as_bytes()).unwrap();
    assert_eq!((manifest.rows, manifest.live_parts, manifest.imported().len()), (3, 1, 0));
    let part = app.steps.objects.get(&app.steps.objects.at(&manifest.parts[0].key)).await.unwrap();
    let columns = dataset::read_columns(part, &["ITEM_ID", "TITLE", "YEAR"]).unwrap();
    let some = |texts: [&str; 3]| texts.map(|text| Some(text.to_owned())).to_vec();
    assert_eq!(columns[0], some(["1", "2", "3"]));
    assert_eq!(columns[1], [None, Some("Heat".to_owned()), Some(" \"a, b\"\nc ".to_owned())]);
    assert_eq!(columns[2], some(["1995", "1995", "1995"]));
}
