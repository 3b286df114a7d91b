//! Ranked lists: queries times item embeddings, block by block, with the best kept on the way.
//!
//! The matrix of all scores is never in memory. Each query's answer is computed by itself, in one
//! order, so it does not depend on the other queries, on blocks or on threads.

use dataset::History;
use training::cpu::{Isa, Left, Packed, Start, gemm};
use training::device::padded;

use super::batch::{Known, Layers};
use super::model::HrnnModel;
use crate::ranking::{Query, RankedList, Recommender};

/// Items that are scored at a time.
const ITEMS_AT_ONCE: usize = 1024;
/// Queries that one thread answers at a time.
const QUERIES_AT_ONCE: usize = 64;

/// One query's running answer.
struct Best {
    // Logit and item, a heap with the worst of the best on top.
    heap: Vec<(f32, u32)>,
    seen: Vec<u32>,
    highest: f32,
    // Sum of e^(logit − highest) over all items so far.
    total: f64,
}

/// Whether `a` ranks before `b`: the higher logit, or the lower item number.
fn before(a: (f32, u32), b: (f32, u32)) -> bool {
    a.0 > b.0 || (a.0 == b.0 && a.1 < b.1)
}

impl Best {
    fn new(seen: Vec<u32>) -> Self {
        Self { heap: Vec::new(), seen, highest: f32::NEG_INFINITY, total: 0.0 }
    }

    /// Takes the logits of items `first..`.
    fn take(&mut self, logits: &[f32], first: u32, k: usize) {
        let block = logits.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a });
        if block > self.highest {
            self.total *= f64::from((self.highest - block).exp());
            self.highest = block;
        }
        self.total += f64::from(logits.iter().map(|logit| (logit - self.highest).exp()).sum::<f32>());
        for (i, &logit) in logits.iter().enumerate() {
            let entry = (logit, first + i as u32);
            if self.heap.len() == k && (k == 0 || !before(entry, self.heap[0])) {
                continue;
            }
            if self.seen.binary_search(&entry.1).is_ok() {
                continue;
            }
            self.push(entry, k);
        }
    }

    fn push(&mut self, entry: (f32, u32), k: usize) {
        if self.heap.len() < k {
            self.heap.push(entry);
            let mut at = self.heap.len() - 1;
            while at > 0 && before(self.heap[(at - 1) / 2], self.heap[at]) {
                self.heap.swap(at, (at - 1) / 2);
                at = (at - 1) / 2;
            }
            return;
        }
        self.heap[0] = entry;
        let mut at = 0;
        loop {
            let worst = [2 * at + 1, 2 * at + 2].into_iter().filter(|&child| child < self.heap.len()).fold(
                at,
                |worst, child| if before(self.heap[worst], self.heap[child]) { child } else { worst },
            );
            if worst == at {
                return;
            }
            self.heap.swap(at, worst);
            at = worst;
        }
    }

    fn finish(mut self) -> RankedList {
        self.heap.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let score = |logit: f32| (f64::from((logit - self.highest).exp()) / self.total) as f32;
        RankedList {
            items: self.heap.iter().map(|entry| entry.1).collect(),
            scores: self.heap.iter().map(|entry| score(entry.0)).collect(),
        }
    }
}

impl Recommender for HrnnModel {
    fn recommend(&self, queries: &[Query<'_>], k: usize, exclude_seen: bool) -> Vec<RankedList> {
        let layers = Layers::new(self);
        let chunks: Vec<&[Query<'_>]> = queries.chunks(QUERIES_AT_ONCE).collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(chunks.len());
        if threads <= 1 {
            return chunks.iter().flat_map(|chunk| self.answer(&layers, chunk, k, exclude_seen)).collect();
        }
        let next = std::sync::atomic::AtomicUsize::new(0);
        let mut answers: Vec<(usize, Vec<RankedList>)> = std::thread::scope(|scope| {
            let work = || {
                let mut own = vec![];
                loop {
                    let i = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(chunk) = chunks.get(i) else { return own };
                    own.push((i, self.answer(&layers, chunk, k, exclude_seen)));
                }
            };
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().flat_map(|worker| worker.join().expect("answering does not panic")).collect()
        });
        answers.sort_by_key(|answer| answer.0);
        answers.into_iter().flat_map(|answer| answer.1).collect()
    }

    fn items(&self) -> usize {
        self.items.nrows()
    }
}

impl HrnnModel {
    fn answer(
        &self,
        layers: &Layers<'_>,
        queries: &[Query<'_>],
        k: usize,
        exclude_seen: bool,
    ) -> Vec<RankedList> {
        // A question for related items is a user who had that one item.
        let histories: Vec<History<'_>> = queries
            .iter()
            .map(|query| match query {
                Query::User(history) => *history,
                Query::Item(item) => History::new(std::slice::from_ref(item), std::slice::from_ref(&0)),
            })
            .collect();
        let mut best: Vec<Best> = queries
            .iter()
            .map(|query| match query {
                Query::User(history) if exclude_seen => {
                    let mut seen = history.items.to_vec();
                    seen.sort_unstable();
                    Best::new(seen)
                }
                Query::User(_) => Best::new(vec![]),
                Query::Item(item) => Best::new(vec![*item]),
            })
            .collect();
        let (vectors, known) = layers.queries(&histories);
        let (e, ep) = (self.embedding(), padded(self.embedding()));
        let items = self.items.as_slice().expect("matrices are stored row after row");
        let bias = self.bias.as_slice().expect("vectors are stored in a row");
        let prior = self.prior.as_slice().expect("vectors are stored in a row");
        let isa = Isa::detect();
        let (mut packed, mut offsets) = (Packed::default(), vec![0.0; ITEMS_AT_ONCE]);
        let mut logits = vec![0.0; queries.len() * ITEMS_AT_ONCE];
        for first in (0..bias.len()).step_by(ITEMS_AT_ONCE) {
            let count = ITEMS_AT_ONCE.min(bias.len() - first);
            packed.pack_rows_transposed(ep, padded(count), |j| {
                (j < count).then(|| &items[(first + j) * e..][..e])
            });
            offsets[..count].copy_from_slice(&bias[first..first + count]);
            let left = Left { data: &vectors, row: ep, column: 1 };
            gemm(isa, left, queries.len(), &packed, Start::Row(&offsets), &mut logits, ITEMS_AT_ONCE);
            for (query, best) in best.iter_mut().enumerate() {
                let logits = &mut logits[query * ITEMS_AT_ONCE..][..count];
                let (prior, bias) = (&prior[first..first + count], &bias[first..first + count]);
                match known[query] {
                    Known::History => {}
                    // Nobody's history: what is popular, moved by what is known.
                    Known::Sides => {
                        for ((logit, prior), bias) in logits.iter_mut().zip(prior).zip(bias) {
                            *logit += prior - bias;
                        }
                    }
                    Known::Nothing => logits.copy_from_slice(prior),
                }
                best.take(logits, first as u32, k);
            }
        }
        best.into_iter().map(Best::finish).collect()
    }
}
