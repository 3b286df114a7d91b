//! Ranked lists: queries times item embeddings, block by block, with the best kept on the way.
//!
//! The matrix of all scores is never in memory. Each query's answer is computed by itself, in one
//! order, so it does not depend on the other queries, on blocks or on threads.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard};

use dataset::History;
use ndarray::Array1;
use training::Cpu;
use training::cpu::{Isa, Left, Packed, Start, gemm, gemv};
use training::device::padded;

use super::batch::{Known, Layers};
use super::model::HrnnModel;
use super::top::Top;
use crate::exploration::Scored;
use crate::influence::Lifted;
use crate::ranking::{Query, RankedList, Recommender};

/// Items that are scored at a time: their embeddings stay in the second-level cache while the queries of a
/// thread pass over them, and so do the logits.
const ITEMS_AT_ONCE: usize = 256;
/// Blocks of items that are laid out at a time: 8 MB at 128 numbers for an item.
const BLOCKS_AT_ONCE: usize = 64;
/// Queries that one thread answers at a time: eight tiles of the product.
const QUERIES_AT_ONCE: usize = 96;
/// Floats from one query's logits to the next. One more vector keeps them out of the same cache sets.
const STRIDE: usize = ITEMS_AT_ONCE + 16;

/// What items are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Among<'a> {
    /// Any. Scores are shares of the catalogue.
    All,
    /// Those of a set, as [`Recommender::recommend_within`] has it. Scores stay shares of the catalogue.
    Allowed(&'a [u64]),
    /// Some with a bonus each, whose numbers ascend. Scores are shares of these.
    Some(&'a [u32], &'a [f32]),
}

/// The items that are scored: all of them, or some.
struct Candidates<'a> {
    vectors: Cow<'a, [f32]>,
    bias: Cow<'a, [f32]>,
    prior: Cow<'a, [f32]>,
    // Ascending; none for all.
    numbers: Option<&'a [u32]>,
    // Of all, those that may be answered.
    allowed: Option<&'a [u64]>,
}

impl<'a> Candidates<'a> {
    fn all(of: Lifted<'a>) -> Self {
        let lifted = |values: &'a Array1<f32>| -> Cow<'a, [f32]> {
            let values = values.as_slice().expect("vectors are stored in a row");
            match of.lift {
                [] => values.into(),
                lift => values.iter().zip(lift).map(|(value, lift)| value + lift).collect::<Vec<_>>().into(),
            }
        };
        Self {
            vectors: of.network.items.as_slice().expect("matrices are stored row after row").into(),
            bias: lifted(&of.network.bias),
            prior: lifted(&of.network.prior),
            numbers: None,
            allowed: None,
        }
    }

    fn some(of: Lifted<'a>, numbers: &'a [u32], bonus: &[f32]) -> Self {
        let row = |&item: &u32| of.network.items.row(item as usize).to_vec();
        let lift = |item: usize| of.lift.get(item).copied().unwrap_or(0.0);
        let raised = |values: &Array1<f32>| {
            let raise = |(&item, bonus): (&u32, &f32)| values[item as usize] + lift(item as usize) + bonus;
            numbers.iter().zip(bonus).map(raise).collect::<Vec<_>>()
        };
        Self {
            vectors: numbers.iter().flat_map(row).collect::<Vec<_>>().into(),
            bias: raised(&of.network.bias).into(),
            prior: raised(&of.network.prior).into(),
            numbers: Some(numbers),
            allowed: None,
        }
    }

    fn len(&self) -> usize {
        self.bias.len()
    }

    /// Places of items among the candidates, ascending.
    fn places(&self, items: &[u32]) -> Vec<u32> {
        let place = |item: &u32| match self.numbers {
            None => Some(*item),
            Some(numbers) => numbers.binary_search(item).ok().map(|place| place as u32),
        };
        let mut places: Vec<u32> = items.iter().filter_map(place).collect();
        places.sort_unstable();
        places
    }
}

