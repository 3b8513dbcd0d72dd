//! What tokio gives: its clock, its timers, its resolver, its TCP.

use std::any::Any;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs, lookup_host};
use tokio::time;
use ws_async_core::bytes::BytesMut;
use ws_async_core::{BorrowedSocket, Io, Resolve, Runtime, SocketOptions, Spawn, reset_on_close};

use crate::resettable::Resettable;
use crate::timer::Timer;

/// Stands for tokio in the types of `ws-async-core`.
#[derive(Clone, Copy, Debug)]
pub enum Tokio {}

impl Runtime for Tokio {
    type TcpStream = TcpStream;
    type TcpListener = TcpListener;
    type Sleep = Timer;

    /// As the clock of tokio's tests says, which may stand still.
    fn now() -> Instant {
        time::Instant::now().into_std()
    }

    fn sleep_until(deadline: Instant) -> Self::Sleep {
        Timer::new(deadline)
    }

    fn reset_sleep(sleep: &mut Self::Sleep, deadline: Instant) {
        sleep.reset(deadline);
    }

    async fn connect(address: SocketAddr, options: &SocketOptions) -> io::Result<TcpStream> {
        let socket = options.open(address)?;
        socket.set_nonblocking(true)?;
        TcpSocket::from_std_stream(socket).connect(address).await
    }

    async fn listen(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
        TcpListener::bind(addresses).await
    }

    async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        listener.accept().await
    }

    fn socket(stream: &TcpStream) -> Option<BorrowedSocket<'_>> {
        #[cfg(not(windows))]
        return Some(std::os::fd::AsFd::as_fd(stream));
        #[cfg(windows)]
        return Some(std::os::windows::io::AsSocket::as_socket(stream));
    }

    fn local_addr(stream: &TcpStream) -> io::Result<SocketAddr> {
        stream.local_addr()
    }

    fn listening_addr(listener: &TcpListener) -> io::Result<SocketAddr> {
        listener.local_addr()
    }
}

impl Spawn for Tokio {
    /// Panics outside of a runtime of tokio, as `tokio::spawn` does.
    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(future);
    }
}

/// Whatever tokio reads from and writes to.
impl<T: AsyncRead + AsyncWrite + Unpin + 'static> Io<T> for Tokio {
    fn poll_read(transport: &mut T, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        pin!(transport.read_buf(buffer)).poll(cx)
    }

    fn poll_write(transport: &mut T, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(transport).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        transport: &mut T,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(transport).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(transport: &T) -> bool {
        transport.is_write_vectored()
    }

    fn poll_flush(transport: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(transport).poll_flush(cx)
    }

    fn poll_shutdown(transport: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(transport).poll_shutdown(cx)
    }

    /// A `TcpStream` is reset, whoever has opened it, and so is a [`Resettable`].
    fn reset(transport: T) {
        let mut transport = Some(transport);
        let any: &mut dyn Any = &mut transport;
        if let Some(Some(stream)) = any.downcast_ref::<Option<TcpStream>>() {
            // If it cannot be set, the stream is closed as any other.
            let _ = reset_on_close(stream, true);
        } else if let Some(stream) = any.downcast_mut::<Option<Resettable>>().and_then(Option::take) {
            stream.reset();
        }
    }
}

/// Whatever tokio takes as an address.
impl<A: ToSocketAddrs + Send> Resolve<A> for Tokio {
    async fn resolve(name: A) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host(name).await?.collect())
    }
}
