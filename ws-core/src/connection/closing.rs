//! How a connection ends (RFC 6455 §7).

use alloc::boxed::Box;
use core::time::Duration;

use crate::close::{ABNORMAL, CloseFrame, Closed, Initiator};
use crate::error::{Error, Timeout, Violation};
use crate::machine::TransportError;
use crate::time::{Instant, Span};

use super::ending::{Ending, ReadEnd, Replies, Sent};

/// What is known about the end: nothing, for as long as the connection is open.
pub(super) struct Closing {
    timeout: Span,
    /// Messages that have not begun to leave when the peer ends are not sent.
    withholds: bool,
    /// The peer's Close frame is not answered when the user takes it, but when the caller says so.
    waits_to_answer: bool,
    ending: Option<Box<Ending>>,
}

/// What happens when the deadline passes.
pub(super) enum Overdue {
    /// Our Close frame, which this is, overtakes what has not begun to leave. If it was queued already, it begins here.
    Hurry(CloseFrame, Option<u64>),
    /// What waits is dropped, and the end of the stream reported.
    EndOfStream,
    /// The connection has ended.
    Missed,
}

impl Closing {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout: timeout.into(), withholds: false, waits_to_answer: false, ending: None }
    }

    fn ending(&mut self) -> &mut Ending {
        self.ending.get_or_insert_default()
    }

    pub(super) fn withhold(&mut self, withholds: bool) {
        self.withholds = withholds;
    }

    pub(super) fn wait_to_answer(&mut self) {
        self.waits_to_answer = true;
    }

    pub(super) fn waits_to_answer(&self) -> bool {
        self.waits_to_answer
    }

    pub(super) fn withholds(&self) -> bool {
        self.withholds
    }

    /// Whether anything is known of an end.
    #[inline]
    pub(super) fn has_begun(&self) -> bool {
        self.ending.is_some()
    }

    /// Whether frames that came in still mean something. What came before a missed deadline does: the peer's Close may
    /// be among it.
    #[inline]
    pub(super) fn is_receiving(&self) -> bool {
        self.ending.as_deref().is_none_or(Ending::is_receiving)
    }

    /// Whether a deadline has passed, so that nothing is read any more.
    pub(super) fn has_missed(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.missed.is_some())
    }

    /// Whether data may still be sent.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.ending.as_deref().is_none_or(|ending| ending.is_open(self.withholds))
    }

    /// Whether data is refused because the time for replies has passed.
    pub(super) fn is_too_late(&self) -> bool {
        let is_too_late = |ending: &Ending| {
            matches!(ending.replies, Replies::TooLate | Replies::Dropped) && ending.closed.is_none()
        };
        self.ending.as_deref().is_some_and(is_too_late)
    }

    pub(super) fn has_sent(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.sent.is_some())
    }

    #[inline]
    pub(super) fn can_write(&self) -> bool {
        self.ending.as_deref().is_none_or(Ending::can_write)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.sent.is_some() && ending.received.is_some())
    }

    pub(super) fn closed(&self) -> Option<&Closed> {
        self.ending.as_ref()?.closed.as_ref()
    }

    #[inline]
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.ending.as_deref()?.deadline()
    }

    /// Our Close frame was queued, at this place in the stream.
    pub(super) fn queued(&mut self, frame: CloseFrame, begin: u64, now: Instant) {
        let deadline = now + self.timeout;
        let ending = self.ending();
        let initiated = ending.received.is_none() && ending.read.is_none();
        ending.sent = Some(Sent { frame, initiated, begin, left: false });
        if initiated {
            ending.deadline = Some(deadline);
        }
    }

    /// The transport has made progress. If nothing waits any more, our Close frame has left, unless it was dropped because nothing
    /// can leave any more.
    #[inline]
    pub(super) fn wrote(&mut self, is_drained: bool, now: Instant) {
        if let Some(ending) = &mut self.ending {
            ending.wrote(is_drained, now + self.timeout);
        }
    }

    /// The peer's Close frame has come, with the read at this time.
    pub(super) fn received(&mut self, frame: CloseFrame, read_at: Instant) {
        let deadline = read_at + self.timeout;
        let ending = self.ending();
        ending.received = Some(frame);
        if ending.sent.is_none() {
            ending.deadline = Some(ending.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
        }
    }

    /// The peer's Close frame, if it is not answered.
    pub(super) fn unanswered(&self) -> Option<&CloseFrame> {
        let ending = self.ending.as_ref()?;
        ending.received.as_ref().filter(|_| ending.sent.is_none())
    }

    pub(super) fn eof(&mut self, now: Instant) {
        self.read_ended(ReadEnd::Eof, now);
    }

    pub(super) fn read_failed(&mut self, error: TransportError, now: Instant) {
        self.read_ended(ReadEnd::Error(error), now);
    }

    fn read_ended(&mut self, end: ReadEnd, now: Instant) {
        let deadline = now + self.timeout;
        let ending = self.ending();
        ending.read.get_or_insert(end);
        ending.limit(deadline);
    }

    /// The user has taken everything that came before the end of the stream, and asks for more. Says whether that is news.
    pub(super) fn take_end(&mut self) -> bool {
        let withholds = self.withholds;
        let Some(ending) = self.ending.as_deref_mut() else { return false };
        let is_news = ending.holds_end(withholds) && ending.received.is_none();
        if is_news {
            ending.replies = Replies::Ended;
        }
        is_news
    }

    /// Nothing can be written any more. What the peer said may still be on its way, but is not waited for for ever.
    pub(super) fn write_failed(&mut self, error: TransportError, now: Instant) {
        let deadline = now + self.timeout;
        let ending = self.ending();
        ending.write_error.get_or_insert(error);
        ending.limit(deadline);
    }

    /// The peer missed a deadline.
    pub(super) fn missed(&mut self, timeout: Timeout) {
        let ending = self.ending();
        ending.missed.get_or_insert(timeout);
        ending.deadline = None;
        // After a missed `close_timeout`, the system may still deliver the rest. A client that reconnects resets the transport then, too.
        ending.resets |= timeout != Timeout::Close;
    }

    /// We end it at once, without telling the peer.
    pub(super) fn abort(&mut self) {
        if self.closed().is_none() {
            self.ending().failed = Some((ABNORMAL, Initiator::Local));
            self.missed(Timeout::Close);
            self.ending().resets = true;
        }
    }

    /// Whether the transport is to be reset.
    #[inline]
    pub(super) fn resets(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.resets)
    }

    /// Whether the deadline has passed.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// The deadline has passed: what is to be done. The next one is set.
    pub(super) fn overdue(&mut self, now: Instant) -> Overdue {
        let deadline = now + self.timeout;
        let ending = self.ending();
        if !ending.can_write() {
            return Overdue::Missed;
        }
        let sent = ending.sent.as_ref();
        match &ending.received {
            Some(received)
                if ending.replies != Replies::TooLate
                    && sent.is_none_or(|sent| !sent.initiated && !sent.left) =>
            {
                ending.replies = Replies::TooLate;
                ending.deadline = Some(deadline);
                Overdue::Hurry(sent.map_or(received, |sent| &sent.frame).clone(), sent.map(|sent| sent.begin))
            }
            None if ending.read.is_some() && ending.failed.is_none() => {
                ending.replies = Replies::Dropped;
                ending.deadline = None;
                Overdue::EndOfStream
            }
            _ => Overdue::Missed,
        }
    }

    /// The peer broke the protocol. It is told so, unless our Close frame was sent before.
    pub(super) fn violated(&mut self) {
        let ending = self.ending();
        let code = ending.sent.as_ref().map_or(ABNORMAL, |sent| sent.frame.status());
        ending.failed = Some((code, Initiator::Local));
    }

    /// The peer's answer to our Close frame breaks a rule. It is an answer all the same.
    pub(super) fn answered_badly(&mut self, violation: Violation) {
        self.violated();
        self.ending().broken_answer = Some(violation);
    }

    /// Whether there is anything that can end the connection.
    #[inline]
    pub(super) fn may_end(&self) -> bool {
        self.ending.as_deref().is_some_and(|ending| ending.may_end(self.withholds))
    }

    /// Keeps what went wrong for a user who is to learn it when the connection has ended.
    pub(super) fn hold_back(&mut self, failure: Error) {
        self.ending().held_back = Some(failure);
    }

    /// What was held back.
    #[inline]
    pub(super) fn take_failure(&mut self) -> Option<Error> {
        self.ending.as_mut()?.held_back.take()
    }

    /// Everything that came was looked at. Has the connection failed? Reported once. `is_drained` says that nothing waits to be
    /// written.
    pub(super) fn poll_error(&mut self, is_drained: bool) -> Option<Error> {
        let waits_for_replies = !is_drained && !self.withholds;
        let ending = self.ending.as_mut()?;
        if ending.received.is_some() || ending.failed.is_some() {
            return None;
        }
        let is_stream_over = match &ending.read {
            // A peer that ends its side of the stream may read on.
            Some(ReadEnd::Eof) => !waits_for_replies || !ending.can_write(),
            Some(ReadEnd::Error(_)) => true,
            None => false,
        };
        let write_error = |ending: &mut Ending| ending.write_error.take().map(Error::Transport);
        let (error, side) = match ending.missed {
            Some(Timeout::Close) => match write_error(ending) {
                Some(error) => (error, Initiator::Remote),
                None => (Error::Timeout(Timeout::Close), Initiator::Local),
            },
            Some(timeout) => (Error::Timeout(timeout), Initiator::Local),
            None if is_stream_over => {
                let error = match ending.read.replace(ReadEnd::Eof) {
                    Some(ReadEnd::Error(error)) => Error::Transport(error),
                    _ => write_error(ending).unwrap_or(Error::UnexpectedEof),
                };
                (error, Initiator::Remote)
            }
            None => return None,
        };
        let side =
            if ending.sent.as_ref().is_some_and(|sent| sent.initiated) { Initiator::Local } else { side };
        ending.failed = Some((ABNORMAL, side));
        Some(error)
    }

    /// Has the connection ended? `is_drained` says that nothing waits to be written. Reported once.
    pub(super) fn poll_closed(&mut self, is_drained: bool, unsent: usize) -> Option<Closed> {
        let ending = self.ending.as_mut()?;
        let is_judged = ending.failed.is_some() || (ending.received.is_some() && ending.sent.is_some());
        let has_ended = ending.missed.is_some() || (ending.read.is_some() && is_drained && is_judged);
        if !has_ended || ending.closed.is_some() {
            return None;
        }
        let closed = match ending.failed {
            Some((code, by)) => Closed { unsent, ..Closed::abrupt(code, by) },
            None => {
                let (code, reason) = ending.received.clone().unwrap_or_default().into_status_and_reason();
                let sent = ending.sent.as_ref();
                let by = if sent.is_some_and(|sent| sent.initiated) {
                    Initiator::Local
                } else {
                    Initiator::Remote
                };
                let clean = sent.is_some_and(|sent| sent.left);
                Closed { reason, clean, unsent, ..Closed::abrupt(code, by) }
            }
        };
        let closed = Closed { violation: ending.broken_answer.take(), ..closed };
        ending.closed = Some(closed.clone());
        Some(closed)
    }
}
