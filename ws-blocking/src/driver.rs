//! How the threads that use one connection share the work. This knows no protocol.
//!
//! **One lock, and nothing slow under it.** The machine stands behind one lock. No thread holds it during a read or a write, while it
//! waits, or while code of the user runs. The bytes of a write are taken out of the machine before, and a read goes to a
//! buffer of the thread. A visitor of a half gets owned messages; for a visitor of a whole connection, the machine itself is taken out
//! ([`Driver::take`]). A hook of a client is asked between two turns. The status of a client is read without the lock.
//!
//! **Two roles.** At most one thread reads and at most one writes, at the same time or not. Every waiting operation is a loop
//! ([`Driver::drive`]): it asks its own condition, then takes the next step for all. It writes if bytes wait and nobody writes; else it
//! reads if nobody reads; else it sleeps. After every step it asks its condition again.
//!
//! **Who keeps the time.** The thread that reads: its read ends at the next deadline at the latest. While nobody reads, a thread that
//! sleeps does, with a time-out. A thread in a read cannot be woken, and another thread may bring about a deadline meanwhile, for
//! example by a ping. That is why no read takes longer than the shortest time from any cause to its deadline
//! ([`Config::shortest_timeout`](ws_core::Config::shortest_timeout)): the thread that reads is back in time for such a deadline. So
//! deadlines rest on bounded reads, and they may: each was set before the read began, or is at least that far away. Nothing else
//! rests on the end of a read: bytes are written by others (below), and events that come of the calls of other threads bring the
//! thread of a client back from its read (`line/waker.rs`; on systems other than Unix, they wait for its end).
//!
//! **Who wakes whom.** A thread that sleeps leaves its condition behind ([`Until`]). Whoever changes anything asks these conditions before
//! it lets go of the lock, and wakes the threads whose condition holds. Threads that would take something from each other, such as
//! room, are woken one after another: each wakes the next when it is done.
//!
//! **A thread that leaves** with its result, or turns to reading or sleeping, hands over the roles that nobody has then, if there is
//! work for them: it wakes one sleeping thread, which takes over. That thread does the same when it leaves in turn.
//!
//! **Who writes while a thread is in a read.** A thread that queues something urgent (`try_send`, `send`, `start_close`) writes by itself
//! what the transport takes at once; if another thread is writing, that one writes it too before it leaves. What is left after
//! that, or was queued by `feed` or as a part of a stream, is written by a sleeping thread, if there is one. Otherwise the
//! [background thread](crate::behind) is called, once: the next call comes after it has been here. It writes on, with pauses while the
//! transport takes nothing, for as long as a thread is in a read that began when no bytes waited. A read that begins while bytes wait
//! is short, and its thread writes afterwards. If nobody waits at all, nothing happens until the next call of the user.
//!
//! **Panics.** If the transport panics, the panic reaches the thread that called it. The direction counts as failed, and the others go on
//! to the end of the connection.

mod handing;
mod moves;

use std::mem::swap;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, TryLockError, Weak};
use std::time::Duration;

use ws_common::sync::{Mutex, MutexGuard, lock, mutant};
use ws_common::{ClientUpgrade, ServerUpgrade, duplex::Duplex};
use ws_core::{Instant, Machine};

use crate::behind::Behind;
use crate::call::PATIENCE;
use crate::clock::{self, Clock};
use crate::state::State;
use crate::transport::Transport;
use crate::waiters::Until;

/// Number of bytes that are taken out of the machine for one write at most, and read at once at most.
const CHUNK: usize = 64 * 1024;

/// Number of reads for which a peer that never stops sending puts off a deadline, and what is to be written.
const READS_IN_A_ROW: u32 = 64;

/// Number of batches after which a thread that writes what other threads queue leaves it to them.
const WRITES_IN_A_ROW: u32 = 64;

/// A write that makes no progress gives way to reading after this time. It grows to `PATIENCE` while nothing moves.
const WRITE_SLICE: Duration = Duration::from_millis(16);

/// A time-out of zero must not keep a thread from ever coming to rest.
const SHORTEST_READ: Duration = Duration::from_millis(10);

/// A machine and the transport that it speaks over.
pub(crate) struct Driver<S, M> {
    pub(crate) transport: Arc<S>,
    epoch: Clock,
    /// No read takes longer. Invariant: whatever happens while a thread reads, a deadline that comes of it is at least so
    /// far away, so that the reading thread is back in time for it, without being woken.
    longest_read: Duration,
    state: Mutex<State<M>>,
    /// The one whose bytes these are, for the background thread; `None` while one thread alone uses the connection.
    behind: Option<Weak<dyn Behind>>,
}

