//! What is sent at the end.

use crate::close::CloseFrame;
use crate::frame::{Header, Opcode};
use crate::outbound::Outbound;

use super::Send;

/// What goes out before a Close frame.
pub(crate) enum Before {
    /// Everything that waits: we begin to close.
    All,
    /// Only what has begun to leave: we answer.
    Begun,
}

impl Send {
    /// Queues the Close frame. Of what waits, only what goes out `before` it is kept.
    pub(crate) fn close(&mut self, outbound: &mut Outbound, frame: &CloseFrame, before: Before) {
        self.newest_pong = None;
        if let Before::Begun = before {
            self.drop_unbegun(outbound);
        }
        let mut buffer = [0; Header::MAX_CONTROL];
        let payload = match frame.code() {
            None => &buffer[..0],
            Some(code) => {
                let reason = frame.reason().as_bytes();
                let len = 2 + reason.len();
                buffer[..2].copy_from_slice(&u16::from(code).to_be_bytes());
                buffer[2..len].copy_from_slice(reason);
                &buffer[..len]
            }
        };
        self.control(outbound, Opcode::Close, payload);
    }

    /// Drops what has not begun to leave. What has begun is kept to its end: a frame that breaks off would swallow the
    /// Close frame.
    fn drop_unbegun(&mut self, outbound: &mut Outbound) {
        let end = self.marks.end_of_begun(outbound.begun());
        outbound.truncate(end);
        self.marks.truncate(end);
    }
}
