//! The reading direction of a connection.
//!
//! ```text
//!              begin (no bytes wait)
//!          ┌───────────────────────────► Long ──────┐
//!          │                              ▲         │  end of the stream,
//!          │                  all_written │         │  ended, failed
//!   ┌───► Idle ───────────────────────► Brief ──────┼────────────────────► Ended
//!   │      ▲   begin (bytes wait)                   │                        │
//!   │      └────────────────────────────────────────┘                        │
//!   │         moved, found_nothing, interrupted                              │
//!   └────────────────────────────────────────────────────────────────────────┘
//!     begin_anew: another transport
//! ```
//!
//! `begin` hands out the [`ReadRole`]. There is only one, so at most one thread reads.

use std::mem::take;
use std::time::Duration;

use ws_core::Instant;

use crate::call::SocketTimeout;

/// Number of reads in a row that a peer which never stops sending may fill: after them, a deadline fires, and bytes are written.
const READS_IN_A_ROW: u32 = 64;

/// Time after which a thread looks at the peer's bytes, although its writes make progress.
const READ_EVERY: Duration = Duration::from_millis(250);

/// Number of reads from a long one on that have a large buffer: the rest of a burst may be short, and the next burst may begin so.
const BUSY_READS: u8 = 8;

/// State of the reading direction, and the time up to which the peer's bytes are known.
#[derive(Default)]
pub(super) struct Reading {
    state: ReadState,
    timeout: SocketTimeout,
    /// Time of the last read that found no more than it could take, or that was the last of `READS_IN_A_ROW`.
    caught_up: Instant,
    /// Number of reads since.
    reads: u32,
    /// Time of the last read that found nothing.
    found_nothing: Instant,
    /// Number of reads in a row that found bytes after a deadline had passed.
    late_reads: u32,
    /// The deadline for which the thread that reads comes back.
    deadline: Option<Instant>,
    /// The kind of the next read.
    next: ReadKind,
    /// Number of short reads after which the next one is patient.
    busy: u8,
}

#[derive(Default)]
enum ReadState {
    /// No thread reads.
    #[default]
    Idle,
    /// One thread reads, without the lock. Bytes waited for the transport when it began, and have waited since. So the read
    /// takes no longer than [`PATIENCE`](crate::call::PATIENCE), and its thread writes afterwards.
    Brief,
    /// One thread reads, without the lock, up to the next deadline. Other threads write meanwhile.
    Long,
    /// The stream has ended, or the direction has failed.
    Ended,
}

/// The role of the thread that reads.
pub(crate) struct ReadRole {
    pub(crate) timeout: SocketTimeout,
    pub(crate) kind: ReadKind,
}

/// A read by its buffer and its patience. A connection that waits for long holds no large buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReadKind {
    /// It has [`SMALL`] bytes on the stack of its thread, and may wait up to the next deadline.
    #[default]
    Patient,
    /// One of the last reads brought [`SMALL`] bytes or more. This one has a large buffer and waits for
    /// [`PATIENCE`](crate::call::PATIENCE) at most.
    Busy,
    /// The last read has filled its buffer: more bytes are probably there. This one has a large buffer and does not wait.
    More,
}

/// Size of the buffer of a read that may wait for long, in bytes: one packet of Ethernet.
pub(crate) const SMALL: usize = 1536;

impl Reading {
    /// The same transport, for the machine of the next phase. No thread reads.
    pub(super) fn next_phase(self, now: Instant) -> Self {
        let state = match self.state {
            ReadState::Ended => ReadState::Ended,
            _ => ReadState::Idle,
        };
        Self { state, timeout: self.timeout, caught_up: now, ..Self::default() }
    }

    /// There is another transport, or none. A thread may still be in a read that waits for one.
    pub(super) fn begin_anew(&mut self) {
        if self.is_ended() {
            self.state = ReadState::Idle;
        }
        self.reads = 0;
        self.late_reads = 0;
        (self.next, self.busy) = (ReadKind::Patient, 0);
    }

    /// A thread takes the role, and comes back for `deadline`.
    pub(super) fn begin(&mut self, is_brief: bool, deadline: Option<Instant>) -> ReadRole {
        debug_assert!(self.may_begin(), "a second thread reads");
        self.deadline = deadline;
        self.state = if is_brief { ReadState::Brief } else { ReadState::Long };
        ReadRole { timeout: take(&mut self.timeout), kind: take(&mut self.next) }
    }

