//! The reasons to refuse data and pings.

use core::fmt;

use crate::message::Message;
use crate::redacted::Size;

const TOO_LATE: &str =
    "the peer has closed, and close_timeout for replies has passed; receive to learn why it has closed";

const WITHIN_HOOK: &str =
    "a hook of the client cannot wait for the same client; use a call that does not wait";

const BUSY: &str =
    "the call came from within another call of the same connection; send when that has returned";

fn write_full(f: &mut fmt::Formatter<'_>, max_send_buffer: usize) -> fmt::Result {
    let limit = Size(max_send_buffer as u64);
    write!(f, "the send buffer is full: max_send_buffer ({limit}) is reached; wait until there is room")
}

/// Why a message was not sent. It hands the message back if it was not accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The bytes that wait have reached the mark. Wait for room, and try again.
    Full {
        /// The message.
        message: Message,
        /// The value of `max_send_buffer`, in bytes.
        max_send_buffer: usize,
    },
    /// The call came from within another call that uses the same connection or client, such as from its transport or from a waker. Send
    /// after that call has returned.
    Busy(Message),
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
    /// No connection is open, and the message may not wait for one.
    NotConnected(Message),
    /// A message that the client had accepted was given up or skipped, and is not sent any more. Said by `flush`, once for each such
    /// message.
    Undelivered,
}

impl SendError {
    /// The message, if it was not accepted.
    pub fn into_message(self) -> Option<Message> {
        match self {
            Self::Full { message, .. } | Self::Busy(message) => Some(message),
            Self::Streaming(message) | Self::NotConnected(message) => Some(message),
            Self::Closed(message) | Self::TooLate(message) | Self::WithinHook(message) => message,
            Self::Undelivered => None,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full { max_send_buffer, .. } => return write_full(f, *max_send_buffer),
            Self::Busy(_) => BUSY,
            Self::Closed(_) => "the connection is closed; receive to learn why",
            Self::TooLate(_) => TOO_LATE,
            Self::Streaming(_) => "a streamed message has not ended; finish it first",
            Self::WithinHook(_) => WITHIN_HOOK,
            Self::NotConnected(_) => "no connection is open; send again after the next `Open`",
            Self::Undelivered => "a message sent since the last flush was given up or skipped",
        })
    }
}

impl core::error::Error for SendError {}

/// The reason why a fragment of a streamed message, or the beginning of one, was not accepted for sending.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StreamError {
    /// The bytes that wait have reached the mark, the value of `max_send_buffer` in bytes. Wait for room, and try again.
    Full(usize),
    /// The call came from within another call that uses the same connection. Send after that call has returned.
    Busy,
    /// The connection is closing or closed.
    Closed,
    /// Another streamed message has begun and not ended.
    Streaming,
    /// No streamed message has begun.
    NotStreaming,
    /// The text would not be UTF-8. Nothing of the fragment was sent; the message can only be aborted.
    InvalidUtf8,
    /// The peer has closed, and `close_timeout` for replies has passed.
    TooLate,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(max_send_buffer) => return write_full(f, *max_send_buffer),
            Self::Busy => BUSY,
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
    /// The bytes that wait have reached the mark, the value of `max_send_buffer` in bytes. Wait for room, and try again.
    Full(usize),
    /// The bytes that wait in the connection of a client have reached the limit for a ping: the value is this limit in bytes, 128 KiB.
    /// `ping` of a client waits instead.
    ConnectionFull(usize),
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
            Self::Full(max_send_buffer) => write_full(f, *max_send_buffer),
            Self::ConnectionFull(limit) => {
                let limit = Size(*limit as u64);
                write!(
                    f,
                    "the connection is full: a ping needs less than {limit} before it; wait until there is room"
                )
            }
            Self::Closed => f.write_str("the connection is closed; receive to learn why"),
            Self::TooLate => f.write_str(TOO_LATE),
            Self::WithinHook => f.write_str(WITHIN_HOOK),
        }
    }
}

impl core::error::Error for PingError {}
