//! The part of a driver behind its lock. The page above [`Driver`](super::Driver) explains the rules.

mod handing;
mod pace;
mod reading;
mod waiters;
mod writing;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem::swap;
use std::time::Duration;

use ws_common::system::buffer_pool;
use ws_core::bytes::{Buf, Bytes};
use ws_core::{Direction, Instant, Machine, TransportError};

use crate::call::{Written, is_timeout};
use pace::Pace;
use reading::Reading;
use waiters::Waiters;
use writing::Writing;

pub(crate) use reading::{ReadKind, ReadRole, SMALL};
pub(crate) use waiters::{Sleep, Until};
pub(crate) use writing::WriteRole;

/// Maximum number of bytes that one write takes out of the machine, and that one read brings. A read that waits for long brings less.
pub(crate) const CHUNK: usize = 64 * 1024;

/// Largest buffer that is written to again, in bytes: the machine collects so many at most, and its buffer doubles its size.
const LARGEST_REUSED: usize = 2 * CHUNK;

/// A machine, the two roles of its transport, and the threads that wait.
pub(crate) struct DriverState<M> {
    /// Free to use for each thread that has the lock. A thread that changes it calls [`changed`](Self::changed).
    pub(crate) machine: M,
    /// A stand-in lies in the place of the machine. The thread that alone uses the connection has the machine itself, so only a
    /// listener and the background thread can find this. They come back later.
    is_machine_out: bool,
    reading: Reading,
    writing: Writing,
    pace: Pace,
    /// The background thread was called to write, and has not been here since.
    is_background_called: bool,
    /// Number of changes that could have brought something to receive.
    changes: u64,
    waiters: Waiters<M>,
}

/// The result of a look at the clock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// No deadline is to fire.
    Nothing,
    /// A deadline has passed, and fires when the thread has tried to write the bytes that wait.
    Unwritten,
    Fired,
}

impl<M: Machine> DriverState<M> {
    pub(super) fn new(machine: M) -> Self {
        let (reading, writing) = (Reading::default(), Writing::default());
        Self::over(machine, reading, writing, Pace::default())
    }

    /// The same transport with the machine of the next phase. No thread reads, writes or waits.
    pub(super) fn next_phase<N: Machine, E>(
        self,
        now: Instant,
        change: impl FnOnce(M) -> Result<N, E>,
    ) -> Result<DriverState<N>, E> {
        let (reading, writing) = (self.reading.next_phase(now), self.writing.next_phase());
        let mut state = DriverState::over(change(self.machine)?, reading, writing, Pace::next_phase(now));
        // It may be long until the first read.
        state.release();
        Ok(state)
    }

    /// The machine, and bytes that were taken out of it and not written.
    pub(super) fn into_parts(self) -> (M, VecDeque<Bytes>) {
        (self.machine, self.writing.into_pending())
    }

    fn over(machine: M, reading: Reading, writing: Writing, pace: Pace) -> Self {
        Self {
            machine,
            is_machine_out: false,
            reading,
            writing,
            pace,
            is_background_called: false,
            changes: 0,
            waiters: Waiters::default(),
        }
    }

    /// There is another transport, or none, and the last one is forgotten. No thread writes, and none reads from a socket.
    pub(crate) fn begin_anew(&mut self) {
        self.reading.begin_anew();
        self.writing.begin_anew();
        self.pace.begin_anew();
    }

    /// Swaps the machine with its stand-in, and again when it comes back.
    pub(super) fn swap_machine(&mut self, other: &mut M) {
        swap(&mut self.machine, other);
        self.is_machine_out = !self.is_machine_out;
    }

    pub(super) fn is_machine_out(&self) -> bool {
        self.is_machine_out
    }

    /// The machine has changed in a way that could have brought something to receive.
    pub(crate) fn changed(&mut self) {
        self.changes += 1;
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// A connection that waits holds no large buffers, nor does its thread keep them for it.
    fn release(&mut self) {
        // A machine that is asked twice knows that the driver waits.
        self.machine.inbound();
        buffer_pool::put_back(self.machine.inbound(), 0);
        self.machine.outbound().release();
        buffer_pool::release();
    }
}

/// Writing.
impl<M: Machine> DriverState<M> {
    /// Whether there is something to write, and no thread writes it.
    pub(crate) fn has_to_write(&mut self) -> bool {
        let outbound = self.machine.outbound();
        if outbound.is_empty() {
            // The connection was given up, and bytes that were taken out count no more.
            self.writing.drop_pending();
        }
        let waits = outbound.has_remaining() || self.writing.has_pending();
        self.writing.may_begin() && (waits || (outbound.is_empty() && outbound.is_finished()))
    }

