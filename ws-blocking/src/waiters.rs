//! The threads that wait while others read, write, or change what they wait for.

use std::sync::Arc;

use ws_common::sync::Condvar;

use crate::state::State;

/// The condition that a waiting thread leaves behind, so that it is woken only if it can go on.
///
/// Invariant: if the operation of the thread would be complete, the condition holds. The other way round, it may hold too often.
pub(crate) struct Until<M> {
    holds: Holds<M>,
    /// Going on may take away what others wait for, such as room. Such threads are woken one after another.
    takes: bool,
}

impl<M> Until<M> {
    /// Any number of threads can go on once this holds.
    pub(crate) fn all(holds: impl FnMut(&mut State<M>) -> bool + Send + 'static) -> Self {
        Self { holds: Box::new(holds), takes: false }
    }

    /// A thread that is woken by whatever happens.
    pub(crate) fn anything() -> Self {
        Self::all(|_| true)
    }

    /// One thread can go on while this holds, and perhaps another after it.
    pub(crate) fn each(holds: impl FnMut(&mut State<M>) -> bool + Send + 'static) -> Self {
        Self { holds: Box::new(holds), takes: true }
    }
}

type Holds<M> = Box<dyn FnMut(&mut State<M>) -> bool + Send>;

/// The waiting threads, in the order in which they came.
pub(crate) struct Waiters<M> {
    waiting: Vec<Waiter<M>>,
    /// The number of the next one.
    next: u64,
    /// Woken, and not yet back: each of them sees to what is to be done when it leaves or waits again.
    arriving: usize,
    /// Those of them that take something.
    taking: usize,
}

struct Waiter<M> {
    number: u64,
    turn: Arc<Condvar>,
    until: Until<M>,
    /// It would read if nobody else did.
    reads: bool,
    /// It is back by the next deadline, as of when it came: bounded as a read is, and for the same reason.
    keeps_time: bool,
}

/// A thread's place among those that wait.
pub(crate) struct Place {
    number: u64,
    takes: bool,
    pub(crate) turn: Arc<Condvar>,
}

impl<M> Waiters<M> {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a thread that was woken is on its way.
    pub(crate) fn is_arriving(&self) -> bool {
        self.arriving > 0
    }

    /// Whether one of them would read.
    pub(crate) fn has_reader(&self) -> bool {
        self.waiting.iter().any(|waiter| waiter.reads)
    }

    /// Whether one of them is back by the next deadline.
    pub(crate) fn has_timekeeper(&self) -> bool {
        self.waiting.iter().any(|waiter| waiter.keeps_time)
    }

    pub(crate) fn enter(&mut self, until: Until<M>, reads: bool, keeps_time: bool) -> Place {
        let place = Place { number: self.next, takes: until.takes, turn: Arc::new(Condvar::new()) };
        self.next += 1;
        let turn = place.turn.clone();
        self.waiting.push(Waiter { number: place.number, turn, until, reads, keeps_time });
        place
    }

    /// A thread is back: it was woken, or its time has passed.
    pub(crate) fn leave(&mut self, place: &Place) {
        match self.waiting.iter().position(|waiter| waiter.number == place.number) {
            Some(at) => drop(self.waiting.remove(at)),
            None => {
                self.arriving -= 1;
                self.taking -= usize::from(place.takes);
            }
        }
    }

    /// Those that stood still because nobody took what came may read again.
    pub(crate) fn may_read(&mut self) {
        self.waiting.iter_mut().for_each(|waiter| waiter.reads = true);
    }

    /// Wakes one thread to read, write or keep the time: one that reads, if there is one.
    pub(crate) fn wake_one(&mut self) {
        if !self.waiting.is_empty() {
            let reader = self.waiting.iter().position(|waiter| waiter.reads);
            let waiter = self.waiting.remove(reader.unwrap_or(0));
            self.wake(&waiter);
        }
    }

    fn wake(&mut self, waiter: &Waiter<M>) {
        self.arriving += 1;
        self.taking += usize::from(waiter.until.takes);
        waiter.turn.notify_one();
    }
}

impl<M> State<M> {
    /// Wakes the threads whose condition holds.
    pub(crate) fn wake_ready(&mut self) {
        if self.waiters.waiting.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiters.waiting);
        waiting.retain_mut(|waiter| {
            // Whoever is on its way to take something wakes the next one.
            let is_kept = (waiter.until.takes && self.waiters.taking > 0) || !(waiter.until.holds)(self);
            if !is_kept {
                self.waiters.wake(waiter);
            }
            is_kept
        });
        self.waiters.waiting = waiting;
    }
}

impl<M> Default for Waiters<M> {
    fn default() -> Self {
        Self { waiting: Vec::new(), next: 0, arriving: 0, taking: 0 }
    }
}
