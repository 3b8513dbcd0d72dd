//! One connection, as a user holds it.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_sink::Sink;
use ws_common::{MaybeTls, Parts, WebSocketError};
use ws_core::{
    CloseFrame, Closed, Connection, Error, Event, Message, MessageKind, MessageRef, PingError, Responder,
    SendError, Stats, StreamError,
};

use crate::clock::RuntimeClock;
use crate::driver::Driver;
use crate::operations::{self, Access};
use crate::runtime::{Io, Runtime};
use crate::slots::SlotId;
use crate::socket::Socket;
use crate::stream::{MessageReader, MessageWriter};
use crate::wakers::{Tasks, WakerSlot};

/// One WebSocket connection, of either role, over any transport of a runtime.
pub struct WebSocket<R: Runtime, T = <R as Runtime>::TcpStream> {
    pub(crate) socket: Socket<R, T>,
    /// Those that use it as a `Stream` and as a `Sink`, which may be two since `futures_util::StreamExt::split`.
    tasks: Option<Box<Pair>>,
}

/// Nothing of it is pinned where it lies, the transport neither.
impl<R: Runtime, T> Unpin for WebSocket<R, T> {}

/// Two tasks that poll the same connection, neither of which knows of the other.
#[derive(Default)]
struct Pair {
    tasks: Tasks,
    slots: Option<[SlotId; 2]>,
    /// The last poll for each has pended.
    was_waiting: [bool; 2],
}

/// The slots of the two.
const STREAM: usize = 0;
const SINK: usize = 1;

impl<R: Runtime + Io<T>, T> WebSocket<R, T> {
    /// A connection whose handshake was done elsewhere: see [`Connection::after_handshake`].
    pub fn from_connection(
        transport: T,
        connection: Connection,
        epoch: impl Into<std::time::Instant>,
    ) -> Self {
        let driver = Driver::new(MaybeTls::plain(connection), RuntimeClock::since(epoch.into()));
        Self::new(Socket::new(transport, driver, None))
    }

    pub(crate) fn new(socket: Socket<R, T>) -> Self {
        Self { socket, tasks: None }
    }

    /// The next message; `None` once the connection has ended in order, or was broken off by this side.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> {
        operations::recv(self)
    }

    /// The next event of any kind; `None` after [`Event::Closed`], which comes in any case, after an error too.
    pub async fn next_event(&mut self) -> Result<Option<Event>, Error> {
        operations::next_event(self).await
    }

    /// Shows each message to `visitor`, where it lies in the read buffer: without a reference count or an allocation per
    /// message.
    pub async fn for_each_borrowed(
        &mut self,
        visitor: impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        operations::for_each_borrowed(self, visitor).await
    }

    /// Receives the next message in chunks, as they come: of any size, without ever being whole in memory.
    pub async fn recv_stream(&mut self) -> Result<Option<MessageReader<'_, Self>>, Error> {
        MessageReader::begin(self).await
    }

    /// Waits for room, queues the message, and waits until the transport has taken everything.
    pub fn send(&mut self, message: impl Into<Message>) -> impl Future<Output = Result<(), SendError>> {
        operations::send(self, message.into())
    }

    /// Queues the message if there is room, and writes it if the transport takes it at once, all without waiting.
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        operations::try_send(self, message.into())
    }

    /// Waits until there is room for a message.
    pub async fn ready(&mut self) -> Result<(), SendError> {
        operations::ready(self).await
    }

    /// Waits for room and queues the message, without writing: several can leave together with the next
    /// [`flush`](Self::flush) or whatever waits next.
    pub fn feed(&mut self, message: impl Into<Message>) -> impl Future<Output = Result<(), SendError>> {
        operations::feed(self, message.into())
    }

    /// Waits until the transport has taken everything that is queued.
    pub fn flush(&mut self) -> impl Future<Output = Result<(), SendError>> {
        operations::flush(self)
    }

    /// Sends a ping with a payload of at most 125 bytes.
    pub async fn ping(&mut self, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
        operations::ping(self, payload).await
    }

    /// Begins a message that is sent in fragments, of any total size, without ever being whole in memory.
    pub fn send_stream(&mut self, kind: MessageKind) -> Result<MessageWriter<'_, Self>, StreamError> {
        MessageWriter::new(self, kind)
    }

    /// Closes: begins the closing handshake, unless it has begun, and waits for its end, at most twice `close_timeout`.
    pub async fn close(&mut self, frame: impl Into<CloseFrame>) -> Closed {
        operations::close(self, frame.into()).await
    }

    /// Begins the closing handshake, without waiting.
    pub fn start_close(&mut self, frame: impl Into<CloseFrame>) {
        operations::start_close(self, frame.into());
    }

    /// How the connection ended, once it has.
    pub fn closed(&self) -> Option<&Closed> {
        self.socket.closed()
    }

    /// The counts of this connection so far: frames, messages and bytes in each direction, and round-trip times.
    pub fn stats(&self) -> Stats {
        self.socket.stats()
    }

    /// The transport, and the bytes that were read or queued; `None` if the transport was reset.
    pub fn into_parts(self) -> Option<Parts<T>> {
        self.socket.into_parts()
    }

    /// Polls for one of two tasks, neither of which knows of the other.
    fn poll_for<O>(
        &mut self,
        number: usize,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Socket<R, T>, &mut Context<'_>) -> Poll<O>,
    ) -> Poll<O> {
        let Self { socket, tasks } = self;
        let pair = tasks.get_or_insert_default();
        let slots = pair.slots.get_or_insert_with(|| [pair.tasks.take_slot(), pair.tasks.take_slot()]);
        let was_waiting = pair.was_waiting[number];
        let waker_slot = WakerSlot { slot: slots[number], is_guarded: false, was_waiting };
        let result = pair.tasks.poll(socket, Some(waker_slot), cx, f);
        pair.was_waiting[number] = result.is_pending();
        result
    }

    /// The transport.
    pub fn transport(&self) -> Option<&T> {
        self.socket.io.as_ref()
    }
}

