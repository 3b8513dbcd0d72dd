#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod close;
mod config;
mod connection;
#[cfg_attr(not(feature = "deflate"), path = "deflate/absent.rs")]
mod deflate;
mod error;
pub mod frame;
mod handshake;
mod keepalive;
mod machine;
pub mod mask;
mod message;
mod outbound;
mod random;
mod receive;
mod send;
mod time;
#[cfg_attr(not(feature = "tracing"), path = "trace/absent.rs")]
mod trace;
mod utf8;

pub use close::{CloseCode, CloseFrame, Closed, IllegalClose, Initiator, InvalidClose};
pub use config::Config;
pub use connection::{Connection, DataPoll, ForEachEnd, Responder};
#[cfg(feature = "deflate")]
pub use deflate::{Deflate, NegotiatedDeflate};
pub use error::{Error, PingError, SendError, StreamError, Timeout, Violation, ViolationKind};
pub use frame::Role;
pub use handshake::{
    Accept, ClientHandshake, ClientRequest, HandshakeError, Headers, InvalidExtension, InvalidHeader, Reject,
    Rejected, Request, RequestError, Response, ResponseError, ServerHandshake,
};
#[doc(hidden)]
pub use handshake::{HeadError, ResponseHead};
pub use machine::{Direction, Machine, TransportError};
pub use message::{Chunk, Event, Message, MessageKind, MessageRef};
pub use outbound::Outbound;
pub use random::Random;
pub use time::Instant;

pub use {bytes, bytestring};
