//! A transport of the user's own that can be reset.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream of the user's own, with a way to reset it.
///
/// A connection resets its transport after a deadline that the peer has missed, after a failed attempt, and when a listener breaks it
/// off: nothing of what the transport holds may reach the peer later. A `TcpStream` is reset by the library. Any other stream is only
/// dropped, unless it is in a `Resettable`.
///
/// ```
/// use tokio::net::TcpStream;
/// use ws_tokio::Resettable;
///
/// # fn wrap(stream: TcpStream) -> Resettable {
/// Resettable::new(stream, |stream| {
///     let _ = stream.set_zero_linger();
/// })
/// # }
/// ```
pub struct Resettable {
    stream: Box<dyn ResettableStream>,
}

trait ResettableStream: AsyncRead + AsyncWrite + Send + Unpin {
    fn reset(self: Box<Self>);
}

struct With<T, F> {
    stream: T,
    reset: F,
}

impl Resettable {
    /// `reset` is called with the stream, once at most. It drops the stream so that nothing more leaves.
    pub fn new<T>(stream: T, reset: impl FnOnce(T) + Send + Unpin + 'static) -> Self
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self { stream: Box::new(With { stream, reset }) }
    }

    pub(crate) fn reset(self) {
        self.stream.reset();
    }
}

impl<T, F> ResettableStream for With<T, F>
where
    T: AsyncRead + AsyncWrite + Send + Unpin,
    F: FnOnce(T) + Send + Unpin,
{
    fn reset(self: Box<Self>) {
        let Self { stream, reset } = *self;
        reset(stream);
    }
}

impl<T: AsyncRead + Unpin, F: Unpin> AsyncRead for With<T, F> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin, F: Unpin> AsyncWrite for With<T, F> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Resettable {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for Resettable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resettable")
    }
}
