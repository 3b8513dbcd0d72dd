//! Handing over: the threads that wait are woken by every thread that gives up the lock.

use ws_common::sync::mutant;
use ws_core::Machine;

use super::DriverState;

impl<M: Machine> DriverState<M> {
    /// Before this thread reads or sleeps: wakes the threads that can go on, and one for a role that nobody has.
    pub(in crate::driver) fn hand_over(&mut self) {
        self.wake_all_ready();
        // A thread that was woken sees to the rest when it is here.
        if !self.waiters.is_arriving() && !self.waiters.is_empty() && self.has_free_role() {
            self.waiters.wake_one();
        }
    }

    /// Before this thread leaves: the same, and one thread must keep the time. Says whether the background thread is to be
    /// called.
    pub(in crate::driver) fn hand_over_and_leave(&mut self) -> bool {
        self.wake_all_ready();
        if self.waiters.is_arriving() {
            return false;
        }
        if self.waiters.is_empty() {
            let is_left = self.leaves_bytes_behind() && !self.is_background_called;
            let is_left = is_left && !mutant("what is left behind calls nobody");
            self.is_background_called |= is_left;
            return is_left;
        }
        let has_timekeeper = self.is_reading() || self.is_writing() || self.waiters.has_timekeeper();
        if self.has_free_role() || !has_timekeeper {
            self.waiters.wake_one();
        }
        false
    }

    fn wake_all_ready(&mut self) {
        if !mutant("a thread that can go on is not woken") {
            self.wake_ready();
        }
    }

    /// Whether there is work for a role that no thread has, and a thread that sleeps could do it.
    fn has_free_role(&mut self) -> bool {
        let reads = self.may_read() && self.waiters.has_reader() && !mutant("nobody is woken to read");
        reads || self.has_to_write()
    }

    fn leaves_bytes_behind(&mut self) -> bool {
        self.needs_background() && self.has_to_write()
    }

    /// Whether a thread that lets go of the lock has somebody to hand over to.
    #[inline]
    pub(in crate::driver) fn has_others(&self) -> bool {
        !self.waiters.is_empty() || self.is_reading()
    }

    /// The threads that could not read because the read-ahead was full may read again.
    pub(crate) fn let_waiters_read(&mut self) {
        self.waiters.may_read();
    }

    /// Wakes one thread, to do work that nobody does.
    pub(crate) fn wake_one(&mut self) {
        self.waiters.wake_one();
    }
}

/// The background thread.
impl<M: Machine> DriverState<M> {
    /// It is here, or it could not be started.
    pub(in crate::driver) fn background_is_here(&mut self) {
        self.is_background_called = false;
    }

    /// It is about to leave. Says whether it has to come back, because nobody else writes.
    pub(in crate::driver) fn background_comes_back(&mut self) -> bool {
        self.is_background_called = self.waiters.is_empty() && self.leaves_bytes_behind();
        self.is_background_called
    }
}
