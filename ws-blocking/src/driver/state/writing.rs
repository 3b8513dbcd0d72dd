//! The writing direction of a connection.
//!
//! ```text
//!              begin                        ended, failed
//!          ┌──────────────────────► Busy ────────────────────► Ended
//!          │                        │ ▲ │                        │
//!   ┌──► Idle ◄─────────────────────┘ │ │ moved (some bytes),    │
//!   │      ▲    moved (all bytes),    │ │ stuck                  │
//!   │      │    interrupted     begin │ │                        │
//!   │      │                          │ ▼                        │
//!   │      └───────────────────────  Stuck                       │
//!   │          read_caught_up          │                         │
//!   └──────────────────────────────────┴─────────────────────────┘
//!     begin_anew: another transport
//! ```
//!
//! `begin` hands out the [`WriteRole`]. There is only one, so at most one thread writes. `urge` marks the write under way: its thread
//! writes again before it leaves.

use std::collections::VecDeque;
use std::mem::take;

use ws_core::bytes::Bytes;
use ws_core::{Instant, Outbound};

use super::CHUNK;
use crate::call::{SocketTimeout, advance};

/// State of the writing direction, and the bytes between the machine and the transport.
#[derive(Default)]
pub(super) struct Writing {
    state: WriteState,
    /// Bytes that were taken out of the machine and not yet by the transport. Invariant: empty in `Busy` and in `Ended`; the
    /// thread that writes has them in its [`WriteRole`].
    pending: VecDeque<Bytes>,
    timeout: SocketTimeout,
    /// Number of bytes that the transport has taken.
    written: u64,
    /// Number of writes that are over.
    count: u64,
    /// When the last write was over.
    tried: Instant,
}

#[derive(Default)]
enum WriteState {
    /// No thread writes. The transport may take bytes.
    #[default]
    Idle,
    /// One thread writes, without the lock.
    Busy {
        /// Another thread has queued something that cannot wait. The thread that writes tries to write it, too, before it leaves.
        is_urged: bool,
    },
    /// No thread writes. The transport refused bytes, and no read has caught up with the peer since.
    Stuck,
    /// The direction was shut down, or has failed.
    Ended,
}

/// The role of the thread that writes, with the bytes of this write. Without bytes, the direction is to be shut down.
pub(crate) struct WriteRole {
    pub(crate) bytes: VecDeque<Bytes>,
    pub(crate) timeout: SocketTimeout,
}

impl Writing {
    /// The same transport, for the machine of the next phase. No thread writes.
    pub(super) fn next_phase(self) -> Self {
        let state = match self.state {
            WriteState::Ended => WriteState::Ended,
            _ => WriteState::Idle,
        };
        Self { state, pending: self.pending, timeout: self.timeout, ..Self::default() }
    }

    /// The bytes that no thread writes any more. No thread writes.
    pub(super) fn into_pending(self) -> VecDeque<Bytes> {
        self.pending
    }

    /// There is another transport, or none. No thread writes.
    pub(super) fn begin_anew(&mut self) {
        debug_assert!(!self.is_busy(), "a thread writes");
        self.pending.clear();
        self.state = WriteState::Idle;
    }

    /// A thread takes the role and the next bytes, oldest first.
    pub(super) fn begin(&mut self, outbound: &mut Outbound) -> WriteRole {
        debug_assert!(self.may_begin(), "a second thread writes");
        if self.pending.is_empty() {
            self.pending = outbound.take_out(CHUNK);
        }
        self.state = WriteState::Busy { is_urged: false };
        WriteRole { bytes: take(&mut self.pending), timeout: take(&mut self.timeout) }
    }

    /// Something was queued that cannot wait. Nothing changes unless a thread writes.
    pub(super) fn urge(&mut self) {
        if let WriteState::Busy { is_urged } = &mut self.state {
            *is_urged = true;
        }
    }

    /// The transport has taken the `n` oldest bytes, and perhaps refused others. Gives a buffer whose memory can be used again.
    pub(super) fn moved(&mut self, mut role: WriteRole, n: usize, is_all: bool) -> Option<Bytes> {
        self.written += n as u64;
        let last = advance(&mut role.bytes, n);
        self.finished(role, if is_all { WriteState::Idle } else { WriteState::Stuck });
        last
    }

    /// The transport has taken nothing.
    pub(super) fn stuck(&mut self, role: WriteRole) {
        self.finished(role, WriteState::Stuck);
    }

    /// The call came back early, and is to be repeated.
    pub(super) fn interrupted(&mut self, role: WriteRole) {
        self.finished(role, WriteState::Idle);
    }

    /// The direction was shut down, or has failed.
    pub(super) fn ended(&mut self, mut role: WriteRole) {
        role.bytes = VecDeque::new();
        self.finished(role, WriteState::Ended);
    }

