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

mod leaving;
mod moves;
mod state;
mod turns;

use std::sync::{Arc, PoisonError, TryLockError, Weak};
use std::time::Duration;

use ws_client::sync::{Mutex, MutexGuard, lock};
use ws_client::{Accepting, Duplex, Opening};
use ws_core::{Instant, Machine};

use crate::behind::Behind;
use crate::clock::{self, Clock};
use crate::transport::Transport;

pub(crate) use state::{State, Until};
pub(crate) use turns::Next;

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
impl Driven for Opening {}
impl Driven for Accepting {}

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
        state.swap_machine(self.machine);
    }
}

impl<S: Transport, M: Driven> Driver<S, M> {
    pub(crate) fn new(transport: S, machine: M, epoch: Clock, longest_read: Duration) -> Self {
        Self::over(Arc::new(transport), State::new(machine), epoch, longest_read)
    }

    fn over(transport: Arc<S>, state: State<M>, epoch: Clock, longest_read: Duration) -> Self {
        let longest_read = longest_read.max(SHORTEST_READ);
        Self { transport, epoch, longest_read, state: Mutex::new(state), behind: None }
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
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let state = state.next_phase(now, |machine| change(machine, now))?;
        Ok(Driver::over(self.transport, state, self.epoch, longest_read))
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
        (!state.is_machine_out()).then_some(state)
    }

    /// Takes the machine out for a thread that alone uses it, until that is dropped. Meanwhile, `stand_in` lies in its place.
    pub(crate) fn take<'a>(&'a self, stand_in: &'a mut M) -> Taken<'a, S, M> {
        self.lock().swap_machine(stand_in);
        Taken { driver: self, machine: stand_in }
    }
}