/// A machine that a driver moves.
pub(crate) trait Driven: Machine {
    /// Shows to readers without the lock what has changed. Called before the lock is let go.
    #[inline(always)]
    fn show(&self) {}

    /// No read may take longer than this, nor than the driver's own limit.
    #[inline(always)]
    fn longest_read(&self) -> Duration {
        Duration::MAX
    }
}

impl Driven for Duplex {}
impl Driven for ClientUpgrade {}
impl Driven for ServerUpgrade {}

/// A machine that was taken out of its driver. Dropped, it goes back.
pub(crate) struct Taken<'a, S: Transport, M: Driven> {
    driver: &'a Driver<S, M>,
    machine: &'a mut M,
}

impl<S: Transport, M: Driven> Taken<'_, S, M> {
    pub(crate) fn machine(&mut self) -> &mut M {
        self.machine
    }
}

impl<S: Transport, M: Driven> Drop for Taken<'_, S, M> {
    fn drop(&mut self) {
        let mut state = self.driver.lock();
        swap(&mut state.machine, self.machine);
        state.is_taken = false;
    }
}

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
    pub(crate) fn new(transport: S, machine: M, epoch: Clock, longest_read: Duration) -> Self {
        Self::over(Arc::new(transport), machine, epoch, longest_read)
    }

    fn over(transport: Arc<S>, machine: M, epoch: Clock, longest_read: Duration) -> Self {
        let longest_read = longest_read.max(SHORTEST_READ);
        Self { transport, epoch, longest_read, state: Mutex::new(State::new(machine)), behind: None }
    }

    /// Several threads use it from now on, and what they leave behind is written by way of `behind`.
    pub(crate) fn shared(mut self, behind: Weak<dyn Behind>) -> Self {
        self.behind = Some(behind);
        self
    }

    /// The same transport with the machine of the next phase.
    pub(crate) fn change<N: Driven, E>(
        self,
        longest_read: Duration,
        change: impl FnOnce(M, Instant) -> Result<N, E>,
    ) -> Result<Driver<S, N>, E> {
        let now = self.now();
        let old = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let driver = Driver::over(self.transport, change(old.machine, now)?, self.epoch, longest_read);
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

    /// A connection of a client may have other deadlines than the one before.
    #[inline]
    fn longest_read(&self, state: &State<M>) -> Duration {
        self.longest_read.min(state.machine.longest_read().max(SHORTEST_READ))
    }

    #[inline]
    pub(crate) fn now(&self) -> Instant {
        Instant::since_epoch(clock::since(self.epoch))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, State<M>> {
        lock(&self.state)
    }

    /// The lock, if nobody has it, nor the machine itself.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, State<M>>> {
        let state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        (!state.is_taken).then_some(state)
    }

    /// Takes the machine out for a thread that alone uses it, until that is dropped. Meanwhile, `stand_in` lies in its place.
    pub(crate) fn take<'a>(&'a self, stand_in: &'a mut M) -> Taken<'a, S, M> {
        let mut state = self.lock();
        state.is_taken = true;
        swap(&mut state.machine, stand_in);
        Taken { driver: self, machine: stand_in }
    }

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
        let reading = next.reads && !state.read_ended && !state.is_reading;
        if self.keep_time(&mut state, reading) {
            return state;
        }
        // While the transport takes nothing, the peer may be waiting for us to read.
        let reads_first = reading && (state.is_stuck || state.is_read_due());
        if state.has_to_write() && !reads_first {
            *has_written = true;
            let slice = PATIENCE.min(WRITE_SLICE.max(state.backoff())).min(self.longest_read(&state));
            self.write(state, slice.min(next.longest))
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
        state.changes += 1;
        self.leave(state);
        result
    }

    /// The same for what is to reach the peer: writes what the transport takes at once, or lets the thread do so that is writing.
    pub(crate) fn with_urgent<R>(&self, change: impl FnOnce(&mut M) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state.machine);
        state.changes += 1;
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
        state.is_urgent = state.is_writing;
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
        self.keep_time(&mut state, true);
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
                let is_over = state.read_ended || (state.write_ended && outbound.has_lost());
                let is_late = clock::since(start) >= patience;
                if is_late || (is_over && outbound.is_empty()) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(Next { reads: true, longest: PATIENCE })
                }
            },
        );
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
        state.changes += 1;
        true
    }
}
