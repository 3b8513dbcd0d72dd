//! The closing handshake (RFC 6455 §7) as a state machine.
//!
//! RFC 6455 §7.1.3 knows two facts: a Close frame was sent, and one was received. Each fact is an enum here, [`Local`] for our
//! direction and [`Remote`] for the peer's. [`StreamState`] is the stream below them (§7.1.1). `ending.rs` has one function for each
//! input.
//!
//! ```text
//!             close() §7.1.2, or the answer to the peer's Close §5.5.1         the transport takes its last byte
//!  Local     Open ────────────────────────────────────────────────▶ Close, Queued ────────────────────▶ Close, Left
//!             │                                                        ├─ Deadline::Close passes §5.5.1 ─▶ Close, Queued
//!             │                                                        └─ the write ends ─▶ Close, Dropped
//!             ├─ Deadline::Close passes §5.5.1 ─▶ Late ── the peer's Close is there ─▶ Close, Queued
//!             │                                    └───── the stream has ended ─▶ Late; a Close that is found ─▶ Close, Dropped
//!             ├─ the user takes the end of the stream ─▶ Ended ── Deadline::Close passes ─▶ Late
//!             └─ the write ends ─▶ Ended ── Deadline::Close passes ─▶ Ended, and Stream is Over
//!                                    └───── a Close ─▶ Close, Dropped
//!
//!             the peer's Close comes §7.1.3            abort()
//!  Remote    Open ──────────────────────────────▶ Close ───────▶ Failed
//!             ├─ a rule is broken §7.1.7, or abort() ───────────▶ Failed
//!             └─ the end of the stream or a missed deadline is reported, and no Close came ─▶ Failed
//!
//!             both directions end by themselves
//!  Stream    Up ── a deadline is missed, or abort() ──▶ Over
//!   Read     Open ── the stream ends ─▶ Eof
//!             └───── reading fails ───▶ Failed ── it is reported ─▶ Eof
//!   Write    Open ── writing fails, Deadline::Close passes after the end of the stream, or that end is reported ─▶ Ended
//!             the write ends: Write is Ended, or Stream is Over
//!
//!  State     Closing ── the stream has ended, nothing waits to be written, and
//!             │         Remote is Failed, or Remote and Local are Close §7.1.4 ──▶ Closed
//!             └──────── the stream is Over, and Remote is Failed or Close ───────▶ Closed
//! ```
//!
//! [`Deadline::Close`] runs from one step to the next:
//!
//! ```text
//!  we begin:        close() ── our Close leaves ── the peer's Close comes ── end of stream
//!                   runs, anew with progress    runs, to the end of the stream
//!
//!  the peer begins: its Close comes ── the user takes it: our Close is queued ── it leaves ── end of stream
//!                   runs ─ when it passes, our Close overtakes queued messages: runs, anew with progress ─ runs
//!
//!  or just ends:    end of stream ── the user takes it ── queued messages have left
//!                   runs ─ when it passes, queued messages are dropped
//! ```

mod directions;

use alloc::boxed::Box;

use crate::close::{CloseFrame, Closed, Initiator};
#[cfg(doc)]
use crate::deadlines::Deadline;
use crate::error::{Error, Timeout, Violation};
use crate::machine::TransportError;
use crate::trace::ErrorText;

/// The state of the closing handshake, which an open connection does not have.
#[derive(Default)]
pub(super) struct Closing(Option<Box<Ending>>);

#[derive(Default)]
struct Ending {
    state: State,
    /// A failure that is reported when the connection has ended.
    held_back: Option<Error>,
    /// The failure, for traces.
    error: ErrorText,
}

enum State {
    /// RFC 6455 §7.1.3: the CLOSING state.
    Closing(Handshake),
    /// RFC 6455 §7.1.4: the CLOSED state.
    Closed { closed: Closed, over: Option<Over> },
}

#[derive(Default)]
pub(super) struct Handshake {
    pub(super) local: Local,
    pub(super) remote: Remote,
    pub(super) stream: StreamState,
}

/// Our direction.
#[derive(Default)]
pub(super) enum Local {
    /// Messages are accepted. Invariant: bytes can be written.
    #[default]
    Open,
    /// No Close frame is queued, and messages are refused: the user has taken the end of the stream, or nothing can be written.
    Ended,
    /// `close_timeout` has passed since the peer has sent its Close frame or has ended the stream.
    Late,
    /// RFC 6455 §5.5.1: no data follows our Close frame.
    Close(Sent),
}

