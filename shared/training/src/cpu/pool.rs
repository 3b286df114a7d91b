//! A few threads that share numbered pieces of work.
//!
//! The pieces are fixed by the caller and never depend on the number of threads; which thread takes
//! which piece does not matter, because no two pieces write the same memory.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// Threads that wait for work.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    finished: Condvar,
    next: AtomicUsize,
    panicked: AtomicBool,
}

struct State {
    job: Option<Job>,
    round: u64,
    busy: usize,
    stop: bool,
}

#[derive(Clone, Copy)]
struct Job {
    work: &'static (dyn Fn(usize) + Sync),
    count: usize,
}

impl Pool {
    /// A pool of `threads` threads, the calling one among them.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { job: None, round: 0, busy: 0, stop: false }),
            changed: Condvar::new(),
            finished: Condvar::new(),
            next: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
        });
        let workers = (1..threads.max(1))
            .map(|_| {
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve())
            })
            .collect();
        Self { shared, workers }
    }

    /// Calls `work` with every number below `count` and returns when all calls have returned.
    ///
    /// Must not be called from inside `work`.
    pub fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        if self.workers.is_empty() || count <= 1 {
            (0..count).for_each(work);
            return;
        }
        // SAFETY: the reference is used only by calls that this function waits for below.
        let work =
            unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(work) };
        let job = Job { work, count };
        {
            let mut state = self.shared.state.lock().expect("no holder of the lock panics");
            self.shared.next.store(0, Ordering::Relaxed);
            state.job = Some(job);
            state.round += 1;
            state.busy = self.workers.len();
            self.shared.changed.notify_all();
        }
        let own = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.shared.take_pieces(job)));
        let mut state = self.shared.state.lock().expect("no holder of the lock panics");
        while state.busy > 0 {
            state = self.shared.finished.wait(state).expect("no holder of the lock panics");
        }
        state.job = None;
        drop(state);
        if let Err(panic) = own {
            std::panic::resume_unwind(panic);
        }
        assert!(!self.shared.panicked.swap(false, Ordering::Relaxed), "a worker thread panicked");
    }
}

impl Shared {
    fn take_pieces(&self, job: Job) {
        loop {
            let piece = self.next.fetch_add(1, Ordering::Relaxed);
            if piece >= job.count {
                return;
            }
            (job.work)(piece);
        }
    }

    fn serve(&self) {
        let mut seen = 0;
        loop {
            let job = {
                let mut state = self.state.lock().expect("no holder of the lock panics");
                while state.round == seen && !state.stop {
                    state = self.changed.wait(state).expect("no holder of the lock panics");
                }
                if state.stop {
                    return;
                }
                seen = state.round;
                state.job.expect("a new round has a job")
            };
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.take_pieces(job))).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            let mut state = self.state.lock().expect("no holder of the lock panics");
            state.busy -= 1;
            if state.busy == 0 {
                self.finished.notify_one();
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state.lock().expect("no holder of the lock panics").stop = true;
        self.shared.changed.notify_all();
        for worker in self.workers.drain(..) {
            // A worker catches panics of the work, so joining cannot fail.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_runs_once_and_a_panic_reaches_the_caller() {
        let pool = Pool::new(3);
        for count in [0, 1, 2, 100] {
            let hits: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            pool.run(count, &|i| {
                hits[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(hits.iter().all(|h| h.load(Ordering::Relaxed) == 1));
        }
        let fails = || pool.run(50, &|i| assert!(i != 30, "piece 30"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(fails)).is_err());
        pool.run(2, &|_| {});
    }
}
