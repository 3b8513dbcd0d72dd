//! The operations of a connection, written once for all handles to it: the whole [`WebSocket`](crate::WebSocket) and
//! its two halves. No state lives in a future, so that each may be dropped at any await.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::task::{Context, Poll, ready};

use ws_core::bytes::Bytes;
use ws_core::{
    CloseFrame, Closed, Data, Error, Event, Message, MessageRef, PingError, Reply, SendError, StreamError,
};

use crate::runtime::{Io, Runtime};
use crate::socket::Socket;

/// A way to reach a connection.
pub trait Access {
    /// The runtime.
    type Runtime: Runtime + Io<Self::Transport>;
    /// The transport.
    type Transport;

    /// Does something that needs no waiting and that nobody else waits for.
    fn with<O>(&mut self, f: impl FnOnce(&mut Socket<Self::Runtime, Self::Transport>) -> O) -> O;

    /// Does something that may change what others wait for.
    fn change<O>(&mut self, f: impl FnOnce(&mut Socket<Self::Runtime, Self::Transport>) -> O) -> O;

    /// Polls, and leaves a waker where it pends.
    fn poll<O>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Socket<Self::Runtime, Self::Transport>, &mut Context<'_>) -> Poll<O>,
    ) -> Poll<O>;
}

pub(crate) async fn next<A: Access>(access: &mut A) -> Result<Option<Event>, Error> {
    access.with(|socket| socket.connection().receive_pieces(false));
    poll_fn(|cx| access.poll(cx, Socket::poll_next)).await
}

// Those that are called for each message are functions that give a future, not `async` ones: a state less to keep each.

pub(crate) fn recv<A: Access>(access: &mut A) -> impl Future<Output = Result<Option<Message>, Error>> {
    poll_fn(|cx| poll_recv(access, cx))
}

#[inline]
pub(crate) fn poll_recv<A: Access>(
    access: &mut A,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Message>, Error>> {
    access.poll(cx, poll_whole)
}

#[inline]
pub(crate) fn poll_whole<R: Runtime + Io<T>, T>(
    socket: &mut Socket<R, T>,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Message>, Error>> {
    socket.connection().receive_pieces(false);
    socket.poll_message(cx)
}

pub(crate) async fn visit<A: Access>(
    access: &mut A,
    mut visitor: impl FnMut(MessageRef<'_>, &mut Reply<'_>) -> ControlFlow<()>,
) -> Result<(), Error> {
    access.with(|socket| socket.connection().receive_pieces(false));
    poll_fn(|cx| access.poll(cx, |socket, cx| socket.poll_visit(cx, &mut visitor))).await
}

pub(crate) async fn ready<A: Access>(access: &mut A) -> Result<(), SendError> {
    poll_fn(|cx| access.poll(cx, Socket::poll_ready)).await
}

pub(crate) fn feed<A: Access>(
    access: &mut A,
    message: Message,
) -> impl Future<Output = Result<(), SendError>> {
    let mut message = Some(message);
    poll_fn(move |cx| access.poll(cx, |socket, cx| socket.poll_feed(cx, &mut message)))
}

/// In one poll, if there is room and the transport takes everything at once.
pub(crate) fn send<A: Access>(
    access: &mut A,
    message: Message,
) -> impl Future<Output = Result<(), SendError>> {
    let mut message = Some(message);
    poll_fn(move |cx| {
        access.poll(cx, |socket, cx| {
            ready!(socket.poll_feed(cx, &mut message))?;
            socket.poll_flush(cx)
        })
    })
}

pub(crate) fn flush<A: Access>(access: &mut A) -> impl Future<Output = Result<(), SendError>> {
    poll_fn(|cx| access.poll(cx, Socket::poll_flush))
}

pub(crate) async fn ping<A: Access>(access: &mut A, payload: Bytes) -> Result<(), PingError> {
    // In one poll: another half could take the room that it has waited for.
    poll_fn(|cx| {
        access.poll(cx, |socket, cx| {
            ready!(socket.poll_ready(cx)).map_err(|_| PingError::Closed)?;
            Poll::Ready(socket.connection().ping(payload.clone()))
        })
    })
    .await?;
    flush(access).await.map_err(|_| PingError::Closed)
}

pub(crate) async fn close<A: Access>(access: &mut A, frame: CloseFrame) -> Closed {
    access.change(|socket| socket.begin_close(frame));
    poll_fn(|cx| access.poll(cx, Socket::poll_closed)).await
}

pub(crate) async fn send_part<A: Access>(access: &mut A, part: &[u8], last: bool) -> Result<(), StreamError> {
    poll_fn(|cx| {
        access.poll(cx, |socket, cx| {
            ready!(socket.poll_ready(cx)).map_err(|_| StreamError::Closed)?;
            Poll::Ready(match last {
                false => socket.connection().continue_message(part),
                true => socket.connection().finish_message(part),
            })
        })
    })
    .await
}

/// The next piece of a message, or a whole one.
pub(crate) async fn next_piece<A: Access>(access: &mut A) -> Result<Data, Error> {
    poll_fn(|cx| {
        access.poll(cx, |socket, cx| {
            socket.connection().receive_pieces(true);
            socket.poll_data(cx)
        })
    })
    .await
}
