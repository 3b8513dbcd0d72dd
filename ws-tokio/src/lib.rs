#![doc = include_str!("../README.md")]

mod message_bytes;
mod resettable;
mod runtime;
mod timer;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

pub use resettable::Resettable;
pub use runtime::Tokio;

ws_async_core::define_adapter! {
    name: "ws_tokio",
    runtime: Tokio,
    stream: TcpStream,
    listener: TcpListener,
    transport: [AsyncRead + AsyncWrite + Unpin + 'static],
    address: [ToSocketAddrs + Send],
}

#[cfg(feature = "serde")]
pub use ws_async_core::JsonError;
pub use ws_async_core::ReuniteError;
#[cfg(all(feature = "encrypted-keys", any(feature = "ring", feature = "aws-lc-rs")))]
pub use ws_async_core::decrypt_key;
pub use ws_async_core::{
    Accept, AcceptError, AcceptOptions, Backoff, Cause, Chunk, ClientBuilder, ClientError, ClientEvent,
    ClientStats, ClientStatus, CloseCode, CloseFrame, Closed, Config, ConfirmError, ConnectError,
    ConnectOptions, ConnectTimeout, Delivery, DisconnectReason, Error, Event, GiveUp, HandshakeError,
    HeadError, Headers, IllegalClose, Initiator, InvalidClose, InvalidHeader, Message, MessageKind,
    MessageRef, NotText, OpenPhase, PingError, Proxy, ProxyError, ProxyStep, ProxyUrlError, Reconnect,
    RedirectDecision, RedirectRefusal, RedirectRefused, RedirectStep, Reject, Rejected, Request,
    RequestError, Responder, Response, ResponseError, RetryDecision, Role, SendError, Socks5Reply, Stats,
    StreamError, Target, TargetError, Timeout, TlsAcceptor, TlsConfigError, TlsConnector, TlsError, Traffic,
    TransportError, TrustedProxy, TrustedProxyError, Violation, ViolationKind,
};
#[cfg(feature = "deflate")]
pub use ws_async_core::{Deflate, InvalidExtension, NegotiatedDeflate};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use ws_async_core::{TlsOptions, rustls};
pub use ws_async_core::{bytes, bytestring, ws_core};
