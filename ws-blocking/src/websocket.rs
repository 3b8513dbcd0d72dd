//! One connection, as a user holds it.

use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ws_common::{MaybeTls, Parts, duplex::Duplex};
use ws_core::{
    CloseFrame, Closed, Config, Connection, Error, Event, Message, MessageKind, MessageRef, PingError,
    Responder, SendError, Stats, StreamError,
};

use crate::clock::Clock;
use crate::driver::Driver;
use crate::elapsed::Elapsed;
use crate::messages::Messages;
use crate::shared::SharedConnection;
use crate::stream::{MessageReader, MessageWriter};
use crate::transport::Transport;

/// One WebSocket connection, of either role, over a TCP stream or another [`Transport`].
///
/// **Somebody must wait.** Every waiting method writes what is queued, reads, answers pings, sends those of
/// `ping_interval` and keeps all deadlines. While none is under way, nothing happens, and there is no heartbeat. A thread
/// that sends only now and then should [`split`](Self::split) the connection and let another thread receive meanwhile.
///
/// **Dropping** it closes the transport at once, without a Close frame: the peer reports 1006.
pub struct WebSocket<S: Transport = TcpStream> {
    pub(crate) shared: Arc<SharedConnection<S>>,
}

impl<S: Transport> WebSocket<S> {
    /// A connection whose handshake was done elsewhere: see [`Connection::after_handshake`].
    ///
    /// `config` is the one that the connection was made with: it says how long a read may take at most. `epoch` is the
    /// moment that the connection's [`Instant`](ws_core::Instant)s count from.
    pub fn from_connection(transport: S, connection: Connection, config: &Config, epoch: Clock) -> Self {
        let duplex = Duplex::new(MaybeTls::plain(connection));
        let driver = Driver::new(transport, duplex, epoch, config.shortest_timeout());
        Self::new(SharedConnection::new(driver, None))
    }

    pub(crate) fn new(shared: Arc<SharedConnection<S>>) -> Self {
        Self { shared }
    }

