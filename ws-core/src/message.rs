//! Messages, and the other events of a connection.

mod convert;
mod equal;
#[cfg(feature = "serde")]
mod json;
mod show;

use alloc::string::String;
use core::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;

use crate::close::{CloseFrame, Closed};
pub use convert::NotText;
#[cfg(feature = "serde")]
pub use json::JsonError;

/// The type of a data message (RFC 6455 §5.6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MessageKind {
    /// UTF-8 text, opcode 0x1.
    Text,
    /// Any bytes, opcode 0x2.
    Binary,
}

/// A whole data message. `Debug` and `Display` show its first eight characters or bytes at most; [`as_text`](Self::as_text) and
/// [`as_bytes`](Self::as_bytes) give all.
///
/// Every call that sends takes whatever a message can be [made of](#trait-implementations): `&str`, `&String`, `String`, `Cow<str>`
/// and `ByteString` for text, `&[u8]`, `b"…"`, `Vec<u8>`, `Bytes` and `BytesMut` for binary. Borrowed data is copied, and owned data is not.
/// [`from_static`](Self::from_static) copies nothing.
///
/// ```
/// use ws_core::Message;
///
/// let line = String::from("subscribe ticks\n");
/// let message = Message::from(line.trim());
/// assert_eq!(message, "subscribe ticks");
/// assert_eq!(message.to_string(), "\"subscrib\"… of 15 bytes");
/// let text = String::try_from(message)?;
/// # assert_eq!(text, "subscribe ticks");
/// # Ok::<(), ws_core::NotText>(())
/// ```
///
/// # Memory
///
/// A received message that a program keeps may keep more memory alive than its length `n`:
///
/// - Up to 512 bytes (binary) or 63 bytes (text), it keeps at most 1 KiB, shared with the small messages beside it.
/// - A longer binary message that came in one frame and was not compressed shares the read buffer, with the messages beside it. It keeps
///   at most 2 `n`, or the buffer that the driver has made, if that is larger. The drivers of this library make buffers of at
///   most 128 KiB.
/// - Every other message keeps at most 2 `n`. So does a message that waited in the read-ahead.
///
/// [`detached`](Self::detached) copies a message, so that it keeps `n` bytes alive.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// UTF-8 text, checked once on its way in.
    Text(ByteString),
    /// Any bytes.
    Binary(Bytes),
}

impl Message {
    /// A text message.
    pub fn text(text: impl Into<ByteString>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message of anything that can be a message, such as a buffer, or a text.
    pub fn binary(bytes: impl Into<Self>) -> Self {
        Self::Binary(bytes.into().into_bytes())
    }

    /// The kind of the message.
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// The text, if it is a text message.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The payload, of either type.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The payload, of either type, without a copy.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The length of the payload in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty, which is legal.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The same message in memory of its own, of exactly its length: a copy. For a program that keeps a few of many messages; the
    /// [memory that a message keeps alive](Self#memory) is larger.
    #[must_use]
    pub fn detached(&self) -> Self {
        match self {
            Self::Text(text) => Self::Text(String::from(&**text).into()),
            Self::Binary(bytes) => Self::Binary(Bytes::copy_from_slice(bytes)),
        }
    }

    /// The same message, borrowed.
    pub fn as_ref(&self) -> MessageRef<'_> {
        match self {
            Self::Text(text) => MessageRef::Text(text),
            Self::Binary(bytes) => MessageRef::Binary(bytes),
        }
    }
}

/// A whole data message that is borrowed for as long as a visitor looks at it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageRef<'a> {
    /// UTF-8 text.
    Text(&'a str),
    /// Any bytes.
    Binary(&'a [u8]),
}

impl<'a> MessageRef<'a> {
    /// The kind of the message.
    pub fn kind(self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// The payload, of either type.
    pub fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// Some bytes of a message that is received in chunks. `Debug` shows its first eight bytes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chunk {
    /// The type of the message that it belongs to.
    pub kind: MessageKind,
    /// The next bytes of the payload; may be empty when `last`. Text was checked up to here, but a character may be
    /// cut in two by the border of two chunks.
    pub bytes: Bytes,
    /// Whether the message ends here.
    pub last: bool,
}

impl Chunk {
    pub(crate) fn new(kind: MessageKind, bytes: Bytes, last: bool) -> Self {
        Self { kind, bytes, last }
    }

    /// The same chunk in memory of its own, of exactly its size.
    #[must_use]
    pub fn detached(self) -> Self {
        Self { bytes: Bytes::copy_from_slice(&self.bytes), ..self }
    }
}

/// A report of a [`Connection`](crate::Connection).
///
/// The order is (`Message` | `Chunk` | `Ping` | `Pong`)\*, `Closing`?, `Closed`. A failure comes as one error in between,
/// before `Closed`, which always comes, once, and last. `Debug` shows eight bytes of a payload.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A whole data message.
    Message(Message),
    /// A chunk of a data message, while [receiving in chunks](crate::Connection::receive_chunks).
    Chunk(Chunk),
    /// A ping, which is being answered.
    Ping(Bytes),
    /// A pong.
    Pong {
        /// Its payload.
        payload: Bytes,
        /// The time since the ping that it answers had left; `None` if it answers no ping that waits.
        round_trip: Option<Duration>,
    },
    /// The peer's Close frame. It is being answered, unless we closed first.
    Closing(CloseFrame),
    /// The connection has ended, and nothing follows.
    Closed(Closed),
}
