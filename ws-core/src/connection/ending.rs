//! The transitions of the closing handshake: one function for each input, and one for each report.

use core::mem;

use crate::close::{ABNORMAL, CloseFrame, Closed, Initiator};
use crate::deadlines::{Deadline, Deadlines};
use crate::error::{Error, Timeout, Violation};
use crate::machine::TransportError;
use crate::time::Instant;

use super::closing::{
    ClosePosition, Closing, Failure, Handshake, Local, Over, Read, Remote, Sent, StreamState, Write,
};

/// The next step when [`Deadline::Close`] has passed.
pub(super) enum Overdue {
    /// This answer overtakes messages that have not begun to leave.
    Answer(CloseFrame),
    /// The same for our Close frame that is queued at this position.
    Overtake(u64),
    /// Queued messages are dropped, and the end of the stream is reported.
    EndOfStream,
    /// The connection has ended.
    Missed,
}

/// Our direction.
impl Closing {
    /// Our Close frame was queued at this position, if it can be written (RFC 6455 §7.1.2).
    pub(super) fn queued(
        &mut self,
        frame: CloseFrame,
        position: Option<u64>,
        deadlines: &mut Deadlines,
        now: Instant,
    ) {
        let Some(Handshake { local, remote, stream }) = self.begin() else { return };
        let initiator = match (remote, stream) {
            (Remote::Open, StreamState::Up { read: Read::Open, .. }) => {
                deadlines.start(Deadline::Close, now);
                Initiator::Local
            }
            _ => Initiator::Remote,
        };
        let position = position.map_or(ClosePosition::Dropped, ClosePosition::Queued);
        *local = Local::Close(Sent { frame, initiator, is_late: local.is_late(), position });
    }

    /// Our Close frame has overtaken messages, and begins at this position.
    pub(super) fn overtook(&mut self, position: u64) {
        if let Some(Handshake { local: Local::Close(sent), .. }) = self.begun() {
            sent.position = ClosePosition::Queued(position);
        }
    }

    /// The transport has made progress. If nothing waits any more, our Close frame has left. Says whether that is news.
    #[inline]
    pub(super) fn wrote(&mut self, is_drained: bool, deadlines: &mut Deadlines, now: Instant) -> bool {
        self.begun().is_some_and(|handshake| handshake.wrote(is_drained, deadlines, now))
    }

    /// Nothing can be written any more. The peer's last frames may still come, and are waited for until the deadline.
    pub(super) fn write_failed(&mut self, error: TransportError, deadlines: &mut Deadlines, now: Instant) {
        let Some(Handshake { local, stream, .. }) = self.begin() else { return };
        match stream {
            StreamState::Up { write, .. } => {
                match write {
                    Write::Open => *write = Write::Ended(Some(error)),
                    Write::Ended(first) => _ = first.get_or_insert(error),
                }
                deadlines.start_once(Deadline::Close, now);
            }
            StreamState::Over(_, first) => _ = first.get_or_insert(error),
        }
        local.drop_queued();
    }
}

/// The peer's direction.
impl Closing {
    /// The peer's Close frame has come, with the read at this time.
    pub(super) fn received(&mut self, frame: CloseFrame, deadlines: &mut Deadlines, read_at: Instant) {
        let Some(Handshake { local, remote, stream }) = self.begin() else { return };
        *remote = Remote::Close(frame);
        match (local, stream) {
            // The deadline of our Close frame goes on.
            (Local::Close(_), _) | (_, StreamState::Over(..)) => {}
            _ => deadlines.start_or_advance(Deadline::Close, read_at),
        }
    }

    pub(super) fn eof(&mut self, deadlines: &mut Deadlines, now: Instant) {
        self.read_ended(Read::Eof, deadlines, now);
    }

    pub(super) fn read_failed(&mut self, error: TransportError, deadlines: &mut Deadlines, now: Instant) {
        self.read_ended(Read::Failed(error), deadlines, now);
    }

