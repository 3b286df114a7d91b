//! Exports, and datasets whose schema was replaced.

use std::collections::BTreeSet;

use domain::event::Record;
use domain::resource::{
    Dataset, DatasetExportJob, DatasetImportJob, DatasetType, ImportMode, IngestionMode, Job, Schema,
};
use domain::{Arn, EpochMillis, Lifecycle, ResourceKind, Status};
use store::Who;

use crate::app::{App, arn, caller, csv, user};
use crate::events::{group, happened};

/// What the stages leave for each other.
const LEFT: &str = "_osusume/dataset-export-job/";

fn interactions() -> Arn {
    arn(ResourceKind::Dataset, "films/INTERACTIONS")
}

fn items() -> Arn {
    arn(ResourceKind::Dataset, "films/ITEMS")
}

/// An export job that was just asked for.
async fn asked(app: &App, name: &str, dataset: Arn, ingestion_mode: IngestionMode) -> Arn {
    let job = DatasetExportJob {
        arn: arn(ResourceKind::DatasetExportJob, name),
        job_name: name.into(),
        dataset,
        ingestion_mode,
        role_arn: "arn:aws:iam::000000000000:role/PersonalizeRole".into(),
        output_path: "s3://osusume/exports/".into(),
        output_kms_key: None,
        attempts: 0,
        lifecycle: Lifecycle::pending(EpochMillis::now()),
    };
    let arn = job.arn.clone();
    app.create(job).await;
    arn
}

/// The text of a whole export that is one file.
async fn exported(app: &App, name: &str, dataset: Arn, mode: IngestionMode) -> String {
    let job = asked(app, name, dataset, mode).await;
    app.steps.run(&Job::Export(job.clone())).await.unwrap();
    let job = app.get::<DatasetExportJob>(&job).await.unwrap();
    assert_eq!(job.lifecycle.status, Status::Active, "{:?}", job.lifecycle.failure_reason);
    let key = format!("exports/{name}/part-00000.csv");
    assert_eq!(app.keys(&format!("exports/{name}/")).await, std::slice::from_ref(&key));
    assert_eq!(app.keys(LEFT).await, Vec::<String>::new());
    app.read(&key).await
}

async fn schema(app: &App, name: &str, fields: &str) -> Arn {
    let schema = Schema {
        arn: arn(ResourceKind::Schema, name),
        name: name.into(),
        schema: format!(
            r#"{{"type":"record","name":"Items","fields":[{{"name":"ITEM_ID","type":"string"}},{fields}]}}"#
        ),
        domain: None,
        created: EpochMillis::now(),
    };
    let arn = schema.arn.clone();
    app.create(schema).await;
    arn
}

async fn items_dataset(app: &App, schema: Arn) {
    app.create(Dataset {
        arn: items(),
        name: "items".into(),
        dataset_group: group(),
        dataset_type: DatasetType::Items,
        schema,
        active: None,
        tracking_id: None,
        latest_update: None,
        lifecycle: Lifecycle::active(EpochMillis::now()),
    })
    .await;
}

async fn import(app: &App, name: &str, mode: ImportMode, text: &str) {
    app.put(&format!("{name}.csv"), text).await;
    let job = arn(ResourceKind::DatasetImportJob, name);
    app.create(DatasetImportJob {
        arn: job.clone(),
        job_name: name.into(),
        dataset: items(),
        data_location: format!("s3://osusume/{name}.csv"),
        role_arn: None,
        import_mode: mode,
        publish_attribution: false,
        bad_rows_allowed: 0,
        outcome: None,
        attempts: 0,
        lifecycle: Lifecycle::pending(EpochMillis::now()),
    })
    .await;
    app.steps.run(&Job::Import(job.clone())).await.unwrap();
    let job = app.get::<DatasetImportJob>(&job).await.unwrap();
    assert_eq!(job.lifecycle.status, Status::Active, "{:?}", job.lifecycle.failure_reason);
}

