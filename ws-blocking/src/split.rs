//! The two halves of a connection.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ws_common::{ReuniteError, duplex::Consumer};
use ws_core::{
    CloseFrame, Closed, Error, Event, Message, MessageKind, MessageRef, PingError, Responder, SendError,
    Stats, StreamError,
};

use crate::elapsed::Elapsed;
use crate::messages::Messages;
use crate::shared::SharedConnection;
use crate::stream::{MessageReader, MessageWriter};
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// The sending half of a [`WebSocket`](crate::WebSocket), from [`split`](crate::WebSocket::split). Clones send on the same
/// connection, each in a thread of its own.
///
/// While it waits, it also reads, within bounds, answers pings and keeps the deadlines, so that it needs no receiver.
/// If the receiving half is dropped, what comes is dropped too.
pub struct Sender<S: Transport>(
    pub(crate) Arc<SharedConnection<S>>,
    /// Counts the clones.
    Arc<()>,
);

/// The receiving half of a [`WebSocket`](crate::WebSocket), from [`split`](crate::WebSocket::split).
///
/// While it waits, it also writes what was queued before, if no other thread does.
pub struct Receiver<S: Transport>(Arc<SharedConnection<S>>);

impl<S: Transport> WebSocket<S> {
    /// Two halves, to send in some threads and receive in another.
    pub fn split(self) -> (Sender<S>, Receiver<S>) {
        self.shared.set_consumer(Consumer::OtherHalf);
        (Sender(self.shared.clone(), Arc::default()), Receiver(self.shared))
    }
}

impl<S: Transport> Sender<S> {
    /// As [`WebSocket::send`](crate::WebSocket::send).
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.0.send(message.into())
    }

    /// As [`send`](Self::send), but waits no longer than `timeout`. [`SendError::Full`] says that the time is over without room, and hands
    /// the message back; other errors as of `send`. `Ok` says that the message is queued. If the transport did not take it in time, it
    /// goes out with the next call that waits.
    pub fn send_timeout(&mut self, message: impl Into<Message>, timeout: Duration) -> Result<(), SendError> {
        self.0.send_timeout(message.into(), timeout)
    }

    /// As [`WebSocket::try_send`](crate::WebSocket::try_send). It never waits for a thread that reads or writes. If another thread is
    /// writing, that one writes this message, too.
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.0.try_send(message.into())
    }

    /// As [`WebSocket::ready`](crate::WebSocket::ready). A clone in another thread may take the room first.
    pub fn ready(&mut self) -> Result<(), SendError> {
        self.0.ready()
    }

    /// As [`WebSocket::feed`](crate::WebSocket::feed). If the receiver is waiting already, it leaves
    /// soon all the same: by the thread that writes for those that read.
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.0.feed(message.into())
    }

    /// As [`WebSocket::flush`](crate::WebSocket::flush). What other threads queue meanwhile is not waited for.
    pub fn flush(&mut self) -> Result<(), SendError> {
        self.0.flush()
    }

    /// As [`WebSocket::ping`](crate::WebSocket::ping).
    pub fn ping(&mut self, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
        self.0.ping(payload.as_ref())
    }

    /// As [`WebSocket::close`](crate::WebSocket::close). The receiving half goes on to its end, too.
    pub fn close(&mut self, frame: impl Into<CloseFrame>) -> Closed {
        self.0.close(frame.into())
    }

    /// As [`WebSocket::start_close`](crate::WebSocket::start_close).
    pub fn start_close(&mut self, frame: impl Into<CloseFrame>) {
        self.0.start_close(frame.into());
    }

    /// As [`WebSocket::stats`](crate::WebSocket::stats).
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// As [`WebSocket::send_stream`](crate::WebSocket::send_stream). What clones send meanwhile is refused.
    pub fn send_stream(&mut self, kind: MessageKind) -> Result<MessageWriter<'_, S>, StreamError> {
        MessageWriter::new(&self.0, kind)
    }

    /// The whole connection again. An error gives the halves back, if they are of different connections or if a clone of this sender
    /// is left.
    pub fn reunite(self, receiver: Receiver<S>) -> Result<WebSocket<S>, ReuniteError<Self, Receiver<S>>> {
        let Self(shared, clones) = self;
        if !Arc::ptr_eq(&shared, &receiver.0) || Arc::strong_count(&clones) > 1 {
            return Err(ReuniteError { sender: Self(shared, clones), receiver });
        }
        drop(receiver);
        shared.set_consumer(Consumer::Caller);
        Ok(WebSocket::new(shared))
    }

    /// As [`WebSocket::transport`](crate::WebSocket::transport).
    pub fn transport(&self) -> &S {
        &self.0.driver.transport
    }
}

impl<S: Transport> Clone for Sender<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), self.1.clone())
    }
}

impl<S: Transport> Receiver<S> {
    /// As [`WebSocket::transport`](crate::WebSocket::transport).
    pub fn transport(&self) -> &S {
        &self.0.driver.transport
    }

    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.0.recv()
    }

    /// As [`WebSocket::next_event`](crate::WebSocket::next_event).
    pub fn next_event(&mut self) -> Result<Option<Event>, Error> {
        self.0.next_event()
    }

    /// As [`recv`](Self::recv), but waits no longer than `timeout`. [`Elapsed`] says that the time is over, and nothing is lost. `Ok(Ok(None))`
    /// says that the connection has ended. With zero, it does the work that needs no waiting.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Result<Option<Message>, Error>, Elapsed> {
        self.0.recv_timeout(timeout)
    }

    /// As [`next_event`](Self::next_event), but waits no longer than `timeout`, as [`recv_timeout`](Self::recv_timeout).
    pub fn next_event_timeout(&mut self, timeout: Duration) -> Result<Result<Option<Event>, Error>, Elapsed> {
        self.0.next_event_timeout(timeout)
    }

    /// As [`WebSocket::for_each_borrowed`](crate::WebSocket::for_each_borrowed), but without waiting for room to answer: [`StreamError::Full`] says that
    /// there is none. The visitor may call any method of any sender.
    pub fn for_each_borrowed(
        &mut self,
        visitor: impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.0.for_each_borrowed(visitor)
    }

    /// As [`WebSocket::recv_stream`](crate::WebSocket::recv_stream).
    pub fn recv_stream(&mut self) -> Result<Option<MessageReader<'_, S>>, Error> {
        MessageReader::begin(&self.0)
    }

    /// As [`WebSocket::closed`](crate::WebSocket::closed).
    pub fn closed(&self) -> Option<Closed> {
        self.0.closed()
    }

    /// As [`WebSocket::stats`](crate::WebSocket::stats).
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }
}

impl<S: Transport> Drop for Receiver<S> {
    fn drop(&mut self) {
        self.0.set_consumer(Consumer::Nobody);
    }
}

/// As [`recv`](Receiver::recv), to the end: `for message in &mut receiver`.
impl<'a, S: Transport> IntoIterator for &'a mut Receiver<S> {
    type Item = Result<Message, Error>;
    type IntoIter = Messages<'a, S>;

    fn into_iter(self) -> Messages<'a, S> {
        Messages(&self.0)
    }
}
