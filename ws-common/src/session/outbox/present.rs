//! The messages of the present connection: from `on_open`, from `send_now`, and heartbeats. They never wait for another connection.

use std::collections::VecDeque;

use super::has_room;
use crate::session::proofs::Proofs;

/// Where a message of the present connection comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum PresentSource {
    /// `on_open`. If the connection is lost, the next one brings others in its place.
    Opening,
    /// `send_now`. If the connection is lost, so is the message.
    Now,
    /// `heartbeat`. Nobody asks about it.
    Heartbeat,
}

/// The position of a message that had not begun to leave when the peer's Close frame came. It is behind all others, and nothing in it can
/// be the reason for that frame.
pub(super) const BEHIND_CLOSE: u64 = u64::MAX;

/// A message that the connection has. The outbox does not keep its content, because it is not sent again.
pub(super) struct PresentEntry {
    sequence: u64,
    source: PresentSource,
    /// The position of its first byte in the stream of this connection, or [`BEHIND_CLOSE`].
    pub(super) begin: u64,
    weight: usize,
}

/// The messages of the present connection. Their sequence numbers are their own: they overtake the messages of the outbox.
pub(super) struct Present {
    /// Not yet done with, oldest first. Invariant: empty while there is no connection.
    pub(super) given: VecDeque<PresentEntry>,
    /// Number of entries of `given` that the transport has taken whole. They are the oldest.
    pub(super) taken: usize,
    /// The weight of `given`.
    size: usize,
    /// Number of heartbeats in `given`.
    heartbeats: usize,
    /// The sequence number of the next message.
    next: u64,
    /// Sequence number of the last message of `on_open` on this connection, or of the last message before it.
    opened_to: u64,
    pub(super) proofs: Proofs,
}

impl Default for Present {
    fn default() -> Self {
        Self {
            given: VecDeque::new(),
            taken: 0,
            size: 0,
            heartbeats: 0,
            next: 1,
            opened_to: 0,
            proofs: Proofs::default(),
        }
    }
}

impl Present {
    pub(super) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// Whether a message of any size would be accepted.
    pub(super) fn has_room(&self, limit: usize) -> bool {
        has_room(self.given.len(), self.size, limit)
    }

    pub(super) fn has_heartbeat(&self) -> bool {
        self.heartbeats > 0
    }

    /// Whether the peer is yet to prove any of them.
    pub(super) fn is_unproven(&self) -> bool {
        self.given.len() > self.heartbeats
    }

    /// Sequence number of the newest message; 0 if there was none yet.
    pub(super) fn newest(&self) -> u64 {
        self.next - 1
    }

    /// The connection has taken a message that begins there.
    pub(super) fn push(&mut self, source: PresentSource, begin: u64, weight: usize) {
        let sequence = self.next;
        self.next += u64::from(source != PresentSource::Heartbeat);
        self.heartbeats += usize::from(source == PresentSource::Heartbeat);
        if source == PresentSource::Opening {
            self.opened_to = sequence;
        }
        self.size += weight;
        self.given.push_back(PresentEntry { sequence, source, begin, weight });
    }

    /// The oldest messages are done with.
    pub(super) fn finish(&mut self, count: usize) {
        for entry in self.given.drain(..count) {
            self.size -= entry.weight;
            self.heartbeats -= usize::from(entry.source == PresentSource::Heartbeat);
        }
        self.taken = self.taken.saturating_sub(count);
        if self.given.is_empty() {
            self.given = VecDeque::new();
        }
    }

    /// A heartbeat that the transport has taken is done with: it waits for no proof.
    pub(super) fn finish_heartbeats(&mut self) {
        let is_done = |entry: &PresentEntry| entry.source == PresentSource::Heartbeat;
        while let Some(at) = self.given.iter().take(self.taken).position(is_done)
            && let Some(entry) = self.given.remove(at)
        {
            self.taken -= 1;
            self.size -= entry.weight;
            self.heartbeats -= 1;
        }
    }

    /// The connection has ended. Messages of `send_now` without a proof are lost. If a message still waited for the transport or for a
    /// proof, `flush` reports it, too.
    pub(super) fn lost(&mut self) {
        for entry in self.given.drain(..).filter(|entry| entry.source == PresentSource::Now) {
            self.proofs.give_up(entry.sequence, entry.sequence);
        }
        let first = self.proofs.proven().max(self.opened_to) + 1;
        if first <= self.newest() {
            self.proofs.lose(first, self.newest());
        }
        (self.taken, self.size, self.heartbeats, self.opened_to) = (0, 0, 0, self.newest());
        self.given = VecDeque::new();
    }
}
