//! Reports of what events come to: each event in one, however often they are cut off.

use std::sync::{Arc, Mutex};

use domain::event::{Event, Record};
use domain::resource::{
    AttributedMetric, AttributionOutput, Dataset, DatasetImportJob, DatasetType, ImportMode, Job,
    MetricAttribution, Schema,
};
use domain::{Arn, EpochMillis, Lifecycle, ResourceKind, Status, recommendation_id};
use steps::progress::Attributed;
use steps::{Observer, Progress, Steps};
use store::Who;

use crate::app::{App, arn, item, user};
use crate::events::group;

const HEADER: &str = "METRIC_NAME,EVENT_TYPE,VALUE,MATH_FUNCTION,EVENT_ATTRIBUTION_SOURCE,TIMESTAMP\n";
const HOUR_MS: i64 = 3_600_000;

/// Keeps what is measured.
#[derive(Default)]
struct Measures(Mutex<Vec<String>>);

impl Observer for Measures {
    fn progress(&self, _: Progress) {}
    fn notice(&self, _: &Arn, _: &str) {}
    fn measured(&self, found: &Attributed<'_>) {
        let Attributed { metric, source, period, value, .. } = found;
        self.0.lock().unwrap().push(format!("{metric} {source} {period} {value}"));
    }
}

/// The beginning of a quarter of an hour, some hours ago.
fn start() -> EpochMillis {
    EpochMillis((EpochMillis::now().0 - 5 * HOUR_MS).div_euclid(900_000) * 900_000)
}

fn metric(name: &str, event_type: &str, expression: &str) -> AttributedMetric {
    AttributedMetric {
        event_type: event_type.into(),
        metric_name: name.into(),
        expression: expression.into(),
    }
}

/// An attribution that was created at some time.
async fn attribution(app: &App, created: EpochMillis, path: Option<&str>) -> Arn {
    let attribution = MetricAttribution {
        arn: arn(ResourceKind::MetricAttribution, "films"),
        name: "films".into(),
        dataset_group: group(),
        metrics: vec![
            metric("watched", "watch", "SAMPLECOUNT()"),
            metric("paid", "Watch", "SUM(Items.price)"),
            metric("rated", "Rate", "SUM(Interactions.EVENT_VALUE)"),
        ],
        output: AttributionOutput {
            path: path.map(str::to_owned),
            kms_key: None,
            role_arn: "arn:aws:iam::000000000000:role/R".into(),
        },
        reported_to: created,
        reporting_to: None,
        lifecycle: Lifecycle::active(created),
    };
    let arn = attribution.arn.clone();
    app.create(attribution).await;
    arn
}

/// Items that were put, with a price.
async fn items(app: &App) {
    let schema = Schema {
        arn: arn(ResourceKind::Schema, "items"),
        name: "items".into(),
        schema: r#"{"type":"record","name":"Items","fields":[
            {"name":"ITEM_ID","type":"string"},{"name":"PRICE","type":["null","float"]}]}"#
            .into(),
        domain: None,
        created: EpochMillis(0),
    };
    let dataset = Dataset {
        arn: arn(ResourceKind::Dataset, "films/ITEMS"),
        name: "items".into(),
        dataset_group: group(),
        dataset_type: DatasetType::Items,
        schema: schema.arn.clone(),
        active: None,
        tracking_id: None,
        latest_update: None,
        lifecycle: Lifecycle::active(EpochMillis(0)),
    };
    app.create(schema).await;
    app.create(dataset).await;
    let columns = [("PRICE".to_owned(), "2.5".to_owned())].into();
    let record = Record { id: item(1), columns };
    app.steps.events.put_record(&group(), DatasetType::Items, &record).await.unwrap();
}

