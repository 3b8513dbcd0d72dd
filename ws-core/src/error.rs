//! How an open connection fails.

use alloc::boxed::Box;
use core::fmt;

use crate::close::{CloseCode, IllegalClose};
use crate::machine::TransportError;
use crate::message::Message;

/// Why a connection failed. It is reported once; [`Event::Closed`](crate::Event::Closed) follows.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke the protocol, and was told so in a Close frame.
    Violation(Violation),
    /// The stream ended without a Close frame.
    UnexpectedEof,
    /// The peer missed a deadline.
    Timeout(Timeout),
    /// The transport failed.
    Transport(TransportError),
    /// The connection ended in order, within a message that was being received in chunks. What says so is who hands out the
    /// chunks, not the connection.
    Unfinished,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(violation) => violation.fmt(f),
            Self::UnexpectedEof => f.write_str("the peer ended the stream without a Close frame"),
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Transport(broken) => broken.fmt(f),
            Self::Unfinished => f.write_str("the connection was closed before the end of the message"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Transport(broken) => core::error::Error::source(broken),
            Self::Violation(_) | Self::UnexpectedEof | Self::Timeout(_) | Self::Unfinished => None,
        }
    }
}

/// A deadline that the peer missed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timeout {
    /// Nothing came within `pong_timeout` after a ping had left.
    Pong,
    /// The transport took nothing for `write_timeout`.
    Write,
    /// The peer did not finish the closing handshake within `close_timeout`.
    Close,
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pong => "the peer did not answer a ping in time, nor send anything else",
            Self::Write => "the peer has taken nothing of what is to be sent for too long",
            Self::Close => "the peer did not finish the closing handshake in time",
        })
    }
}

/// What the peer did that RFC 6455 or a limit forbids, and where.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Violation {
    /// What it did.
    pub kind: ViolationKind,
    /// The position of the frame in what came since the opening handshake, in bytes; for invalid UTF-8, of the byte
    /// that makes it invalid, unless the message is compressed.
    pub offset: u64,
    close: Option<Box<IllegalClose>>,
}

impl Violation {
    pub(crate) fn new(kind: ViolationKind, offset: u64) -> Self {
        Self { kind, offset, close: None }
    }

    pub(crate) fn in_close(mut self, close: IllegalClose) -> Self {
        self.close = Some(Box::new(close));
        self
    }

    /// What the kind does not tell of the Close frame.
    pub(crate) fn write_close(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.close(), self.kind) {
            (None, _) => Ok(()),
            (Some(close), ViolationKind::CloseCode(_)) if close.reason.is_empty() => Ok(()),
            (Some(close), ViolationKind::CloseCode(_)) => write!(f, ", with the reason {:?}", &*close.reason),
            (Some(close), _) => write!(f, ", in {close}"),
        }
    }

    /// The code and the readable part of the reason, if the frame is a Close frame with an illegal code or an illegal reason.
    pub fn close(&self) -> Option<&IllegalClose> {
        self.close.as_deref()
    }

    /// The code of the Close frame that answers it.
    pub fn code(&self) -> CloseCode {
        match self.kind {
            ViolationKind::InvalidUtf8
            | ViolationKind::InvalidDeflate
            | ViolationKind::UnconfirmedDeflate => CloseCode::INVALID_DATA,
            ViolationKind::MessageTooBig(_) => CloseCode::TOO_BIG,
            ViolationKind::TooManyFragments => CloseCode::POLICY,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer sent {} at byte {}", self.kind, self.offset)?;
        self.write_close(f)?;
        write!(f, "; closed with code {}", self.code())
    }
}

impl core::error::Error for Violation {}

/// The rules that a peer can break.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ViolationKind {
    /// A reserved bit that no negotiated extension gives a meaning (RFC 6455 §5.2).
    ReservedBits,
    /// A reserved opcode (§5.2).
    ReservedOpcode(u8),
    /// A control frame without FIN (§5.5).
    FragmentedControl,
    /// A control frame of more than 125 bytes (§5.5).
    ControlTooLong,
    /// A masked frame from a server (§5.1).
    Masked,
    /// An unmasked frame from a client (§5.1).
    Unmasked,
    /// A payload length that is not in its shortest form (§5.2).
    LengthNotMinimal,
    /// A payload length with the most significant bit set (§5.2).
    LengthTooLarge,
    /// A continuation frame without a message to continue (§5.4).
    UnexpectedContinuation,
    /// A new data frame inside a fragmented message (§5.4).
    UnfinishedMessage,
    /// Text or a close reason that is not UTF-8 (§8.1).
    InvalidUtf8,
    /// A compressed message that does not inflate, or does not end where a block of DEFLATE ends (RFC 7692 §7.2.2).
    InvalidDeflate,
    /// A Close frame with a payload of one byte (§5.5.1).
    CloseTooShort,
    /// A close code that may not be on the wire (§7.4).
    CloseCode(u16),
    /// A message of at least this many bytes, which is over `max_message_size`.
    MessageTooBig(u64),
    /// A message of more fragments than `max_fragments`.
    TooManyFragments,
    /// The same as `InvalidDeflate`, from a server that did not confirm the `server_max_window_bits` or the
    /// `server_no_context_takeover` that the client had asked for.
    UnconfirmedDeflate,
}

