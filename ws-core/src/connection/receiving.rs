//! Receiving of owned messages.

use crate::error::Error;
use crate::message::{Chunk, Event, Message};

use super::{Connection, Fate};

/// The next message, or the reason that there is none, from [`Connection::poll_data`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DataPoll {
    /// A whole message.
    Message(Message),
    /// A chunk of a message, while [receiving in chunks](Connection::receive_chunks).
    Chunk(Chunk),
    /// More bytes or time are needed.
    Pending,
    /// The connection has ended.
    Ended,
}

impl Connection {
    /// Returns the next message, and passes over all other events.
    ///
    /// An error comes when the connection has ended. A user of this method drops the connection with the first error, and by then the
    /// Close frame that tells the peer its violation has left.
    // A call for the fast path, and none around it: so the message is moved once.
    #[inline(always)]
    pub fn poll_data(&mut self) -> Result<DataPoll, Error> {
        match self.poll_whole() {
            Some(message) => Ok(DataPoll::Message(message)),
            None if self.is_at_rest() => Ok(DataPoll::Pending),
            None => self.poll_other_data(),
        }
    }

    #[inline(never)]
    fn poll_other_data(&mut self) -> Result<DataPoll, Error> {
        loop {
            match self.poll_all_to_end()? {
                Some(Event::Message(message)) => return Ok(DataPoll::Message(message)),
                Some(Event::Chunk(chunk)) => return Ok(DataPoll::Chunk(chunk)),
                Some(Event::Closed(_)) => return Ok(DataPoll::Ended),
                None if self.closed().is_some() => return Ok(DataPoll::Ended),
                None => return Ok(DataPoll::Pending),
                Some(_) if self.is_at_rest() => return Ok(DataPoll::Pending),
                Some(_) => {}
            }
        }
    }

    /// The next event, where an error comes at the very end, in place of [`Event::Closed`].
    pub(super) fn poll_all_to_end(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.poll_ahead(Fate::HandedOut) {
                Err(failure) => self.closing.hold_back(failure),
                Ok(Some(Event::Closed(closed))) => {
                    return self.closing.take_failure().map_or(Ok(Some(Event::Closed(closed))), Err);
                }
                other => return other,
            }
        }
    }

    /// Drops the bytes that were read, because nothing is received any more.
    pub(super) fn drop_inbound(&mut self) {
        self.receive.skip(self.inbound.len());
        self.inbound.release();
    }

    /// Hand out messages in chunks as they come, from the one under way on; or whole again, from the next one on.
    ///
    /// Chunks are exempt from `max_message_size`; `max_fragments` then limits how many empty fragments may follow each
    /// other. A chunk is at most as large as one read, or 16 KiB if the message is compressed.
    pub fn receive_chunks(&mut self, in_chunks: bool) {
        self.receive.set_chunks(in_chunks);
    }

    /// Whether the rest of a message is still to come in chunks, of which some were handed out.
    pub fn is_within_chunks(&self) -> bool {
        self.ahead.is_within_chunks
    }
}
