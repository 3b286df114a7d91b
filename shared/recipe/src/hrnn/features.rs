//! What the network sees of time, and what it knows of popularity before it learns.

use dataset::{History, Interactions};

/// G: pauses of 0–2 s, 3–14 s, 15–62 s, … four times longer each, and one class for a first event.
pub const GAP_CLASSES: usize = 16;
/// The class of an event that nothing came before.
pub const FIRST_EVENT: u32 = GAP_CLASSES as u32 - 1;

/// The class of the pause before an event.
pub fn gap_class(seconds: i64) -> u32 {
    let pause = seconds.max(0) as u64 + 1;
    (pause.ilog2() / 2).min(GAP_CLASSES as u32 - 2)
}

/// The class of each event of a history.
pub fn gap_classes(history: History<'_>) -> impl Iterator<Item = u32> {
    let times = history.timestamps;
    (0..times.len()).map(|i| match i {
        0 => FIRST_EVENT,
        _ => gap_class(times[i].saturating_sub(times[i - 1])),
    })
}

/// The class of each event, a byte beside each row of [`Interactions::item_column`].
pub fn gap_column(data: &Interactions) -> Vec<u8> {
    let mut column = vec![0; data.item_column().len()];
    for (span, history) in data.spans().iter().zip(data.histories()) {
        for (to, class) in column[span.start as usize..].iter_mut().zip(gap_classes(history)) {
            *to = class as u8;
        }
    }
    column
}

/// What each row of [`Interactions::item_column`] counts as a target, with a mean of 1 over all targets;
/// nothing where all count alike.
///
/// Fails where every target weighs nothing.
pub fn target_weights(data: &Interactions) -> Result<Option<Vec<f32>>, NoWeight> {
    let Some(weights) = data.weights() else { return Ok(None) };
    // A first event follows nothing.
    let targets = data.spans().iter().flat_map(|span| span.start as usize + 1..span.end as usize);
    let (count, sum) =
        targets.fold((0u64, 0.0), |(count, sum), row| (count + 1, sum + f64::from(weights[row])));
    match sum > 0.0 {
        true => {
            let scale = (count as f64 / sum) as f32;
            Ok(Some(weights.iter().map(|weight| weight * scale).collect()))
        }
        false if count == 0 => Ok(None),
        false => Err(NoWeight),
    }
}

/// No event that could be learnt counts for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoWeight;

/// How often each item was had; events count half after each `half_life` share of the data's time
/// span, looking back from its end. `None` counts all events alike. `weights` are those of
/// [`target_weights`].
pub fn popularity(data: &Interactions, half_life: Option<f64>, weights: Option<&[f32]>) -> Vec<f64> {
    let mut counts = vec![0.0; data.items.len()];
    let times = || data.histories().flat_map(|history| history.timestamps);
    let (first, last) =
        times().fold((i64::MAX, i64::MIN), |(low, high), &time| (low.min(time), high.max(time)));
    let scale = half_life.map(|share| share * (last.saturating_sub(first) as f64).max(1.0));
    let rows = data.spans().iter().flat_map(|span| span.start as usize..span.end as usize);
    let items = data.histories().flat_map(|history| history.items);
    for ((&item, &time), row) in items.zip(times()).zip(rows) {
        let count = match scale {
            // A step per sixteenth of a half-life, by multiplication: powers of the mathematics library
            // differ between machines.
            Some(scale) => halved((last.saturating_sub(time) as f64 / scale * 16.0) as u32),
            None => 1.0,
        };
        counts[item as usize] += weights.map_or(1.0, |weights| f64::from(weights[row])) * count;
    }
    counts
}

/// 2^(−sixteenths / 16).
fn halved(sixteenths: u32) -> f64 {
    const SIXTEENTH: f64 = 0.957_603_280_698_573_7;
    let whole = (sixteenths / 16).min(60);
    let mut value = 1.0 / (1u64 << whole) as f64;
    for _ in 0..sixteenths % 16 {
        value *= SIXTEENTH;
    }
    value
}

/// The logarithm of each item's share of popularity, with one event given to every item.
pub fn log_share(counts: &[f64]) -> Vec<f32> {
    let total: f64 = counts.iter().sum::<f64>() + counts.len() as f64;
    counts.iter().map(|count| ((count + 1.0) / total).ln() as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::IdTable;

    #[test]
    fn pauses_fall_into_classes() {
        for (seconds, class) in
            [(-5, 0), (0, 0), (2, 0), (3, 1), (14, 1), (15, 2), (1_800, 5), (86_400, 8), (i64::MAX, 14)]
        {
            assert_eq!(gap_class(seconds), class, "{seconds} s");
        }
        let history = History::new(&[1, 2, 3], &[100, 100, 4_000]);
        assert_eq!(gap_classes(history).collect::<Vec<_>>(), [15, 0, 5]);
    }

    #[test]
    fn recent_events_count_more() {
        let (mut users, mut items) = (IdTable::default(), IdTable::default());
        users.intern("u");
        ["old", "new", "never"].iter().for_each(|id| {
            items.intern(id);
        });
        let data = Interactions::from_rows(users, items, &[0; 3], &[0, 0, 1], &[0, 0, 1_000]);
        assert_eq!(popularity(&data, None, None), [2.0, 1.0, 0.0]);
        let recent = popularity(&data, Some(0.5), None);
        assert!((recent[0] - 0.5).abs() < 1e-9 && recent[1] == 1.0 && recent[2] == 0.0, "{recent:?}");
        let shares = log_share(&recent);
        assert!(shares[1] > shares[0] && shares[0] > shares[2] && shares[2].is_finite());
    }
}
