//! The bill of a deployment of ours.

use crate::assume::*;
use crate::bill::{Bill, Group};
use crate::price;
use crate::workload::Workload;

/// Bytes of the GB that AWS bills; the smaller of the two meanings, so the dearer.
const GB: f64 = 1e9;
/// Hours of the month that a GB-month means.
const MONTH_HOURS: f64 = 720.0;

/// A month of this workload on a deployment in us-east-1.
pub fn deployment(workload: &Workload) -> Bill {
    let mut bill = Bill::default();
    serve(&mut bill, workload);
    import(&mut bill, workload);
    train(&mut bill, workload);
    publish(&mut bill, workload);
    stand(&mut bill, workload);
    bill
}

fn serve(bill: &mut Bill, workload: &Workload) {
    let requests = workload.requests as f64;
    let seconds = requests * SERVING_SECONDS * SERVING_GB;
    bill.add(Group::Compute, "Answering: function time", seconds, &price::LAMBDA_GB_SECOND);
    bill.add(Group::Compute, "Answering: function requests", requests, &price::LAMBDA_REQUEST);
    let tiers = [(300e6, &price::HTTP_API_FIRST), (f64::INFINITY, &price::HTTP_API_NEXT)];
    bill.add_in_tiers(Group::Use, "Answering: API requests", requests, &tiers);
    let reads = requests * (LIST_READ_UNITS + POINTER_READ_UNITS);
    bill.add(Group::Use, "Answering: reads of list and campaign", reads, &price::DYNAMODB_READ);
    bill.add(Group::Use, "Answering: logs", requests * LOG_BYTES / GB, &price::LOGS);
    bill.add(Group::Use, "Answering: answers sent", requests * ANSWER_BYTES / GB, &price::TRANSFER_OUT);
}

/// Everything is ingested once in the month, unless nothing is trained.
fn import(bill: &mut Bill, workload: &Workload) {
    let rows = if workload.trainings == 0 { 0.0 } else { workload.interactions as f64 };
    let seconds = rows / ROWS_IMPORTED_PER_SECOND;
    bill.add(Group::Compute, "Import: function time", seconds * IMPORT_GB, &price::LAMBDA_GB_SECOND);
    let parts = parts(rows);
    bill.add(Group::Compute, "Import: child executions", parts, &price::EXPRESS_REQUEST);
    bill.add(Group::Use, "Import: objects written", 2.0 * parts, &price::S3_PUT);
}

/// On whichever is cheaper, a function while it is within its time, or a GPU instance.
fn train(bill: &mut Bill, workload: &Workload) {
    let trainings = workload.trainings as f64;
    let events = workload.interactions as f64 * EPOCHS * PASSES;
    let (function, gpu) = (in_function(events, trainings), on_gpu(events, trainings));
    let cheaper = match function {
        Some(function) if function.total() <= gpu.total() => function,
        _ => gpu,
    };
    bill.items.extend(cheaper.items);
    let transitions = trainings * TRANSITIONS;
    bill.add(Group::Compute, "Training and publishing: state machine", transitions, &price::STATE_TRANSITION);
}

fn in_function(events: f64, trainings: f64) -> Option<Bill> {
    let seconds = events / LAMBDA_EVENTS_PER_SECOND;
    (seconds <= LAMBDA_SECONDS_MAX).then(|| {
        let mut bill = Bill::default();
        let total = trainings * seconds * LARGE_GB;
        bill.add(Group::Compute, "Training: function time", total, &price::LAMBDA_GB_SECOND);
        bill
    })
}

fn on_gpu(events: f64, trainings: f64) -> Bill {
    let mut bill = Bill::default();
    let hours = trainings * (events / GPU_EVENTS_PER_SECOND + GPU_START_SECONDS) / 3600.0;
    bill.add(Group::Compute, "Training: GPU instance", hours, &price::GPU_SPOT_HOUR);
    bill.add(Group::Compute, "Training: its address", hours, &price::PUBLIC_ADDRESS_HOUR);
    bill.add(Group::Compute, "Training: its disk", hours / MONTH_HOURS * GPU_DISK_GB, &price::DISK);
    bill
}

/// A list for every user after each training, over the list of the training before the last: the slot
/// that does not serve. So nothing is ever deleted, which would cost what writing costs.
fn publish(bill: &mut Bill, workload: &Workload) {
    let (users, trainings) = (workload.users as f64, workload.trainings as f64);
    let (items, interactions) = (workload.items as f64, workload.interactions as f64);
    let shards = (users / USERS_PER_SHARD).ceil();
    let seconds = shards * interactions / INTERACTIONS_READ_PER_SECOND
        + users * items / PAIRS_PER_SECOND
        + users / LISTS_PER_SECOND;
    let functions = trainings * seconds * LARGE_GB;
    bill.add(Group::Compute, "Publishing: function time", functions, &price::LAMBDA_GB_SECOND);
    bill.add(Group::Compute, "Publishing: child executions", trainings * shards, &price::EXPRESS_REQUEST);
    let children = trainings * seconds * EXPRESS_GB;
    bill.add(Group::Compute, "Publishing: child execution time", children, &price::EXPRESS_GB_SECOND);
    let gets = trainings * parts(interactions) * (shards + 1.0);
    bill.add(Group::Use, "Training and publishing: objects read", gets, &price::S3_GET);
    let writes = trainings * users * list_write_units();
    bill.add(Group::Use, "Publishing: lists written", writes, &price::DYNAMODB_WRITE);
}

/// What costs while it exists.
fn stand(bill: &mut Bill, workload: &Workload) {
    let (users, interactions) = (workload.users as f64, workload.interactions as f64);
    let lists = SLOTS * users * (LIST_ROW_BYTES + ROW_OVERHEAD_BYTES) / GB;
    bill.add(Group::Standing, "Lists stored", lists, &price::DYNAMODB_STORAGE);
    let models = VERSIONS_KEPT * workload.items as f64 * MODEL_BYTES_PER_ITEM;
    let objects = (interactions * (CSV_BYTES + PARQUET_BYTES) + models) / GB;
    bill.add(Group::Standing, "Data and models stored", objects, &price::S3_STORAGE);
    bill.add(Group::Standing, "The trainer's image", IMAGE_GB, &price::IMAGE_STORAGE);
    bill.add(Group::Standing, "The secret with the access keys", 1.0, &price::SECRET);
    bill.add(Group::Standing, "Alarms", (ALARMS - ALARMS_FREE).max(0.0), &price::ALARM);
}

fn parts(rows: f64) -> f64 {
    (rows * CSV_BYTES / PART_BYTES).ceil()
}