    /// Whether a write is the next thing to do, rather than reading.
    pub(crate) fn writes_next(&mut self) -> bool {
        !self.writing.is_stuck() && !self.is_read_due() && self.has_to_write()
    }

    pub(super) fn begin_write(&mut self) -> WriteRole {
        self.writing.begin(self.machine.outbound())
    }

    /// Something was queued that cannot wait: if a thread writes, it writes this, too, before it leaves.
    pub(super) fn urge(&mut self) {
        self.writing.urge();
    }

    /// Whether something was queued during the write under way that cannot wait.
    pub(super) fn is_urged(&self) -> bool {
        self.writing.is_urged()
    }

    pub(super) fn write_finished(&mut self, role: WriteRole, result: io::Result<Written>, now: Instant) {
        self.writing.tried(now);
        match result {
            // A peer that is gone needs no shutdown.
            _ if role.bytes.is_empty() => {
                self.pace.finished(now);
                self.writing.ended(role);
            }
            Ok(Written { n, is_all }) => {
                self.pace.moved(now);
                if let Some(last) = self.writing.moved(role, n, is_all) {
                    self.reuse(last);
                }
                // Bytes in flight count no more if the connection was given up meanwhile.
                let n = n.min(self.machine.outbound().len());
                if n > 0 {
                    self.machine.handle_write(n, now);
                }
                if !is_all {
                    // The rest was refused. When some of it is taken, the peer has made room.
                    self.machine.handle_write(0, now);
                }
            }
            Err(error) if is_timeout(&error) => {
                self.pace.stuck(now);
                self.writing.stuck(role);
                self.machine.handle_write(0, now);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                self.pace.finished(now);
                self.writing.interrupted(role);
            }
            Err(error) => {
                self.pace.finished(now);
                self.writing.ended(role);
                self.machine.handle_error(TransportError::write(error), now);
            }
        }
        if self.writing.is_ended() || self.machine.outbound().is_empty() {
            // The end may have waited for that, and nothing brings the thread that reads back to write.
            self.changed();
            self.reading.all_written();
        }
    }

    /// Hands the memory of a buffer that has been written back to the machine, unless it is also the user's or large.
    fn reuse(&mut self, bytes: Bytes) {
        if let Ok(buffer) = bytes.try_into_mut()
            && buffer.capacity() <= LARGEST_REUSED
        {
            self.machine.outbound().adopt_buffer(buffer.into());
        }
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.writing.is_busy()
    }

    /// The number of the write under way.
    pub(super) fn write_under_way(&self) -> Option<u64> {
        self.writing.under_way()
    }

    /// Whether the transport refused bytes, and no read has caught up with the peer since.
    pub(super) fn is_stuck(&self) -> bool {
        self.writing.is_stuck()
    }

    pub(crate) fn has_write_ended(&self) -> bool {
        self.writing.is_ended()
    }

    /// Number of bytes that the transport has taken.
    pub(super) fn written(&self) -> u64 {
        self.writing.written()
    }

    /// Number of bytes that the transport will have taken when it has taken all that the machine shows now.
    pub(super) fn end(&mut self) -> u64 {
        self.written() + self.machine.outbound().len() as u64
    }

    /// Longest time of the next call while bytes wait.
    pub(super) fn backoff(&self) -> Duration {
        self.pace.backoff()
    }
}

/// Reading.
impl<M: Machine> DriverState<M> {
    /// Whether a thread may begin to read.
    pub(super) fn may_read(&self) -> bool {
        self.reading.may_begin()
    }

    /// Whether no thread has looked at the peer's bytes for long, because there was always something to write.
    pub(crate) fn is_read_due(&self) -> bool {
        self.reading.is_due(self.pace.now())
    }