/// Our Close frame.
pub(super) struct Sent {
    pub(super) frame: CloseFrame,
    /// The side that began. The peer began if its Close frame or the end of the stream was there before.
    pub(super) initiator: Initiator,
    /// As for [`Local::Late`].
    pub(super) is_late: bool,
    pub(super) position: ClosePosition,
}

/// The position of our Close frame in the stream.
#[derive(Clone, Copy)]
pub(super) enum ClosePosition {
    /// It begins at this position.
    Queued(u64),
    /// The transport has taken its last byte.
    Left,
    /// Nothing could be written any more before all of it had left.
    Dropped,
}

/// The peer's direction.
#[derive(Default)]
pub(super) enum Remote {
    /// Frames are looked at.
    #[default]
    Open,
    /// RFC 6455 §5.5.1: nothing that follows the peer's Close frame is looked at.
    Close(CloseFrame),
    /// RFC 6455 §7.1.7: the connection has failed, and nothing that comes is looked at.
    Failed(Failure),
}

/// The end of a connection that fails.
pub(super) struct Failure {
    pub(super) code: u16,
    pub(super) initiator: Initiator,
    /// The rule that the peer's answer to our Close frame breaks.
    pub(super) violation: Option<Violation>,
}

/// The stream below.
pub(super) enum StreamState {
    Up {
        read: Read,
        write: Write,
    },
    /// Nothing is read or written any more. A failed write that was not reported explains a missed `close_timeout`.
    Over(Over, Option<TransportError>),
}

pub(super) enum Read {
    Open,
    Eof,
    Failed(TransportError),
}

pub(super) enum Write {
    Open,
    /// Queued messages were dropped. The error of the transport, until it is reported.
    Ended(Option<TransportError>),
}

/// The cause that ends a transport before its stream has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Missed(Timeout),
    Aborted,
}

impl Default for State {
    fn default() -> Self {
        Self::Closing(Handshake::default())
    }
}

impl State {
    fn handshake_mut(&mut self) -> Option<&mut Handshake> {
        match self {
            Self::Closing(handshake) => Some(handshake),
            Self::Closed { .. } => None,
        }
    }
}

impl Default for StreamState {
    fn default() -> Self {
        Self::Up { read: Read::Open, write: Write::Open }
    }
}

/// The questions that each message asks. The answers for an open connection are inlined.
impl Closing {
    /// Whether anything is known of an end.
    #[inline]
    pub(super) fn has_begun(&self) -> bool {
        self.0.is_some()
    }

    /// Whether frames are looked at. Frames that came before a missed deadline are: the peer's Close frame may be among them.
    #[inline]
    pub(super) fn is_receiving(&self) -> bool {
        self.0.as_deref().is_none_or(Ending::is_receiving)
    }

    /// Whether messages are accepted. A connection that withholds accepts none after the end of the stream.
    #[inline]
    pub(super) fn is_open(&self, withholds: bool) -> bool {
        self.0.as_deref().is_none_or(|ending| ending.is_open(withholds))
    }

    /// Whether bytes can be written.
    #[inline]
    pub(super) fn can_write(&self) -> bool {
        self.0.as_deref().is_none_or(Ending::can_write)
    }

    /// Whether the transport is to be reset. After a missed `close_timeout`, the system may still deliver the rest. A client that
    /// reconnects resets the transport then, too.
    #[inline]
    pub(super) fn resets(&self) -> bool {
        let over = self.0.as_deref().and_then(Ending::over);
        over.is_some_and(|over| !matches!(over, Over::Missed(Timeout::Close(_))))
    }

    /// Whether the end of the connection may be reported.
    #[inline]
    pub(super) fn may_end(&self, withholds: bool) -> bool {
        self.0.as_deref().is_some_and(|ending| ending.may_end(withholds))
    }
}

impl Closing {
    fn handshake(&self) -> Option<&Handshake> {
        self.0.as_deref()?.handshake()
    }

    /// The handshake, which begins with this call. `None` if the connection has ended.
    pub(super) fn begin(&mut self) -> Option<&mut Handshake> {
        self.0.get_or_insert_default().state.handshake_mut()
    }

