//! The closing handshake, as a connection carries it out (RFC 6455 §7).

use crate::close::CloseFrame;
use crate::deadlines::Deadline;
use crate::error::{Error, Timeout, Violation};
use crate::frame::Role;
use crate::message::Event;
use crate::send::CloseAfter;
use crate::time::Instant;

use super::Connection;
use super::ending::Overdue;

/// The time at which the peer's Close frame is answered.
#[derive(Clone, Copy, Default)]
pub(super) enum Answering {
    /// The frame is answered when the user takes it.
    #[default]
    WhenTaken,
    /// [`Connection::answer_closing_peer`] answers the frame.
    OnRequest {
        /// The answer overtakes the messages that have not begun to leave.
        withholds: bool,
    },
}

impl Answering {
    #[inline]
    pub(super) fn withholds(self) -> bool {
        matches!(self, Self::OnRequest { withholds: true })
    }

    /// A connection that answers when the user takes the frame never withholds.
    fn set_withholds(&mut self, withholds: bool) {
        if let Self::OnRequest { .. } = self {
            *self = Self::OnRequest { withholds };
        }
    }
}

impl Connection {
    /// Begins the closing handshake (RFC 6455 §7.1.2): messages that wait are sent first, and messages that come meanwhile are still
    /// reported. Does nothing if [`is_open`](Self::is_open) is `false`.
    ///
    /// The Close frame has `close_timeout` to leave, which starts anew whenever the transport takes bytes. Then the peer has as long
    /// to answer. If the peer's Close frame has come and the user has not taken it, this frame answers it.
    pub fn close(&mut self, frame: impl Into<CloseFrame>, now: Instant) {
        if self.is_open() {
            self.queue_close(frame.into(), CloseAfter::Queued, now);
            self.finish_if_complete();
        }
    }

    /// For a client that sends unsent messages on its next connection: when the peer closes or ends the stream, messages and pings
    /// that have not begun to leave are dropped, and counted as unsent. Pongs leave. A peer that closes may throw away the rest.
    ///
    /// The end of the stream is taken as soon as it is seen: there are no replies. The peer's Close frame is answered by
    /// [`answer_closing_peer`](Self::answer_closing_peer), after [`Event::Closing`].
    #[doc(hidden)]
    pub fn withhold_from_a_closing_peer(&mut self) {
        self.ahead.answering = Answering::OnRequest { withholds: true };
    }

    /// Accepts replies until [`answer_closing_peer`](Self::answer_closing_peer): no connection follows on which they could be sent.
    #[doc(hidden)]
    pub fn accept_replies(&mut self) {
        self.ahead.answering.set_withholds(false);
    }

    /// Answers the peer's Close frame, if it came and is not answered: behind all that waits, or, if the connection withholds,
    /// behind the message that has begun to leave and pongs. `withholds` has no effect before
    /// [`withhold_from_a_closing_peer`](Self::withhold_from_a_closing_peer).
    #[doc(hidden)]
    pub fn answer_closing_peer(&mut self, withholds: bool) {
        self.ahead.answering.set_withholds(withholds);
        self.answer_close();
    }

    /// Answers as [`answer_closing_peer`](Self::answer_closing_peer) does when it withholds, but messages for which `leaves` says `true` leave
    /// before the answer: they belong to this connection, and no other would send them. It is asked with the number of each message that has
    /// not begun to leave, where 0 is the oldest of all that the transport has not taken whole ([`unsent`](Self::unsent)).
    #[doc(hidden)]
    pub fn answer_closing_peer_behind(&mut self, leaves: impl FnMut(usize) -> bool) {
        self.ahead.answering.set_withholds(true);
        let Some(frame) = self.closing.unanswered().cloned() else { return };
        if self.closing.can_write() {
            self.send.drop_unbegun(&mut self.outbound, leaves);
        }
        self.queue_close(frame, CloseAfter::Queued, self.now);
        self.finish_if_complete();
    }

    /// Ends the connection at once, without a Close frame. Queued messages are dropped, and the peer sees a reset
    /// ([`must_reset`](Self::must_reset)).
    pub fn abort(&mut self) {
        self.closing.abort(&mut self.deadlines);
        self.outbound.finish();
        self.drop_unsent();
    }
}

