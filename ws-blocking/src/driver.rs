//! The threads that use one connection share its work. This page explains the rules; the code below knows no protocol.
//!
//! A blocking socket offers two calls: a read that waits and a write that waits. One thread cannot wait for both. A
//! thread in a read cannot be woken: it returns when bytes arrive or when its time-out passes. The connection still has
//! to answer pings, keep its deadlines and send the messages of every thread. No thread belongs to the connection, so the
//! user's threads do this work while they wait.
//!
//! ```text
//!     send()            recv()            flush()              `ws-write`, one thread
//!       │                 │                 │                  for the process
//!  ┌────┴─────────────────┴─────────────────┴──────────┐              │
//!  │ the lock                                          │   try_lock   │
//!  │   machine   protocol, queued and received bytes   │ ◄────────────┘
//!  │   Reading   Idle · Brief · Long · Ended           │   only while a read is Long
//!  │   Writing   Idle · Busy · Stuck · Ended           │   and no other thread writes
//!  │   Waiters   conditions of the threads that sleep  │
//!  └────┬─────────────────┬─────────────────┬──────────┘
//!   WriteRole          ReadRole        Until, Sleep
//!       ▼                 ▼                 ▼                  without the lock
//!   a write            a read          a sleep
//! ```
//!
//! # A turn
//!
//! Each waiting operation is a loop of turns ([`Driver::drive`]). A thread that holds the lock does this in a turn:
//!
//! 1. It asks its own condition, for example "a message has come". If the condition holds, the thread leaves with its
//!    result.
//! 2. It fires a deadline that has passed, unless a thread reads.
//! 3. It writes, if bytes wait and no thread writes. Else it reads, if its operation may read and no thread reads. Else
//!    it sleeps.
//!
//! A write takes at most 64 ms, and a read at most as long as [the time](#time) allows. After each step the thread asks
//! its condition again.
//!
//! A read comes before a write in two cases. The transport has refused bytes since the last read (`Stuck`): the peer may
//! be waiting until we read. Or no thread has read for 250 ms, because there was always something to write.
//!
//! An operation that waits for room or for a flush reads, too. It stops at `max_read_ahead`, and sleeps until somebody
//! receives.
//!
//! # Reading and writing
//!
//! At most one thread reads and at most one writes. The two may run at the same time. Each role is a value: [`DriverState`]
//! hands out one `ReadRole` and one `WriteRole`, and takes it back with the result of the call. `state/reading.rs` and
//! `state/writing.rs` show each direction as a picture.
//!
//! No thread holds the lock during a read, a write or a sleep, or while code of the user runs:
//!
//! - A write takes its bytes out of the machine first. They count as queued until the write is over.
//! - A read fills a buffer, whose bytes are copied to the machine under the lock. A read that may wait for long has 1.5 KiB on the
//!   stack of its thread. If it fills them, the next read has 64 KiB of the thread's own and does not wait. As long as reads bring 1.5 KiB
//!   and more, the next one has 64 KiB, too, and waits for 64 ms at most. A thread that waits for long gives up the 64 KiB.
//! - A visitor of a half gets owned messages. A visitor of a whole connection borrows from the machine, which is taken
//!   out of the lock for that time ([`Driver::take`]).
//! - A hook of a client runs between two turns.
//! - The status of a client is read without the lock.
//!
//! # Waking
//!
//! A thread that sleeps leaves its condition under the lock ([`Until`]). A thread that has changed the machine asks all
//! conditions before it gives up the lock. It wakes each thread whose condition holds, so that few threads wake for
//! nothing.
//!
//! | Event | Woken threads |
//! | --- | --- |
//! | A read, a write or a call changes the machine. | Each thread whose condition holds. |
//! | There is room for messages. | One thread that waits for room. It wakes the next one when it leaves. |
//! | A thread leaves, reads or sleeps. Bytes wait and no thread writes, or no thread reads. | One thread, which takes the free role. |
//! | A thread leaves. No thread reads, writes or sleeps up to the deadline. | One thread, which keeps the time. |
//! | A client has events or a near deadline that come from a call, while a thread is in a read. | The thread in the read, on Unix (`client/socket/waker.rs`). On other systems, they wait for the end of the read. |
//!
//! A woken thread counts as arriving until it has the lock again. Nobody is woken for a free role meanwhile: the arriving
//! thread hands over in its turn when it leaves, reads or sleeps. `state/handing.rs` holds these decisions.
//!
//! # Urgent messages and the background thread
//!
//! `try_send`, `send` and `start_close` are urgent: their thread writes as much as the transport takes at once
//! ([`Driver::with_urgent`]). If another thread is writing, that thread is urged: it writes these bytes, too, before it
//! leaves.
//!
//! `feed` and the fragments of a streamed message only queue, and an urgent write may leave bytes behind. While all other
//! threads are in a read, nobody would write those bytes. There are two kinds of reads:
//!
//! - A *brief* read began while bytes waited. It takes at most 64 ms, and its thread writes afterwards.
//! - A *long* read began with nothing to write, or another thread has since written all bytes. It may take seconds.
//!
//! A thread that leaves bytes behind wakes a sleeping thread to write them. If no thread sleeps and the read is long, it
//! calls the [background thread](crate::background) once. That thread tries the lock, writes as much as the transport takes
//! at once, and comes back after a pause until nothing is left. It never waits for a connection. A listener that shuts down
//! calls it, too, if a thread has the lock.
//!
//! If no thread reads or sleeps, the bytes wait for the next call of the user.
//!
//! # Time
//!
//! The thread that reads keeps the time: its read ends at the next deadline. While no thread reads or writes, a sleeping
//! thread keeps it, with a time-out.
//!
//! Another thread can bring about a new deadline during a read. For example, a ping is sent, and its pong is due in
//! `pong_timeout`. Nothing can wake the thread in the read. So no read takes longer than the shortest time between a
//! cause and its deadline ([`Config::shortest_timeout`](ws_core::Config::shortest_timeout)). A deadline that existed when
//! the read began limits that read. A later one is at least that limit away, so the thread is back before it.
//!
//! A client has deadlines that come from a call and not from a setting: `check_now`, and the time to live of a message. If
//! one of them is nearer than the limit, the thread that made the call ends the read, as for events.
//!
//! Deadlines are the only reason for this limit. Bytes are written by other threads, and conditions are asked by the
//! thread that changes the machine.
//!
//! A deadline that has passed is judged by the time of the last read that found nothing: bytes in the socket are a sign
//! of life. A peer that floods the connection puts a deadline off by 64 reads at most. If bytes wait for the transport, the
//! thread writes all that the transport takes at once before the deadline fires: the peer may have made room while nobody wrote.
//!
//! # Panics
//!
//! A panic of the transport reaches the thread that called it. Its direction has failed (`Ended`), and the machine is
//! told. The other threads go on to the end of the connection.
//!
//! # Invariants
//!
//! The model checker (`schedules/run`) guards a rule with the scenario that is named here: `--mutants` breaks the rule
//! and shows that the scenario notices. The rules that rest on time or on the system have a test in `tests/threads`.
//!
//! | Rule | Guard |
//! | --- | --- |
//! | A thread whose condition holds is woken by the thread that changed the machine. | `Threads/Flush/Close/Other` |
//! | The thread that begins a write wakes such threads first: the write may take long. | `Threads/Room` |
//! | A thread that leaves hands over the roles that nobody has. | `Threads/Feed/ReadAhead/Other` |
//! | A thread that sleeps hands over before it counts among the sleeping threads. | `Threads/Flush/Close/Other` |
//! | While reading is possible, a sleeping thread that may read is woken to read. | `Threads/Close/ReadAhead/Own` |
//! | Room in the read-ahead lets the sleeping threads read again. | `Threads/Close/ReadAhead/Own` |
//! | Bytes that were left behind during a long read call the background thread. | `Threads/Behind` |
//! | The background thread comes back until nothing is left. | `Threads/Behind` |
//! | An urgent message is written at once, without help of time. | `AtOnce/Threads` |
//! | A write does not hold the lock. | `blocked::no_lock_is_held_while_the_system_writes` |
//! | Reads go on while writes are stuck. | `blocked::a_peer_that_does_not_read_is_still_read_and_gets_all_once_it_reads` |
//! | A thread that only sends reads every 250 ms. | `blocked::a_thread_that_sends_all_the_time_to_a_fast_peer_still_answers_pings_and_sends_its_own` |
//! | The end of the stream waits for one write at most. | `blocked::the_end_of_the_stream_is_seen_though_a_write_never_comes_to_rest` |
//! | A deadline that another thread brings about is met during a read. | `deadlines::a_ping_sent_while_another_thread_reads_is_missed_in_time` |
//! | A deadline that comes from a call ends the read. | `policies::a_check_ends_a_connection_that_does_not_answer`, in `tests/suite` |
//! | Bytes in the socket are read before a deadline fires. | `deadlines::a_thread_that_comes_late_reads_before_it_looks_at_the_clock` |
//! | Bytes that wait for the transport are written before a deadline fires. | `deadlines::a_thread_that_comes_late_writes_before_it_looks_at_the_clock` |
//! | A flood does not put off a deadline for ever. | `deadlines::a_flood_does_not_put_a_deadline_off_for_ever` |
//! | A write that leaves no room wakes no thread that waits for room. | `waking::a_write_wakes_none_of_the_threads_that_wait_for_room_if_there_is_none` |
//! | A panic of the transport ends the connection for all threads. | `panics::a_read_that_panics_ends_the_connection_in_time_for_all`, `panics::a_write_that_panics_ends_the_connection_in_time_for_all` |