    fn read_ended(&mut self, end: Read, deadlines: &mut Deadlines, now: Instant) {
        let Some(Handshake { stream: StreamState::Up { read, .. }, .. }) = self.begin() else { return };
        if let Read::Open = read {
            *read = end;
        }
        deadlines.start_once(Deadline::Close, now);
    }

    /// The user has taken everything that came before the end of the stream, and asks for more. Says whether that is news.
    pub(super) fn take_end(&mut self, withholds: bool) -> bool {
        match self.begun() {
            Some(Handshake {
                local: local @ Local::Open,
                remote: Remote::Open,
                stream: StreamState::Up { read: Read::Eof | Read::Failed(_), .. },
            }) if !withholds => {
                *local = Local::Ended;
                true
            }
            _ => false,
        }
    }

    /// RFC 6455 §7.1.7: the peer broke the protocol. Our Close frame says so, unless one was sent before.
    pub(super) fn violated(&mut self) {
        self.fail_locally(None);
    }

    /// The peer's answer to our Close frame breaks a rule. It is an answer all the same.
    pub(super) fn answered_badly(&mut self, violation: Violation) {
        self.fail_locally(Some(violation));
    }

    fn fail_locally(&mut self, violation: Option<Violation>) {
        let Some(Handshake { local, remote, .. }) = self.begin() else { return };
        // The caller has queued our Close frame, if none was sent before.
        let code = match local {
            Local::Close(sent) => sent.frame.status(),
            _ => ABNORMAL,
        };
        *remote = Remote::Failed(Failure { code, initiator: Initiator::Local, violation });
    }
}

/// Both directions.
impl Closing {
    /// The peer missed a deadline.
    pub(super) fn missed(&mut self, timeout: Timeout, deadlines: &mut Deadlines) {
        deadlines.stop(Deadline::Close);
        if let Some(handshake) = self.begin() {
            handshake.be_over(Over::Missed(timeout));
        }
    }

    /// The user ends the connection at once. The peer is not told.
    pub(super) fn abort(&mut self, deadlines: &mut Deadlines) {
        deadlines.stop(Deadline::Close);
        let Some(handshake) = self.begin() else { return };
        let violation = match &mut handshake.remote {
            Remote::Failed(failure) => failure.violation.take(),
            _ => None,
        };
        handshake.remote = Remote::Failed(Failure { code: ABNORMAL, initiator: Initiator::Local, violation });
        handshake.be_over(Over::Aborted);
    }

    /// [`Deadline::Close`] has passed. Gives the next step, and starts the deadline of that step.
    pub(super) fn overdue(&mut self, deadlines: &mut Deadlines, now: Instant) -> Overdue {
        deadlines.stop(Deadline::Close);
        let Some(Handshake { local, remote, stream }) = self.begun() else { return Overdue::Missed };
        let StreamState::Up { read, write: write @ Write::Open } = stream else { return Overdue::Missed };
        let step = match (&*remote, &*local) {
            (Remote::Close(received), Local::Open | Local::Ended) => Overdue::Answer(received.clone()),
            (
                Remote::Close(_),
                Local::Close(Sent {
                    initiator: Initiator::Remote,
                    is_late: false,
                    position: ClosePosition::Queued(begin),
                    ..
                }),
            ) => Overdue::Overtake(*begin),
            (Remote::Open, _) if read.has_ended() => Overdue::EndOfStream,
            _ => return Overdue::Missed,
        };
        local.be_late();
        match step {
            Overdue::EndOfStream => {
                *write = Write::Ended(None);
                local.drop_queued();
            }
            _ => deadlines.start(Deadline::Close, now),
        }
        step
    }

