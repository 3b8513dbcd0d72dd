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
#[doc(hidden)]
pub use client::user_connector;
pub use client::{Client, Connected, Handle};
pub use listener::Listener;
pub use runtime::{Io, Resolve, Runtime, Spawn};
pub use split::{HalfConnection, Receiver, Sender};
pub use stream::{MessageReader, MessageWriter};
pub use websocket::WebSocket;

#[doc(hidden)]
pub use {futures_core, futures_sink, ws_common};

#[doc(inline)]
pub use ws_common::re_exports::*;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use ws_common::rustls;
pub use ws_common::system::socket::{AsSocket, BorrowedSocket, SocketOptions, reset_on_close};
pub use ws_core::{self, bytes, bytestring};
