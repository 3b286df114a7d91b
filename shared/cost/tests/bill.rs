//! What the bills promise.

use cost::{Bill, Group, Workload, assume, deployment, hosted, price};
use proptest::prelude::*;

/// The workload that we want to serve for a tenth of the hosted service's price.
const BAR: Workload = Workload {
    users: 1_000_000,
    items: 50_000,
    interactions: 100_000_000,
    requests: 10_000_000,
    trainings: 30,
};

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

fn line(bill: &Bill, what: &str) -> f64 {
    bill.items.iter().filter(|item| item.what == what).map(|item| item.usd()).sum()
}

#[test]
fn an_idle_deployment_costs_nothing_for_compute_and_use() {
    let nothing = Workload { users: 0, items: 0, interactions: 0, ..BAR.idle() };
    for workload in [nothing, BAR.idle()] {
        let bill = deployment(&workload);
        assert_eq!(bill.of(Group::Compute), 0.0, "{workload:?}");
        assert_eq!(bill.of(Group::Use), 0.0, "{workload:?}");
    }
    // The secret and the image cost while they exist, and storage for what is stored.
    assert!(near(deployment(&nothing).total(), 0.60));
    assert!(deployment(&BAR.idle()).of(Group::Standing) > 0.60);
}

#[test]
fn the_hosted_service_bills_its_minimum_while_idle() {
    let bill = hosted(&BAR.idle());
    assert!(near(bill.total(), 24.0 * 30.0 * 3.6 * 0.0556), "{}", bill.total());
}

#[test]
fn a_million_users_daily_and_ten_million_requests_cost_less_than_a_tenth() {
    let (ours, theirs) = (deployment(&BAR).total(), hosted(&BAR).total());
    assert!(ours < theirs / 10.0, "{ours} against {theirs}");
}

#[test]
fn rewriting_a_million_lists_daily_is_thirty_million_write_units() {
    assert_eq!(assume::list_write_units(), 1.0);
    let bill = deployment(&BAR);
    assert!(near(line(&bill, "Publishing: lists written"), 18.75));
    // They are all that is written: new lists go over old ones, and nothing is deleted.
    let writes = bill.items.iter().filter(|item| item.price == &price::DYNAMODB_WRITE);
    assert_eq!(writes.map(|item| item.what).collect::<Vec<_>>(), ["Publishing: lists written"]);
}

#[test]
fn two_lists_are_stored_for_each_user() {
    let gigabytes = 2.0 * BAR.users as f64 * (assume::LIST_ROW_BYTES + assume::ROW_OVERHEAD_BYTES) / 1e9;
    for workload in [BAR, BAR.idle()] {
        let stored = line(&deployment(&workload), "Lists stored");
        assert!(near(stored, gigabytes * price::DYNAMODB_STORAGE.usd), "{stored}");
    }
}

#[test]
fn every_line_names_a_price_with_its_page_and_date() {
    let bills = [deployment(&BAR), hosted(&BAR)];
    for item in bills.iter().flat_map(|bill| &bill.items) {
        assert!(item.price.source.starts_with("https://aws.amazon.com/"), "{item:?}");
        assert!(item.price.as_of.contains("20"), "{item:?}");
        assert!(item.price.usd > 0.0 && item.price.per >= 1.0, "{item:?}");
    }
}

#[test]
fn small_trainings_run_in_a_function_and_large_ones_on_a_gpu() {
    let names = |interactions| {
        let bill = deployment(&Workload { interactions, ..BAR });
        bill.items.iter().map(|item| item.what).collect::<Vec<_>>()
    };
    assert!(names(100_000).contains(&"Training: function time"));
    assert!(!names(100_000).contains(&"Training: GPU instance"));
    assert!(names(100_000_000).contains(&"Training: GPU instance"));
}

#[test]
fn the_hosted_price_falls_in_its_steps() {
    let requests = Workload { requests: 1_000_000_000, ..BAR.idle() };
    let expected = 72e3 * 0.0556 + 648e3 * 0.0278 + 280e3 * 0.0139;
    assert!(near(hosted(&requests).total(), expected), "{}", hosted(&requests).total());
    assert_eq!(price::HOSTED_REQUEST_FIRST.per, 1e3);
}

fn workloads() -> impl Strategy<Value = Workload> {
    let counts = (1..10_000_000u64, 1..1_000_000u64, 1..1_000_000_000u64, 0..2_000_000_000u64, 0..=744u64);
    counts.prop_map(|(users, items, interactions, requests, trainings)| Workload {
        users,
        items,
        interactions,
        requests,
        trainings,
    })
}

proptest! {
    #[test]
    fn more_of_anything_never_costs_less(workload in workloads(), more in 1..5_000_000u64) {
        let grown = [
            Workload { users: workload.users + more, ..workload },
            Workload { items: workload.items + more, ..workload },
            Workload { interactions: workload.interactions + more, ..workload },
            Workload { requests: workload.requests + more, ..workload },
            Workload { trainings: workload.trainings + more, ..workload },
        ];
        for bill in [deployment as fn(&Workload) -> Bill, hosted, cost::hosted_with_training_in_proportion] {
            let before = bill(&workload).total();
            for larger in &grown {
                prop_assert!(bill(larger).total() >= before * (1.0 - 1e-12), "{:?} against {:?}", larger, workload);
            }
        }
    }

    #[test]
    fn groups_add_up_to_the_total(workload in workloads()) {
        for bill in [deployment(&workload), hosted(&workload)] {
            let groups: f64 = Group::ALL.iter().map(|&group| bill.of(group)).sum();
            prop_assert!(near(groups, bill.total()));
            prop_assert!(bill.items.iter().all(|item| item.quantity >= 0.0 && item.usd().is_finite()));
        }
    }
}
