//! What a user sends.

use bytes::Bytes;

use crate::close::CloseCode;
use crate::frame::Header;
use crate::message::{Message, MessageKind, MessageRef};
use crate::send::Refusal;
use crate::send_error::{PingError, SendError, StreamError};
use crate::time::Instant;

use super::Connection;

impl Connection {
    /// Whether a message of any size would be accepted now: less than `max_send_buffer` waits.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.send.has_room(&self.outbound)
    }

    /// How many messages were accepted of which the transport has not taken all bytes. They are the newest ones.
    pub fn unsent(&self) -> usize {
        self.send.unsent()
    }

    /// Queues a message. An error hands it back.
    ///
    /// Replies to a peer that has begun to close are accepted until the user takes its Close frame, or `close_timeout` has passed
    /// ([`is_open`](Self::is_open)). They leave before our Close frame.
    ///
    /// A client copies and masks the payload; a server queues a large one as it is.
    #[inline]
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = message.into();
        if !self.is_open() {
            return Err(self.refused(Some(message)));
        }
        self.send.queue_message(&mut self.outbound, message).map_err(handed_back)
    }

    /// Queues a message of which its sender was told that there is [room](Self::has_room). What the connection has queued by itself
    /// since then, such as pongs, does not count. An error hands it back.
    pub fn send_reserved(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = message.into();
        if !self.is_open() {
            return Err(self.refused(Some(message)));
        }
        self.send.queue_reserved(&mut self.outbound, message).map_err(handed_back)
    }

    /// Queues a copy of a message.
    #[inline]
    pub fn send_ref(&mut self, message: MessageRef<'_>) -> Result<(), StreamError> {
        if !self.is_open() {
            return Err(self.stream_refused());
        }
        Ok(self.send.queue_borrowed(&mut self.outbound, message)?)
    }

    /// Queues a ping with a copy of the payload, at most 125 bytes. Its pong is reported with the round-trip time.
    ///
    /// The pings of `ping_interval` carry nonces of eight random bytes, and are not to be confused with this one.
    pub fn ping(&mut self, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
        let payload = payload.as_ref();
        if payload.len() > Header::MAX_CONTROL {
            return Err(PingError::TooLong(payload.len()));
        }
        if !self.is_open() {
            return Err(if self.closing.is_too_late() { PingError::TooLate } else { PingError::Closed });
        }
        if !self.has_room() {
            return Err(PingError::Full(self.send.max_send_buffer()));
        }
        self.queue_ping(Bytes::copy_from_slice(payload));
        Ok(())
    }

    /// Number of pings that have left, those of `ping_interval` included, since all before were answered.
    #[doc(hidden)]
    pub fn pings_left(&self) -> u64 {
        self.keepalive.number_left()
    }

    pub(super) fn queue_ping(&mut self, payload: Bytes) {
        self.send.queue_ping(&mut self.outbound, &payload);
        self.keepalive.pinged(payload);
    }

    /// Begins a message that is sent in fragments, of any total size. Until it is finished, no other message may be sent.
    pub fn start_message(&mut self, kind: MessageKind) -> Result<(), StreamError> {
        if !self.is_open() {
            return Err(self.stream_refused());
        }
        Ok(self.send.begin_stream(kind)?)
    }

    /// Queues the next fragment, as a frame of its own. A text may be cut anywhere, also within a character.
    pub fn continue_message(&mut self, fragment: &[u8]) -> Result<(), StreamError> {
        self.fragment(fragment, false)
    }

    /// Queues the last fragment, which may be empty, and ends the message.
    pub fn finish_message(&mut self, fragment: &[u8]) -> Result<(), StreamError> {
        self.fragment(fragment, true)
    }

    /// Gives up a message that was begun and not finished: closes the connection with 1011, since a cut message must
    /// not look whole. Does nothing if no message was begun.
    pub fn abort_message(&mut self, now: Instant) {
        if self.send.is_streaming() {
            self.close(CloseCode::INTERNAL_ERROR, now);
        }
    }

    /// Why a connection that is not [open](Self::is_open) does not accept this message.
    #[doc(hidden)]
    #[cold]
    pub fn refused(&self, message: Option<Message>) -> SendError {
        if self.closing.is_too_late() { SendError::TooLate(message) } else { SendError::Closed(message) }
    }

    #[cold]
    fn stream_refused(&self) -> StreamError {
        if self.closing.is_too_late() { StreamError::TooLate } else { StreamError::Closed }
    }

    fn fragment(&mut self, fragment: &[u8], last: bool) -> Result<(), StreamError> {
        if !self.is_open() {
            return Err(self.stream_refused());
        }
        Ok(self.send.queue_fragment(&mut self.outbound, fragment, last)?)
    }
}

fn handed_back((refusal, message): (Refusal, Message)) -> SendError {
    match refusal {
        Refusal::Full(max_send_buffer) => SendError::Full { message, max_send_buffer },
        _ => SendError::Streaming(message),
    }
}

impl From<Refusal> for StreamError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full(max_send_buffer) => Self::Full(max_send_buffer),
            Refusal::Streaming => Self::Streaming,
            Refusal::NotStreaming => Self::NotStreaming,
            Refusal::InvalidUtf8 => Self::InvalidUtf8,
        }
    }
}