    /// The handshake, if it has begun and the connection has not ended.
    #[inline]
    pub(super) fn begun(&mut self) -> Option<&mut Handshake> {
        self.0.as_deref_mut()?.state.handshake_mut()
    }

    /// The connection has failed. With each failure, the handshake has begun.
    pub(super) fn trace_failure(&mut self, failure: &Error) {
        if let Some(ending) = self.0.as_deref_mut() {
            ending.error.set(failure);
        }
    }

    /// The failure, for traces.
    pub(super) fn error_text(&self) -> Option<&ErrorText> {
        Some(&self.0.as_deref()?.error)
    }

    /// The connection has ended.
    pub(super) fn end(&mut self, closed: Closed, over: Option<Over>) {
        if let Some(ending) = self.0.as_deref_mut() {
            ending.state = State::Closed { closed, over };
        }
    }

    /// Whether a deadline was missed or the user has aborted, so that nothing is read any more.
    pub(super) fn has_missed(&self) -> bool {
        self.0.as_deref().is_some_and(|ending| ending.over().is_some())
    }

    /// Whether messages are refused because the time for replies has passed.
    pub(super) fn is_too_late(&self) -> bool {
        self.handshake().is_some_and(|handshake| handshake.local.is_late())
    }

    pub(super) fn has_sent(&self) -> bool {
        matches!(self.handshake(), Some(Handshake { local: Local::Close(_), .. }))
    }

    /// RFC 6455 §7.1.4: whether both Close frames are there.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.handshake(), Some(Handshake { local: Local::Close(_), remote: Remote::Close(_), .. }))
    }

    /// The peer's Close frame, if it is not answered.
    pub(super) fn unanswered(&self) -> Option<&CloseFrame> {
        match self.handshake()? {
            Handshake { local: Local::Close(_), .. } => None,
            Handshake { remote: Remote::Close(frame), .. } => Some(frame),
            _ => None,
        }
    }

    pub(super) fn closed(&self) -> Option<&Closed> {
        match &self.0.as_deref()?.state {
            State::Closing(_) => None,
            State::Closed { closed, .. } => Some(closed),
        }
    }

    /// Keeps a failure for a user who learns it when the connection has ended. With each failure, the handshake has begun.
    pub(super) fn hold_back(&mut self, failure: Error) {
        if let Some(ending) = self.0.as_deref_mut() {
            ending.held_back = Some(failure);
        }
    }

    #[inline]
    pub(super) fn take_failure(&mut self) -> Option<Error> {
        self.0.as_mut()?.held_back.take()
    }
}

/// An open connection does not come here, so that this code is kept out of the way of messages.
impl Ending {
    fn handshake(&self) -> Option<&Handshake> {
        match &self.state {
            State::Closing(handshake) => Some(handshake),
            State::Closed { .. } => None,
        }
    }

    #[cold]
    fn is_receiving(&self) -> bool {
        matches!(self.handshake(), Some(Handshake { remote: Remote::Open, .. }))
    }

    #[cold]
    fn is_open(&self, withholds: bool) -> bool {
        match self.handshake() {
            Some(Handshake { local: Local::Open, stream: StreamState::Up { read, .. }, .. }) => {
                !read.has_ended() || !withholds
            }
            _ => false,
        }
    }

    #[cold]
    fn can_write(&self) -> bool {
        let stream = self.handshake().map(|handshake| &handshake.stream);
        matches!(stream, Some(StreamState::Up { write: Write::Open, .. }))
    }

    /// The end of the stream is not reported while the user may still send replies.
    #[cold]
    fn may_end(&self, withholds: bool) -> bool {
        match self.handshake() {
            Some(Handshake { stream: StreamState::Over(..), .. }) => true,
            Some(Handshake { stream: StreamState::Up { read, .. }, .. }) => {
                read.has_ended() && !self.is_open(withholds)
            }
            None => false,
        }
    }

    #[cold]
    fn over(&self) -> Option<Over> {
        match &self.state {
            State::Closing(Handshake { stream: StreamState::Over(over, _), .. }) => Some(*over),
            State::Closing(_) => None,
            State::Closed { over, .. } => *over,
        }
    }
}
