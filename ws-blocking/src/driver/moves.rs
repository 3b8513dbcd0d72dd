//! The reads and writes of one thread, without the lock.

use std::cell::Cell;
use std::io::ErrorKind;
use std::mem::{forget, take};
use std::net::Shutdown;
use std::time::Duration;

use ws_common::sync::{MutexGuard, mutant};
use ws_core::{Direction, TransportError};

use super::{CHUNK, Driven, Driver, READS_IN_A_ROW, WRITES_IN_A_ROW};
use crate::call::{PATIENCE, advance, is_end, is_timeout, within, write};
use crate::state::State;
use crate::transport::Transport;
use crate::waiters::Until;

thread_local! {
    /// What is read goes here first: a connection that waits holds no buffer of its own.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A role that a thread has. If the transport panics, the direction has failed, and the others learn of it.
struct Busy<'a, S: Transport, M: Driven>(&'a Driver<S, M>, Direction);

impl<S: Transport, M: Driven> Drop for Busy<'_, S, M> {
    /// Only while a panic goes by.
    fn drop(&mut self) {
        const REASON: &str = "the transport panicked";
        let Self(driver, direction) = *self;
        let now = driver.now();
        let mut state = driver.lock();
        match direction {
            Direction::Read => {
                state.is_reading = false;
                state.read_ended = true;
                state.machine.handle_error(TransportError::read(REASON), now);
            }
            Direction::Write => {
                state.is_writing = false;
                state.write_ended = true;
                state.taken.clear();
                state.machine.handle_error(TransportError::write(REASON), now);
            }
        }
        state.changes += 1;
        driver.leave(state);
    }
}

impl<S: Transport, M: Driven> Driver<S, M> {
    /// Writes of what waits now what the transport takes at once.
    pub(super) fn write_at_once<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<M>>,
    ) -> MutexGuard<'a, State<M>> {
        if !state.has_to_write() {
            return state;
        }
        let (mut end, mut batches) = (state.end(), 1);
        while state.has_to_write() {
            // TLS shows no more than so much at a time.
            let is_more = end - state.written >= CHUNK as u64 && batches < WRITES_IN_A_ROW;
            state = self.write(state, Duration::ZERO);
            if state.is_stuck {
                break;
            }
            if state.written >= end {
                if !take(&mut state.is_urgent) && !is_more {
                    break;
                }
                (end, batches) = (state.end(), batches + 1);
            }
        }
        state
    }

    /// Lets the transport take some of what waits, or shuts it down for writing if nothing will follow. Waits no longer than
    /// `slice`.
    pub(super) fn write<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<M>>,
        slice: Duration,
    ) -> MutexGuard<'a, State<M>> {
        if !mutant("a thread that writes wakes nobody") {
            state.wake_ready();
        }
        if state.taken.is_empty() {
            state.taken = state.machine.outbound().take_out(CHUNK);
        }
        let mut taken = take(&mut state.taken);
        let mut timeout = take(&mut state.write_timeout);
        state.is_writing = true;
        let busy = Busy(self, Direction::Write);
        state.machine.show();
        drop(state);
        let result = if taken.is_empty() {
            self.transport.shutdown(Shutdown::Write).map(|()| (0, true))
        } else {
            let set = |timeout| self.transport.set_write_timeout(timeout);
            within(slice, &mut timeout, set, |waits| {
                write(&taken, |slices| match waits {
                    true => self.transport.write_vectored(slices),
                    false => self.transport.try_write_vectored(slices),
                })
            })
        };
        let now = self.now();
        let mut state = self.lock();
        state.is_writing = false;
        state.writes += 1;
        state.now = now;
        state.write_timeout = timeout;
        state.is_stuck = false;
        match result {
            // A peer that is gone needs no shutdown.
            _ if taken.is_empty() => state.write_ended = true,
            Ok((n, is_all)) => {
                state.written += n as u64;
                state.idle = 0;
                state.is_stuck = !is_all;
                advance(&mut taken, n);
                // What was in flight counts no more if the connection was given up meanwhile.
                let n = n.min(state.machine.outbound().len());
                if n > 0 {
                    state.machine.handle_write(n, now);
                }
                if !is_all {
                    // The rest was refused. When some of it is taken, the peer has made room.
                    state.machine.handle_write(0, now);
                }
            }
            Err(error) if is_timeout(&error) => {
                state.is_stuck = true;
                state.idle = state.idle.saturating_add(1);
                state.machine.handle_write(0, now);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                state.write_ended = true;
                state.machine.handle_error(TransportError::write(error), now);
            }
        }
        state.taken = taken;
        if state.write_ended || state.machine.outbound().is_empty() {
            // The end may have waited for that, and nothing brings the thread that reads back to write.
            state.changes += 1;
            state.is_reader_back_soon = false;
        }
        forget(busy);
        state
    }

    /// Reads once, for no longer than `longest`.
    pub(super) fn read<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<M>>,
        longest: Duration,
    ) -> MutexGuard<'a, State<M>> {
        let mut longest = longest.min(self.longest_read(&state));
        if let Some(deadline) = state.machine.poll_timeout() {
            longest = longest.min(deadline - self.now());
        }
        state.is_reader_back_soon = !state.write_ended && !state.machine.outbound().is_empty();
        if state.is_reader_back_soon {
            // They are to be written when the transport takes some, or when the thread that writes leaves.
            longest = longest.min(if state.is_writing { PATIENCE } else { state.backoff() });
        }
        let mut timeout = take(&mut state.read_timeout);
        state.is_reading = true;
        let busy = Busy(self, Direction::Read);
        state.machine.show();
        self.hand_over(&mut state, false);
        drop(state);
        // Taken, not borrowed: a transport may itself be a connection.
        let mut scratch = SCRATCH.take();
        scratch.resize(CHUNK, 0);
        let set = |timeout| self.transport.set_read_timeout(timeout);
        let result = within(longest, &mut timeout, set, |waits| match waits {
            true => self.transport.read(&mut scratch),
            false => self.transport.try_read(&mut scratch),
        });
        let now = self.now();
        let mut state = self.lock();
        if result.as_ref().map_or_else(is_end, |&n| n == 0) {
            // What the transport takes of the write under way is to be counted before the machine judges its end. It is not long: a
            // write has a time-out of its own.
            let writes = state.writes;
            while state.is_writing && state.writes == writes {
                let until = Until::all(move |state| state.writes != writes || !state.is_writing);
                state = self.sleep(state, Duration::MAX, (false, false), until);
            }
        }
        state.is_reading = false;
        state.now = now;
        state.read_timeout = timeout;
        state.changes += 1;
        match result {
            Ok(n) => {
                state.read_ended = n == 0;
                state.idle = 0;
                let is_late = state.machine.poll_timeout().is_some_and(|deadline| deadline <= now);
                state.reads += 1;
                if n < CHUNK || state.reads >= READS_IN_A_ROW {
                    state.catch_up();
                }
                state.late_reads = if is_late { state.late_reads + 1 } else { 0 };
                state.machine.inbound().extend_from_slice(&scratch[..n]);
                state.machine.handle_read(n, now);
            }
            Err(error) if is_timeout(&error) => {
                state.found_nothing = now;
                state.catch_up();
                state.idle = state.idle.saturating_add(1);
                state.late_reads = 0;
                state.release();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                state.read_ended = true;
                state.machine.handle_error(TransportError::read(error), now);
            }
        }
        SCRATCH.set(scratch);
        forget(busy);
        state
    }
}