impl Connection {
    pub(super) fn queue_close(&mut self, frame: CloseFrame, after: CloseAfter, now: Instant) {
        self.keepalive.stop(&mut self.deadlines);
        let position =
            self.closing.can_write().then(|| self.send.queue_close(&mut self.outbound, &frame, after));
        if position.is_none() {
            self.stop_receive_windows();
        }
        self.closing.queued(frame, position, &mut self.deadlines, now);
    }

    /// RFC 6455 §5.5.1: a Close frame is answered with its own code and reason, unless one was sent before. Replies to the messages
    /// before it leave first, so it is answered when the user takes it.
    pub(super) fn answer_close(&mut self) {
        let Some(frame) = self.closing.unanswered().cloned() else { return };
        let after = if self.ahead.answering.withholds() { CloseAfter::Begun } else { CloseAfter::Queued };
        self.queue_close(frame, after, self.now);
        self.finish_if_complete();
    }

    /// RFC 6455 §7.1.1: the server ends the TCP connection first, so that it is the client's port that is free at once.
    pub(super) fn finish_if_complete(&mut self) {
        if self.role() == Role::Server && self.closing.is_complete() {
            self.outbound.finish();
        }
    }

    /// RFC 6455 §7.1.7: tells the peer what it did wrong, and looks at nothing that comes after.
    #[cold]
    pub(super) fn violated(&mut self, violation: Violation) -> Error {
        let violation = self.receive.with_limit(violation);
        self.end_with(CloseFrame::cut(violation.code(), &violation.reason()));
        let error = Error::Violation(violation);
        self.closing.trace_failure(&error);
        error
    }

    pub(super) fn receives_no_more(&mut self) {
        self.outbound.finish();
        self.drop_inbound();
        self.stop_receive_windows();
    }

    #[cold]
    pub(super) fn end(&mut self) -> Result<Option<Event>, Error> {
        if let Some(error) =
            self.closing.poll_error(self.outbound.is_empty(), self.ahead.answering.withholds())
        {
            self.closing.trace_failure(&error);
            self.outbound.finish();
            self.drop_unsent();
            return Err(error);
        }
        let (is_drained, unsent) = (self.outbound.is_empty(), self.send.unsent());
        let closed = self.closing.poll_closed(is_drained, unsent, &mut self.deadlines);
        if let Some(closed) = &closed {
            if let Some(error) = self.closing.error_text() {
                self.send.scope().closed(closed, error, &self.stats(), self.now);
            }
            self.outbound.finish();
            self.drop_unsent();
            self.drop_inbound();
            self.receive.give_up_message();
        }
        Ok(closed.map(Event::Closed))
    }

    pub(super) fn missed(&mut self, timeout: Timeout) {
        self.closing.missed(timeout, &mut self.deadlines);
        self.drop_unsent();
    }

    pub(super) fn drop_unsent(&mut self) {
        self.outbound.clear();
        self.stop_keepalive();
        self.end_write_window();
        self.deadlines.retire(Deadline::Write);
    }

    /// No ping is sent any more, and no pong or message waited for: the closing handshake has its own deadline. While our Close frame
    /// waits to leave, that deadline starts anew with progress. So the peer's messages keep their limits until then.
    pub(super) fn stop_keepalive(&mut self) {
        self.keepalive.stop(&mut self.deadlines);
        self.stop_receive_windows();
    }

    /// The deadline of the closing handshake has passed.
    #[cold]
    pub(super) fn close_overdue(&mut self, now: Instant) {
        match self.closing.overdue(&mut self.deadlines, now) {
            Overdue::Answer(frame) => {
                self.queue_close(frame, CloseAfter::Begun, now);
                self.finish_if_complete();
            }
            Overdue::Overtake(begin) if self.outbound.begun() <= begin => {
                let begin = self.send.overtake(&mut self.outbound, begin);
                self.closing.overtook(begin);
            }
            Overdue::Overtake(_) => {}
            Overdue::EndOfStream => self.drop_unsent(),
            Overdue::Missed => self.missed(Timeout::Close(self.deadlines.after(Deadline::Close).duration())),
        }
    }
}
