//! The turns of a thread: it asks its condition, and takes the next step for all.

use std::mem::take;
use std::ops::ControlFlow;
use std::time::Duration;

use ws_client::sync::{MutexGuard, mutant};

use super::state::{CHUNK, State, Until};
use super::{Driven, Driver};
use crate::call::PATIENCE;
use crate::clock::{self, Clock};
use crate::transport::Transport;

/// Number of batches after which a thread that writes for other threads leaves the rest to them.
const WRITES_IN_A_ROW: u32 = 64;

/// Longest time of a write that makes no progress, before a read has its turn. It grows to `PATIENCE` while nothing moves.
const WRITE_SLICE: Duration = Duration::from_millis(16);

/// What a thread does until it asks for its condition again.
pub(crate) struct Next {
    /// Whether it reads, if nobody else does.
    pub(crate) reads: bool,
    /// The longest time that it reads or waits. With zero, it does only what can be done without waiting.
    pub(crate) longest: Duration,
}

impl Next {
    pub(crate) const READ: Self = Self { reads: true, longest: Duration::MAX };
    pub(crate) const WRITE: Self = Self { reads: false, longest: Duration::MAX };
}

impl<S: Transport, M: Driven> Driver<S, M> {
    /// Moves bytes and time until `want` breaks with the result of this thread. Else it says what to do next. A thread that has to
    /// sleep for that is woken when its condition holds.
    #[inline(always)]
    pub(crate) fn drive<R>(
        &self,
        until: impl Fn(&State<M>) -> Until<M>,
        mut want: impl FnMut(&mut State<M>) -> ControlFlow<R, Next>,
    ) -> R {
        let mut state = self.lock();
        let mut has_written = false;
        loop {
            let next = match want(&mut state) {
                ControlFlow::Break(result) => {
                    // What others left to us, and what the machine itself has queued since.
                    if has_written {
                        state = self.write_at_once(state);
                    }
                    if !mutant("a thread that leaves hands nothing over") {
                        self.leave(state);
                    }
                    return result;
                }
                ControlFlow::Continue(next) => next,
            };
            state = self.step(state, &next, &mut has_written, &until);
        }
    }

    /// The next step of a thread that has to wait.
    fn step<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<M>>,
        next: &Next,
        has_written: &mut bool,
        until: &impl Fn(&State<M>) -> Until<M>,
    ) -> MutexGuard<'a, State<M>> {
        let reading = next.reads && state.may_read();
        if state.keep_time(reading, || self.now()) {
            return state;
        }
        // While the transport takes nothing, the peer may be waiting for us to read.
        let reads_first = reading && (state.is_stuck() || state.is_read_due());
        if state.has_to_write() && !reads_first {
            *has_written = true;
            let slice = PATIENCE.min(WRITE_SLICE.max(state.backoff())).min(self.longest_read(&state));
            self.write(state, slice.min(next.longest)).0
        } else if reading {
            self.read(state, next.longest)
        } else {
            let until = until(&state);
            self.wait(state, next, until)
        }
    }

    /// Changes the machine in a way that others may wait for.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut M) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state.machine);
        state.changed();
        self.leave(state);
        result
    }

    /// The same for what is to reach the peer: writes what the transport takes at once, or lets the thread do so that is writing.
    pub(crate) fn with_urgent<R>(&self, change: impl FnOnce(&mut M) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state.machine);
        state.changed();
        if mutant("what is urgent is not written") {
            self.leave(state);
            return result;
        }
        self.leave(self.write_urgent(state));
        result
    }

    pub(crate) fn write_urgent<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<M>>,
    ) -> MutexGuard<'a, State<M>> {
        state.urge();
        self.write_at_once(state)
    }

    /// Writes what waits, but no longer than until `deadline`.
    pub(crate) fn write_until(&self, deadline: Clock) {
        self.drive(
            |_| Until::anything(),
            |state| match state.has_to_write() && clock::now() < deadline {
                true => ControlFlow::Continue(Next::WRITE),
                false => ControlFlow::Break(()),
            },
        );
    }

    /// Keeps the time, and writes what the transport takes at once.
    pub(crate) fn tick(&self) {
        let mut state = self.lock();
        state.keep_time(true, || self.now());
        self.leave(self.write_at_once(state));
    }

    /// Writes what waits, shuts down, and reads to the end, for as long as `patience`, so that what was written reaches the
    /// peer: a socket that is closed with bytes unread resets the connection. What comes is dropped by `discard`.
    pub(crate) fn finish(self, patience: Duration, discard: fn(&mut M)) {
        let start = clock::now();
        self.drive(
            |_| Until::anything(),
            |state| {
                discard(&mut state.machine);
                let outbound = state.machine.outbound();
                let (is_empty, has_lost) = (outbound.is_empty(), outbound.has_lost());
                let is_over = state.has_read_ended() || (state.has_write_ended() && has_lost);
                let is_late = clock::since(start) >= patience;
                if is_late || (is_over && is_empty) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(Next { reads: true, longest: PATIENCE })
                }
            },
        );
    }

    /// Writes what waits now, as far as the transport takes it at once. The thread does the same for threads that urge it meanwhile.
    pub(super) fn write_at_once<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<M>>,
    ) -> MutexGuard<'a, State<M>> {
        if !state.has_to_write() {
            return state;
        }
        let (mut end, mut batches, mut is_urged) = (state.end(), 1, false);
        while state.has_to_write() {
            // TLS shows no more than so much at a time.
            let is_more = end - state.written() >= CHUNK as u64 && batches < WRITES_IN_A_ROW;
            let was_urged;
            (state, was_urged) = self.write(state, Duration::ZERO);
            is_urged |= was_urged;
            if state.is_stuck() {
                break;
            }
            if state.written() >= end {
                if !take(&mut is_urged) && !is_more {
                    break;
                }
                (end, batches) = (state.end(), batches + 1);
            }
        }
        state
    }
}
