//! How an open connection fails.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::num::NonZero;
use core::time::Duration;

use crate::close_frame::{CloseCode, IllegalClose};
use crate::machine::TransportError;
use crate::redacted::{Excerpt, Size};

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
    /// The connection ended in order, within a message that was being received in chunks. The stream of chunks
    /// reports it, not the connection.
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
    /// No byte came from the peer within `pong_timeout`, which is this long, after a ping had left, and the transport took none that it
    /// had refused before. The time stands still while reading is paused.
    Pong(Duration),
    /// No byte came from the peer within the time of `check_now`, which is this long, after its ping had left. Only clients that stay
    /// connected have `check_now`.
    Check(Duration),
    /// The transport refused bytes, and then took less than [60 KiB](crate::Config::LEAST_PROGRESS) of them within `write_timeout`, which
    /// is this long.
    Write(Duration),
    /// The peer sent less than [60 KiB](crate::Config::LEAST_PROGRESS) of an incomplete message, and not its end, within
    /// `message_timeout`, which is this long. The peer was told in a Close frame with code 1008.
    Message(Duration),
    /// The same of a message that is received in chunks, with `chunk_timeout`.
    Chunk(Duration),
    /// The peer did not finish the closing handshake within `close_timeout`, which is this long.
    Close(Duration),
}

impl Timeout {
    /// The least progress of a [window](crate::windows), in bytes of a stream. Less is a missed deadline.
    pub(crate) const LEAST_PROGRESS: usize = 60 * 1024;

    /// The reason in the Close frame, if there is one: the limit that the peer has missed.
    pub(crate) fn reason(self) -> String {
        let (timeout, setting) = match self {
            Self::Message(timeout) => (timeout, "message_timeout"),
            Self::Chunk(timeout) => (timeout, "chunk_timeout"),
            Self::Pong(_) | Self::Check(_) | Self::Write(_) | Self::Close(_) => return String::new(),
        };
        format!("less than {} KiB of a message in {timeout:?} ({setting})", Self::LEAST_PROGRESS / 1024)
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = Self::LEAST_PROGRESS / 1024;
        match self {
            Self::Pong(timeout) => {
                write!(
                    f,
                    "the peer did not answer a ping in {timeout:?} (pong_timeout), nor send anything else"
                )
            }
            Self::Check(timeout) => {
                write!(f, "the peer did not answer a ping in {timeout:?} (check_now), nor send anything else")
            }
            Self::Write(timeout) => {
                write!(f, "the peer has taken less than {kib} KiB in {timeout:?} (write_timeout)")
            }
            Self::Message(_) | Self::Chunk(_) => write!(f, "the peer sent {}", self.reason()),
            Self::Close(timeout) => {
                write!(f, "the peer did not finish the closing handshake in {timeout:?} (close_timeout)")
            }
        }
    }
}

/// An act of the peer that RFC 6455 or a limit forbids, and its place.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Violation {
    /// The rule that the peer broke.
    pub kind: ViolationKind,
    /// The position of the frame in the stream since the opening handshake, in bytes. For invalid UTF-8, it is the position of the byte
    /// that makes the text invalid, unless the message is compressed.
    pub offset: u64,
    detail: Option<Box<Detail>>,
}

/// Facts that the kind does not have.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Detail {
    Close(IllegalClose),
    /// The setting that is exceeded.
    Limit(u64),
}

impl Violation {
    pub(crate) fn new(kind: ViolationKind, offset: u64) -> Self {
        Self { kind, offset, detail: None }
    }

    pub(crate) fn in_close(mut self, close: IllegalClose) -> Self {
        self.detail = Some(Box::new(Detail::Close(close)));
        self
    }

    pub(crate) fn over(mut self, limit: u64) -> Self {
        self.detail = Some(Box::new(Detail::Limit(limit)));
        self
    }

    /// The limit that was exceeded: `max_message_size` in bytes for [`ViolationKind::MessageTooBig`], or `max_fragments` for
    /// [`ViolationKind::TooManyFragments`].
    pub fn limit(&self) -> Option<u64> {
        match self.detail.as_deref() {
            Some(Detail::Limit(limit)) => Some(*limit),
            _ => None,
        }
    }

    /// The reason in the Close frame: the limit that the peer has exceeded. There is none for a rule of the protocol.
    pub(crate) fn reason(&self) -> String {
        match self.kind {
            ViolationKind::MessageTooBig(_)
            | ViolationKind::TooManyFragments
            | ViolationKind::MessageRate(_)
            | ViolationKind::InflateRatio(_) => format!("{}", OverLimit(self)),
            _ => String::new(),
        }
    }

    /// The facts of the Close frame that the kind does not tell.
    pub(crate) fn write_close(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.close(), self.kind) {
            (None, _) => Ok(()),
            (Some(close), ViolationKind::CloseCode(_)) if close.reason.is_empty() => Ok(()),
            (Some(close), ViolationKind::CloseCode(_)) => {
                write!(f, ", with the reason {}", Excerpt::words(&close.reason))
            }
            (Some(close), _) => write!(f, ", in {close}"),
        }
    }

    /// The code and the readable part of the reason, if the frame is a Close frame with an illegal code or an illegal reason.
    pub fn close(&self) -> Option<&IllegalClose> {
        match self.detail.as_deref() {
            Some(Detail::Close(close)) => Some(close),
            _ => None,
        }
    }

    /// The code of the Close frame that answers it.
    pub fn code(&self) -> CloseCode {
        match self.kind {
            ViolationKind::InvalidUtf8
            | ViolationKind::InvalidDeflate
            | ViolationKind::UnconfirmedDeflate => CloseCode::INVALID_DATA,
            ViolationKind::MessageTooBig(_) => CloseCode::TOO_BIG,
            ViolationKind::TooManyFragments
            | ViolationKind::MessageRate(_)
            | ViolationKind::InflateRatio(_) => CloseCode::POLICY,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer sent {} at byte {}", OverLimit(self), self.offset)?;
        self.write_close(f)?;
        write!(f, "; closed with code {}", self.code())
    }
}

impl core::error::Error for Violation {}

/// The kind of a violation, with the limit that it exceeds.
struct OverLimit<'a>(&'a Violation);

impl fmt::Display for OverLimit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.kind.fmt(f)?;
        match (self.0.limit(), self.0.kind) {
            (None, _) => Ok(()),
            (Some(limit), ViolationKind::MessageTooBig(_)) => write!(f, " ({})", Size(limit)),
            (Some(limit), _) => write!(f, " ({limit})"),
        }
    }
}

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
    /// More messages, fragments and control frames than `max_message_rate`, which is this many each second.
    MessageRate(NonZero<u32>),
    /// A compressed message that inflates to more than `max_inflate_ratio`, which is this many times its size, and to more than 64 KiB.
    InflateRatio(NonZero<u32>),
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
            Self::MessageTooBig(size) => {
                write!(f, "a message of {size} bytes or more, over max_message_size")
            }
            Self::TooManyFragments => f.write_str("a message of more fragments than max_fragments"),
            Self::MessageRate(max) => {
                write!(f, "more messages than {max} each second (max_message_rate)")
            }
            Self::InflateRatio(max) => {
                write!(f, "a message that inflates to more than {max} times its size (max_inflate_ratio)")
            }
            Self::UnconfirmedDeflate => f.write_str(
                "a compressed message that does not inflate, after it had not confirmed the \
                 server_max_window_bits or server_no_context_takeover that was asked for,",
            ),
        }
    }
}
