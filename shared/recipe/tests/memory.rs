//! The training set takes at most 16 bytes per interaction, from the reader to the model on all users.
//!
//! Every allocation of this process is counted; there is one test, so that no other one counts in.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use dataset::{IdTable, Interactions};
use domain::recipes::find_by_name;
use recipe::{TrainOptions, train_and_evaluate};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn add(size: usize) {
    PEAK.fetch_max(LIVE.fetch_add(size, Ordering::Relaxed) + size, Ordering::Relaxed);
}

// SAFETY: every call is passed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new may both be there for a moment.
        add(size);
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// So few that all of their histories are trained on with the same number of lanes.
const USERS: usize = 700;
const ITEMS: usize = 60;

/// The most that was in use at a time, for histories of this length: while they were sorted, and in all.
fn peaks(length: usize) -> (usize, usize) {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    (0..USERS).for_each(|user| _ = users.intern(&user.to_string()));
    (0..ITEMS).for_each(|item| _ = items.intern(&item.to_string()));
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    // In the order of time, as logs are: every row has to move.
    let rows = || (0..length * USERS).map(|row| (row / USERS, row % USERS));
    let user: Vec<u32> = rows().map(|(_, user)| user as u32).collect();
    let item: Vec<u32> = rows().map(|(step, user)| ((user * 7 + step) % ITEMS) as u32).collect();
    let time: Vec<i64> = rows().map(|(step, _)| step as i64 * 60).collect();
    let data = Interactions::from_events(users, items, user, item, time, vec![]);
    let sorted = PEAK.load(Ordering::Relaxed) - before;

    let recipe = find_by_name("aws-hrnn").unwrap();
    let given = BTreeMap::from([("hidden_dimension".to_owned(), "32".to_owned())]);
    let parameters = recipe.resolve(&given, &BTreeMap::new()).unwrap();
    let options = TrainOptions { epochs: Some(1), threads: 2, ..TrainOptions::default() };
    train_and_evaluate(recipe, &parameters, &data, &options, &|_, _| ()).unwrap();
    (sorted, PEAK.load(Ordering::Relaxed) - before)
}

#[test]
fn an_interaction_takes_at_most_sixteen_bytes_until_the_model_is_there() {
    // What does not grow with the interactions, the model among it, falls out of the difference.
    let (short, long) = (60, 240);
    let (short_sorted, short_all) = peaks(short);
    let (long_sorted, long_all) = peaks(long);
    let more = ((long - short) * USERS) as f64;
    let sorting = (long_sorted - short_sorted) as f64 / more;
    let all = (long_all - short_all) as f64 / more;
    assert!((12.0..=16.0).contains(&sorting), "sorting takes {sorting:.2} bytes per interaction");
    // The larger peak may be another moment's, when there is less beside the histories.
    assert!((8.0..=16.0).contains(&all), "training takes {all:.2} bytes per interaction");
}
