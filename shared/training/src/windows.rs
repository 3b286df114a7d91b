//! Histories cut into windows for truncated backpropagation through time.
//!
//! Every lane walks through one user's history, `steps` events at a time, and takes the next user when
//! it is through; its state is carried from window to window of one user. Lanes never run dry: when
//! every user was taken, a new random order begins, so each step has the same number of rows and the
//! longest histories do not end up alone in small, noisy steps.

use std::ops::Range;

use crate::checkpoint::{Misfit, Reader, Writer};
use crate::random::Random;

/// Stands for "nothing" among row numbers: past the end of every table.
pub const NONE: u32 = u32::MAX;

/// All histories: 5 bytes per event. Every event that follows another one is a target of the same weight.
#[derive(Clone, Copy, Debug)]
pub struct Sequences<'a> {
    /// First row of each user in the others, and the row after the last.
    pub spans: &'a [Range<u32>],
    /// Item numbers.
    pub items: &'a [u32],
    /// The gap class of each event: how long after its predecessor it came.
    pub gaps: &'a [u8],
}

impl Sequences<'_> {
    fn targets(&self, user: usize) -> usize {
        self.spans[user].len().saturating_sub(1)
    }

    /// How many events follow another one: the targets of one epoch.
    pub fn events(&self) -> usize {
        (0..self.spans.len()).map(|user| self.targets(user)).sum()
    }
}

/// Weighted sums of a table's rows: bag n is the entries `offsets[n]..offsets[n + 1]`.
#[derive(Clone, Debug, PartialEq)]
pub struct HostBags {
    /// One more than there are bags.
    pub offsets: Vec<u32>,
    /// The table's row of each entry.
    pub rows: Vec<u32>,
    /// The weight of each entry.
    pub scales: Vec<f32>,
}

impl Default for HostBags {
    fn default() -> Self {
        Self { offsets: vec![0], rows: vec![], scales: vec![] }
    }
}

impl HostBags {
    /// Removes all bags.
    pub fn clear(&mut self) {
        self.offsets.truncate(1);
        self.rows.clear();
        self.scales.clear();
    }

    /// Adds a bag.
    pub fn push(&mut self, entries: impl IntoIterator<Item = (u32, f32)>) {
        self.extend(entries);
        self.close();
    }

    /// Adds entries to the bag that the next [`HostBags::close`] ends.
    pub fn extend(&mut self, entries: impl IntoIterator<Item = (u32, f32)>) {
        for (row, scale) in entries {
            self.rows.push(row);
            self.scales.push(scale);
        }
    }

    /// Ends a bag.
    pub fn close(&mut self) {
        self.offsets.push(self.rows.len() as u32);
    }

    /// The rows and weights of a bag.
    pub fn bag(&self, n: usize) -> impl Iterator<Item = (u32, f32)> {
        let range = self.offsets[n] as usize..self.offsets[n + 1] as usize;
        self.rows[range.clone()].iter().copied().zip(self.scales[range].iter().copied())
    }

    /// How many bags there are.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One shard's part of a window, time-major: row t·lanes + lane.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// Input items, [`NONE`] for padding.
    pub items: Vec<u32>,
    /// Gap classes, [`NONE`] for padding.
    pub gaps: Vec<u32>,
    /// The items that followed, [`NONE`] for padding.
    pub targets: Vec<u32>,
    /// Weights in the loss.
    pub weights: Vec<f32>,
    /// 1 for lanes that go on with their user, 0 for those that start anew.
    pub keep: Vec<f32>,
    /// Where in the sequences each input stands, [`NONE`] for padding.
    pub events: Vec<u32>,
    /// Rows that are added to what comes in, a bag per row; no bags where there is nothing to add.
    pub inputs: HostBags,
    /// Rows that are added to the queries.
    pub queries: HostBags,
}

