//! The operations of a connection that receive, as polls.

use std::ops::ControlFlow;
use std::task::{Context, Poll, ready};

use ws_common::duplex::Consumer;
use ws_core::{DataPoll, Error, Event, Message, MessageRef, Responder};

use super::Socket;
use crate::runtime::{Io, Runtime};
use crate::slots::Wants;

impl<R: Runtime + Io<T>, T> Socket<R, T> {
    /// The next event; `None` after the last.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, Error>> {
        let clock = self.driver.clock();
        let step = |socket: &mut Self| socket.driver.machine.next_event(|| clock.now());
        let event = ready!(self.poll_steps(cx, Wants::EVENTS, step));
        if let Ok(Some(Event::Closed(_))) = event {
            self.ended(cx);
        }
        Poll::Ready(event)
    }

    /// The next message, whole or the next chunk of it: [`DataPoll::Ended`] at the end.
    // As `Duplex::data`, but a message is not moved through a `Step`: that costs a fifth of a small message (`bench`, receive).
    #[inline]
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<DataPoll, Error>> {
        loop {
            match self.connection().poll_data() {
                Ok(DataPoll::Pending) => ready!(self.poll_for_data(cx)),
                Ok(data @ (DataPoll::Message(_) | DataPoll::Chunk(_))) => {
                    self.duplex().taken();
                    return Poll::Ready(Ok(data));
                }
                ended => {
                    self.ended(cx);
                    return Poll::Ready(ended);
                }
            }
        }
    }

    fn poll_for_data(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let clock = self.driver.clock();
        self.duplex().resume(|| clock.now());
        self.poll_io(cx, Wants::EVENTS, true)
    }

    /// The next whole message. The rest of a message that was begun in chunks is passed over.
    #[inline]
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        self.connection().receive_chunks(false);
        loop {
            match ready!(self.poll_data(cx))? {
                DataPoll::Message(message) => return Poll::Ready(Ok(Some(message))),
                DataPoll::Chunk(_) => {}
                _ => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Shows messages to `visitor` until it breaks off or the connection ends.
    pub(crate) fn poll_for_each(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
    ) -> Poll<Result<(), Error>> {
        let clock = self.driver.clock();
        let step = |socket: &mut Self| socket.driver.machine.for_each_borrowed(&mut *visitor, || clock.now());
        let result = ready!(self.poll_steps(cx, Wants::EVENTS, step));
        if result.is_err() || self.closed().is_some() {
            self.ended(cx);
        }
        Poll::Ready(result)
    }

    /// Nobody receives any more.
    pub(crate) fn discard(&mut self) {
        self.duplex().set_consumer(Consumer::Nobody);
        self.needs_driver = true;
    }
}
