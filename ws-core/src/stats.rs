//! Counts of a connection.

use core::time::Duration;

use crate::frame::{Header, Opcode};
use crate::time::Span;

/// The counts of one connection since its opening handshake, from [`Connection::stats`](crate::Connection::stats).
///
/// For example, `stats.sent.bytes` of a connection that compresses is lower than `stats.sent.payload_bytes`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Messages and frames to the peer. They count when they are queued, [`bytes`](Traffic::bytes) when the transport takes them.
    pub sent: Traffic,
    /// Messages and frames from the peer.
    pub received: Traffic,
    /// Number of bytes that wait to be written. The bytes of a write under way count, too.
    pub queued_bytes: usize,
    /// Number of messages of which the transport has not taken all bytes, or which were dropped when the connection closed.
    pub unsent_messages: usize,
    /// Time from the departure of a ping to the arrival of its pong, for the latest pong that answered a ping. `None` before the first.
    ///
    /// A ping departs when the transport takes its last byte. The pong arrives with the read that brings it.
    pub last_round_trip: Option<Duration>,
    /// The shortest round-trip time of all. `None` before the first.
    pub min_round_trip: Option<Duration>,
}

/// The traffic of one direction of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Traffic {
    /// Number of data messages. A fragmented message counts once, with its last frame.
    pub messages: u64,
    /// Number of bytes in the payloads of data messages, not compressed. Fragments count as they come or are queued. Of a received
    /// message that breaks a rule, the bytes before the violation count.
    pub payload_bytes: u64,
    /// Number of frames, control frames included. A received data frame counts at the latest when all of it is there, and most often
    /// with its header; a control frame counts when all of it is there. A frame whose payload breaks a rule counts. A frame whose
    /// header breaks a rule or a limit does not.
    pub frames: u64,
    /// Number of bytes of the WebSocket protocol behind the opening handshake: headers and payloads of all frames, before TLS encrypts
    /// or after TLS decrypts them.
    pub bytes: u64,
    /// Number of pings (RFC 6455 §5.5.2). The pings of `ping_interval` count, too.
    pub pings: u64,
    /// Number of pongs (RFC 6455 §5.5.3).
    pub pongs: u64,
}

/// The frames of one direction. Each of them is counted by the gate that it passes.
#[derive(Clone, Copy, Default)]
pub(crate) struct FrameCounts {
    frames: u64,
    /// Frames that end no message: control frames, and fragments with another behind them.
    others: u64,
    payload_bytes: u64,
    pings: u64,
    pongs: u64,
}

impl FrameCounts {
    #[inline(always)]
    pub(crate) fn add_frame(&mut self, header: &Header) {
        self.frames += 1;
        if !header.fin() || header.opcode().is_control() {
            self.add_other(header.opcode());
        }
    }

    #[cold]
    fn add_other(&mut self, opcode: Opcode) {
        self.others += 1;
        match opcode {
            Opcode::Ping => self.pings += 1,
            Opcode::Pong => self.pongs += 1,
            _ => {}
        }
    }

    /// The last frame that was counted ends no message, because it breaks a rule.
    #[cold]
    pub(crate) fn retract_message(&mut self) {
        self.others += 1;
    }

    /// The last frame that was counted, one of a data message, is not let in after all.
    #[cold]
    pub(crate) fn retract_frame(&mut self, fin: bool) {
        self.frames -= 1;
        if !fin {
            self.others -= 1;
        }
    }

    /// Bytes of a data message, not compressed.
    #[inline(always)]
    pub(crate) fn add_payload(&mut self, len: usize) {
        self.payload_bytes += len as u64;
    }

    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    pub(crate) fn traffic(&self, bytes: u64) -> Traffic {
        Traffic {
            messages: self.frames - self.others,
            payload_bytes: self.payload_bytes,
            frames: self.frames,
            bytes,
            pings: self.pings,
            pongs: self.pongs,
        }
    }
}

/// Round-trip times of pings.
#[derive(Clone, Copy, Default)]
pub(crate) struct RoundTrips {
    last: Option<Span>,
    min: Option<Span>,
}

impl RoundTrips {
    pub(crate) fn add(&mut self, round_trip: Duration) {
        let round_trip = Span::from(round_trip);
        self.last = Some(round_trip);
        self.min = Some(self.min.map_or(round_trip, |min| min.min(round_trip)));
    }

    pub(crate) fn last(&self) -> Option<Duration> {
        self.last.map(Span::duration)
    }

    pub(crate) fn min(&self) -> Option<Duration> {
        self.min.map(Span::duration)
    }
}
