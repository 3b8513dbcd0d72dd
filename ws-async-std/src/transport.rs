//! What a connection can go over.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_io::Async;
use futures_io::{AsyncRead, AsyncWrite};
use ws_async_core::{AsSocket, reset_on_close};

/// A stream of bytes that a connection can go over.
///
/// The streams of async-io are transports. Those of smol and of async-std are transports with the feature of that name. Any other stream
/// is put in an [`Other`].
pub trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// Ends the stream that is written; reading goes on. It is how a server ends a connection: the peer waits for it.
    ///
    /// As it is here, it does what `poll_close` does. There are streams of which that does nothing at all.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self).poll_close(cx)
    }

    /// Drops the stream, so that nothing of what it holds reaches the peer any more. It is called for a peer that has missed a
    /// deadline, for an attempt that failed, and when a listener breaks off the connection. TCP is reset.
    ///
    /// The default only drops it. A TCP stream of which the user holds a clone is reset when the last clone is dropped.
    fn reset(self)
    where
        Self: Sized,
    {
    }
}

/// Whatever can be read and written by the traits of `futures-io`, as a [`Transport`]. Closing it must end the stream.
#[derive(Debug)]
pub struct Other<T>(pub T);

impl<T: AsyncRead + AsyncWrite + Unpin> Transport for Other<T> {}

impl Transport for Async<TcpStream> {
    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_ref().shutdown(Shutdown::Write))
    }

    fn reset(self) {
        reset(self);
    }
}

#[cfg(unix)]
impl Transport for Async<std::os::unix::net::UnixStream> {
    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_ref().shutdown(Shutdown::Write))
    }
}

#[cfg(feature = "async-std")]
impl Transport for async_std::net::TcpStream {
    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown(Shutdown::Write))
    }

    fn reset(self) {
        reset(self);
    }
}

#[cfg(all(unix, feature = "async-std"))]
impl Transport for async_std::os::unix::net::UnixStream {
    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown(Shutdown::Write))
    }
}

/// Closing them ends the stream.
#[cfg(feature = "smol")]
impl Transport for async_net::TcpStream {
    fn reset(self) {
        reset(self);
    }
}

#[cfg(all(unix, feature = "smol"))]
impl Transport for async_net::unix::UnixStream {}

fn reset(stream: impl AsSocket) {
    // If it cannot be set, the stream is closed as any other.
    let _ = reset_on_close(&stream, true);
}

impl<T: AsyncRead + Unpin> AsyncRead for Other<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Other<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write_vectored(cx, slices)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_close(cx)
    }
}
