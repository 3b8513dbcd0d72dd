//! The facts about an end, and what follows from them.

use crate::close::{CloseFrame, Closed, Initiator};
use crate::error::{Error, Timeout, Violation};
use crate::machine::TransportError;
use crate::time::Instant;

/// Two facts make a clean end, a Close frame sent and one received; everything else is a way in which it can fail.
///
/// ```text
///  we begin:        close() ── our Close leaves ── the peer's Close comes ── end of stream
///                   T, anew with progress       T, to the end of the stream
///
///  the peer begins: its Close comes ── the user takes it: our Close is queued ── it leaves ── end of stream
///                   T ─ then it overtakes all that has not begun: T, anew with progress    T
///
///  or just ends:    end of stream ── the user takes it ── what waits has left
///                   T ─ then what waits is dropped
/// ```
#[derive(Default)]
pub(super) struct Ending {
    pub(super) sent: Option<Sent>,
    pub(super) received: Option<CloseFrame>,
    /// Whether and how the stream has ended.
    pub(super) read: Option<ReadEnd>,
    pub(super) replies: Replies,
    /// The transport takes nothing any more.
    pub(super) write_error: Option<TransportError>,
    /// A deadline that the peer missed.
    pub(super) missed: Option<Timeout>,
    /// The error was reported: with which code, and by whom the connection was broken.
    pub(super) failed: Option<(u16, Initiator)>,
    /// What was wrong about the answer to our Close frame.
    pub(super) broken_answer: Option<Violation>,
    pub(super) deadline: Option<Instant>,
    pub(super) closed: Option<Closed>,
    /// What went wrong, held back until the connection has ended.
    pub(super) held_back: Option<Error>,
    /// The transport is to be reset, so that nothing of what it holds reaches the peer any more.
    pub(super) resets: bool,
}

/// Our Close frame.
pub(super) struct Sent {
    pub(super) frame: CloseFrame,
    /// Whether we began; else the peer's Close frame or the end of the stream was there before.
    pub(super) initiated: bool,
    /// Where it begins in the stream.
    pub(super) begin: u64,
    /// Whether the transport has taken its last byte.
    pub(super) left: bool,
}

/// Whether the user may still send, once the peer has sent its Close frame or ended the stream.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Replies {
    /// Until it takes that end from the events.
    #[default]
    Accepted,
    /// It has taken the end of the stream. (When it takes a Close frame, ours is sent.)
    Ended,
    /// `close_timeout` has passed since the peer's Close frame came.
    TooLate,
    /// It has passed since the stream ended, and what waited was dropped. Nothing is queued any more.
    Dropped,
}

pub(super) enum ReadEnd {
    Eof,
    Error(TransportError),
}

/// What is asked for each message: of an open connection not here, so that it is kept out of the way of messages.
impl Ending {
    #[cold]
    pub(super) fn is_receiving(&self) -> bool {
        // A connection that has ended has received a Close frame or failed.
        self.received.is_none() && self.failed.is_none()
    }

    #[cold]
    pub(super) fn is_open(&self, withholds: bool) -> bool {
        self.sent.is_none()
            && (self.read.is_none() || !withholds)
            && self.replies == Replies::Accepted
            && self.write_error.is_none()
            && self.failed.is_none()
            && self.missed.is_none()
    }

    #[cold]
    pub(super) fn can_write(&self) -> bool {
        self.write_error.is_none() && self.missed.is_none() && self.replies != Replies::Dropped
    }

    #[cold]
    pub(super) fn may_end(&self, withholds: bool) -> bool {
        self.missed.is_some() || (self.read.is_some() && !self.holds_end(withholds))
    }

    /// Whether the stream has ended, and the user may still send replies.
    pub(super) fn holds_end(&self, withholds: bool) -> bool {
        self.read.is_some() && self.is_open(withholds)
    }

    #[cold]
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline.filter(|_| self.closed.is_none())
    }

    /// Sets a deadline where there is none.
    pub(super) fn limit(&mut self, deadline: Instant) {
        if self.missed.is_none() {
            self.deadline.get_or_insert(deadline);
        }
    }

    #[cold]
    pub(super) fn wrote(&mut self, is_drained: bool, deadline: Instant) {
        if !self.can_write() {
            return;
        }
        if let Some(sent) = self.sent.as_mut().filter(|sent| !sent.left) {
            sent.left = is_drained;
            if is_drained || sent.initiated || self.replies == Replies::TooLate {
                self.deadline = Some(deadline);
            }
        }
    }
}