async fn put_item(app: &App, id: &str, columns: &[(&str, &str)]) {
    let columns = columns.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let record = Record { id: id.into(), columns };
    app.steps.events.put_record(&group(), DatasetType::Items, &record).await.unwrap();
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn imported_rows_and_events_are_told_apart() {
    let app = App::start().await;
    for n in [3, 1, 3] {
        happened(&app, Who::User(&user(1)), n).await;
    }
    let bulk = exported(&app, "bulk", interactions(), IngestionMode::Bulk).await;
    assert!(bulk.starts_with("USER_ID,ITEM_ID,TIMESTAMP\n"), "{bulk}");
    // The file has some rows twice; they become one.
    assert_eq!(lines(&bulk), lines(&csv()));
    assert_eq!(lines(&bulk).len(), bulk.lines().count() - 1);

    let put = exported(&app, "put", interactions(), IngestionMode::Put).await;
    let told: BTreeSet<String> =
        lines(&put).iter().map(|line| line.rsplit_once(',').unwrap().0.to_owned()).collect();
    assert_eq!(told, ["user-1,item-1".to_owned(), "user-1,item-3".to_owned()].into());

    let all = exported(&app, "all", interactions(), IngestionMode::All).await;
    assert_eq!(lines(&all), &lines(&bulk) | &lines(&put));
    assert!(all.starts_with(&bulk), "imported rows come first, in their order");
}

#[tokio::test]
async fn a_dataset_without_rows_is_a_header() {
    let app = App::start().await;
    let put = exported(&app, "put", interactions(), IngestionMode::Put).await;
    assert_eq!(put, "USER_ID,ITEM_ID,TIMESTAMP\n");
}

#[tokio::test]
async fn columns_that_are_added_are_empty_where_nothing_was_told() {
    let app = App::start().await;
    let year = r#"{"name":"YEAR","type":"int"}"#;
    items_dataset(&app, schema(&app, "one", year).await).await;
    import(&app, "first", ImportMode::Full, "ITEM_ID,YEAR\nitem-0,1990\nitem-1,1991\nitem-2,1992\n").await;
    put_item(&app, "item-2", &[("YEAR", "2002")]).await;
    let all = exported(&app, "before", items(), IngestionMode::All).await;
    assert_eq!(all, "ITEM_ID,YEAR\nitem-0,1990\nitem-1,1991\nitem-2,2002\n");

    let genres = r#"{"name":"GENRES","type":["null","string"],"categorical":true}"#;
    let later = schema(&app, "two", &format!("{genres},{year}")).await;
    app.change::<Dataset>(&items(), |dataset| dataset.schema = later.clone()).await;
    // What was imported is readable under the new schema, and so is what was put.
    let bulk = exported(&app, "updated", items(), IngestionMode::Bulk).await;
    assert_eq!(bulk, "ITEM_ID,GENRES,YEAR\nitem-0,,1990\nitem-1,,1991\nitem-2,,1992\n");
    let version = app.trained("aws-similar-items").await;

    import(&app, "second", ImportMode::Incremental, "YEAR,ITEM_ID,GENRES\n2001,item-1,Drama|Comedy\n").await;
    put_item(&app, "item-3", &[("YEAR", "2003"), ("GENRES", "Film, noir\\")]).await;
    let all = exported(&app, "after", items(), IngestionMode::All).await;
    assert_eq!(
        all,
        "ITEM_ID,GENRES,YEAR\nitem-0,,1990\nitem-1,Drama|Comedy,2001\nitem-2,,2002\n\
         item-3,\"Film, noir\\\\\",2003\n"
    );
    // A training reads parts of both schemas.
    app.change::<domain::resource::SolutionVersion>(&version, |version| {
        version.lifecycle = Lifecycle::pending(EpochMillis::now());
    })
    .await;
    app.steps.run(&Job::Train(version.clone())).await.unwrap();
    let trained = app.get::<domain::resource::SolutionVersion>(&version).await.unwrap();
    assert_eq!(trained.lifecycle.status, Status::Active, "{:?}", trained.lifecycle.failure_reason);
    // What was exported is what an import takes.
    import(&app, "third", ImportMode::Full, &all).await;
    assert_eq!(exported(&app, "again", items(), IngestionMode::Bulk).await, all);
}

#[tokio::test]
async fn shares_in_any_order_and_again_are_the_files_of_one_process() {
    let mut app = App::start().await;
    // Small parts, so that there are files enough.
    app.steps.settings.part_bytes = 200;
    let year = r#"{"name":"YEAR","type":"int"}"#;
    items_dataset(&app, schema(&app, "one", year).await).await;
    let mut text = "ITEM_ID,YEAR\n".to_owned();
    (0..900).for_each(|n| text += &format!("item-{n},{}\n", 1000 + n));
    import(&app, "many", ImportMode::Full, &text).await;
    put_item(&app, "item-900", &[("YEAR", "1900")]).await;

    let whole = asked(&app, "whole", items(), IngestionMode::All).await;
    app.steps.run(&Job::Export(whole.clone())).await.unwrap();
    let files = app.keys("exports/whole/").await.len();
    assert!(files > 2, "{files} files");

    let staged = asked(&app, "staged", items(), IngestionMode::All).await;
    assert!(app.steps.begin_batch(&staged).await.unwrap());
    assert_eq!(app.steps.plan_batch(&staged).await.unwrap() as usize, files);
    // Whatever comes later changes nothing, however often it is begun anew.
    put_item(&app, "item-901", &[("YEAR", "1901")]).await;
    import(&app, "other", ImportMode::Full, "ITEM_ID,YEAR\nitem-0,1\n").await;
    assert!(app.steps.begin_batch(&staged).await.unwrap());
    assert_eq!(app.steps.plan_batch(&staged).await.unwrap() as usize, files);
    for file in (1..files as u32).rev() {
        app.another_process().answer_shard(&staged, file).await.unwrap();
    }
    let missing = app.steps.finish_batch(&staged).await.unwrap_err();
    assert!(steps::failure::chain(&missing).contains("shard 0"), "{missing}");
    for file in [0, 1] {
        app.another_process().answer_shard(&staged, file).await.unwrap();
    }
    app.steps.finish_batch(&staged).await.unwrap();
    let found = app.get::<DatasetExportJob>(&staged).await.unwrap();
    assert_eq!(found.lifecycle.status, Status::Active);
    assert_eq!(app.keys(LEFT).await, Vec::<String>::new());

    let mut rows = BTreeSet::new();
    for file in 0..files {
        let read = async |job: &str| app.read(&format!("exports/{job}/part-{file:05}.csv")).await;
        let text = read("staged").await;
        assert_eq!(text, read("whole").await);
        rows.extend(lines(&text));
    }
    assert_eq!(rows, &lines(&text) | &["item-900,1900".to_owned()].into());
    // A stage that comes late finds nothing to do.
    app.steps.answer_shard(&staged, 0).await.unwrap();
    app.steps.finish_batch(&staged).await.unwrap();
    assert_eq!(app.keys(LEFT).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_output_that_is_not_there_fails_the_job() {
    let app = App::start().await;
    let job = asked(&app, "lost", interactions(), IngestionMode::Bulk).await;
    app.change::<DatasetExportJob>(&job, |job| job.output_path = "s3://nowhere-at-all/x/".into()).await;
    app.steps.run(&Job::Export(job.clone())).await.unwrap();
    let found = app.get::<DatasetExportJob>(&job).await.unwrap();
    assert_eq!(found.lifecycle.status, Status::CreateFailed);
    let reason = found.lifecycle.failure_reason.unwrap();
    assert!(reason.starts_with("Invalid S3 output path") && reason.contains("nowhere-at-all"), "{reason}");
    assert_eq!(app.keys(LEFT).await, Vec::<String>::new());

    // In stages it is the caller's to mend as well.
    let staged = asked(&app, "staged", interactions(), IngestionMode::Bulk).await;
    app.change::<DatasetExportJob>(&staged, |job| job.output_path = "s3://nowhere-at-all/x/".into()).await;
    assert!(app.steps.begin_batch(&staged).await.unwrap());
    assert_eq!(app.steps.plan_batch(&staged).await.unwrap(), 1);
    let reason = caller(app.steps.answer_shard(&staged, 0).await);
    assert!(reason.starts_with("Invalid S3 output path"), "{reason}");

    // Export jobs vanish with their dataset, and what their stages left too.
    app.change::<DatasetExportJob>(&staged, |job| {
        job.lifecycle.fail("gone", EpochMillis::now()).unwrap();
    })
    .await;
    assert!(!app.keys(LEFT).await.is_empty());
    app.change::<Dataset>(&interactions(), |d| d.lifecycle.status = Status::DeletePending).await;
    app.steps.run(&Job::Delete(interactions())).await.unwrap();
    assert_eq!(app.get::<DatasetExportJob>(&staged).await, None);
    assert_eq!(app.keys(LEFT).await, Vec::<String>::new());
}
