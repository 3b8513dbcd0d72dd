#![doc = include_str!("../README.md")]

mod message_bytes;
mod runtime;
mod spawn;
mod transport;

use std::net::ToSocketAddrs;

pub use async_io;
pub use runtime::AsyncIo;
pub use transport::{Other, Transport};

/// The TCP stream of async-io: what a connection goes over unless something else is said.
pub type TcpStream = async_io::Async<std::net::TcpStream>;

ws_async_core::define_adapter! {
    name: "ws_async_std",
    runtime: AsyncIo,
    stream: TcpStream,
    listener: async_io::Async<std::net::TcpListener>,
    transport: [Transport],
    unix: "ws_async_std::async_io::Async::<std::os::unix::net::UnixStream>::connect",
    ///
    /// A thread resolves the address, as the standard library does. A text that is borrowed must be made one's own before.
    ///
    /// ```
    /// use ws_async_std::Listener;
    ///
    /// async fn listen(address: &str) -> std::io::Result<Listener> {
    ///     Listener::bind(address.to_owned()).await
    /// }
    /// # assert!(ws_async_std::async_io::block_on(listen("127.0.0.1:0")).is_ok());
    /// ```
    address: [ToSocketAddrs + Send + 'static],
}
