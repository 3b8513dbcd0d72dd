//! What differs between runtimes.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Instant;

use ws_common::system::socket::{BorrowedSocket, SocketOptions};
use ws_core::bytes::BytesMut;

/// What a runtime gives this library: a clock, timers, names and TCP. It is implemented by a type that stands for the runtime,
/// and of which there is no value.
///
/// None of its futures may need to be polled to its end: any may be dropped at any await.
pub trait Runtime: Io<<Self as Runtime>::TcpStream> + Resolve<(String, u16)> + Sized + 'static {
    /// A TCP connection. Dropped, it is closed.
    type TcpStream: Send;
    /// A TCP listener.
    type TcpListener;
    /// A timer. What it yields does not matter.
    type Sleep: Future + Unpin + Send;

    /// What the clock says.
    fn now() -> Instant;

    /// Sets up a timer that fires at `deadline`. It is polled only by a task of the runtime.
    fn sleep_until(deadline: Instant) -> Self::Sleep;

    /// Sets a timer anew, whether or not it has fired.
    fn reset_sleep(sleep: &mut Self::Sleep, deadline: Instant);

    /// Connects to `address`, by a socket that [`SocketOptions::open`] makes.
    fn connect(
        address: SocketAddr,
        options: &SocketOptions,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send;

    /// Listens on the first of these addresses that is free.
    fn listen(addresses: &[SocketAddr]) -> impl Future<Output = io::Result<Self::TcpListener>> + Send;

    /// The next connection that a listener takes, and the address of its peer.
    fn accept(
        listener: &Self::TcpListener,
    ) -> impl Future<Output = io::Result<(Self::TcpStream, SocketAddr)>> + Send;

    /// The socket of a connection, to set options on it. `None` if the runtime's connections have no sockets of the system.
    fn socket(stream: &Self::TcpStream) -> Option<BorrowedSocket<'_>>;

    /// The local address of a connection.
    fn local_addr(stream: &Self::TcpStream) -> io::Result<SocketAddr>;

    /// The address that a listener listens on.
    fn listening_addr(listener: &Self::TcpListener) -> io::Result<SocketAddr>;
}

/// A runtime that runs tasks, for clients in the background.
pub trait Spawn: Runtime {
    /// Runs a future to its end in a task of its own.
    fn spawn(future: impl Future<Output = ()> + Send + 'static);
}

/// How a runtime moves bytes over a transport of type `T`: in most cases, one implementation for all that are its `AsyncRead`
/// and `AsyncWrite`.
pub trait Io<T> {
    /// Appends to `buffer` what can be read, at most what its spare capacity holds, which is not empty. Says how many bytes
    /// that is; 0 is the end of the stream.
    fn poll_read(transport: &mut T, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>>;

    /// Writes a part of `bytes`, which are not empty.
    fn poll_write(transport: &mut T, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Writes a part of several slices, as if they were one.
    fn poll_write_vectored(
        transport: &mut T,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Whether [`poll_write_vectored`](Self::poll_write_vectored) writes more than one slice at once.
    fn is_write_vectored(transport: &T) -> bool;

    /// Lets what was written leave.
    fn poll_flush(transport: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends the stream that is written. Reading goes on.
    fn poll_shutdown(transport: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Drops the transport, so that nothing of what it holds reaches the peer any more: TCP is reset. The default only drops it.
    fn reset(transport: T) {
        drop(transport);
    }
}

/// What a runtime takes as a name for one or several addresses, such as a host and a port.
pub trait Resolve<A> {
    /// Resolves it, without blocking the thread.
    fn resolve(name: A) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}