    /// The next message; `None` once the connection has ended in order, or was broken off by this side. Control frames are dealt with on the way.
    ///
    /// Queued messages go out first. Messages that came in one read are handed out without a system call between
    /// them. An error says why the connection broke off, once it has ended and the peer was told, within `close_timeout`; the
    /// next call gives `None`.
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.shared.recv()
    }

    /// The next event of any kind; `None` after [`Event::Closed`], which comes in any case, after an error too.
    pub fn next_event(&mut self) -> Result<Option<Event>, Error> {
        self.shared.next_event()
    }

    /// As [`recv`](Self::recv), but waits no longer than `timeout`. [`Elapsed`] says that the time is over, and nothing is lost. `Ok(Ok(None))`
    /// says that the connection has ended. With zero, it does the work that needs no waiting.
    ///
    /// ```
    /// # fn listen(mut ws: ws_blocking::WebSocket) {
    /// use std::time::Duration;
    ///
    /// match ws.recv_timeout(Duration::from_secs(10)) {
    ///     Ok(Ok(Some(message))) => println!("{message}"),
    ///     Ok(Ok(None)) => println!("the connection has ended"),
    ///     Ok(Err(error)) => println!("failed: {error}"),
    ///     Err(_) => println!("nothing has come in 10 s"),
    /// }
    /// # }
    /// ```
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Result<Option<Message>, Error>, Elapsed> {
        self.shared.recv_timeout(timeout)
    }

    /// As [`next_event`](Self::next_event), but waits no longer than `timeout`, as [`recv_timeout`](Self::recv_timeout).
    pub fn next_event_timeout(&mut self, timeout: Duration) -> Result<Result<Option<Event>, Error>, Elapsed> {
        self.shared.next_event_timeout(timeout)
    }

    /// Shows each message to `visitor`, where it lies in the read buffer: without a reference count or an allocation per
    /// message. The visitor may answer, and says whether to go on. Ends when it breaks off, or with the connection.
    ///
    /// Before a message is shown, there is room for an answer to it; until then, messages are read ahead within
    /// `max_read_ahead`. Nothing is locked while the visitor runs. If it panics, the connection can be used as before.
    pub fn for_each_borrowed(
        &mut self,
        visitor: impl FnMut(MessageRef<'_>, &mut Responder<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.shared.for_each_alone(visitor)
    }

    /// Receives the next message in chunks, as they come: of any size, without ever being whole in memory. `None` once the
    /// connection has ended in order.
    pub fn recv_stream(&mut self) -> Result<Option<MessageReader<'_, S>>, Error> {
        MessageReader::begin(&self.shared)
    }

    /// Waits for room, queues the message, and waits until the transport has taken it and all that was queued before.
    ///
    /// With several threads sending, each message is whole, and those of one thread keep their order. While it waits, it
    /// reads, as far as `max_read_ahead` holds what comes, so that two peers that both send do not wait for each other. To
    /// send without waiting, use [`try_send`](Self::try_send).
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.send(message.into())
    }

    /// As [`send`](Self::send), but waits no longer than `timeout`. [`SendError::Full`] says that the time is over without room, and hands
    /// the message back; other errors as of `send`. `Ok` says that the message is queued. If the transport did not take it in time, it
    /// goes out with the next call that waits.
    pub fn send_timeout(&mut self, message: impl Into<Message>, timeout: Duration) -> Result<(), SendError> {
        self.shared.send_timeout(message.into(), timeout)
    }

    /// Queues the message if there is room, and writes what the transport takes at once, without waiting. If there is no room, the
    /// error hands the message back.
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.try_send(message.into())
    }

    /// Waits until there is room for a message.
    pub fn ready(&mut self) -> Result<(), SendError> {
        self.shared.ready()
    }

    /// Waits for room and queues the message, without writing: several can leave together with the next
    /// [`flush`](Self::flush) or whatever waits next.
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.feed(message.into())
    }

    /// Waits until the transport has taken everything that is queued.
    ///
    /// An error if the connection ended before, and something of it was lost.
    pub fn flush(&mut self) -> Result<(), SendError> {
        self.shared.flush()
    }

    /// Sends a ping with a payload of at most 125 bytes. Its pong comes as [`Event::Pong`], with the round-trip time.
    pub fn ping(&mut self, payload: impl AsRef<[u8]>) -> Result<(), PingError> {
        self.shared.ping(payload.as_ref())
    }

    /// Begins a message that is sent in fragments, of any total size, without ever being whole in memory. Until it is
    /// finished, no other message can be sent.
    pub fn send_stream(&mut self, kind: MessageKind) -> Result<MessageWriter<'_, S>, StreamError> {
        MessageWriter::new(&self.shared, kind)
    }

    /// Closes: begins the closing handshake, unless it has begun, and waits for its end, at most twice `close_timeout`.
    ///
    /// `frame` is a [`CloseCode`](ws_core::CloseCode), a [`CloseFrame`] with a reason, `1000`, `(1000, "why")`, or `None` for no code. Queued
    /// messages go out first.
    /// Messages that come meanwhile can be received afterwards, as far as `max_read_ahead` holds them; to get all, call
    /// [`start_close`](Self::start_close) and go on receiving.
    pub fn close(&mut self, frame: impl Into<CloseFrame>) -> Closed {
        self.shared.close(frame.into())
    }

    /// Begins the closing handshake, and writes what the transport takes at once: go on receiving to its end.
    pub fn start_close(&mut self, frame: impl Into<CloseFrame>) {
        self.shared.start_close(frame.into());
    }

    /// How the connection ended, once it has.
    pub fn closed(&self) -> Option<Closed> {
        self.shared.closed()
    }

    /// The counts of this connection so far: frames, messages and bytes in each direction, and round-trip times.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Takes the connection apart: its transport, the bytes that were read and not yet taken, and queued bytes that were not written.
    /// `None` if the transport was reset: after a deadline of a pong or of a write, after an abort of the connection, or after one of its
    /// listener. A listener no longer counts the connection, and does not stop it.
    ///
    /// The transport stays open, and no Close frame is sent. For example, another program or library goes on with the connection:
    ///
    /// ```no_run
    /// # fn hand_over(mut ws: ws_blocking::WebSocket) -> Result<(), Box<dyn std::error::Error>> {
    /// ws.flush()?;
    /// if let Some(parts) = ws.into_parts() {
    ///     let (transport, read) = (parts.transport, parts.read);
    ///     // The next reader takes `read` before it reads from `transport`.
    ///     println!("{transport:?} and {} bytes", read.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// - Receive all messages before: [`Parts`] lists the missing bytes. A reader of these bytes does not know the state of a compressor.
    /// - After the closing handshake, the transport is shut down for writing (RFC 6455 §7.1.1). Bytes behind the peer's Close frame were
    ///   dropped.
    /// - Over TLS, the session ends here. Both buffers are empty, and the transport is the stream below TLS. To keep the session, open
    ///   `ws://` over a stream that does TLS itself ([`connect_over`](Self::connect_over)).
    /// - Two halves have to be [reunited](crate::Sender::reunite) before.
    /// - The transport keeps the time-outs of its last call.
    pub fn into_parts(self) -> Option<Parts<S>> {
        SharedConnection::into_parts(self.shared)
    }

    /// The transport. Reading from it, writing to it or changing its time-outs breaks the connection.
    pub fn transport(&self) -> &S {
        &self.shared.driver.transport
    }
}

/// As [`recv`](WebSocket::recv), to the end: `for message in &mut socket`.
impl<'a, S: Transport> IntoIterator for &'a mut WebSocket<S> {
    type Item = Result<Message, Error>;
    type IntoIter = Messages<'a, S>;

    fn into_iter(self) -> Messages<'a, S> {
        Messages(&self.shared)
    }
}
