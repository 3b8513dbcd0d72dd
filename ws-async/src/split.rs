//! The two halves of a connection.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;
use ws_core::bytes::Bytes;
use ws_core::{
    CloseFrame, Closed, Error, Event, Kind, Message, MessageRef, PingError, Reply, SendError, StreamError,
};

use crate::operations::{self, Access};
use crate::runtime::{Io, Runtime};
use crate::seat::Seat;
use crate::socket::{self, Socket};
use crate::stream::{MessageReader, MessageWriter};

/// The sending half of a [`WebSocket`](crate::WebSocket), from [`split`](crate::WebSocket::split).
///
/// While it waits, it also reads, within bounds, answers pings and keeps the deadlines, so that it needs no receiver.
/// If the receiving half is dropped, what comes is dropped too.
pub struct Sender<R: Runtime, T = <R as Runtime>::TcpStream>(pub(crate) Half<R, T>);

/// The receiving half of a [`WebSocket`](crate::WebSocket), from [`split`](crate::WebSocket::split).
///
/// While it waits, it also writes what the sending half has queued.
pub struct Receiver<R: Runtime, T = <R as Runtime>::TcpStream>(Half<R, T>);

pub(crate) fn split<R: Runtime + Io<T>, T>(mut socket: Socket<R, T>) -> (Sender<R, T>, Receiver<R, T>) {
    socket.receiver = socket::Receiver::Other;
    let seat = Seat::new(socket);
    (Sender(Half(seat.clone())), Receiver(Half(seat)))
}

/// What the two halves have in common; it stands in the types of [`MessageWriter`] and [`MessageReader`] that they give out.
pub struct Half<R: Runtime, T = <R as Runtime>::TcpStream>(Seat<Socket<R, T>>);

impl<R: Runtime + Io<T>, T> Access for Half<R, T> {
    type Runtime = R;
    type Transport = T;

    fn with<O>(&mut self, f: impl FnOnce(&mut Socket<R, T>) -> O) -> O {
        f(&mut self.0.lock())
    }

    fn change<O>(&mut self, f: impl FnOnce(&mut Socket<R, T>) -> O) -> O {
        let result = f(&mut self.0.lock());
        self.0.wake_others();
        result
    }

    fn poll<O>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Socket<R, T>, &mut Context<'_>) -> Poll<O>,
    ) -> Poll<O> {
        self.0.poll(cx, f)
    }
}

impl<R: Runtime + Io<T>, T> Sender<R, T> {
    /// As [`WebSocket::send`](crate::WebSocket::send).
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        operations::send(&mut self.0, message.into()).await
    }

    /// As [`WebSocket::try_send`](crate::WebSocket::try_send).
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.0.with(|socket| socket.connection().send(message))
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
    pub async fn ping(&mut self, payload: impl Into<Bytes>) -> Result<(), PingError> {
        operations::ping(&mut self.0, payload.into()).await
    }

    /// As [`WebSocket::close`](crate::WebSocket::close). The receiving half goes on to its end, too.
    pub async fn close(&mut self, frame: impl Into<CloseFrame>) -> Closed {
        operations::close(&mut self.0, frame.into()).await
    }

    /// As [`WebSocket::start_close`](crate::WebSocket::start_close).
    pub fn start_close(&mut self, frame: impl Into<CloseFrame>) {
        self.0.change(|socket| socket.begin_close(frame.into()));
    }

    /// As [`WebSocket::send_stream`](crate::WebSocket::send_stream).
    pub fn send_stream(&mut self, kind: Kind) -> Result<MessageWriter<'_, Half<R, T>>, StreamError> {
        MessageWriter::new(&mut self.0, kind)
    }
}

impl<R: Runtime + Io<T>, T> Receiver<R, T> {
    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        operations::recv(&mut self.0).await
    }

    /// As [`WebSocket::next`](crate::WebSocket::next).
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        operations::next(&mut self.0).await
    }

    /// As [`WebSocket::visit`](crate::WebSocket::visit).
    pub async fn visit(
        &mut self,
        visitor: impl FnMut(MessageRef<'_>, &mut Reply<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        operations::visit(&mut self.0, visitor).await
    }

    /// As [`WebSocket::recv_stream`](crate::WebSocket::recv_stream).
    pub async fn recv_stream(&mut self) -> Result<Option<MessageReader<'_, Half<R, T>>>, Error> {
        MessageReader::begin(&mut self.0).await
    }

    /// As [`WebSocket::closed`](crate::WebSocket::closed).
    pub fn closed(&mut self) -> Option<Closed> {
        self.0.with(|socket| socket.closed().cloned())
    }
}

impl<R: Runtime, T> Drop for Receiver<R, T> {
    fn drop(&mut self) {
        // Nobody takes what comes any more; it must not stand in the way of pongs and of the peer's Close frame.
        self.0.0.lock().receiver = socket::Receiver::Nobody;
        self.0.0.wake_others();
    }
}

impl<R: Runtime + Io<T>, T> Stream for Receiver<R, T> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        operations::poll_recv(&mut self.get_mut().0, cx).map(Result::transpose)
    }
}

impl<R: Runtime + Io<T>, T> Sink<Message> for Sender<R, T> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().0.poll(cx, Socket::poll_promise)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        self.get_mut().0.with(|socket| socket.start_send(message))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().0.poll(cx, Socket::poll_flush)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().0.poll(cx, Socket::poll_close)
    }
}