    /// All that came was looked at. Gives the error with which the connection has failed, once. The caller drops queued bytes then.
    /// `is_drained` says that nothing waits to be written.
    pub(super) fn poll_error(&mut self, is_drained: bool, withholds: bool) -> Option<Error> {
        let Handshake { local, remote: remote @ Remote::Open, stream } = self.begun()? else {
            return None;
        };
        let (error, initiator) = match stream {
            StreamState::Over(Over::Missed(timeout @ Timeout::Close(_)), write_error) => {
                match write_error.take() {
                    Some(error) => broken(error),
                    None => (Error::Timeout(*timeout), Initiator::Local),
                }
            }
            StreamState::Over(Over::Missed(timeout), _) => (Error::Timeout(*timeout), Initiator::Local),
            // The user knows.
            StreamState::Over(Over::Aborted, _) => return None,
            StreamState::Up { read: Read::Open, .. } => return None,
            // A peer that ends its side of the stream may read on.
            StreamState::Up { read: Read::Eof, write: Write::Open } if !is_drained && !withholds => {
                return None;
            }
            StreamState::Up { read, write } => {
                let error = match (mem::replace(read, Read::Eof), &mut *write) {
                    (Read::Failed(error), _) => Some(error),
                    (_, Write::Ended(error)) => error.take(),
                    (_, Write::Open) => None,
                };
                *write = Write::Ended(None);
                error.map_or((Error::UnexpectedEof, Initiator::Remote), broken)
            }
        };
        // RFC 6455 §7.1.5: 1006 without a Close frame of the peer.
        let initiator = if local.is_initiator() { Initiator::Local } else { initiator };
        *remote = Remote::Failed(Failure { code: ABNORMAL, initiator, violation: None });
        local.drop_queued();
        Some(error)
    }

    /// Gives the end of the connection, once. `is_drained` says that nothing waits to be written.
    pub(super) fn poll_closed(
        &mut self,
        is_drained: bool,
        unsent: usize,
        deadlines: &mut Deadlines,
    ) -> Option<Closed> {
        let Handshake { local, remote, stream } = self.begun()?;
        let over = match stream {
            StreamState::Over(over, _) => Some(*over),
            // RFC 6455 §7.1.1: a connection is closed when the stream below has ended.
            StreamState::Up { read, .. } if read.has_ended() && is_drained => None,
            StreamState::Up { .. } => return None,
        };
        let closed = match (remote, local) {
            (Remote::Failed(failure), _) => {
                let violation = failure.violation.take();
                Closed { unsent, violation, ..Closed::abrupt(failure.code, failure.initiator) }
            }
            // RFC 6455 §7.1.5 and §7.1.6: the peer's Close frame gives the code and the reason.
            (Remote::Close(frame), Local::Close(sent)) => {
                let (code, reason) = mem::take(frame).into_status_and_reason();
                let clean = matches!(sent.position, ClosePosition::Left);
                Closed { reason, clean, unsent, ..Closed::abrupt(code, sent.initiator) }
            }
            (Remote::Close(frame), _) if over.is_some() => {
                let (code, reason) = mem::take(frame).into_status_and_reason();
                Closed { reason, unsent, ..Closed::abrupt(code, Initiator::Remote) }
            }
            _ => return None,
        };
        deadlines.stop(Deadline::Close);
        self.end(closed.clone(), over);
        Some(closed)
    }
}

/// The error of a transport that has failed, and the side that ended it.
fn broken(error: TransportError) -> (Error, Initiator) {
    let initiator = error.initiator();
    (Error::Transport(error), initiator)
}

impl Handshake {
    #[cold]
    fn wrote(&mut self, is_drained: bool, deadlines: &mut Deadlines, now: Instant) -> bool {
        let StreamState::Up { write: Write::Open, .. } = self.stream else { return false };
        let Local::Close(sent) = &mut self.local else { return false };
        let ClosePosition::Queued(_) = sent.position else { return false };
        if is_drained {
            sent.position = ClosePosition::Left;
        }
        if is_drained || sent.is_late || sent.initiator == Initiator::Local {
            deadlines.start(Deadline::Close, now);
        }
        is_drained
    }

    /// Nothing is read or written any more.
    fn be_over(&mut self, over: Over) {
        let error = match &mut self.stream {
            StreamState::Over(Over::Aborted, _) => return,
            StreamState::Over(Over::Missed(_), _) if over != Over::Aborted => return,
            StreamState::Over(_, error) | StreamState::Up { write: Write::Ended(error), .. } => error.take(),
            StreamState::Up { write: Write::Open, .. } => None,
        };
        self.stream = StreamState::Over(over, error);
        self.local.drop_queued();
    }
}