    /// The thread that writes unwinds, and its role is lost.
    pub(super) fn failed(&mut self) {
        self.state = WriteState::Ended;
    }

    fn finished(&mut self, role: WriteRole, state: WriteState) {
        debug_assert!(self.is_busy(), "no thread writes");
        self.pending = role.bytes;
        self.timeout = role.timeout;
        self.count += 1;
        self.state = state;
    }

    /// A write is over.
    pub(super) fn tried(&mut self, now: Instant) {
        self.tried = now;
    }

    /// Whether the last write was over before a deadline: the transport may have had room since.
    pub(super) fn has_not_tried_since(&self, deadline: Instant) -> bool {
        self.tried < deadline
    }

    /// A read has caught up with the peer, which may take bytes again. Nothing changes unless writing is stuck.
    pub(super) fn read_caught_up(&mut self) {
        if self.is_stuck() {
            self.state = WriteState::Idle;
        }
    }

    /// The machine has dropped all that it had queued.
    pub(super) fn drop_pending(&mut self) {
        self.pending.clear();
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether a thread may begin to write.
    pub(super) fn may_begin(&self) -> bool {
        matches!(self.state, WriteState::Idle | WriteState::Stuck)
    }

    pub(super) fn is_busy(&self) -> bool {
        matches!(self.state, WriteState::Busy { .. })
    }

    pub(super) fn is_urged(&self) -> bool {
        matches!(self.state, WriteState::Busy { is_urged: true })
    }

    pub(super) fn is_stuck(&self) -> bool {
        matches!(self.state, WriteState::Stuck)
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(self.state, WriteState::Ended)
    }

    /// The number of the write under way.
    pub(super) fn under_way(&self) -> Option<u64> {
        self.is_busy().then_some(self.count)
    }

    /// Number of bytes that the transport has taken.
    pub(super) fn written(&self) -> u64 {
        self.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = b"hello";

    fn outbound() -> Outbound {
        let mut outbound = Outbound::default();
        outbound.push(Bytes::from_static(HELLO));
        outbound
    }

    #[test]
    fn bytes_that_were_refused_are_the_first_of_the_next_write() {
        let (mut writing, mut outbound) = (Writing::default(), outbound());
        let role = writing.begin(&mut outbound);
        assert!(writing.is_busy() && !writing.may_begin());
        assert_eq!(role.bytes, [HELLO]);
        writing.moved(role, 2, false);
        assert!(writing.is_stuck() && writing.may_begin());
        let role = writing.begin(&mut outbound);
        assert_eq!(role.bytes, [&HELLO[2..]]);
        writing.moved(role, 3, true);
        assert!(!writing.is_stuck() && !writing.has_pending());
        assert_eq!(writing.written(), 5);
    }

    #[test]
    fn stuck_lasts_until_a_read_has_caught_up_with_the_peer() {
        let (mut writing, mut outbound) = (Writing::default(), outbound());
        let role = writing.begin(&mut outbound);
        writing.read_caught_up();
        assert!(writing.is_busy(), "a read does not end a write");
        writing.stuck(role);
        assert!(writing.is_stuck());
        writing.read_caught_up();
        assert!(!writing.is_stuck() && writing.may_begin());
    }

    #[test]
    fn only_the_write_under_way_is_urged() {
        let (mut writing, mut outbound) = (Writing::default(), outbound());
        writing.urge();
        let role = writing.begin(&mut outbound);
        assert!(!writing.is_urged());
        writing.urge();
        assert!(writing.is_urged());
        writing.interrupted(role);
        assert!(!writing.is_urged() && writing.has_pending());
    }

    #[test]
    fn the_end_lasts_until_there_is_another_transport() {
        let (mut writing, mut outbound) = (Writing::default(), outbound());
        let role = writing.begin(&mut outbound);
        writing.ended(role);
        writing.read_caught_up();
        assert!(writing.is_ended() && !writing.may_begin() && !writing.has_pending());
        writing = writing.next_phase();
        assert!(writing.is_ended(), "the next phase has the same transport");
        writing.begin_anew();
        assert!(writing.may_begin());
    }

    #[test]
    fn each_write_has_a_number_of_its_own() {
        let (mut writing, mut outbound) = (Writing::default(), outbound());
        assert_eq!(writing.under_way(), None);
        let role = writing.begin(&mut outbound);
        let first = writing.under_way();
        assert!(first.is_some());
        writing.interrupted(role);
        assert_eq!(writing.under_way(), None);
        let _role = writing.begin(&mut outbound);
        assert_ne!(writing.under_way(), first);
        writing.failed();
        assert_eq!(writing.under_way(), None);
    }
}
