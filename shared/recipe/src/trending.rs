//! `aws-trending-now`: the items whose popularity rises fastest, the same list for everybody.
//!
//! Time is cut into intervals of the length that `trend_discovery_frequency` names, backwards from the
//! newest interaction: that is "now", so that the same data gives the same list whenever it is trained
//! on. With c[k] the distinct users of an item in the k-th interval before now,
//!
//! ```text
//! before = Σ over k ≥ 1 of c[k] / 2^k              (a moving average of what was usual)
//! velocity = (c[0] − before) / √(c[0] + before + 1)
//! ```
//!
//! The guide speaks of the items with the highest rate of increase and gives no formula. The numerator
//! is the increase; the denominator is the deviation of such a count if it came by chance, so that an
//! item that goes from 1,000 to 1,010 is not taken for one that goes from 0 to 10, nor one that goes
//! from 0 to 1 for either. A user counts once for an item and interval.
//!
//! Items that do not rise are no trend: popular items fill the rest of the list, as the hosted service
//! answers where nothing happened lately.

use dataset::Interactions;
use domain::hyperparameters::Hyperparameters;
use domain::resource::Metric;

use crate::intervals;
use crate::metrics::DEPTH;
use crate::popularity::PopularityCount;
use crate::ranking::{Query, RankedList, Recommender};
use crate::seen::Seen;

/// Intervals before the newest that count; the next one would weigh less than a millionth.
const INTERVALS: i64 = 20;
/// Moments of the past at which [`prediction_accuracy`] asks what would rise next.
const MOMENTS: i64 = 20;
/// Name of that metric.
pub const ACCURACY: &str = "trend_prediction_accuracy";

/// Seconds of an interval, as the recipe's checked parameter says.
pub fn interval(parameters: &Hyperparameters) -> i64 {
    match parameters.word("trend_discovery_frequency") {
        "30 minutes" => 30 * 60,
        "1 hour" => 3_600,
        "3 hours" => 3 * 3_600,
        "1 day" => 24 * 3_600,
        _ => 2 * 3_600,
    }
}

/// Rising items, and the popular ones for the rest of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct TrendingNow {
    /// Items that rise, fastest first, ties by the lower number.
    rising: Vec<u32>,
    /// Velocity of each of them.
    velocity: Vec<f32>,
    popular: PopularityCount,
}

impl TrendingNow {
    /// Looks for what rises at the end of `data`, by intervals of this many seconds.
    pub fn train(data: &Interactions, interval: i64) -> Self {
        let end = data.times().max().map_or(0, |newest| newest.saturating_add(1));
        let (rising, velocity) = rising(&velocities(data, end, interval));
        Self { rising, velocity, popular: PopularityCount::train(data) }
    }

    /// Puts a model together from its parts, as an artifact holds them. `None` when they contradict
    /// each other.
    pub fn from_parts(rising: Vec<u32>, velocity: Vec<f32>, popular: PopularityCount) -> Option<Self> {
        let mut seen = Seen::new(popular.items());
        let sound = rising.len() == velocity.len() && rising.iter().all(|&item| seen.insert(item));
        sound.then_some(Self { rising, velocity, popular })
    }

    /// Items that rise, fastest first.
    pub fn rising(&self) -> &[u32] {
        &self.rising
    }

    /// How fast each of them rises.
    pub fn velocity(&self) -> &[f32] {
        &self.velocity
    }

    /// What fills the rest of a list.
    pub fn popular(&self) -> &PopularityCount {
        &self.popular
    }
}

impl Recommender for TrendingNow {
    fn recommend(&self, queries: &[Query<'_>], k: usize, exclude_seen: bool) -> Vec<RankedList> {
        let mut seen = Seen::new(self.items());
        let answer = |query: &Query<'_>| {
            seen.clear();
            match query {
                Query::User(history) if exclude_seen => seen.extend(history.items),
                Query::User(_) => {}
                Query::Item(item) => seen.extend(&[*item]),
            }
            let mut items: Vec<u32> =
                self.rising.iter().copied().filter(|&item| seen.insert(item)).take(k).collect();
            self.popular.fill(&mut items, k, &mut seen);
            RankedList { items, scores: Vec::new() }
        };
        queries.iter().map(answer).collect()
    }

    fn items(&self) -> usize {
        self.popular.items()
    }
}

