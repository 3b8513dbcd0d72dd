//! The types that users of an adapter hold. Each is a struct of the adapter's own crate around a type of this one. The macros here define
//! them, so that their methods and their documentation stand in one place for all adapters.

mod client;
mod compression;
mod connected;
mod crates;
mod halves;
mod handle;
mod messages;
mod server;
mod websocket;

use std::future::poll_fn;
use std::pin::Pin;

use crate::operations::Access;

/// A connection, or a half of one, that a `MessageReader` or a `MessageWriter` borrows.
pub trait Streaming {
    /// The type of this crate behind it.
    type Access: Access;
}

/// Makes an opened connection the adapter's own. The future takes no more room than `opening`, which is a box.
pub fn opened<F, C, A, W, E>(mut opening: F, own: impl Fn(C) -> W) -> impl Future<Output = Result<(W, A), E>>
where
    F: Future<Output = Result<(C, A), E>> + Unpin,
{
    poll_fn(move |cx| {
        Pin::new(&mut opening).poll(cx).map_ok(|(connection, answer)| (own(connection), answer))
    })
}

/// Defines the types of an adapter: `WebSocket`, `Sender`, `Receiver`, `MessageReader`, `MessageWriter`, `Listener`, `Incoming`, `Client` and
/// `Handle`, `Connected`. It is called once, at the root of the adapter's crate.
///
/// | Argument | Meaning |
/// | --- | --- |
/// | `name` | the name of the crate, for the examples in the documentation |
/// | `runtime` | the type that implements [`Runtime`](crate::Runtime) and [`Spawn`](crate::Spawn) |
/// | `stream`, `listener` | its [`TcpStream`](crate::Runtime::TcpStream) and [`TcpListener`](crate::Runtime::TcpListener) |
/// | `transport` | the bounds of a transport, for each of which `runtime` implements [`Io`](crate::Io) |
/// | `unix` | the function that connects to a Unix socket by its path, for an example |
/// | `address` | the bounds of an address that `Listener::bind` takes, for each of which `runtime` implements [`Resolve`](crate::Resolve); attributes in front of it are added to `bind` |
///
/// [How to write an adapter](crate::how_to_write_an_adapter) shows a call.
#[macro_export]
macro_rules! define_adapter {
    (
        name: $name:literal,
        runtime: $runtime:ty,
        stream: $stream:ty,
        listener: $listener:ty,
        transport: [$($transport:tt)+],
        unix: $unix:literal,
        $(#[$bind:meta])*
        address: [$($address:tt)+] $(,)?
    ) => {
        #[doc(inline)]
        pub use $crate::ws_common::re_exports::*;

        $crate::define_crates! {}
        $crate::define_websocket! { $name, $runtime, $stream, [$($transport)+] }
        $crate::define_halves! { $runtime, $stream, [$($transport)+] }
        $crate::define_messages! {}
        $crate::define_listener! { $runtime, $listener, [$($address)+], $(#[$bind])* }
        $crate::define_incoming! { $runtime, $stream, [$($transport)+] }
        $crate::define_client! { $name, $runtime, $unix }
        $crate::define_connected! { $name, $runtime, [$($transport)+], $unix }
        $crate::define_handle! { $name, $runtime }
        $crate::define_compression! { [$($transport)+] }
    };
}
