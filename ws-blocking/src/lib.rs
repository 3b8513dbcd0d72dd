#![doc = include_str!("../README.md")]

mod accept;
mod behind;
mod call;
mod client;
mod clock;
#[cfg(feature = "deflate")]
mod compression;
mod connect;
mod driver;
mod elapsed;
mod line;
mod listener;
mod shared;
mod signal;
mod split;
mod state;
mod stream;
mod transport;
mod waiters;
mod websocket;

pub use accept::Incoming;
pub use client::{Client, Handle};
pub use elapsed::Elapsed;
pub use listener::Listener;
pub use split::{Receiver, Sender};
pub use stream::{MessageReader, MessageWriter};
pub use transport::Transport;
pub use websocket::{Messages, WebSocket};

pub use ws_common::{reconnect::{Backoff, Cause, RetryDecision, DisconnectReason, GiveUp, Reconnect}, session::{ClientBuilder, ClientError, ClientEvent, ConfirmError, Delivery, ClientStats, Status}, proxy::{Proxy, ProxyError, ProxyStep, ProxyUrlError, Socks5Reply}, tls::{TlsAcceptor, TlsConfigError, TlsConnector, TlsError}, AcceptError, AcceptOptions, ConnectError, ConnectOptions, ConnectTimeout, Phase, Target, TargetError};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use ws_common::{tls::TlsOptions, rustls};
pub use ws_core::{self, bytes, bytestring};
pub use ws_core::{
    Accept, TransportError, CloseCode, CloseFrame, Closed, Config, Error, Event, HandshakeError, HeadError, Headers,
    IllegalClose, InvalidClose, InvalidHeader, MessageKind, Message, MessageRef, Chunk, PingError, Reject, Rejected,
    Responder, Request, RequestError, Response, ResponseError, Role, SendError, Initiator, StreamError, Timeout,
    Violation, ViolationKind,
};
#[cfg(feature = "deflate")]
pub use ws_core::{Deflate, InvalidExtension, NegotiatedDeflate};
