//! Texts of messages and events for logs. No payload is shown beyond its first eight characters or bytes.

use core::fmt;

use super::{Chunk, Event, Message, MessageRef};
use crate::redacted::{Excerpt, Length, PayloadExcerpt};

/// Shows the first eight characters of a text, with the length of a longer one, and the length of a binary message.
/// [`as_text`](Message::as_text) gives the whole text.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_ref(), f)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_ref(), f)
    }
}

/// As for [`Message`].
impl fmt::Display for MessageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => fmt::Debug::fmt(&Excerpt::new(text), f),
            Self::Binary(bytes) => fmt::Display::fmt(&Length(bytes.len()), f),
        }
    }
}

impl fmt::Debug for MessageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(&Excerpt::new(text)).finish(),
            Self::Binary(bytes) => f.debug_tuple("Binary").field(&PayloadExcerpt(bytes)).finish(),
        }
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("kind", &self.kind)
            .field("bytes", &PayloadExcerpt(&self.bytes))
            .field("last", &self.last)
            .finish()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => f.debug_tuple("Message").field(message).finish(),
            Self::Chunk(chunk) => f.debug_tuple("Chunk").field(chunk).finish(),
            Self::Ping(payload) => f.debug_tuple("Ping").field(&PayloadExcerpt(payload)).finish(),
            Self::Pong { payload, round_trip } => f
                .debug_struct("Pong")
                .field("payload", &PayloadExcerpt(payload))
                .field("round_trip", round_trip)
                .finish(),
            Self::Closing(frame) => f.debug_tuple("Closing").field(frame).finish(),
            Self::Closed(closed) => f.debug_tuple("Closed").field(closed).finish(),
        }
    }
}

/// One line for a log.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => write!(f, "message {message}"),
            Self::Chunk(chunk) if chunk.last => write!(f, "last {} of a message", Length(chunk.bytes.len())),
            Self::Chunk(chunk) => write!(f, "{} of a message", Length(chunk.bytes.len())),
            Self::Ping(payload) => write!(f, "ping of {}", Length(payload.len())),
            Self::Pong { payload, round_trip } => {
                write!(f, "pong of {}", Length(payload.len()))?;
                round_trip.map_or(Ok(()), |time| write!(f, " after {time:?}"))
            }
            Self::Closing(frame) => write!(f, "the peer closes with {frame}"),
            Self::Closed(closed) => closed.fmt(f),
        }
    }
}