/// Calls `count` with item and interval for each user, item and interval; the newest interval that ends
/// at `end` is 0, later interactions are left out.
fn each_once(data: &Interactions, end: i64, interval: i64, mut count: impl FnMut(usize, i64)) {
    // Histories are ordered by time, so a repetition within an interval follows the same mark.
    let mut last = vec![(u32::MAX, 0i64); data.items.len()];
    for user in 0..data.users.len() as u32 {
        let history = data.history(user);
        for (&item, &time) in history.items.iter().zip(history.timestamps) {
            if time >= end {
                break;
            }
            let mark = (user, end.saturating_sub(1).saturating_sub(time) / interval);
            if last[item as usize] != mark {
                last[item as usize] = mark;
                count(item as usize, mark.1);
            }
        }
    }
}

/// The velocity of every item at a moment (I).
fn velocities(data: &Interactions, end: i64, interval: i64) -> Vec<f32> {
    let mut counts = vec![(0.0f64, 0.0f64); data.items.len()];
    each_once(data, end, interval, |item, age| match age {
        0 => counts[item].0 += 1.0,
        1..=INTERVALS => counts[item].1 += 0.5f64.powi(age as i32),
        _ => {}
    });
    counts.into_iter().map(|(now, before)| ((now - before) / (now + before + 1.0).sqrt()) as f32).collect()
}

/// The items with a velocity above zero in order, and their velocities.
fn rising(velocities: &[f32]) -> (Vec<u32>, Vec<f32>) {
    let velocity = |item: &u32| velocities[*item as usize];
    let mut items: Vec<u32> = (0..velocities.len() as u32).filter(|item| velocity(item) > 0.0).collect();
    items.sort_by(|a, b| velocity(b).total_cmp(&velocity(a)).then(a.cmp(b)));
    let found = items.iter().map(velocity).collect();
    (items, found)
}

/// The documented `trend_prediction_accuracy` of the recipe, and what the most popular items reach.
///
/// At each of the last moments, an interval apart, the model sees only what came before. The growth of
/// the 25 items that it recommends, from the interval before that moment to the one after, is divided by
/// that of the 25 items that grew most; less than nothing counts as nothing. The metric is the mean over
/// the moments after which anything grew; without any there is none.
pub fn prediction_accuracy(data: &Interactions, interval: i64, seed: u64) -> Option<[Metric; 2]> {
    let end = data.times().max()?.saturating_add(1);
    let oldest = data.times().min()?;
    let mut rows: Vec<[f64; 2]> = Vec::new();
    for moment in 1..=MOMENTS {
        let now = end.saturating_sub(moment.saturating_mul(interval));
        if now <= oldest {
            break;
        }
        let mut growth = vec![0i64; data.items.len()];
        each_once(data, now.saturating_add(interval), interval, |item, age| match age {
            0 => growth[item] += 1,
            1 => growth[item] -= 1,
            _ => {}
        });
        let mut popularity = vec![0u32; data.items.len()];
        each_once(data, now, i64::MAX, |item, _| popularity[item] += 1);
        let mut popular: Vec<u32> =
            (0..popularity.len() as u32).filter(|&item| popularity[item as usize] > 0).collect();
        popular.sort_by_key(|&item| (std::cmp::Reverse(popularity[item as usize]), item));
        let mut own = rising(&velocities(data, now, interval)).0;
        own.truncate(DEPTH);
        let missing = DEPTH - own.len();
        let filled: Vec<u32> =
            popular.iter().copied().filter(|item| !own.contains(item)).take(missing).collect();
        own.extend(filled);
        let mut best = growth.clone();
        best.sort_unstable_by_key(|&growth| std::cmp::Reverse(growth));
        let most: i64 = best.iter().take(DEPTH).filter(|&&growth| growth > 0).sum();
        if most > 0 {
            let share = |items: &[u32]| {
                let sum: i64 = items.iter().map(|&item| growth[item as usize]).sum();
                (sum as f64 / most as f64).clamp(0.0, 1.0)
            };
            rows.push([share(&own), share(&popular[..popular.len().min(DEPTH)])]);
        }
    }
    (!rows.is_empty()).then(|| intervals::means(&rows, (0.0, 1.0), seed))
}

#[cfg(test)]
mod tests {
    use dataset::IdTable;

    use super::*;

    const HOUR: i64 = 3_600;

    /// Rows of user, item, hours before the newest.
    fn data(rows: &[(&str, &str, i64)]) -> Interactions {
        let (mut users, mut items) = (IdTable::default(), IdTable::default());
        let (mut u, mut i, mut t) = (vec![], vec![], vec![]);
        for &(user, item, hours) in rows {
            u.push(users.intern(user));
            i.push(items.intern(item));
            t.push(1_600_000_000 - hours * HOUR);
        }
        Interactions::from_rows(users, items, &u, &i, &t)
    }

