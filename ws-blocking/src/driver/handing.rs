//! How a thread lets go of the lock, sleeps, and hands over its work.

use std::sync::PoisonError;
use std::time::Duration;

use ws_common::sync::{MutexGuard, mutant};

use super::{Driven, Driver, Next};
use crate::behind::{self, Left};
use crate::call::AT_ONCE;
use crate::state::State;
use crate::transport::Transport;
use crate::waiters::Until;

impl<S: Transport, M: Driven> Driver<S, M> {
    /// Lets go of the lock after a change: wakes the threads that can go on, and hands over what is to be done.
    #[inline(always)]
    pub(crate) fn leave(&self, state: MutexGuard<'_, State<M>>) {
        state.machine.show();
        if !state.waiters.is_empty() || state.is_reading {
            self.leave_to_others(state);
        }
    }

    fn leave_to_others(&self, mut state: MutexGuard<'_, State<M>>) {
        let is_left = self.hand_over(&mut state, true);
        drop(state);
        if let (true, Some(behind)) = (is_left, &self.behind)
            && !behind::call(behind.clone())
        {
            // There is no thread to be had. The one that reads is back in time for every deadline.
            self.lock().is_handed_over = false;
        }
    }

    /// Wakes the threads that can go on, and one for the work that nobody does. Says whether the background thread is to do it.
    pub(super) fn hand_over(&self, state: &mut State<M>, is_leaving: bool) -> bool {
        if !mutant("a thread that can go on is not woken") {
            state.wake_ready();
        }
        if state.waiters.is_arriving() {
            // It sees to the rest when it is here.
            return false;
        }
        let writes = state.has_to_write();
        if state.waiters.is_empty() {
            let is_left = is_leaving && writes && state.needs_background() && !state.is_handed_over;
            let is_left = is_left && !mutant("what is left behind calls nobody");
            state.is_handed_over |= is_left;
            return is_left;
        }
        let reads = !state.is_reading && !state.read_ended && state.waiters.has_reader();
        let is_idle = is_leaving && !state.is_reading && !state.is_writing;
        let reads = reads && !mutant("nobody is woken to read");
        if writes || reads || (is_idle && !state.waiters.has_timekeeper()) {
            state.waiters.wake_one();
        }
        false
    }

    /// Sleeps until the condition holds or something is to be done; while nobody reads or writes, no longer than to the deadline.
    pub(super) fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State<M>>,
        next: &Next,
        until: Until<M>,
    ) -> MutexGuard<'a, State<M>> {
        let longest = if state.is_reading || state.is_writing {
            next.longest
        } else {
            let deadline = state.machine.poll_timeout().map(|deadline| deadline - self.now());
            let longest_read = self.longest_read(&state);
            let longest = deadline.unwrap_or(longest_read).clamp(AT_ONCE, longest_read);
            longest.min(next.longest)
        };
        let keeps_time = !state.is_reading && !state.is_writing;
        if longest.is_zero() { state } else { self.sleep(state, longest, (next.reads, keeps_time), until) }
    }

    pub(super) fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<M>>,
        longest: Duration,
        (reads, keeps_time): (bool, bool),
        until: Until<M>,
    ) -> MutexGuard<'a, State<M>> {
        state.machine.show();
        // Before this thread counts among those that could be woken.
        if !mutant("a thread that sleeps hands nothing over") {
            self.hand_over(&mut state, false);
        }
        let place = state.waiters.enter(until, reads, keeps_time);
        let mut state = if longest == Duration::MAX {
            place.turn.wait(state).unwrap_or_else(PoisonError::into_inner)
        } else {
            let waited = place.turn.wait_timeout(state, longest);
            waited.unwrap_or_else(PoisonError::into_inner).0
        };
        state.waiters.leave(&place);
        state
    }

    /// Writes what others have left behind while a thread is in a read. `act` does what the owner of the machine has to do then.
    pub(crate) fn write_left(&self, act: impl FnOnce(&mut State<M>)) -> Left {
        // Whoever has the lock may need it for long, to compress for example; others are not to wait for that.
        let Some(mut state) = self.try_lock() else { return Left::Stuck };
        state.is_handed_over = false;
        let before = state.written;
        if state.needs_background() {
            state = self.write_at_once(state);
        }
        act(&mut state);
        let has_moved = state.written > before;
        // Nobody else does it.
        let is_left = state.has_to_write() && state.needs_background() && state.waiters.is_empty();
        state.is_handed_over = is_left;
        self.leave(state);
        match (is_left, has_moved) {
            (false, _) => Left::Nothing,
            (true, true) => Left::Moved,
            (true, false) if mutant("the background thread does not come back") => Left::Nothing,
            (true, false) => Left::Stuck,
        }
    }
}
