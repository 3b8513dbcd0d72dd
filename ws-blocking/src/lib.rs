#![doc = include_str!("../README.md")]

mod accept;
mod call;
mod connect;
mod driver;
mod listener;
mod shared;
mod signal;
mod split;
mod state;
mod stream;
mod transport;
mod websocket;

pub use accept::Incoming;
pub use listener::Listener;
pub use split::{Receiver, Sender};
pub use stream::{MessageReader, MessageWriter};
pub use transport::Transport;
pub use websocket::{Messages, WebSocket};

pub use ws_client::{AcceptError, AcceptOptions, ConnectError, ConnectOptions, Phase, Target, TargetError};
pub use ws_core::{
    Accept, CloseCode, CloseFrame, Closed, Config, Error, Event, HandshakeError, Headers, InvalidClose,
    InvalidHeader, Kind, Message, MessageRef, Piece, PingError, Reject, Rejected, Reply, Request, Response,
    Role, SendError, Side, StreamError, Timeout, Violation, ViolationKind,
};
pub use ws_core::{bytes, bytestring};