impl Window {
    /// The windows of several shards as one of all their lanes, in the order of the shards.
    pub fn merge(&mut self, parts: &[Self]) {
        fn interleave<T: Copy>(to: &mut Vec<T>, parts: &[Window], column: impl Fn(&Window) -> &[T]) {
            to.clear();
            let steps = parts.first().map_or(0, |part| part.items.len() / part.keep.len().max(1));
            for t in 0..steps {
                for part in parts {
                    let lanes = part.keep.len();
                    to.extend(column(part).get(t * lanes..(t + 1) * lanes).into_iter().flatten());
                }
            }
        }
        fn bags(to: &mut HostBags, parts: &[Window], bags: impl Fn(&Window) -> &HostBags) {
            to.clear();
            if parts.iter().all(|part| bags(part).is_empty()) {
                return;
            }
            let steps = parts.first().map_or(0, |part| part.items.len() / part.keep.len().max(1));
            for t in 0..steps {
                for part in parts {
                    let (bags, lanes) = (bags(part), part.keep.len());
                    for row in t * lanes..(t + 1) * lanes {
                        if row < bags.len() {
                            to.extend(bags.bag(row));
                        }
                        to.close();
                    }
                }
            }
        }
        interleave(&mut self.items, parts, |part| &part.items);
        interleave(&mut self.gaps, parts, |part| &part.gaps);
        interleave(&mut self.targets, parts, |part| &part.targets);
        interleave(&mut self.weights, parts, |part| &part.weights);
        interleave(&mut self.events, parts, |part| &part.events);
        bags(&mut self.inputs, parts, |part| &part.inputs);
        bags(&mut self.queries, parts, |part| &part.queries);
        self.keep.clear();
        parts.iter().for_each(|part| self.keep.extend_from_slice(&part.keep));
    }
}

/// Walks users through lanes.
#[derive(Clone, Debug)]
pub struct Lanes {
    steps: usize,
    per_shard: usize,
    users: Vec<u32>,
    order: Vec<u32>,
    random: Random,
    // User and position in the history, for each lane.
    at: Vec<(usize, usize)>,
}

impl Lanes {
    /// `shards` groups of `per_shard` lanes, windows of `steps` events.
    ///
    /// At least one user must have two events.
    pub fn new(sequences: &Sequences<'_>, shards: usize, per_shard: usize, steps: usize, seed: u64) -> Self {
        let users: Vec<u32> =
            (0..sequences.spans.len()).filter(|&u| sequences.targets(u) > 0).map(|u| u as u32).collect();
        assert!(!users.is_empty(), "no history has two events");
        let at = vec![(usize::MAX, 0); shards * per_shard];
        Self { steps, per_shard, users, order: vec![], random: Random::new(seed), at }
    }

    /// Fills one window per shard and returns how many targets they hold.
    pub fn next(&mut self, sequences: &Sequences<'_>, windows: &mut [Window]) -> usize {
        let (steps, lanes) = (self.steps, self.per_shard);
        let mut events = 0;
        for (shard, window) in windows.iter_mut().enumerate() {
            let rows = steps * lanes;
            window.items.clear();
            window.items.resize(rows, NONE);
            window.gaps.clear();
            window.gaps.resize(rows, NONE);
            window.targets.clear();
            window.targets.resize(rows, NONE);
            window.weights.clear();
            window.weights.resize(rows, 0.0);
            window.events.clear();
            window.events.resize(rows, NONE);
            window.keep.clear();
            window.keep.resize(lanes, 1.0);
            for lane in 0..lanes {
                let (mut user, mut position) = self.at[shard * lanes + lane];
                if user == usize::MAX || position >= sequences.targets(user) {
                    (user, position) = (self.take_user(), 0);
                    window.keep[lane] = 0.0;
                }
                let count = steps.min(sequences.targets(user) - position);
                let first = sequences.spans[user].start as usize + position;
                for t in 0..count {
                    let row = t * lanes + lane;
                    window.events[row] = (first + t) as u32;
                    window.items[row] = sequences.items[first + t];
                    window.gaps[row] = u32::from(sequences.gaps[first + t]);
                    window.targets[row] = sequences.items[first + t + 1];
                    window.weights[row] = 1.0;
                }
                events += count;
                self.at[shard * lanes + lane] = (user, position + count);
            }
        }
        events
    }

