//! Sending and closing: the conditions that an operation waits for, and the steps that need no waiting.

use ws_core::{CloseFrame, Closed, Instant, Machine, Message, PingError, SendError, StreamError};

use super::Duplex;

/// The conditions to wait for, each for [`wait_for`](Duplex::wait_for). `None` says: not yet.
impl Duplex {
    /// Room for a message.
    #[inline]
    pub fn ready(&mut self) -> Option<Result<(), SendError>> {
        match self.as_connection() {
            connection if !connection.is_open() => Some(Err(connection.refused(None))),
            connection => connection.has_room().then_some(Ok(())),
        }
    }

    /// Room for the next message of a sink, which is kept for it until [`start_send`](Self::start_send).
    pub fn reserve(&mut self) -> Option<Result<(), SendError>> {
        if self.is_reserved && self.as_connection().is_open() {
            return Some(Ok(()));
        }
        let ready = self.ready()?;
        self.is_reserved = ready.is_ok();
        Some(ready)
    }

    /// Queues the message of a sink.
    pub fn start_send(&mut self, message: Message) -> Result<(), SendError> {
        match std::mem::take(&mut self.is_reserved) {
            true => self.connection().send_reserved(message),
            false => self.connection().send(message),
        }
    }

    /// Queues the message if there is room. Does nothing if it was queued before.
    #[inline]
    pub fn feed(&mut self, message: &mut Option<Message>) -> Option<Result<(), SendError>> {
        let Some(untried) = message.take() else { return Some(Ok(())) };
        match self.connection().send(untried) {
            Err(SendError::Full { message: refused, .. }) => {
                *message = Some(refused);
                None
            }
            result => Some(result),
        }
    }

    /// Queues a ping if there is room.
    pub fn ping(&mut self, payload: &[u8]) -> Option<Result<(), PingError>> {
        Some(self.connection().ping(payload)).filter(|result| !matches!(result, Err(PingError::Full(_))))
    }

    /// Queues a fragment of a streamed message if there is room.
    pub fn fragment(&mut self, fragment: &[u8], is_last: bool) -> Option<Result<(), StreamError>> {
        let result = match is_last {
            false => self.connection().continue_message(fragment),
            true => self.connection().finish_message(fragment),
        };
        Some(result).filter(|result| !matches!(result, Err(StreamError::Full(_))))
    }

    /// The end of the connection.
    pub fn ended(&mut self) -> Option<Closed> {
        self.closed().cloned()
    }

    /// The outcome of a flush that has nothing left to wait for.
    #[inline]
    pub fn flushed(&mut self) -> Result<(), SendError> {
        if self.connection().outbound().has_lost() { Err(SendError::Closed(None)) } else { Ok(()) }
    }

    /// Begins the closing handshake.
    pub fn start_close(&mut self, frame: CloseFrame, now: Instant) {
        self.connection().close(frame, now);
    }
}
