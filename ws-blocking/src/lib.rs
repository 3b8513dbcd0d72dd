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
pub use client::{Client, Connected, Handle};
pub use elapsed::Elapsed;
pub use listener::Listener;
pub use messages::Messages;
pub use split::{Receiver, Sender};
pub use stream::{MessageReader, MessageWriter};
pub use transport::Transport;
pub use websocket::WebSocket;

#[doc(inline)]
pub use ws_common::re_exports::*;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use ws_common::rustls;
pub use ws_core::{self, bytes, bytestring};
