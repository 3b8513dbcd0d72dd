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
mod messages;
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
pub use messages::Messages;
pub use split::{Receiver, Sender};
pub use stream::{MessageReader, MessageWriter};
pub use transport::Transport;
pub use websocket::WebSocket;

pub use ws_client::{
    AcceptError, AcceptOptions, Backoff, Cause, ClientBuilder, ClientError, ClientEvent, ClientStats,
    ConfirmError, ConnectError, ConnectOptions, ConnectTimeout, Decision, Delivery, End, GiveUp, Phase,
    Proxy, ProxyError, ProxyStep, ProxyUrlError, Reconnect, Socks5Reply, Status, Target, TargetError,
    TlsAcceptor, TlsConfigError, TlsConnector, TlsError,
};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use ws_client::{TlsOptions, rustls};
pub use ws_core::{self, bytes, bytestring};
pub use ws_core::{
    Accept, Broken, CloseCode, CloseFrame, Closed, Config, Error, Event, HandshakeError, HeadError, Headers,
    IllegalClose, InvalidClose, InvalidHeader, Kind, Message, MessageRef, Piece, PingError, Reject, Rejected,
    Reply, Request, RequestError, Response, ResponseError, Role, SendError, Side, Stats, StreamError,
    Timeout, Traffic, Violation, ViolationKind,
};
#[cfg(feature = "deflate")]
pub use ws_core::{Deflate, InvalidExtension, NegotiatedDeflate};
