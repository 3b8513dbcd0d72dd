#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod close;
mod close_frame;
mod config;
mod connection;
mod deadlines;
#[cfg_attr(not(feature = "deflate"), path = "deflate/disabled.rs")]
mod deflate;
mod error;
mod extensions;
mod first_line;
pub mod frame;
mod growth;
mod handshake;
mod inbound;
mod keepalive;
mod machine;
pub mod mask;
mod message;
mod outbound;
mod random;
mod receive;
#[doc(hidden)]
pub mod redacted;
mod send;
mod send_error;
mod stats;
mod time;
mod token;
#[cfg_attr(not(feature = "tracing"), path = "trace/disabled.rs")]
mod trace;
mod utf8;
mod windows;

pub use close::{CloseCode, CloseFrame, Closed, IllegalClose, Initiator, InvalidClose};
pub use config::Config;
pub use connection::{Connection, DataPoll, ForEachEnd, Responder};
#[cfg(feature = "deflate")]
pub use deflate::{Deflate, NegotiatedDeflate};
pub use error::{Error, Timeout, Violation, ViolationKind};
pub use extensions::InvalidExtension;
pub use first_line::FirstLine;
pub use frame::Role;
pub use handshake::{
    Accept, ClientHandshake, ClientRequest, HandshakeError, Headers, InvalidHeader, Origins, Reject,
    Rejected, Request, RequestError, Response, ResponseError, ServerHandshake,
};
#[doc(hidden)]
pub use handshake::{HeadError, ResponseBody, ResponseHead};
pub use machine::{Direction, Machine, TransportError};
#[cfg(feature = "serde")]
pub use message::JsonError;
pub use message::{Chunk, Event, Message, MessageKind, MessageRef, NotText};
pub use outbound::Outbound;
pub use random::Random;
pub use send_error::{PingError, SendError, StreamError};
pub use stats::{Stats, Traffic};
pub use time::Instant;

pub use {bytes, bytestring};
