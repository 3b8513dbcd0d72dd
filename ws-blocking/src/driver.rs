//! Moves bytes and time between a machine and a transport, in whichever threads wait for something. It knows no protocol.
//!
//! At most one thread reads and at most one writes at a time, and none holds the lock meanwhile. Every other thread that
//! waits is woken when one of them is done, and takes over if that one leaves.

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as Clock};

use ws_core::{Broken, Instant, Machine};

use crate::call::{AT_ONCE, PATIENCE, advance, is_timeout, unless_ended, write};
use crate::state::State;
use crate::transport::Transport;

/// At most so much is taken out of the machine for one write, and read at once.
const CHUNK: usize = 64 * 1024;

/// A peer that never stops sending puts off a deadline, and what is to be written, for so many reads.
const READS_IN_A_ROW: u32 = 64;

/// A thread that writes what other threads queue leaves it to them after so many batches.
const WRITES_IN_A_ROW: u32 = 64;

/// A write that makes no progress gives way to reading after this time. It grows to `PATIENCE` while nothing moves.
const WRITE_SLICE: Duration = Duration::from_millis(16);

/// After so many calls in a row that moved nothing, some 250 ms, a thread that has only something to send leaves it to others.
const STALLED: u32 = 8;

/// A time-out of zero must not keep a thread from ever coming to rest.
const SHORTEST_READ: Duration = Duration::from_millis(10);

