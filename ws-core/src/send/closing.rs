//! The Close frame, and the bytes that are dropped before it.

use alloc::vec::Vec;

use crate::close::CloseFrame;
use crate::frame::{Header, Opcode};
use crate::outbound::Outbound;

use super::Send;
use super::boundaries::UnitKind;

/// The queued bytes that leave before our Close frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseAfter {
    /// Everything that is queued.
    Queued,
    /// The message or control frame that has begun to leave, and pongs.
    Begun,
}

impl Send {
    /// Queues the Close frame, and drops the queued bytes that do not leave before it. Returns the position of the Close frame in the
    /// stream.
    pub(crate) fn queue_close(
        &mut self,
        outbound: &mut Outbound,
        frame: &CloseFrame,
        after: CloseAfter,
    ) -> u64 {
        if after == CloseAfter::Begun {
            self.drop_unbegun(outbound, |_| false);
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
        let len = self.queue_control(outbound, Opcode::Close, payload);
        self.boundaries.push(len, UnitKind::Other);
        begin
    }

    /// Our Close frame, which is queued at `begin` and has not begun to leave, overtakes the messages that have not. Returns its new
    /// position in the stream.
    pub(crate) fn overtake(&mut self, outbound: &mut Outbound, begin: u64) -> u64 {
        // No frame follows our Close frame. It has passed the gate.
        let close = outbound.copy(begin, outbound.end());
        self.drop_unbegun(outbound, |_| false);
        let begin = outbound.end();
        outbound.append(|tail| tail.extend_from_slice(&close));
        self.boundaries.push(close.len(), UnitKind::Other);
        begin
    }

    /// Drops the units that have not begun to leave, except for pongs, because RFC 6455 §5.5.2 wants a pong for a ping that came before
    /// the Close frame, and for the messages that `keeps` says: see [`Boundaries::kept_behind`](super::Boundaries::kept_behind). A unit
    /// that has begun is kept to its end: a frame that breaks off would swallow the Close frame.
    pub(crate) fn drop_unbegun(&mut self, outbound: &mut Outbound, keeps: impl FnMut(usize) -> bool) {
        let end = self.boundaries.end_of_begun(outbound.begun());
        let kept = self.boundaries.kept_behind(end, keeps);
        let kept: Vec<_> = kept.iter().map(|unit| (unit.kind, outbound.copy(unit.begin, unit.end))).collect();
        outbound.truncate(end);
        self.boundaries.truncate(end);
        for (kind, bytes) in kept {
            // A copy of frames that have passed the gate.
            outbound.append(|tail| tail.extend_from_slice(&bytes));
            self.boundaries.push_again(bytes.len(), kind);
        }
    }
}
