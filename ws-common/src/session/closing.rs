//! A connection whose peer closes, and whether another follows.

use std::time::Duration;

use ws_core::{CloseFrame, Closed, Initiator};

use super::event::ClientEvent;
use super::{Session, SessionState, Wish};
use crate::reconnect::DisconnectReason;

impl Session {
    /// The peer's Close frame has come. A session that comes back answers at once. It keeps what has not begun to leave, except for
    /// messages of this connection alone. A session that surely does not come back sends all, and replies, too: it answers when the user
    /// has taken the frame. A caller that waits for a proof does not wait for that: no pong follows a Close frame.
    pub(super) fn peer_closes(&mut self, frame: CloseFrame) {
        let code = frame.status();
        if let SessionState::Open(open) = &mut self.state {
            open.until.get_or_insert(self.now);
        }
        let is_last = self.is_last(&Closed::abrupt(code, Initiator::Remote));
        self.events.push(ClientEvent::Closing(frame));
        let SessionState::Open(open) = &mut self.state else { return };
        if is_last {
            open.connection().accept_replies();
            open.unanswered = Some(code);
            if self.events.is_discarding() || self.outbox.awaits_proof() {
                self.answer_peer();
            }
        } else {
            self.outbox.answer_closing_peer(open.connection());
        }
    }

    /// Nobody will reply to the messages before the peer's Close frame any more.
    pub(super) fn answer_peer(&mut self) {
        let SessionState::Open(open) = &mut self.state else { return };
        let Some(code) = open.unanswered.take() else { return };
        let is_last = self.is_last(&Closed::abrupt(code, Initiator::Remote));
        let SessionState::Open(open) = &mut self.state else { return };
        if !is_last {
            self.outbox.answer_closing_peer(open.connection());
        } else {
            if open.machine.inner().is_open() && !open.is_shut() {
                let (random, now) = (&mut self.random, self.now);
                self.outbox.feed_all(open.connection(), now, || random.next_u64().to_ne_bytes());
            }
            open.connection().answer_closing_peer(false);
        }
        self.has_input = true;
    }

    /// Whether it is known already that no attempt follows if the connection ends so, and with its failure so far. A hook may still
    /// decide so later.
    pub(super) fn is_last(&self, closed: &Closed) -> bool {
        match (&self.wish, &self.state) {
            (Some(Wish::Stop(_)), _) => true,
            (None, SessionState::Open(open)) => {
                let end = DisconnectReason::Closed { closed, error: open.failure.as_ref() };
                self.settings.reconnect.surely_stops_after(&end, &self.attempts, self.open_for(), self.now)
            }
            (Some(Wish::Again { .. }) | None, _) => false,
        }
    }

    /// Gives the time for which the present connection has been open.
    pub(super) fn open_for(&self) -> Duration {
        match &self.state {
            SessionState::Open(open) => open.until.unwrap_or(self.now) - open.since,
            _ => Duration::ZERO,
        }
    }
}