impl<R: Runtime + Io<T>, T> Access for WebSocket<R, T> {
    type Runtime = R;
    type Transport = T;

    fn run<O>(&mut self, f: impl FnOnce(&mut Socket<R, T>, &mut Context<'_>) -> O) -> Option<O> {
        let Self { socket, tasks } = self;
        Some(match tasks {
            // Nobody waits.
            None => f(socket, &mut Context::from_waker(Waker::noop())),
            Some(pair) => pair.tasks.run(socket, f),
        })
    }

    fn run_or_defer(&mut self, f: impl FnOnce(&mut Socket<R, T>, &mut Context<'_>) + Send + 'static) {
        self.run(f);
    }

    #[inline(always)]
    fn poll<O>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Socket<R, T>, &mut Context<'_>) -> Poll<O>,
    ) -> Poll<O> {
        f(&mut self.socket, cx)
    }

    fn poll_unguarded<O>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Socket<R, T>, &mut Context<'_>) -> Poll<O>,
    ) -> Poll<O> {
        f(&mut self.socket, cx)
    }

    #[inline(always)]
    fn give_up(&mut self) {}
}

/// As [`recv`](WebSocket::recv).
impl<R: Runtime + Io<T>, T> Stream for WebSocket<R, T> {
    type Item = Result<Message, WebSocketError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut()
            .poll_for(STREAM, cx, Socket::poll_message)
            .map_err(WebSocketError::from)
            .map(Result::transpose)
    }
}

/// As [`ready`](WebSocket::ready), [`try_send`](WebSocket::try_send), [`flush`](WebSocket::flush); closing sends Close 1000 and
/// waits for the end. After a ready `poll_ready`, `start_send` always has room.
impl<R: Runtime + Io<T>, T> Sink<Message> for WebSocket<R, T> {
    type Error = WebSocketError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        self.get_mut().poll_for(SINK, cx, Socket::poll_reserve).map_err(WebSocketError::from)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), WebSocketError> {
        let sent = self.get_mut().run(|socket, _| socket.start_send(message)).unwrap_or(Ok(()));
        sent.map_err(WebSocketError::from)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        self.get_mut().poll_for(SINK, cx, Socket::poll_flush).map_err(WebSocketError::from)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        self.get_mut().poll_for(SINK, cx, Socket::poll_close).map_err(WebSocketError::from)
    }
}
