//! Pings and pongs.

use alloc::boxed::Box;

use bytes::Bytes;

use crate::frame::Opcode;
use crate::outbound::Outbound;

use super::boundaries::UnitKind;
use super::{MAX_PONGS, Send};

impl Send {
    /// A nonce for a ping.
    pub(crate) fn nonce(&mut self) -> [u8; 8] {
        self.random.array()
    }

    /// Queues a ping. Invariant of all callers: the payload has at most 125 bytes.
    pub(crate) fn queue_ping(&mut self, outbound: &mut Outbound, payload: &[u8]) {
        let len = self.queue_control(outbound, Opcode::Ping, payload);
        self.boundaries.push(len, UnitKind::Ping);
    }

    /// Answers a ping.
    ///
    /// RFC 6455 §5.5.3: an endpoint that has not yet answered previous pings may answer only the most recent one.
    pub(crate) fn answer_ping(&mut self, outbound: &mut Outbound, payload: Bytes) {
        if self.boundaries.counts().pongs < MAX_PONGS - 1 {
            self.queue_pong(outbound, &payload);
        } else {
            self.newest_pong = Some(Box::new(payload));
        }
    }

    pub(super) fn queue_pong(&mut self, outbound: &mut Outbound, payload: &[u8]) {
        let len = self.queue_control(outbound, Opcode::Pong, payload);
        self.boundaries.push(len, UnitKind::Pong);
    }

    #[cold]
    pub(super) fn send_newest_pong(&mut self, outbound: &mut Outbound) {
        if let Some(payload) = self.newest_pong.take() {
            self.answer_ping(outbound, *payload);
        }
    }
}