    /// Where every lane is, and who comes next.
    pub fn save(&self, to: &mut Writer) {
        to.numbers(&self.order);
        self.random.save(to);
        to.number(self.at.len() as u64);
        for &(user, position) in &self.at {
            to.number(user as u64);
            to.number(position as u64);
        }
    }

    /// Goes on where [`Lanes::save`] was called on lanes over the same histories.
    pub fn restore(&mut self, from: &mut Reader<'_>, sequences: &Sequences<'_>) -> Result<(), Misfit> {
        let order = from.numbers()?;
        let random = Random::restore(from)?;
        if from.number()? != self.at.len() as u64 {
            return Err(Misfit("it has other lanes"));
        }
        let mut at = vec![];
        for _ in 0..self.at.len() {
            at.push((from.number()? as usize, from.number()? as usize));
        }
        let users = sequences.spans.len();
        let known = |&(user, position): &(usize, usize)| {
            user == usize::MAX || user < users && position <= sequences.targets(user)
        };
        if !at.iter().all(known) || !order.iter().all(|&user| (user as usize) < users) {
            return Err(Misfit("it is about other users"));
        }
        (self.order, self.random, self.at) = (order, random, at);
        Ok(())
    }

    fn take_user(&mut self) -> usize {
        if self.order.is_empty() {
            self.order.clone_from(&self.users);
            self.random.shuffle(&mut self.order);
        }
        self.order.pop().expect("there are users") as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_windows_have_the_lanes_of_all_parts_at_every_step() {
        let part = |first: u32, lanes: usize| {
            let rows = 2 * lanes as u32;
            let mut part = Window {
                items: (first..first + rows).collect(),
                targets: (first + 100..first + 100 + rows).collect(),
                gaps: vec![first; rows as usize],
                weights: (first..first + rows).map(|n| n as f32).collect(),
                keep: vec![first as f32; lanes],
                ..Window::default()
            };
            if first > 0 {
                (first..first + rows).for_each(|n| part.queries.push((n % 2 == 0).then_some((n, 0.5))));
            }
            part
        };
        let mut all = Window { items: vec![9; 99], ..Window::default() };
        all.merge(&[part(0, 2), part(20, 1)]);
        assert_eq!(all.items, [0, 1, 20, 2, 3, 21]);
        assert_eq!(all.targets, [100, 101, 120, 102, 103, 121]);
        assert_eq!(all.gaps, [0, 0, 20, 0, 0, 20]);
        assert_eq!(all.weights, [0.0, 1.0, 20.0, 2.0, 3.0, 21.0]);
        assert_eq!(all.keep, [0.0, 0.0, 20.0]);
        assert!(all.inputs.is_empty() && all.events.is_empty());
        assert_eq!((all.queries.offsets, all.queries.rows), (vec![0, 0, 0, 1, 1, 1, 1], vec![20]));
    }

    #[test]
    fn every_target_comes_once_per_epoch_with_its_predecessor_and_carried_state() {
        // Users with 1, 2, 7 and 4 events; items are numbered 10·user + position.
        let (spans, items) =
            ([0..1, 1..3, 3..10, 10..14], [0, 10, 11, 20, 21, 22, 23, 24, 25, 26, 30, 31, 32, 33]);
        let sequences = Sequences { spans: &spans, items: &items, gaps: &[0; 14] };
        assert_eq!(sequences.events(), 10);
        let mut lanes = Lanes::new(&sequences, 1, 1, 3, 5);
        let (mut windows, mut seen, mut last) = ([Window::default()], vec![], NONE);
        while seen.len() < 10 {
            lanes.next(&sequences, &mut windows);
            let w = &windows[0];
            for t in 0..3 {
                if w.targets[t] != NONE {
                    assert_eq!(w.items[t] + 1, w.targets[t]);
                    assert_eq!(w.weights[t], 1.0);
                    seen.push(w.targets[t]);
                }
            }
            let goes_on = w.items[0] == last;
            assert_eq!(w.keep[0] == 1.0, goes_on, "state is carried exactly where the history goes on");
            last = w.targets[2];
        }
        seen.sort_unstable();
        assert_eq!(seen, [11, 21, 22, 23, 24, 25, 26, 31, 32, 33]);
    }
}