impl Recommender for HrnnModel {
    fn recommend(&self, queries: &[Query<'_>], k: usize, exclude_seen: bool) -> Vec<RankedList> {
        Lifted::plain(self).recommend(queries, k, exclude_seen)
    }

    fn recommend_within(&self, query: Query<'_>, k: usize, allowed: &[u64]) -> RankedList {
        Lifted::plain(self).recommend_within(query, k, allowed)
    }

    fn items(&self) -> usize {
        self.items.nrows()
    }
}

impl Recommender for Lifted<'_> {
    fn recommend(&self, queries: &[Query<'_>], k: usize, exclude_seen: bool) -> Vec<RankedList> {
        let lists = self.recommend_among(Among::All, queries, k, exclude_seen);
        lists.into_iter().map(|scored| scored.list).collect()
    }

    fn recommend_within(&self, query: Query<'_>, k: usize, allowed: &[u64]) -> RankedList {
        let mut lists = self.recommend_among(Among::Allowed(allowed), &[query], k, false);
        lists.pop().map(|scored| scored.list).unwrap_or_default()
    }

    fn items(&self) -> usize {
        self.network.items.nrows()
    }
}

/// Some queries and their running answers.
struct Asked<'a> {
    vectors: Vec<f32>,
    known: Vec<Known>,
    tops: Vec<Top<'a>>,
    logits: Vec<f32>,
    above: Vec<u32>,
}