impl fmt::Display for ViolationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits => f.write_str("a frame with a reserved bit set"),
            Self::ReservedOpcode(opcode) => write!(f, "a frame with the reserved opcode {opcode:#x}"),
            Self::FragmentedControl => f.write_str("a fragmented control frame"),
            Self::ControlTooLong => f.write_str("a control frame of more than 125 bytes"),
            Self::Masked => f.write_str("a masked frame, which a server may not"),
            Self::Unmasked => f.write_str("an unmasked frame, which a client may not"),
            Self::LengthNotMinimal => f.write_str("a payload length that is not in its shortest form"),
            Self::LengthTooLarge => f.write_str("a payload length over 2^63-1"),
            Self::UnexpectedContinuation => f.write_str("a continuation frame outside a message"),
            Self::UnfinishedMessage => f.write_str("a new message inside a fragmented one"),
            Self::InvalidUtf8 => f.write_str("text that is not UTF-8"),
            Self::InvalidDeflate => f.write_str("a compressed message that does not inflate"),
            Self::CloseTooShort => f.write_str("a Close frame with half a code"),
            Self::CloseCode(code) => write!(f, "the close code {code}, which may not be sent"),
            Self::MessageTooBig(size) => write!(f, "a message of {size} bytes or more, over the limit"),
            Self::TooManyFragments => f.write_str("a message in too many fragments"),
            Self::UnconfirmedDeflate => f.write_str(
                "a compressed message that does not inflate, after it had not confirmed the \
                 server_max_window_bits or server_no_context_takeover that was asked for,",
            ),
        }
    }
}

const TOO_LATE: &str =
    "the peer has closed, and close_timeout for replies has passed; receive to learn why it has closed";

const WITHIN_HOOK: &str =
    "a hook of the client cannot wait for the same client; use a call that does not wait";

/// Why a message was not sent. It hands the message back if it was not accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SendError {
    /// So much waits already that the mark (`max_send_buffer`) is reached. Wait for room, and try again.
    Full(Message),
    /// The connection is closing or closed. `None` if the message was accepted, and lost with the connection.
    Closed(Option<Message>),
    /// A streamed message has begun and not ended; no other may come between (RFC 6455 §5.4).
    Streaming(Message),
    /// The peer has closed, and `close_timeout` for replies has passed ([`Config::close_timeout`](crate::Config::close_timeout)): our
    /// Close frame is on its way. `None` as in `Closed`.
    TooLate(Option<Message>),
    /// The call would have to wait within a hook of the same client, which cannot go on before the hook returns. `None` if the
    /// message was accepted. Use a call that does not wait.
    WithinHook(Option<Message>),
    /// A message that the client had accepted was given up or skipped, and is not sent any more. Said by `flush`, once for each such
    /// message.
    Undelivered,
}

impl SendError {
    /// The message, if it was not accepted.
    pub fn into_message(self) -> Option<Message> {
        match self {
            Self::Full(message) | Self::Streaming(message) => Some(message),
            Self::Closed(message) | Self::TooLate(message) | Self::WithinHook(message) => message,
            Self::Undelivered => None,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the send buffer is full; wait until there is room",
            Self::Closed(_) => "the connection is closed; receive to learn why",
            Self::TooLate(_) => TOO_LATE,
            Self::Streaming(_) => "a streamed message has not ended; finish it first",
            Self::WithinHook(_) => WITHIN_HOOK,
            Self::Undelivered => "a message sent since the last flush was given up or skipped",
        })
    }
}

impl core::error::Error for SendError {}

/// Why a part of a streamed message, or the beginning of one, was not accepted for sending.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StreamError {
    /// So much waits already that the mark (`max_send_buffer`) is reached. Wait for room, and try again.
    Full,
    /// The connection is closing or closed.
    Closed,
    /// Another streamed message has begun and not ended.
    Streaming,
    /// No streamed message has begun.
    NotStreaming,
    /// The text would not be UTF-8. Nothing of the part was sent; the message can only be aborted.
    InvalidUtf8,
    /// The peer has closed, and `close_timeout` for replies has passed.
    TooLate,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the send buffer is full; wait until there is room",
            Self::Closed => "the connection is closed; receive to learn why",
            Self::TooLate => TOO_LATE,
            Self::Streaming => "a streamed message has not ended; finish it first",
            Self::NotStreaming => "no streamed message has begun",
            Self::InvalidUtf8 => "a text message must be UTF-8",
        })
    }
}

impl core::error::Error for StreamError {}

/// Why a ping was not accepted for sending.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum PingError {
    /// The payload has this many bytes, over the 125 of a control frame (RFC 6455 §5.5).
    TooLong(usize),
    /// So much waits already that the mark (`max_send_buffer`) is reached. Wait for room, and try again.
    Full,
    /// The connection is closing or closed.
    Closed,
    /// The peer has closed, and `close_timeout` for replies has passed.
    TooLate,
    /// The call would have to wait within a hook of the same client, which cannot go on before the hook returns.
    WithinHook,
}

impl fmt::Display for PingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(n) => write!(f, "a ping payload of {n} bytes is over the limit of 125"),
            Self::Full => f.write_str("the send buffer is full; wait until there is room"),
            Self::Closed => f.write_str("the connection is closed; receive to learn why"),
            Self::TooLate => f.write_str(TOO_LATE),
            Self::WithinHook => f.write_str(WITHIN_HOOK),
        }
    }
}

impl core::error::Error for PingError {}
