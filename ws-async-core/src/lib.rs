#![doc = include_str!("../README.md")]

#[doc = include_str!("../ADAPTERS.md")]
pub mod how_to_write_an_adapter {}

mod accept;
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
pub use client::{Client, Handle};
pub use listener::Listener;
pub use runtime::{Io, Resolve, Runtime};
pub use split::{Half, Receiver, Sender};
pub use stream::{MessageReader, MessageWriter};
pub use websocket::WebSocket;

pub use ws_common::system::socket::{AsSocket, BorrowedSocket, SocketOptions, reset_on_close};
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