impl Lifted<'_> {
    /// The best of the items that are asked among.
    pub(crate) fn recommend_among(
        &self,
        among: Among<'_>,
        queries: &[Query<'_>],
        k: usize,
        exclude_seen: bool,
    ) -> Vec<Scored> {
        let candidates = match among {
            Among::All => Candidates::all(*self),
            Among::Allowed(allowed) => Candidates { allowed: Some(allowed), ..Candidates::all(*self) },
            Among::Some(numbers, bonus) => Candidates::some(*self, numbers, bonus),
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        self.network.answer(&candidates, queries, k, exclude_seen, threads)
    }

    /// Items in the order that suits a user, with scores that are shares of the given items. Numbers
    /// that the model does not know are left out, and so are repetitions.
    pub fn rank(&self, history: History<'_>, items: &[u32]) -> RankedList {
        let mut numbers: Vec<u32> =
            items.iter().copied().filter(|&item| (item as usize) < self.items()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let (query, bonus) = (Query::User(history), vec![0.0; numbers.len()]);
        let mut answers = self.recommend_among(Among::Some(&numbers, &bonus), &[query], numbers.len(), false);
        answers.pop().map(|scored| scored.list).unwrap_or_default()
    }
}

impl HrnnModel {
    fn answer(
        &self,
        candidates: &Candidates<'_>,
        queries: &[Query<'_>],
        k: usize,
        exclude_seen: bool,
        threads: usize,
    ) -> Vec<Scored> {
        let layers = Layers::new(self);
        if queries.len() == 1 {
            let mut asked = Asked::new(&layers, candidates, queries, k, exclude_seen);
            self.score_for_one(candidates, &mut asked);
            return asked.finish(candidates);
        }
        let chunks: Vec<&[Query<'_>]> = queries.chunks(QUERIES_AT_ONCE).collect();
        let cpu = Cpu::new(threads.clamp(1, chunks.len().max(1)));
        let asked: Vec<Mutex<Option<Asked<'_>>>> = chunks.iter().map(|_| Mutex::new(None)).collect();
        cpu.each(chunks.len(), &|i| {
            *own(&asked[i]) = Some(Asked::new(&layers, candidates, chunks[i], k, exclude_seen));
        });
        // Items are laid out once for all queries, some at a time, so that memory does not grow with them.
        let items = candidates.len();
        // Where one thread answers all queries, a block is passed over while it is still in the cache.
        let blocks_at_once = if chunks.len() > 1 { BLOCKS_AT_ONCE } else { 1 };
        let blocks: Vec<Mutex<Packed>> = (0..blocks_at_once).map(|_| Mutex::default()).collect();
        for first in (0..items).step_by(blocks_at_once * ITEMS_AT_ONCE) {
            let count = (items - first).div_ceil(ITEMS_AT_ONCE).min(blocks_at_once);
            let lay_out = |block: usize| {
                self.lay_out(candidates, first + block * ITEMS_AT_ONCE, &mut own(&blocks[block]));
            };
            cpu.each(count, &lay_out);
            let packed: Vec<_> = blocks[..count].iter().map(own).collect();
            let packed: Vec<&Packed> = packed.iter().map(|block| &**block).collect();
            cpu.each(chunks.len(), &|i| {
                let mut asked = own(&asked[i]);
                let asked = asked.as_mut().expect("every chunk was begun above");
                for (block, packed) in packed.iter().enumerate() {
                    self.score(candidates, asked, packed, first + block * ITEMS_AT_ONCE);
                }
            });
        }
        let done = asked.into_iter().map(|asked| asked.into_inner().expect("no holder of the lock panics"));
        done.flat_map(|asked| asked.expect("every chunk was begun above").finish(candidates)).collect()
    }

    /// Lays out the embeddings of items from `first` on as a right-hand factor.
    fn lay_out(&self, candidates: &Candidates<'_>, first: usize, to: &mut Packed) {
        let (e, ep) = (self.embedding(), padded(self.embedding()));
        let items = &candidates.vectors;
        let count = ITEMS_AT_ONCE.min(candidates.len() - first);
        to.pack_rows_transposed(ep, padded(count), |j| (j < count).then(|| &items[(first + j) * e..][..e]));
    }

    /// Scores items from `first` on, which are laid out in `packed`, for some queries.
    fn score(&self, candidates: &Candidates<'_>, asked: &mut Asked<'_>, packed: &Packed, first: usize) {
        let bias = &candidates.bias[first..];
        let count = ITEMS_AT_ONCE.min(bias.len());
        let mut offsets = [0.0; ITEMS_AT_ONCE];
        offsets[..count].copy_from_slice(&bias[..count]);
        let left = Left { data: &asked.vectors, row: padded(self.embedding()), column: 1 };
        let (rows, logits) = (asked.tops.len(), &mut asked.logits);
        gemm(Isa::detect(), left, rows, packed, Start::Row(&offsets), logits, STRIDE);
        asked.take(candidates, first, count);
    }

    /// Scores all items for a single query. Laying them out would take longer than the product.
    fn score_for_one(&self, candidates: &Candidates<'_>, asked: &mut Asked<'_>) {
        let (isa, e) = (Isa::detect(), self.embedding());
        for first in (0..candidates.len()).step_by(ITEMS_AT_ONCE) {
            let bias = &candidates.bias[first..];
            let count = ITEMS_AT_ONCE.min(bias.len());
            let (query, items) = (&asked.vectors[..e], &candidates.vectors[first * e..]);
            gemv(isa, query, items, e, bias, &mut asked.logits[..count]);
            asked.take(candidates, first, count);
        }
    }
}

/// The logarithm of the sum of e^logit over the catalogue, for queries as [`Layers::queries`] gives them.
pub(super) fn log_totals(of: Lifted<'_>, queries: &[f32], known: &[Known]) -> Vec<f64> {
    let (model, candidates) = (of.network, Candidates::all(of));
    let mut asked = Asked {
        vectors: queries.to_vec(),
        known: known.to_vec(),
        tops: known.iter().map(|_| Top::new(0, vec![], None)).collect(),
        logits: vec![0.0; known.len() * STRIDE],
        above: vec![0; ITEMS_AT_ONCE],
    };
    let mut block = Packed::default();
    for first in (0..candidates.len()).step_by(ITEMS_AT_ONCE) {
        model.lay_out(&candidates, first, &mut block);
        model.score(&candidates, &mut asked, &block, first);
    }
    asked.tops.into_iter().map(|top| top.finish(None).log_total).collect()
}

impl<'a> Asked<'a> {
    fn new(
        layers: &Layers<'_>,
        candidates: &Candidates<'a>,
        queries: &[Query<'_>],
        k: usize,
        exclude_seen: bool,
    ) -> Self {
        // A question for related items is a user who had that one item.
        let histories: Vec<History<'_>> = queries
            .iter()
            .map(|query| match query {
                Query::User(history) => *history,
                Query::Item(item) => History::new(std::slice::from_ref(item), std::slice::from_ref(&0)),
            })
            .collect();
        let seen = |query: &Query<'_>| match query {
            Query::User(history) if exclude_seen => candidates.places(history.items),
            Query::User(_) => vec![],
            Query::Item(item) => candidates.places(&[*item]),
        };
        let (vectors, known) = layers.queries(&histories);
        Self {
            vectors,
            known,
            tops: queries.iter().map(|query| Top::new(k, seen(query), candidates.allowed)).collect(),
            logits: vec![0.0; queries.len() * STRIDE],
            above: vec![0; ITEMS_AT_ONCE],
        }
    }

    fn finish(self, candidates: &Candidates<'_>) -> Vec<Scored> {
        self.tops.into_iter().map(|top| top.finish(candidates.numbers)).collect()
    }

    /// Takes the logits of `count` items from `first` on.
    fn take(&mut self, candidates: &Candidates<'_>, first: usize, count: usize) {
        let Candidates { bias, prior, .. } = candidates;
        let isa = Isa::detect();
        for (query, top) in self.tops.iter_mut().enumerate() {
            let logits = &mut self.logits[query * STRIDE..][..count];
            let (prior, bias) = (&prior[first..first + count], &bias[first..first + count]);
            match self.known[query] {
                Known::History => {}
                // Nobody's history: what is popular, moved by what is known.
                Known::Sides => {
                    for ((logit, prior), bias) in logits.iter_mut().zip(prior).zip(bias) {
                        *logit += prior - bias;
                    }
                }
                Known::Nothing => logits.copy_from_slice(prior),
            }
            top.take(isa, logits, first as u32, &mut self.above);
        }
    }
}

/// Each piece of work locks what is its own, so nobody ever waits.
fn own<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of the lock panics")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More items than are laid out at a time.
    const ITEMS: usize = BLOCKS_AT_ONCE * ITEMS_AT_ONCE + 300;

    fn model() -> HrnnModel {
        HrnnModel::random(ITEMS, 5, 3, 1.0, 4)
    }

    #[test]
    fn any_number_of_threads_gives_the_same_lists_and_scores() {
        let model = model();
        let histories: Vec<Vec<u32>> = (0..2 * QUERIES_AT_ONCE as u32 + 5)
            .map(|user| (0..user % 4).map(|n| user * 31 + n).collect())
            .collect();
        let queries: Vec<_> = histories
            .iter()
            .map(|items| Query::User(History::new(items, &[0, 9, 99][..items.len()])))
            .collect();
        let lists = |scored: Vec<Scored>| scored.into_iter().map(|scored| scored.list).collect::<Vec<_>>();
        let one = lists(model.answer(&Candidates::all(Lifted::plain(&model)), &queries, 20, true, 1));
        for threads in [2, 3, 7] {
            assert!(
                lists(model.answer(&Candidates::all(Lifted::plain(&model)), &queries, 20, true, threads))
                    == one,
                "{threads} threads"
            );
        }
        // Each by itself goes another way to the same bytes.
        for (query, list) in queries.iter().zip(&one).step_by(7) {
            let alone = lists(model.answer(&Candidates::all(Lifted::plain(&model)), &[*query], 20, true, 1));
            assert!(alone[0] == *list);
        }
        // The plain forward pass over the whole catalogue finds the same first items.
        for (history, list) in histories.iter().zip(&one) {
            let state = model.state(&History::new(history, &[0, 9, 99][..history.len()]));
            let mut scores = model.scores(state.as_ref().map(|state| state.view()));
            history.iter().for_each(|&item| scores[item as usize] = -1.0);
            let highest = scores.iter().fold(0.0f32, |a, &b| a.max(b));
            assert!(scores[list.items[0] as usize] >= highest * 0.9999 && list.items.len() == 20);
        }
    }
}
