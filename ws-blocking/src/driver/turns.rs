//! The turns of a thread: it asks its condition, and takes the next step for all.

use std::mem::take;
use std::ops::ControlFlow;
use std::time::Duration;

use ws_common::sync::{MutexGuard, mutant};

use super::state::{CHUNK, DriverState, Passed, Until};
use super::{Driven, Driver};
use crate::call::PATIENCE;
use crate::clock::{self, Clock};
use crate::transport::Transport;

/// Number of batches after which a thread that writes for other threads leaves the rest to them.
const WRITES_IN_A_ROW: u32 = 64;

/// Longest time of a write that makes no progress, before a read has its turn. It grows to `PATIENCE` while nothing moves.
const WRITE_SLICE: Duration = Duration::from_millis(16);

/// The next step of a thread, before it asks its condition again.
pub(crate) struct NextTurn {
    /// Whether it reads, if nobody else does.
    pub(crate) reads: bool,
    /// Longest time that it reads or waits. With zero, it does not wait at all.
    pub(crate) longest: Duration,
}

impl NextTurn {
    pub(crate) const READ: Self = Self { reads: true, longest: Duration::MAX };
    pub(crate) const WRITE: Self = Self { reads: false, longest: Duration::MAX };
}

impl<S: Transport, M: Driven> Driver<S, M> {
    /// Moves bytes and time until `want` breaks with the result of this thread; else `want` gives the next step. A thread that has
    /// to sleep is woken when the condition of `until` holds.
    #[inline(always)]
    pub(crate) fn drive<R>(
        &self,
        until: impl Fn(&DriverState<M>) -> Until<M>,
        mut want: impl FnMut(&mut DriverState<M>) -> ControlFlow<R, NextTurn>,
    ) -> R {
        let mut state = self.lock();
        let mut has_written = false;
        loop {
            let next = match want(&mut state) {
                ControlFlow::Break(result) => {
                    // Other threads may have left bytes to us, and the machine may have queued some since.
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
        mut state: MutexGuard<'a, DriverState<M>>,
        next: &NextTurn,
        has_written: &mut bool,
        until: &impl Fn(&DriverState<M>) -> Until<M>,
    ) -> MutexGuard<'a, DriverState<M>> {
        let reading = next.reads && state.may_read();
        match state.keep_time(reading, || self.now()) {
            Passed::Nothing => {}
            Passed::Unwritten => {
                *has_written = true;
                return self.write_at_once(state);
            }
            Passed::Fired => return state,
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

    /// Makes an urgent change: writes as much as the transport takes at once, or urges the thread that is writing to do so.
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
        mut state: MutexGuard<'a, DriverState<M>>,
    ) -> MutexGuard<'a, DriverState<M>> {
        state.urge();
        self.write_at_once(state)
    }

    /// Writes the bytes that wait, until `timeout` after `start` at the latest. Says whether none is left.
    pub(crate) fn write_within(&self, start: Clock, timeout: Duration) -> bool {
        self.drive(
            |_| Until::anything(),
            |state| match state.has_to_write() {
                true if clock::since(start) < timeout => ControlFlow::Continue(NextTurn::WRITE),
                has_to_write => ControlFlow::Break(!has_to_write),
            },
        )
    }

    /// Keeps the time, and writes as much as the transport takes at once.
    pub(crate) fn tick(&self) {
        let mut state = self.lock();
        if state.keep_time(true, || self.now()) == Passed::Unwritten {
            state = self.write_at_once(state);
            state.keep_time(true, || self.now());
        }
        self.leave(self.write_at_once(state));
    }

    /// Writes all bytes, shuts down, and reads to the end, within `patience`. `discard` drops the bytes that come. Without
    /// reading them, closing the socket would reset the connection, and the peer might lose the last bytes.
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
                    ControlFlow::Continue(NextTurn { reads: true, longest: PATIENCE })
                }
            },
        );
    }

    /// Writes the bytes that wait now, as far as the transport takes them at once; and again if other threads urge it meanwhile.
    pub(super) fn write_at_once<'a>(
        &'a self,
        mut state: MutexGuard<'a, DriverState<M>>,
    ) -> MutexGuard<'a, DriverState<M>> {
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
