//! The two halves of a connection.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;
use ws_common::duplex::Consumer;
use ws_common::{ReuniteError, WebSocketError};
use ws_core::{
    CloseFrame, Closed, Error, Event, Message, MessageKind, MessageRef, PingError, Responder, SendError,
    Stats, StreamError,
};

use crate::operations::{self, Access};
use crate::runtime::{Io, Runtime};
use crate::shared::SharedHandle;
use crate::socket::Socket;
use crate::stream::{MessageReader, MessageWriter};
use crate::websocket::WebSocket;

/// The sending half of a [`WebSocket`](crate::WebSocket), from [`split`](crate::WebSocket::split).
pub struct Sender<R: Runtime + Io<T>, T = <R as Runtime>::TcpStream>(pub(crate) HalfConnection<R, T>);

/// The receiving half of a [`WebSocket`](crate::WebSocket), from [`split`](crate::WebSocket::split).
pub struct Receiver<R: Runtime + Io<T>, T = <R as Runtime>::TcpStream>(HalfConnection<R, T>);

impl<R: Runtime + Io<T>, T> WebSocket<R, T> {
    /// Two halves, to send in one task and receive in another.
    pub fn split(mut self) -> (Sender<R, T>, Receiver<R, T>) {
        self.socket.duplex().set_consumer(Consumer::OtherHalf);
        let handle = SharedHandle::new(self.socket);
        (Sender(HalfConnection(handle.clone())), Receiver(HalfConnection(handle)))
    }
}

/// One half of a connection: the common part of both.
pub struct HalfConnection<R: Runtime + Io<T>, T = <R as Runtime>::TcpStream>(SharedHandle<Socket<R, T>>);

impl<R: Runtime + Io<T>, T> HalfConnection<R, T> {
    fn stats(&self) -> Stats {
        self.0.look(|socket| socket.stats()).unwrap_or_default()
    }

    fn with_transport<O>(&self, look: impl FnOnce(&T) -> O) -> Option<O> {
        self.0.look(|socket| socket.io.as_ref().map(look)).flatten()
    }
}

impl<R: Runtime + Io<T>, T> Access for HalfConnection<R, T> {
    type Runtime = R;
    type Transport = T;

    fn run<O>(&mut self, f: impl FnOnce(&mut Socket<R, T>, &mut Context<'_>) -> O) -> Option<O> {
        self.0.run(f)
    }

    fn run_or_defer(&mut self, f: impl FnOnce(&mut Socket<R, T>, &mut Context<'_>) + Send + 'static) {
        self.0.run_or_defer(f);
    }

    fn poll<O>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Socket<R, T>, &mut Context<'_>) -> Poll<O>,
    ) -> Poll<O> {
        self.0.poll(cx, f)
    }

    fn poll_unguarded<O>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Socket<R, T>, &mut Context<'_>) -> Poll<O>,
    ) -> Poll<O> {
        self.0.poll_unguarded(cx, f)
    }

    fn give_up(&mut self) {
        self.0.give_up();
    }
}

impl<R: Runtime + Io<T>, T> Sender<R, T> {
    /// As [`WebSocket::send`](crate::WebSocket::send).
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        operations::send(&mut self.0, message.into()).await
    }

    /// As [`WebSocket::try_send`](crate::WebSocket::try_send).
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        operations::try_send(&mut self.0, message.into())
    }

    /// As [`WebSocket::ready`](crate::WebSocket::ready).
    pub async fn ready(&mut self) -> Result<(), SendError> {
        operations::ready(&mut self.0).await
    }

    /// As [`WebSocket::feed`](crate::WebSocket::feed).
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        operations::feed(&mut self.0, message.into()).await
    }

    /// As [`WebSocket::flush`](crate::WebSocket::flush).
    pub async fn flush(&mut self) -> Result<(), SendError> {
        operations::flush(&mut self.0).await
    }

    /// As [`WebSocket::ping`](crate::WebSocket::ping).
    pub async fn ping(&mut self, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
        operations::ping(&mut self.0, payload).await
    }

    /// As [`WebSocket::close`](crate::WebSocket::close).
    pub async fn close(&mut self, frame: impl Into<CloseFrame>) -> Closed {
        operations::close(&mut self.0, frame.into()).await
    }

    /// As [`WebSocket::start_close`](crate::WebSocket::start_close).
    pub fn start_close(&mut self, frame: impl Into<CloseFrame>) {
        operations::start_close(&mut self.0, frame.into());
    }

    /// As [`WebSocket::stats`](crate::WebSocket::stats).
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// As [`WebSocket::send_stream`](crate::WebSocket::send_stream).
    pub fn send_stream(
        &mut self,
        kind: MessageKind,
    ) -> Result<MessageWriter<'_, HalfConnection<R, T>>, StreamError> {
        MessageWriter::new(&mut self.0, kind)
    }
}