    /// Whether bytes wait for the transport. The read that begins now is a brief one then.
    pub(super) fn has_bytes_waiting(&mut self) -> bool {
        !self.writing.is_ended() && !self.machine.outbound().is_empty()
    }

    pub(super) fn begin_read(&mut self) -> ReadRole {
        let is_brief = self.has_bytes_waiting();
        let role = self.reading.begin(is_brief, self.machine.poll_timeout());
        if role.kind == ReadKind::Patient {
            self.release();
        }
        role
    }

    /// `buffer` begins with the bytes that have come. The read had all of it.
    pub(super) fn read_finished(
        &mut self,
        role: ReadRole,
        result: io::Result<usize>,
        buffer: &[u8],
        now: Instant,
    ) {
        self.changed();
        match result {
            Ok(n) => {
                self.pace.moved(now);
                let is_late = self.machine.poll_timeout().is_some_and(|deadline| deadline <= now);
                if self.reading.moved(role, n, buffer.len(), is_late, now) {
                    self.writing.read_caught_up();
                }
                self.machine.inbound().extend_from_slice(&buffer[..n]);
                self.machine.handle_read(n, now);
            }
            Err(error) if is_timeout(&error) => {
                match role.kind {
                    // It did not wait.
                    ReadKind::More => self.pace.finished(now),
                    ReadKind::Patient | ReadKind::Busy => self.pace.stuck(now),
                }
                self.reading.found_nothing(role, now);
                self.writing.read_caught_up();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                self.pace.finished(now);
                self.reading.interrupted(role);
            }
            Err(error) => {
                self.pace.finished(now);
                self.reading.ended(role);
                self.machine.handle_error(TransportError::read(error), now);
            }
        }
    }

    /// Whether there is a deadline for which the thread that reads comes too late, and of which it was not told yet. It is back after
    /// `longest_read` in any case.
    pub(crate) fn reads_past_deadline(
        &mut self,
        longest_read: Duration,
        clock: impl FnOnce() -> Instant,
    ) -> bool {
        let Some(deadline) = self.machine.poll_timeout() else { return false };
        self.reading.is_busy() && deadline < clock() + longest_read && self.reading.is_surprised_by(deadline)
    }

    /// There is no transport that could hold bytes of a peer: deadlines fire without a read.
    pub(crate) fn has_no_source(&mut self, now: Instant) {
        self.reading.has_no_source(now);
    }

    pub(crate) fn is_reading(&self) -> bool {
        self.reading.is_busy()
    }

    pub(super) fn has_read_ended(&self) -> bool {
        self.reading.is_ended()
    }

    /// Whether a thread is in a read from which nothing brings it back to write.
    pub(super) fn needs_background(&self) -> bool {
        self.reading.is_long()
    }
}

/// Time and failures.
impl<M: Machine> DriverState<M> {
    /// Hands a deadline that has passed to the machine. Before, the thread reads, if it can, and tries to write: bytes that wait in
    /// the socket are a sign of life, and so is room that the peer has made. A thread that reads keeps the time for all.
    pub(super) fn keep_time(&mut self, may_read: bool, clock: impl FnOnce() -> Instant) -> Passed {
        if self.is_reading() {
            return Passed::Nothing;
        }
        let Some(deadline) = self.machine.poll_timeout() else { return Passed::Nothing };
        let judged = if may_read { self.reading.judged() } else { None };
        let now = judged.unwrap_or_else(clock);
        if now < deadline {
            return Passed::Nothing;
        }
        if self.writing.has_not_tried_since(deadline) && self.has_to_write() {
            return Passed::Unwritten;
        }
        self.reading.deadline_fired();
        self.machine.handle_timeout(now);
        self.changed();
        Passed::Fired
    }

    /// The thread that has this role unwinds.
    pub(super) fn role_failed(&mut self, direction: Direction, now: Instant) {
        const REASON: &str = "the transport panicked";
        match direction {
            Direction::Read => {
                self.reading.failed();
                self.machine.handle_error(TransportError::read(REASON), now);
            }
            Direction::Write => {
                self.writing.failed();
                self.machine.handle_error(TransportError::write(REASON), now);
            }
        }
        self.changed();
    }
}
