#![doc = include_str!("../README.md")]

mod message_bytes;
mod resettable;
mod runtime;
mod timer;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

pub use resettable::Resettable;
pub use runtime::Tokio;

ws_async_core::define_adapter! {
    name: "ws_tokio",
    runtime: Tokio,
    stream: TcpStream,
    listener: TcpListener,
    transport: [AsyncRead + AsyncWrite + Unpin + 'static],
    unix: "tokio::net::UnixStream::connect",
    address: [ToSocketAddrs + Send],
}