mod leaving;
mod moves;
mod state;
mod turns;

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, TryLockError, Weak};
use std::time::Duration;

use ws_common::sync::{Mutex, MutexGuard, lock};
use ws_common::{ClientUpgrade, ServerUpgrade, duplex::Duplex};
use ws_core::bytes::Bytes;
use ws_core::{Instant, Machine};

use crate::background::WriteInBackground;
use crate::clock::{self, Clock};
use crate::transport::Transport;

pub(crate) use state::{DriverState, Until};
pub(crate) use turns::NextTurn;

/// A time-out of zero must not keep a thread from ever coming to rest.
const SHORTEST_READ: Duration = Duration::from_millis(10);

/// A machine and the transport that it speaks over.
pub(crate) struct Driver<S, M> {
    pub(crate) transport: Arc<S>,
    epoch: Clock,
    /// Longest time of a read. Invariant: a deadline that another thread brings about during a read is at least this far away.
    /// So the thread that reads is back in time for it, without being woken.
    longest_read: Duration,
    state: Mutex<DriverState<M>>,
    /// The owner of the driver, for the background thread; `None` while one thread alone uses the connection.
    background: Option<Weak<dyn WriteInBackground>>,
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

/// A machine that was taken out of its driver. It goes back when this is dropped.
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
        Self::over(Arc::new(transport), DriverState::new(machine), epoch, longest_read)
    }

    fn over(transport: Arc<S>, state: DriverState<M>, epoch: Clock, longest_read: Duration) -> Self {
        let longest_read = longest_read.max(SHORTEST_READ);
        Self { transport, epoch, longest_read, state: Mutex::new(state), background: None }
    }

    /// Several threads use it from now on. Through `background`, the background thread writes the bytes that they leave behind.
    pub(crate) fn shared(mut self, background: Weak<dyn WriteInBackground>) -> Self {
        self.background = Some(background);
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

    /// The transport, the machine, and bytes that were taken out of it and not written. Their caller alone uses the driver.
    pub(crate) fn into_parts(self) -> (Arc<S>, M, VecDeque<Bytes>) {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (machine, pending) = state.into_parts();
        (self.transport, machine, pending)
    }

    /// A connection of a client may have other deadlines than the one before.
    #[inline]
    pub(crate) fn longest_read(&self, state: &DriverState<M>) -> Duration {
        self.longest_read.min(state.machine.longest_read().max(SHORTEST_READ))
    }

    #[inline]
    pub(crate) fn now(&self) -> Instant {
        Instant::since_epoch(clock::since(self.epoch))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, DriverState<M>> {
        lock(&self.state)
    }

    /// The lock, if nobody has it, nor the machine itself.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, DriverState<M>>> {
        let state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        (!state.is_machine_out()).then_some(state)
    }

    /// Takes the machine out for a thread that alone uses it, until that is dropped. Meanwhile, `stand_in` lies in its slot.
    pub(crate) fn take<'a>(&'a self, stand_in: &'a mut M) -> Taken<'a, S, M> {
        self.lock().swap_machine(stand_in);
        Taken { driver: self, machine: stand_in }
    }
}