thread_local! {
    /// What is read goes here first: a connection that waits holds no buffer of its own.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A machine and the transport that it speaks over.
pub(crate) struct Driver<S, M> {
    pub(crate) transport: S,
    epoch: Clock,
    /// No read takes longer. Invariant: whatever happens while a thread reads, a deadline that comes of it is at least so
    /// far away, so that the reading thread is back in time for it, without being woken.
    longest_read: Duration,
    state: Mutex<State<M>>,
    /// A thread is done with reading or writing, or the machine has changed.
    turn: Condvar,
}

impl<S: Transport, M: Machine> Driver<S, M> {
    pub(crate) fn new(transport: S, machine: M, epoch: Clock, longest_read: Duration) -> Self {
        let longest_read = longest_read.max(SHORTEST_READ);
        Self { transport, epoch, longest_read, state: Mutex::new(State::new(machine)), turn: Condvar::new() }
    }

    /// The same transport with the machine of the next phase.
    pub(crate) fn change<N: Machine, E>(
        self,
        longest_read: Duration,
        change: impl FnOnce(M, Instant) -> Result<N, E>,
    ) -> Result<Driver<S, N>, E> {
        let now = self.now();
        let old = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let driver = Driver::new(self.transport, change(old.machine, now)?, self.epoch, longest_read);
        {
            let mut state = driver.lock();
            state.taken = old.taken;
            (state.now, state.caught_up) = (now, now);
            state.read_ended = old.read_ended;
            state.write_ended = old.write_ended;
            state.read_timeout = old.read_timeout;
            state.write_timeout = old.write_timeout;
        }
        Ok(driver)
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::since_epoch(self.epoch.elapsed())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine was changed in a way that others may wait for.
    pub(crate) fn notify(&self, state: &State<M>) {
        if state.waiting > 0 {
            self.turn.notify_all();
        }
    }

    /// Moves bytes and time until `want` breaks with what this thread waits for. Else it says for how long to read at most,
    /// or not to read.
    pub(crate) fn drive<R>(
        &self,
        mut want: impl FnMut(&mut State<M>) -> ControlFlow<R, Option<Duration>>,
    ) -> R {
        let mut state = self.lock();
        let mut has_written = false;
        loop {
            let reading = match want(&mut state) {
                ControlFlow::Break(result) => {
                    // What others left to us, and what the machine itself has queued since.
                    if has_written {
                        drop(self.write_at_once(state));
                    }
                    return result;
                }
                ControlFlow::Continue(reading) => reading.filter(|_| !state.read_ended && !state.is_reading),
            };
            if self.keep_time(&mut state, reading.is_some()) {
                continue;
            }
            // While the transport takes nothing, the peer may be waiting for us to read.
            let reads_first = reading.is_some() && (state.is_stuck || state.is_read_due());
            state = if state.has_to_write() && !reads_first {
                has_written = true;
                let slice = PATIENCE.min(WRITE_SLICE.max(state.backoff())).min(self.longest_read);
                self.write(state, slice)
            } else if let Some(longest) = reading {
                self.read(state, longest)
            } else {
                self.wait(state)
            };
        }
    }

    /// Writes what the transport takes at once, or lets the thread do so that is writing.
    pub(crate) fn write_now(&self) {
        let mut state = self.lock();
        state.is_urgent = state.is_writing;
        let state = self.write_at_once(state);
        self.notify(&state);
    }

    /// Writes on while the transport takes some in time, if another thread is waiting for the peer: that one may be back only
    /// after seconds. Not for ever, as others may queue more all the time.
    pub(crate) fn write_on(&self) {
        let (mut end, mut batches) = (0, 0);
        self.drive(|state| {
            state.patience = PATIENCE;
            if state.written >= end {
                end = state.end();
                batches += 1;
            }
            let is_left = state.is_writing || state.has_to_write();
            match is_left && state.is_reading && state.idle < STALLED && batches <= WRITES_IN_A_ROW {
                true => ControlFlow::Continue(None),
                false => ControlFlow::Break(()),
            }
        });
    }

    /// Writes what waits, but no longer than until `deadline`.
    pub(crate) fn write_until(&self, deadline: Clock) {
        self.drive(|state| match state.has_to_write() && Clock::now() < deadline {
            true => ControlFlow::Continue(None),
            false => ControlFlow::Break(()),
        });
    }

    /// Keeps the time, and writes what the transport takes at once.
    pub(crate) fn tick(&self) {
        let mut state = self.lock();
        self.keep_time(&mut state, true);
        drop(self.write_at_once(state));
    }

    /// Writes of what waits now what the transport takes at once.
    fn write_at_once<'a>(&'a self, mut state: MutexGuard<'a, State<M>>) -> MutexGuard<'a, State<M>> {
        let (mut end, mut batches) = (state.end(), 1);
        while state.has_to_write() {
            // TLS shows no more than so much at a time.
            let is_more = end - state.written >= CHUNK as u64 && batches < WRITES_IN_A_ROW;
            state = self.write(state, AT_ONCE);
            if state.is_stuck {
                break;
            }
            if state.written >= end {
                if !std::mem::take(&mut state.is_urgent) && !is_more {
                    break;
                }
                (end, batches) = (state.end(), batches + 1);
            }
        }
        state
    }

    /// Writes what waits, shuts down, and reads to the end, for as long as `patience`, so that what was written reaches the
    /// peer: a socket that is closed with bytes unread resets the connection. What comes is dropped by `discard`.
    pub(crate) fn finish(self, patience: Duration, discard: fn(&mut M)) {
        let start = Clock::now();
        self.drive(|state| {
            discard(&mut state.machine);
            let outbound = state.machine.outbound();
            let is_over = state.read_ended || (state.write_ended && outbound.has_lost());
            let is_late = start.elapsed() >= patience;
            if is_late || (is_over && outbound.is_empty()) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(Some(PATIENCE))
            }
        });
    }

    /// Hands a deadline that has passed to the machine, but reads before: what waits in the socket is a sign of life. A
    /// thread that is reading keeps the time for all.
    fn keep_time(&self, state: &mut State<M>, may_read: bool) -> bool {
        if state.is_reading {
            return false;
        }
        let Some(deadline) = state.machine.poll_timeout() else { return false };
        let now = match may_read && state.late_reads < READS_IN_A_ROW {
            true => state.found_nothing,
            false => self.now(),
        };
        if now < deadline {
            return false;
        }
        state.late_reads = 0;
        state.machine.handle_timeout(now);
        self.notify(state);
        true
    }

    /// Lets the transport take some of what waits, or shuts it down for writing if nothing will follow.
    fn write<'a>(&'a self, mut state: MutexGuard<'a, State<M>>, slice: Duration) -> MutexGuard<'a, State<M>> {
        if state.taken.is_empty() {
            state.taken = state.machine.outbound().take_out(CHUNK);
        }
        let mut taken = std::mem::take(&mut state.taken);
        let set = state.write_timeout.change_to(slice);
        state.is_writing = true;
        drop(state);
        let result = if taken.is_empty() {
            self.transport.shutdown(Shutdown::Write).map(|()| (0, true))
        } else {
            let set = set.map_or(Ok(()), |timeout| self.transport.set_write_timeout(timeout));
            unless_ended(set).and_then(|()| write(&self.transport, &taken))
        };
        let now = self.now();
        let mut state = self.lock();
        state.is_writing = false;
        state.now = now;
        state.write_timeout.has_passed = false;
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
                state.write_timeout.has_passed = true;
                state.idle = state.idle.saturating_add(1);
                state.machine.handle_write(0, now);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                state.write_ended = true;
                state.machine.handle_error(Broken::write(error), now);
            }
        }
        state.taken = taken;
        self.notify(&state);
        state
    }

    fn read<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<M>>,
        longest: Duration,
    ) -> MutexGuard<'a, State<M>> {
        let mut longest = longest.min(self.longest_read);
        if let Some(deadline) = state.machine.poll_timeout() {
            longest = longest.min(deadline - self.now());
        }
        if !state.write_ended && !state.machine.outbound().is_empty() {
            // Back soon: they are to be written when the transport takes some, or when the thread that writes leaves.
            longest = longest.min(if state.is_writing { PATIENCE } else { state.backoff() });
        }
        let set = state.read_timeout.change_to(longest);
        state.is_reading = true;
        drop(state);
        // Taken, not borrowed: a transport may itself be a connection.
        let mut scratch = SCRATCH.take();
        scratch.resize(CHUNK, 0);
        let set = set.map_or(Ok(()), |timeout| self.transport.set_read_timeout(timeout));
        let result = unless_ended(set).and_then(|()| self.transport.read(&mut scratch));
        let now = self.now();
        let mut state = self.lock();
        let is_end = result.as_ref().map_or_else(|error| !is_timeout(error), |&n| n == 0);
        while is_end && state.is_writing {
            // What the transport takes until then is to be counted before the machine judges its end. It is not long: a write
            // has a time-out of its own.
            state = self.wait_for_turn(state, Duration::MAX);
        }
        state.is_reading = false;
        state.now = now;
        state.read_timeout.has_passed = false;
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
                state.read_timeout.has_passed = true;
                state.catch_up();
                state.idle = state.idle.saturating_add(1);
                state.late_reads = 0;
                state.release();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                state.read_ended = true;
                state.machine.handle_error(Broken::read(error), now);
            }
        }
        SCRATCH.set(scratch);
        self.notify(&state);
        state
    }

    /// Waits until the thread that reads or writes is done; if there is none, for the deadline.
    fn wait<'a>(&'a self, state: MutexGuard<'a, State<M>>) -> MutexGuard<'a, State<M>> {
        let longest = if state.is_reading || state.is_writing {
            state.patience
        } else {
            let deadline = state.machine.poll_timeout().map(|deadline| deadline - self.now());
            let longest = deadline.unwrap_or(self.longest_read).clamp(AT_ONCE, self.longest_read);
            longest.min(state.patience)
        };
        self.wait_for_turn(state, longest)
    }

    fn wait_for_turn<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<M>>,
        longest: Duration,
    ) -> MutexGuard<'a, State<M>> {
        state.waiting += 1;
        let mut state = if longest == Duration::MAX {
            self.turn.wait(state).unwrap_or_else(PoisonError::into_inner)
        } else {
            self.turn.wait_timeout(state, longest).unwrap_or_else(PoisonError::into_inner).0
        };
        state.waiting -= 1;
        state
    }
}
