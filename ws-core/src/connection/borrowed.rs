//! Receiving without owning: messages are lent where they lie.

use core::ops::ControlFlow;

use crate::close::Closed;
use crate::error::{Error, StreamError};
use crate::message::{Chunk, Event, Message, MessageRef};
use crate::outbound::Outbound;
use crate::send::Send;

use super::Connection;

/// Why a [visit](Connection::for_each_borrowed) ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ForEachEnd {
    /// Everything that came was shown: more bytes or time are needed.
    Drained,
    /// The visitor said so.
    Stopped,
    /// Over `max_send_buffer` waits to be sent: write first, so that the visitor can answer what it is shown next.
    Full,
    /// The connection has ended.
    Closed(Closed),
}

/// What a user who wants only messages is given.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DataPoll {
    /// A whole message.
    Message(Message),
    /// A part of one, while [receiving in chunks](Connection::receive_chunks).
    Chunk(Chunk),
    /// More bytes or time are needed.
    Pending,
    /// The connection has ended.
    Ended,
}

/// The means to answer a message from within a visitor.
pub struct Responder<'a>(Route<'a>);

/// The way of an answer into the send buffer.
enum Route<'a> {
    Direct { send: &'a mut Send, outbound: &'a mut Outbound, is_open: bool, is_too_late: bool },
    Through(&'a mut dyn FnMut(MessageRef<'_>) -> Result<(), StreamError>),
}

impl<'a> Responder<'a> {
    /// Hands each answer to `queue`: for an adapter that shows owned messages, so that it holds no lock while a visitor runs.
    #[doc(hidden)]
    pub fn through(queue: &'a mut dyn FnMut(MessageRef<'_>) -> Result<(), StreamError>) -> Self {
        Self(Route::Through(queue))
    }

    /// Queues a copy of a message, as [`Connection::send_ref`] does.
    ///
    /// [`StreamError::Full`] if the send buffer is full. [`Connection::for_each_borrowed`] shows a message only when there is room for one
    /// answer. The receiving half of a split connection shows messages without waiting for room.
    #[inline]
    pub fn send(&mut self, message: MessageRef<'_>) -> Result<(), StreamError> {
        match &mut self.0 {
            Route::Direct { is_open: false, is_too_late: true, .. } => Err(StreamError::TooLate),
            Route::Direct { is_open: false, .. } => Err(StreamError::Closed),
            Route::Direct { send, outbound, .. } => Ok(send.lent(outbound, message)?),
            Route::Through(queue) => queue(message),
        }
    }
}

impl Connection {
    /// Shows each message that came to `visitor`, without a reference count or an allocation for a message that lies
    /// whole in the read buffer. The visitor may answer, and says whether to go on.
    ///
    /// Pings are answered; pings, pongs and the peer's Close frame are not shown. An error comes when the connection has
    /// ended, as from [`poll_data`](Self::poll_data).
    pub fn for_each_borrowed(
        &mut self,
        mut visitor: impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
    ) -> Result<ForEachEnd, Error> {
        loop {
            let is_open = self.is_open();
            let is_too_late = !is_open && self.closing.is_too_late();
            let is_fast = self.ahead.is_empty() && self.closing.is_receiving();
            // A visitor changes none of this.
            loop {
                if !self.has_room() {
                    return Ok(ForEachEnd::Full);
                }
                let lent = if is_fast { self.receive.borrow_message(&mut self.inbound) } else { None };
                let (owned, is_lent);
                let message = match lent {
                    Some(message) => {
                        is_lent = true;
                        message
                    }
                    None => match self.poll_to_end()? {
                        None => return Ok(ForEachEnd::Drained),
                        Some(Event::Closed(closed)) => return Ok(ForEachEnd::Closed(closed)),
                        Some(Event::Message(message)) => {
                            is_lent = false;
                            owned = message;
                            owned.as_ref()
                        }
                        Some(_) => break,
                    },
                };
                let route = Route::Direct {
                    send: &mut self.send,
                    outbound: &mut self.outbound,
                    is_open,
                    is_too_late,
                };
                if visitor(message, &mut Responder(route)).is_break() {
                    return Ok(ForEachEnd::Stopped);
                }
                if !is_lent {
                    break;
                }
            }
        }
    }

    /// The next message, for a user who wants nothing else.
    ///
    /// An error comes when the connection has ended: as such a user drops the connection with the first error, the Close frame
    /// that tells the peer what it did wrong is on its way by then.
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
            match self.poll_to_end()? {
                Some(Event::Message(message)) => return Ok(DataPoll::Message(message)),
                Some(Event::Chunk(chunk)) => return Ok(DataPoll::Chunk(chunk)),
                Some(Event::Closed(_)) => return Ok(DataPoll::Ended),
                None if self.closed().is_some() => return Ok(DataPoll::Ended),
                None => return Ok(DataPoll::Pending),
                Some(_) => {}
            }
        }
    }

    /// The next event of a user who wants only messages: an error comes at the very end, in place of
    /// [`Event::Closed`]. Such a user drops the connection with the first error, and by then the Close frame that tells the
    /// peer why must have left.
    #[inline]
    fn poll_to_end(&mut self) -> Result<Option<Event>, Error> {
        if self.is_at_rest() { Ok(None) } else { self.poll_all_to_end() }
    }

    fn poll_all_to_end(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.poll_ahead() {
                Err(failure) => self.closing.hold_back(failure),
                Ok(Some(Event::Closed(closed))) => {
                    return self.closing.take_failure().map_or(Ok(Some(Event::Closed(closed))), Err);
                }
                other => return other,
            }
        }
    }

    /// Hand out messages in chunks as they come, from the one under way on; or whole again, from the next one on.
    ///
    /// Chunks are exempt from `max_message_size`; `max_fragments` then limits how many empty fragments may follow each
    /// other. A chunk is never larger than what was read at once, or than 16 KiB if the message is compressed.
    pub fn receive_chunks(&mut self, in_chunks: bool) {
        self.receive.set_chunks(in_chunks);
    }

    /// Whether the rest of a message is still to come in chunks, of which some were handed out.
    pub fn is_within_chunks(&self) -> bool {
        self.is_within_chunks
    }
}
