//! One query's running answer: the best items so far, and the softmax denominator over all.

use training::cpu::{Isa, exp};

use crate::best::{Best, Key};
use crate::exploration::Scored;
use crate::ranking::{RankedList, is_within};

/// The best of the items that a query's logits were told of.
pub(super) struct Top<'a> {
    best: Best,
    seen: Vec<u32>,
    // Where only some items may be in the list; see `Recommender::recommend_within`.
    allowed: Option<&'a [u64]>,
    highest: f32,
    // Sum of e^(logit − highest) over all items so far.
    total: f64,
}

impl<'a> Top<'a> {
    /// For `k` items that are not among `seen`, which is ascending, and are in `allowed` where that is given.
    pub(super) fn new(k: usize, seen: Vec<u32>, allowed: Option<&'a [u64]>) -> Self {
        Self { best: Best::new(k), seen, allowed, highest: f32::NEG_INFINITY, total: 0.0 }
    }

    /// Takes the logits of items `first..`. `above` is room for as many numbers.
    pub(super) fn take(&mut self, isa: Isa, logits: &[f32], first: u32, above: &mut [u32]) {
        let block = highest(isa, logits);
        if block > self.highest {
            self.total *= f64::from((self.highest - block).exp());
            self.highest = block;
        }
        self.total += f64::from(sum_of_powers(isa, logits, self.highest));
        let limit = self.best.limit();
        if block < limit {
            return;
        }
        let count = at_least(isa, logits, limit, above);
        for &i in &above[..count] {
            let item = first + i;
            let allowed = self.allowed.is_none_or(|allowed| is_within(allowed, item));
            if allowed && self.seen.binary_search(&item).is_err() {
                self.best.offer(Key::new(logits[i as usize], item));
            }
        }
    }

    /// The list, with the softmax over all items that it was told of as scores. `numbers` are the items'
    /// own numbers, where those that it was told are places among them.
    pub(super) fn finish(mut self, numbers: Option<&[u32]>) -> Scored {
        let number = |place: u32| numbers.map_or(place, |numbers| numbers[place as usize]);
        let keys = self.best.finish();
        let score = |logit: f32| (f64::from((logit - self.highest).exp()) / self.total) as f32;
        let list = RankedList {
            items: keys.iter().map(|key| number(key.item())).collect(),
            scores: keys.iter().map(|key| score(key.score())).collect(),
        };
        Scored { list, log_total: f64::from(self.highest) + self.total.ln() }
    }
}

/// Logits that are looked at together: two 512-bit vectors. Sums have as many lanes on every machine.
const LANES: usize = 32;

training::dispatch! {
    /// The largest of some logits.
    fn highest(logits: &[f32]) -> f32 = highest_body
}

#[inline(always)]
fn highest_body<const FMA: bool>(logits: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = logits.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for j in 0..LANES {
            lanes[j] = if chunk[j] > lanes[j] { chunk[j] } else { lanes[j] };
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a })
}

training::dispatch! {
    /// The sum of e^(logit − highest).
    fn sum_of_powers(logits: &[f32], highest: f32) -> f32 = sum_of_powers_body
}

#[inline(always)]
fn sum_of_powers_body<const FMA: bool>(logits: &[f32], highest: f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let chunks = logits.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for j in 0..LANES {
            lanes[j] += exp::<FMA>(chunk[j] - highest);
        }
    }
    for (lane, &logit) in lanes.iter_mut().zip(rest) {
        *lane += exp::<FMA>(logit - highest);
    }
    lanes.iter().sum()
}

training::dispatch! {
    /// The places of the logits that are not below `limit`, ascending; how many there are.
    fn at_least(logits: &[f32], limit: f32, places: &mut [u32]) -> usize = at_least_body
}

#[inline(always)]
fn at_least_body<const FMA: bool>(logits: &[f32], limit: f32, places: &mut [u32]) -> usize {
    let places = &mut places[..logits.len()];
    let mut count = 0;
    for (block, chunk) in logits.chunks(LANES).enumerate() {
        // A whole chunk is compared before any of it is looked at.
        let any = match <&[f32; LANES]>::try_from(chunk) {
            Ok(chunk) => chunk.iter().fold(false, |any, &logit| any | (logit >= limit)),
            Err(_) => true,
        };
        if any {
            for (j, &logit) in chunk.iter().enumerate() {
                places[count] = (block * LANES + j) as u32;
                count += usize::from(logit >= limit);
                if count == places.len() {
                    return count;
                }
            }
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use training::random::Random;

    #[test]
    fn lists_and_scores_are_those_of_a_softmax_by_the_book() {
        let mut random = Random::new(2);
        for items in [1usize, 31, 32, 33, 700] {
            // A third of the logits tie, and the highest come last.
            let logits: Vec<f32> = (0..items)
                .map(|item| if item % 3 == 0 { 0.5 } else { 3.0 * random.normal() + item as f32 / 100.0 })
                .collect();
            let total: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
            let seen = vec![0, 2, 30];
            let mut order: Vec<usize> = (0..items).filter(|item| !seen.contains(&(*item as u32))).collect();
            order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
            for isa in Isa::available() {
                for (k, step) in [(10, 256), (10, 7), (800, 64), (0, 64)] {
                    let mut top = Top::new(k, seen.clone(), None);
                    let mut above = vec![0; step];
                    for (block, logits) in logits.chunks(step).enumerate() {
                        top.take(isa, logits, (block * step) as u32, &mut above);
                    }
                    let list = top.finish(None).list;
                    let expected: Vec<u32> = order.iter().take(k).map(|&item| item as u32).collect();
                    assert_eq!(list.items, expected, "{items} items, {k} asked, {step} at a time, {isa:?}");
                    for (&item, &score) in list.items.iter().zip(&list.scores) {
                        let share = f64::from(logits[item as usize]).exp() / total;
                        assert!((f64::from(score) - share).abs() < 3e-6 * share, "{score} {share}");
                    }
                }
            }
        }
    }
}