    fn names<'a>(data: &'a Interactions, items: &[u32]) -> Vec<&'a str> {
        items.iter().map(|&item| data.items.id(item)).collect()
    }

    #[test]
    fn what_rises_comes_before_what_is_popular() {
        let mut rows = vec![("a", "new", 0), ("b", "new", 0), ("c", "new", 0), ("a", "small", 0)];
        // Four users an interval, as ever, and one that falls.
        for interval in 0..4 {
            rows.extend(["a", "b", "c", "d"].map(|user| (user, "steady", interval)));
        }
        rows.extend([("a", "old", 1), ("b", "old", 1), ("c", "old", 2)]);
        let data = data(&rows);
        let model = TrendingNow::train(&data, HOUR);
        // steady: 4 now, 4/2 + 4/4 + 4/8 = 3.5 before.
        assert_eq!(names(&data, model.rising()), ["new", "small", "steady"]);
        assert!((model.velocity()[0] - 3.0 / 4f32.sqrt()).abs() < 1e-6, "{:?}", model.velocity());
        assert!((model.velocity()[2] - 0.5 / 8.5f32.sqrt()).abs() < 1e-6, "{:?}", model.velocity());
        let all = model.recommend(&[Query::Item(99)], 10, false).remove(0).items;
        assert_eq!(names(&data, &all), ["new", "small", "steady", "old"]);
    }

    #[test]
    fn one_user_is_no_trend_however_often() {
        let mut rows = vec![("fan", "loop", 0); 50];
        rows.extend([("a", "hit", 0), ("b", "hit", 0)]);
        let data = data(&rows);
        let model = TrendingNow::train(&data, HOUR);
        assert_eq!(names(&data, model.rising()), ["hit", "loop"]);
        assert!((model.velocity()[1] - 1.0 / 2f32.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn the_interval_decides_what_is_now() {
        let data = data(&[("a", "x", 5), ("b", "x", 4), ("a", "y", 0)]);
        let rising = |interval| names(&data, TrendingNow::train(&data, interval).rising()).len();
        assert_eq!((rising(HOUR), rising(24 * HOUR)), (1, 2));
        let of_a_day = TrendingNow::train(&data, 24 * HOUR);
        assert_eq!(names(&data, of_a_day.rising()), ["x", "y"]);
    }

    #[test]
    fn accuracy_is_the_share_of_the_growth_that_was_foreseen() {
        // Thirty hours: every item gains a user an hour once it has begun, so what rises goes on rising.
        let mut rows = Vec::new();
        let users: Vec<String> = (0..40).map(|user| format!("u{user}")).collect();
        for hour in 0..30i64 {
            for user in users.iter().take(30 - hour as usize) {
                rows.push((user.as_str(), "riser", hour));
            }
            for user in users.iter().take(20) {
                rows.push((user.as_str(), "steady", hour));
            }
        }
        let data = data(&rows);
        let [own, popular] = prediction_accuracy(&data, HOUR, 1).unwrap();
        // Both lists hold both items here; there is nothing else.
        assert!(
            (own.value - 1.0).abs() < 1e-12 && (popular.value - 1.0).abs() < 1e-12,
            "{own:?} {popular:?}"
        );
        assert!(prediction_accuracy(&data, 365 * 24 * HOUR, 1).is_none());
        assert!(prediction_accuracy(&Interactions::default(), HOUR, 1).is_none());
    }

    #[test]
    fn growth_that_nobody_foresaw_is_none() {
        // More than 25 items had users before; the one that grows has none until the last hour.
        let items: Vec<String> = (0..40).map(|item| format!("i{item}")).collect();
        let mut rows: Vec<_> = items.iter().map(|item| ("a", item.as_str(), 1)).collect();
        rows.extend([("a", "surprise", 0), ("b", "surprise", 0)]);
        let [own, popular] = prediction_accuracy(&data(&rows), HOUR, 1).unwrap();
        assert_eq!((own.value, popular.value), (0.0, 0.0));
    }

    #[test]
    fn parts_that_contradict_each_other_are_refused() {
        let popular = || PopularityCount::from_parts(vec![0, 1], vec![2, 1], 2).unwrap();
        assert!(TrendingNow::from_parts(vec![1], vec![0.5], popular()).is_some());
        for (rising, velocity) in [(vec![1], vec![]), (vec![1, 1], vec![0.5, 0.5]), (vec![2], vec![0.5])] {
            assert_eq!(TrendingNow::from_parts(rising, velocity, popular()), None);
        }
    }
}
