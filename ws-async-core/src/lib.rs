#![doc = include_str!("../README.md")]

#[doc = include_str!("../ADAPTERS.md")]
pub mod how_to_write_an_adapter {}

mod accept;
mod adapter;
mod client;
mod clock;
#[cfg(feature = "deflate")]
mod compression;
mod connect;
mod driver;
mod listener;
mod operations;
mod runtime;
mod shared;
mod signal;
mod slots;
mod socket;
mod split;
mod stream;
mod transfer;
mod wake_list;
mod wakers;
mod websocket;

pub use accept::Incoming;
#[doc(hidden)]
pub use adapter::{Streaming, opened};
pub use client::{Client, Handle};
pub use listener::Listener;
pub use runtime::{Io, Resolve, Runtime, Spawn};
pub use split::{HalfConnection, Receiver, Sender};
pub use stream::{MessageReader, MessageWriter};
pub use websocket::WebSocket;

#[doc(hidden)]
pub use {futures_core, futures_sink, ws_common};

pub use ws_common::ReuniteError;
pub use ws_common::system::socket::{AsSocket, BorrowedSocket, SocketOptions, reset_on_close};
#[cfg(all(feature = "encrypted-keys", any(feature = "ring", feature = "aws-lc-rs")))]
pub use ws_common::tls::decrypt_key;
pub use ws_common::{
    AcceptError, AcceptOptions, ConnectError, ConnectOptions, ConnectTimeout, OpenPhase, Target, TargetError,
    TrustedProxy, TrustedProxyError,
    proxy::{Proxy, ProxyError, ProxyStep, ProxyUrlError, Socks5Reply},
    reconnect::{Backoff, Cause, DisconnectReason, GiveUp, Reconnect, RetryDecision},
    redirect::{RedirectDecision, RedirectRefusal, RedirectRefused, RedirectStep},
    session::{ClientBuilder, ClientError, ClientEvent, ClientStats, ClientStatus, ConfirmError, Delivery},
    tls::{TlsAcceptor, TlsConfigError, TlsConnector, TlsError},
};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use ws_common::{rustls, tls::TlsOptions};
#[cfg(feature = "serde")]
pub use ws_core::JsonError;
pub use ws_core::{self, bytes, bytestring};
pub use ws_core::{
    Accept, Chunk, CloseCode, CloseFrame, Closed, Config, Error, Event, HandshakeError, HeadError, Headers,
    IllegalClose, Initiator, InvalidClose, InvalidHeader, Message, MessageKind, MessageRef, NotText,
    PingError, Reject, Rejected, Request, RequestError, Responder, Response, ResponseError, Role, SendError,
    Stats, StreamError, Timeout, Traffic, TransportError, Violation, ViolationKind,
};
#[cfg(feature = "deflate")]
pub use ws_core::{Deflate, InvalidExtension, NegotiatedDeflate};
