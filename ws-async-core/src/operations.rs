//! The operations of a connection, written once for all handles to it: the whole [`WebSocket`](crate::WebSocket) and
//! its two halves. No state lives in a future, so that each may be dropped at any await.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ws_core::{
    CloseFrame, Closed, DataPoll, Error, Event, Message, MessageKind, MessageRef, PingError, Responder,
    SendError, StreamError,
};

use crate::runtime::{Io, Runtime};
use crate::socket::Socket;

/// A way to reach a connection.
pub trait Access {
    /// The runtime.
    type Runtime: Runtime + Io<Self::Transport>;
    /// The transport.
    type Transport;

    /// Does something that needs no waiting, and may use the transport. `None` if this thread holds the connection already,
    /// because its transport or a waker calls.
    fn run<O>(
        &mut self,
        f: impl FnOnce(&mut Socket<Self::Runtime, Self::Transport>, &mut Context<'_>) -> O,
    ) -> Option<O>;

    /// The same without a result. If this thread holds the connection already, it is done a little later.
    fn run_or_defer(
        &mut self,
        f: impl FnOnce(&mut Socket<Self::Runtime, Self::Transport>, &mut Context<'_>) + Send + 'static,
    );

    /// Polls, and leaves a waker where it pends.
    fn poll<O>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Socket<Self::Runtime, Self::Transport>, &mut Context<'_>) -> Poll<O>,
    ) -> Poll<O>;

    /// The same for a poll that is not repeated for sure, and no [`give_up`](Self::give_up) follows.
    fn poll_unguarded<O>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Socket<Self::Runtime, Self::Transport>, &mut Context<'_>) -> Poll<O>,
    ) -> Poll<O>;

    /// A future that has polled is dropped.
    fn give_up(&mut self);
}

/// Waits until `poll` is ready. When it is dropped, another task takes over its duty to drive the transport.
struct Wait<'a, A: Access, F> {
    access: &'a mut A,
    poll: F,
}

impl<A: Access, F> Unpin for Wait<'_, A, F> {}

impl<A, F, O> Future for Wait<'_, A, F>
where
    A: Access,
    F: FnMut(&mut Socket<A::Runtime, A::Transport>, &mut Context<'_>) -> Poll<O>,
{
    type Output = O;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        let Self { access, poll } = self.get_mut();
        access.poll(cx, poll)
    }
}

impl<A: Access, F> Drop for Wait<'_, A, F> {
    #[inline]
    fn drop(&mut self) {
        self.access.give_up();
    }
}

fn wait<'a, A, F, O>(access: &'a mut A, poll: F) -> Wait<'a, A, F>
where
    A: Access,
    F: FnMut(&mut Socket<A::Runtime, A::Transport>, &mut Context<'_>) -> Poll<O>,
{
    Wait { access, poll }
}

// Functions that give a future, not `async` ones: a state less to keep for each message.

pub(crate) fn next_event<A: Access>(access: &mut A) -> impl Future<Output = Result<Option<Event>, Error>> {
    wait(access, Socket::poll_next)
}

pub(crate) fn recv<A: Access>(access: &mut A) -> impl Future<Output = Result<Option<Message>, Error>> {
    wait(access, Socket::poll_message)
}

pub(crate) fn for_each_borrowed<A: Access>(
    access: &mut A,
    mut visitor: impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
) -> impl Future<Output = Result<(), Error>> {
    wait(access, move |socket, cx| socket.poll_for_each(cx, &mut visitor))
}

pub(crate) fn ready<A: Access>(access: &mut A) -> impl Future<Output = Result<(), SendError>> {
    wait(access, Socket::poll_ready)
}

pub(crate) fn feed<A: Access>(
    access: &mut A,
    message: Message,
) -> impl Future<Output = Result<(), SendError>> {
    let mut message = Some(message);
    wait(access, move |socket, cx| socket.poll_feed(cx, &mut message))
}

/// In one poll, if there is room and the transport takes everything at once.
pub(crate) fn send<A: Access>(
    access: &mut A,
    message: Message,
) -> impl Future<Output = Result<(), SendError>> {
    let mut message = Some(message);
    wait(access, move |socket, cx| {
        if message.is_some() {
            ready!(socket.poll_feed(cx, &mut message))?;
        }
        socket.poll_flush(cx)
    })
}

/// `Busy` if a transport, or a waker, sends on the very connection that calls it.
pub(crate) fn try_send<A: Access>(access: &mut A, message: Message) -> Result<(), SendError> {
    let mut message = Some(message);
    let sent = access.run(|socket, cx| message.take().map_or(Ok(()), |message| socket.try_send(message, cx)));
    match (sent, message) {
        (Some(result), _) => result,
        (None, Some(message)) => Err(SendError::Busy(message)),
        (None, None) => Ok(()),
    }
}

pub(crate) fn flush<A: Access>(access: &mut A) -> impl Future<Output = Result<(), SendError>> {
    wait(access, Socket::poll_flush)
}

pub(crate) async fn ping<A: Access>(access: &mut A, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
    wait(access, |socket, cx| socket.poll_ping(cx, payload.as_ref())).await?;
    flush(access).await.map_err(|_| PingError::Closed)
}

pub(crate) async fn close<A: Access>(access: &mut A, frame: CloseFrame) -> Closed {
    let mut frame = Some(frame);
    wait(access, move |socket, cx| {
        if let Some(frame) = frame.take() {
            socket.start_close(frame, cx);
        }
        socket.poll_closed(cx)
    })
    .await
}

pub(crate) fn start_close<A: Access>(access: &mut A, frame: CloseFrame) {
    access.run_or_defer(move |socket, cx| socket.start_close(frame, cx));
}

pub(crate) fn start_message<A: Access>(access: &mut A, kind: MessageKind) -> Result<(), StreamError> {
    access.run(|socket, _| socket.connection().start_message(kind)).unwrap_or(Err(StreamError::Busy))
}

pub(crate) fn abort_message<A: Access>(access: &mut A) {
    access.run_or_defer(|socket, cx| socket.abort_message(cx));
}

pub(crate) fn send_fragment<A: Access>(
    access: &mut A,
    fragment: &[u8],
    is_last: bool,
) -> impl Future<Output = Result<(), StreamError>> {
    wait(access, move |socket, cx| socket.poll_fragment(cx, fragment, is_last))
}

/// The next chunk of a message, or a whole one.
pub(crate) fn next_chunk<A: Access>(access: &mut A) -> impl Future<Output = Result<DataPoll, Error>> {
    wait(access, poll_chunk)
}

pub(crate) fn poll_chunk<R: Runtime + Io<T>, T>(
    socket: &mut Socket<R, T>,
    cx: &mut Context<'_>,
) -> Poll<Result<DataPoll, Error>> {
    socket.connection().receive_chunks(true);
    socket.poll_data(cx)
}

/// The first chunk of the next message, or a whole one. What is left of a message whose reader was dropped is passed over.
pub(crate) fn first_chunk<A: Access>(access: &mut A) -> impl Future<Output = Result<DataPoll, Error>> {
    wait(access, |socket, cx| {
        loop {
            socket.connection().receive_chunks(true);
            let is_rest = socket.connection().is_within_chunks();
            let data = ready!(socket.poll_data(cx));
            if !is_rest || !matches!(data, Ok(DataPoll::Message(_) | DataPoll::Chunk(_))) {
                return Poll::Ready(data);
            }
        }
    })
}