/// An event that came in at a time.
async fn came(app: &App, id: &str, at: EpochMillis, with: impl FnOnce(&mut Event)) {
    let mut event = Event {
        id: id.into(),
        event_type: "Watch".into(),
        item: Some(item(1)),
        value: Some(0.5),
        // Long ago: when it came in decides which report it is in.
        sent_at: EpochMillis(1_600_000_000_000),
        received_us: at.0 * 1000,
        session: "s".into(),
        columns: Default::default(),
        impression: vec![],
        recommendation: None,
        attribution: None,
    };
    with(&mut event);
    app.steps.events.put(&group(), Who::User(&user(1)), &event).await.unwrap();
}

async fn files(app: &App) -> Vec<String> {
    app.keys("reports/").await
}

async fn follow_up(steps: &Steps) -> Vec<String> {
    let failures = steps.report_events(EpochMillis::now()).await;
    failures.iter().map(|failure| steps::failure::chain(failure)).collect()
}

#[tokio::test]
async fn each_event_is_in_one_report_with_its_source() {
    let app = App::start().await;
    items(&app).await;
    let version = app.trained("aws-popularity-count").await;
    let campaign = app.deployed("films", &version).await;
    let begin = start();
    let found = attribution(&app, begin, Some("s3://osusume/reports/")).await;
    let later = |minutes: i64| EpochMillis(begin.0 + minutes * 60_000);
    came(&app, "before", EpochMillis(begin.0 - 1), |_| ()).await;
    came(&app, "1", later(0), |event| event.attribution = Some("mail".into())).await;
    let id = recommendation_id::of(&campaign, 7);
    came(&app, "2", later(1), |event| event.recommendation = Some(id.clone())).await;
    came(&app, "3", later(14), |event| {
        // What it says wins.
        (event.attribution, event.recommendation) = (Some("mail".into()), Some(id.clone()));
        event.item = Some(item(2));
    })
    .await;
    came(&app, "4", later(15), |event| event.recommendation = Some("RID-unknown".into())).await;
    came(&app, "5", later(16), |event| event.event_type = "Rate".into()).await;
    came(&app, "now", EpochMillis::now(), |_| ()).await;

    let measures = Arc::new(Measures::default());
    let steps = Steps { observer: measures.clone(), ..app.steps.clone() };
    assert_eq!(follow_up(&steps).await, Vec::<String>::new());
    let [file] = files(&app).await.try_into().unwrap();
    let to = app.get::<MetricAttribution>(&found).await.unwrap().reported_to;
    assert_eq!(file, format!("reports/AggregatedAttributionMetrics - PUT - {}.csv", to.0 / 1000));
    assert!(to > begin && to.0 % 900_000 == 0);
    let (first, second) = (begin.0 / 1000, begin.0 / 1000 + 900);
    let report = format!(
        "{HEADER}watched,watch,1.0,samplecount,{campaign},{first}\n\
         watched,watch,2.0,samplecount,mail,{first}\n\
         paid,Watch,2.5,sum,{campaign},{first}\n\
         paid,Watch,2.5,sum,mail,{first}\n\
         watched,watch,1.0,samplecount,SOURCE_NAME_UNDEFINED,{second}\n\
         paid,Watch,2.5,sum,SOURCE_NAME_UNDEFINED,{second}\n\
         rated,Rate,0.5,sum,SOURCE_NAME_UNDEFINED,{second}\n"
    );
    assert_eq!(app.read(&file).await, report);
    let lines = measures.0.lock().unwrap().clone();
    assert_eq!((lines.len(), lines[1].as_str()), (7, format!("watched mail {first} 2").as_str()));
    // Nothing is reported twice, and what is not over yet not at all.
    assert_eq!(follow_up(&app.steps).await, Vec::<String>::new());
    assert_eq!(files(&app).await, std::slice::from_ref(&file));

    // Cut off after its end was written down: the same events again, under the same name, whatever came since.
    app.change::<MetricAttribution>(&found, |found| {
        (found.reported_to, found.reporting_to) = (begin, Some(to));
    })
    .await;
    came(&app, "late", EpochMillis(to.0), |_| ()).await;
    app.put(&file, "half a report").await;
    follow_up(&app.steps).await;
    assert_eq!(app.read(&file).await, report);
    assert_eq!(files(&app).await, [file]);
    let ended = app.get::<MetricAttribution>(&found).await.unwrap();
    assert_eq!((ended.reported_to, ended.reporting_to), (to, None));
}

