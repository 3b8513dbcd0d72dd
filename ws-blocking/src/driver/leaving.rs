//! A thread leaves the lock: with its result, or to sleep.

use std::sync::PoisonError;
use std::time::Duration;

use ws_common::sync::{MutexGuard, mutant};

use super::state::{DriverState, Sleep, Until};
use super::{Driven, Driver, NextTurn};
use crate::background::{self, Remaining};
use crate::call::AT_ONCE;
use crate::transport::Transport;

impl<S: Transport, M: Driven> Driver<S, M> {
    /// Lets go of the lock after a change: wakes the threads that can go on, and hands over the roles that nobody has.
    #[inline(always)]
    pub(crate) fn leave(&self, state: MutexGuard<'_, DriverState<M>>) {
        state.machine.show();
        if state.has_others() {
            self.leave_to_others(state);
        }
    }

    fn leave_to_others(&self, mut state: MutexGuard<'_, DriverState<M>>) {
        let is_left = state.hand_over_and_leave();
        drop(state);
        if let (true, Some(background)) = (is_left, &self.background)
            && !background::call(background.clone())
        {
            // The system gives no thread. The thread that reads is back in time for every deadline.
            self.lock().background_is_here();
        }
    }

    /// Sleeps until the condition holds or there is work to do. While no thread reads or writes, the sleep ends at the deadline.
    pub(super) fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, DriverState<M>>,
        next: &NextTurn,
        until: Until<M>,
    ) -> MutexGuard<'a, DriverState<M>> {
        let keeps_time = !state.is_reading() && !state.is_writing();
        let mut longest = next.longest;
        if keeps_time {
            let deadline = state.machine.poll_timeout().map(|deadline| deadline - self.now());
            let longest_read = self.longest_read(&state);
            longest = longest.min(deadline.unwrap_or(longest_read).clamp(AT_ONCE, longest_read));
        }
        let sleep = Sleep { longest, reads: next.reads, keeps_time };
        if longest.is_zero() { state } else { self.sleep(state, sleep, until) }
    }

    pub(super) fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, DriverState<M>>,
        sleep: Sleep,
        until: Until<M>,
    ) -> MutexGuard<'a, DriverState<M>> {
        state.machine.show();
        // Before this thread counts among those that could be woken.
        if !mutant("a thread that sleeps hands nothing over") {
            state.hand_over();
        }
        let slot = state.begin_sleep(until, &sleep);
        let mut state = if sleep.longest == Duration::MAX {
            slot.turn.wait(state).unwrap_or_else(PoisonError::into_inner)
        } else {
            let waited = slot.turn.wait_timeout(state, sleep.longest);
            waited.unwrap_or_else(PoisonError::into_inner).0
        };
        state.end_sleep(&slot);
        state
    }

    /// Writes the bytes that were left behind, if a thread is in a long read. `act` lets the owner of the machine act afterwards.
    pub(crate) fn write_in_background(&self, act: impl FnOnce(&mut DriverState<M>)) -> Remaining {
        // A thread may hold the lock for long, to compress for example. Other connections do not wait for it.
        let Some(mut state) = self.try_lock() else { return Remaining::Stuck };
        state.background_is_here();
        let before = state.written();
        if state.needs_background() {
            state = self.write_at_once(state);
        }
        act(&mut state);
        let has_moved = state.written() > before;
        let is_left = state.background_comes_back();
        self.leave(state);
        match (is_left, has_moved) {
            (false, _) => Remaining::Nothing,
            (true, true) => Remaining::Moving,
            (true, false) if mutant("the background thread does not come back") => Remaining::Nothing,
            (true, false) => Remaining::Stuck,
        }
    }
}
