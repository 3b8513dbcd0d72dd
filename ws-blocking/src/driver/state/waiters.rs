//! The threads that wait while others read, write, or change what they wait for.

use std::sync::Arc;
use std::time::Duration;

use ws_common::sync::Condvar;

use super::DriverState;

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
    pub(crate) fn all(holds: impl FnMut(&mut DriverState<M>) -> bool + Send + 'static) -> Self {
        Self { holds: Box::new(holds), takes: false }
    }

    /// Any change wakes the thread.
    pub(crate) fn anything() -> Self {
        Self::all(|_| true)
    }

    /// One thread can go on while this holds, and perhaps another after it.
    pub(crate) fn each(holds: impl FnMut(&mut DriverState<M>) -> bool + Send + 'static) -> Self {
        Self { holds: Box::new(holds), takes: true }
    }
}

type Holds<M> = Box<dyn FnMut(&mut DriverState<M>) -> bool + Send>;

/// The sleep of a thread that waits.
pub(crate) struct Sleep {
    /// Longest time of the sleep.
    pub(crate) longest: Duration,
    /// The thread would read if nobody else did.
    pub(crate) reads: bool,
    /// The thread is back by the next deadline, as of the begin of its sleep: bounded as a read is, and for the same reason.
    pub(crate) keeps_time: bool,
}

impl Sleep {
    /// A sleep that only another thread ends.
    pub(crate) fn until_woken() -> Self {
        Self { longest: Duration::MAX, reads: false, keeps_time: false }
    }
}

/// The waiting threads, in the order in which they came.
pub(super) struct Waiters<M> {
    waiting: Vec<Waiter<M>>,
    /// The number of the next one.
    next: u64,
    /// Number of threads that were woken and are not yet back. Each of them hands over when it leaves or waits again.
    arriving: usize,
    /// Number of arriving threads that take something.
    taking: usize,
}

struct Waiter<M> {
    number: u64,
    turn: Arc<Condvar>,
    until: Until<M>,
    reads: bool,
    keeps_time: bool,
}

/// The entry of a thread among the waiting threads.
pub(crate) struct WaiterSlot {
    number: u64,
    takes: bool,
    pub(crate) turn: Arc<Condvar>,
}

impl<M> Waiters<M> {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a thread that was woken is on its way.
    pub(super) fn is_arriving(&self) -> bool {
        self.arriving > 0
    }

    /// Whether one of them would read.
    pub(super) fn has_reader(&self) -> bool {
        self.waiting.iter().any(|waiter| waiter.reads)
    }

    /// Whether one of them is back by the next deadline.
    pub(super) fn has_timekeeper(&self) -> bool {
        self.waiting.iter().any(|waiter| waiter.keeps_time)
    }

    fn enter(&mut self, until: Until<M>, sleep: &Sleep) -> WaiterSlot {
        let slot = WaiterSlot { number: self.next, takes: until.takes, turn: Arc::new(Condvar::new()) };
        self.next += 1;
        let turn = slot.turn.clone();
        let Sleep { reads, keeps_time, .. } = *sleep;
        self.waiting.push(Waiter { number: slot.number, turn, until, reads, keeps_time });
        slot
    }

    /// A thread is back: it was woken, or its time has passed.
    fn leave(&mut self, slot: &WaiterSlot) {
        match self.waiting.iter().position(|waiter| waiter.number == slot.number) {
            Some(at) => drop(self.waiting.remove(at)),
            None => {
                self.arriving -= 1;
                self.taking -= usize::from(slot.takes);
            }
        }
    }

    /// The threads that could not read because the read-ahead was full may read again.
    pub(super) fn may_read(&mut self) {
        self.waiting.iter_mut().for_each(|waiter| waiter.reads = true);
    }

    /// Wakes one thread to read, write or keep the time: one that reads, if there is one.
    pub(super) fn wake_one(&mut self) {
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

impl<M> DriverState<M> {
    /// Enters the thread among those that wait.
    pub(in crate::driver) fn begin_sleep(&mut self, until: Until<M>, sleep: &Sleep) -> WaiterSlot {
        self.waiters.enter(until, sleep)
    }

    /// The thread is back.
    pub(in crate::driver) fn end_sleep(&mut self, slot: &WaiterSlot) {
        self.waiters.leave(slot);
    }

    /// Wakes the threads whose condition holds.
    pub(in crate::driver) fn wake_ready(&mut self) {
        if self.waiters.waiting.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiters.waiting);
        waiting.retain_mut(|waiter| {
            // A thread on its way to take something wakes the next one.
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