impl<R: Runtime + Io<T>, T> Sender<R, T> {
    /// The whole connection again.
    // The locks of the model checker are large.
    #[cfg_attr(shuttle, allow(clippy::result_large_err))]
    pub fn reunite(
        self,
        receiver: Receiver<R, T>,
    ) -> Result<WebSocket<R, T>, ReuniteError<Self, Receiver<R, T>>> {
        if !self.0.0.is_same(&receiver.0.0) {
            return Err(ReuniteError { sender: self, receiver });
        }
        // The two halves are the only handles, as neither can be cloned.
        let mut socket = self.0.0.into_state(receiver).expect("no other handle");
        socket.duplex().set_consumer(Consumer::Caller);
        Ok(WebSocket::new(socket))
    }

    /// Looks at the transport.
    pub fn with_transport<O>(&self, look: impl FnOnce(&T) -> O) -> Option<O> {
        self.0.with_transport(look)
    }
}

impl<R: Runtime + Io<T>, T> Receiver<R, T> {
    /// Looks at the transport.
    pub fn with_transport<O>(&self, look: impl FnOnce(&T) -> O) -> Option<O> {
        self.0.with_transport(look)
    }

    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        operations::recv(&mut self.0).await
    }

    /// As [`WebSocket::next_event`](crate::WebSocket::next_event).
    pub async fn next_event(&mut self) -> Result<Option<Event>, Error> {
        operations::next_event(&mut self.0).await
    }

    /// Shows each message to `visitor`, which may answer, and says whether to go on.
    pub async fn for_each_borrowed(
        &mut self,
        mut visitor: impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        // When this ends, a task that waits writes the last answer of the visitor.
        let borrowing = Borrowing(self);
        while let Some(message) = operations::recv(&mut borrowing.0.0).await? {
            let handle = &borrowing.0.0.0;
            let mut answer = |answer: MessageRef<'_>| {
                handle.look(|socket| socket.answer(answer)).unwrap_or(Err(StreamError::Busy))
            };
            // Nothing is locked here: the visitor is the user's code.
            if visitor(message.as_ref(), &mut Responder::through(&mut answer)).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// As [`WebSocket::recv_stream`](crate::WebSocket::recv_stream).
    pub async fn recv_stream(&mut self) -> Result<Option<MessageReader<'_, HalfConnection<R, T>>>, Error> {
        MessageReader::begin(&mut self.0).await
    }

    /// As [`WebSocket::closed`](crate::WebSocket::closed).
    pub fn closed(&mut self) -> Option<Closed> {
        self.0.0.look(|socket| socket.closed().cloned()).flatten()
    }

    /// As [`Sender::stats`].
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }
}

/// Wakes a task that waits for the connection, when `for_each_borrowed` returns or is dropped.
struct Borrowing<'a, R: Runtime + Io<T>, T>(&'a mut Receiver<R, T>);

impl<R: Runtime + Io<T>, T> Drop for Borrowing<'_, R, T> {
    fn drop(&mut self) {
        self.0.0.run(|_, _| {});
    }
}

impl<R: Runtime + Io<T>, T> Drop for Receiver<R, T> {
    fn drop(&mut self) {
        // Nobody takes what comes any more; it must not stand in the way of pongs and of the peer's Close frame.
        self.0.run_or_defer(|socket, _| socket.discard());
    }
}

impl<R: Runtime + Io<T>, T> Stream for Receiver<R, T> {
    type Item = Result<Message, WebSocketError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut()
            .0
            .0
            .poll_unguarded(cx, Socket::poll_message)
            .map_err(WebSocketError::from)
            .map(Result::transpose)
    }
}

impl<R: Runtime + Io<T>, T> Sink<Message> for Sender<R, T> {
    type Error = WebSocketError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        self.get_mut().0.0.poll_unguarded(cx, Socket::poll_reserve).map_err(WebSocketError::from)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), WebSocketError> {
        let mut message = Some(message);
        let sent = self.get_mut().0.run(|socket, _| message.take().map_or(Ok(()), |m| socket.start_send(m)));
        let sent = sent.unwrap_or_else(|| message.map_or(Ok(()), |message| Err(SendError::Busy(message))));
        sent.map_err(WebSocketError::from)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        self.get_mut().0.0.poll_unguarded(cx, Socket::poll_flush).map_err(WebSocketError::from)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        self.get_mut().0.0.poll_unguarded(cx, Socket::poll_close).map_err(WebSocketError::from)
    }
}
