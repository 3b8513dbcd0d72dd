#![doc = include_str!("../README.md")]

mod message_bytes;
mod runtime;
mod transport;

use std::net::ToSocketAddrs;

pub use async_io;
pub use runtime::AsyncIo;
pub use transport::{Other, Transport};

/// The TCP stream of async-io: what a connection goes over unless something else is said.
pub type TcpStream = async_io::Async<std::net::TcpStream>;

ws_async_core::define_adapter! {
    name: "ws_async_std",
    runtime: AsyncIo,
    stream: TcpStream,
    listener: async_io::Async<std::net::TcpListener>,
    transport: [Transport],
    ///
    /// A thread resolves the address, as the standard library does. A text that is borrowed must be made one's own before.
    ///
    /// ```
    /// use ws_async_std::Listener;
    ///
    /// async fn listen(address: &str) -> std::io::Result<Listener> {
    ///     Listener::bind(address.to_owned()).await
    /// }
    /// # assert!(ws_async_std::async_io::block_on(listen("127.0.0.1:0")).is_ok());
    /// ```
    address: [ToSocketAddrs + Send + 'static],
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
