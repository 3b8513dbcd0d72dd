#![doc = include_str!("../README.md")]

mod resettable;
mod runtime;
mod timer;

use tokio::net::TcpStream;

pub use resettable::Resettable;
pub use runtime::Tokio;

/// One WebSocket connection, of either role, over any transport of tokio's: whatever is its `AsyncRead` and `AsyncWrite`.
///
/// ```no_run
/// use ws_tokio::{CloseCode, WebSocket};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let (mut ws, _response) = WebSocket::connect("ws://127.0.0.1:8080/feed").await?;
/// ws.send("hello").await?;
/// while let Some(message) = ws.recv().await? {
///     println!("received {:?}", message.as_text());
/// }
/// println!("{}", ws.close(CloseCode::NORMAL).await);
/// # Ok(())
/// # }
/// ```
///
/// | To | there is |
/// | --- | --- |
/// | open one | [`connect`](WebSocket::connect), [`connect_over`](WebSocket::connect_over) a stream that is open already, [`accept`](WebSocket::accept) |
/// | receive | [`recv`](WebSocket::recv) a message, [`next_event`](WebSocket::next_event) gives an event of any kind, [`for_each_borrowed`](WebSocket::for_each_borrowed) messages where they lie, [`recv_stream`](WebSocket::recv_stream); it is a `Stream` |
/// | send | [`send`](WebSocket::send); [`feed`](WebSocket::feed) and [`flush`](WebSocket::flush); [`ready`](WebSocket::ready) and [`try_send`](WebSocket::try_send); [`send_stream`](WebSocket::send_stream); [`ping`](WebSocket::ping); it is a `Sink` |
/// | end it | [`close`](WebSocket::close), or [`start_close`](WebSocket::start_close) and go on receiving |
/// | do both at once | [`split`](WebSocket::split) |
/// | observe it | [`stats`](WebSocket::stats): frames, messages, bytes, round-trip times; [`closed`](WebSocket::closed) |
///
/// **Somebody must wait.** Every waiting method writes what is queued, reads, answers pings, sends those of
/// `ping_interval` and keeps all deadlines. While none is under way, nothing happens, and there is no heartbeat. A task that
/// sends only now and then should [`split`](WebSocket::split) the connection and receive in another task meanwhile.
///
/// **Dropping** it closes the transport at once, without a Close frame: the peer reports 1006.
pub type WebSocket<T = TcpStream> = ws_async_core::WebSocket<Tokio, T>;

/// The sending half of a [`WebSocket`], from [`split`](WebSocket::split), with the same methods.
pub type Sender<T = TcpStream> = ws_async_core::Sender<Tokio, T>;

/// The receiving half of a [`WebSocket`], from [`split`](WebSocket::split), with the same methods.
pub type Receiver<T = TcpStream> = ws_async_core::Receiver<Tokio, T>;

/// What the two halves have in common.
pub type HalfConnection<T = TcpStream> = ws_async_core::HalfConnection<Tokio, T>;

/// A client that has connected, and whose request is still to be read: [`accept`](Incoming::accept) it, or look at the
/// request before, and perhaps refuse it, with [`accept_with`](Incoming::accept_with). Dropped, it is disconnected.
pub type Incoming<T = TcpStream> = ws_async_core::Incoming<Tokio, T>;

/// Accepts clients on a TCP port. The [crate page](crate) shows a server.
///
/// [`accept`](Listener::accept) only takes the TCP connection; the handshake is done by [`Incoming`], in a task of
/// its own, so that a slow client holds up no other. [`shutdown`](Listener::shutdown) stops it, with all its
/// connections.
pub type Listener = ws_async_core::Listener<Tokio>;

/// A client that stays connected: it reports each phase, sends what is queued as soon as there is a connection, and reconnects
/// when the connection is lost.
///
/// ```no_run
/// use std::time::Duration;
/// use ws_tokio::{Client, ClientEvent, Reconnect};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::builder("ws://127.0.0.1:8080/feed")
///     .header("Cookie", "session=1")
///     .on_open(|_response| ["subscribe trades", "subscribe news"])
///     .ping_interval(Duration::from_secs(55))
///     .reconnect(Reconnect::after(Duration::from_secs(1)))
///     .build()?;
/// while let Some(event) = client.next().await {
///     match event {
///         ClientEvent::Message(message) => println!("received {:?}", message.as_text()),
///         ClientEvent::Error(error) => println!("error: {error}"),
///         // The last event. `None` follows.
///         ClientEvent::GaveUp { reason } => println!("gave up: {reason}"),
///         other => println!("{other:?}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// **Somebody must wait.** Connecting, heartbeat and reconnecting go on while any waiting method of the client or of one of its
/// [`handle`](Client::handle)s is under way: usually [`next`](Client::next), in a loop. While none is,
/// nothing happens.
///
/// **Dropping** it, with all its handles, ends everything at once, without a Close frame.
pub type Client = ws_async_core::Client<Tokio>;

/// Another way to a [`Client`], to send from other tasks. It may be cloned.
pub type Handle = ws_async_core::Handle<Tokio>;

pub use ws_async_core::{
    Accept, AcceptError, AcceptOptions, Backoff, Cause, Chunk, ClientBuilder, ClientError, ClientEvent,
    ClientStats, ClientStatus, CloseCode, CloseFrame, Closed, Config, ConfirmError, ConnectError,
    ConnectOptions, ConnectTimeout, Delivery, DisconnectReason, Error, Event, GiveUp, HandshakeError,
    HeadError, Headers, IllegalClose, Initiator, InvalidClose, InvalidHeader, Message, MessageKind,
    MessageReader, MessageRef, MessageWriter, OpenPhase, OutboxPolicy, PingError, Proxy, ProxyError,
    ProxyStep, ProxyUrlError, Reconnect, RedirectDecision, RedirectRefusal, RedirectRefused, RedirectStep,
    Reject, Rejected, Request, RequestError, Responder, Response, ResponseError, RetryDecision, Role,
    SendError, Socks5Reply, Stats, StreamError, Target, TargetError, Timeout, TlsAcceptor, TlsConfigError,
    TlsConnector, TlsError, Traffic, TransportError, TrustedProxy, TrustedProxyError, Violation,
    ViolationKind,
};
#[cfg(feature = "deflate")]
pub use ws_async_core::{Deflate, InvalidExtension, NegotiatedDeflate};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use ws_async_core::{TlsOptions, rustls};
pub use ws_async_core::{bytes, bytestring, ws_core};