#[tokio::test]
async fn a_report_that_cannot_be_written_is_made_when_it_can() {
    let app = App::start().await;
    let begin = start();
    let found = attribution(&app, begin, Some("s3://nobody-has-this/reports")).await;
    came(&app, "1", begin, |_| ()).await;
    let [failure] = follow_up(&app.steps).await.try_into().unwrap();
    assert!(
        failure.starts_with("Invalid S3 output path") && failure.contains("nobody-has-this"),
        "{failure}"
    );
    app.change::<MetricAttribution>(&found, |found| found.output.path = Some("s3://osusume/reports".into()))
        .await;
    assert_eq!(follow_up(&app.steps).await, Vec::<String>::new());
    let [file] = files(&app).await.try_into().unwrap();
    assert!(app.read(&file).await.contains("watched,watch,1.0,samplecount,SOURCE_NAME_UNDEFINED,"), "{file}");
}

#[tokio::test]
async fn an_import_is_reported_before_its_rows_count() {
    let app = App::start().await;
    let schema = arn(ResourceKind::Schema, "films");
    app.change::<Schema>(&schema, |schema| {
        schema.schema = schema.schema.replace(
            "]}",
            r#",{"name":"EVENT_TYPE","type":["null","string"]},
               {"name":"EVENT_ATTRIBUTION_SOURCE","type":["null","string"]}]}"#,
        );
    })
    .await;
    items(&app).await;
    attribution(&app, EpochMillis::now(), Some("s3://osusume/reports/")).await;
    let text = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_ATTRIBUTION_SOURCE\n\
                u,item-1,1600000200,Watch,mail\nu,item-1,1600001099,WATCH,mail\nu,item-2,1600001100,Watch,\nu,item-1,1600001100,Click,mail\n";
    app.put("more.csv", text).await;
    let measures = Arc::new(Measures::default());
    let steps = Steps { observer: measures.clone(), ..app.steps.clone() };
    for (name, publish) in [("quiet", false), ("told", true)] {
        let job = DatasetImportJob {
            arn: arn(ResourceKind::DatasetImportJob, name),
            job_name: name.into(),
            dataset: arn(ResourceKind::Dataset, "films/INTERACTIONS"),
            data_location: "s3://osusume/more.csv".into(),
            role_arn: None,
            import_mode: ImportMode::Incremental,
            publish_attribution: publish,
            bad_rows_allowed: 0,
            outcome: None,
            attempts: 0,
            lifecycle: Lifecycle::pending(EpochMillis(1_700_000_000_000)),
        };
        let arn = job.arn.clone();
        app.create(job).await;
        steps.run(&Job::Import(arn.clone())).await.unwrap();
        let job = app.get::<DatasetImportJob>(&arn).await.unwrap();
        assert_eq!(job.lifecycle.status, Status::Active, "{:?}", job.lifecycle.failure_reason);
        // An import that adds is measured in any case.
        assert_eq!(std::mem::take(&mut *measures.0.lock().unwrap()).len(), 3);
    }
    let [file] = files(&app).await.try_into().unwrap();
    assert_eq!(file, "reports/AggregatedAttributionMetrics - INCREMENTAL - 1700000000.csv");
    assert_eq!(
        app.read(&file).await,
        format!(
            "{HEADER}watched,watch,2.0,samplecount,mail,1600000200\n\
             paid,Watch,5.0,sum,mail,1600000200\n\
             watched,watch,1.0,samplecount,SOURCE_NAME_UNDEFINED,1600001100\n"
        )
    );
}