    /// No bytes wait for the transport any more, so the thread that reads has no reason to come back soon.
    pub(super) fn all_written(&mut self) {
        if matches!(self.state, ReadState::Brief) {
            self.state = ReadState::Long;
        }
    }

    /// `n` bytes have come to a buffer of `room` bytes; 0 is the end of the stream. Says whether reading has caught up with the
    /// peer. `is_late` if a deadline has passed.
    pub(super) fn moved(
        &mut self,
        role: ReadRole,
        n: usize,
        room: usize,
        is_late: bool,
        now: Instant,
    ) -> bool {
        self.finished(role, if n == 0 { ReadState::Ended } else { ReadState::Idle });
        self.late_reads = if is_late { self.late_reads + 1 } else { 0 };
        self.reads += 1;
        self.busy = if n >= SMALL { BUSY_READS } else { self.busy.saturating_sub(1) };
        self.next = match self.busy {
            _ if n == room => ReadKind::More,
            1.. => ReadKind::Busy,
            0 => ReadKind::Patient,
        };
        let has_caught_up = n < room || self.reads >= READS_IN_A_ROW;
        if has_caught_up {
            self.caught_up(now);
        }
        has_caught_up
    }

    /// The time of the read has passed.
    pub(super) fn found_nothing(&mut self, role: ReadRole, now: Instant) {
        if role.kind == ReadKind::More {
            // It did not wait.
            self.next = ReadKind::Busy;
        } else {
            self.busy = 0;
        }
        self.finished(role, ReadState::Idle);
        self.found_nothing = now;
        self.late_reads = 0;
        self.caught_up(now);
    }

    /// The call came back early, and is to be repeated.
    pub(super) fn interrupted(&mut self, role: ReadRole) {
        self.finished(role, ReadState::Idle);
    }

    /// The direction has failed.
    pub(super) fn ended(&mut self, role: ReadRole) {
        self.finished(role, ReadState::Ended);
    }

    /// The thread that reads unwinds, and its role is lost.
    pub(super) fn failed(&mut self) {
        self.state = ReadState::Ended;
    }

    fn finished(&mut self, role: ReadRole, state: ReadState) {
        debug_assert!(self.is_busy(), "no thread reads");
        self.timeout = role.timeout;
        self.state = state;
    }

    fn caught_up(&mut self, now: Instant) {
        self.caught_up = now;
        self.reads = 0;
    }

    /// There is no transport that could hold bytes of a peer.
    pub(super) fn has_no_source(&mut self, now: Instant) {
        self.found_nothing = now;
    }

    /// Whether the thread that reads does not know of `deadline`, which is earlier than the one for which it comes back. Says so once.
    pub(super) fn is_surprised_by(&mut self, deadline: Instant) -> bool {
        let is_earlier = self.is_busy() && self.deadline.is_none_or(|known| deadline < known);
        if is_earlier {
            self.deadline = Some(deadline);
        }
        is_earlier
    }

    /// A deadline has fired.
    pub(super) fn deadline_fired(&mut self) {
        self.late_reads = 0;
    }

    /// The time by which a deadline is judged if a read may come before: bytes that wait in the socket are a sign of life.
    /// `None` if the peer has put the deadline off for long enough.
    pub(super) fn judged(&self) -> Option<Instant> {
        (self.late_reads < READS_IN_A_ROW).then_some(self.found_nothing)
    }

