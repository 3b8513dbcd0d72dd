#![doc = include_str!("../README.md")]

mod accept;
mod background;
mod call;
mod client;
mod clock;
#[cfg(feature = "deflate")]
mod compression;
mod connect;
mod driver;
mod elapsed;
mod listener;
mod messages;
mod shared;
mod signal;
mod split;
mod stream;
mod transport;
mod websocket;

pub use accept::Incoming;
pub use client::{Client, Handle};
pub use elapsed::Elapsed;
pub use listener::Listener;
pub use messages::Messages;
pub use split::{Receiver, Sender};
pub use stream::{MessageReader, MessageWriter};
pub use transport::Transport;
pub use websocket::WebSocket;

pub use ws_common::ReuniteError;
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
