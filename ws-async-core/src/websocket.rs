//! One connection, as a user holds it.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_sink::Sink;
use ws_common::{MaybeTls, WebSocketError};
use ws_core::bytes::Bytes;
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
use crate::split::{self, Receiver, Sender};
use crate::stream::{MessageReader, MessageWriter};
use crate::wakers::{Tasks, WakerSlot};

/// One WebSocket connection, of either role, over any transport of a runtime.
///
/// **Somebody must wait.** Every waiting method writes what is queued, reads, answers pings, sends those of
/// `ping_interval` and keeps all deadlines. While none is under way, nothing happens, and there is no heartbeat. A task that
/// sends only now and then should [`split`](Self::split) the connection and receive in another task meanwhile.
///
/// **Dropping** it closes the transport at once, without a Close frame: the peer reports 1006.
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
    ///
    /// `epoch` is the moment that the connection's [`Instant`](ws_core::Instant)s count from.
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

    /// The next message; `None` once the connection has ended in order, or was broken off by this side. Control frames are dealt with on the way.
    ///
    /// What waits to be sent goes out first. Messages that came in one read are handed out without a system call between
    /// them. An error says why the connection broke off, once it has ended and the peer was told, within `close_timeout`; the next
    /// call gives `None`. Cancel safe.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> {
        operations::recv(self)
    }

    /// The next event of any kind; `None` after [`Event::Closed`], which comes in any case, after an error too. Cancel safe.
    pub async fn next_event(&mut self) -> Result<Option<Event>, Error> {
        operations::next_event(self).await
    }

    /// Shows each message to `visitor`, where it lies in the read buffer: without a reference count or an allocation per
    /// message. The visitor may answer, and says whether to go on. Ends when it breaks off, or with the connection.
    ///
    /// Before a message is shown, there is room for an answer to it. Cancel safe.
    pub async fn for_each_borrowed(
        &mut self,
        visitor: impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        operations::for_each_borrowed(self, visitor).await
    }

    /// Receives the next message in chunks, as they come: of any size, without ever being whole in memory. `None` once the
    /// connection has ended in order. Cancel safe.
    pub async fn recv_stream(&mut self) -> Result<Option<MessageReader<'_, Self>>, Error> {
        MessageReader::begin(self).await
    }

    /// Waits for room, queues the message, and waits until the transport has taken everything.
    ///
    /// Cancel safety: the message is never half-sent nor reordered. Dropped before there was room, nothing was sent; dropped
    /// after, the message is queued, and goes out with the next thing that waits. To know which, use
    /// [`ready`](Self::ready), [`try_send`](Self::try_send) and [`flush`](Self::flush).
    pub fn send(&mut self, message: impl Into<Message>) -> impl Future<Output = Result<(), SendError>> {
        operations::send(self, message.into())
    }

    /// Queues the message if there is room, and writes it if the transport takes it at once, all without waiting. An error hands
    /// the message back. To send many messages with one write, use [`feed`](Self::feed).
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        operations::try_send(self, message.into())
    }

    /// Waits until there is room for a message. Cancel safe.
    pub async fn ready(&mut self) -> Result<(), SendError> {
        operations::ready(self).await
    }

    /// Waits for room and queues the message, without writing: several can leave together with the next
    /// [`flush`](Self::flush) or whatever waits next. Cancel safety as for [`send`](Self::send).
    pub fn feed(&mut self, message: impl Into<Message>) -> impl Future<Output = Result<(), SendError>> {
        operations::feed(self, message.into())
    }

    /// Waits until the transport has taken everything that is queued. Cancel safe.
    ///
    /// An error if the connection ended before, and something of it was lost.
    pub fn flush(&mut self) -> impl Future<Output = Result<(), SendError>> {
        operations::flush(self)
    }

    /// Sends a ping with a payload of at most 125 bytes. Its pong comes as [`Event::Pong`], with the round-trip time.
    /// Cancel safety as for [`send`](Self::send).
    pub async fn ping(&mut self, payload: impl Into<Bytes>) -> Result<(), PingError> {
        operations::ping(self, payload.into()).await
    }

    /// Begins a message that is sent in parts, of any total size, without ever being whole in memory. Until it is
    /// finished, no other message can be sent.
    pub fn send_stream(&mut self, kind: MessageKind) -> Result<MessageWriter<'_, Self>, StreamError> {
        MessageWriter::new(self, kind)
    }

    /// Closes: begins the closing handshake, unless it has begun, and waits for its end, at most twice `close_timeout`.
    ///
    /// `frame` is a [`CloseCode`](ws_core::CloseCode), or a [`CloseFrame`] with a reason. What is queued goes out first.
    /// Messages that come meanwhile can be received afterwards, as far as `max_read_ahead` holds them; to get all, call
    /// [`start_close`](Self::start_close) and go on receiving. Cancel safe: call it again, or go on receiving.
    pub async fn close(&mut self, frame: impl Into<CloseFrame>) -> Closed {
        operations::close(self, frame.into()).await
    }

    /// Begins the closing handshake, and writes what the transport takes at once, without waiting: go on receiving to its end.
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

    /// Two halves, to send in one task and receive in another.
    pub fn split(self) -> (Sender<R, T>, Receiver<R, T>) {
        split::split(self.socket)
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

    /// The transport. Reading from it or writing to it breaks the connection. `None` once it was reset, because the peer had missed a
    /// deadline or the listener had broken off the connection.
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
