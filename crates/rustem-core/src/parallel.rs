//! The one place that knows about threads: blocks of work done by any number of threads, results in block order.
//!
//! Bits do not depend on the number of threads, because blocks are cut by the length of the data alone and each
//! block's result is merged in the order of the blocks.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// How often the calling thread asks whether it should stop.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The least work that is worth a block of its own, in products: about 50 µs, several times what it takes to wake a thread.
pub(crate) const LEAST_WORK: usize = 3 << 20;
/// More threads than this help nobody, and thousands take seconds to start.
const MAX_THREADS: usize = 256;

/// Called after each iteration with its number, from 1, and what it found; may break off the work.
pub type Progress<'a> = &'a mut dyn FnMut(usize, f64) -> ControlFlow<()>;

/// The threads of one computation, and the question whether to go on.
///
/// A pool lives as long as its computation: nothing survives a `fork`, and an idle program owns no threads.
pub struct Threads<'a> {
    count: usize,
    /// The helpers of the calling thread, started when there is work for them.
    pool: OnceLock<Option<ThreadPool>>,
    interrupted: &'a (dyn Fn() -> bool + Sync),
    polled: Mutex<Instant>,
    /// What blocks have left for those after them.
    scratch: Mutex<Vec<Box<dyn Any + Send>>>,
}

impl<'a> Threads<'a> {
    /// `count` threads, the caller among them: never more than 256, and one where the machine refuses more.
    /// `interrupted` is asked from the calling thread about every 50 ms.
    #[must_use]
    pub fn new(count: usize, interrupted: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self {
            count: count.clamp(1, MAX_THREADS),
            pool: OnceLock::new(),
            interrupted,
            polled: Mutex::new(Instant::now()),
            scratch: Mutex::default(),
        }
    }

    /// Threads that work at the same time, unless the machine refuses them.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    fn pool(&self) -> Option<&ThreadPool> {
        let start = || ThreadPoolBuilder::new().num_threads(self.count - 1).build().ok();
        if self.count > 1 { self.pool.get_or_init(start).as_ref() } else { None }
    }

    /// The calling thread alone, never interrupted.
    #[must_use]
    pub fn single() -> Self {
        Self::new(1, &|| false)
    }

    /// `work` in a room that an earlier block has left and `fits`, or in a `new` one: to ask the system for megabytes block
    /// by block would cost more than the work in them.
    pub(crate) fn with_scratch<W: Send + 'static, R>(
        &self,
        fits: impl Fn(&W) -> bool,
        new: impl FnOnce() -> W,
        work: impl FnOnce(&mut W) -> R,
    ) -> R {
        let rooms = || self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let left = rooms().pop().and_then(|room| room.downcast::<W>().ok()).filter(|room| fits(room));
        let mut room = left.unwrap_or_else(|| Box::new(new()));
        let result = work(&mut room);
        rooms().push(room);
        result
    }

    /// `work(block)` for each block in `0..n_blocks`, results in that order.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the caller asked to stop; or the first error that `work` returned.
    pub fn map<R: Send>(
        &self,
        n_blocks: usize,
        work: impl Fn(usize, &Checkpoint) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let done = Mutex::new(Vec::with_capacity(n_blocks));
        let run = |owner: Option<&Self>| {
            let checkpoint = Checkpoint { stop: &stop, owner };
            loop {
                let block = next.fetch_add(1, Ordering::Relaxed);
                if block >= n_blocks {
                    break;
                }
                let result = checkpoint.pass().and_then(|()| work(block, &checkpoint));
                if result.is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                done.lock().unwrap_or_else(PoisonError::into_inner).push((block, result));
            }
        };
        match if n_blocks > 1 { self.pool() } else { None } {
            Some(pool) => pool.in_place_scope(|scope| {
                for _ in 0..pool.current_num_threads().min(n_blocks - 1) {
                    scope.spawn(|_| run(None));
                }
                run(Some(self));
            }),
            None => run(Some(self)),
        }
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(block, _)| *block);
        done.into_iter().map(|(_, result)| result).collect()
    }

    /// Like [`Self::map`], with one block for each chunk of `output`, which `work` fills.
    ///
    /// # Errors
    /// As [`Self::map`].
    pub fn map_chunks<T: Send, R: Send>(
        &self,
        output: &mut [T],
        chunk_len: usize,
        work: impl Fn(usize, &mut [T], &Checkpoint) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let chunks: Vec<_> = output.chunks_mut(chunk_len).map(Mutex::new).collect();
        self.map(chunks.len(), |block, checkpoint| {
            work(block, &mut chunks[block].lock().unwrap_or_else(PoisonError::into_inner), checkpoint)
        })
    }

    /// For work that is not in blocks, on the calling thread.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the caller asked to stop.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        if self.poll() { Err(Error::Interrupted) } else { Ok(()) }
    }

    fn poll(&self) -> bool {
        let mut polled = self.polled.lock().unwrap_or_else(PoisonError::into_inner);
        if polled.elapsed() < POLL_INTERVAL {
            return false;
        }
        *polled = Instant::now();
        (self.interrupted)()
    }
}

/// Where long work looks up whether it should go on; cheap enough for every few thousand samples.
pub struct Checkpoint<'a> {
    stop: &'a AtomicBool,
    /// Set on the calling thread, the only one that asks the caller.
    owner: Option<&'a Threads<'a>>,
}

impl Checkpoint<'_> {
    /// # Errors
    /// [`Error::Interrupted`] when some thread asked to stop.
    pub fn pass(&self) -> Result<()> {
        if self.owner.is_some_and(Threads::poll) {
            self.stop.store(true, Ordering::Relaxed);
        }
        if self.stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// Things that threads take, use and put back: never more of them than threads.
pub(crate) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> Pool<T> {
    pub(crate) fn take(&self, new: impl FnOnce() -> T) -> T {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        taken.unwrap_or_else(new)
    }

    pub(crate) fn put(&self, thing: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
    }

    pub(crate) fn into_inner(self) -> Vec<T> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_block_order_at_any_thread_count() {
        for count in [1, 2, 8] {
            let threads = Threads::new(count, &|| false);
            let squares = threads.map(100, |block, _| Ok(block * block)).expect("nobody interrupts");
            assert_eq!(squares, (0..100).map(|block| block * block).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_interrupt_ends_the_work() {
        for count in [1, 2] {
            let threads = Threads::new(count, &|| true);
            let start = Instant::now();
            let outcome = threads.map(100_000, |_, _| {
                std::thread::sleep(Duration::from_millis(1));
                Ok(())
            });
            assert_eq!(outcome, Err(Error::Interrupted));
            assert!(start.elapsed() < Duration::from_secs(10));
        }
    }

    #[test]
    fn the_first_error_is_returned() {
        let outcome = Threads::single().map(3, |block, _| if block == 1 { Err(Error::Empty) } else { Ok(block) });
        assert_eq!(outcome, Err(Error::Empty));
    }
}
