//! Receiving without owning: messages are borrowed where they lie.

use core::ops::ControlFlow;

use crate::close::Closed;
use crate::error::Error;
use crate::message::{Event, MessageRef};
use crate::outbound::Outbound;
use crate::send::Send;
use crate::send_error::StreamError;

use super::Connection;

/// The reason why [`for_each_borrowed`](Connection::for_each_borrowed) returned.
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

/// The means to answer a message from within a visitor.
pub struct Responder<'a>(ReplyPath<'a>);

/// The way of an answer into the send buffer.
enum ReplyPath<'a> {
    Direct { send: &'a mut Send, outbound: &'a mut Outbound, is_open: bool, is_too_late: bool },
    Through(&'a mut dyn FnMut(MessageRef<'_>) -> Result<(), StreamError>),
}

impl<'a> Responder<'a> {
    /// Hands each answer to `queue`: for an adapter that shows owned messages, so that it holds no lock while a visitor runs.
    #[doc(hidden)]
    pub fn through(queue: &'a mut dyn FnMut(MessageRef<'_>) -> Result<(), StreamError>) -> Self {
        Self(ReplyPath::Through(queue))
    }

    /// Queues a copy of a message, as [`Connection::send_ref`] does.
    ///
    /// [`StreamError::Full`] if the send buffer is full. [`Connection::for_each_borrowed`] shows a message only when there is room for one
    /// answer. The receiving half of a split connection shows messages without waiting for room.
    #[inline]
    pub fn send(&mut self, message: MessageRef<'_>) -> Result<(), StreamError> {
        match &mut self.0 {
            ReplyPath::Direct { is_open: false, is_too_late: true, .. } => Err(StreamError::TooLate),
            ReplyPath::Direct { is_open: false, .. } => Err(StreamError::Closed),
            ReplyPath::Direct { send, outbound, .. } => Ok(send.queue_borrowed(outbound, message)?),
            ReplyPath::Through(queue) => queue(message),
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
                let borrowed = if is_fast { self.receive.borrow_message(&mut self.inbound) } else { None };
                let (owned, is_borrowed);
                let message = match borrowed {
                    Some(message) => {
                        is_borrowed = true;
                        message
                    }
                    None => {
                        // This question spares a move of an event at the end of each read (`bench`, small-reads).
                        if self.is_at_rest() {
                            return Ok(ForEachEnd::Drained);
                        }
                        match self.poll_all_to_end()? {
                            None => return Ok(ForEachEnd::Drained),
                            Some(Event::Closed(closed)) => return Ok(ForEachEnd::Closed(closed)),
                            Some(Event::Message(message)) => {
                                is_borrowed = false;
                                owned = message;
                                owned.as_ref()
                            }
                            Some(_) => break,
                        }
                    }
                };
                let route = ReplyPath::Direct {
                    send: &mut self.send,
                    outbound: &mut self.outbound,
                    is_open,
                    is_too_late,
                };
                if visitor(message, &mut Responder(route)).is_break() {
                    return Ok(ForEachEnd::Stopped);
                }
                if !is_borrowed {
                    break;
                }
            }
        }
    }
}