    /// Whether no thread has looked at the peer's bytes for long.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.may_begin() && now - self.caught_up >= READ_EVERY
    }

    /// Whether a thread may begin to read.
    pub(super) fn may_begin(&self) -> bool {
        matches!(self.state, ReadState::Idle)
    }

    pub(super) fn is_busy(&self) -> bool {
        matches!(self.state, ReadState::Brief | ReadState::Long)
    }

    /// Whether a thread is in a read from which nothing brings it back to write.
    pub(super) fn is_long(&self) -> bool {
        matches!(self.state, ReadState::Long)
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(self.state, ReadState::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant::since_epoch(Duration::from_millis(milliseconds))
    }

    #[test]
    fn a_brief_read_becomes_long_when_all_bytes_are_written() {
        let mut reading = Reading::default();
        let role = reading.begin(true, None);
        assert!(reading.is_busy() && !reading.is_long());
        reading.all_written();
        assert!(reading.is_busy() && reading.is_long());
        reading.interrupted(role);
        assert!(reading.may_begin());
        reading.all_written();
        assert!(!reading.is_busy(), "no thread reads");
    }

    #[test]
    fn reading_is_due_250_ms_after_it_has_caught_up() {
        let mut reading = Reading::default();
        let role = reading.begin(false, None);
        assert!(!reading.is_due(at(1000)), "a thread reads");
        assert!(reading.moved(role, 10, 100, false, at(100)));
        assert!(!reading.is_due(at(349)));
        assert!(reading.is_due(at(350)));
    }

    #[test]
    fn a_peer_that_fills_every_read_is_caught_up_with_after_64() {
        let mut reading = Reading::default();
        let caught_up = (1..=130).filter(|n| {
            let role = reading.begin(false, None);
            assert_eq!(role.kind, if *n > 1 { ReadKind::More } else { ReadKind::Patient });
            reading.moved(role, 100, 100, false, at(*n))
        });
        assert_eq!(caught_up.collect::<Vec<_>>(), [64, 128]);
    }

    #[test]
    fn a_thread_waits_for_long_without_a_large_buffer_once_the_peer_sends_little_or_nothing() {
        let mut reading = Reading::default();
        let next = |reading: &mut Reading| reading.begin(false, None);
        let role = next(&mut reading);
        reading.moved(role, SMALL, SMALL, false, at(1));
        let role = next(&mut reading);
        assert!(role.kind == ReadKind::More);
        reading.found_nothing(role, at(2));
        for _ in 0..BUSY_READS - 1 {
            let role = next(&mut reading);
            assert!(role.kind == ReadKind::Busy);
            reading.moved(role, 1, 64 * 1024, false, at(3));
        }
        let role = next(&mut reading);
        assert!(role.kind == ReadKind::Busy);
        reading.moved(role, SMALL, 64 * 1024, false, at(4));
        let role = next(&mut reading);
        assert!(role.kind == ReadKind::Busy);
        reading.found_nothing(role, at(5));
        assert!(next(&mut reading).kind == ReadKind::Patient);
    }

    #[test]
    fn a_deadline_is_put_off_by_64_late_reads_at_most() {
        let mut reading = Reading::default();
        let role = reading.begin(false, None);
        reading.found_nothing(role, at(5));
        for _ in 0..64 {
            assert_eq!(reading.judged(), Some(at(5)));
            let role = reading.begin(false, None);
            reading.moved(role, 1, 100, true, at(100));
        }
        assert_eq!(reading.judged(), None);
        reading.deadline_fired();
        assert_eq!(reading.judged(), Some(at(5)));
    }

    #[test]
    fn the_thread_that_reads_is_told_once_of_an_earlier_deadline() {
        let mut reading = Reading::default();
        assert!(!reading.is_surprised_by(at(1)), "no thread reads");
        let role = reading.begin(false, Some(at(10)));
        assert!(!reading.is_surprised_by(at(10)) && !reading.is_surprised_by(at(11)));
        assert!(reading.is_surprised_by(at(9)) && !reading.is_surprised_by(at(9)));
        assert!(reading.is_surprised_by(at(8)));
        reading.interrupted(role);
        assert!(!reading.is_surprised_by(at(1)), "the next read knows it");
        reading.begin(false, None);
        assert!(reading.is_surprised_by(at(1000)));
    }

    #[test]
    fn the_end_lasts_until_there_is_another_transport() {
        let mut reading = Reading::default();
        let role = reading.begin(false, None);
        reading.moved(role, 0, 100, false, at(1));
        assert!(reading.is_ended() && !reading.is_due(at(1000)));
        reading = reading.next_phase(at(2));
        assert!(reading.is_ended(), "the next phase has the same transport");
        reading.begin_anew();
        assert!(reading.may_begin());
    }

    #[test]
    fn a_read_that_waits_for_a_transport_goes_on_with_the_next_one() {
        let mut reading = Reading::default();
        let role = reading.begin(false, None);
        reading.begin_anew();
        assert!(reading.is_busy());
        reading.interrupted(role);
        assert!(reading.may_begin());
    }
}
