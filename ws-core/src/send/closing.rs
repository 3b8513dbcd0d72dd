//! What is sent at the end.

use alloc::vec::Vec;

use crate::close::CloseFrame;
use crate::frame::{Header, Opcode};
use crate::outbound::Outbound;

use super::{Send, Unit};

/// The part of what waits that goes out before a Close frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// Everything.
    All,
    /// The message that has begun to leave, and pongs.
    Begun,
}

impl Send {
    /// Queues the Close frame. Of what waits, only what goes out `before` it is kept. Gives the place of the Close frame in the
    /// stream.
    pub(crate) fn close(&mut self, outbound: &mut Outbound, frame: &CloseFrame, before: Before) -> u64 {
        if before == Before::Begun {
            self.drop_unbegun(outbound);
        }
        if let Some(payload) = self.newest_pong.take() {
            self.queue_pong(outbound, &payload);
        }
        let begin = outbound.end();
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
        let len = self.control(outbound, Opcode::Close, payload);
        self.marks.push(len, Unit::Other);
        begin
    }

    /// Drops what has not begun to leave, except for pongs: RFC 6455 §5.5.2 wants one for a ping that came before the Close frame.
    /// What has begun is kept to its end: a frame that breaks off would swallow the Close frame.
    fn drop_unbegun(&mut self, outbound: &mut Outbound) {
        let end = self.marks.end_of_begun(outbound.begun());
        let pongs = self.marks.pongs_behind(end);
        let pongs: Vec<_> = pongs.into_iter().map(|(begin, end)| outbound.copy(begin, end)).collect();
        outbound.truncate(end);
        self.marks.truncate(end);
        for pong in pongs {
            outbound.append(|tail| tail.extend_from_slice(&pong));
            self.marks.push(pong.len(), Unit::Pong);
        }
    }
}
