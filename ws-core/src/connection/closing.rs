//! How a connection ends (RFC 6455 §7).

use alloc::boxed::Box;
use core::time::Duration;

use crate::close::{ABNORMAL, CloseFrame, Closed, Side};
use crate::error::{Error, Timeout};
use crate::machine::Broken;
use crate::time::{Instant, Span};

/// What is known about the end: nothing, for as long as the connection is open.
pub(super) struct Closing {
    timeout: Span,
    ending: Option<Box<Ending>>,
}

/// Two facts make a clean end, a Close frame sent and one received; everything else is a way in which it can fail.
#[derive(Default)]
struct Ending {
    sent: Option<Sent>,
    received: Option<CloseFrame>,
    /// Whether and how the stream has ended.
    read: Option<ReadEnd>,
    /// The transport takes nothing any more.
    write_error: Option<Broken>,
    /// A deadline that the peer missed.
    missed: Option<Timeout>,
    /// The error was reported: with which code, and by whom the connection was broken.
    failed: Option<(u16, Side)>,
    deadline: Option<Instant>,
    /// No deadline is later.
    end_by: Option<Instant>,
    closed: Option<Closed>,
    /// What went wrong, held back until the connection has ended.
    held_back: Option<Error>,
}

/// Our Close frame.
struct Sent {
    /// Whether we began; else it is an answer.
    initiated: bool,
    /// Whether the transport has taken its last byte.
    left: bool,
}

enum ReadEnd {
    Eof,
    Error(Broken),
}

impl Closing {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout: timeout.into(), ending: None }
    }

    fn ending(&mut self) -> &mut Ending {
        self.ending.get_or_insert_default()
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
        self.ending.as_deref().is_none_or(Ending::is_open)
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

    /// No deadline is later than this.
    pub(super) fn end_by(&mut self, deadline: Instant) {
        self.ending().end_by = Some(deadline);
    }

    /// Our Close frame was queued.
    pub(super) fn queued(&mut self, initiated: bool, now: Instant) {
        let deadline = now + self.timeout;
        let ending = self.ending();
        ending.sent = Some(Sent { initiated, left: false });
        ending.deadline = Some(deadline);
    }

    /// Everything that was queued has left, unless it was dropped because nothing can leave any more.
    #[inline]
    pub(super) fn all_written(&mut self, now: Instant) {
        if let Some(ending) = &mut self.ending {
            ending.all_written(now + self.timeout);
        }
    }

    pub(super) fn received(&mut self, frame: CloseFrame) {
        self.ending().received = Some(frame);
    }

    pub(super) fn eof(&mut self) {
        self.ending().read.get_or_insert(ReadEnd::Eof);
    }

    pub(super) fn read_failed(&mut self, error: Broken) {
        self.ending().read.get_or_insert(ReadEnd::Error(error));
    }

    /// Nothing can be written any more. What the peer said may still be on its way, but is not waited for for ever.
    pub(super) fn write_failed(&mut self, error: Broken, now: Instant) {
        let deadline = now + self.timeout;
        let ending = self.ending();
        ending.write_error.get_or_insert(error);
        ending.deadline.get_or_insert(deadline);
    }

    /// The peer missed a deadline.
    pub(super) fn missed(&mut self, timeout: Timeout) {
        let ending = self.ending();
        ending.missed.get_or_insert(timeout);
        ending.deadline = None;
    }

    /// We end it at once, without telling the peer.
    pub(super) fn abort(&mut self) {
        if self.closed().is_none() {
            self.ending().failed = Some((ABNORMAL, Side::Us));
            self.missed(Timeout::Close);
        }
    }

    /// Whether the deadline has passed.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// The peer broke the protocol: the code that it is told.
    pub(super) fn violated(&mut self, code: u16) {
        self.ending().failed = Some((code, Side::Us));
    }

    /// Whether there is anything that can end the connection.
    #[inline]
    pub(super) fn may_end(&self) -> bool {
        self.ending.as_deref().is_some_and(Ending::may_end)
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

    /// Everything that came was looked at. Has the connection failed? Reported once.
    pub(super) fn poll_error(&mut self) -> Option<Error> {
        let ending = self.ending.as_mut()?;
        if ending.received.is_some() || ending.failed.is_some() {
            return None;
        }
        let write_error = |ending: &mut Ending| ending.write_error.take().map(Error::Transport);
        let (error, side) = match (ending.missed, ending.read.take()) {
            (Some(Timeout::Close), _) => {
                (write_error(ending).unwrap_or(Error::Timeout(Timeout::Close)), Side::Us)
            }
            (Some(timeout), _) => (Error::Timeout(timeout), Side::Us),
            (None, Some(end)) => {
                ending.read = Some(ReadEnd::Eof);
                let error = match end {
                    ReadEnd::Eof => write_error(ending).unwrap_or(Error::UnexpectedEof),
                    ReadEnd::Error(error) => Error::Transport(error),
                };
                (error, Side::Peer)
            }
            (None, None) => return None,
        };
        let side = if ending.sent.as_ref().is_some_and(|sent| sent.initiated) { Side::Us } else { side };
        ending.failed = Some((ABNORMAL, side));
        Some(error)
    }

    /// Has the connection ended? `is_drained` says that nothing waits to be written. Reported once.
    pub(super) fn poll_closed(&mut self, is_drained: bool, unsent: usize) -> Option<Closed> {
        let ending = self.ending.as_mut()?;
        let ended =
            ending.missed.is_some() || (ending.read.is_some() && (is_drained || ending.sent.is_none()));
        if !ended || ending.closed.is_some() {
            return None;
        }
        let closed = match ending.failed {
            Some((code, by)) => Closed { code, reason: "".into(), by, clean: false, unsent },
            None => {
                let (code, reason) = ending.received.clone().unwrap_or_default().into_status_and_reason();
                let sent = ending.sent.as_ref();
                Closed {
                    code,
                    reason,
                    by: if sent.is_some_and(|sent| sent.initiated) { Side::Us } else { Side::Peer },
                    clean: sent.is_some_and(|sent| sent.left),
                    unsent,
                }
            }
        };
        ending.closed = Some(closed.clone());
        Some(closed)
    }
}

/// What is asked for each message: of an open connection not here, so that it is kept out of the way of messages.
impl Ending {
    #[cold]
    fn is_receiving(&self) -> bool {
        // A connection that has ended has received a Close frame or failed.
        self.received.is_none() && self.failed.is_none()
    }

    #[cold]
    fn is_open(&self) -> bool {
        self.sent.is_none()
            && self.read.is_none()
            && self.write_error.is_none()
            && self.failed.is_none()
            && self.missed.is_none()
    }

    #[cold]
    fn can_write(&self) -> bool {
        self.write_error.is_none() && self.missed.is_none()
    }

    #[cold]
    fn may_end(&self) -> bool {
        self.missed.is_some() || self.read.is_some()
    }

    #[cold]
    fn deadline(&self) -> Option<Instant> {
        let deadline = self.deadline.filter(|_| self.closed.is_none())?;
        Some(self.end_by.map_or(deadline, |end_by| end_by.min(deadline)))
    }

    #[cold]
    fn all_written(&mut self, deadline: Instant) {
        if !self.can_write() {
            return;
        }
        if let Some(sent) = self.sent.as_mut().filter(|sent| !sent.left) {
            sent.left = true;
            self.deadline = Some(deadline);
        }
    }
}
