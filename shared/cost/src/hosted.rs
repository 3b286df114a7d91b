//! The bill of the hosted service for the same work, at its lowest.
//!
//! Real-time answers need no refresh there, so no batch recommendations are counted, and neither is
//! the transfer of the answers.

use crate::assume::{CSV_BYTES, HOSTED_HOURS, HOSTED_TRAINING_HOURS, HOSTED_TRAINING_INTERACTIONS};
use crate::bill::{Bill, Group};
use crate::price;
use crate::workload::Workload;

/// A month of this workload with every training as short as the shortest that AWS has shown.
pub fn hosted(workload: &Workload) -> Bill {
    bill(workload, HOSTED_TRAINING_HOURS)
}

/// The same with training hours that grow with the interactions. Not what we compare with: whether
/// they grow so is unknown.
pub fn hosted_with_training_in_proportion(workload: &Workload) -> Bill {
    let times = (workload.interactions as f64 / HOSTED_TRAINING_INTERACTIONS).max(1.0);
    bill(workload, HOSTED_TRAINING_HOURS * times)
}

fn bill(workload: &Workload, hours: f64) -> Bill {
    let mut bill = Bill::default();
    let trainings = workload.trainings as f64;
    let rows = if workload.trainings == 0 { 0.0 } else { workload.interactions as f64 };
    bill.add(Group::Use, "Ingestion, once", rows * CSV_BYTES / 1e9, &price::HOSTED_INGESTION);
    bill.add(Group::Compute, "Training", trainings * hours, &price::HOSTED_TRAINING);
    // The campaign bills one request a second while it exists, asked or not.
    let minimum = HOSTED_HOURS * 3600.0;
    let asked = (workload.requests as f64).max(minimum) - minimum;
    let tiers = [
        (72e6, &price::HOSTED_REQUEST_FIRST),
        (648e6, &price::HOSTED_REQUEST_NEXT),
        (f64::INFINITY, &price::HOSTED_REQUEST_LAST),
    ];
    let (first, next) = (tiers[0], &tiers[1..]);
    bill.add(Group::Standing, "Recommendations: the campaign's minimum", minimum, first.1);
    let rest = [(first.0 - minimum, first.1), next[0], next[1]];
    bill.add_in_tiers(Group::Use, "Recommendations beyond the minimum", asked, &rest);
    bill
}
